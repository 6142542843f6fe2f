"""The first screen below the verdict: which models, what went wrong with their answers, what is open, what to look at.

Teacher and student are never added up: every count stands beside the model that it is of.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit import figures
from evalkit.report import origin
from evalkit.report.examples import outcome_changed
from evalkit.report.query import href
from evalkit.report.sections.whole import models
from evalkit.report.view import View
from evalkit.types import ERRORED, Estimate, Scored
from evalkit.types.record import RunRecord

ROLES = ("student", "teacher", "champion")
POOR = {
    "errored": "outputs.error_rate",
    "empty": "outputs.empty_rate",
    "truncated": "outputs.truncated_rate",
    "unparsable": "outputs.unparsable_rate",
}
_DIGEST = 12
# Reasons why there is no result that the banner says itself.
LEAD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many answers of `of` went one way; `some` None where nobody counted."""

    some: int | None
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of the run: what it is, and by word how many of its answers were none that can be judged."""

    role: str
    name: str
    what: str
    digest: str
    poor: tuple[tuple[str, Count], ...]
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """A blocking criterion that keeps the verdict inconclusive, where it applies, and what would settle it."""

    id: str
    place: str
    settles: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """`changed` is the number of examples whose outcome differs, `link` the list of them; `doubts` are sentences that
    question the run as a whole; `lead` is why there is no result, where there is none."""

    models: tuple[Model, ...]
    suites: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    doubts: tuple[str, ...]
    lead: tuple[str, ...]
    unsettled: tuple[Unsettled, ...]
    changed: int
    total: int
    link: str

    @property
    def counted(self) -> bool:
        """Whether any model's poor answers were counted."""
        return any(count.some is not None for model in self.models for _, count in model.poor)


def banner(view: View, record: RunRecord) -> Banner:
    """What stands around the verdict. A run without a result shows no number of an answer."""
    changed = sum(map(outcome_changed, record.pairs)) if view.measured else 0
    return Banner(
        models=tuple(_models(view, record)),
        suites=tuple(_suites(record)),
        facts=tuple((label, value) for label, value in _facts(view, record) if value),
        doubts=(*same_weights(models(record)), *(each for each in view.reasons if each.rstrip().endswith("?"))),
        lead=() if view.measured else view.reasons[:LEAD],
        unsettled=tuple(_unsettled(view)),
        changed=changed,
        total=record.pairs_total,
        link=href({"changed": "outcome"}) if changed else "",
    )


def _models(view: View, record: RunRecord) -> Iterator[Model]:
    known = models(record)
    for role in ROLES:
        if role not in known and (role == "champion" or (role == "teacher" and not view.teacher)):
            continue
        facts = known.get(role, {})
        poor = tuple(_poor(record, role)) if view.measured else ()
        yield Model(
            role=role,
            name=origin.model_name(record, role),
            what=_what(facts),
            digest=short(origin.text(facts, "weights_digest") or origin.text(facts, "digest")),
            poor=poor,
            answers=max((count.of for _, count in poor), default=0),
        )


def _what(facts: Mapping[str, Any]) -> str:
    """`transformers · float32, 4-bit GPTQ · cpu · 66,955,010 parameters · 48.1 MB`, as far as it is known.

    Of a model that is compressed on loading both sizes are said: that of its files is not what is served."""
    said = [origin.text(facts, "backend"), origin.kept(facts), origin.text(facts, "device")]
    if (parameters := _whole(facts, "parameters")) is not None:
        said.append(f"{figures.count(parameters)} parameters")
    files, loaded = _whole(facts, "bytes"), _whole(facts, "loaded_bytes") if facts.get("quantization") else None
    if loaded is not None:
        said.append(f"{figures.number(loaded, 'bytes')} loaded")
    if files is not None:
        said.append(figures.number(files, "bytes") + (" of files" if loaded is not None else ""))
    return " · ".join(filter(None, said))


def _whole(facts: Mapping[str, Any], key: str) -> int | None:
    found = facts.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _poor(record: RunRecord, role: str) -> Iterator[tuple[str, Count]]:
    """Poor answers of one model over all suites, as its rates have them; a champion's, which has no rates, as its
    answers have them, where every example is at hand."""
    if role == "champion":
        sides = [pair.champion for pair in record.pairs if pair.champion is not None]
        whole = len(record.pairs) == record.pairs_total
        for word in POOR:
            yield word, Count(some=sum(_is(word, side) for side in sides) if whole else None, of=len(sides))
        return
    for word, metric in POOR.items():
        rates = [
            (row.measured, _samples(record, row.question.suite))
            for row in record.results
            if row.question.metric == f"{metric}.{role}"
            and row.question.versus == "teacher"
            and row.question.slice is None
            and not row.question.where
            and isinstance(row.measured, Estimate)
        ]
        of = sum(rate.n * samples for rate, samples in rates)
        some = sum(round(rate.value * rate.n * samples) for rate, samples in rates)
        yield word, Count(some=some if rates else None, of=of)


def _is(word: str, side: Scored) -> bool:
    if word == "errored":
        return side.status in ERRORED
    return side.unparsable and side.status not in ERRORED if word == "unparsable" else side.status == word


def _samples(record: RunRecord, suite: str | None) -> int:
    """How many answers each example of a suite has."""
    for each in origin.items(record.manifest, "suites"):
        samples = each.get("samples")
        if each.get("name") == suite and isinstance(samples, int):
            return max(1, samples)
    return 1


def _suites(record: RunRecord) -> Iterator[tuple[str, str]]:
    for each in origin.items(record.manifest, "suites"):
        n = each.get("n")
        many = figures.count(n) if isinstance(n, int) else origin.text(each, "n")
        about = [f"{many} examples" if many else "", *(origin.text(each, key) for key in ("kind", "task"))]
        yield origin.text(each, "name"), ", ".join(filter(None, about))


def _facts(view: View, record: RunRecord) -> Iterator[tuple[str, str]]:
    found = record.manifest
    digest = short(origin.text(found, "policy", "digest"))
    level = view.level
    policy = " · ".join(filter(None, [view.policy, digest]))
    yield "Policy", policy + (f" · {level * 100:g} % intervals" if policy and level is not None else "")
    yield "Date", when(origin.text(found, "finished") or origin.text(found, "started"))
    yield "evalkit", origin.text(found, "versions", "evalkit") or origin.text(found, "evalkit")


def short(digest: str) -> str:
    """The beginning of a digest, enough to compare by eye; anything else as it is."""
    kind, colon, value = digest.partition(":")
    return f"{kind}:{value[:_DIGEST]}" if colon else digest


def when(moment: str) -> str:
    """A moment of the manifest to the minute, in UTC; what is no moment as it is."""
    try:
        found = dt.datetime.fromisoformat(moment)
    except ValueError:
        return moment
    if found.tzinfo is None:
        return moment
    return f"{found.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def same_weights(known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each two models of the run that are one: a model passes beside itself whatever it is worth."""
    pairs: Sequence[tuple[str, str]] = (("teacher", "student"), ("student", "champion"), ("teacher", "champion"))
    for one, other in pairs:
        mine, theirs = known.get(one), known.get(other)
        if mine is None or theirs is None:
            continue
        for key in ("weights_digest", "digest"):
            digests = origin.text(mine, key), origin.text(theirs, key)
            if all(digests):
                break
        else:
            continue
        if digests[0] != digests[1]:
            continue
        loaded = origin.kept(mine), origin.kept(theirs)
        how = f", loaded as {loaded[0]} and {loaded[1]}" if all(loaded) and loaded[0] != loaded[1] else ""
        yield f"{one} and {other} have the same weights ({short(digests[0])}){how}"


def _unsettled(view: View) -> Iterator[Unsettled]:
    """What an inconclusive verdict waits for, in the order of the criteria; never a looser bound."""
    if view.word != "inconclusive":
        return
    for row in view.weighed:
        if row.effect != "block" or row.status not in ("inconclusive", "not_evaluated"):
            continue
        settles = row.settles
        if not settles and row.reading.undefined is not None:
            settles = f"could not be evaluated: {row.reading.undefined}"
        yield Unsettled(id=row.id, place=row.place, settles=settles or row.reason)
