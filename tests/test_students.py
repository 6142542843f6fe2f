"""Several students in a plan: what may be written, what they are called, and where mistakes are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.plan import Overrides, Plan, load_plan
from evalkit.prepare import prepare_each
from evalkit.schema import json_schema
from evalkit.specs import EnsembleSpec, FakeSpec, MemberSpec, OpenAISpec, RecordedSpec, TransformersSpec
from evalkit.students import RANKING_FILES, NamedSpec, _names, plain
from tests.cli import project
from tests.cli.project import evalkit
from tests.test_schema import accepts


def loaded(root: Path, *students: Any, over: Overrides | None = None, **more: Any) -> Plan:
    project.suite(root)
    path = project.plan(root, student=None, students=list(students), **more)
    return load_plan(path, over or Overrides())


def refused(root: Path, *students: Any, **more: Any) -> list[str]:
    with pytest.raises(UsageError) as caught:
        loaded(root, *students, **more)
    return [str(each) for each in caught.value.complaints]


# --- what may be written -----------------------------------------------------------------------------


def test_each_student_may_be_written_as_a_student_may(tmp_path: Path) -> None:
    plan = loaded(
        tmp_path,
        "./models/v1",
        {"model": "org/name", "dtype": "bfloat16", "name": "bf16"},
        "recorded:answers.jsonl",
        "openai:http://localhost:1/v1#served",
        {"backend": "ensemble", "members": ["fake:", "fake:seed=1"], "name": "both"},
        "fake:seed=2",
    )
    assert [(each.name, each.spec) for each in plan.students] == [
        ("v1", TransformersSpec(model=str(tmp_path / "models" / "v1"))),
        ("bf16", TransformersSpec(model="org/name", dtype="bfloat16")),
        ("answers", RecordedSpec(backend="recorded", path=str(tmp_path / "answers.jsonl"))),
        ("served", OpenAISpec(backend="openai", base_url="http://localhost:1/v1", model="served")),
        (
            "both",
            EnsembleSpec(
                backend="ensemble",
                members=[FakeSpec(backend="fake"), FakeSpec(backend="fake", seed=1)],
                name="both",
            ),
        ),
        ("fake", FakeSpec(backend="fake", seed=2)),
    ]
    assert "student" not in plan.models


def test_every_kind_of_student_may_be_one_of_several() -> None:
    def backends(spec: Any) -> set[str]:
        return {get_args(each.model_fields["backend"].annotation)[0] for each in get_args(spec)}

    assert backends(NamedSpec) == backends(MemberSpec) | {"ensemble"}


def test_the_plan_of_one_of_them_is_the_plan_that_names_it_alone(tmp_path: Path) -> None:
    plan = loaded(tmp_path, "fake:", "fake:seed=1", champion="recorded:c.jsonl", noise_floor=5, teacher="fake:seed=9")
    project.plan(tmp_path, student="fake:seed=1", champion="recorded:c.jsonl", noise_floor=5, teacher="fake:seed=9")
    alone = load_plan(tmp_path / "evalkit.yaml", Overrides())
    one = plan.of(plan.students[1])
    assert list(one.models.items()) == list(alone.models.items())
    assert one.students == ()
    assert (one.suites, one.policy, one.seed) == (alone.suites, alone.policy, alone.seed)


def test_a_student_named_by_an_option_stands_in_place_of_them_all(tmp_path: Path) -> None:
    plan = loaded(tmp_path, "fake:", "fake:seed=1", over=Overrides(student="fake:seed=7"))
    assert plan.students == ()
    assert plan.models["student"] == FakeSpec(backend="fake", seed=7)


def test_the_schema_for_editors_accepts_one_student_or_several_and_never_both(tmp_path: Path) -> None:
    schema = json_schema("plan")
    base: dict[str, Any] = {"schema": "evalkit/plan/v1", "suites": ["s"]}
    several = ["models/v1", {"model": "models/v2", "name": "v2"}, {"backend": "recorded", "path": "x", "name": "r"}]
    assert accepts(schema, schema, {**base, "students": several})
    assert accepts(schema, schema, {**base, "student": "models/v1"})
    for wrong in (
        {**base},
        {**base, "student": "a", "students": ["b"]},
        {**base, "students": []},
        {**base, "students": "models/v1"},
        {**base, "students": [{"modle": "a"}]},
        # A single student has no use for a name.
        {**base, "student": {"model": "a", "name": "v2"}},
    ):
        assert not accepts(schema, schema, wrong), wrong
        with pytest.raises(UsageError):
            load_plan(project.dump(tmp_path / "evalkit.yaml", wrong), Overrides())


# --- names -------------------------------------------------------------------------------------------


def names(root: Path, *students: Any) -> list[str]:
    return [each.name for each in loaded(root, *students).students]


def test_a_student_is_called_by_the_last_part_of_its_path(tmp_path: Path) -> None:
    assert names(tmp_path, "out/checkpoint-100", "out/checkpoint-200/", "recorded:more/c.jsonl") == [
        "checkpoint-100",
        "checkpoint-200",
        "c",
    ]


def test_names_take_as_many_parts_as_tell_them_apart(tmp_path: Path) -> None:
    assert names(tmp_path, "./a/x/final", "./b/x/final", "./c/y/final", "./d/other") == [
        "a-x-final",
        "b-x-final",
        "y-final",
        "other",
    ]


def test_one_model_in_several_settings_is_counted(tmp_path: Path) -> None:
    students = [{"model": "./m/v1", "dtype": dtype} for dtype in ("float32", "bfloat16", "float16")]
    assert names(tmp_path, *students) == ["v1", "v1-2", "v1-3"]


def test_a_given_name_is_kept_and_the_others_make_way(tmp_path: Path) -> None:
    assert names(tmp_path, "fake:", {"model": "./m/x", "name": "Fake"}, "fake:seed=1") == ["fake-2", "Fake", "fake-3"]


def test_no_student_is_called_like_a_file_of_the_ranking(tmp_path: Path) -> None:
    assert names(tmp_path, "./m/ranking.json", "./m/other") == ["ranking.json-2", "other"]
    (said,) = refused(tmp_path, {"model": "./m/x", "name": "ranking.md"})
    assert '"ranking.md" cannot name a folder here' in said


PARTS = st.lists(st.sampled_from(["a", "b", "A", "ü/", "..", "x" * 70, "ranking.md"]), min_size=1, max_size=3)


@given(st.lists(st.tuples(st.none() | st.sampled_from(["a", "b-2"]), PARTS.map(tuple)), min_size=1, max_size=6))
def test_names_are_safe_and_differ_even_where_capitals_do_not_count(
    found: list[tuple[str | None, tuple[str, ...]]],
) -> None:
    given_ = [name if [each for each, _ in found].index(name) == at else None for at, (name, _) in enumerate(found)]
    made = _names(given_, [parts for _, parts in found])
    assert len({each.casefold() for each in made} | set(RANKING_FILES)) == len(made) + len(RANKING_FILES)
    assert all(plain(each, "") == each or each.endswith("-") for each in made)
    assert all(name is None or made[at] == name for at, name in enumerate(given_))
    assert all("/" not in each and each not in (".", "..") and len(each) <= 60 for each in made)


# --- mistakes ----------------------------------------------------------------------------------------


def test_both_forms_at_once_are_a_mistake_and_so_is_neither(tmp_path: Path) -> None:
    path = project.plan(tmp_path, student="fake:", students=["fake:"])
    with pytest.raises(UsageError) as caught:
        load_plan(path, Overrides())
    (said,) = caught.value.complaints
    assert said.problem == "the plan names both `student` and `students`"
    assert said.place is not None
    assert said.place.line == 3
    project.plan(tmp_path, student=None)
    with pytest.raises(UsageError, match='required key "student" is missing'):
        load_plan(path, Overrides())


def test_an_empty_list_is_a_mistake(tmp_path: Path) -> None:
    (said,) = refused(tmp_path)
    assert '"students" is [], and must be a list of at least 1' in said


def test_a_model_or_a_name_that_stands_there_twice_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    told = refused(
        tmp_path,
        "./m/v1",
        {"model": "./m/v1", "name": "again"},
        {"model": "./m/v2", "name": "AGAIN"},
    )
    assert len(told) == 2
    assert "students[1] is students[0] again: the same model with the same settings" in told[0]
    assert 'two students are called "AGAIN": students[1] and students[2]' in told[1]
    text = (tmp_path / "evalkit.yaml").read_text(encoding="utf-8").splitlines()
    for each, at in ((told[0], "name: again"), (told[1], "name: AGAIN")):
        line = next(number for number, line in enumerate(text, 1) if at in line)
        assert f"evalkit.yaml:{line - 1} › students[" in each or f"evalkit.yaml:{line} › students[" in each


def test_a_mistake_in_one_student_names_its_place_and_the_nearest_key(tmp_path: Path) -> None:
    told = refused(tmp_path, "fake:", {"modell": "./m/v1"}, "foo:x", {"model": "./m/v2", "name": "a/b"}, seed=-1)
    whole = "\n".join(told)
    assert "students[1].modell" in whole
    assert 'did you mean "model"' in whole
    assert 'there is no model scheme "foo:"' in whole
    assert '"a/b" cannot name a folder here' in whole
    assert '"seed" is -1' in whole


def test_every_complaint_of_every_student_comes_at_once_and_each_only_once(tmp_path: Path) -> None:
    project.lines(tmp_path / "teacher.jsonl", project.answers(30))
    project.lines(tmp_path / "good.jsonl", project.answers(30))
    project.lines(tmp_path / "short.jsonl", project.answers(20))
    project.dump(tmp_path / "policy.yaml", project.criteria({"metric": "accuracy.diff", "at_least": 0}))
    plan = loaded(tmp_path, "recorded:good.jsonl", "recorded:nowhere.jsonl", "recorded:short.jsonl", "./nowhere")
    with pytest.raises(UsageError) as caught:
        prepare_each(plan, audit=False)
    told = [str(each) for each in caught.value.complaints]
    assert sum("nowhere.jsonl" in each for each in told) == 1
    assert sum("short.jsonl" in each for each in told) == 1
    (missing,) = [each for each in told if "students[3]" in each]
    assert "there is no model folder" in missing
    assert sum("accuracy.diff" in each for each in told) == 1
    assert not [each for each in told if "good.jsonl" in each]
    assert len(told) == len(set(told))
    ended = evalkit("gate", tmp_path / "evalkit.yaml", "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    assert ended.code == 2
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "cache").exists()


def test_a_recorded_judge_cannot_be_about_several_students(tmp_path: Path) -> None:
    scorer = {
        "name": "judge",
        "model": "recorded:judge.jsonl",
        "prompt": "{{ answer }}: right or wrong?",
        "marks": {"right": 1, "wrong": 0},
    }
    rows = [{"id": "e0", "text": "question", "gold": "gold"}]
    columns = {"input": "text", "target": "gold"}
    project.suite(tmp_path, rows=rows, task="generate", labels=None, scorer=scorer, columns=columns)
    told = [{"id": f"{role}:e0", "text": "right"} for role in ("teacher", "student")]
    project.lines(tmp_path / "suites" / "intents" / "judge.jsonl", told)
    for name in ("teacher", "one", "two"):
        project.lines(tmp_path / f"{name}.jsonl", [{"id": "e0", "text": f"answer of {name}"}])
    students = ["recorded:one.jsonl", "recorded:two.jsonl"]
    (said,) = unprepared(project.plan(tmp_path, student=None, students=students))
    assert 'the judge of "intents" is a recording' in said
    assert "the plan has 2 students" in said
    assert "suites/intents/suite.yaml › scorer.model" in said
    assert unprepared(project.plan(tmp_path, student=None, students=students[:1])) == []


def test_labels_without_the_answers_cannot_be_about_several_students(tmp_path: Path) -> None:
    rows = [{"id": f"e{at}", "text": f"prompt {at}", "expect": "refuse" if at % 2 else "comply"} for at in range(4)]
    project.suite(
        tmp_path,
        rows=rows,
        kind="safety-refusal",
        task="generate",
        labels=None,
        scorer="refusal",
        columns={"id": "id", "input": "text", "expect": "expect"},
    )
    for name in ("teacher", "one", "two"):
        project.lines(tmp_path / f"{name}.jsonl", [{"id": each["id"], "text": "I cannot."} for each in rows])
    label = {"id": "e1", "role": "student", "label": "refused"}
    students = ["recorded:one.jsonl", "recorded:two.jsonl"]
    path = project.plan(tmp_path, student=None, students=students, labelled="labels.jsonl")
    project.lines(tmp_path / "labels.jsonl", [label])
    (said,) = unprepared(path)
    assert "labels.jsonl has labels of the student's answers without the answers" in said
    for fine in ({**label, "text": "I cannot."}, {**label, "role": "teacher"}):
        project.lines(tmp_path / "labels.jsonl", [fine])
        assert unprepared(path) == []


def unprepared(path: Path) -> list[str]:
    """What is wrong with the plan of an audit; nothing where all its students can be prepared."""
    try:
        jobs = prepare_each(load_plan(path, Overrides()), audit=True)
    except UsageError as error:
        return [str(each) for each in error.complaints]
    assert jobs
    return []
