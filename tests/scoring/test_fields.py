"""Fields: finding a record in what a model wrote, and holding it against another, field by field."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.scoring.amount import Tolerance
from evalkit.scoring.json_match import compared, normalise, size, written
from evalkit.scoring.json_text import object_in
from tests.scoring import one

# --- finding it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b": "x"}',
        'Sure! {"a": 1, "b": "x"} Anything else?',
        '```json\n{"a": 1, "b": "x"}\n```\nIn short: {"a": 2}',
        '```\n{"a": 1, "b": "x"}',
        '```python\nprint(1)\n```\n{"a": 1, "b": "x"}',
        '{"a": 9}\nNo, wait:\n{"a": 1, "b": "x"}',
        '[{"a": 1, "b": "x"}]',
        '{"a": 1, "b": "x",}',
        "{'a': 1, 'b': 'x'}",
        '{"a": 0, "a": 1, "b": "x"}',
        'of \\frac{1}{2} and {x} and {"no": json here} comes {"a": 1, "b": "x"} and {}',
        '{\n "a" : 1.0 ,\n "b" :"x", "c": None, "d": null, "e": "", "f": [], "g": {"h": NaN}\n}',
        '{"a": 1, "b": "\\u0078"}',
        "{'a': 1, 'b': '\\x78'}",
    ],
)
def test_a_record_is_found_in_what_stands_around_it(text: str) -> None:
    found = one.judge("fields", '{"a": 1, "b": "x"}', text)
    assert (found.correct, found.answer) == (True, '{"a":1,"b":"x"}'), found.why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nothing of the kind", "no JSON object"),
        ('{"a": 1, "b": {"c": 2}, "d', "breaks off"),
        ('draft: {"a": 1}; final: {"a": 1, "b": ', "breaks off"),
        ('```json\n{"a": 1}\n```\n```json\n{"a": 1, ', "breaks off"),
        ('[{"a": 1}, {"a": 2}]', "a list of 2"),
        ('{"a": [1 2]}', "no JSON object"),
        ('{"a": 01}', "no JSON object"),
        ('{"a": __import__("os")}', "no JSON object"),
        ('{"a":' * 60 + "1" + "}" * 60, "deeper than 50"),
        ('{"a": [' + "1, " * 6000 + "1]}", "more than 5000 values"),
        ('{"a": "' + "x" * 100_001 + '"}', "longer than 100000"),
        # Each opening is read to the same far place before it turns out to be none.
        ('{"a": [' * 20 + "1, " * 20_000 + "?", "too many JSON objects"),
        ("```\n" + '{"a": [' * 20 + "1, " * 20_000 + '?\n```\n{"a": 1}', "too many JSON objects"),
    ],
)
def test_what_is_no_record_is_unparsable_and_says_why(text: str, why: str) -> None:
    found = one.judge("fields", '{"a": 1}', text)
    assert (found.correct, found.answer, found.unparsable) == (False, None, True)
    assert why in found.why


def test_a_record_is_found_after_many_that_are_none() -> None:
    found = one.judge("fields", '{"a": 1}', '{"a" 1} ' * 10_000 + '{"a": 1}')
    assert (found.correct, found.answer) == (True, '{"a":1}')


@pytest.mark.parametrize(
    "text", ["'it\\'s \"so\"'", "'\\\\'", "'tab\\tand\\nline'", "'\\u00e9'", '"it\'s"', "''", "'\\x41\\x42'"]
)
def test_a_python_string_is_read_as_python_reads_it(text: str) -> None:
    import ast

    found, _ = object_in(f"{{'a': {text}}}")
    assert found == {"a": ast.literal_eval(text)}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["", "10", "10.0", "007", "true", "X", "x ", "1,5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
records = st.dictionaries(st.sampled_from("abcde") | st.text(max_size=4), json_values, max_size=4)


@given(record=records, before=st.sampled_from(["", "So: ", "```json\n"]), indent=st.sampled_from([None, 2]))
def test_whatever_json_writes_is_found(record: dict[str, Any], before: str, indent: int | None) -> None:
    found, why = object_in(before + json.dumps(record, indent=indent))
    assert found == json.loads(json.dumps(record), parse_int=Fraction, parse_float=Fraction), why


# --- holding it against another --------------------------------------------------------------------------


def compared_form(record: Any) -> Any:
    """The record as it is compared, by way of its text."""
    found, why = object_in(json.dumps(record))
    assert found is not None, why
    return normalise(found)


def counts(target: Any, answer: Any, **settings: Any) -> dict[str, tuple[int, int, int]]:
    """(right, spurious, missed) by field."""
    found = one.judge("fields", json.dumps(target), json.dumps(answer), **settings)
    assert found.fields is not None
    got = {name: (each.right, each.spurious, each.missed) for name, each in found.fields.items()}
    assert found.correct == all(not spurious and not missed for _, spurious, missed in got.values())
    return got


@pytest.mark.parametrize(
    ("target", "answer", "want"),
    [
        ({"a": 1}, {"a": 1}, {"a": (1, 0, 0)}),
        ({"a": 1}, {"a": 2}, {"a": (0, 1, 1)}),
        ({"a": 1}, {}, {"a": (0, 0, 1)}),
        ({"a": 1}, {"a": None}, {"a": (0, 0, 1)}),
        ({"a": None}, {}, {}),
        ({"a": None}, {"a": ""}, {}),
        ({"a": None}, {"a": 3}, {"a": (0, 1, 0)}),
        ({}, {"a": 3}, {"a": (0, 1, 0)}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a.b": (1, 0, 0), "a.c": (0, 0, 1)}),
        ({"a": ["x", "y", "y"]}, {"a": ["y", "x"]}, {"a": (2, 0, 1)}),
        ({"a": ["x"]}, {"a": "x"}, {"a": (1, 0, 0)}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": (0, 0, 1), "a.b": (0, 1, 0)}),
        # Prices belong to their names: swapping them is two mistakes, not none.
        (
            {"i": [{"n": "pen", "p": 1}, {"n": "ink", "p": 2}]},
            {"i": [{"n": "ink", "p": 2}, {"n": "pen", "p": 1}]},
            {"i.n": (2, 0, 0), "i.p": (2, 0, 0)},
        ),
        ({"i": [{"n": "pen", "p": 1, "q": 7}, {"n": "ink"}]}, {"i": [{"n": "ink", "p": 1, "q": 7}]},
         {"i.n": (0, 1, 2), "i.p": (1, 0, 0), "i.q": (1, 0, 0)}),
        ({"m": [[1, 2], [3, 4]]}, {"m": [[1, 3], [2, 4]]}, {"m": (2, 2, 2)}),
    ],
)  # fmt: skip
def test_what_becomes_of_each_field(target: Any, answer: Any, want: dict[str, tuple[int, int, int]]) -> None:
    assert counts(target, answer) == want


@pytest.mark.parametrize(
    ("one_way", "other", "equal"),
    [
        (10, 10.0, True), (10, "10", True), ("10.0", 10, True), (1e3, 1000, True), (-0.0, 0, True),
        ("007", 7, False), ("1,000", 1000, False), ("1e3", 1000, False), (1, True, False),
        (True, "True", True), ("ACME  Corp", "acme corp", True), ("ＡＢ", "ab", True), ("e\u0301", "é", True),
        ("2024-01-01", "1 January 2024", False), ("a.", "a", False), ("null", None, False),
    ],
)  # fmt: skip
def test_which_values_are_equal(one_way: Any, other: Any, equal: bool) -> None:
    for target, answer in ((one_way, other), (other, one_way)):
        found = one.judge("fields", json.dumps({"a": target}), json.dumps({"a": answer}))
        assert found.correct is equal


def test_ignored_fields_do_not_count_nor_do_those_under_them() -> None:
    target, answer = {"a": 1, "note": "x", "o": {"p": 1, "q": 2}}, {"a": 1, "o": {"p": 9, "q": 2}, "extra": 5}
    assert counts(target, answer, ignore=["note", "o.p", "extra"]) == {"a": (1, 0, 0), "o.q": (1, 0, 0)}
    assert counts(target, answer, ignore=["note", "o", "extra"]) == {"a": (1, 0, 0)}


def test_numbers_are_matched_within_the_tolerance_and_as_many_as_can_be() -> None:
    # 10.4 is equal to one of them, but taking it for that one would leave the other without a partner.
    assert counts({"a": [10, 10.4]}, {"a": [10.8, 10.4]}, tolerance=0.5) == {"a": (2, 0, 0)}
    assert counts({"a": [10, 10.4]}, {"a": [10.8, 10.4]}) == {"a": (1, 1, 1)}
    assert counts({"a": 200}, {"a": 203}, tolerance=1, relative_tolerance=0.01) == {"a": (1, 0, 0)}
    assert counts({"a": "200"}, {"a": 203}, tolerance=1) == {"a": (0, 1, 1)}


@given(target=records, answer=records)
def test_every_value_of_either_record_is_counted_once(target: Any, answer: Any) -> None:
    left, right = compared_form(target), compared_form(answer)
    found = compared(left, right, Tolerance())[0].values()
    assert sum(each.right + each.missed for each in found) == size(left)
    assert sum(each.right + each.spurious for each in found) == size(right)
    # Without tolerances it is the same from the other side.
    back = compared(right, left, Tolerance())[0].values()
    assert sum(each.right for each in back) == sum(each.right for each in found)
    assert (written(left) == written(right)) == all(not each.spurious and not each.missed for each in found)


@given(record=records)
def test_normalising_twice_changes_nothing(record: Any) -> None:
    once = compared_form(record)
    assert normalise(once) == once
    again, _ = object_in(written(once))
    assert written(normalise(again)) == written(once)


def shuffled(value: Any, luck: random.Random) -> Any:
    if isinstance(value, dict):
        return {name: shuffled(each, luck) for name, each in luck.sample(sorted(value.items()), len(value))}
    return luck.sample([shuffled(each, luck) for each in value], len(value)) if isinstance(value, list) else value


@given(record=records, seed=st.integers(0, 1000))
def test_order_never_matters(record: Any, seed: int) -> None:
    other = shuffled(record, random.Random(seed))
    assert written(compared_form(other)) == written(compared_form(record))
    assert one.judge("fields", json.dumps(record), json.dumps(other)).correct is True


def test_many_items_are_paired_as_well_as_can_be() -> None:
    luck = random.Random(7)
    target = {"i": [{"n": f"n{each}", "p": each % 5, "q": each % 3} for each in range(20)]}
    answer = {"i": [*luck.sample(target["i"][:15], 15), {"n": "new", "p": 0, "q": 0}]}
    assert counts(target, answer) == {"i.n": (15, 1, 5), "i.p": (16, 0, 4), "i.q": (16, 0, 4)}


def test_a_wrong_value_counts_as_both_spurious_and_missed_in_f1() -> None:
    # Counted by hand: three of four fields there and right, one wrong; and one right, one lost, one made up.
    found = [
        *counts({"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 1, "b": 2, "c": 3, "d": 5}).values(),
        *counts({"a": 1, "b": 2}, {"a": 1, "c": 3}).values(),
    ]
    right, spurious, missed = (sum(each[position] for each in found) for position in range(3))
    assert (right, spurious, missed) == (4, 2, 2)
