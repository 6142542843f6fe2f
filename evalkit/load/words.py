"""What a load test comes to, in sentences: the same in the terminal, in Markdown and in the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from evalkit import figures
from evalkit.load.levels import Level, Session
from evalkit.load.line import Role
from evalkit.load.measure import Found
from evalkit.stats.sustained import Held, largest_held
from evalkit.types import Estimate, Measured

HELD: dict[Held, str] = {"yes": "held", "no": "not held", "unclear": "unclear"}
KEPT: dict[Held, str] = {"yes": "keeps up", "no": "falls behind", "unclear": "may lag"}
# A share of failures from which a sentence says so.
_MANY = 0.01


def unit(name: str) -> str:
    """The unit of a measure, as `figures` knows it."""
    head = name.partition(".")[0]
    if name == "throughput.ratio":
        return "ratio"
    if head in ("throughput", "goodput"):
        return "per second"
    if head == "met":
        return "difference"
    return "seconds"


def load_words(load: float, session: Session) -> str:
    """`4 /s`, or `16 at a time`."""
    return f"{load:g} /s" if session.asked.loop == "open" else f"{load:g} at a time"


def shown(measured: Measured, name: str) -> tuple[str, str]:
    """A measure's value and its interval; nothing and the reason where it is undefined."""
    if not isinstance(measured, Estimate):
        return "", f"undefined: {measured.reason}"
    # The names of metrics decide between shares and ratios of resources.
    reading = figures.against(measured, None, unit(name), metric=f"latency.{name}")
    return reading.value, reading.interval


def largest(session: Session) -> list[tuple[Role, tuple[float | None, float | None]]]:
    """For each model the largest rate at which the objective is held, and the smallest at which it is not. Nothing
    where there is no objective, or where loads are no rates."""
    if session.asked.loop != "open" or session.asked.objective is None:
        return []
    found = []
    for role in session.asked.models:
        rates = [(each.load, each.found[role].held) for each in session.levels if role in each.found]
        found.append((role, largest_held([(rate, held) for rate, held in rates if held is not None])))
    return found


def largest_sentences(session: Session) -> list[str]:
    """The same, a sentence for each model."""
    objective = session.asked.objective
    if objective is None:
        return []
    said = []
    for role, (held, not_held) in largest(session):
        told = f"no rate that was tried is shown to hold {objective.text}"
        if held is not None:
            told = f"{objective.text} is shown to hold up to {held:g} requests per second"
        if not_held is not None:
            told += f", and not to hold at {not_held:g}"
        said.append(f"{role}: {told}.")
    return said


def comparisons(session: Session) -> list[str]:
    """What a student that is to replace its teacher has to hold, load by load and in all."""
    if len(session.asked.models) < 2:
        return []
    said = []
    for level in session.levels:
        if level.beside is None:
            continue
        for name, measured in level.beside.measures.items():
            value, interval = shown(measured, name)
            what = {
                "response.difference": "mean response, student minus teacher",
                "met.difference": "share that met the objective, student minus teacher",
                "throughput.ratio": "answers per second, student over teacher",
            }[name]
            said.append(f"at {load_words(level.load, session)}: {what}: {' '.join(filter(None, (value, interval)))}")
    reach = dict(largest(session))
    if reach:
        teacher, student = reach["teacher"][0], reach["student"][0]
        if teacher is not None and (student is None or student < teacher):
            said.append(f"the student is not shown to hold the load of its teacher, {teacher:g} requests per second")
        elif teacher is not None:
            said.append(f"the student holds the load at which its teacher does, {teacher:g} requests per second")
    return said


def notes(session: Session) -> list[str]:
    """What a reader must know before believing a number."""
    return list(_notes(session))


def _notes(session: Session) -> Iterator[str]:
    asked = session.asked
    if session.interrupted:
        yield "interrupted: what was unanswered then counts as never answered, and loads after it were not sent"
    for role in session.dead:
        yield f"{role}: nothing was answered at the last load, so no further one was sent"
    for level in session.levels:
        for role, found in level.found.items():
            yield from (f"{role} at {load_words(level.load, session)}: {each}" for each in _of_level(found))
    if asked.loop == "closed":
        yield "a closed loop waits for an answer before it asks again: it shows what a server gets done, no user's wait"
        if asked.objective is not None and any(each.quantity == "response" for each in asked.objective.clauses):
            yield "nothing is due at a given time in a closed loop, so the objective is held against service times"
    most = max(
        (max(each.prompts.values(), default=0) for level in session.levels for each in level.found.values()), default=0
    )
    if most > 1:
        yield (
            f"{len(asked.requests)} prompts are at hand, and one was sent up to {most} times to one model at one load: "
            "a server that keeps prefixes answers those sooner than it will in service"
        )
    for role, names in session.refused.items():
        if names:
            yield f"{role}: the server refuses {', '.join(names)}, and was asked without"
    if next(iter(asked.models.values())).logprobs == "auto" and not all(
        "logprobs" in each for each in session.refused.values()
    ):
        yield "log-probabilities were asked for, as a gate does; --no-logprobs asks as most services do"


def _of_level(found: Found) -> Iterator[str]:
    if found.void is not None:
        yield f"void: {found.void}"
        return
    if found.kept_up == "no":
        reason = next((each.reason for each in found.measures.values() if not isinstance(each, Estimate)), "")
        yield reason
    elif found.kept_up == "unclear":
        yield (
            f"it may not have settled ({found.waiting[0]} requests unanswered when counting began, {found.waiting[1]} "
            "when it ended, or times that rose): a longer --duration or --warm-up would show"
        )
    failed = Counter(found.failed).total()
    if found.sent and failed / found.sent >= _MANY:
        kinds = ", ".join(f"{count} {kind}" for kind, count in found.failed.items())
        yield f"{failed} of {found.sent} requests have no answer: {kinds}"
    if found.empty:
        yield f"{found.empty} answers had no word in them"


def outcome(level: Level, role: Role) -> str:
    """One word or two for a table."""
    found = level.found[role]
    if found.void is not None:
        return "void"
    if found.held is not None:
        return HELD[found.held]
    return "" if found.kept_up is None else KEPT[found.kept_up]
