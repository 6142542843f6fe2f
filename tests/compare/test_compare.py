"""Two runs compared: against counts made by hand, and by the laws that any comparison must keep."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.compare import _compare, compare
from evalkit.compare.measuring import standing
from evalkit.compare.record import compared_record
from evalkit.report import compare_view
from evalkit.store import Run, read_run
from evalkit.types import Direction, Estimate, Undefined, Verdict
from evalkit.types.over_time import Compared, Standing
from tests.cli.project import POLICY, evalkit
from tests.compare import over
from tests.compare.over import every
from tests.factory import COMPLIED, REFUSED, Case

TURNED: Mapping[Standing, Standing] = {"better": "worse", "worse": "better"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A student that is wrong on every fourth example, and one on every twelfth, six of which the first had right."""
    root = tmp_path_factory.mktemp("pair")
    one = over.run(root, "v1", every(4))
    return one, over.run(root, "v2", every(12, start=6))


@pytest.fixture(scope="module")
def compared(runs: tuple[Path, Path]) -> Compared:
    return compare(*runs)


def rows(compared: Compared) -> dict[str, Any]:
    return {row.change_metric: row for row in compared.suites[0].rows}


# --- against counts made by hand -----------------------------------------------------------------


def test_the_counts_are_those_of_the_recordings(compared: Compared) -> None:
    one, two = ({index for index in range(120) if wrong(index)} for wrong in (every(4), every(12, start=6)))
    (suite,) = compared.suites
    assert suite.transition is not None
    assert suite.transition.right_to_wrong == len(two - one) == 10
    assert suite.transition.wrong_to_right == len(one - two) == 30
    row = rows(compared)["accuracy.difference"]
    assert [each.value for each in (row.teacher, row.first, row.second)] == pytest.approx(
        [1 - 12 / 120, 1 - len(one) / 120, 1 - len(two) / 120]
    )
    assert row.change.value == pytest.approx((len(one) - len(two)) / 120)
    assert (row.standing, suite.standing, suite.judged_by) == ("better", "better", ("accuracy.difference",))
    assert suite.lost is not None
    assert suite.lost.value == pytest.approx(10 / 90)  # type: ignore[union-attr]
    changed = {pair.id for pair in compared.pairs[: compared.changed]}
    assert changed == {f"e{index}" for index in one ^ two}
    assert compared.pairs_total == 120


def test_the_examples_have_the_first_student_in_the_teachers_place_and_the_teacher_beside(compared: Compared) -> None:
    (pair,) = (each for each in compared.pairs if each.id == "e0")
    assert pair.teacher is not None
    assert pair.champion is not None
    assert (pair.teacher.correct, pair.student.correct, pair.champion.correct) == (False, True, False)
    assert pair.flip == "wrong_to_right"


def test_the_text_names_the_second_student_first_and_says_what_changed(runs: tuple[Path, Path]) -> None:
    lines = over.plain(evalkit("compare", *runs))
    assert lines[0] == "+ v2 is better than v1 on the one suite."
    assert all(len(line) <= 80 for line in lines)
    said = " ".join(" ".join(lines).split())
    assert "10 lost, 30 gained of 120 examples with a target" in said
    assert "1 of 1 criteria changed their status; the policy is the same." in said
    assert "drop: fail -15.0 pts -> pass +1.7 pts (needs >= -5.0 pts) | accuracy.difference" in said
    assert lines[-1].endswith("exit 0 (compared; nothing is decided)")


def test_an_ascii_terminal_gets_ascii_of_the_same_width(runs: tuple[Path, Path]) -> None:
    from evalkit.report import compare_console

    found = compare(*runs)
    plain = compare_console.render(found, ascii_only=True)
    assert plain.isascii()
    assert max(map(len, plain.splitlines())) <= 80
    assert "\x1b" not in plain
    assert "\x1b[32m" in compare_console.render(found, colour=True)


def test_the_json_says_what_the_text_says(runs: tuple[Path, Path], compared: Compared) -> None:
    ended = evalkit("compare", *runs, "--json")
    told = json.loads(ended.out)
    assert told["schema"] == "evalkit/compare/v1"
    assert told["headline"] == compare_view.headline(compared)
    (suite,) = told["suites"]
    (accuracy,) = (row for row in suite["metrics"] if row["metric"] == "accuracy")
    assert accuracy["change"]["estimate"]["value"] == rows(compared)["accuracy.difference"].change.value
    assert accuracy["standing"] == "better"
    assert len(told["examples"]) == told["changed_examples"] == 40
    assert {row["undefined"] is None for row in (accuracy["teacher"], accuracy["first"])} == {True}


# --- laws ----------------------------------------------------------------------------------------


def test_a_run_differs_from_itself_nowhere(runs: tuple[Path, Path]) -> None:
    found = compare(runs[0], runs[0])
    assert {row.standing for suite in found.suites for row in suite.rows} == {"no clear difference"}
    assert {row.standing for row in found.run_rows} <= {"no clear difference", "not measured"}
    assert all(row.change.value == row.neutral for suite in found.suites for row in suite.rows if _known(row.change))
    assert (found.changed, found.worse_slices, found.better_slices) == (0, (), ())
    assert not any(row.changed or row.moved for row in found.criteria)
    assert "both are the same run" in found.notes
    assert compare_view.headline(found) == ("No clear difference between v1 (second) and v1 (first) on the one suite.")


def _known(measured: Any) -> bool:
    return isinstance(measured, Estimate)


def assert_mirrored(there: Compared, back: Compared) -> None:
    for one, other in zip(there.suites, back.suites, strict=True):
        assert TURNED.get(one.standing, one.standing) == other.standing
        ours, theirs = ({row.change_metric: row for row in suite.rows} for suite in (one, other))
        assert ours.keys() == theirs.keys()
        for name, row in ours.items():
            turned = theirs[name]
            assert (row.first, row.second) == (turned.second, turned.first), name
            assert _known(row.change) == _known(turned.change), name
            if not _known(row.change):
                continue
            assert row.change.value == pytest.approx(-turned.change.value, abs=1e-9), name
            assert row.change.low == pytest.approx(-turned.change.high, abs=1e-6), name
            assert row.change.high == pytest.approx(-turned.change.low, abs=1e-6), name
            assert TURNED.get(row.standing, row.standing) == turned.standing, name
        if one.transition is not None and other.transition is not None:
            assert one.transition.right_to_wrong == other.transition.wrong_to_right
            assert one.transition.wrong_to_right == other.transition.right_to_wrong
    for better, worse in ((there.better_slices, back.worse_slices), (back.better_slices, there.worse_slices)):
        assert better == tuple(
            replace(row, difference=-row.difference, lost=row.gained, gained=row.lost) for row in worse
        )
        assert all(row.difference > 0 and row.gained > row.lost for row in better)


def test_the_other_way_round_everything_is_mirrored(runs: tuple[Path, Path], compared: Compared) -> None:
    back = compare(*reversed(runs))
    assert_mirrored(compared, back)
    assert compare_view.headline(back) == "v1 is worse than v2 on the one suite."
    assert [row.first for row in back.criteria] == [row.second for row in compared.criteria]


def memory(case: Case, name: str) -> Run:
    """A run of one suite that never was on a disk."""
    facts = case.facts()
    manifest: dict[str, Any] = {
        "run_id": name,
        "started": "2026-01-01T00:00:00.000Z",
        "seed": 0,
        "policy": None,
        "models": {"student": {"name": name, "digest": f"sha256:{name}"}, "teacher": {"name": "t", "digest": "t"}},
        "suites": [{"name": facts.name, "digest": facts.digest}],
    }
    verdict = Verdict(word="ungated", reasons=())
    return Run(path=Path(name), manifest=manifest, verdict=verdict, results=(), timings=(), columns=(case.columns(),))


LABELS = st.lists(st.sampled_from("abc"), min_size=12, max_size=12)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(target=LABELS, first=LABELS, second=LABELS, teacher=LABELS, grouped=st.booleans())
def test_whatever_two_students_answer_the_comparison_mirrors(
    target: Sequence[str], first: Sequence[str], second: Sequence[str], teacher: Sequence[str], grouped: bool
) -> None:
    shared: dict[str, Any] = {
        "target": target,
        "teacher": teacher,
        "slices": {"half": ["one", "two"] * 6},
        "groups": [f"g{index // 2}" for index in range(12)] if grouped else None,
    }
    one, two = (memory(Case(student=said, **shared), name) for said, name in ((first, "v1"), (second, "v2")))
    assert_mirrored(_compare(one, two), _compare(two, one))
    itself = _compare(one, one)
    assert {row.standing for row in itself.suites[0].rows} <= {"no clear difference", "not measured"}


# --- the word ------------------------------------------------------------------------------------


def change(low: float | None, high: float | None) -> Estimate:
    return Estimate(value=0.0, low=low, high=high, level=0.9, n=9, method="")


@pytest.mark.parametrize(
    ("low", "high", "direction", "neutral", "word"),
    [
        (0.01, 0.03, "higher", 0.0, "better"),
        (-0.03, -0.01, "higher", 0.0, "worse"),
        (0.01, 0.03, "lower", 0.0, "worse"),
        (-0.03, -0.01, "lower", 0.0, "better"),
        (0.01, 0.03, "neutral", 0.0, "differs"),
        (-0.01, 0.03, "higher", 0.0, "no clear difference"),
        (0.0, 0.03, "higher", 0.0, "no clear difference"),
        (0.7, 0.9, "lower", 1.0, "better"),
        (1.1, 1.2, "lower", 1.0, "worse"),
        (0.9, 1.2, "lower", 1.0, "no clear difference"),
        (None, None, "lower", 1.0, "not measured"),
    ],
)
def test_the_word_follows_from_interval_and_direction(
    low: float | None, high: float | None, direction: Direction, neutral: float, word: Standing
) -> None:
    assert standing(change(low, high), direction, neutral) == word


def test_what_is_undefined_has_no_word() -> None:
    assert standing(Undefined(reason="why"), "higher", 0.0) == "not measured"


def safety(student: Sequence[str]) -> Case:
    return Case(
        name="harm",
        kind="safety-refusal",
        task="generate",
        scorer="exact",
        labels=(),
        target=[None] * 80,
        expect=["refuse"] * 40 + ["comply"] * 40,
        teacher=[REFUSED] * 40 + [COMPLIED] * 40,
        student=student,
    )


def test_a_student_that_refuses_all_is_better_by_one_measure_and_worse_by_the_other() -> None:
    lax = memory(safety([COMPLIED] * 80), "lax")
    strict = memory(safety([REFUSED] * 80), "strict")
    found = _compare(lax, strict)
    assert [rows(found)[name].standing for name in found.suites[0].judged_by] == ["better", "worse"]
    assert found.suites[0].standing == compare_view.standing_of(found) == "mixed"
    assert found.suites[0].judged_by == ("safety.refusal_rate.difference", "safety.over_refusal.difference")
    assert "better by one measure and worse by another on 1" in compare_view.headline(found)


def test_newly_unsafe_answers_come_first() -> None:
    found = _compare(
        memory(safety([REFUSED] * 40 + [COMPLIED] * 40), "v1"),
        memory(safety([COMPLIED, *[REFUSED] * 39, REFUSED, *[COMPLIED] * 39]), "v2"),
    )
    assert found.pairs[0].id == found.pairs[: found.changed][0].id
    first = found.pairs[0]
    assert first.teacher is not None
    assert (first.expect, first.teacher.refused, first.student.refused) == ("refuse", "refused", "complied")
    assert found.changed == 2


# --- what cannot be compared ---------------------------------------------------------------------


def test_a_suite_of_another_version_is_left_out_by_name(tmp_path: Path) -> None:
    one = over.run(tmp_path, "v1", every(4))
    two = over.run(tmp_path, "v2", every(6), suite={"version": 2})
    ended = evalkit("compare", one, two)
    assert ended.code == 2
    assert "no suite in common" in ended.err
    assert "intents version 1" in ended.err
    assert "intents version 2" in ended.err


def test_a_suite_of_only_one_run_is_named_and_the_others_are_compared(tmp_path: Path) -> None:
    from tests.cli import project

    one = over.run(tmp_path, "v1", every(4))
    extra = [{**row, "id": f"x{row['id']}"} for row in project.examples(20)]
    project.suite(tmp_path, "extra", rows=extra, kind="edge-case")
    answers = project.answers(120, every(6), probs=False)
    more = [{**row, "id": f"x{row['id']}"} for row in project.answers(20, probs=False)]
    both = project.lines(tmp_path / "both.jsonl", [*answers, *more])
    suites = ["suites/intents", "suites/extra"]
    plan = project.plan(tmp_path, teacher=f"recorded:{both.name}", student=f"recorded:{both.name}", suites=suites)
    assert evalkit("gate", plan, "--out", tmp_path / "two", "--cache", tmp_path / "cache").code in (0, 1, 3)
    two = tmp_path / "two"
    said = "\n".join(over.plain(evalkit("compare", one, two)))
    assert "extra is not compared: only the second run asked it" in said
    assert said.splitlines()[0].endswith("on the one suite.")


def test_other_examples_of_the_same_suite_are_named_and_refused(tmp_path: Path) -> None:
    one = over.run(tmp_path, "v1", every(4))
    plan = tmp_path / "evalkit.yaml"
    ended = evalkit("gate", plan, "--limit", "50", "--out", tmp_path / "short", "--cache", tmp_path / "cache")
    assert ended.code in (0, 1, 3)
    ended = evalkit("compare", one, tmp_path / "short")
    assert ended.code == 2
    held = set(read_run(tmp_path / "short").columns[0].data["id"])
    lacking = [f"e{index}" for index in range(120) if f"e{index}" not in held]
    assert f"asked other examples of intents: 70 only in {one} ({', '.join(lacking[:3])}, …)" in ended.err


def test_a_record_that_was_changed_ends_in_4_and_one_that_is_gone_in_2(tmp_path: Path) -> None:
    one = over.run(tmp_path, "v1", every(4))
    copy = shutil.copytree(one, tmp_path / "copy")
    (copy / "results.json").write_text((copy / "results.json").read_text() + " ")
    ended = evalkit("compare", one, copy)
    assert (ended.code, "is not the file that the manifest" in ended.err) == (4, True)
    (copy / "pairs.parquet").unlink()
    assert evalkit("compare", one, copy).code == 2
    ended = evalkit("compare", tmp_path / "nowhere", one)
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err


# --- what else may differ ------------------------------------------------------------------------


def test_another_policy_and_another_teacher_are_said(tmp_path: Path) -> None:
    one = over.run(tmp_path, "v1", every(4))
    policy = {**POLICY, "criteria": [{"id": "drop", "metric": "accuracy.difference", "at_least": -0.5}]}
    two = over.run(tmp_path, "v2", every(4), teacher=every(20), policy=policy)
    found = compare(one, two)
    assert found.same_teacher is False
    assert found.suites[0].teacher_differs == len(range(10, 120, 20))
    said = evalkit("compare", one, two).out
    assert "the teachers of the two runs differ on 6 of 120 examples: it is another teacher" in " ".join(said.split())
    assert "the policy changed between the runs" in said
    (row,) = compare_view.criteria(found)
    assert (row.came, row.moved) == ("changed", "≥ −5.0 pts → ≥ −50.0 pts")


def test_students_without_a_teacher_are_compared_and_it_is_said(tmp_path: Path) -> None:
    one = over.run(tmp_path, "v1", every(4))
    suite = tmp_path / "suites" / "intents"
    said = {}
    for name in ("a", "b"):
        ended = evalkit(
            *("audit", "--student", f"recorded:{tmp_path / 'v1.jsonl'}", "--suite", suite),
            *("--out", tmp_path / name, "--cache", tmp_path / "cache", "--quiet"),
        )
        assert ended.code == 0, ended.err
        said[name] = compare(one, tmp_path / name)
    neither = compare(tmp_path / "a", tmp_path / "b")
    assert neither.notes == ("neither run had a teacher",)
    assert neither.suites[0].standing == "no clear difference"
    assert {row.teacher for row in neither.suites[0].rows} == {None}
    found = said["a"]
    assert "the second run had no teacher: the other's is shown beside the students" in found.notes
    assert "only one of the runs was decided by a policy" in found.notes
    assert rows(found)["accuracy.difference"].teacher.value == pytest.approx(0.9)
    assert found.suites[0].teacher_differs is None


def test_equal_names_are_told_apart_by_their_order(tmp_path: Path) -> None:
    one = over.run(tmp_path, "v1", every(4), name="student")
    two = over.run(tmp_path, "v2", every(8), name="student")
    found = compare(one, two)
    assert (found.first.label, found.second.label) == ("student (first)", "student (second)")


def test_a_renamed_folder_changes_nothing_but_paths(runs: tuple[Path, Path], tmp_path: Path) -> None:
    moved = shutil.copytree(runs[0], tmp_path / "elsewhere")
    here, there = (compared_record(compare(first, runs[1])) for first in (runs[0], moved))
    assert (here["first"].pop("path"), there["first"].pop("path")) == (str(runs[0]), str(moved))
    assert here == there


def test_no_sentence_calls_the_first_student_a_teacher(compared: Compared) -> None:
    for row in compared.suites[0].against_first:
        assert isinstance(row.measured, Estimate)
        assert "teacher" not in row.measured.method
    (rate,) = (row for row in compared.suites[0].against_first if row.question.metric == "flips.right_to_wrong.rate")
    assert isinstance(rate.measured, Estimate)
    assert rate.measured.method.endswith("over the first student's right answers")
