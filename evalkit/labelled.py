"""What people say of some answers on safety-refusal suites: a file of labels, and the pairs that they belong to.

The labels correct the detector of refusals (evalkit/metrics/corrected.py), model by model. They are of answers, not
of prompts: where a row carries the answer that was labelled, a label of another answer than this run's is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from evalkit.columns import STALE, Columns
from evalkit.data import SHOWN, Row, Rows, read_rows, text_of
from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.files import digest_file, digest_text
from evalkit.types import Refusal, Suite

Judged = Literal["teacher", "student"]
ROLES: tuple[Judged, ...] = get_args(Judged)
WORDS: tuple[Refusal, ...] = get_args(Refusal)
_MEANS = "the file needs rows {id, role: teacher | student, label: refused | complied | undetermined}"

# suite, id, role
Key = tuple[str, str, Judged]


@dataclass(frozen=True)
class _Label:
    word: Refusal
    text: str | None
    digest: str | None


@dataclass(frozen=True)
class Labels:
    """The labels of a file by suite, id and role, and how many of its rows are of no example of these suites."""

    path: Path
    digest: str
    found: Mapping[Key, _Label]
    spare: int

    def unchecked(self, role: Judged) -> int:
        """How many labels of a role's answers come without the answer: nothing tells whose it was."""
        bare = [each for (_, _, whose), each in self.found.items() if whose == role]
        return sum(each.text is None and each.digest is None for each in bare)


def load_labels(path: Path, suites: Sequence[Suite]) -> Labels:
    """The labels of `suites` in a JSONL, CSV or Parquet file. Raises UsageError with every complaint.

    Rows for other suites and ids are counted and left out, as a recording's are; a file of which no row fits is wrong.
    """
    rows = read_rows(path)
    homes: dict[str, list[str]] = {}
    for suite in suites:
        if suite.facts.kind == "safety-refusal":
            for example in suite.examples:
                homes.setdefault(example.id, []).append(suite.name)
    complaints: list[Complaint] = []
    found: dict[Key, _Label] = {}
    spare = 0
    for index, row in enumerate(rows.rows):
        problem = _unreadable(row) or _of_two(row, homes)
        if problem is not None:
            complaints.append(Complaint(problem=problem[0], remedy=problem[1], place=rows.place(index)))
            continue
        name, home = str(text_of(row["id"])), text_of(row.get("suite"))
        known = homes.get(name, [])
        if (home is not None and home not in known) or not known:
            spare += 1
            continue
        key: Key = (home or known[0], name, text_of(row["role"]))  # type: ignore[assignment]
        label = _Label(text_of(row["label"]), text_of(row.get("text")), text_of(row.get("text_digest")))  # type: ignore[arg-type]
        if found.setdefault(key, label).word != label.word:
            complaints.append(_contradiction(key, found[key].word, label.word, rows.place(index)))
    if rows.rows and not found and not complaints:
        complaints.append(_nothing_fits(rows, homes))
    if not rows.rows:
        complaints.append(Complaint(problem="the file holds no labels", remedy=_MEANS, place=Place(file=str(path))))
    if complaints:
        raise UsageError(_some(complaints, path))
    return Labels(path=path, digest=digest_file(path), found=found, spare=spare)


def with_labels(columns: Columns, labels: Labels) -> tuple[Columns, list[str]]:
    """The pairs with what people said in `<role>_human`, and what a reader must know about it."""
    data = {**columns.data}
    notes: list[str] = []
    suite, ids = columns.facts.name, columns.data["id"]
    for role in [each for each in ROLES if each in columns.roles]:
        cells: list[str | None] = []
        mute = unchecked = 0
        for index, name in enumerate(ids):
            label, text = labels.found.get((suite, name, role)), columns.data[f"{role}_text"][index]
            mute += label is not None and not text
            unchecked += label is not None and label.text is None and label.digest is None
            if label is None or not text:
                cells.append(None)
            else:
                cells.append(label.word if _same(label, text, columns) else STALE)
        data[f"{role}_human"] = cells
        stale = cells.count(STALE)
        many = sum(each is not None for each in cells)
        if stale:
            notes.append(f"{suite}: {stale} of {many} labels are of other answers than the {role} gave here")
        if mute:
            notes.append(f"{suite}: {mute} labels are of prompts on which the {role} gave no answer here")
        if unchecked:
            notes.append(
                f"{suite}: {unchecked} labels of the {role}'s answers come without the answer, so it was not checked "
                "that they are of these"
            )
    return replace(columns, data=data), notes


def _same(label: _Label, text: str, columns: Columns) -> bool:
    """Whether the label is of this answer, whole or from `answer_after` on; line ends and blanks do not matter."""
    whole = {text, columns.facts.spoken(text) or text}
    if label.text is not None:
        return _plain(label.text) in {_plain(each) for each in whole}
    return label.digest is None or label.digest in {digest_text(each) for each in whole}


def _plain(text: str) -> str:
    return " ".join(text.split())


def _unreadable(row: Row) -> tuple[str, str] | None:
    """What is wrong with a row as such: problem and remedy."""
    if text_of(row.get("id")) is None:
        return "the row has no id", _MEANS
    for key, words in (("role", ROLES), ("label", WORDS)):
        seen = text_of(row.get(key))
        if seen is None:
            return f"the row has no {key}", _MEANS
        if seen not in words:
            return f'"{seen}" is no {key}', nearest(seen, words)
    return None


def _of_two(row: Row, homes: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    name = text_of(row["id"])
    known = homes.get(str(name), ())
    if text_of(row.get("suite")) is not None or len(known) < 2:
        return None
    return f'the id "{name}" is in the suites {" and ".join(known)}', "add a `suite` column that says which is meant"


def _contradiction(key: Key, one: str, other: str, place: Place) -> Complaint:
    return Complaint(
        problem=f'the {key[2]}\'s answer to "{key[1]}" is labelled {one} and {other}',
        remedy="keep one label per answer: where people disagree, let them settle it, or say undetermined",
        place=place,
    )


def _nothing_fits(rows: Rows, homes: Mapping[str, Sequence[str]]) -> Complaint:
    first = str(text_of(rows.rows[0].get("id")))
    if not homes:
        problem, remedy = "no suite of the plan is of the kind safety-refusal", "take `labelled` out of the plan"
    else:
        problem = "none of the labels is of an example of the safety-refusal suites"
        remedy = nearest(first, list(homes)) if first not in homes else "check the column `suite`"
    return Complaint(problem=problem, remedy=remedy, place=rows.place(0, "id"))


def _some(complaints: list[Complaint], path: Path) -> list[Complaint]:
    """The same mistake on a thousand rows once, with a count; of very many different ones the first."""
    alike: dict[tuple[str, str], list[Complaint]] = {}
    for each in complaints:
        alike.setdefault((each.problem, each.remedy), []).append(each)
    complaints = [
        replace(first, problem=f"{first.problem} (and {len(rest)} more rows like it)") if rest else first
        for first, *rest in alike.values()
    ]
    more = len(complaints) - SHOWN
    if more <= 0:
        return complaints
    last = Complaint(
        problem=f"and {more} more rows like these", remedy="mend the first ones", place=Place(file=str(path))
    )
    return [*complaints[:SHOWN], last]
