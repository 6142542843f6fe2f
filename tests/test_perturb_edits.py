"""Edits of a text: all of them are made, whatever their order, and none moves another's place."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from evalkit.perturb.edits import Edit, edited


@st.composite
def edits_of_a_text(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(st.text(max_size=30))
    ends = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    found = [(start, end, draw(st.text(max_size=3))) for start, end in pairwise(ends)]
    return text, draw(st.lists(st.sampled_from(found), unique=True)) if found else []


@given(edits_of_a_text(), st.integers(0, 100))
def test_it_is_as_if_each_were_made_by_itself_from_the_end(given_: tuple[str, list[Edit]], seed: int) -> None:
    text, edits = given_
    expected = text
    for start, end, instead in sorted(edits, reverse=True):
        expected = expected[:start] + instead + expected[end:]
    assert edited(text, edits) == expected
    assert edited(text, iter(random.Random(seed).sample(edits, len(edits)))) == expected


def test_edits_stand_where_they_should() -> None:
    assert edited("one two", [(7, 7, "!"), (0, 3, "1"), (0, 0, "> "), (3, 4, "")]) == "> 1two!"
    assert edited("as it is", []) == "as it is"


def test_many_edits_of_a_long_text_are_all_made() -> None:
    places = range(0, 400_000, 2)
    assert edited("ab" * 200_000, ((place, place + 1, "x") for place in places)) == "xb" * 200_000
