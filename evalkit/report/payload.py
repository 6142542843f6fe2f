"""The examples as the page carries them: one compressed index of all, and their texts in compressed blocks.

The page's script reads the index at once and a block when one of its texts is wanted. Every text has been through the
sanitiser, so the script only ever inserts text. What is held is said in the index: `n` examples of `total`, the first
`changed` of which changed; there are texts of as many of the first as there are blocks. Where a suite has but few
different answers, its targets and answers are in the index too, so that the script finds them without unpacking a text.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from evalkit.report.examples import outcome_changed
from evalkit.report.origin import items, text
from evalkit.report.text import visible
from evalkit.types import Pair, Scored
from evalkit.types.record import RunRecord

# Bytes of the page that examples may take, as they stand in it. A page of 12 MB still opens within a second.
MOST_BYTES = 11_000_000
BLOCK = 500
# No reader reads more of one text; a line of a megabyte must not make the page one.
TEXT_LIMIT = 20_000
NAME_LIMIT = 500
# Of a suite's entry in the manifest: what a suite made of some of its examples is written with.
_SAID_AGAIN = (
    *("version", "n", "scorer", "settings", "labels", "choose_by", "answer_after", "samples", "slice_names"),
    *("digest", "path"),
)
LEAD_LIMIT = 2_000
# A suite has labels where its targets and answers are so few and so short.
MOST_LABELS, LABEL_LIMIT = 500, 100
# In a block: this text is the example's answer, or the teacher's text, once more.
SAME_AS_ANSWER, SAME_AS_TEACHER = 0, 1


def blocks(record: RunRecord, most: int = MOST_BYTES) -> Iterator[tuple[str, str]]:
    """("index", …) and then ("texts", …) as often as it takes, each zlib-compressed JSON in base64.

    The index comes first, and whole; texts follow in the order of the pairs until `most` bytes are spent.
    """
    labelled = _labelled(record.pairs)
    index = _packed(_index(record, labelled))
    yield "index", index
    spent = len(index)
    for start in range(0, len(record.pairs), BLOCK):
        block = _packed(_texts(record.pairs[start : start + BLOCK], labelled))
        spent += len(block)
        if spent > most:
            break
        yield "texts", block


def _labelled(pairs: Sequence[Pair]) -> frozenset[str]:
    """The suites in which few and short targets and answers recur."""
    found: dict[str, set[str]] = {pair.suite: set() for pair in pairs}
    for pair in pairs:
        said = found[pair.suite]
        if len(said) <= MOST_LABELS:
            said.update(each for each in (pair.target, *(side.answer for side in _sides(pair))) if each is not None)
    return frozenset(
        suite
        for suite, said in found.items()
        if len(said) <= MOST_LABELS and max(map(len, said), default=0) <= LABEL_LIMIT
    )


def _sides(pair: Pair) -> list[Scored]:
    return [side for side in (pair.teacher, pair.student, pair.champion) if side is not None]


def _packed(value: Any) -> str:
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(raw.encode("utf-8"), 9)).decode("ascii")


def _index(record: RunRecord, labelled: Collection[str]) -> dict[str, Any]:
    """Columns of all pairs. A column of few values is `{values, codes}`; one that is null throughout is left out."""
    pairs = record.pairs
    names = [*dict.fromkeys(pair.suite for pair in pairs)]
    known = {text(each, "name"): each for each in items(record.manifest, "suites")}
    roles = [role for role in ("teacher", "student", "champion") if any(getattr(pair, role) for pair in pairs)]
    slices = sorted({name for pair in pairs for name in pair.slices})
    leads = _leads(pairs)
    place = {name: at for at, name in enumerate(names)}
    return {
        "schema": "evalkit/examples/v1",
        "n": len(pairs),
        "changed": min(record.changed, len(pairs)),
        "changed_of_all": record.changed,
        "total": record.pairs_total,
        "run": visible(text(record.manifest, "run_id"), 200),
        "block": BLOCK,
        "suites": [
            {**_suite(name, known.get(name)), "labels": name in labelled, "lead": leads[name]} for name in names
        ],
        "roles": roles,
        "suite": [place[pair.suite] for pair in pairs],
        "id": _ids(pairs),
        "flip": _coded(pair.flip for pair in pairs),
        "severity": _coded(pair.severity for pair in pairs),
        "slices": {
            shown: _coded(pair.slices.get(name) for pair in pairs)
            for shown, name in zip(_names(slices), slices, strict=True)
        },
        **_present(
            target=_coded(pair.target if pair.suite in labelled else None for pair in pairs),
            expect=_coded(pair.expect for pair in pairs),
            group=_coded(pair.group for pair in pairs),
            unstable=[int(pair.unstable) for pair in pairs],
            outcome_changed=[int(outcome_changed(pair)) for pair in pairs],
            answer_changed=[int(_changed(pair, "answer")) for pair in pairs],
            text_changed=[int(_changed(pair, "text") or _changed(pair, "answer")) for pair in pairs],
        ),
        "sides": {role: _side([(getattr(pair, role), pair.suite in labelled) for pair in pairs]) for role in roles},
    }


def _leads(pairs: Sequence[Pair]) -> dict[str, int]:
    """By suite, how many characters of whole lines all its inputs begin with: the instructions, as a rule."""
    shared: dict[str, list[str]] = {}
    for pair in pairs:
        lines = pair.input[:LEAD_LIMIT].split("\n")[:-1]
        both = zip(shared.get(pair.suite, lines), lines, strict=False)
        shared[pair.suite] = [one for one, _ in takewhile(lambda each: each[0] == each[1], both)]
    found = Counter(pair.suite for pair in pairs)
    return {
        suite: 0 if found[suite] == 1 else sum(len(visible(line)) + 1 for line in lines)
        for suite, lines in shared.items()
    }


def _suite(name: str, listed: Mapping[str, Any] | None) -> dict[str, Any]:
    """A suite that the manifest does not list may be anything: only what is known to be harmless opens unasked."""
    kind = text(listed, "kind") if listed is not None else ""
    task = text(listed, "task") if listed is not None else ""
    sensitive = kind not in ("gold", "edge-case")
    named = {"name": visible(name, 500), "kind": visible(kind, 100), "task": visible(task, 100), "sensitive": sensitive}
    return named | ({} if listed is None else {"listed": _listed(listed)})


def _listed(listed: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of a suite and a suite made of some of its examples would say again."""
    kept = {key: listed[key] for key in _SAID_AGAIN if listed.get(key) not in (None, [], {}, False)}
    shown: dict[str, Any] = _seen(kept)
    return shown


def _seen(value: Any) -> Any:
    """JSON data with every text in it made visible."""
    if isinstance(value, str):
        return visible(value, TEXT_LIMIT)
    if isinstance(value, Mapping):
        return {visible(str(key), 500): _seen(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_seen(each) for each in value]
    return value if value is None or isinstance(value, bool | int) or _finite(value) else visible(str(value), 500)


def _finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _changed(pair: Pair, what: str) -> bool:
    return pair.teacher is not None and getattr(pair.teacher, what) != getattr(pair.student, what)


def _side(sides: Sequence[tuple[Scored | None, bool]]) -> dict[str, Any]:
    """One model's columns, from its sides and whether their answers are labels; correct is 1, 0 or null."""

    def column(of: Callable[[Scored], Any]) -> list[Any]:
        return [None if side is None else of(side) for side, _ in sides]

    return _present(
        answer=_coded(None if side is None or not labels else side.answer for side, labels in sides),
        status=_coded(column(lambda side: side.status)),
        refused=_coded(column(lambda side: side.refused)),
        correct=column(lambda side: None if side.correct is None else int(side.correct)),
        unparsable=column(lambda side: int(side.unparsable)),
        confidence=column(lambda side: _short(side.confidence)),
        target_confidence=column(lambda side: _short(side.target_confidence)),
        marks=column(lambda side: _short(side.marks)),
        latency=column(lambda side: _short(side.latency_s)),
        tokens=column(lambda side: side.tokens_out),
    )


def _present(**columns: Any) -> dict[str, Any]:
    """The columns in which there is anything."""

    def holds(column: Any) -> bool:
        values = column["values"] if isinstance(column, dict) else column
        return any(each not in (None, 0) for each in values) or any(each == 0 and each is not None for each in values)

    return {name: column for name, column in columns.items() if holds(column)}


def _coded(values: Iterable[str | None]) -> dict[str, Any]:
    found: dict[str | None, int] = {}
    codes = [found.setdefault(value, len(found)) for value in values]
    names = iter(_names([value for value in found if value is not None]))
    return {"values": [None if value is None else next(names) for value in found], "codes": codes}


def _ids(pairs: Sequence[Pair]) -> list[str]:
    """Ids as the page shows them, each another within its suite: an example is found by its suite and id."""
    rows: dict[str, list[int]] = {}
    for row, pair in enumerate(pairs):
        rows.setdefault(pair.suite, []).append(row)
    found = [""] * len(pairs)
    for own in rows.values():
        for row, shown in zip(own, _names([pairs[row].id for row in own]), strict=True):
            found[row] = shown
    return found


def _names(values: Sequence[str]) -> list[str]:
    """Different names as the page shows them. Those that would look the same, such as two that begin alike for very
    long, are numbered from the second on."""
    taken: set[str] = set()
    shown = []
    for value in values:
        name = plain = visible(value, NAME_LIMIT)
        number = 1
        while name in taken:
            number += 1
            name = f"{plain} [{number}]"
        taken.add(name)
        shown.append(name)
    return shown


def _short(value: float | None) -> float | None:
    """Seven digits, but never the end of a range that it is not: what is below 1 must not be found at 1."""
    if value is None:
        return None
    short = float(f"{value:.7g}")
    return value if short in (0.0, 1.0) else short


def _texts(pairs: Sequence[Pair], labelled: Collection[str]) -> dict[str, Any]:
    """Columns of a block; targets and answers that are in the index are not here again."""
    roles = [role for role in ("teacher", "student", "champion") if any(getattr(pair, role) for pair in pairs)]
    return {
        "input": [_shown(pair.input) for pair in pairs],
        "target": [None if pair.suite in labelled else _shown(pair.target) for pair in pairs],
        **_present(choices=[[_shown(each) for each in pair.choices] or None for pair in pairs]),
        "sides": {role: _said([(getattr(pair, role), pair) for pair in pairs], role, labelled) for role in roles},
    }


def _said(sides: Sequence[tuple[Scored | None, Pair]], role: str, labelled: Collection[str]) -> dict[str, Any]:
    def column(of: Callable[[Scored], str | None]) -> list[Any]:
        return [None if side is None else _shown(of(side)) for side, _ in sides]

    return _present(
        answer=[None if side is None or pair.suite in labelled else _shown(side.answer) for side, pair in sides],
        text=[None if side is None else _text(side, pair, role) for side, pair in sides],
        reasoning=column(lambda side: side.reasoning),
        why=column(lambda side: side.why or None),
        error=column(lambda side: side.error),
    )


def _text(side: Scored, pair: Pair, role: str) -> str | int | None:
    if side.text is not None and side.text == side.answer:
        return SAME_AS_ANSWER
    if role != "teacher" and side.text is not None and pair.teacher is not None and side.text == pair.teacher.text:
        return SAME_AS_TEACHER
    return _shown(side.text)


def _shown(value: str | None) -> str | None:
    return None if value is None else visible(value, TEXT_LIMIT)
