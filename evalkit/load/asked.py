"""What the command line asks for, read and checked: all that is wrong with it at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from evalkit.errors import Complaint, Place, UsageError
from evalkit.load.arrivals import Arrivals
from evalkit.load.line import Role, complaints_about
from evalkit.load.objective import HOW, Objective, read_counts, read_objective, read_rates, read_seconds
from evalkit.specs import OpenAISpec, spec_from_text
from evalkit.types import WRITING, Request, Suite, SuiteFacts

Value = TypeVar("Value")
# Two models take turns in stretches of about so many seconds, and in so many of them at least.
PIECE_S, PIECES = 15.0, 4
# The share of a stretch that is sent before it counts, where nothing else is said.
WARM_UP = 0.1
# More requests than that are a slip of the keyboard.
MOST_REQUESTS = 1_000_000
# Connections to one server that one client holds well; beyond them the ports of a machine run short.
MOST_IN_FLIGHT = 4096
# Open files besides connections.
_OTHER_FILES = 128


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A load test. `levels` are rates per second (open loop) or numbers in flight (closed loop), in the order given.

    `pieces` stretches are sent at each level and to each model: `warm_up_s` that do not count, then `window_s` that do.
    `most` is how many may be unanswered at once.
    """

    models: dict[Role, OpenAISpec]
    suites: tuple[SuiteFacts, ...]
    requests: tuple[Request, ...]
    loop: Literal["open", "closed"]
    levels: tuple[float, ...]
    arrivals: Arrivals
    pieces: int
    warm_up_s: float
    window_s: float
    objective: Objective | None
    fixed_tokens: int | None
    once_each: bool
    seed: int
    level: float
    most: int


def read_asked(
    read_suite: Callable[[str], Suite],
    *,
    model: str | None,
    teacher: str | None,
    student: str | None,
    suites: tuple[str, ...],
    rate: str | None,
    rates: str | None,
    sweep: str | None,
    arrivals: Arrivals | None,
    duration: str,
    warm_up: str | None,
    timeout: str,
    objective: str | None,
    fixed_tokens: int | None,
    once_each: bool,
    seed: int,
    level: float,
    api_key_env: str | None,
    logprobs: bool,
    out: Path | None,
) -> Asked:
    """Raises UsageError with everything that is wrong, before any server is asked."""
    wrong: list[Complaint] = []

    def read(option: str, text: str | None, reader: Callable[[str], Value], remedy: str) -> Value | None:
        try:
            return None if text is None else reader(text)
        except ValueError as error:
            wrong.append(Complaint(problem=f"{option}: {error}", remedy=remedy))
            return None

    times = "write it like 60s, 2m or 500ms"
    seconds = read("--duration", duration, read_seconds, times)
    before = read("--warm-up", warm_up, read_seconds, times)
    patience = read("--timeout", timeout, read_seconds, times)
    aim = read("--objective", objective, read_objective, HOW)
    loads: dict[str, tuple[float, ...] | None] = {
        "--rate": read("--rate", rate, read_rates, "write requests per second, like 4 or 0.5"),
        "--rates": read("--rates", rates, read_rates, "write requests per second, like 1,2,4,8"),
        "--sweep": read("--sweep", sweep, read_counts, "write numbers of requests in flight, like 1,2,4,8,16"),
    }
    given = [name for name, text in (("--rate", rate), ("--rates", rates), ("--sweep", sweep)) if text is not None]
    if len(given) != 1:
        wrong.append(
            Complaint(
                problem=f"{' and '.join(given)} are different loads" if given else "no load is named",
                remedy="give one of --rate 4, --rates 1,2,4,8 (requests per second) and --sweep 1,2,4,8 (in flight)",
            )
        )
    levels = (loads[given[0]] if len(given) == 1 else None) or ()
    if given == ["--rate"] and len(levels) > 1:
        wrong.append(Complaint(problem="--rate takes one rate", remedy=f"write --rates {rate}"))
    closed = given == ["--sweep"]
    if closed and arrivals is not None:
        problem = "--arrivals says when requests come, and with --sweep each comes when another is answered"
        wrong.append(Complaint(problem=problem, remedy="leave --arrivals away, or give --rates"))
    if closed and once_each:
        problem = "how many prompts --sweep takes is not known before"
        wrong.append(Complaint(problem=problem, remedy="leave --once-each away, or give --rates"))
    if out is not None and out.suffix not in (".json", ".md"):
        wrong.append(Complaint(problem=f"--out {out} is neither", remedy="name a file that ends in .json or .md"))
    most = most_in_flight()
    if closed and levels and max(levels) > most:
        problem = f"--sweep: {max(levels):g} in flight are more than the {most} connections that this client can open"
        wrong.append(Complaint(problem=problem, remedy="give less, or raise the limit on open files (ulimit -n)"))
    settings = {"timeout_s": patience or 60.0, "logprobs": "auto" if logprobs else "none", "api_key_env": api_key_env}
    models = dict(_models(model, teacher, student, settings, wrong))
    read_suites = list(_suites(suites, read_suite, wrong))
    requests = tuple(_requests(read_suites, wrong))
    for role, spec in models.items():
        wrong += complaints_about(spec, role, read_suites)
    pieces = 1 if len(models) < 2 else max(PIECES, round((seconds or 0) / PIECE_S))
    window = (seconds or 60.0) / pieces
    warm = WARM_UP * window if before is None else before
    if not closed and levels:
        due = pieces * (window + warm) * sum(levels)
        if due > MOST_REQUESTS:
            wrong.append(Complaint(problem=f"that is {due:,.0f} requests", remedy="ask for fewer"))
        elif once_each and requests and (need := math.ceil(due + 4 * math.sqrt(due))) > len(requests):
            problem = f"--once-each: up to {need} requests, and the suites have {len(requests)} prompts"
            wrong.append(Complaint(problem=problem, remedy="leave --once-each away, or ask for less"))
    if wrong:
        raise UsageError(wrong)
    return Asked(
        models=models,
        suites=tuple(each.facts for each in read_suites),
        requests=requests,
        loop="closed" if closed else "open",
        levels=levels,
        arrivals=arrivals or "poisson",
        pieces=pieces,
        warm_up_s=warm,
        window_s=window,
        objective=aim,
        fixed_tokens=fixed_tokens,
        once_each=once_each,
        seed=seed,
        level=level,
        most=most,
    )


def most_in_flight() -> int:
    """As many connections as this process may open files for, within reason."""
    try:
        import resource
    except ImportError:
        return 512
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_IN_FLIGHT if soft == resource.RLIM_INFINITY else max(16, min(MOST_IN_FLIGHT, soft - _OTHER_FILES))


def _models(
    model: str | None, teacher: str | None, student: str | None, settings: dict[str, Any], wrong: list[Complaint]
) -> Iterator[tuple[Role, OpenAISpec]]:
    if model is not None and student is not None:
        problem = "--model and --student name the same role: the model that is to hold the load"
        wrong.append(Complaint(problem=problem, remedy="give --model alone, or --teacher and --student"))
    named: list[tuple[Role, str, str]] = []
    if teacher is not None:
        named.append(("teacher", "--teacher", teacher))
    if (text := student if model is None else model) is not None:
        named.append(("student", "--student" if model is None else "--model", text))
    if not named:
        problem = "no model is named"
        wrong.append(Complaint(problem=problem, remedy="give --model openai:http://host:port/v1#model"))
    for role, option, text in named:
        try:
            spec = spec_from_text(text)
        except ValueError as error:
            problem, _, remedy = str(error).partition(" | ")
            wrong.append(Complaint(problem=f"{option}: {problem}", remedy=remedy))
            continue
        if spec["backend"] != "openai":
            wrong.append(
                Complaint(
                    problem=f'{option}: "{text}" is no endpoint, and load is what a server has to bear',
                    remedy="serve the model and write openai:http://host:port/v1#model",
                )
            )
            continue
        yield role, OpenAISpec.model_validate({**spec, **settings})


def _suites(names: tuple[str, ...], read_suite: Callable[[str], Suite], wrong: list[Complaint]) -> Iterator[Suite]:
    from evalkit.suite.samples import once_each

    if not names:
        problem = "no suite is named, so there is nothing to ask"
        wrong.append(Complaint(problem=problem, remedy="give --suite NAME; several may be given"))
    for name in dict.fromkeys(names):
        try:
            suite = once_each(read_suite(name))
        except UsageError as error:
            wrong.extend(error.complaints)
            continue
        if suite.facts.task in WRITING:
            yield suite
            continue
        wrong.append(
            Complaint(
                problem=f'the suite "{suite.name}" asks for a choice, which takes several requests of a server each',
                remedy="name a suite whose answers are written (generate or extract)",
                place=Place(file=suite.facts.path, key="task"),
            )
        )


def _requests(suites: list[Suite], wrong: list[Complaint]) -> Iterator[Request]:
    from evalkit.requests import build_requests

    for suite in suites:
        try:
            found = build_requests(suite)
        except UsageError as error:
            wrong.extend(error.complaints)
            continue
        if not found:
            wrong.append(Complaint(problem=f'the suite "{suite.name}" has no examples', remedy="name another"))
        yield from found
