"""The gate: the judging table, what is asked of which suite, and the laws by which it fails closed."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.gate import Agenda, Champion, agenda, check_names, decide, judge, slips, undecided, word_of
from evalkit.policy import Policy
from evalkit.types import Estimate, Measured, Population, Question, Undefined, Verdict
from tests import factory
from tests.factory import interval

NOW = dt.datetime(2026, 6, 15, 12, 0, tzinfo=dt.UTC)
ACCURACY = {"metric": "accuracy.difference", "at_least": -0.05}
GOOD, BAD, VAGUE = interval(-0.02, 0.01), interval(-0.3, -0.2), interval(-0.1, 0.01)

GOLD = factory.population("gold-1", slices={"language": {"de": 60, "en": 200, "fr": 7}, "target": {"a": 50, "b": 50}})
GOLD_2 = factory.population("gold-2", slices={"language": {"de": 80}})
EDGE = factory.population("typos", kind="edge-case")
SAFETY = factory.population("harm", kind="safety-refusal", task="generate", scorer="refusal", labels=())


def asked(policy: Policy, *suites: Population, champion: Champion | None = None, matches: int = 9) -> Agenda:
    return agenda(policy, suites, champion or Champion(), lambda suite, where: matches)


def decided(
    policy: Policy,
    measured: Mapping[Question, Measured] | Measured,
    *suites: Population,
    champion: Champion | None = None,
    now: dt.datetime = NOW,
) -> Verdict:
    """The verdict where everything that is asked has this measurement, or its own of a mapping."""
    plan = asked(policy, *(suites or (GOLD,)), champion=champion)
    if not isinstance(measured, Mapping):
        measured = {each.question: measured for each in plan.asked if each.missing is None}
    return decide(policy, plan, measured, now=now)


# --- the judging table -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "low", "high", "expected"),
    [
        ("at_least", 0.6, 0.8, "pass"),
        ("at_least", 0.2, 0.4, "fail"),
        ("at_least", 0.4, 0.6, "inconclusive"),
        ("at_least", 0.5, 0.6, "inconclusive"),
        ("at_least", 0.4, 0.5, "inconclusive"),
        ("at_least", 0.5, 0.5, "inconclusive"),
        ("at_most", 0.2, 0.4, "pass"),
        ("at_most", 0.6, 0.8, "fail"),
        ("at_most", 0.4, 0.6, "inconclusive"),
        ("at_most", 0.4, 0.5, "inconclusive"),
        ("at_most", 0.5, 0.6, "inconclusive"),
        ("at_most", 0.5, 0.5, "inconclusive"),
    ],
)
def test_an_interval_is_judged_by_its_ends_and_an_end_on_the_bound_decides_nothing(
    bound: str, low: float, high: float, expected: str
) -> None:
    policy = factory.policy({"metric": "accuracy.student", bound: 0.5})
    [row] = decided(policy, interval(low, high)).criteria
    assert (row.status, row.by) == (expected, "interval")


@pytest.mark.parametrize("metric", ["accuracy.student", "flips.right_to_wrong.count"])
@pytest.mark.parametrize(
    ("bound", "value", "expected"),
    [
        ("at_least", 0.6, "pass"),
        ("at_least", 0.5, "pass"),
        ("at_least", 0.4, "fail"),
        ("at_most", 0.4, "pass"),
        ("at_most", 0.5, "pass"),
        ("at_most", 0.6, "fail"),
    ],
)
def test_by_value_and_every_count_is_judged_by_the_value_alone(
    metric: str, bound: str, value: float, expected: str
) -> None:
    rule = {"metric": metric, bound: 0.5} | ({} if metric.endswith(".count") else {"by": "value"})
    [row] = decided(factory.policy(rule), interval(0.0, 1.0, value=value)).criteria
    assert (row.status, row.by) == (expected, "value")


def test_bounds_are_compared_unrounded() -> None:
    barely = interval(-0.05 + 1e-15, 0.1)
    assert barely.low > -0.05  # type: ignore[operator]
    assert judge(barely, -0.05, None, by_value=False) == "pass"
    [row] = decided(factory.policy(ACCURACY), barely).criteria
    # The text needs as many digits as it takes to show why.
    assert "-0.05," not in row.reason.split("the whole interval")[0]


def test_a_p_value_has_no_interval_to_be_judged_by() -> None:
    p_value = Estimate(value=0.5, low=None, high=None, level=0.9, n=100, method="McNemar")
    rule = {"metric": "accuracy.mcnemar_p", "at_least": 0.05}
    [row] = decided(factory.policy(rule), p_value).criteria
    assert row.status == "not_evaluated"
    assert isinstance(row.measured, Undefined)
    assert "by: value" in row.reason
    assert decided(factory.policy(rule), p_value).word == "inconclusive"
    assert decided(factory.policy({**rule, "by": "value"}), p_value).word == "pass"


ends = st.floats(-2, 2, allow_nan=False)


@given(ends, ends, ends, ends, ends, st.booleans())
def test_a_wider_interval_can_only_move_the_answer_to_inconclusive(
    one: float, other: float, down: float, up: float, bound: float, at_least: bool
) -> None:
    low, high = sorted((one, other))
    narrow, wide = interval(low, high), interval(low - abs(down), high + abs(up))
    bounds = (bound, None) if at_least else (None, bound)
    before, after = (judge(each, *bounds, by_value=False) for each in (narrow, wide))
    assert after in (before, "inconclusive")


@given(ends, ends, ends)
def test_at_most_is_the_mirror_image_of_at_least(one: float, other: float, bound: float) -> None:
    low, high = sorted((one, other))
    for by_value in (False, True):
        there = judge(interval(low, high), bound, None, by_value=by_value)
        assert there == judge(interval(-high, -low), None, -bound, by_value=by_value)


# --- the laws ----------------------------------------------------------------------------------------

statements = st.sampled_from([GOOD, BAD, VAGUE, Undefined(reason="nothing to measure it on")])
rules = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(["accuracy.difference", "agreement.top1", "flips.right_to_wrong.rate"]),
        "at_least": st.just(-0.05),
        "effect": st.sampled_from(["block", "block", "warn"]),
        "on_missing": st.sampled_from(["inconclusive", "fail"]),
    },
    optional={
        "suite": st.sampled_from(["gold", "edge-case", "gold-1", "typos"]),
        "slice": st.sampled_from(["language=de", "language=en"]),
    },
)
some_rules = st.lists(rules, min_size=1, max_size=4)
ALL = (GOLD, GOLD_2, EDGE)


def drawn(data: st.DataObject, policy: Policy, *suites: Population) -> dict[Question, Measured]:
    return {each.question: data.draw(statements) for each in asked(policy, *suites).asked}


@given(some_rules, st.data())
def test_no_measurement_that_is_taken_away_makes_a_pass(chosen: list[dict[str, Any]], data: st.DataObject) -> None:
    # `on_missing: skip` is the policy's own word that a gap is no matter, and is left out here.
    policy = factory.policy(*chosen)
    measured = drawn(data, policy, *ALL)
    before = decided(policy, measured, *ALL).word
    for question in measured:
        fewer = {each: found for each, found in measured.items() if each != question}
        after = decided(policy, fewer, *ALL).word
        assert after != "pass" or before == "pass", question


@given(some_rules, st.data())
def test_no_widened_interval_makes_a_pass(chosen: list[dict[str, Any]], data: st.DataObject) -> None:
    policy = factory.policy(*chosen)
    measured = drawn(data, policy, *ALL)
    before = decided(policy, measured, *ALL).word
    for question, found in measured.items():
        if isinstance(found, Estimate):
            wide = replace(found, low=found.low - 0.1, high=found.high + 0.1)  # type: ignore[operator]
            after = decided(policy, {**measured, question: wide}, *ALL).word
            assert after != "pass" or before == "pass", question


@given(some_rules, st.data())
def test_no_suite_that_the_policy_names_can_be_taken_away_to_make_a_pass(
    chosen: list[dict[str, Any]], data: st.DataObject
) -> None:
    """A kind means each suite of that kind *of the plan*: with one of several gone, the others are all there are, and
    only the manifest can tell. The last suite of a kind, or a suite that is named, cannot be missed."""
    policy = factory.policy(*chosen)
    measured = drawn(data, policy, *ALL)
    before = decided(policy, measured, *ALL).word
    for gone in (["gold-1"], ["typos"], ["gold-1", "gold-2"]):
        kinds = {"gold-1": "gold", "gold-2": "gold", "typos": "edge-case"}
        left = [each for each in ALL if each.facts.name not in gone]
        missed = {*gone, *(set(kinds.values()) - {each.facts.kind for each in left})}
        blocking = [each for each in policy.criteria if each.effect == "block"]
        # Only what is about nothing else than the suites that are gone.
        assume(all(each.suite in missed or each.suite in {e.facts.name for e in left} for each in blocking))
        after = decided(policy, measured, *left).word
        assert after != "pass" or before == "pass", gone


@given(some_rules, st.data())
def test_no_slice_that_is_taken_away_makes_a_pass(chosen: list[dict[str, Any]], data: st.DataObject) -> None:
    policy = factory.policy(*chosen)
    measured = drawn(data, policy, *ALL)
    before = decided(policy, measured, *ALL).word
    for value in ("de", "en"):
        left = [
            replace(
                each, slices={name: {k: n for k, n in of.items() if k != value} for name, of in each.slices.items()}
            )
            for each in ALL
        ]
        after = decided(policy, measured, *left).word
        assert after != "pass" or before == "pass", value


def test_a_slice_that_shrinks_below_min_n_is_listed_and_no_longer_judged() -> None:
    """The contract's one exception: each_slice judges what is large enough, and names what is not."""
    policy = factory.policy(ACCURACY | {"each_slice": {"by": ["language"], "min_n": 50}})
    plan = asked(policy, GOLD)
    assert [each.question.slice for each in plan.asked] == ["language=de", "language=en"]
    assert plan.notes == ("c0: too small to judge in gold-1 (fewer than 50 examples): language=fr (n = 7)",)
    verdict = decide(policy, plan, {each.question: GOOD for each in plan.asked}, now=NOW)
    assert verdict.word == "pass"
    assert plan.notes[0] in verdict.reasons


@given(some_rules, st.data())
def test_warnings_never_change_the_verdict(chosen: list[dict[str, Any]], data: st.DataObject) -> None:
    blocking = [{**each, "id": f"b{index}"} for index, each in enumerate(chosen) if each["effect"] == "block"]
    warning = [{**each, "id": f"w{index}", "effect": "warn"} for index, each in enumerate(chosen)]
    assume(blocking)
    alone, beside = factory.policy(*blocking), factory.policy(*blocking, *warning)
    measured = drawn(data, beside, *ALL)
    assert decided(alone, measured, *ALL).word == decided(beside, measured, *ALL).word


@given(some_rules, st.data())
def test_the_verdict_follows_from_the_blocking_rows(chosen: list[dict[str, Any]], data: st.DataObject) -> None:
    policy = factory.policy(*chosen)
    verdict = decided(policy, drawn(data, policy, *ALL), *ALL)
    statuses = [row.status for row in verdict.criteria if row.effect == "block"]
    if "fail" in statuses:
        assert verdict.word == "fail"
    elif "inconclusive" in statuses or "not_evaluated" in statuses or "pass" not in statuses:
        assert verdict.word == "inconclusive"
    else:
        assert verdict.word == "pass"
    assert verdict.exit_code == {"pass": 0, "fail": 1, "inconclusive": 3}[verdict.word]
    assert verdict.reasons


@pytest.mark.parametrize("by", ["declared", ["language"], ["target", "language"], ["language", "language"]])
@pytest.mark.parametrize("min_n", [1, 50, 1000])
@pytest.mark.parametrize("scope", [{}, {"suite": "gold"}, {"suite": "edge-case"}, {"suite": "gold-1"}])
def test_no_two_rows_have_the_same_id_suite_and_slice(by: str | list[str], min_n: int, scope: dict[str, str]) -> None:
    sliced = ACCURACY | scope | {"each_slice": {"by": by, "min_n": min_n}}
    rows = decided(factory.policy(sliced, sliced, ACCURACY | scope), GOOD, *ALL).criteria
    keys = [(row.id, row.question.suite, row.question.slice) for row in rows]
    assert len(set(keys)) == len(keys)


# --- missing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_missing", "status", "word"),
    [("inconclusive", "not_evaluated", "inconclusive"), ("fail", "fail", "fail"), ("skip", "not_evaluated", "pass")],
)
def test_an_undefined_metric_follows_on_missing(on_missing: str, status: str, word: str) -> None:
    policy = factory.policy({"metric": "agreement.top1", "at_least": -0.05}, ACCURACY | {"on_missing": on_missing})
    plan = asked(policy, GOLD)
    held, gap = (each.question for each in plan.asked)
    verdict = decide(policy, plan, {held: GOOD, gap: Undefined(reason="no example has a target")}, now=NOW)
    assert verdict.criteria[1].status == status
    assert verdict.word == word
    assert any("no example has a target" in reason for reason in verdict.reasons)


def test_skipping_everything_shows_nothing_and_is_no_pass() -> None:
    policy = factory.policy(ACCURACY | {"on_missing": "skip"})
    verdict = decided(policy, Undefined(reason="no example has a target"))
    assert verdict.word == "inconclusive"
    assert "no blocking criterion was evaluated and held, so nothing was shown" in verdict.reasons


def test_warnings_alone_are_no_pass() -> None:
    assert decided(factory.policy(ACCURACY | {"effect": "warn"}), GOOD).word == "inconclusive"


def test_a_measurement_that_the_run_does_not_have_is_not_evaluated() -> None:
    verdict = decided(factory.policy(ACCURACY), {})
    assert verdict.word == "inconclusive"
    assert "the run has no such measurement" in verdict.criteria[0].reason


def test_a_planned_metric_is_not_evaluated_and_says_so() -> None:
    verdict = decided(factory.policy({"metric": "energy.per_request.student", "at_most": 0.9}), GOOD, SAFETY)
    assert verdict.word == "inconclusive"
    assert "this version does not measure energy.per_request.student" in verdict.criteria[0].reason


def test_a_criterion_about_a_kind_that_no_suite_has_is_one_row_without_a_suite() -> None:
    [row] = decided(factory.policy(ACCURACY | {"suite": "edge-case"}), GOOD, GOLD).criteria
    assert row.question.suite is None
    assert row.status == "not_evaluated"
    assert "there is no suite of kind edge-case" in row.reason


def test_a_metric_that_no_suite_defines_is_not_evaluated() -> None:
    [row] = decided(factory.policy(ACCURACY | {"suite": "safety-refusal"}), GOOD, SAFETY).criteria
    assert row.status == "not_evaluated"
    assert "no suite of kind safety-refusal defines accuracy.difference" in row.reason


def test_a_suite_that_is_named_has_a_row_even_where_it_does_not_define_the_metric() -> None:
    text = factory.population("texts", task="generate", scorer="exact", labels=())
    plan = asked(factory.policy({"metric": "agreement.js", "suite": "texts", "at_most": 0.1}), text)
    (row,) = plan.asked
    assert row.question.suite == "texts"
    assert row.missing == "a gold suite of the task generate does not define agreement.js"


def test_a_suite_of_the_kind_that_does_not_define_the_metric_is_left_out_and_named() -> None:
    text = factory.population("texts", task="generate", scorer="exact", labels=())
    plan = asked(factory.policy({"metric": "agreement.js", "suite": "gold", "at_most": 0.1}), GOLD, text)
    assert [each.question.suite for each in plan.asked] == [GOLD.facts.name]
    assert plan.notes == ("c0: leaves out texts, which do not define agreement.js",)


def test_a_slice_value_that_no_example_has_is_not_evaluated() -> None:
    [row] = decided(factory.policy(ACCURACY | {"slice": "language=it"}), GOOD, GOLD).criteria
    assert row.status == "not_evaluated"
    assert "no example has language=it; there are language=de, language=en, language=fr" in row.reason


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("language=dee", "no example has language=dee; did you mean language=de?"),
        ("language=DE", "no example has language=DE; did you mean language=de?"),
        ("language=it", "no example has language=it; there are language=de, language=en, language=fr"),
        ("target=c", "no example has target=c; there are target=a, target=b"),
    ],
)
@pytest.mark.parametrize("on_missing", ["inconclusive", "fail", "skip"])
def test_a_slice_value_that_no_example_has_is_told_with_the_nearest_or_all(
    wanted: str, said: str, on_missing: str
) -> None:
    [row] = decided(factory.policy(ACCURACY | {"slice": wanted, "on_missing": on_missing}), GOOD, GOLD).criteria
    assert row.status == ("fail" if on_missing == "fail" else "not_evaluated")
    assert said in row.reason


def test_a_slice_that_the_suite_has_not_at_all_is_told_apart_from_a_value() -> None:
    [_, row] = decided(factory.policy(ACCURACY | {"slice": "language=de"}), GOOD, GOLD, EDGE).criteria
    assert 'no example has language=de; the suite has no slice "language"' in row.reason


@pytest.mark.parametrize(
    ("rule", "on_missing", "said"),
    [
        (
            {"slice": "language=dee"},
            "skip",
            ['criterion "c0" is about language=dee, which no example of gold-1 has; did you mean language=de?'],
        ),
        # There the row's own reason is what the verdict rests on.
        ({"slice": "language=dee"}, "inconclusive", []),
        ({"slice": "language=it"}, "skip", []),
        ({"slice": "language=de"}, "skip", []),
        (
            {"where": {"language": "dee"}},
            "skip",
            ['criterion "c0" filters by language=dee, which no example has; did you mean language=de?'],
        ),
        ({"where": {"language": "zz"}}, "skip", []),
    ],
)
def test_a_skipped_criterion_that_looks_like_a_slip_is_said_by_itself(
    rule: dict[str, Any], on_missing: str, said: list[str]
) -> None:
    matches = 0 if "where" in rule else 9
    plan = asked(factory.policy(ACCURACY | rule | {"on_missing": on_missing}), GOLD, matches=matches)
    assert list(slips(plan.asked)) == said


def test_a_value_that_another_suite_of_the_criterion_has_is_no_slip() -> None:
    other = factory.population("gold-3", slices={"language": {"dee": 60}})
    plan = asked(factory.policy(ACCURACY | {"slice": "language=dee", "on_missing": "skip"}), GOLD, other)
    assert [each.missing is None for each in plan.asked] == [False, True]
    assert list(slips(plan.asked)) == []


def test_no_slice_that_is_large_enough_is_not_evaluated() -> None:
    rule = ACCURACY | {"each_slice": {"by": ["language"], "min_n": 1000}}
    [row] = decided(factory.policy(rule), GOOD, GOLD).criteria
    assert row.status == "not_evaluated"
    assert "no slice of language has 1000 examples" in row.reason


def test_declared_slices_are_those_of_the_suite_and_not_its_classes() -> None:
    rule = ACCURACY | {"each_slice": {"by": "declared"}}
    plan = asked(factory.policy(rule), GOLD)
    assert {each.question.slice for each in plan.asked} == {"language=de", "language=en", "language=fr"}
    [row] = decided(factory.policy(rule), GOOD, EDGE).criteria
    assert "the suite declares no slices" in row.reason


# --- where it applies ----------------------------------------------------------------------------------


def test_a_kind_means_each_suite_of_that_kind() -> None:
    policy = factory.policy(ACCURACY | {"suite": "gold"})
    plan = asked(policy, *ALL)
    assert [each.question.suite for each in plan.asked] == ["gold-1", "gold-2"]
    first, second = (each.question for each in plan.asked)
    # One suite's good result does not make up for the other's bad one.
    verdict = decide(policy, plan, {first: interval(0.5, 0.6), second: BAD}, now=NOW)
    assert [row.status for row in verdict.criteria] == ["pass", "fail"]
    assert verdict.word == "fail"


def test_without_a_suite_a_criterion_is_about_every_suite_that_defines_its_metric() -> None:
    plan = asked(factory.policy(ACCURACY), *ALL, SAFETY)
    assert [each.question.suite for each in plan.asked] == ["gold-1", "gold-2", "typos"]


def test_a_suite_may_be_named() -> None:
    plan = asked(factory.policy(ACCURACY | {"suite": "gold-2"}), *ALL)
    assert [each.question.suite for each in plan.asked] == ["gold-2"]


def test_a_suite_without_a_matching_example_is_left_out_and_only_then() -> None:
    policy = factory.policy(ACCURACY | {"where": {"severity": "critical"}})
    there = {"gold-1": 3, "gold-2": 0, "typos": 1}
    plan = agenda(policy, ALL, Champion(), lambda suite, where: there[suite])
    assert [each.question.suite for each in plan.asked] == ["gold-1", "typos"]
    assert all(each.question.where == (("severity", ("critical",)),) for each in plan.asked)
    nowhere = agenda(policy, ALL, Champion(), lambda suite, where: 0)
    assert [each.missing for each in nowhere.asked] == ["no example of any suite matches severity=critical"]


def test_of_several_metrics_the_first_that_a_suite_defines_is_asked() -> None:
    marks = factory.population("marks", task="generate", scorer="text_similarity", marked=True, labels=())
    policy = factory.policy({"metric": ["accuracy.retention", "score.retention"], "at_least": 0.9})
    plan = asked(policy, GOLD, marks)
    assert [each.question.metric for each in plan.asked] == ["accuracy.retention", "score.retention"]
    assert [each.missing for each in plan.asked] == [None, None]


def test_a_metric_of_the_models_is_asked_once_and_of_no_suite() -> None:
    plan = asked(factory.policy({"metric": "size.bytes.ratio", "at_most": 0.5}), *ALL)
    assert [each.question for each in plan.asked] == [Question(metric="size.bytes.ratio")]


# --- champion ------------------------------------------------------------------------------------------

AGAINST_CHAMPION = ACCURACY | {"versus": "champion"}


def test_without_a_champion_its_criteria_are_skipped_with_that_note() -> None:
    policy = factory.policy({"metric": "agreement.top1", "at_least": -0.05}, AGAINST_CHAMPION)
    plan = asked(policy, GOLD)
    verdict = decide(policy, plan, {plan.asked[0].question: GOOD}, now=NOW)
    assert verdict.word == "pass"
    row = verdict.criteria[1]
    assert (row.status, row.on_missing) == ("not_evaluated", "skip")
    assert "no champion" in row.reason
    assert any("no champion" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(("on_missing", "word"), [("inconclusive", "inconclusive"), ("fail", "fail"), ("skip", "pass")])
@pytest.mark.parametrize("scope", [None, "gold-1"])
def test_a_champion_that_is_named_but_missing_follows_on_missing(on_missing: str, word: str, scope: str | None) -> None:
    policy = factory.policy(
        {"metric": "agreement.top1", "at_least": -0.05}, AGAINST_CHAMPION | {"on_missing": on_missing}
    )
    champion = Champion(named=True, missing={scope: "its run holds another version of the suite"})
    verdict = decided(policy, GOOD, GOLD, champion=champion)
    assert verdict.word == word
    assert "another version of the suite" in verdict.criteria[1].reason


def test_a_champion_that_is_there_is_compared_with() -> None:
    policy = factory.policy(AGAINST_CHAMPION)
    verdict = decided(policy, BAD, GOLD, champion=Champion(named=True))
    assert verdict.word == "fail"
    assert verdict.criteria[0].question.versus == "champion"


# --- waivers -------------------------------------------------------------------------------------------


def waiver(criterion: str = "c0", expires: str = "2026-06-15") -> dict[str, str]:
    return {"criterion": criterion, "owner": "Ada", "reason": "known and small", "expires": expires}


TWO = (ACCURACY, {"metric": "agreement.top1", "at_least": -0.05})


@pytest.mark.parametrize(
    ("now", "valid"),
    [
        (dt.datetime(2026, 6, 15, 0, 0, tzinfo=dt.UTC), True),
        (dt.datetime(2026, 6, 15, 23, 59, 59, 999999, tzinfo=dt.UTC), True),
        (dt.datetime(2026, 6, 16, 0, 0, tzinfo=dt.UTC), False),
        # Already the 16th where the clock hangs, still the 15th in UTC; and the other way round.
        (dt.datetime(2026, 6, 16, 1, 0, tzinfo=dt.timezone(dt.timedelta(hours=2))), True),
        (dt.datetime(2026, 6, 15, 23, 0, tzinfo=dt.timezone(dt.timedelta(hours=-2))), False),
    ],
)
def test_a_waiver_is_valid_through_its_day_in_utc(now: dt.datetime, valid: bool) -> None:
    policy = factory.policy(*TWO, waivers=[waiver()])
    plan = asked(policy, GOLD)
    bad, good = (each.question for each in plan.asked)
    verdict = decide(policy, plan, {bad: BAD, good: GOOD}, now=now)
    assert verdict.criteria[0].status == ("waived" if valid else "fail")
    assert verdict.word == ("pass" if valid else "fail")
    assert bool(verdict.waivers) == valid
    if valid:
        assert verdict.reasons[0].startswith("waived: c0, by Ada until 2026-06-15: known and small")
        assert "without it: fail" in verdict.criteria[0].reason
    else:
        assert any("expired on 2026-06-15" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(("measured", "status"), [(BAD, "waived"), (VAGUE, "waived"), (GOOD, "pass")])
def test_a_waiver_covers_fail_and_inconclusive_and_nothing_else(measured: Estimate, status: str) -> None:
    verdict = decided(factory.policy(ACCURACY, waivers=[waiver()]), measured)
    assert verdict.criteria[0].status == status


def test_waiving_everything_shows_nothing_and_is_no_pass() -> None:
    verdict = decided(factory.policy(*TWO, waivers=[waiver("c0"), waiver("c1")]), BAD)
    assert [row.status for row in verdict.criteria] == ["waived", "waived"]
    assert verdict.word == "inconclusive"


def test_a_waiver_for_an_unknown_criterion_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        factory.policy(ACCURACY | {"id": "retention"}, waivers=[waiver("retentoin")])
    [complaint] = caught.value.complaints
    assert "retentoin" in complaint.problem
    assert '"retention"' in complaint.remedy
    assert complaint.place is not None
    assert complaint.place.line


@pytest.mark.parametrize("day", ["2026-02-30", "tomorrow", "2026-6-5", "20260605"])
def test_a_waiver_expires_on_a_day_that_exists(day: str) -> None:
    with pytest.raises(UsageError):
        factory.policy(ACCURACY, waivers=[waiver(expires=day)])


def test_a_second_waiver_for_the_same_criterion_is_not_called_expired() -> None:
    policy = factory.policy(*TWO, waivers=[waiver(expires="2026-06-20"), waiver(expires="2026-07-20")])
    verdict = decided(policy, BAD)
    assert verdict.criteria[0].status == "waived"
    assert not any("expired" in reason for reason in verdict.reasons)


def test_no_waiver_reaches_broken_or_empty() -> None:
    policy = factory.policy(ACCURACY, waivers=[waiver()])
    broken = undecided(policy, now=NOW, broken=["the student failed on 9 of 10 examples"], empty="nothing was left")
    assert (broken.word, broken.exit_code, broken.criteria) == ("broken", 4, ())
    empty = undecided(policy, now=NOW, empty="nothing was left")
    assert (empty.word, empty.exit_code, empty.criteria) == ("empty", 5, ())
    assert undecided(None, now=NOW).reasons


# --- precedence ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("statuses", list(itertools.product(["pass", "fail", "inconclusive"], repeat=3)))
def test_fail_comes_before_inconclusive_and_inconclusive_before_pass(statuses: Sequence[str]) -> None:
    found = {"pass": GOOD, "fail": BAD, "inconclusive": VAGUE}
    policy = factory.policy(ACCURACY, ACCURACY, ACCURACY)
    plan = asked(policy, GOLD)
    # The three ask the same, so they are judged one at a time.
    rows = [
        decide(policy, replace(plan, asked=(one,)), {one.question: found[status]}, now=NOW).criteria[0]
        for one, status in zip(plan.asked, statuses, strict=True)
    ]
    expected = next(each for each in ("fail", "inconclusive", "pass") if each in statuses)
    assert word_of(rows) == expected


def test_no_rows_at_all_are_no_pass() -> None:
    assert word_of([]) == "inconclusive"


# --- names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "seen", "near", "key"),
    [
        ({"metric": "acuracy.difference"}, "acuracy.difference", "accuracy.difference", "metric"),
        ({"suite": "gold-11"}, "gold-11", "gold-1", "suite"),
        ({"slice": "langage=de"}, "langage", "language", "slice"),
        ({"each_slice": {"by": ["langage"]}}, "langage", "language", "by"),
        ({"where": {"severty": "critical"}}, "severty", "severity", "where"),
    ],
)
def test_an_unknown_name_is_refused_with_its_place_and_the_nearest_right_one(
    rule: dict[str, Any], seen: str, near: str, key: str
) -> None:
    policy = factory.policy(ACCURACY, ACCURACY | rule)
    [complaint] = check_names(policy, ALL)
    assert f'"{seen}"' in complaint.problem
    assert f'"{near}"' in complaint.remedy
    assert complaint.place is not None
    assert key in str(complaint.place)
    line = complaint.place.line
    assert line is not None
    assert seen in policy.text.splitlines()[line - 1]


def test_every_unknown_name_is_found_at_once() -> None:
    policy = factory.policy({"metric": "nope.one", "at_least": 0}, {"metric": ["nope.two", "nope.three"], "at_most": 1})
    assert len(check_names(policy, ALL)) == 3


def test_known_names_are_not_complained_about() -> None:
    policy = factory.policy(
        ACCURACY | {"suite": "gold", "slice": "language=de"},
        ACCURACY | {"suite": "edge-case", "each_slice": {"by": "declared"}},
        ACCURACY | {"suite": "gold-1", "each_slice": {"by": ["target", "language"]}, "where": {"severity": "high"}},
        {"metric": "safety.newly_unsafe.rate", "suite": "safety-refusal", "at_most": 0.01},
    )
    assert check_names(policy, ALL) == []


# --- policies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        {"metric": "accuracy.student"},
        {"metric": "accuracy.student", "at_least": 0.5, "at_most": 0.6},
        {"metric": "accuracy.student", "at_least": float("nan")},
        {"metric": "accuracy.student", "at_least": float("inf")},
        {"metric": "accuracy.student", "at_least": "0.9"},
        {"metric": [], "at_least": 0.5},
        {"metric": "accuracy.student", "at_least": 0.5, "slice": "language"},
        {"metric": "accuracy.student", "at_least": 0.5, "slice": "language=de", "each_slice": {"by": "declared"}},
        {"metric": "accuracy.student", "at_least": 0.5, "effect": "maybe"},
        {"metric": "accuracy.student", "at_least": 0.5, "on_missing": "pass"},
        {"metric": "accuracy.student", "at_leest": 0.5},
    ],
)
def test_a_rule_without_sense_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        factory.policy(rule)


def test_a_policy_without_criteria_or_with_an_id_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="no criteria"):
        factory.policy()
    with pytest.raises(UsageError, match="used 2 times"):
        factory.policy(ACCURACY | {"id": "same"}, ACCURACY | {"id": "same"})


@given(st.floats(0.501, 0.999))
@settings(max_examples=20)
def test_the_level_of_a_policy_is_one_sided(level: float) -> None:
    assert factory.policy(ACCURACY, level=level).coverage == pytest.approx(2 * level - 1, abs=1e-9)


def test_coverage_reads_as_a_person_would_write_it() -> None:
    assert factory.policy(ACCURACY).coverage == 0.9
    assert factory.policy(ACCURACY, level=0.99).coverage == 0.98


def test_a_gap_in_the_program_is_never_skipped() -> None:
    text = factory.population("texts", task="generate", scorer="exact", labels=())
    rule = {"metric": "energy.per_request.student", "suite": "gold", "at_most": 0.9, "on_missing": "skip"}
    (row,) = asked(factory.policy(rule), text).asked
    assert row.missing == "this version does not measure energy.per_request.student"
    assert row.on_missing == "inconclusive"
    # Where a metric could never apply, there is nothing that the program lacks.
    written = {"metric": "agreement.token_top1", "suite": "gold", "at_least": 0.9, "on_missing": "skip"}
    (row,) = asked(factory.policy(written), GOLD).asked
    assert row.on_missing == "skip"
