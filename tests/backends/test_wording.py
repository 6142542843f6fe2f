"""Texts and errors, as they can be passed on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.wording import LONGEST, first_line, shown


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_what_is_shown_can_be_encoded_and_is_shown_the_same_again(text: str) -> None:
    assert shown(text).encode("utf-8").decode("utf-8") == shown(shown(text)) == shown(text)


@given(st.text())
def test_a_text_without_half_pairs_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_of_an_error_its_first_line_is_kept_or_its_name() -> None:
    assert first_line(ValueError("\n one \ntwo")) == "one "
    assert first_line(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert len(first_line(ValueError("x" * 1000))) == LONGEST
