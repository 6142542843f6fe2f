"""Nouns to JSON records and back, and which versions are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import records
from evalkit.errors import RecordError
from evalkit.types import (
    EXIT_CODES,
    CriterionRow,
    Estimate,
    Measured,
    MetricRow,
    ModelFacts,
    Question,
    RegressedSlice,
    SuiteFacts,
    Undefined,
    Verdict,
    Waiver,
)

TEXT = st.text(max_size=8)
MAYBE = st.one_of(st.none(), TEXT)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
VERSUS = st.sampled_from(["teacher", "champion"])
WHERE = st.dictionaries(TEXT, st.lists(TEXT, min_size=1, max_size=2).map(tuple), max_size=2).map(
    lambda found: tuple(found.items())
)
ESTIMATES = st.builds(
    Estimate,
    value=NUMBER,
    low=st.one_of(st.none(), NUMBER),
    high=st.one_of(st.none(), NUMBER),
    level=st.floats(0, 1),
    n=st.integers(0),
    method=TEXT,
)
MEASURED: st.SearchStrategy[Measured] = st.one_of(ESTIMATES, st.builds(Undefined, reason=TEXT))
METRICS = st.builds(
    MetricRow,
    question=st.builds(Question, metric=TEXT, suite=MAYBE, slice=MAYBE, versus=VERSUS),
    measured=MEASURED,
    direction=st.sampled_from(["higher", "lower", "neutral"]),
    unit=TEXT,
)


def bounded(row: CriterionRow, bound: float, least: bool) -> CriterionRow:
    from dataclasses import replace

    return replace(row, at_least=bound if least else None, at_most=None if least else bound)


CRITERIA = st.builds(
    bounded,
    st.builds(
        CriterionRow,
        id=TEXT,
        question=st.builds(Question, metric=TEXT, suite=MAYBE, slice=MAYBE, where=WHERE, versus=VERSUS),
        effect=st.sampled_from(["block", "warn"]),
        on_missing=st.sampled_from(["inconclusive", "fail", "skip"]),
        status=st.sampled_from(["pass", "fail", "inconclusive", "not_evaluated", "waived"]),
        measured=MEASURED,
        at_least=st.none(),
        at_most=st.none(),
        by=st.sampled_from(["interval", "value"]),
        reason=TEXT,
        examples=st.lists(TEXT, max_size=3).map(tuple),
    ),
    NUMBER,
    st.booleans(),
)
VERDICTS = st.builds(
    Verdict,
    word=st.sampled_from(sorted(EXIT_CODES)),
    reasons=st.lists(TEXT, max_size=3).map(tuple),
    criteria=st.lists(CRITERIA, max_size=2).map(tuple),
    waivers=st.lists(st.builds(Waiver, criterion=TEXT, owner=TEXT, reason=TEXT, expires=TEXT), max_size=2).map(tuple),
    regressed=st.lists(
        st.builds(
            RegressedSlice,
            suite=TEXT,
            slice=TEXT,
            difference=NUMBER,
            n=st.integers(0),
            lost=st.integers(0),
            gained=st.integers(0),
            p_holm=NUMBER,
        ),
        max_size=2,
    ).map(tuple),
)
SUITES = st.builds(
    SuiteFacts,
    name=TEXT,
    kind=st.sampled_from(["gold", "edge-case", "safety-refusal"]),
    task=st.sampled_from(["classify", "choose", "generate", "extract"]),
    version=st.integers(1),
    scorer=TEXT,
    labels=st.lists(TEXT, max_size=3).map(tuple),
    slice_names=st.lists(TEXT, max_size=3).map(tuple),
    grouped=st.booleans(),
    digest=TEXT,
    path=TEXT,
    answer_after=MAYBE,
)


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


@given(METRICS)
def test_a_metric_row_comes_back(row: MetricRow) -> None:
    assert records.metric_from(through_json(records.metric_record(row))) == row


@given(VERDICTS)
def test_a_verdict_comes_back(verdict: Verdict) -> None:
    record = through_json(records.verdict_record(verdict))
    assert records.verdict_from(record) == verdict
    assert record["exit_code"] == EXIT_CODES[record["verdict"]]


@given(SUITES)
def test_a_suites_facts_come_back(facts: SuiteFacts) -> None:
    assert records.suite_from(through_json(records.suite_record(facts, 3, 3))) == facts


@given(MEASURED)
def test_exactly_one_of_estimate_and_undefined_is_set(measured: Measured) -> None:
    cells = records.measured_cells(measured)
    assert (cells["estimate"] is None) != (cells["undefined"] is None)


def test_a_models_record_holds_all_that_is_known_of_it() -> None:
    from dataclasses import fields

    facts = ModelFacts(name="m", backend="fake", digest="sha256:m", live=True, settings={"seed": 1})
    assert set(records.model_record(facts)) == {each.name for each in fields(ModelFacts)}


# --- versions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(records.SCHEMAS))
def test_the_version_that_is_written_is_read(name: str) -> None:
    record = {"schema": records.SCHEMAS[name], "more": 1}
    assert records.opened(record, name, "a file") == record


@pytest.mark.parametrize("name", sorted(records.SCHEMAS))
def test_a_newer_version_is_refused_by_name(name: str) -> None:
    with pytest.raises(RecordError, match=rf"a file is evalkit/{name}/v2; this program knows evalkit/{name}/v1"):
        records.opened({"schema": f"evalkit/{name}/v2"}, name, "a file")


@pytest.mark.parametrize(
    "record", [None, [], "x", {}, {"schema": 1}, {"schema": "evalkit/results/v1"}, {"schema": "evalkit/verdict/vx"}]
)
def test_another_kind_of_record_is_refused(record: Any) -> None:
    with pytest.raises(RecordError, match="where evalkit/verdict/v1 is expected"):
        records.opened(record, "verdict", "a file")


def test_an_older_version_is_brought_up_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SCHEMAS", {"verdict": "evalkit/verdict/v3"})
    upgrades = {
        "evalkit/verdict/v1": lambda record: {**record, "schema": "evalkit/verdict/v2", "b": record["a"]},
        "evalkit/verdict/v2": lambda record: {**record, "schema": "evalkit/verdict/v3", "c": record["b"]},
    }
    monkeypatch.setattr(records, "UPGRADES", upgrades)
    found = records.opened({"schema": "evalkit/verdict/v1", "a": 1}, "verdict", "a file")
    assert found == {"schema": "evalkit/verdict/v3", "a": 1, "b": 1, "c": 1}


def test_a_word_that_is_no_verdict_is_refused() -> None:
    record = records.verdict_record(Verdict(word="pass", reasons=("it holds",)))
    with pytest.raises(RecordError, match="'splendid' is no verdict"):
        records.verdict_from({**record, "verdict": "splendid"})
