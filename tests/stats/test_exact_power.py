"""The power of both gates, against the summed probability of every table that the gates' own statistics let pass."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, multinomial

from evalkit.stats.exact_power import MOST, exact_power, exact_retention_power
from evalkit.stats.normal import one_sided_z
from evalkit.stats.paired import difference_tango, ratio_tang
from evalkit.stats.paired_difference import tango_z


@pytest.mark.parametrize(
    ("n", "margin", "discordance", "difference"),
    [(1, 0.5, 0.3, 0.0), (12, 0.1, 0.3, -0.1), (25, 0.2, 0.2, 0.05), (30, 0.3, 0.5, -0.5), (30, 0.1, 0.0, 0.0)],
)
def test_the_power_is_the_summed_probability_of_every_passing_table(
    n: int, margin: float, discordance: float, difference: float
) -> None:
    b_share, c_share = (discordance - difference) / 2, (discordance + difference) / 2
    law = multinomial(n, [b_share, c_share, 1.0 - discordance])
    expected = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            if difference_tango(n - b - c, b, c, 0, 0.90).low > -margin:
                expected += float(law.pmf([b, c, n - b - c]))
    assert exact_power(n, margin, discordance, difference, 0.95) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "least", "teacher", "discordance", "difference"),
    [
        (1, 0.5, 0.6, 0.3, 0.0),
        (12, 0.6, 0.8, 0.3, -0.1),
        (18, 0.7, 0.5, 0.2, 0.05),
        (18, 0.5, 0.9, 0.2, 0.0),
        (15, 1.0, 0.6, 0.4, 0.4),
        (12, 0.8, 0.3, 0.0, 0.0),
        (10, 0.8, 1.0, 0.1, -0.1),
    ],
)
def test_the_power_of_a_retention_is_the_summed_probability_of_every_passing_table(
    n: int, least: float, teacher: float, discordance: float, difference: float
) -> None:
    b_share, c_share = (discordance - difference) / 2, (discordance + difference) / 2
    law = multinomial(n, [teacher - b_share, b_share, c_share, max(0.0, 1.0 - teacher - c_share)])
    expected = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            for a in range(n + 1 - b - c):
                table = (a, b, c, n - a - b - c)
                interval = ratio_tang(*table, 0.90)
                if interval is not None and interval.low > least:
                    expected += float(law.pmf(table))
    power = exact_retention_power(n, least, teacher, discordance, difference, 0.95)
    assert power == pytest.approx(expected, abs=1e-9)


def _slowly(n: int, margin: float, discordance: float, difference: float) -> float:
    """The same sum, every count of it, with the scalar statistic and scipy's binomial."""
    z, lost = one_sided_z(0.95), (discordance - difference) / (2 * discordance)
    total = 0.0
    fewest, most = (int(end) for end in binom.ppf([1e-12, 1 - 1e-12], n, discordance))
    for pairs in range(fewest, most + 1):
        passing, failing = -1, pairs + 1
        while failing - passing > 1:
            middle = (passing + failing) // 2
            good = tango_z(middle, pairs - middle, n, -margin) > z
            passing, failing = (middle, failing) if good else (passing, middle)
        total += float(binom.pmf(pairs, n, discordance) * binom.cdf(passing, pairs, lost))
    return total


@pytest.mark.parametrize(
    ("n", "margin", "discordance", "difference"),
    [(1578, 0.02, 0.1, 0.0), (300, 0.05, 0.3, -0.02), (40_000, 0.003, 0.06, -0.0002)],
)
def test_many_examples_are_no_other_matter(n: int, margin: float, discordance: float, difference: float) -> None:
    slow = _slowly(n, margin, discordance, difference)
    assert exact_power(n, margin, discordance, difference) == pytest.approx(slow, abs=1e-9)


@pytest.mark.parametrize(("n", "margin", "discordance"), [(200_000, 0.002, 0.1), (1_000_000, 0.002, 0.6)])
def test_what_is_skipped_of_the_counts_hardly_moves_the_power(n: int, margin: float, discordance: float) -> None:
    full = exact_power(n, margin, discordance, -0.0005, nodes=n)
    assert exact_power(n, margin, discordance, -0.0005) == pytest.approx(full, abs=1e-4)


@pytest.mark.parametrize(
    ("n", "least", "teacher", "discordance"),
    [(850, 0.97, 0.9, 0.1), (1500, 0.975, 0.9, 0.1), (3000, 0.97, 0.5, 0.2), (700, 0.96, 0.7, 0.12)],
)
def test_what_is_skipped_of_two_counts_hardly_moves_the_power(
    n: int, least: float, teacher: float, discordance: float
) -> None:
    full = exact_retention_power(n, least, teacher, discordance, nodes=(n, n))
    assert exact_retention_power(n, least, teacher, discordance) == pytest.approx(full, abs=5e-4)


@pytest.mark.parametrize("n", [200, 1000])
def test_at_a_drop_of_the_margin_the_gate_passes_as_rarely_as_its_level_says(n: int) -> None:
    assert exact_power(n, 0.05, 0.15, -0.05) == pytest.approx(0.05, abs=0.012)
    assert exact_retention_power(n, 0.95, 0.8, 0.15, -0.04) == pytest.approx(0.05, abs=0.012)


@settings(max_examples=25)
@given(
    n=st.integers(20, 400),
    margin=st.floats(0.02, 0.3),
    discordance=st.floats(0.02, 0.4),
    part=st.floats(-1.0, 1.0),
)
def test_power_lies_in_its_range_and_grows_with_the_margin(
    n: int, margin: float, discordance: float, part: float
) -> None:
    difference = part * discordance
    small, large = (exact_power(n, m, discordance, difference) for m in (margin, margin * 1.5))
    assert 0.0 <= small <= large + 1e-9 <= 1.0 + 1e-9
    strict, lax = (exact_retention_power(n, 1 - m, 0.5, discordance, difference) for m in (margin, margin * 1.5))
    assert 0.0 <= strict <= lax + 1e-9 <= 1.0 + 1e-9


def test_impossible_gates_are_refused() -> None:
    for n in (0, MOST + 1):
        with pytest.raises(ValueError, match="no such gate"):
            exact_power(n, 0.02, 0.1)
        with pytest.raises(ValueError, match="no such gate"):
            exact_retention_power(n, 0.95, 0.9, 0.1)
    with pytest.raises(ValueError, match="no such gate"):
        exact_power(100, 0.02, 0.1, -0.2)
    # The teacher cannot be right alone on more examples than it is right on.
    with pytest.raises(ValueError, match="no such gate"):
        exact_retention_power(100, 0.9, 0.04, 0.2)
    assert math.isfinite(exact_power(MOST, 0.02, 0.1))
