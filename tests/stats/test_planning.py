"""Examples needed and margins shown keep the power that they promise, by the exact power and by simulating the gate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.exact_power import MOST, exact_power, exact_retention_power
from evalkit.stats.normal import one_sided_z
from evalkit.stats.paired_difference import tango_z
from evalkit.stats.paired_ratio import tang_z
from evalkit.stats.planning import largest_retention, needed_for_difference, needed_for_retention, smallest_margin
from evalkit.stats.power_formulas import minimum_detectable_drop, sample_size, sample_size_quick

DIFFERENCES = [
    (0.2, 0.1, 0.0, 0.8),
    (0.1, 0.02, 0.0, 0.8),
    (0.05, 0.1, 0.0, 0.9),
    (0.05, 0.05, -0.01, 0.8),
    (0.02, 0.05, 0.0, 0.8),
    (0.03, 0.3, 0.01, 0.7),
]


@pytest.mark.parametrize(("margin", "discordance", "difference", "power"), DIFFERENCES)
def test_so_many_examples_and_any_number_above_have_the_power_and_one_fewer_has_not(
    margin: float, discordance: float, difference: float, power: float
) -> None:
    needed = needed_for_difference(margin, discordance, difference, 0.95, power)
    assert needed.exact
    n = needed.examples
    above = [*range(n, n + 150), *range(n, 3 * n, max(1, n // 20))]
    assert min(exact_power(each, margin, discordance, difference) for each in above) >= power
    assert exact_power(n - 1, margin, discordance, difference) < power


@pytest.mark.parametrize(
    ("least", "teacher", "discordance", "difference"),
    [(0.9, 0.9, 0.1, 0.0), (0.85, 0.5, 0.1, 0.0), (0.9, 0.8, 0.15, -0.01), (0.8, 0.95, 0.04, 0.0)],
)
def test_so_many_examples_have_the_power_to_show_a_retention_and_one_fewer_has_not(
    least: float, teacher: float, discordance: float, difference: float
) -> None:
    needed = needed_for_retention(least, teacher, discordance, difference)
    assert needed.exact
    n = needed.examples
    above = [*range(n, n + 20), *range(n, 2 * n, max(1, n // 5))]
    assert min(exact_retention_power(each, least, teacher, discordance, difference) for each in above) >= 0.8
    assert exact_retention_power(n - 1, least, teacher, discordance, difference) < 0.8


def test_the_textbook_formula_falls_short_where_the_exact_number_does_not() -> None:
    quick, needed = sample_size_quick(0.02, 0.05), needed_for_difference(0.02, 0.05).examples
    assert quick < needed < sample_size(0.02, 0.05)
    assert exact_power(quick, 0.02, 0.05) == pytest.approx(0.777, abs=0.001)
    assert exact_power(needed, 0.02, 0.05) >= 0.8


@given(
    n=st.integers(30, 20_000),
    discordance=st.floats(0.01, 0.5),
    part=st.floats(-0.3, 0.0),
)
@settings(max_examples=20, deadline=None)
def test_the_smallest_margin_has_the_power_and_a_smaller_one_has_not(n: int, discordance: float, part: float) -> None:
    difference = part * discordance
    margin = smallest_margin(n, discordance, difference)
    assert 0.0 < margin <= 1.0
    assert exact_power(n, margin, discordance, difference) >= 0.8 or margin == 1.0
    less = max(0.0, -difference) + (margin - max(0.0, -difference)) * 0.999
    assert exact_power(n, less, discordance, difference) < 0.8


@pytest.mark.parametrize(("n", "teacher"), [(300, 0.9), (150, 0.5), (20_000, 0.7)])
def test_the_largest_retention_has_the_power_and_a_larger_one_has_not(n: int, teacher: float) -> None:
    least = largest_retention(n, teacher, 0.1)
    assert 0.0 < least < 1.0
    assert exact_retention_power(n, least, teacher, 0.1) >= 0.8
    assert exact_retention_power(n, 1 - (1 - least) * 0.999, teacher, 0.1) < 0.8


def test_a_student_that_is_truly_better_is_shown_to_lose_nothing() -> None:
    assert 0.0 < smallest_margin(2000, 0.2, 0.1) < 1e-6
    assert 1 - 1e-6 < largest_retention(2000, 0.5, 0.2, 0.1) < 1.0


def test_one_example_shows_nothing() -> None:
    assert smallest_margin(1, 0.5) == 1.0
    assert largest_retention(1, 0.6, 0.5) == 0.0


def test_the_detectable_drop_in_closed_form_is_near_the_exact_one() -> None:
    for n, discordance in ((300, 0.1), (1000, 0.05), (5000, 0.2)):
        closed = minimum_detectable_drop(n, discordance)
        assert smallest_margin(n, discordance) == pytest.approx(closed, rel=0.1)


def test_beyond_what_can_be_summed_the_closed_form_answers_and_says_so() -> None:
    needed = needed_for_difference(0.0001, 0.1)
    assert (needed.examples, needed.exact) == (sample_size(0.0001, 0.1), False)
    assert needed.examples > MOST
    assert not needed_for_retention(0.9999, 0.9, 0.1).exact


def test_what_is_not_so_takes_more_than_any_number() -> None:
    with pytest.raises(ValueError, match="no number"):
        needed_for_difference(0.02, 0.1, -0.02)
    with pytest.raises(ValueError, match="no number"):
        needed_for_retention(0.97, 0.9, 0.1, -0.03)


RUNS = 40_000


@pytest.mark.slow
@pytest.mark.parametrize(("margin", "discordance", "difference", "power"), [*DIFFERENCES, (0.01, 0.1, -0.001, 0.8)])
def test_the_simulated_gate_passes_as_often_as_is_promised(
    margin: float, discordance: float, difference: float, power: float
) -> None:
    n = needed_for_difference(margin, discordance, difference, 0.95, power).examples
    rng = np.random.default_rng([n, 1])
    drawn = rng.multinomial(n, [(discordance - difference) / 2, (discordance + difference) / 2, 1 - discordance], RUNS)
    tables, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
    z = one_sided_z(0.95)
    passed = [tango_z(int(b), int(c), n, -margin) > z for b, c in tables]
    simulated = float(np.sum(counts[passed])) / RUNS
    # The promise within a point; and the computed power within the simulation's own error (4 standard errors).
    assert simulated >= power - 0.01
    assert simulated == pytest.approx(exact_power(n, margin, discordance, difference), abs=0.0085)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("least", "teacher", "discordance", "difference"),
    [
        (0.9, 0.9, 0.1, 0.0),
        (0.97, 0.9, 0.1, 0.0),
        (0.85, 0.5, 0.1, 0.0),
        (0.9, 0.8, 0.15, -0.01),
        (0.99, 0.8, 0.05, 0.0),
    ],
)
def test_the_simulated_gate_on_a_retention_passes_as_often_as_is_promised(
    least: float, teacher: float, discordance: float, difference: float
) -> None:
    n = needed_for_retention(least, teacher, discordance, difference).examples
    lost, gained = (discordance - difference) / 2, (discordance + difference) / 2
    rng = np.random.default_rng([n, 2])
    drawn = rng.multinomial(n, [teacher - lost, lost, gained, 1 - teacher - gained], RUNS)
    tables, counts = np.unique(drawn[:, :3], axis=0, return_counts=True)
    z = one_sided_z(0.95)
    passed = [tang_z(int(a), int(b), int(c), n, least) > z for a, b, c in tables]
    simulated = float(np.sum(counts[passed])) / RUNS
    assert simulated >= 0.8 - 0.01
    assert simulated == pytest.approx(exact_retention_power(n, least, teacher, discordance, difference), abs=0.0085)
