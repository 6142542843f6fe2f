"""Fixed columns: nothing is wider than it may be, and a bar never lies about its bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.columns import bar, clip, fold, middle, span, width

WORDS = st.text(st.sampled_from("ab 漢🙂e\u0301-"), max_size=80)
NUMBERS = st.floats(-10, 10) | st.sampled_from([0.0, 1.0, 1e-9, -1e-9, 0.97, 0.9700001])


def test_wide_characters_take_two_columns_and_combining_marks_none() -> None:
    assert width("漢字") == 4
    assert width("e\u0301") == 1


@given(WORDS, st.integers(0, 40))
def test_a_cut_text_fits(words: str, columns: int) -> None:
    assert width(clip(words, columns)) <= columns
    assert width(middle(words, columns)) <= columns


@given(WORDS, st.integers(8, 40))
def test_folded_lines_fit_and_lose_no_character(words: str, columns: int) -> None:
    lines = fold(words, columns, first="> ", rest="  ")
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()).removeprefix(">") == "".join(words.split())


@given(st.integers(22, 60))
def test_a_number_keeps_its_unit_and_a_bound_its_sign(columns: int) -> None:
    said = "seen 94.6 % of it, −14.3 pts less (n 2000), which needs ≥ 97.0 % and took 84.0 ms in all or 3 s"
    flat = "\n".join(fold(said, columns, first="  ", rest="    "))
    for whole in ("94.6 %", "−14.3 pts", "(n 2000)", "≥ 97.0 %", "84.0 ms", "3 s"):
        assert whole in flat


def test_a_long_id_keeps_both_of_its_ends() -> None:
    assert middle("retention-on-gold-suite-de", 11) == "reten…te-de"


@pytest.mark.parametrize(
    ("low", "value", "high", "bound", "drawn"),
    [
        (0.93, 0.951, 0.97, 0.975, "├──────●──────┤ ┆"),
        (0.93, 0.951, 0.9749, 0.975, "├──────●───────┤┆"),
        (0.0, 5.0, 10.0, 5.0, "├───────●───────┤"),
        (0.0, 2.0, 10.0, 5.0, "├──●────┼───────┤"),
    ],
)
def test_a_bar_is_drawn_as_the_reader_expects(low: float, value: float, high: float, bound: float, drawn: str) -> None:
    assert bar(span([low, value, high, bound]), value, low, high, bound) == drawn


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.lists(NUMBERS, max_size=3))
def test_an_interval_end_never_lands_on_or_beyond_a_bound_that_it_does_not_reach(
    one: float, two: float, three: float, bound: float, others: list[float]
) -> None:
    low, value, high = sorted((one, two, three))
    drawn = bar(span([low, value, high, bound, *others]), value, low, high, bound)
    assert len(drawn) == 17
    filled = [place for place, char in enumerate(drawn) if char in "├┤─●┼"]
    wall = next((place for place, char in enumerate(drawn) if char in "┆┼"), None)
    if high < bound:
        assert wall is not None
        assert max(filled) < wall
    elif low > bound:
        assert wall is not None
        assert min(filled) > wall
    elif low < bound < high and value != bound:
        assert wall is not None
        assert min(filled) < wall < max(filled)
