"""What the page carries of the examples: columns for all of them, texts for as many as fit, nothing twice."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evalkit.report import payload
from evalkit.report.text import visible
from evalkit.types.record import RunRecord
from tests.report import many, records


def unpacked(record: RunRecord, most: int = payload.MOST_BYTES) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The index and the blocks of texts."""
    found = [
        (name, json.loads(zlib.decompress(base64.b64decode(block)))) for name, block in payload.blocks(record, most)
    ]
    assert [name for name, _ in found] == ["index", *["texts"] * (len(found) - 1)]
    return found[0][1], [block for _, block in found[1:]]


def column(coded: dict[str, Any]) -> list[Any]:
    return [coded["values"][code] for code in coded["codes"]]


def test_the_index_has_every_pair_in_the_records_order() -> None:
    record = many.record()
    index, _ = unpacked(record)
    assert index["n"] == len(record.pairs)
    assert index["id"] == [pair.id for pair in record.pairs]
    assert [index["suites"][which]["name"] for which in index["suite"]] == [pair.suite for pair in record.pairs]
    assert column(index["flip"]) == [pair.flip for pair in record.pairs]
    assert column(index["severity"]) == [pair.severity for pair in record.pairs]
    assert column(index["slices"]["language"]) == [pair.slices.get("language") for pair in record.pairs]
    assert column(index["sides"]["student"]["refused"]) == [pair.student.refused for pair in record.pairs]
    assert index["sides"]["student"]["confidence"] == [pair.student.confidence for pair in record.pairs]


def test_targets_and_answers_are_in_the_index_where_they_are_few_and_else_in_the_blocks() -> None:
    record = many.record()
    index, (block,) = unpacked(record)
    labels = {suite["name"]: suite["labels"] for suite in index["suites"]}
    assert labels == {records.GOLD: True, records.SAFETY: True, many.MARKED: True, many.WRITTEN: False}
    known = column(index["sides"]["student"]["answer"])
    written = block["sides"]["student"]["answer"]
    for pair, indexed, blocked in zip(record.pairs, known, written, strict=True):
        assert pair.student.answer == (indexed if labels[pair.suite] else blocked)
        assert (blocked if labels[pair.suite] else indexed) is None


def test_many_or_long_answers_make_no_labels() -> None:
    def index(*answers: str) -> dict[str, Any]:
        pairs = tuple(records.pair(f"q{at}", student=records.side(each, False)) for at, each in enumerate(answers))
        return unpacked(replace(records.failing(), pairs=pairs))[0]["suites"][0]

    assert index(*(f"label {number}" for number in range(payload.MOST_LABELS - 1)))["labels"]
    assert not index(*(f"label {number}" for number in range(payload.MOST_LABELS)))["labels"]
    assert index("x" * payload.LABEL_LIMIT)["labels"]
    assert not index("x" * (payload.LABEL_LIMIT + 1))["labels"]


def test_the_lead_is_what_all_inputs_of_a_suite_begin_with_in_whole_lines() -> None:
    index, _ = unpacked(many.record())
    leads = {suite["name"]: suite["lead"] for suite in index["suites"]}
    assert leads == {records.GOLD: len(many.ASKED), records.SAFETY: 0, many.MARKED: 0, many.WRITTEN: 0}
    alone, _ = unpacked(replace(records.failing(), pairs=(records.pair("q1", input="one\ntwo"),)))
    assert alone["suites"][0]["lead"] == 0


@given(st.lists(st.text(alphabet="ab\n\x1b\u202e", max_size=8), min_size=2, max_size=5))
def test_every_shown_input_begins_with_the_lead(inputs: list[str]) -> None:
    pairs = tuple(records.pair(f"q{at}", input=each) for at, each in enumerate(inputs))
    index, (block,) = unpacked(replace(records.failing(), pairs=pairs))
    lead = index["suites"][0]["lead"]
    assert len({shown[:lead] for shown in block["input"]}) == 1
    assert all(len(shown) >= lead for shown in block["input"])
    lines = [each.split("\n") for each in inputs]
    longer = block["input"][0][: lead + 1]
    # Nor is there another whole line that all of them share.
    shared = min(len(each) for each in lines) - 1
    same = sum(1 for at in range(shared) if len({tuple(each[: at + 1]) for each in lines}) == 1)
    assert longer[:lead].count("\n") == same


def test_texts_stop_where_the_bytes_do_and_the_index_counts_among_them() -> None:
    record = many.record(n=6000)
    index, blocks = unpacked(record)
    assert len(blocks) == -(-index["n"] // index["block"])
    whole = sum(len(block) for _, block in payload.blocks(record))
    for most in (whole, whole - 1, whole // 2, 0):
        held = [block for _, block in payload.blocks(record, most)]
        assert sum(map(len, held)) <= most or len(held) == 1
        assert (len(held) == len(blocks) + 1) == (most == whole)


def test_two_thousand_examples_take_less_than_half_a_megabyte() -> None:
    assert sum(len(block) for _, block in payload.blocks(many.record(n=2000))) < 500_000


def test_every_text_has_passed_the_sanitiser_and_long_ones_are_cut() -> None:
    index, (block,) = unpacked(records.hostile())
    texts = [*index["id"], *block["input"], *(suite["name"] for suite in index["suites"])]
    assert all(visible(each) == each for each in texts)
    assert max(map(len, block["input"])) < payload.TEXT_LIMIT + 40
    assert not any("\x1b" in each or "\u202e" in each for each in texts)


def test_a_suite_that_is_not_known_to_be_harmless_is_sensitive() -> None:
    index, _ = unpacked(many.record())
    assert {suite["name"] for suite in index["suites"] if suite["sensitive"]} == {records.SAFETY}
    nothing, _ = unpacked(replace(many.record(), manifest={}))
    assert all(suite["sensitive"] for suite in nothing["suites"])


def test_names_that_would_look_the_same_stay_apart() -> None:
    long = "p" * 600
    values = ["x\x1b", "x\\x1b", "x\x1b"]
    pairs = tuple(
        records.pair(f"{long}{number}", slices={"a": value, f"{long}1": "one", f"{long}2": "two"})
        for number, value in enumerate(values)
    )
    index, _ = unpacked(replace(records.failing(), pairs=pairs, changed=3))
    assert len(set(index["id"])) == 3
    assert len(index["slices"]) == 3
    assert column(index["slices"]["a"]) == ["x\\x1b", "x\\x1b [2]", "x\\x1b"]


@given(st.lists(st.text(max_size=4), unique=True, max_size=8))
def test_different_names_are_shown_differently_and_plain_ones_as_they_are(names: list[str]) -> None:
    shown = payload._names(names)
    assert len(set(shown)) == len(names)
    for each, name in zip(shown, names, strict=True):
        assert each == visible(name) or each.startswith(f"{visible(name)} [")


@given(st.floats(0, 1))
def test_a_share_that_is_no_end_of_its_range_is_not_carried_as_one(value: float) -> None:
    carried = payload._short(value)
    assert carried is not None
    assert (carried == 0, carried == 1) == (value == 0, value == 1)
    assert abs(carried - value) <= 1e-7


def test_marks_that_differ_by_a_hair_are_another_outcome() -> None:
    teacher, student = (records.side("a", None, marks=marks) for marks in (0.80001, 0.80004))
    pairs = (records.pair("q1", "graded", target=None, teacher=teacher, student=student),)
    index, _ = unpacked(replace(records.failing(), pairs=pairs, changed=1))
    assert index["outcome_changed"] == [1]
