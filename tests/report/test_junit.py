"""junit.xml: parses, keeps stable unique names, and is never greener than the verdict."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from evalkit import report
from evalkit.types import Undefined
from evalkit.types.record import RunRecord
from tests.report import records

NAMES = sorted(records.ALL)


def cases(record: RunRecord) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(report.junit(record).encode()).iter("testcase"))


def result(case: ElementTree.Element) -> tuple[str, str, str]:
    for kind in ("failure", "error", "skipped"):
        found = case.find(kind)
        if found is not None:
            return kind, found.get("type") or "", found.text or ""
    return "", "", ""


def properties(element: ElementTree.Element) -> dict[str, str]:
    return {each.get("name") or "": each.get("value") or "" for each in element.findall("properties/property")}


@pytest.mark.parametrize("name", NAMES)
def test_it_parses_and_its_counts_are_true(name: str) -> None:
    root = ElementTree.fromstring(report.junit(records.ALL[name]()).encode())
    found = [result(case)[0] for case in root.iter("testcase")]
    assert found
    for element in (root, root[0]):
        assert [int(element.get(key) or -1) for key in ("tests", "failures", "errors", "skipped")] == [
            len(found),
            found.count("failure"),
            found.count("error"),
            found.count("skipped"),
        ]


# What the JUnit schemas of Ant, Surefire and Jenkins have in common: children in this order, and these attributes.
_NUMBERS = {"tests", "failures", "errors", "skipped", "time"}
SCHEMA: dict[str, tuple[str, set[str], set[str]]] = {
    "testsuites": (r"(testsuite )+", {"name", *_NUMBERS}, set()),
    "testsuite": (r"(properties )?(testcase )*", {"name", *_NUMBERS}, {"timestamp"}),
    "properties": (r"(property )+", set(), set()),
    "property": (r"", {"name", "value"}, set()),
    "testcase": (r"(properties )?((skipped|error|failure) )?(system-out )?", {"classname", "name", "time"}, set()),
    "skipped": (r"", {"type", "message"}, set()),
    "error": (r"", {"type", "message"}, set()),
    "failure": (r"", {"type", "message"}, set()),
    "system-out": (r"", set(), set()),
}


@pytest.mark.parametrize("name", NAMES)
def test_it_follows_the_schema_that_forges_read(name: str) -> None:
    root = ElementTree.fromstring(report.junit(records.ALL[name]()).encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        children, needed, allowed = SCHEMA[element.tag]
        assert re.fullmatch(children, "".join(f"{each.tag} " for each in element)), element.tag
        assert needed <= set(element.keys()) <= needed | allowed
        for key in needed & _NUMBERS:
            assert float(element.get(key) or "x") >= 0
        if stamp := element.get("timestamp"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", stamp)


def test_the_time_is_that_of_the_run() -> None:
    root = ElementTree.fromstring(report.junit(records.failing()).encode())
    assert root.get("time") == root[0].get("time") == "812.400"
    assert root[0].get("timestamp") == "2026-11-22T02:30:00"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_red_exactly_where_the_gate_does_not_let_the_student_pass(name: str) -> None:
    record = records.ALL[name]()
    red = {result(case)[0] for case in cases(record)} & {"failure", "error"}
    assert bool(red) == (record.verdict.exit_code != 0)
    assert ("failure" in red) == (record.verdict.word == "fail")


def test_every_case_says_its_numbers_in_words_and_passing_ones_too() -> None:
    said = {
        f"{case.get('classname')} {case.get('name')}": case.findtext("system-out") for case in cases(records.failing())
    }
    passed = said["evalkit.slices accuracy.difference [support-intents] [language=en]"]
    assert passed == (
        "accuracy.difference on support-intents · language=en\nseen −2.1 pts [−3.2, −1.0] (n 1490)\n"
        "needs ≥ −10.0 pts (by interval)\ninterval of 90 %, two-sided\nmethod Tang score interval, paired"
    )
    gone = said["evalkit.regression accuracy.difference [support-intents] (versus champion)"]
    assert gone is not None
    assert "seen undefined: no champion" in gone


@pytest.mark.parametrize("name", NAMES)
def test_names_are_unique(name: str) -> None:
    named = [(case.get("classname"), case.get("name")) for case in cases(records.ALL[name]())]
    assert len(set(named)) == len(named)


def test_names_that_repeat_are_numbered() -> None:
    row = records.criterion("a", "accuracy.retention", "pass", records.estimate(0.99, 0.005), at_least=0.97)
    named = [case.get("name") for case in cases(records.run("pass", (), (row, row, row)))]
    first = "accuracy.retention [support-intents]"
    assert named == [first, f"{first} (2)", f"{first} (3)"]


def test_names_say_suite_slice_and_champion_and_hold_no_score() -> None:
    named = [(case.get("classname"), case.get("name")) for case in cases(records.failing())]
    assert ("evalkit.slices", "accuracy.difference [support-intents] [language=de]") in named
    assert ("evalkit.regression", "accuracy.difference [support-intents] (versus champion)") in named
    assert not any(re.search(r"\d\.\d", name or "") for _, name in named)


def test_each_outcome_has_its_element() -> None:
    found = {f"{case.get('classname')} {case.get('name')}": result(case)[:2] for case in cases(records.failing())}
    assert found["evalkit.retention accuracy.retention [support-intents]"] == ("failure", "fail")
    slices = "evalkit.slices accuracy.difference [support-intents]"
    assert found[f"{slices} [language=de]"] == ("error", "inconclusive")
    assert found[f"{slices} [language=en]"] == ("", "")
    regression = "evalkit.regression accuracy.difference [support-intents] (versus champion)"
    assert found[regression] == ("skipped", "not evaluated")


def test_a_missing_required_criterion_is_an_error_and_a_warning_is_not() -> None:
    gone = records.criterion("a", "accuracy.retention", "not_evaluated", Undefined(reason="x"), at_least=0.9)
    warned = replace(gone, id="b", effect="warn", status="fail")
    first, second = cases(records.run("inconclusive", (), (gone, warned)))
    assert result(first)[:2] == ("error", "inconclusive")
    assert result(second)[:2] == ("skipped", "warning: fail")


def test_a_waived_criterion_names_owner_reason_and_day() -> None:
    kind, why, body = result(cases(records.waived())[0])
    assert (kind, why) == ("skipped", "waived")
    assert "Ada" in body
    assert "2026-12-31" in body
    assert "mended in v4" in body


@pytest.mark.parametrize(("name", "kind"), [("broken", "error"), ("empty", "error"), ("ungated", "skipped")])
def test_a_run_without_criteria_is_one_case(name: str, kind: str) -> None:
    (case,) = cases(records.ALL[name]())
    assert result(case)[0] == kind
    assert records.ALL[name]().verdict.reasons[0] in result(case)[2]


@pytest.mark.parametrize("word", ["fail", "inconclusive"])
def test_it_is_red_even_if_no_row_says_why(word: str) -> None:
    row = records.criterion("a", "accuracy.retention", "waived", records.estimate(0.9, 0.01), at_least=0.97)
    found = [result(case)[0] for case in cases(records.run(word, ("nothing held",), (row,)))]  # type: ignore[arg-type]
    assert {"failure", "error"} & set(found)


def test_numbers_are_there_bit_for_bit() -> None:
    case = cases(records.failing())[0]
    found = properties(case)
    assert (float(found["estimate"]), float(found["low"]), float(found["bound"])) == (0.9459, 0.9459 - 0.0124, 0.97)
    assert found["n"] == "2000"


def test_the_suite_names_verdict_exit_code_and_digests() -> None:
    root = ElementTree.fromstring(report.junit(records.failing()).encode())
    found = properties(root[0])
    assert (found["verdict"], found["exit_code"]) == ("fail", "1")
    assert found["student.weights_digest"] == "sha256:e3b0c44298fc"
    assert found["suite.support-intents.digest"] == "sha256:5d17"


def test_a_body_stays_below_eight_kilobytes() -> None:
    row = records.criterion(
        "a", "accuracy.retention", "fail", records.estimate(0.5, 0.1), at_least=0.9, reason="\x1b&" * 100_000,
        examples=tuple(f"\U000e0041{number}" * 50 for number in range(500)),
    )  # fmt: skip
    written = report.junit(records.run("fail", (), (row,)))
    body = written[written.index("<failure") : written.index("</failure>")]
    assert len(body.encode()) < 8_700
    assert "more lines;" in body
