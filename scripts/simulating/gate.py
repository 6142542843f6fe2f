"""The gate's own errors: bad students that pass, equal students that fail, and what other rules would have said."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.gate.judging import judge
from evalkit.metrics import Setting, accuracy, calibration
from evalkit.metrics.intervals import difference_of_shares
from evalkit.stats.exact_power import exact_power, exact_retention_power
from evalkit.stats.normal import two_sided_z
from evalkit.stats.paired import mcnemar
from evalkit.table import PairTable
from evalkit.types import CriterionStatus, Measured
from scripts.simulating.covering import distinct
from scripts.simulating.figures import Figure, Scenario
from scripts.simulating.grouped import EFFECTS, TEACHER_RIGHT, Effect, drawn
from scripts.simulating.pairs import Ints, blank, filled, of_cells

# Two-sided coverage behind decisions at one-sided 95 %.
LEVEL = 0.9
MARGINS = (0.01, 0.02, 0.05)
DISCORDANCES = (0.05, 0.1, 0.2)
SIZES = (100, 300, 1000, 3000)
RETENTIONS = (0.97, 0.99)
# Promises: at most so many bad students pass, equal ones fail, clearly bad ones pass.
AT_THE_BOUND, EQUAL, CLEARLY_BAD = 0.06, 0.05, 0.01
TOO_BAD, TOO_BAD_MARGIN, TOO_BAD_DISCORDANCE = 0.05, 0.02, 0.1


class Rule(NamedTuple):
    """A criterion that blocks: a metric and its bound."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def judge(self, measured: Measured) -> CriterionStatus:
        """As the gate judges it."""
        return judge(measured, self.at_least, self.at_most, by_value=False)


# Policies of interval criteria, from one criterion to several: the student fails where any of them fails.
POLICIES: dict[str, tuple[Rule, ...]] = {
    "as recovery-97": (Rule("accuracy.retention", at_least=0.97),),
    "as recovery-99": (Rule("accuracy.retention", at_least=0.99),),
    "difference at least -0.02": (Rule("accuracy.difference", at_least=-0.02),),
    "four criteria": (
        Rule("accuracy.retention", at_least=0.99),
        Rule("accuracy.difference", at_least=-0.01),
        Rule("calibration.brier.difference", at_most=0.01),
        Rule("calibration.nll.difference", at_most=0.02),
    ),
    "four criteria, and five slices": (
        Rule("accuracy.retention", at_least=0.99),
        Rule("accuracy.difference", at_least=-0.01),
        Rule("calibration.brier.difference", at_most=0.01),
        Rule("calibration.nll.difference", at_most=0.02),
        *(Rule(f"accuracy.difference/{part}", at_least=-0.05) for part in range(5)),
    ),
}


def scenarios() -> Iterator[Scenario]:
    """Losses at the bound, equal students, and a student that is clearly too bad."""
    for n in SIZES:
        for discordance in DISCORDANCES:
            for margin in MARGINS:
                name = f"gate/margin/{margin}/{discordance}/{n}"
                yield Scenario(name, 6000, partial(_at_margin, margin=margin, discordance=discordance, n=n))
            for kept in RETENTIONS:
                name = f"gate/retention/{kept}/{discordance}/{n}"
                yield Scenario(name, 2000, partial(_at_retention, kept=kept, discordance=discordance, n=n))
    for groups in (40, 100):
        for effect in EFFECTS[:2]:
            for margin in MARGINS[1:]:
                name = f"gate/grouped/{margin}/{effect.name}/{groups}"
                yield Scenario(name, 3000, partial(_at_margin_in_groups, margin=margin, groups=groups, effect=effect))
    for n in SIZES[:3]:
        for name in POLICIES:
            yield Scenario(f"gate/equal/{name}/{n}", 1000, partial(_equal, n=n, name=name))
    for n in (150, 300):
        yield Scenario(f"gate/too-bad/{n}", 20_000, partial(_too_bad, n=n))


# --- a true loss that equals the bound ---------------------------------------------------------------


def _passes(metric: Callable[[PairTable, Setting], Measured], rule: Rule, tables: Ints) -> int:
    """In how many runs the criterion passes."""
    setting = Setting(LEVEL, 0, ("gate",))
    return sum(times for cells, times in distinct(tables) if rule.judge(metric(of_cells(cells), setting)) == "pass")


def _difference(pairs: PairTable, setting: Setting) -> Measured:
    assert pairs.teacher is not None
    return difference_of_shares(pairs.teacher.correct, pairs.student.correct, pairs, setting)


def _retention(pairs: PairTable, setting: Setting) -> Measured:
    return accuracy.FAMILY.measure(pairs, setting)["accuracy.retention"]


def _at_margin(rng: np.random.Generator, runs: int, margin: float, discordance: float, n: int) -> list[Figure]:
    b, c = (discordance + margin) / 2, (discordance - margin) / 2
    # How the pairs that do not differ split into right and wrong says nothing about a difference: all are right.
    tables = rng.multinomial(n, (1 - b - c, b, c, 0.0), size=runs)
    hits = _passes(_difference, Rule("accuracy.difference", at_least=-margin), tables)
    exact = exact_power(n, margin, discordance, difference=-margin)
    return [_bound("difference", f"margin {margin:g}, {discordance:.0%} differ", n, runs, hits, exact)]


def _at_retention(rng: np.random.Generator, runs: int, kept: float, discordance: float, n: int) -> list[Figure]:
    loss = TEACHER_RIGHT * (1 - kept)
    b, c = (discordance + loss) / 2, (discordance - loss) / 2
    tables = rng.multinomial(n, (TEACHER_RIGHT - b, b, c, 1 - TEACHER_RIGHT - c), size=runs)
    exact = exact_retention_power(n, kept, TEACHER_RIGHT, discordance, difference=-loss)
    hits = _passes(_retention, Rule("accuracy.retention", at_least=kept), tables)
    return [_bound("retention", f"bound {kept:g}, {discordance:.0%} differ", n, runs, hits, exact)]


def _at_margin_in_groups(
    rng: np.random.Generator, runs: int, margin: float, groups: int, effect: Effect
) -> list[Figure]:
    rule, setting = Rule("accuracy.difference", at_least=-margin), Setting(LEVEL, 0, ("gate",))
    hits = 0
    for _ in range(runs):
        pairs = drawn(rng, groups, margin / TEACHER_RIGHT, effect)
        hits += rule.judge(_difference(pairs, setting)) == "pass"
    n = effect.sizes(groups).size
    return [_bound("difference in groups", f"margin {margin:g}, {groups} groups, {effect.name}", n, runs, hits, None)]


def _bound(what: str, scenario: str, n: int, runs: int, hits: int, exact: float | None) -> Figure:
    return Figure(
        part="passes at the bound, in groups" if what.endswith("groups") else "passes at the bound",
        what=what,
        scenario=scenario,
        n=n,
        level=LEVEL,
        runs=runs,
        hits=hits,
        at_most=AT_THE_BOUND,
        more={"exact": exact},
    )


# --- a student that is as good as its teacher ---------------------------------------------------------


def _equal(rng: np.random.Generator, runs: int, name: str, n: int) -> list[Figure]:
    rules = POLICIES[name]
    setting = Setting(LEVEL, 0, ("gate",))
    calibrated = any(rule.metric.startswith("calibration") for rule in rules)
    parts = [rule.metric for rule in rules if "/" in rule.metric]
    failed = 0
    for _ in range(runs):
        pairs = _alike(rng, n)
        found = dict(accuracy.FAMILY.measure(pairs, setting))
        if calibrated:
            found |= calibration.FAMILY.measure(pairs, setting)
        for index, part in enumerate(parts):
            found[part] = _difference(pairs.take(np.arange(n) % len(parts) == index), setting)
        failed += any(rule.judge(found[rule.metric]) == "fail" for rule in rules)
    return [
        Figure(
            part="equal students that fail",
            what=name,
            scenario="student and teacher alike, about 10 % differ",
            n=n,
            level=LEVEL,
            runs=runs,
            hits=failed,
            at_most=EQUAL,
        )
    ]


def _alike(rng: np.random.Generator, n: int) -> PairTable:
    """Two models that see the same example through noise of their own: neither is better."""
    seen = rng.normal(1.6, 1.2, size=n)
    sides: dict[str, NDArray[Any]] = {}
    for role in ("teacher", "student"):
        p = 1 / (1 + np.exp(-(seen + rng.normal(0.0, 0.35, size=n))))
        sides |= {f"{role}_probs": np.stack([p, 1 - p], axis=1), f"{role}_correct": p > 0.5}
        sides[f"{role}_choice"] = np.where(p > 0.5, 0, 1)
    return filled(blank(n), **sides)


# --- a student that is clearly too bad, and other rules -----------------------------------------------


def _too_bad(rng: np.random.Generator, runs: int, n: int) -> list[Figure]:
    b, c = (TOO_BAD_DISCORDANCE + TOO_BAD) / 2, (TOO_BAD_DISCORDANCE - TOO_BAD) / 2
    tables = rng.multinomial(n, (TEACHER_RIGHT - b, b, c, 1 - TEACHER_RIGHT - c), size=runs)
    rule, setting = Rule("accuracy.difference", at_least=-TOO_BAD_MARGIN), Setting(LEVEL, 0, ("gate",))

    @cache
    def gate(b: int, c: int) -> bool:
        return rule.judge(_difference(of_cells((n - b - c, b, c, 0)), setting)) == "pass"

    rules: Mapping[str, Callable[[int, int, int, int], bool]] = {
        "evalkit: lower end above -0.02": lambda a, b, c, d: gate(b, c),
        "McNemar, exact p > 0.05": lambda a, b, c, d: mcnemar(b, c)[0] > 0.05,
        "McNemar, mid-p > 0.05": lambda a, b, c, d: mcnemar(b, c)[1] > 0.05,
        "unpaired 95 % interval holds 0": lambda a, b, c, d: unpaired_holds_0(a + b, a + c, n),
        "observed drop at most 0.02": lambda a, b, c, d: c - b >= -TOO_BAD_MARGIN * n,
    }
    hits = dict.fromkeys(rules, 0)
    for cells, times in distinct(tables):
        for name, passes in rules.items():
            hits[name] += times * passes(*cells)
    promised = {"evalkit: lower end above -0.02": CLEARLY_BAD} if n >= 300 else {}
    return [
        Figure(
            part="a loss of 5 points passes",
            what=name,
            scenario="5 points lost, 10 % differ",
            n=n,
            runs=runs,
            hits=count,
            at_most=promised.get(name),
        )
        for name, count in hits.items()
    ]


def unpaired_holds_0(teacher: int, student: int, n: int) -> bool:
    """Whether the 95 % Wald interval of two unrelated samples holds 0: the rule that forgets that they are paired."""
    p, q = teacher / n, student / n
    error = math.sqrt((p * (1 - p) + q * (1 - q)) / n)
    return abs(q - p) <= two_sided_z(0.95) * error
