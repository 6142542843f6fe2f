"""Do the intervals hold the truth as often as they say? Simulated, and therefore slow."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.calibration import brier_rows
from evalkit.stats.mean import cluster_mean
from evalkit.stats.paired import difference_tango, ratio_tang
from evalkit.stats.proportion import wilson
from evalkit.stats.resample import centred_interval, weight_chunks

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
