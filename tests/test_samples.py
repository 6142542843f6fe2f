"""Suites that ask each example several times: what is asked, what is counted, and what is called unstable."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.columns import Columns
from evalkit.errors import UsageError
from evalkit.estimate import Evidence, populations
from evalkit.ledger import reading_order
from evalkit.lint import lint
from evalkit.metrics import Family, Setting, families
from evalkit.metrics.times import whole_suite
from evalkit.metrics.twice import unstable
from evalkit.metrics.unstable import FAMILY as UNSTABLE
from evalkit.requests import build_requests
from evalkit.store import read_run
from evalkit.suite import load_suite
from evalkit.suite.samples import once_each
from evalkit.types import Estimate, Question, Suite, Undefined
from tests import runs
from tests.cli import project
from tests.cli.project import evalkit
from tests.factory import EMPTY, ERROR, Case
from tests.metrics import laws, shapes

K = 5
COLUMNS = {"id": "id", "input": "text", "target": "intent"}
RIGHT, WRONG = "yes", "no"


def written(root: Path, n: int = 30, samples: int = K, temperature: float = 0.7, **over: Any) -> Path:
    """A suite whose answers are written, each example asked several times; the suite's folder."""
    generation = {"samples": samples, "temperature": temperature, "max_new_tokens": 8}
    rows = [{"id": f"e{index}", "text": f"question {index}", "intent": RIGHT} for index in range(n)]
    given = {"rows": rows, "columns": COLUMNS, "task": "generate", "labels": None, "generation": generation, **over}
    return project.suite(root, **given)


def load(root: Path, **over: Any) -> Suite:
    return load_suite(written(root, **over) / "suite.yaml")


def case(teacher: list[str], student: list[str], samples: int = K, **more: Any) -> Case:
    """Answers example by example, `samples` of each; what is right is "yes"."""
    n = len(teacher) // samples
    ids = [f"e{index}#{number}" for index in range(n) for number in range(1, samples + 1)]
    groups = [f"e{index}" for index in range(n) for _ in range(samples)]
    given: dict[str, Any] = {"ids": ids, "groups": groups, "target": [RIGHT] * len(ids), "labels": (), **more}
    return Case(
        task="generate", scorer="exact", samples=samples, teacher=teacher, student=student, name="sampled", **given
    )


def estimates(columns: Columns) -> dict[str, Estimate]:
    """Every metric that has a value on the whole suite."""
    rows = Evidence((columns,), {}, level=0.9, seed=0).measure()
    return {
        question.metric: row.measured
        for question, row in rows.items()
        if question.slice is None and question.suite is not None and isinstance(row.measured, Estimate)
    }


# --- what is asked -----------------------------------------------------------------------------------------


def test_each_example_is_asked_k_times_in_a_group_of_its_own(tmp_path: Path) -> None:
    suite = load(tmp_path, n=3)
    assert [each.id for each in suite.examples] == [f"e{index}#{k}" for index in range(3) for k in range(1, K + 1)]
    assert [each.group for each in suite.examples] == [f"e{index}" for index in range(3) for _ in range(K)]
    assert suite.facts.grouped
    assert suite.facts.samples == K
    assert [suite.facts.example_of(each.id) for each in suite.examples[:6]] == ["e0"] * 5 + ["e1"]


def test_samples_stay_in_the_group_that_the_suite_gives_their_example(tmp_path: Path) -> None:
    rows = [{"id": f"a#{index}", "text": f"q {index}", "intent": RIGHT, "customer": "c"} for index in range(2)]
    suite = load(tmp_path, rows=rows, columns={**COLUMNS, "group": "customer"}, samples=2)
    assert {each.group for each in suite.examples} == {"c"}
    # An id that looks like a sample's is an example's own.
    assert [suite.facts.example_of(each.id) for each in suite.examples] == ["a#0", "a#0", "a#1", "a#1"]


def test_every_sample_is_a_question_of_its_own_and_the_same_one_the_next_time(tmp_path: Path) -> None:
    requests = build_requests(load(tmp_path, n=4))
    assert len({each.key for each in requests}) == len({each.seed for each in requests}) == 4 * K
    assert {each.prompt for each in requests[:K]} == {"question 0"}
    assert all(each.seed is not None and 0 <= each.seed < 2**31 and each.seed % 2 == 0 for each in requests)
    assert build_requests(load(tmp_path, n=4)) == requests
    # More samples, or fewer examples, ask nothing otherwise: what was answered need not be asked again.
    more = {each.example_id: each for each in build_requests(load(tmp_path, n=2, samples=9))}
    assert all(more[each.example_id].key == each.key for each in requests[: 2 * K])


def test_a_suite_that_asks_once_is_what_it_was(tmp_path: Path) -> None:
    once, plain = load(tmp_path / "a", samples=1), load(tmp_path / "b", generation={"max_new_tokens": 8})
    assert [each.id for each in once.examples] == [each.id for each in plain.examples]
    assert {each.seed for each in build_requests(once)} == {None}
    assert "samples" not in once.generation
    assert not once.facts.grouped


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"temperature": 0.0}, "the same answer 5 times"),
        ({"samples": 101}, "100"),
        ({"samples": 0}, "1"),
        ({"task": "classify", "labels": [RIGHT, WRONG]}, "samples are drawn of written answers"),
    ],
)
def test_samples_that_cannot_differ_or_cannot_be_drawn_are_a_complaint(
    tmp_path: Path, over: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        load(tmp_path, **over)


def test_variants_of_a_sampled_suite_are_sampled_as_well(tmp_path: Path) -> None:
    written(tmp_path, n=2, samples=2)
    value = {"schema": "evalkit/suite/v1", "name": "typos", "kind": "edge-case", "version": 1}
    path = project.dump(tmp_path / "suites/typos/suite.yaml", {**value, "from": "intents", "perturb": ["case", "typo"]})
    suite = load_suite(path)
    assert [each.id for each in suite.examples][:4] == ["e0~case#1", "e0~case#2", "e0~typo#1", "e0~typo#2"]
    # An example's variants are one group, and so are their samples.
    assert {each.group for each in suite.examples[:4]} == {"e0"}


def test_lint_and_show_speak_of_examples(tmp_path: Path) -> None:
    suite = load(tmp_path, n=20)
    assert lint(suite) == []
    assert once_each(suite).examples[1].id == "e1"
    ended = evalkit("suite", "show", tmp_path / "suites/intents", "--examples", "2")
    assert "20 examples, 20 with a target" in ended.out
    assert "5 samples of each, at temperature 0.7" in ended.out
    assert "--- e1 " in ended.out
    rows = [{"id": each, "text": "the same", "intent": RIGHT} for each in ("a", "b")]
    assert "1 examples repeat the input of another: b" in str(lint(load(tmp_path / "two", rows=rows))[0])


# --- what is counted ---------------------------------------------------------------------------------------


def test_n_counts_examples_and_values_are_means_of_the_examples_means() -> None:
    rng = np.random.default_rng(3)
    teacher, student = (np.where(rng.random(40 * K) < share, RIGHT, WRONG).tolist() for share in (0.8, 0.7))
    found = estimates(case(teacher, student).columns())
    assert found["accuracy.student"].value == pytest.approx(
        np.mean([np.mean([each == RIGHT for each in student[at : at + K]]) for at in range(0, 40 * K, K)])
    )
    assert {each.n for name, each in found.items() if name.startswith("accuracy.")} == {40}
    assert all(1 <= each.n <= 40 for each in found.values())
    assert all(each.method.endswith("; 40 examples x 5 samples") for each in found.values())


def test_a_rate_over_some_answers_counts_the_examples_that_have_one() -> None:
    # The teacher is right twice on each of the first ten examples, and never on the other twenty.
    teacher = ([RIGHT] * 2 + [WRONG] * (K - 2)) * 10 + [WRONG] * (20 * K)
    found = estimates(case(teacher, [WRONG] * (30 * K)).columns())
    assert found["flips.right_to_wrong.rate"].n == 10
    assert found["flips.wrong_to_right.rate"].n == 30


@pytest.mark.parametrize("seed", range(4))
def test_asking_again_for_the_same_answer_teaches_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    teacher, student = (np.where(rng.random(30) < share, RIGHT, WRONG) for share in (0.85, 0.7))
    once = case(teacher.tolist(), student.tolist(), samples=1, groups=None, ids=[f"e{at}" for at in range(30)])
    often = case(np.repeat(teacher, K).tolist(), np.repeat(student, K).tolist())
    one, many = estimates(once.columns()), estimates(often.columns())
    for name in ("accuracy.teacher", "accuracy.student", "accuracy.difference", "accuracy.retention", "flips.rate"):
        assert many[name].value == pytest.approx(one[name].value)
        assert many[name].n == one[name].n == 30
        assert many[name].high - many[name].low >= (one[name].high - one[name].low) * (1 - 1e-9)  # type: ignore[operator]
    assert many["accuracy.mcnemar_p"].value == pytest.approx(one["accuracy.mcnemar_p"].value)


def test_more_samples_of_a_wavering_model_narrow_the_interval_and_never_beyond_certain_answers() -> None:
    rng = np.random.default_rng(1)
    wavering = np.where(rng.random((60, 20)) < 0.5, RIGHT, WRONG)
    widths = []
    for k in (2, 20):
        answers = wavering[:, :k].ravel().tolist()
        seen = estimates(case(answers, answers, samples=k).columns())["accuracy.student"]
        widths.append(seen.high - seen.low)  # type: ignore[operator]
    assert widths[1] < widths[0]


def test_fewer_than_twenty_examples_are_too_few_however_many_samples() -> None:
    columns = case([RIGHT] * (19 * K), [RIGHT] * (19 * K)).columns()
    rows = Evidence((columns,), {}, level=0.9, seed=0).measure()
    asked = rows[Question(metric="accuracy.difference", suite="sampled")].measured
    assert asked == Undefined(reason="too few groups: 19, and an interval over groups needs 20")


def test_policies_and_slices_count_examples() -> None:
    languages = ["en"] * (10 * K) + ["de"] * (20 * K)
    teacher, student = [RIGHT] * (30 * K), [RIGHT] * (10 * K) + [WRONG] * (20 * K)
    columns = case(teacher, student, slices={"language": languages}).columns()
    (population,) = populations([columns])
    assert population.n == 30
    assert population.slices["language"] == {"en": 10, "de": 20}
    evidence = Evidence((columns,), {}, level=0.9, seed=0)
    assert evidence.matches("sampled", (("language", ("de",)),)) == 20
    (regressed,) = evidence.regressed(0.05)
    assert (regressed.slice, regressed.n, regressed.lost, regressed.difference) == ("language=de", 20, 20, -1.0)
    # As many examples lost as twenty single answers, no more.
    assert regressed.p_holm == pytest.approx(2 * 0.5**20)


SAMPLED: dict[str, Callable[..., Case]] = {
    "texts": shapes.texts,
    "marks": shapes.marks,
    "records": shapes.records,
    "refusals": shapes.refusals,
}


@pytest.mark.parametrize("shape", SAMPLED)
@pytest.mark.parametrize("law", ["well_formed", "deterministic", "order_of_rows", "copy_of_the_teacher"])
def test_every_metric_obeys_the_laws_on_samples(shape: str, law: str) -> None:
    for n in (K, 25 * K):
        drawn = SAMPLED[shape](7, n)
        ids = [f"e{at // K}#{at % K + 1}" for at in range(n)]
        each = replace(drawn, samples=K, ids=ids, groups=[name.rpartition("#")[0] for name in ids])
        for family in applied(each):
            laws.LAWS[law](family, each)


def applied(to: Case) -> list[Family]:
    found = [each for each in families() if each.applies(to.facts())]
    assert "outputs" in {each.name for each in found}
    return found


# --- what is unstable --------------------------------------------------------------------------------------


def measured(**more: Any) -> dict[str, Estimate | Undefined]:
    return dict(UNSTABLE.measure(case(**more).pairs(), Setting(0.9, 0, ("samples",))))


def values(found: dict[str, Any]) -> dict[str, float]:
    return {name.removeprefix("flips."): each.value for name, each in found.items() if isinstance(each, Estimate)}


STEADY, WAVERING = [RIGHT] * K, [RIGHT, WRONG, RIGHT, RIGHT, WRONG]


def test_an_example_is_unstable_where_the_teachers_samples_disagree_and_counts_once() -> None:
    found = measured(teacher=STEADY * 24 + WAVERING * 6, student=[WRONG, *STEADY[1:]] * 30)
    assert values(found) == {
        "unstable.count": 6,
        "unstable.rate": pytest.approx(6 / 30),
        # One answer of each of the 24 that the teacher is sure of.
        "right_to_wrong_stable.count": 24,
        "right_to_wrong_stable.rate": pytest.approx(24 / (24 * K)),
    }
    count, rate = found["flips.unstable.count"], found["flips.unstable.rate"]
    assert isinstance(count, Estimate)
    assert isinstance(rate, Estimate)
    assert (count.n, rate.n) == (30, 30)
    assert count.method == "over 30 examples of 5 samples each"
    assert found["flips.excess_rate"] == Undefined(
        reason="the teacher ran once; set noise_floor in the plan to measure it"
    )


def test_only_the_teachers_samples_make_an_example_unstable() -> None:
    assert values(measured(teacher=STEADY * 20, student=WAVERING * 20))["unstable.count"] == 0


def test_failed_samples_say_nothing_and_empty_ones_are_wrong() -> None:
    rows = [RIGHT, ERROR, RIGHT, RIGHT, RIGHT] + [RIGHT, EMPTY, RIGHT, RIGHT, RIGHT] + [ERROR] * K
    found = case(rows, STEADY * 3).pairs()
    assert unstable(found).tolist() == [False] * K + [True] * K + [False] * K


def test_without_a_target_answers_that_differ_are_unstable() -> None:
    teacher = ["one", "one", "two", "one", "one"] + ["one"] * K
    found = case(teacher, STEADY * 2, target=[None] * (2 * K)).pairs()
    assert unstable(found).tolist() == [True] * K + [False] * K


def test_a_slice_of_the_samples_does_not_change_what_their_example_is() -> None:
    pairs = case(WAVERING + STEADY, STEADY * 2).pairs()
    assert pairs.teacher is not None
    right = pairs.take(pairs.teacher.correct)
    assert unstable(right).tolist() == [True] * 3 + [False] * K


def test_a_second_run_adds_what_it_changed() -> None:
    again = [WRONG, *STEADY[1:]] + STEADY * 29
    found = values(measured(teacher=STEADY * 30, student=STEADY * 30, teacher_again=again))
    assert found["unstable.count"] == 1
    # Answer against answer: one of the teacher's own changed, none of the student's.
    assert found["excess_rate"] == pytest.approx(-1 / (30 * K))


def test_a_suite_as_a_whole_is_all_of_its_examples_however_many_samples_they_have() -> None:
    pairs = replace(case(STEADY * 4, STEADY * 4).pairs(), timing={"examples": 4, "roles": {}})
    assert whole_suite(pairs) is None
    part = whole_suite(pairs.take(np.arange(2 * K)))
    assert part is not None
    assert "not on a part of it" in part.reason


def test_marks_and_students_on_their_own_have_no_unstable_examples() -> None:
    marks = [0.0, 1.0] * K
    graded = case(WAVERING * 2, STEADY * 2, marked=True, teacher_marks=marks, student_marks=marks)
    assert not unstable(graded.pairs()).any()
    alone = case(WAVERING * 2, [WRONG] * (2 * K))
    student = Case(**{**vars(alone), "teacher": None, "student": WAVERING * 2})
    assert {each.unstable for each in reading_order([student.columns()]).pairs} == {False}


def test_the_ledger_marks_every_sample_of_an_unstable_example() -> None:
    columns = case(STEADY + WAVERING, [WRONG] * (2 * K)).columns()
    shown = {each.id: each.unstable for each in reading_order([columns]).pairs}
    assert {name for name, moved in shown.items() if not moved} == {f"e0#{number}" for number in range(1, K + 1)}
    assert shown["e1#1"]
    assert shown["e1#3"]


# --- whole runs --------------------------------------------------------------------------------------------


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> runs.Runner:
    return runs.runner(request, monkeypatch, tmp_path)


def sampled_project(root: Path, n: int = 40, **plan: Any) -> Path:
    written(root, n=n)
    rule = {"metric": "accuracy.difference", "at_least": -0.3}
    project.dump(root / "policy.yaml", project.criteria(rule))
    return project.plan(root, **plan)


def recording(root: Path, name: str, n: int = 40, wrong: int = 0) -> None:
    """Every example's samples, of which the first `wrong` are wrong on each fourth example."""
    rows = [
        {"id": f"e{index}", "sample": number, "text": WRONG if index % 4 == 0 and number <= wrong else RIGHT}
        for index in range(n)
        for number in range(1, K + 1)
    ]
    project.lines(root / f"{name}.jsonl", rows[::-1])


def test_stand_ins_are_sampled_and_the_same_plan_gives_the_same_bytes(gate: runs.Runner) -> None:
    sampled_project(gate.root, teacher="fake:accuracy=0.9", student="fake:accuracy=0.85,seed=1")
    for out in ("run", "same"):
        ended = gate("gate", "--quiet", "--cache", f"cache-{out}", out=out)
        assert ended.code in (0, 1, 3)
    assert (gate.root / "run/results.json").read_bytes() == (gate.root / "same/results.json").read_bytes()
    found = project.metrics(gate.root / "run")
    assert found["flips.unstable.rate"]["estimate"]["n"] == 40
    # A teacher that is right nine times of ten wavers on 1 - 0.9^5 - 0.1^5 = 41 % of the examples.
    assert 0.2 < found["flips.unstable.rate"]["estimate"]["value"] < 0.62
    suite = gate.manifest()["suites"][0]
    assert (suite["n"], suite["size"], suite["samples"]) == (40, 40, K)
    assert "intents: 40 examples of 5 samples each; counts are of samples" in gate.manifest()["notes"]
    assert evalkit("verify", gate.root / "run").code == 0
    assert "5 samples each" in (gate.root / "run/report.html").read_text("utf-8")


def test_a_limit_and_a_noise_floor_draw_whole_examples(gate: runs.Runner) -> None:
    sampled_project(gate.root, teacher="fake:accuracy=0.9", student="fake:seed=1", noise_floor=22)
    gate("audit", "--quiet", "--limit", "25", code=0)
    found = project.metrics(gate.root / "run")
    assert found["accuracy.student"]["estimate"]["n"] == 25
    assert found["agreement.noise_floor"]["estimate"]["n"] == 22
    assert "limited to a seeded draw of 25 of the 40 examples of intents" in gate.manifest()["notes"]


def test_recorded_samples_are_rows_with_their_number(gate: runs.Runner) -> None:
    sampled_project(gate.root)
    recording(gate.root, "teacher", wrong=2)
    recording(gate.root, "student", wrong=3)
    gate("gate", "--quiet", code=0)
    found = {name: row["estimate"] for name, row in project.metrics(gate.root / "run").items()}
    assert found["accuracy.teacher"]["value"] == pytest.approx(1 - 0.25 * 2 / K)
    assert found["accuracy.difference"]["value"] == pytest.approx(-0.25 / K)
    assert found["flips.unstable.count"]["value"] == 10
    # One sample of each of the ten flips; none of them on an example that the teacher is sure of.
    assert found["flips.right_to_wrong.count"]["value"] == 10
    assert found["flips.right_to_wrong_stable.count"]["value"] == 0
    assert "right → wrong (teacher unstable)" in (gate.root / "run/report.html").read_text("utf-8")
    # The run answers in its model's place.
    gate("gate", "--quiet", "--teacher", "recorded:run", out="next", code=0)
    assert evalkit("verify", gate.root / "next").code == 0


def still_needed(gate: runs.Runner, out: str, samples: int, answers: Callable[[int, int], str]) -> int:
    """How many more of 40 examples would settle an inconclusive criterion, as its reason says."""
    written(gate.root, n=40, samples=samples)
    project.dump(gate.root / "policy.yaml", project.criteria({"metric": "accuracy.difference", "at_least": -0.15}))
    project.plan(gate.root)
    keys = [(index, number) for index in range(40) for number in range(1, samples + 1)]
    name = "e{}#{}" if samples > 1 else "e{}"
    for role, said in (("teacher", lambda index, number: RIGHT), ("student", answers)):
        rows = [{"id": name.format(index, number), "text": said(index, number)} for index, number in keys]
        project.lines(gate.root / f"{role}.jsonl", rows)
    gate("gate", "--quiet", out=out, code=3)
    (row,) = project.verdict(gate.root / out)["criteria"]
    found = re.search(r"about ([0-9]+) more examples", row["reason"])
    assert found, row["reason"]
    return int(found[1])


def test_what_would_settle_a_criterion_is_counted_in_examples(gate: runs.Runner) -> None:
    once = still_needed(gate, "once", 1, lambda index, number: WRONG if index % 10 == 0 else RIGHT)
    alike = still_needed(gate, "alike", K, lambda index, number: WRONG if index % 10 == 0 else RIGHT)
    # Four examples lost whole tell as much as four lost; a tenth of the samples of each example, more.
    assert alike == pytest.approx(once, rel=0.2)
    spread = still_needed(gate, "spread", K, lambda index, number: WRONG if (index + 8 * number) % 10 == 0 else RIGHT)
    assert spread < alike / 2


def test_power_speaks_of_examples_and_says_where_it_counts_samples(gate: runs.Runner) -> None:
    sampled_project(gate.root)
    recording(gate.root, "teacher", wrong=2)
    recording(gate.root, "student", wrong=3)
    gate("gate", "--quiet", code=0)
    suite = evalkit("power", "--suite", gate.root / "suites/intents", "--margin", "0.1")
    assert "With 40 examples" in suite.out
    assert "5 samples of it can only help" in suite.out
    run = evalkit("power", gate.root / "run")
    assert "of 200 examples in 40 groups" in run.out
    assert "5 of them are one of intents" in run.out


@pytest.mark.parametrize("number", ["sample", "suffix", "text"])
def test_a_sample_is_named_by_a_column_or_by_its_id(gate: runs.Runner, number: str) -> None:
    sampled_project(gate.root, n=20)
    recording(gate.root, "teacher", n=20)
    rows = [json.loads(line) for line in (gate.root / "teacher.jsonl").read_text("utf-8").splitlines()]
    if number == "suffix":
        rows = [{"id": f"{row['id']}#{row['sample']}", "text": row["text"]} for row in rows]
    elif number == "text":
        rows = [{**row, "sample": f"{row['sample']}.0"} for row in rows]
    project.lines(gate.root / "student.jsonl", rows)
    gate("gate", "--quiet", code=0)


def test_missing_samples_are_named_and_more_than_asked_for_are_left_aside(gate: runs.Runner) -> None:
    sampled_project(gate.root, n=20)
    recording(gate.root, "teacher", n=20)
    recording(gate.root, "student", n=20)
    path = gate.root / "student.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    project.lines(path, [*rows, {"id": "e3", "sample": K + 1, "text": WRONG}])
    gate("gate", "--quiet", code=0)
    project.lines(path, [row for row in rows if (row["id"], row["sample"]) not in {("e3", 2), ("e7", 5)}])
    ended = gate("gate", "--quiet", out="other", code=2)
    assert 'lacks 2 of 100 samples of "intents": e3#2, e7#5' in ended.err
    assert "each example has `sample` 1 to 5" in ended.err
    project.lines(path, [*rows, rows[0]])
    assert f'the id "e19#{K}" is recorded twice' in gate("gate", "--quiet", out="other", code=2).err


def test_a_column_called_sample_is_nothing_to_a_suite_that_asks_once(gate: runs.Runner) -> None:
    runs.light(gate.root, n=24)
    for name in ("teacher", "student"):
        path = gate.root / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        project.lines(path, [{**row, "sample": 1} for row in rows])
    gate("audit", "--quiet", code=0)
    assert gate.manifest()["suites"][0]["samples"] == 1


def test_the_timing_protocol_asks_the_first_sample_of_an_example(gate: runs.Runner) -> None:
    latency = {"prompts": 10, "repeats": 1}
    sampled_project(gate.root, n=24, teacher="fake:accuracy=0.9", student="fake:accuracy=0.9,seed=1", latency=latency)
    gate("audit", "--quiet", code=0)
    (columns,) = read_run(gate.root / "run").columns
    times = zip(columns.data["id"], columns.data["student_latency_s"], strict=True)
    timed = [name for name, seconds in times if seconds is not None]
    assert len(timed) == 10
    assert all(name.endswith("#1") for name in timed)
