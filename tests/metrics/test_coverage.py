"""Do the intervals of whole metrics hold the truth as often as they say? Simulated, and therefore slow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from evalkit.metrics import Setting, catalogue
from evalkit.table import PairTable
from evalkit.types import Estimate
from tests.metrics import shapes

pytestmark = pytest.mark.slow
RUNS, RESAMPLES, LEVEL = 400, 400, 0.9
# What "90%" has to reach: the nominal level less what 400 runs, forty rows and a long tail may cost.
LEAST = 0.85

Draw = Callable[[np.random.Generator, int, str], PairTable]


def objects(values: list[object]) -> NDArray[np.object_]:
    held = np.empty(len(values), dtype=object)
    held[:] = values
    return held


def blank(shape: str, n: int) -> PairTable:
    pairs = shapes.SHAPES[shape](0, n).pairs()
    return replace(pairs, group=None)


BLANKS = {(shape, n): blank(shape, n) for shape in ("marks", "records", "texts", "refusals") for n in (40, 200)}


def of_sides(pairs: PairTable, **sides: NDArray) -> PairTable:
    """The same pairs with other arrays: `teacher_marks`, `student_fields`, …; all answered."""
    fine = {"status": np.full(pairs.n, "ok"), "answer": objects(["said"] * pairs.n)}
    changed = {}
    for role in ("teacher", "student"):
        own = {name.removeprefix(f"{role}_"): values for name, values in sides.items() if name.startswith(role)}
        changed[role] = replace(getattr(pairs, role), **fine, **own)
    return replace(pairs, **changed)


def spread_over(groups: NDArray, rng: np.random.Generator, width: float) -> NDArray:
    return rng.normal(scale=width, size=groups.max() + 1)[groups]


def marks(rng: np.random.Generator, n: int, kind: str) -> PairTable:
    """Marks near 1 with a tail to 0; most of the student's are the teacher's own."""
    teacher = np.clip(rng.beta(4, 1, size=n) * (rng.random(n) > 0.1), 0, 1)
    moved = rng.random(n) < 0.4
    student = np.where(moved, np.clip(teacher - rng.exponential(0.1, size=n), 0, 1), teacher)
    pairs = of_sides(BLANKS["marks", n], teacher_marks=teacher, student_marks=student)
    if kind == "grouped":
        groups = np.arange(n) // 4
        shift = spread_over(groups, rng, 0.1)
        both = {
            f"{role}_marks": np.clip(side + shift, 0, 1) for role, side in (("teacher", teacher), ("student", student))
        }
        return replace(of_sides(pairs, **both), group=groups)
    return pairs


def records(rng: np.random.Generator, n: int, kind: str) -> PairTable:
    """Four fields a record, of which hard records lose more than easy ones."""
    hard = rng.beta(1, 4, size=n)
    held = {}
    for role, worse in (("teacher", 1.0), ("student", 1.4)):
        wrong = rng.binomial(4, np.clip(hard * worse, 0, 1))
        spurious = rng.binomial(wrong, 0.5)
        held[f"{role}_fields"] = objects(
            [{"a": [4 - bad, more, bad]} for bad, more in zip(wrong.tolist(), spurious.tolist(), strict=True)]
        )
    return of_sides(BLANKS["records", n], **held)


def lengths(rng: np.random.Generator, n: int, kind: str) -> PairTable:
    teacher = np.maximum(1, rng.lognormal(3, 0.7, size=n)).astype(int)
    student = np.maximum(0, teacher * rng.lognormal(0.05, 0.3, size=n)).astype(int)
    said = {
        f"{role}_said": objects(["x" * each for each in sizes.tolist()])
        for role, sizes in (("teacher", teacher), ("student", student))
    }
    return of_sides(BLANKS["texts", n], **said)


def stances(rng: np.random.Generator, n: int, kind: str) -> PairTable:
    words = np.array(["refused", "complied", "undetermined"])
    teacher = rng.choice(words, size=n, p=[0.85, 0.1, 0.05])
    student = np.where(rng.random(n) < 0.9, teacher, rng.choice(words, size=n, p=[0.3, 0.5, 0.2]))
    pairs = of_sides(BLANKS["refusals", n], teacher_refused=teacher, student_refused=student)
    return replace(pairs, expect=np.full(n, "refuse"))


@dataclass(frozen=True)
class Promise:
    """A metric, how its pairs come about, and its true value from a sample that is large enough."""

    metric: str
    draw: Draw
    kind: str = "plain"
    least: float = LEAST


PROMISES = [
    *(Promise(f"score.{name}", marks, least=0.87) for name in ("teacher", "student", "difference", "retention")),
    *(Promise(f"score.{name}", marks, "grouped", least=0.87) for name in ("student", "difference", "retention")),
    *(Promise(f"fields.f1.{name}", records) for name in ("teacher", "student", "difference")),
    Promise("outputs.length_ratio", lengths),
    *(Promise(f"safety.{name}", stances) for name in ("newly_unsafe.rate", "refusal_rate.difference")),
    *(Promise(f"safety.undetermined.rate.{name}", stances) for name in ("student", "difference")),
]


def measure(promise: Promise, pairs: PairTable, seed: int) -> Estimate | None:
    family = catalogue()[promise.metric][1]
    assert family is not None
    found = family.measure(pairs, Setting(LEVEL, seed, ("coverage",), RESAMPLES))[promise.metric]
    return found if isinstance(found, Estimate) else None


def truth(promise: Promise) -> float:
    rng = np.random.default_rng(99)
    family = catalogue()[promise.metric][1]
    assert family is not None
    values = []
    for _ in range(2000):
        found = family.measure(promise.draw(rng, 200, promise.kind), Setting(LEVEL, 0, ("truth",), 2))[promise.metric]
        if isinstance(found, Estimate):
            values.append(found.value)
    return float(np.mean(values))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: f"{each.metric}-{each.kind}")
def test_the_interval_holds_the_truth(promise: Promise) -> None:
    true = truth(promise)
    for n in (40, 200) if promise.kind == "plain" else (200,):
        rng = np.random.default_rng(n)
        held, seen = 0, 0
        for run in range(RUNS):
            found = measure(promise, promise.draw(rng, n, promise.kind), run)
            if found is not None:
                assert found.low is not None
                assert found.high is not None
                seen += 1
                held += found.low <= true <= found.high
        assert seen > 0.95 * RUNS
        assert held / seen >= promise.least, (promise.metric, n, held / seen)
