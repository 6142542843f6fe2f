"""What came out, for readers: tables in Markdown, put between two marks of a page, and every figure as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.simulating.covering import COMPARED
from scripts.simulating.figures import Figure

BEGIN, END = "<!-- simulated: begin -->", "<!-- simulated: end -->"
SCHEMA = "evalkit/simulation/v1"
COVERAGE = (
    *("shares", "paired differences", "paired ratios", "ratio above chance", "groups", "Brier and NLL", "marks"),
    *("lengths", "kappa", "macro-F1", "AUROC", "AURC", "debiased calibration error", "percentiles", "speed-ups"),
)
# The other parts: their title, what the share is of, and the words before the table.
RATES = {
    "passes at the bound": (
        "A true loss that equals the bound",
        "passes",
        "The student is exactly as bad as the criterion still forbids. It passes by luck, at most 6 % of the time. "
        "*exact* is summed over all paired tables instead of drawn.",
    ),
    "passes at the bound, in groups": (
        "The same with groups",
        "passes",
        "Groups of five, in which examples are lost one by one or all together; intervals take account of either.",
    ),
    "equal students that fail": (
        "A student that is as good as its teacher",
        "fails",
        "Any criterion that fails makes the verdict *fail*: at most 5 % of the time.",
    ),
    "a loss of 5 points passes": (
        "A student that is clearly too bad",
        "passes",
        "A margin of 2 points, and 5 are lost. Beside the gate, what other rules would have said of the same pairs.",
    ),
    "zero-tolerance alarms": (
        "Alarms of counts that must be 0",
        "is red",
        "A criterion such as `flips.right_to_wrong.count` at most 0 is red as soon as one of its k examples flips. If "
        "each flips by noise with probability q, an equal student is red in 1 − (1 − q)^k of its runs.",
    ),
    "slices listed when nothing changed": (
        "Slices listed as worse when nothing changed",
        "lists one",
        "Holm keeps the chance of any false one at or below 5 %.",
    ),
}


class NoPlace(Exception):
    """The page has no place for the figures; the text says what is missing."""


def between(page: str, figures: str, name: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """The page with `figures` between its marks, whatever stood there. NoPlace where it has not one pair of them."""
    lines = page.splitlines()
    found = [[at for at, line in enumerate(lines) if line.strip() == mark] for mark in marks]
    if [len(each) for each in found] != [1, 1] or found[0][0] > found[1][0]:
        raise NoPlace(f"{name}: needs one line {marks[0]} and, below it, one {marks[1]}; the figures go between them")
    return "\n".join([*lines[: found[0][0] + 1], "", figures.strip(), "", *lines[found[1][0] :]]) + "\n"


def check(path: Path) -> None:
    """Raises NoPlace unless the page at `path` can take figures: before a quarter of an hour is spent on them."""
    if not path.is_file():
        raise NoPlace(f"{path}: there is no such page to write the figures into")
    between(path.read_text(encoding="utf-8"), "", str(path))


def record(figures: Sequence[Figure], seed: int) -> str:
    """Every figure as JSON, a line each; the same text for the same figures."""
    rows = ",\n".join("  " + json.dumps(each.record(), ensure_ascii=False) for each in figures)
    return f'{{"schema": {json.dumps(SCHEMA)}, "seed": {seed}, "figures": [\n{rows}\n]}}\n'


def page(figures: Sequence[Figure], seed: int) -> str:
    """The figures for a reader of docs/statistics.md."""
    parts = [
        f"Written by `scripts/simulate` (seed {seed}; about a quarter of an hour on one core; `--only NAME`, "
        "`--runs N` for a look); every figure is in `reports/simulations/statistics.json`. "
        "± is the Monte-Carlo standard error. A figure worse than promised is marked: ▽ where the luck of the draw may "
        "explain it, **▼** where it would less than once in a thousand times.",
        "Intervals are held to 93 % where they say 95 %. At 90 %, which decides at a policy's level of 0.95, their "
        "coverage is shown without a promise: what counts there is how often the gate errs, which has promises of its "
        f"own. {_listed(COMPARED)} are here to compare with; no metric has them. Two samples are hopeless, and shown "
        "so that nobody trusts such an interval: an NLL where one example in 50 or 200 is certain and wrong, and "
        "lengths where one text in 100 does not end. What a sample of hundreds has not shown cannot be bounded by "
        "what it has; judge Brier rather than NLL, and the share of truncated outputs beside lengths.",
        *_promises(figures),
        *_worse(figures),
        *(text for part in RATES for text in _rates(part, [each for each in figures if each.part == part])),
        *_coverage([each for each in figures if each.part in COVERAGE]),
    ]
    return "\n\n".join(parts) + "\n"


def _listed(names: Iterable[str]) -> str:
    *some, last = sorted(names)
    return f"{', '.join(some)} and {last}"


def _promises(figures: Sequence[Figure]) -> Iterator[str]:
    """One row for each promise."""
    kinds: dict[tuple[str, str], list[Figure]] = {}
    for each in figures:
        if each.part in COVERAGE and each.runs and each.at_least is not None:
            kinds.setdefault((f"intervals at {each.level:.0%}", f"at least {each.at_least:.0%}"), []).append(each)
        elif each.at_most is not None:
            kinds.setdefault((each.part, f"at most {each.at_most:.0%}"), []).append(each)
    rows = []
    for (what, promise), held in kinds.items():
        worst = min(held, key=_margin)
        counts = [sum(each.state == state for each in held) for state in ("kept", "missed", "broken")]
        rows.append(
            [what, promise, *map(str, counts), f"{_share(worst)}: {worst.what}, {worst.scenario}, n = {worst.n}"]
        )
    yield "### Promises"
    yield _table(["what", "promise", "kept", "▽", "▼", "worst"], rows)


def _worse(figures: Sequence[Figure]) -> Iterator[str]:
    """Everything that is worse than promised, the worst first."""
    worse = sorted((each for each in figures if each.state in ("missed", "broken")), key=_margin)
    yield "### Worse than promised"
    if not worse:
        yield "Nothing."
        return
    rows = [
        [each.what, each.scenario, str(each.n), _level(each), _share(each), _one_sided(each), _promised(each)]
        for each in worse
    ]
    yield _table(["what", "scenario", "n", "level", "seen", "below · above the truth", "promised"], rows)


def _rates(part: str, figures: Sequence[Figure]) -> Iterator[str]:
    if not figures:
        return
    title, what, words = RATES[part]
    yield f"### {title}"
    yield words
    sizes = sorted({each.n for each in figures})
    rows: dict[tuple[str, str], dict[int, Figure]] = {}
    alarms = part == "zero-tolerance alarms"
    for each in figures:
        rows.setdefault((each.what, "" if alarms else each.scenario), {})[each.n] = each
    head = ["k = " if alarms else "n = "] * len(sizes)
    heads = ["", *([] if alarms else ["scenario"]), *(f"{what}, {h}{n}" for h, n in zip(head, sizes, strict=True))]
    yield _table(
        heads,
        [
            [name, *([] if alarms else [scenario]), *(_cell(held.get(n)) for n in sizes)]
            for (name, scenario), held in rows.items()
        ],
    )


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    exact = figure.more.get("exact")
    return _share(figure) + (f", exact {exact:.2%}" if exact is not None else "")


def _coverage(figures: Sequence[Figure]) -> Iterator[str]:
    """For each interval its range; and folded away, every scenario."""
    if not figures:
        return
    yield "### Coverage"
    yield (
        "The share of runs in which the interval holds the truth, lowest and highest over the scenarios of a part. "
        "Folded away below is every scenario: *below* and *above* are the runs in which the whole interval lies below "
        "or above the truth. At 90 %, which decides at a policy's level of 0.95, *above* is how often a student just "
        "at an `at_least` bound passes, and *below* how often one exactly at an `at_most` bound does."
    )
    groups: dict[tuple[str, str, float], list[Figure]] = {}
    for each in figures:
        assert each.level is not None
        groups.setdefault((each.part, each.what, each.level), []).append(each)
    rows = []
    for (part, what, level), held in sorted(groups.items(), key=lambda item: (COVERAGE.index(item[0][0]), item[0][1])):
        defined = [each for each in held if each.runs]
        if not defined:
            continue
        worst, best = min(defined, key=_margin), max(defined, key=_margin)
        worse = sum(each.state in ("missed", "broken") for each in held)
        lowest = f"{worst.scenario}, n = {worst.n}"
        rows.append(
            [part, what, f"{level:.0%}", str(len(held)), str(worse), _share(worst), lowest, f"{best.share:.1%}"]
        )
    heads = ["part", "interval", "level", "scenarios", "worse than promised", "lowest", "where", "highest"]
    yield _table(heads, rows)
    for part in COVERAGE:
        held = [each for each in figures if each.part == part]
        if held:
            yield f"<details><summary>{part}: every scenario</summary>"
            yield _every(held)
            yield "</details>"


def _every(figures: Sequence[Figure]) -> str:
    """A row for each interval, scenario and n; both levels in it."""
    rows: dict[tuple[str, str, int], dict[float | None, Figure]] = {}
    for each in figures:
        rows.setdefault((each.what, each.scenario, each.n), {})[each.level] = each
    levels = sorted({each.level for each in figures if each.level is not None}, reverse=True)
    heads = ["interval", "scenario", "n", "truth", "runs"]
    heads += [f"{level:.0%} {what}" for level in levels for what in ("covered", "below · above", "mean width")]
    lines = []
    for (what, scenario, n), held in rows.items():
        first = held[levels[0]]
        lost = f" ({first.undefined} undefined)" if first.undefined else ""
        line = [what, scenario, str(n), _number(first.more["truth"]), f"{first.runs}{lost}"]
        for level in levels:
            line += [_share(held[level]), _one_sided(held[level]), _number(held[level].more["mean_width"])]
        lines.append(line)
    return _table(heads, lines)


def _margin(figure: Figure) -> float:
    """How much better than promised, in [-1, 1]."""
    if not figure.runs:
        return 1.0
    if figure.at_least is not None:
        return figure.share - figure.at_least
    return (figure.at_most if figure.at_most is not None else 1.0) - figure.share


def _share(figure: Figure) -> str:
    if not figure.runs:
        return "undefined"
    mark = {"missed": " ▽", "broken": " **▼**"}.get(figure.state, "")
    return f"{figure.share:.2%} ± {figure.error:.2%}{mark}"


def _promised(figure: Figure) -> str:
    return f"at least {figure.at_least:.0%}" if figure.at_least is not None else f"at most {figure.at_most:.0%}"


def _one_sided(figure: Figure) -> str:
    if "below" not in figure.more:
        return ""
    return f"{_percent(figure.more['below'])} · {_percent(figure.more['above'])}"


def _level(figure: Figure) -> str:
    return "" if figure.level is None else f"{figure.level:.0%}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.4g}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def summary(figures: Sequence[Figure]) -> Mapping[str, Any]:
    """How many figures keep their promise, and how many do not."""
    return {state: sum(each.state == state for each in figures) for state in ("kept", "missed", "broken", "no promise")}
