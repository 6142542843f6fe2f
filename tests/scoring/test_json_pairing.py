"""Pairing the items of lists: the best pairing there is, and an end to the search for it."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.scoring import json_pairing
from evalkit.scoring.amount import Tolerance
from evalkit.scoring.json_match import compared, normalise, size

TOLERANCES = st.sampled_from([Tolerance(), Tolerance(absolute=Fraction(1))])
plain = st.integers(0, 3).map(Fraction) | st.sampled_from(["x", "y"])
items = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
lists = st.lists(items, max_size=4).map(normalise)


def parts(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def is_near(one: Any, other: Any, reach: Tolerance) -> bool:
    both_numbers = isinstance(one, Fraction) and isinstance(other, Fraction)
    return abs(one - other) <= reach(one) if both_numbers else one == other


def most_right(target: Any, answer: Any, reach: Tolerance) -> int:
    """The largest number of right values that any pairing has, by trying them all."""
    if isinstance(target, dict) and isinstance(answer, dict):
        return sum(most_right(target[name], answer[name], reach) for name in target.keys() & answer.keys())
    if not isinstance(target, list) and not isinstance(answer, list):
        return 0 if isinstance(target, dict) or isinstance(answer, dict) else int(is_near(target, answer, reach))
    targets, answers = parts(target), parts(answer)
    few, many = sorted((targets, answers), key=len)
    best = 0
    for order in permutations(range(len(many)), len(few)):
        pairs = [(few[place], many[other]) for place, other in enumerate(order)]
        pairs = pairs if few is targets else [(other, each) for each, other in pairs]
        # In a list, values are paired with values, and objects and lists with such.
        alike = [(one, other) for one, other in pairs if isinstance(one, dict | list) == isinstance(other, dict | list)]
        best = max(best, sum(most_right(one, other, reach) for one, other in alike))
    return best


def right(target: Any, answer: Any, reach: Tolerance) -> int:
    return sum(each.right for each in compared(target, answer, reach)[0].values())


@given(target=lists, answer=lists, reach=TOLERANCES)
@settings(max_examples=1000)
def test_no_pairing_has_more_values_right(target: Any, answer: Any, reach: Tolerance) -> None:
    if target is not None and answer is not None:
        assert right(target, answer, reach) == most_right(target, answer, reach)


@given(target=lists, answer=lists, reach=TOLERANCES, seed=st.integers(0, 99))
def test_above_the_bound_every_value_is_still_counted_once_whatever_the_order(
    target: Any, answer: Any, reach: Tolerance, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pairing, "MOST_WORK", 0)
        found, rough = compared(target, answer, reach)
        other = random.Random(seed).sample(parts(answer), len(parts(answer))) or None
        assert compared(target, other if other is None or len(other) > 1 else other[0], reach) == (found, rough)
        own = compared(target, target, reach)
    assert sum(each.right + each.missed for each in found.values()) == size(target)
    assert sum(each.right + each.spurious for each in found.values()) == size(answer)
    assert sum(each.right for each in found.values()) <= right(target, answer, reach)
    # What is equal is found all the same.
    assert sum(each.right for each in own[0].values()) == size(target)
    assert own[1] == []


def many(count: int, shift: int) -> dict[str, Any]:
    return {"i": [{"n": f"n{each + shift}", "p": Fraction(each % 5), "q": Fraction(each % 3)} for each in range(count)]}


def test_lists_too_long_for_every_pairing_are_named() -> None:
    found, rough = compared(many(1500, 0), many(1500, 10_000), Tolerance())
    assert rough == ["i"]
    assert sum(each.right + each.missed for each in found.values()) == 4500
    assert compared(many(60, 0), many(60, 30), Tolerance())[1] == []


@pytest.mark.parametrize("reach", [Tolerance(), Tolerance(relative=Fraction(1, 100))])
def test_a_record_said_over_and_over_is_right_once(reach: Tolerance) -> None:
    target = many(60, 0)
    found, rough = compared(target, {"i": target["i"][3:4] * 1600}, reach)
    assert rough == []
    assert {name: (each.right, each.spurious) for name, each in found.items() if name == "i.n"} == {"i.n": (1, 1599)}
    assert compared(target, {"i": target["i"] * 20}, reach)[0]["i.n"].right == 60


@pytest.mark.parametrize("reach", [Tolerance(), Tolerance(absolute=Fraction(1, 2))])
@pytest.mark.parametrize("depth", [8, 11])
def test_lists_of_lists_of_lists_come_to_an_end(depth: int, reach: Tolerance) -> None:
    luck = random.Random(1)

    def halves(left: int) -> Any:
        return [halves(left - 1), halves(left - 1)] if left else Fraction(luck.randrange(100))

    found, rough = compared({"a": halves(depth)}, {"a": halves(depth)}, reach)
    assert found["a"].right + found["a"].missed == 2**depth
    assert rough == ([] if depth == 8 else ["a"])


def test_of_one_forest_equal_values_are_one_node() -> None:
    forest = json_pairing.Forest(Tolerance())
    one, other = ({"b": Fraction(1), "a": ["x", "y"]}, {"a": ["y", "x"], "b": Fraction(2, 2)})
    assert forest.node(one) is forest.node(other)
    assert forest.node(one) is not forest.node({"a": ["y", "x"]})
