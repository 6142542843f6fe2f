"""Intervals of what is right or wrong: shares, paired differences, paired ratios, and the ratio above chance."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from evalkit.metrics import accuracy
from evalkit.stats.interval import Interval
from evalkit.stats.paired import (
    difference_agresti_min,
    difference_newcombe,
    difference_tango,
    ratio_bonett_price,
    ratio_tang,
)
from evalkit.stats.proportion import clopper_pearson, wilson
from scripts.simulating.covering import Where, of_counts, of_tables
from scripts.simulating.figures import Figure, Scenario

SIZES = (50, 100, 300, 1000)
SHARES = (0.5, 0.8, 0.95, 0.99)
# Shares of the paired table: both right, teacher only, student only, both wrong.
TABLES = {
    "2 % differ, none lost on balance": (0.89, 0.01, 0.01, 0.09),
    "2 % differ, all lost": (0.88, 0.02, 0.0, 0.10),
    "10 % differ, none lost on balance": (0.80, 0.05, 0.05, 0.10),
    "10 % differ, 5 points lost": (0.80, 0.075, 0.025, 0.10),
    "20 % differ, 2 points lost": (0.70, 0.11, 0.09, 0.10),
    "weak models, 20 % differ": (0.20, 0.12, 0.08, 0.60),
}
CHANCE_TABLES = {
    "good teacher, 10 % differ": (0.80, 0.06, 0.04, 0.10),
    "weak teacher, 20 % differ": (0.40, 0.12, 0.08, 0.40),
}
CHOICES = 4


def scenarios() -> Iterator[Scenario]:
    """A scenario for each share or table and each number of examples."""
    for n in SIZES:
        for share in SHARES:
            yield Scenario(f"share/{share}/{n}", 20_000, partial(_shares, n=n, share=share))
        for name in TABLES:
            yield Scenario(f"paired/{name}/{n}", 3000, partial(_paired, n=n, name=name))
    for n in SIZES[1:]:
        for name in CHANCE_TABLES:
            yield Scenario(f"above-chance/{name}/{n}", 1500, partial(_above_chance, n=n, name=name))


def _shares(rng: np.random.Generator, runs: int, n: int, share: float) -> list[Figure]:
    def intervals(counts: tuple[int, ...], level: float) -> dict[str, Interval | None]:
        (k,) = counts
        return {"Wilson": wilson(k, n, level), "Clopper–Pearson": clopper_pearson(k, n, level)}

    def tables() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        none = np.zeros_like(drawn)
        return np.concatenate([drawn, none, none, n - drawn], axis=1)

    where = Where("shares", f"share {share:g}", n)
    drawn = rng.binomial(n, share, size=(runs, 1))
    return [
        *of_tables(where, {"accuracy.student": share}, tables(), accuracy.FAMILY.measure, CHOICES),
        *of_counts(where, {"Wilson": share, "Clopper–Pearson": share}, drawn, intervals),
    ]


def _paired(rng: np.random.Generator, runs: int, n: int, name: str) -> list[Figure]:
    def differences(cells: tuple[int, ...], level: float) -> dict[str, Interval | None]:
        a, b, c, d = cells
        return {
            "Tango": difference_tango(a, b, c, d, level),
            "Newcombe": difference_newcombe(a, b, c, d, level),
            "Agresti–Min": difference_agresti_min(a, b, c, d, level),
        }

    def ratios(cells: tuple[int, ...], level: float) -> dict[str, Interval | None]:
        a, b, c, d = cells
        return {"Tang": ratio_tang(a, b, c, d, level), "Bonett–Price": ratio_bonett_price(a, b, c, d, level)}

    shares = TABLES[name]
    a, b, c, _ = shares
    drawn = rng.multinomial(n, shares, size=runs)
    difference, ratio = c - b, (a + c) / (a + b)
    return [
        *of_counts(
            Where("paired differences", name, n),
            dict.fromkeys(("Tango", "Newcombe", "Agresti–Min"), difference),
            drawn,
            differences,
        ),
        *of_counts(Where("paired ratios", name, n), dict.fromkeys(("Tang", "Bonett–Price"), ratio), drawn, ratios),
    ]


def _above_chance(rng: np.random.Generator, runs: int, n: int, name: str) -> list[Figure]:
    shares = CHANCE_TABLES[name]
    a, b, c, _ = shares
    truth = (a + c - 1 / CHOICES) / (a + b - 1 / CHOICES)
    return of_tables(
        Where("ratio above chance", f"{name}, {CHOICES} choices", n),
        {"accuracy.retention_above_chance": truth},
        rng.multinomial(n, shares, size=runs),
        accuracy.FAMILY.measure,
        CHOICES,
    )
