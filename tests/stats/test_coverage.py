"""Do the intervals hold the truth as often as they say? Simulated, and therefore slow."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.calibration import brier_rows
from evalkit.stats.groups import independent_rows
from evalkit.stats.mean import cluster_mean, mean_interval
from evalkit.stats.paired import difference_tango, ratio_tang
from evalkit.stats.proportion import wilson
from evalkit.stats.resample import centred_interval, weight_chunks
from evalkit.stats.tails import tail_stretch, unseen_half

pytestmark = pytest.mark.slow
RUNS = 2000
# What "95%" has to reach: the nominal level less what 2000 runs and small counts may cost.
LEAST = 0.93


@pytest.mark.parametrize("shares", [(0.80, 0.05, 0.03, 0.12), (0.90, 0.02, 0.02, 0.06), (0.4, 0.2, 0.1, 0.3)])
@pytest.mark.parametrize("n", [100, 500])
def test_score_intervals_of_paired_tables_hold_the_truth(shares: tuple[float, ...], n: int) -> None:
    rng = np.random.default_rng(1)
    difference = shares[2] - shares[1]
    ratio = (shares[0] + shares[2]) / (shares[0] + shares[1])
    held = {"difference": 0, "ratio": 0}
    for a, b, c, d in rng.multinomial(n, shares, RUNS).tolist():
        low, high = difference_tango(a, b, c, d, 0.95)
        held["difference"] += low <= difference <= high
        found = ratio_tang(a, b, c, d, 0.95)
        held["ratio"] += found is not None and found.low <= ratio <= found.high
    assert min(held.values()) / RUNS >= LEAST, held


@pytest.mark.parametrize("p", [0.5, 0.9, 0.97])
def test_the_wilson_interval_holds_the_truth(p: float) -> None:
    counts = np.random.default_rng(2).binomial(200, p, RUNS).tolist()
    held = [low <= p <= high for low, high in (wilson(k, 200, 0.95) for k in counts)]
    assert np.mean(held) >= LEAST


def test_the_clustered_mean_holds_the_truth_where_the_plain_one_does_not() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(25), 8)
    held = 0
    for _ in range(RUNS):
        values = rng.normal(size=25)[groups] + rng.normal(size=200)
        found = cluster_mean(values, groups, 0.95)
        assert found is not None
        held += found.low <= 0.0 <= found.high
    assert held / RUNS >= LEAST


def test_the_centred_interval_of_a_brier_difference_holds_the_truth() -> None:
    rng = np.random.default_rng(4)
    runs, n = 1000, 200

    def draw(count: int) -> np.ndarray:
        at = rng.uniform(0.5, 1.0, count)
        student_at = np.clip(at + rng.normal(0.0, 0.08, count), 0.0, 1.0)
        right = (rng.random(count) < at).astype(int)
        student = brier_rows(np.stack([1 - student_at, student_at], axis=1), right)
        return student - brier_rows(np.stack([1 - at, at], axis=1), right)

    truth = float(np.mean(draw(2_000_000)))
    held = 0
    for _ in range(runs):
        rows = draw(n)
        resampled = np.concatenate([chunk @ rows / n for chunk in weight_chunks(n, 1000, rng)])
        found = centred_interval(float(rows.mean()), resampled, 0.95)
        assert found is not None
        held += found.low <= truth <= found.high
    assert held / runs >= LEAST


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("share", [0.005, 0.01, 0.02, 0.05, 0.1, 0.5])
@pytest.mark.parametrize("n", [50, 200, 1000])
def test_a_mean_that_few_rows_carry_is_held(n: int, share: float, noise: float) -> None:
    """Some rows differ, by much or by little, some the other way; the rest by nothing, or by next to nothing."""
    rng = np.random.default_rng(n)
    for low, high in ((0.2, 1.5), (0.02, 0.15), (-0.3, 0.9)):
        truth, held = share * (low + high) / 2, 0
        for _ in range(RUNS // 4):
            rows = rng.normal(0.0, noise, n) + (rng.random(n) < share) * rng.uniform(low, high, n)
            found = mean_interval(rows, 0.95)
            assert found is not None
            value = float(rows.mean())
            half = tail_stretch(rows - value, 0.95) * (found.high - value)
            held += abs(value - truth) <= max(half, unseen_half(n, 0.95))
        # Less than elsewhere by what a quarter of the runs may cost.
        assert held / (RUNS // 4) >= LEAST - 0.01, (low, high)


@pytest.mark.parametrize("lost", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("whole_groups", [False, True])
@pytest.mark.parametrize("groups", [20, 40, 100])
def test_the_score_interval_of_independent_rows_holds_the_truth_with_groups(
    groups: int, whole_groups: bool, lost: float
) -> None:
    """Losses of whole groups or of single examples, beside examples that change at random, in groups of all sizes."""
    rng = np.random.default_rng(groups)
    unequal = np.resize([1, 1, 2, 3, 4, 6, 8, 15], groups)
    for sizes in (np.full(groups, 5), np.full(groups, 20), unequal):
        group = np.repeat(np.arange(groups), sizes)
        n, runs, held = group.size, RUNS // 5, 0
        for _ in range(runs):
            bad = (rng.random(groups) < lost)[group] if whole_groups else rng.random(n) < lost
            luck = rng.random(n)
            change = np.where(luck < 0.03, -1.0, np.where(luck < 0.06, 1.0, -bad.astype(float)))
            worth = independent_rows(change, group) / n
            b, c = worth * int((change < 0).sum()), worth * int((change > 0).sum())
            low, high = difference_tango(worth * n - b - c, b, c, 0.0, 0.95)
            held += low <= -0.94 * lost <= high
        assert held / runs >= LEAST - 0.01, sizes[:8]
