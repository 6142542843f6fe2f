"""Digits never lie about which side of a bound a number is on."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalkit import figures
from evalkit.types import Estimate

UNITS = [
    *("share", "ratio", "difference", "nats", "count", "seconds", "bytes", "FLOP", "per second"),
    *("p-value", "score", "number"),
]
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NEAR = st.floats(-1.5, 1.5)


def estimate(value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(value=value, low=low, high=high, level=0.9, n=10, method="any")


def read(shown: str) -> Decimal:
    """The number in a string, as a reader takes it."""
    found = re.match(r"[+-]?[0-9.]+(E[+-]?\d+)?", shown.replace("−", "-"))
    assert found, shown
    return Decimal(found[0])


@pytest.mark.parametrize(
    ("value", "unit", "metric", "shown"),
    [
        (0.972, "share", "accuracy.student", "97.2 %"),
        (0.951, "ratio", "accuracy.retention", "95.1 %"),
        (2.596, "ratio", "latency.speedup.p50", "2.60×"),
        (-0.049, "difference", "accuracy.difference", "−4.9 pts"),
        (0.004, "difference", "accuracy.difference", "+0.4 pts"),
        (-0.0, "difference", "accuracy.difference", "0.0 pts"),
        (0.00001, "share", "", "0.001 %"),
        (71.0, "count", "", "71"),
        (0.0841, "seconds", "", "84.1 ms"),
        (1.25, "seconds", "", "1.25 s"),
        (437_928_960.0, "bytes", "", "437.9 MB"),
        (133_312.0, "FLOP", "", "133.31 kFLOP"),
        (2.5e12, "FLOP", "", "2.50 TFLOP"),
        (1234.56, "per second", "", "1234.6 /s"),
        (0.08123, "nats", "", "0.0812 nats"),
        (0.0593, "score", "calibration.brier.difference", "+0.059"),
        (0.2, "p-value", "", "0.200"),
        (0.0004, "p-value", "", "< 0.001"),
        (float("inf"), "ratio", "accuracy.retention", "∞ %"),
    ],
)
def test_a_number_is_written_in_its_unit(value: float, unit: str, metric: str, shown: str) -> None:
    assert figures.number(value, unit, metric=metric) == shown


def test_digits_grow_until_the_side_of_the_bound_shows() -> None:
    shown = figures.against(estimate(0.9712, 0.96996, 0.9725), 0.97, "ratio")
    assert (shown.value, shown.interval, shown.bound) == ("97.120 %", "[96.996, 97.250]", "97.000 %")


def test_a_bound_is_shown_in_full() -> None:
    assert figures.against(estimate(0.5, 0.4, 0.6), 0.9725, "share").bound == "97.25 %"


def test_an_exact_number_says_so_and_a_p_value_has_no_interval() -> None:
    assert figures.against(estimate(3.0, 3.0, 3.0), 0, "count").interval == "exact"
    assert figures.against(estimate(0.2, None, None), None, "p-value").interval == ""


@given(FLOATS | NEAR, FLOATS | NEAR, st.sampled_from(UNITS))
@example(0.97, 0.9700000000000001, "share")
@example(5e-324, 0.0, "share")
@example(1e300, 1.0000000000000002e300, "bytes")
def test_a_number_and_its_bound_look_equal_only_if_they_are(value: float, bound: float, unit: str) -> None:
    shown = figures.against(estimate(value, value, value), bound, unit)
    assert shown.bound is not None
    assert (shown.value == shown.bound) == (value == bound)


@given(NEAR, NEAR, NEAR, NEAR, st.sampled_from(UNITS))
def test_rounding_never_crosses_the_bound(one: float, two: float, three: float, bound: float, unit: str) -> None:
    low, value, high = sorted((one, two, three))
    shown = figures.against(estimate(value, low, high), bound, unit)
    assert shown.low is not None
    assert shown.high is not None
    assert shown.bound is not None
    wall = read(shown.bound)
    for number, words in ((value, shown.value), (low, shown.low), (high, shown.high)):
        assert (number < bound) == (read(words) < wall)
        assert (number > bound) == (read(words) > wall)


@given(NEAR, NEAR, NEAR, st.sampled_from(UNITS))
def test_the_ends_of_an_interval_stay_apart_and_in_order(one: float, two: float, three: float, unit: str) -> None:
    low, value, high = sorted((one, two, three))
    shown = figures.against(estimate(value, low, high), None, unit)
    if unit != "p-value":
        assert shown.low is not None
        assert shown.high is not None
        assert read(shown.low) <= read(shown.value) <= read(shown.high)
        if high - low > 1e-8:
            assert read(shown.low) < read(shown.high)


@given(FLOATS)
def test_the_exact_form_is_the_same_float(value: float) -> None:
    assert float(figures.exact(value)) == value
