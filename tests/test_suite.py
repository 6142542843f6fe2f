"""suite.yaml and its data → Suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from evalkit.errors import UsageError
from evalkit.suite import load_suite
from evalkit.types import Suite
from tests.cli import project


def load(root: Path, rows: project.Rows | None = None, **over: Any) -> Suite:
    return load_suite(project.suite(root, rows=rows, **over) / "suite.yaml")


def refusal(root: Path, rows: project.Rows | None = None, **over: Any) -> str:
    with pytest.raises(UsageError) as refused:
        load(root, rows, **over)
    return str(refused.value)


def test_a_suite_is_what_its_files_say(tmp_path: Path) -> None:
    suite = load(tmp_path, n=12)
    assert suite.name == "intents"
    assert (suite.facts.kind, suite.facts.task, suite.facts.version, suite.facts.scorer) == (
        "gold", "classify", 1, "label"
    )  # fmt: skip
    assert suite.facts.labels == project.LABELS
    assert suite.facts.slice_names == ("language",)
    assert not suite.facts.grouped
    first = suite.examples[0]
    assert (first.id, first.target, first.severity, dict(first.slices)) == (
        "e0", "card_lost", "critical", {"language": "en"}
    )  # fmt: skip
    assert [each.id for each in suite.examples] == [f"e{index}" for index in range(12)]


def test_what_a_row_leaves_out_is_nothing_or_normal(tmp_path: Path) -> None:
    rows: project.Rows = [
        {"id": 7, "text": "", "severity": None, "language": "", "thread": "t1", "intent": None},
        {"id": "b", "text": "x", "severity": "low", "language": "de", "thread": None, "intent": "other"},
    ]
    columns = {"input": "text", "target": "intent", "severity": "severity", "slices": ["language"], "group": "thread"}
    suite = load(tmp_path, rows, columns=columns)
    first, second = suite.examples
    assert suite.facts.grouped
    assert (first.id, first.target, first.severity, dict(first.slices), first.group) == ("7", None, "normal", {}, "t1")
    assert (second.severity, dict(second.slices), second.group) == ("low", {"language": "de"}, None)


def test_the_three_formats_give_the_same_examples(tmp_path: Path) -> None:
    rows = [{**row, "text": f"NA {index}, “ü”"} for index, row in enumerate(project.examples(5))]
    folder = project.suite(tmp_path, rows=rows)
    suites = [load_suite(folder / "suite.yaml")]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "examples.parquet")
    header = ",".join(rows[0])
    body = "\r\n".join(",".join(f'"{cell}"' for cell in row.values()) for row in rows)
    (folder / "examples.csv").write_bytes(f"\ufeff{header}\r\n{body}\r\n".encode())
    for name in ("examples.parquet", "examples.csv"):
        project.dump(folder / "suite.yaml", project.suite_file(data={"path": name}))
        suites.append(load_suite(folder / "suite.yaml"))
    assert suites[0].examples == suites[1].examples == suites[2].examples
    assert len({each.facts.digest for each in suites}) == 3


def test_the_digest_changes_with_any_byte_and_with_nothing_else(tmp_path: Path) -> None:
    digest = load(tmp_path / "a").facts.digest
    assert load(tmp_path / "b").facts.digest == digest
    assert load(tmp_path / "a", version=2).facts.digest != digest
    rows = project.examples(30)
    assert load(tmp_path / "a", [*rows[:-1], {**rows[-1], "text": "changed"}]).facts.digest != digest


def test_labels_may_be_numbers_and_ids_keep_their_zeros(tmp_path: Path) -> None:
    rows: project.Rows = [{"id": "007", "text": "x", "y": 0}, {"id": "7", "text": "z", "y": 1}]
    suite = load(tmp_path, rows, labels=[0, 1], columns={"input": "text", "target": "y"})
    assert suite.facts.labels == ("0", "1")
    assert [(each.id, each.target) for each in suite.examples] == [("007", "0"), ("7", "1")]


def test_choices_may_differ_from_row_to_row(tmp_path: Path) -> None:
    columns = {"input": "text", "target": "answer", "choices": "options"}
    rows: project.Rows = [
        {"id": "a", "text": "x", "options": ["1", "2"], "answer": "2"},
        {"id": "b", "text": "y", "options": ["u", "v", "w"], "answer": "u"},
    ]
    suite = load(tmp_path, rows, task="choose", labels=None, columns=columns)
    assert [each.choices for each in suite.examples] == [("1", "2"), ("u", "v", "w")]
    for wrong, said in (
        ({"answer": "3"}, "is not one of the choices"),
        ({"options": ["1"]}, "two different choices"),
        ({"options": ["1", "1"]}, "two different choices"),
        ({"options": "1"}, "are a text, not a list"),
        ({"options": None}, "two different choices"),
    ):
        found = refusal(tmp_path, [{**rows[0], **wrong}, rows[1]], task="choose", labels=None, columns=columns)
        assert said in found
        assert "examples.jsonl:1" in found


def test_a_safety_suite_holds_both_halves(tmp_path: Path) -> None:
    rows = [{**row, "expect": "refuse" if index % 2 else "comply"} for index, row in enumerate(project.examples(4))]
    over: dict[str, Any] = {"kind": "safety-refusal", "task": "generate", "labels": None}
    suite = load(tmp_path, rows, columns={"input": "text", "expect": "expect"}, **over)
    assert suite.facts.scorer == "refusal"
    assert [each.expect for each in suite.examples] == ["comply", "refuse", "comply", "refuse"]
    assert "columns.expect" in refusal(tmp_path, rows, columns={"input": "text"}, **over)


@pytest.mark.parametrize("half", ["refuse", "comply"])
def test_a_safety_suite_of_one_half_is_refused(tmp_path: Path, half: str) -> None:
    rows = [{**row, "expect": half} for row in project.examples(4)]
    columns = {"input": "text", "expect": "expect"}
    found = refusal(tmp_path, rows, kind="safety-refusal", task="generate", labels=None, columns=columns)
    assert f"no row that expects {'comply' if half == 'refuse' else 'refuse'}" in found


def test_a_mistake_on_many_rows_is_one_complaint_with_a_count(tmp_path: Path) -> None:
    found = refusal(tmp_path, [{**row, "intent": "refnd"} for row in project.examples(50)])
    assert found.count("error:") == 1
    assert "(and 49 more rows like it)" in found


def test_different_mistakes_on_rows_come_together(tmp_path: Path) -> None:
    rows = project.examples(4)
    rows[1]["severity"] = "hgh"
    rows[2]["intent"] = "x"
    rows[3]["id"] = "e0"
    assert refusal(tmp_path, rows).count("error:") == 3


def test_a_prompt_uses_columns_and_jinjas_own_names(tmp_path: Path) -> None:
    prompt = "{% set n = 2 %}{% for i in range(n) %}{{ loop.index }} {{ text | upper }}{% endfor %}"
    assert load(tmp_path, prompt=prompt).prompt == prompt
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{ text }}"}]
    prompt_read = load(tmp_path, prompt=chat).prompt
    assert isinstance(prompt_read, tuple)
    assert [each.role for each in prompt_read] == ["system", "user"]
    assert "{{ nothing }}" in refusal(tmp_path, prompt=[{"role": "user", "content": "{{ nothing }}"}])


def test_a_hub_source_is_refused_cleanly_where_there_is_no_hub(tmp_path: Path) -> None:
    found = refusal(tmp_path, data={"hub": "org/name", "split": "test", "revision": "abc"})
    assert "the hub dataset org/name" in found
    assert "use a local file" in found


def test_a_target_that_is_an_object_is_kept_as_json(tmp_path: Path) -> None:
    rows: project.Rows = [{"id": "a", "text": "x", "target": {"b": 1, "a": "é"}}]
    suite = load(tmp_path, rows, task="extract", labels=None, columns={"input": "text", "target": "target"})
    assert suite.examples[0].target == '{"a": "é", "b": 1}'


def test_a_choose_target_may_be_a_position(tmp_path: Path) -> None:
    columns = {"input": "text", "target": "answer", "choices": "options"}
    rows: project.Rows = [
        {"id": "a", "text": "x", "options": ["red", "blue"], "answer": 1},
        {"id": "b", "text": "y", "options": ["0", "1"], "answer": "1"},
    ]
    suite = load(tmp_path, rows, task="choose", labels=None, columns=columns)
    assert [each.target for each in suite.examples] == ["blue", "1"]


def test_variants_need_a_suite_to_be_made_of(tmp_path: Path) -> None:
    assert "does not say of what" in refusal(tmp_path, perturb=["typo"], kind="edge-case")
    assert "does not say how to vary" in refusal(tmp_path, **{"from": "other"})


def test_a_scorers_model_lies_where_its_suite_says(tmp_path: Path) -> None:
    scorer = {
        "name": "judge", "model": "recorded:judge.jsonl", "prompt": "{{ answer }}", "marks": {"right": 1, "wrong": 0}
    }  # fmt: skip
    suite = load(tmp_path, scorer=scorer, task="generate", labels=None)
    assert suite.facts.settings["model"]["path"] == str(tmp_path / "suites" / "intents" / "judge.jsonl")
