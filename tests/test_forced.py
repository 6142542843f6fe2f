"""The student reads the teacher's answers as a part of a run: what is counted, kept, drawn and said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.cache.states import States
from evalkit.requests import build_requests
from evalkit.types import ModelFacts
from evalkit.types.forced import Answered
from tests import language_models, runs
from tests.backends.local import asking
from tests.cli import project
from tests.cli.project import evalkit

N = 24
FORCED = ("agreement.kl", "agreement.kl_reverse", "agreement.token_top1", "agreement.first_divergence")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for name, seed, width in (("teacher", 1, 32), ("student", 2, 16), ("second", 3, 16)):
        language_models.save_language_model(root / name, seed=seed, width=width)
    language_models.save_language_model(root / "foreign", "qwen2", seed=4)
    return root


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, saved: Path) -> runs.Runner:
    texts(tmp_path, saved)
    return runs.runner(request, monkeypatch, tmp_path)


def texts(root: Path, saved: Path, **plan: Any) -> Path:
    rows = [{"id": f"e{index}", "text": text, "answer": "yes"} for index, text in enumerate(asking.prompts(N, 12))]
    project.suite(
        root,
        "texts",
        rows=rows,
        task="generate",
        scorer="exact",
        labels=None,
        columns={"id": "id", "input": "text", "target": "answer"},
        generation={"max_new_tokens": 6},
    )
    spec = {"backend": "transformers", "device": "cpu", "dtype": "float32"}
    models = {name: {**spec, "model": str(saved / name)} for name in ("teacher", "student")}
    return project.plan(root, policy=None, suites=["suites/texts"], **{**models, **plan})


def model(saved: Path, name: str) -> dict[str, Any]:
    return {"backend": "transformers", "device": "cpu", "dtype": "float32", "model": str(saved / name)}


def pairs(run: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    read: list[dict[str, Any]] = pq.read_table(run / "pairs.parquet").to_pylist()
    return read


class Passes:
    """Forward passes of each saved model, told apart by their width and weights."""

    def __init__(self) -> None:
        self.of: list[str] = []


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    import transformers

    counted = Passes()
    plain = transformers.LlamaForCausalLM.forward

    def forward(self: Any, *args: Any, **more: Any) -> Any:
        counted.of.append(Path(self.name_or_path).name)
        return plain(self, *args, **more)

    monkeypatch.setattr(transformers.LlamaForCausalLM, "forward", forward)
    return counted


def test_both_models_are_compared_token_by_token(gate: runs.Runner) -> None:
    gate("audit", "--quiet", code=0)
    found = project.metrics(gate.root / "run")
    for name in ("agreement.kl", "agreement.kl_reverse", "agreement.token_top1"):
        assert found[name]["estimate"]["n"] == N, found[name]
    rows = pairs(gate.root / "run")
    tokens = sum(len(each["forced_kl"]) for each in rows)
    assert found["agreement.kl"]["estimate"]["value"] == pytest.approx(
        sum(sum(each["forced_kl"]) for each in rows) / tokens
    )
    for each in rows:
        # The teacher wrote greedily, and reads in another batch what it wrote: the same but for rounding.
        assert each["forced_teacher_logprobs"] == pytest.approx(each["teacher_token_logprobs"], abs=1e-4)
        assert len(each["forced_same_top"]) == each["teacher_tokens_out"]
    page = (gate.root / "run/report.html").read_text("utf-8")
    for name in ("agreement.kl", "agreement.token_top1"):
        assert name in page
    assert evalkit("verify", gate.root / "run").code == 0


def test_a_student_that_reads_otherwise_than_it_writes_is_not_read(gate: runs.Runner, saved: Path) -> None:
    texts(gate.root, saved, student={**model(saved, "teacher"), "quantize": "int8-dynamic"})
    gate("audit", "--quiet", code=0)
    found = project.metrics(gate.root / "run")
    for name in FORCED:
        assert found[name]["estimate"] is None, name
        assert "it rounds its activations as well" in found[name]["undefined"], name


def test_a_student_of_weights_in_int8_is_read_as_it_writes(gate: runs.Runner, saved: Path) -> None:
    pytest.importorskip("torchao")
    texts(gate.root, saved, student={**model(saved, "student"), "quantize": "torchao:int8wo"})
    gate("audit", "--quiet", code=0)
    assert project.metrics(gate.root / "run")["agreement.token_top1"]["estimate"]["n"] == N


def test_a_second_student_costs_no_pass_of_the_teacher(gate: runs.Runner, saved: Path, passes: Passes) -> None:
    gate("audit", "--quiet", code=0)
    assert "teacher" in passes.of
    passes.of.clear()
    texts(gate.root, saved, student=model(saved, "second"))
    gate("audit", "--quiet", out="second", code=0)
    assert set(passes.of) == {"second"}
    account = gate.manifest("second")["collection"]["teacher texts, reading"]
    assert account["batches"] == account["from_cache"] > 0
    assert project.metrics(gate.root / "second")["agreement.kl"]["estimate"]["n"] == N


def test_a_run_from_the_cache_is_the_same_to_the_byte(gate: runs.Runner) -> None:
    gate("audit", "--quiet", code=0)
    gate("audit", "--quiet", out="again", code=0)
    for name in ("results.json", "pairs.parquet"):
        assert (gate.root / "run" / name).read_bytes() == (gate.root / "again" / name).read_bytes()


def test_a_changed_byte_of_the_teacher_misses_its_states(gate: runs.Runner, saved: Path, passes: Passes) -> None:
    import shutil

    shutil.copytree(saved / "teacher", gate.root / "changed")
    language_models.edit_json(gate.root / "changed/config.json", rope_theta=20_000.0)
    gate("audit", "--quiet", code=0)
    passes.of.clear()
    texts(gate.root, saved, teacher={**model(saved, "teacher"), "model": str(gate.root / "changed")})
    gate("audit", "--quiet", out="other", code=0)
    assert "changed" in passes.of
    assert gate.manifest("other")["collection"]["teacher texts, reading"]["from_cache"] == 0


def test_a_number_reads_that_many_by_the_seed(gate: runs.Runner, saved: Path) -> None:
    texts(gate.root, saved, token_fidelity=20)
    gate("audit", "--quiet", code=0)
    read = [each["id"] for each in pairs(gate.root / "run") if each["forced_kl"] is not None]
    assert len(read) == 20
    row = project.metrics(gate.root / "run")["agreement.kl"]["estimate"]
    assert row["n"] == 20
    assert "a seeded draw, 4 not drawn" in row["method"]


def test_zero_reads_none_and_says_so(gate: runs.Runner, saved: Path, passes: Passes) -> None:
    texts(gate.root, saved, token_fidelity=0)
    gate("audit", "--quiet", code=0)
    found = project.metrics(gate.root / "run")
    assert {found[name]["undefined"] for name in FORCED} == {"the plan has token_fidelity: 0"}
    assert not (gate.root / ".evalkit/cache/states").exists()


def test_another_vocabulary_leaves_the_text(gate: runs.Runner, saved: Path) -> None:
    texts(gate.root, saved, student=model(saved, "foreign"))
    gate("audit", "--quiet", code=0)
    found = project.metrics(gate.root / "run")
    assert "different vocabularies" in found["agreement.kl"]["undefined"]
    assert "the teacher's text" in found["agreement.token_top1"]["estimate"]["method"]


def test_a_recorded_teacher_leaves_the_text_and_a_recorded_student_nothing(gate: runs.Runner, saved: Path) -> None:
    gate("audit", "--quiet", code=0)
    texts(gate.root, saved, teacher="recorded:run-of-teacher.jsonl")
    said = [{"id": each["id"], "text": each["teacher_text"]} for each in pairs(gate.root / "run")]
    said[0] = {"id": said[0]["id"], "status": "error", "error": "it broke"}
    said[1] = {"id": said[1]["id"], "text": ""}
    project.lines(gate.root / "run-of-teacher.jsonl", said)
    gate("audit", "--quiet", out="heard", code=0)
    found = project.metrics(gate.root / "heard")
    assert "the student's tokens" in found["agreement.kl"]["undefined"]
    top = found["agreement.token_top1"]["estimate"]
    assert top["n"] == N - 2
    assert "2 without an answer of the teacher's left out" in top["method"]
    texts(gate.root, saved, student="recorded:run-of-teacher.jsonl")
    gate("audit", "--quiet", out="silent", code=0)
    for name in FORCED:
        why = project.metrics(gate.root / "silent")[name]["undefined"]
        assert why == "the student cannot read the teacher's answers: it is no language model that runs here"


def test_an_earlier_run_without_readings_is_read_as_one_without(gate: runs.Runner) -> None:
    import pyarrow.parquet as pq

    from evalkit.store import read_run

    gate("audit", "--quiet", code=0)
    path = gate.root / "run/pairs.parquet"
    whole = pq.read_table(path)
    pq.write_table(whole.drop_columns([each for each in whole.column_names if each.startswith("forced_")]), path)
    (columns,) = read_run(gate.root / "run").columns
    assert columns.data["forced_kl"] == [None] * N


def test_a_head_that_was_cleared_away_since_is_looked_up_again(
    gate: runs.Runner, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalkit import forced

    real = forced.Forcing._read

    def cleared_first(self: forced.Forcing, *given: Any) -> None:
        for each in (gate.root / ".evalkit/cache/states").rglob("*.*"):
            each.unlink()
        real(self, *given)

    gate("audit", "--quiet", code=0)
    monkeypatch.setattr(forced.Forcing, "_read", cleared_first)
    gate("audit", "--quiet", out="cleared", code=0)
    name = "results.json"
    assert (gate.root / "run" / name).read_bytes() == (gate.root / "cleared" / name).read_bytes()


# --- what is kept ------------------------------------------------------------------------------------


def answered(tokens: tuple[int, ...] = (1, 2)) -> list[Answered]:
    return [Answered(request=each, tokens=tokens) for each in build_requests(asking.suite(["a", "b"], "generate"))]


def facts(digest: str = "sha256:one", **settings: Any) -> ModelFacts:
    return ModelFacts(name="m", backend="transformers", digest=digest, live=True, settings=settings)


def test_states_are_found_by_model_requests_and_tokens_alone(tmp_path: Path) -> None:
    shelf = States(tmp_path, facts(dtype="float32"))
    shelf.put(answered(), b"states")
    assert shelf.get(answered()) == b"states"
    assert shelf.get(answered((1, 3))) is None
    assert shelf.get(answered()[::-1]) is None
    assert States(tmp_path, facts("sha256:two", dtype="float32")).get(answered()) is None
    assert States(tmp_path, facts(dtype="bfloat16")).get(answered()) is None


def test_a_changed_or_cut_file_of_states_is_not_found(tmp_path: Path) -> None:
    shelf = States(tmp_path, facts())
    shelf.put(answered(), b"0123456789")
    (path,) = shelf.folder.glob("*.safetensors")
    for content in (b"0123456780", b"01234", b""):
        path.write_bytes(content)
        assert shelf.get(answered()) is None
    path.write_bytes(b"0123456789")
    assert shelf.get(answered()) == b"0123456789"


def test_states_in_another_models_folder_are_not_found(tmp_path: Path) -> None:
    teacher, student = States(tmp_path, facts()), States(tmp_path, facts("sha256:two"))
    teacher.put(answered(), b"states")
    teacher.put_head({"weight": "lm_head.weight"})
    teacher.folder.rename(student.folder)
    assert student.get(answered()) is None
    assert student.head() is None


def test_a_head_is_what_was_said_of_it_or_unknown(tmp_path: Path) -> None:
    shelf = States(tmp_path, facts())
    assert shelf.head() is None
    for head in ({"weight": "lm_head.weight", "bias": None}, "its output embedding is compressed"):
        shelf.put_head(head)
        assert shelf.head() == head
    path = shelf.folder / "head.json"
    record = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**record, "head": {"weight": "other"}}), "utf-8")
    assert shelf.head() is None
