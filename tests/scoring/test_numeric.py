"""Numeric: which number an answer ends in, however it is written."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.scoring.amount import canonical, exact
from evalkit.scoring.numeric import LONGEST
from tests.scoring import one

GSM8K = Path(__file__).parents[3] / "shared" / "data" / "gsm8k" / "recorded_solutions_400.parquet"


def read(text: str) -> str | None:
    return one.judge("numeric", None, text).answer


@pytest.mark.skipif(not GSM8K.exists(), reason="needs the shared folder's recorded GSM8K solutions")
def test_every_published_judgement_of_gsm8k_is_ours() -> None:
    import pandas

    rows = pandas.read_parquet(GSM8K)
    assert len(rows) == 1600
    wrong = [
        (row.id, row.model)
        for row in rows.itertuples()
        if one.judge("numeric", row.ground_truth, row.solution).correct != row.is_correct
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        # Plain numbers, and what stands around them.
        ("18", "18"), ("18.", "18"), ("18.00", "18"), ("007", "7"), (".5", "0.5"), ("...5", "5"), ("1e3", "1000"),
        ("$18", "18"), ("18 €", "18"), ("50%", "50"), ("5km", "5"), ("18th", "18"), ("USD18", "18"), ("90°", "90"),
        ("-5", "-5"), ("−5", "-5"), ("-$5", "-5"), ("$-5", "-5"), ("+5", "5"), ("10-5", "5"), ("x=-5", "-5"),
        # Thousands.
        ("1,234", "1234"), ("1 234", "1234"), ("1\u202f234\u202f567", "1234567"), ("1'234", "1234"), ("1’234", "1234"),
        ("1_000", "1000"), ("12,34,567", "1234567"), ("1,234.50", "1234.5"), ("1.234.567", "1234567"),
        # Which of the two is it? The English way, unless it cannot be.
        ("1.234", "1.234"), ("1.234,5", "1234.5"), ("1 234,5", "1234.5"), ("1,5", "1.5"), ("0,125", "0.125"),
        ("1234,567", "1234.567"), ("1,2,3", "3"), ("1, 2, 3", "3"),
        # Fractions, powers, scales.
        ("3/4", "0.75"), ("3 / 4", "0.75"), ("1 1/2", "1.5"), ("½", "0.5"), ("1½", "1.5"),
        ("1/3", "1/3"), ("2/6", "1/3"),
        ("-1/3", "-1/3"), ("5 10/2", "5"), ("3 × 10^6", "3000000"), ("10⁻³", "0.001"), ("10**6", "1000000"),
        ("1.5 million", "1500000"), ("25 m²", "25"), ("x² = 4", "4"), ("CO2 18 g", "18"),
        # Other scripts' digits.
        ("３．５", "3.5"), ("٣", "3"), ("答案是18个", "18"),
        # LaTeX.
        (r"\boxed{18}", "18"), (r"\boxed{\frac{3}{4}} of 5", "0.75"), (r"\boxed{1\frac12}", "1.5"), 
        (r"$\$1{,}234$", "1234"),
        (r"\boxed{18\text{ of }20 = 18}", "18"),
        (r"\boxed{} 7", "7"), (r"90^\circ", "90"), (r"\(3 \times 10^{4}\)", "30000"),
        # Where it stands.
        ("9 * 2 = 18", "18"), ("A: 18 eggs", "18"), ("9 eggs\n#### 18", "18"),
        ("The answer is **$18** (9 × $2).", "18"),
        ("Answer: 9 × 2 = 18 dollars for 9 eggs", "18"), ("Answer: 9 × 2 = 18 dollars", "18"),
        ("Answer: 18 = 9 × 2", "18"),
        ("The final answer is: x = 18, since 9 × 2 is", "18"), ("Answer: She sells 9 and makes 18", "18"),
        ("I get 18. I hope the answer is right.", "18"), ("Answer:\n\n$$18$$", "18"), ("A: 1\nQ: 5?\nA: 2", "2"),
        ("#### 2. Multiply\n9 × 2 is 18", "18"), ("9 <<3*3=9>>", "9"), ("9 <<3*3=", "9"), ("she pays 5 <<5*", "5"),
    ],
)  # fmt: skip
def test_numbers_as_people_and_models_write_them(text: str, number: str) -> None:
    assert read(text) == number


UNREADABLE = [
    "eighteen", "A: none of five", "it is 18\nA:", "18, so A: unknown", "2^10", "5/0", "1e999999999", "1" * 5000,
    r"\boxed{B}", "1/" + "0" * 10, "....", "-", "$",
]  # fmt: skip


@pytest.mark.parametrize("text", UNREADABLE, ids=lambda text: text[:20])
def test_a_text_without_a_readable_number_is_unparsable(text: str) -> None:
    found = one.judge("numeric", "18", text)
    assert (found.correct, found.answer, found.unparsable) == (False, None, True)
    assert found.why


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_a_number_is_read_as_it_was_written(number: Decimal) -> None:
    written = [str(number), f"{number:,}", f"{number:f}00", f"${number:,.4f}.", f"so x = {number:,} kg", f"A: {number}"]
    want = canonical(Fraction(number))
    assert {read(each) for each in written} == {want}
    assert Fraction(want) == Fraction(number)


@given(st.fractions())
def test_equal_values_have_one_text_that_reads_as_the_value(value: Fraction) -> None:
    text = canonical(value)
    assert read(text) == text
    assert Fraction(text) == value
    assert exact(text) == (None if "/" in text else value)


def test_the_target_may_be_a_worked_solution() -> None:
    solution = "9 eggs at $2 are <<9*2=18>>18.\nA: 18"
    assert one.judge("numeric", solution, "18.0 dollars").correct is True
    assert one.judge("numeric", solution, "9").correct is False


def test_a_target_without_a_number_is_never_right_and_says_so() -> None:
    found = one.judge("numeric", "eighteen", "18")
    assert (found.correct, found.answer) == (False, "18")
    assert "of the target" in found.why


@pytest.mark.parametrize(
    ("target", "answer", "settings", "right"),
    [
        ("0.3", "0.30000000000000004", {}, False),
        ("0.3", "0.4", {"tolerance": 0.1}, True),  # a tenth exactly: in floats 0.4 - 0.3 is more
        ("0.3", "0.4000001", {"tolerance": 0.1}, False),
        ("200", "202", {"relative_tolerance": 0.01}, True),
        ("200", "202.1", {"relative_tolerance": 0.01}, False),
        ("-200", "-198", {"relative_tolerance": 0.01}, True),
        ("200", "203", {"tolerance": 1, "relative_tolerance": 0.01}, True),
        ("0", "0.001", {"relative_tolerance": 0.5}, False),
        ("1/3", "0.333", {"tolerance": 0.001}, True),
        ("1/3", "0.333", {}, False),
    ],
)
def test_a_tolerance_is_kept_to_the_digit(target: str, answer: str, settings: dict[str, float], right: bool) -> None:
    assert one.judge("numeric", target, answer, **settings).correct is right


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6), st.integers(0, 1000))
def test_a_larger_tolerance_never_makes_a_right_answer_wrong(target: int, answer: int, tolerance: int) -> None:
    near = one.judge("numeric", str(target), str(answer), tolerance=tolerance).correct
    assert near == (abs(target - answer) <= tolerance)
    assert one.judge("numeric", str(target), str(answer), tolerance=tolerance + 1).correct or not near


def test_of_a_very_long_text_the_end_is_read_and_the_answer_says_so() -> None:
    long = "word " * (LONGEST // 5)
    for text, answer in ((f"#### 7\n{long} so 8", "8"), (f"7 {long} 8 {long[10:]}", "8")):
        found = one.judge("numeric", "8", text)
        assert (found.correct, found.answer) == (True, answer)
        assert f"last {LONGEST} characters" in found.why
    lost = one.judge("numeric", "7", "A: 7 " + long)
    assert (lost.correct, lost.unparsable) == (False, True)
    assert f"last {LONGEST} characters" in lost.why
    # The target is read by the same rules.
    assert one.judge("numeric", f"7 {long} 8", "8").correct is True


def test_a_number_that_was_cut_in_two_is_no_number() -> None:
    rest = " " + "word " * (LONGEST // 5 - 2) + "end."
    found = one.judge("numeric", "34.5", "8" * LONGEST + "34.5" + rest)
    assert found.unparsable
    assert "no number" in found.why


@pytest.mark.parametrize(("text", "want"), [("1e-990", 990), ("3e-512", 512), ("5e-3", 3), ("2e-1", 1)])
def test_a_small_number_has_all_its_places(text: str, want: int) -> None:
    value = exact(text)
    assert value is not None
    assert canonical(value) == "0." + text[0].rjust(want, "0")
