"""A record of the engine's contests as Markdown: goals, times, how equal the answers were, memory, profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from scripts.benching.contest import Judged, judged
from scripts.benching.contests import CONTESTS

MARKS = ("<!-- measured: begin -->", "<!-- measured: end -->")
Run = Mapping[str, Any]


def figures(record: Mapping[str, Any]) -> str:
    """Everything that a reader of the page sees of a record, from the record alone."""
    where = "on the processor" if record["device"] == "cpu" else "on the accelerator"
    parts = [f"## Measured {where}", _machine(record), *_goals(record["runs"]), *_times(record["runs"])]
    parts += [*_answers(record["runs"]), *_memory(record["runs"]), *_profiles(record["runs"]), *_left_out(record)]
    return "\n\n".join(parts)


def _machine(record: Mapping[str, Any]) -> str:
    machine = record["machine"]
    packages = ", ".join(f"{name} {each}" for name, each in machine["packages"].items() if each is not None)
    device = machine.get("accelerator")
    beside = f" {device['name']} with {device['bytes'] / 1e9:.0f} GB (CUDA {device['cuda']})." if device else ""
    weights = ", ".join(f"{name} {count / 1e6:.1f} million" for name, count in record["models"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores.{beside} Python {machine['python']}, {packages}. "
        f"{record['repeats']} repeats. Load average before and after: {machine['load_average_before']} and "
        f"{record['load_average_after']}. The run took {record['took_s'] / 60:.0f} minutes. Weights of the models: "
        f"{weights}."
    )


def _goals(runs: Sequence[Run]) -> Iterator[str]:
    """A row for each goal, a column for each way that its contest was held."""
    ways = _ways(runs)
    rows = []
    for name, named in CONTESTS.items():
        held = {_way(each): each for each in runs if each["contest"] == name}
        judgements = {way: {each.goal: each for each in judged(run, named.goals)} for way, run in held.items()}
        for goal in named.goals:
            found = [judgements.get(way, {}).get(goal) for way in ways]
            if not any(found):
                continue
            met = "yes" if all(each.met for each in found if each is not None) else "**no**"
            rows.append([named.about, goal.about, *(_ratio(each) for each in found), met])
    if rows:
        yield "### Goals"
        yield (
            "Ratios of times, median and range over the repeats. *At its best*: the fastest of the other sides in each "
            "repeat, so that its luck counts and evalkit's does not."
        )
        yield _table(["contest", "goal", *ways, "met"], rows)


def _ratio(judged: Judged | None) -> str:
    if judged is None:
        return ""
    unequal = "" if judged.sound else ", **answers differ**"
    if judged.ratio is None:
        return f"too short to tell{unequal}"
    return f"{judged.ratio:.2f} ({min(judged.ratios):.2f} to {max(judged.ratios):.2f}){unequal}"


def _times(runs: Sequence[Run]) -> Iterator[str]:
    yield "### Times"
    yield (
        "Seconds on the clock, median and range, and the median of the CPU seconds of the process. *Its backend alone* "
        "is evalkit without the cache around the backend."
    )
    rows = []
    for run in runs:
        for side in run["repeats"][0]:
            wall = [each[side]["seconds"] for each in run["repeats"]]
            cpu = median(each[side]["cpu_seconds"] for each in run["repeats"])
            told = f"{_seconds(median(wall))} ({_seconds(min(wall))} to {_seconds(max(wall))})"
            rows.append([run["contest"], _facts(run["rows"]), _way(run), side, told, _seconds(cpu)])
        rows += [[run["contest"], "", _way(run), side, f"not run: {why}", ""] for side, why in run["lacking"].items()]
    yield _table(["contest", "rows", "on", "side", "seconds", "CPU seconds"], rows)


def _answers(runs: Sequence[Run]) -> Iterator[str]:
    rows = [
        [run["contest"], _way(run), side, _difference(found), "yes" if found["equal"] else "**no**"]
        for run in runs
        for side, found in run["answers"].items()
    ]
    if rows:
        yield "### Answers"
        yield "How evalkit's answers differ from those of each other side. A ratio of times of other answers is none."
        yield _table(["contest", "on", "side", "difference", "equal"], rows)


def _difference(found: Mapping[str, Any]) -> str:
    told = []
    if "identical" in found:
        told.append(f"{found['identical']} of {found['of']} identical")
    if "largest_difference" in found:
        furthest = found["largest_difference"]
        told.append("not finite" if furthest is None else f"at most {furthest:.1e} (bound {found['bound']:.0e})")
    if "flips" in found:
        told.append(f"{found['flips']} answers flipped")
    return "; ".join(told)


def _memory(runs: Sequence[Run]) -> Iterator[str]:
    rows = []
    for run in runs:
        for tokens, extra in run.get("extra_bytes", {}).items():
            told = "not known here" if extra is None else f"{extra / 1e6:.0f} MB"
            rows.append([run["contest"], _way(run), f"beyond the models and states, {int(tokens):,} tokens", told])
        if "peak_bytes" in run:
            rows.append([run["contest"], _way(run), "at most, weights included", f"{run['peak_bytes'] / 1e9:.2f} GB"])
        if "another_fits_beside" in run:
            fits = "yes" if run["another_fits_beside"] else "no"
            rows.append([run["contest"], _way(run), "evalkit keeps both loaded", fits])
    if rows:
        yield "### Memory"
        yield _table(["contest", "on", "what", "how much"], rows)


def _profiles(runs: Sequence[Run]) -> Iterator[str]:
    """Where a goal was missed: what took the time."""
    for run in runs:
        if "profile" in run:
            yield f"<details><summary>{run['contest']}, {_way(run)}: a goal was missed; where the time goes</summary>"
            yield _table(
                ["function", "file", "calls", "seconds in itself", "share"],
                [
                    [
                        f"`{each['function']}`",
                        each["file"],
                        each["calls"],
                        f"{each['seconds']:.3f}",
                        f"{each['share']:.0%}",
                    ]
                    for each in run["profile"]
                ],
            )
            yield "</details>"


def _left_out(record: Mapping[str, Any]) -> Iterator[str]:
    if record["left_out"]:
        yield "### Left out"
        yield "\n".join(f"* {name}: {why}" for name, why in record["left_out"].items())


def _ways(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(_way(each) for each in runs))


def _way(run: Run) -> str:
    if run["device"] != "cpu":
        return str(run["dtype"])
    cores = "one core, CPU seconds" if run["cores"] == 1 else f"{run['cores']} cores, clock"
    return cores if run["pinned"] else f"{cores}, not pinned"


def _facts(rows: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_number(each)}" for name, each in rows.items())


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.0f}"


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
