"""policy.yaml → Policy."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.files import digest_text
from evalkit.policy import load_policy, policy_from_text, unexpired
from evalkit.shipped import shipped
from evalkit.types import Waiver
from tests.cli import project

RULE = {"metric": "accuracy.difference", "at_least": -0.05}


def text(*rules: dict[str, Any], **over: Any) -> str:
    return yaml.safe_dump(project.criteria(*rules, **over))


def test_what_is_left_out_has_the_contracts_defaults() -> None:
    policy = policy_from_text(text(RULE), "mine")
    assert (policy.level, policy.coverage, policy.max_error_rate) == (0.95, 0.9, 0.01)
    rule = policy.criteria[0]
    assert (rule.by, rule.effect, rule.on_missing, rule.versus) == ("interval", "block", "inconclusive", "teacher")
    assert (rule.suite, rule.slice, rule.each_slice, rule.where) == (None, None, None, {})


def test_one_name_and_a_list_of_names_are_alike() -> None:
    rule = policy_from_text(text({**RULE, "where": {"severity": "high", "n": 3}}), "mine").criteria[0]
    assert rule.metric == ["accuracy.difference"]
    assert rule.where == {"severity": ["high"], "n": ["3"]}


@given(st.floats(min_value=0.5, max_value=1, exclude_min=True, exclude_max=True))
def test_the_two_sided_coverage_is_twice_the_level_less_one(level: float) -> None:
    policy = policy_from_text(text(RULE, level=level), "mine")
    assert policy.coverage == pytest.approx(2 * level - 1, abs=1e-12)
    assert 0 <= policy.coverage <= 1


RULES = st.fixed_dictionaries(
    {"metric": st.text(min_size=1) | st.lists(st.text(min_size=1), min_size=1, max_size=2)},
    optional={
        "suite": st.text(min_size=1),
        "where": st.dictionaries(st.text(), st.lists(st.text(), min_size=1, max_size=2), max_size=2),
        "effect": st.sampled_from(["block", "warn"]),
        "by": st.sampled_from(["interval", "value"]),
        "versus": st.sampled_from(["teacher", "champion"]),
        "on_missing": st.sampled_from(["inconclusive", "fail", "skip"]),
    },
)


@given(
    st.lists(st.tuples(RULES, st.sampled_from(["at_least", "at_most"]), st.integers(-5, 5) | st.floats(-5, 5))),
    st.text(min_size=1),
)
def test_a_policy_comes_back_from_its_text(rules: list[tuple[dict[str, Any], str, float]], name: str) -> None:
    written = text(*({**rule, side: bound} for rule, side, bound in rules))
    if not rules:
        return
    policy = policy_from_text(written, name)
    again = policy_from_text(policy.text, policy.name)
    assert again == policy
    assert again.digest == digest_text(written)
    for (rule, side, bound), read in zip(rules, again.criteria, strict=True):
        assert getattr(read, side) == bound
        assert read.metric == (rule["metric"] if isinstance(rule["metric"], list) else [rule["metric"]])


@pytest.mark.parametrize("name", sorted(shipped("policies")))
def test_named_policies_come_back_from_their_text(name: str) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert policy_from_text(policy.text, name).criteria == policy.criteria


def test_the_named_policies_are_those_of_the_contract() -> None:
    assert set(shipped("policies")) == {
        *("recovery-95", "recovery-97", "recovery-99", "distil-97", "mlperf-99", "mlperf-99.9", "safety-strict")
    }


@pytest.mark.parametrize(
    "value", ["2026-13-01", "2026-1-1", "20260101", 20260101, "soon", "2026-12-31T00:00", "", None]
)
def test_what_is_no_day_does_not_expire(value: object) -> None:
    waiver = {"criterion": "c0", "owner": "me", "reason": "r", "expires": value}
    with pytest.raises(UsageError, match="is not a day"):
        policy_from_text(text(RULE, waivers=[waiver]), "mine")


@pytest.mark.parametrize("key", ["owner", "reason"])
def test_a_waiver_needs_a_name_and_a_reason(key: str) -> None:
    waiver = {"criterion": "c0", "owner": "me", "reason": "r", "expires": "2030-01-01", key: ""}
    with pytest.raises(UsageError, match="not empty"):
        policy_from_text(text(RULE, waivers=[waiver]), "mine")


def test_a_waiver_holds_through_its_last_day_in_utc() -> None:
    waiver = Waiver(criterion="c", owner="o", reason="r", expires="2026-06-30")
    east = dt.timezone(dt.timedelta(hours=9))
    assert unexpired((waiver,), dt.datetime(2026, 6, 30, 23, 59, tzinfo=dt.UTC)) == (waiver,)
    assert unexpired((waiver,), dt.datetime(2026, 7, 1, 0, 0, tzinfo=dt.UTC)) == ()
    assert unexpired((waiver,), dt.datetime(2026, 7, 1, 8, 59, tzinfo=east)) == (waiver,)


def test_a_policy_that_is_not_there_has_a_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(text(RULE))
    with pytest.raises(UsageError, match=r'did you mean "ours\.yaml"'):
        load_policy(str(tmp_path / "our.yaml"))
    assert load_policy(str(tmp_path / "ours.yaml")).name == "ours"
