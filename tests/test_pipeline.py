"""From a plan to a run, end to end through the command line: live models, the champion, what breaks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit import pipeline
from evalkit.backends.fake import Fake
from evalkit.backends.local.classify import Classify
from evalkit.types import Output, Request
from tests import models
from tests.cli import project
from tests.runs import Runner, bare, fakes, light, runner

ANYTHING = project.criteria({"metric": "accuracy.difference", "at_least": -0.9})
VERSUS_CHAMPION = {"id": "regression", "metric": "accuracy.difference", "versus": "champion", "at_least": -0.9}


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    return runner(request, monkeypatch, tmp_path)


# --- live models -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a teacher, a student that is a shaken copy of it, and a suite that asks them."""
    root = tmp_path_factory.mktemp("live")
    models.save_classifier(root / "models" / "teacher")
    models.with_noise(root / "models" / "teacher", root / "models" / "student")
    texts = models.texts(60)
    probs = models.plain_probs(root / "models" / "teacher", texts, models.POSITIONS)
    # Mostly what the teacher says, so that the teacher has something to lose.
    rows = [
        {
            "id": f"e{index}",
            "text": text,
            "intent": models.LABELS[(row.index(max(row)) + (index % 10 == 0)) % 3],
        }
        for index, (text, row) in enumerate(zip(texts, probs, strict=True))
    ]
    columns = {"id": "id", "input": "text", "target": "intent"}
    project.suite(root, "intents", rows, labels=list(models.LABELS), columns=columns)
    project.dump(root / "policy.yaml", ANYTHING)
    project.plan(root, teacher=spec("teacher"), student=spec("student"))
    return root


def spec(name: str, **more: Any) -> dict[str, Any]:
    return {"model": f"./models/{name}", "dtype": "float32", "device": "cpu", "batch_tokens": 200, **more}


@pytest.fixture
def live(gate: Runner, saved: Path) -> Runner:
    """A Runner in a copy of that project."""
    shutil.copytree(saved, gate.root, dirs_exist_ok=True)
    return gate


def rows_of(run: Runner, name: str, out: str = "run") -> dict[tuple[str, str | None], Any]:
    return {(row["metric"], row["slice"]): row for row in run.json(name, out)["metrics"]}


def test_two_live_models_are_gated_timed_weighed_and_verified(live: Runner) -> None:
    project.plan(
        live.root,
        teacher=spec("teacher"),
        student=spec("student"),
        latency={"prompts": 20, "repeats": 2},
    )
    live("gate", "--quiet", code=0)
    manifest = live.manifest()
    student = manifest["models"]["student"]
    assert (student["backend"], student["live"], student["dtype"], student["device"]) == (
        *("transformers", True, "float32", "cpu"),
    )
    for key in ("digest", "weights_digest", "tokenizer_digest"):
        assert student[key].startswith("sha256:")
    assert student["weights_digest"] != manifest["models"]["teacher"]["weights_digest"]
    assert student["tokenizer_digest"] == manifest["models"]["teacher"]["tokenizer_digest"]

    results, timings = rows_of(live, "results.json"), rows_of(live, "timings.json")
    weights = live.root / "models" / "student" / "model.safetensors"
    assert results["size.bytes.student", None]["estimate"]["value"] == weights.stat().st_size
    assert results["size.parameters.ratio", None]["estimate"]["value"] == 1
    assert not any(name.startswith("latency") for name, _ in results)
    assert {name.split(".")[0] for name, _ in timings} == {"latency", "throughput", "memory"}
    for name in ("latency.p50.teacher", "latency.p50.student"):
        assert 0 < timings[name, None]["estimate"]["value"] < 10
        assert timings[name, None]["estimate"]["n"] == 20
    assert timings["latency.speedup.p50", None]["estimate"]["value"] > 0

    ended = project.evalkit("verify", "run")
    assert ended.code == 0, ended.err
    assert "the student's weights and tokenizer" in ended.out


def test_the_same_weights_elsewhere_verify_and_one_changed_byte_does_not(live: Runner) -> None:
    live("gate", "--quiet", code=0)
    moved = Path(shutil.copytree("models/student", "elsewhere"))
    assert project.evalkit("verify", "run", "--student", moved).code == 0
    for name, expected in (("model.safetensors", "weights"), ("tokenizer.json", "tokenizer")):
        kept = (moved / name).read_bytes()
        models.flip_byte(moved / name)
        ended = project.evalkit("verify", "run", "--student", moved)
        assert ended.code == 4
        assert f"the student's {expected} at elsewhere" in ended.err
        (moved / name).write_bytes(kept)
    models.flip_byte(Path("models/student/model.safetensors"))
    ended = project.evalkit("verify", "run")
    assert ended.code == 4
    assert "the student's weights" in ended.err


def test_a_second_run_is_served_from_the_cache_and_says_the_same(live: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    live("gate", "--quiet", code=0, out="one")
    passes: list[int] = []
    real = Classify.answer

    def counted(self: Classify, requests: Sequence[Request], watch: Any) -> list[Output]:
        passes.append(len(requests))
        return real(self, requests, watch)

    monkeypatch.setattr(Classify, "answer", counted)
    live("gate", "--quiet", code=0, out="two")
    assert passes == []
    for role in ("teacher", "student"):
        first, second = (live.manifest(out)["collection"][f"{role} intents"] for out in ("one", "two"))
        assert first["from_cache"] == 0
        assert second["from_cache"] == second["batches"] == first["batches"] > 1
    for name in ("results.json", "verdict.json", "pairs.parquet"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_a_student_is_never_served_its_teachers_answers(live: Runner) -> None:
    # A teacher and a student that differ in their weights alone, under one cache, in either role and order.
    live("gate", "--quiet", "--teacher", "models/teacher", "--student", "models/student", code=0, out="one")
    live("gate", "--quiet", "--teacher", "models/student", "--student", "models/teacher", code=0, out="two")
    one, two = (rows_of(live, "results.json", out) for out in ("one", "two"))
    assert one["agreement.top1", None]["estimate"]["value"] < 1
    assert (
        one["calibration.nll.student", None]["estimate"]["value"]
        == two["calibration.nll.teacher", None]["estimate"]["value"]
    )
    assert (
        one["calibration.nll.teacher", None]["estimate"]["value"]
        != one["calibration.nll.student", None]["estimate"]["value"]
    )


def test_what_the_pairs_hold_is_what_plain_transformers_says(live: Runner) -> None:
    import pyarrow.parquet as pq

    live("gate", "--quiet", code=0)
    rows = pq.read_table("run/pairs.parquet").to_pylist()
    for role in ("teacher", "student"):
        plain = models.plain_probs(Path("models", role), [row["input"] for row in rows], models.POSITIONS)
        for row, probs in zip(rows, plain, strict=True):
            assert row[f"{role}_probs"] == pytest.approx(probs, abs=1e-6)
            assert row[f"{role}_label"] == models.LABELS[probs.index(max(probs))]


def test_memory_splits_and_cut_texts_are_counted_suite_by_suite(live: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    real = Classify.answer

    def cramped(self: Classify, requests: Sequence[Request], watch: Any) -> list[Output]:
        if len(requests) > 4:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, requests, watch)

    monkeypatch.setattr(Classify, "answer", cramped)
    columns = {"id": "id", "input": "text", "target": "intent"}
    long = [{"id": "x0", "text": "card " * 100, "intent": "card"}, {"id": "x1", "text": "refund", "intent": "refund"}]
    project.suite(live.root, "long", long, labels=list(models.LABELS), columns=columns)
    project.plan(live.root, teacher=spec("teacher"), student=spec("student"), suites=["suites/intents", "suites/long"])
    live("gate", "--quiet")
    collection = live.manifest()["collection"]
    for role in ("teacher", "student"):
        assert collection[f"{role} intents"]["out_of_memory_splits"] > 0
        assert collection[f"{role} intents"]["cut_inputs"] == 0
        assert collection[f"{role} long"]["out_of_memory_splits"] == 0
        assert collection[f"{role} long"]["cut_inputs"] == 1


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_damaged_files_end_broken_with_a_verdict_and_no_manifest(live: Runner, name: str) -> None:
    path = Path("models/student", name)
    path.write_bytes(path.read_bytes()[:-100])
    ended = live("gate", "--quiet", code=4)
    assert "Traceback" not in ended.err
    assert live.json("verdict.json")["verdict"] == "broken"
    assert "the student model" in live.json("verdict.json")["reasons"][0]
    # Mended, the same command goes on in the same folder.
    shutil.copy(Path("models/teacher", name), path)
    live("gate", "--quiet", code=0)


def test_a_model_that_fails_on_too_much_is_broken(live: Runner) -> None:
    project.plan(live.root, teacher=spec("teacher"), student=spec("student", max_length=1000))
    rows = [json.loads(line) for line in Path("suites/intents/examples.jsonl").read_text(encoding="utf-8").splitlines()]
    rows[0]["text"] = "card " * 100
    project.lines(Path("suites/intents/examples.jsonl"), rows)
    live("gate", "--quiet", code=4)
    assert "the student failed on 1 of 60 examples of intents" in live.json("verdict.json")["reasons"][0]
    project.dump(Path("policy.yaml"), {**ANYTHING, "max_error_rate": 0.05})
    live("gate", "--quiet", code=0)
    assert rows_of(live, "results.json")["outputs.error_rate.student", None]["estimate"]["value"] == pytest.approx(
        1 / 60
    )


def test_backends_are_closed_however_a_run_ends(gate: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(Fake, "close", lambda self: closed.append(self.role))
    for student, code in (("fake:", 0), ("fake:broken=run", 4), ("fake:broken=load", 4), ("fake:error_rate=1", 4)):
        fakes(gate.root, student=student)
        project.dump(gate.root / "policy.yaml", ANYTHING)
        closed.clear()
        gate("gate", "--quiet", out=f"run-{student.replace(':', '')}", code=code)
        assert set(closed) == {"student", "teacher"}


@pytest.mark.parametrize("room", [True, False])
@pytest.mark.parametrize("timed", [True, False])
def test_a_teacher_that_is_timed_later_stays_loaded_where_there_is_room_for_both(
    gate: Runner, monkeypatch: pytest.MonkeyPatch, timed: bool, room: bool
) -> None:
    seen: list[str] = []
    real = Fake.run
    monkeypatch.setattr(Fake, "close", lambda self: seen.append(f"{self.role} closed"))
    monkeypatch.setattr(Fake, "run", lambda self, asked: seen.append(f"{self.role} asked") or real(self, asked))
    monkeypatch.setattr(Fake, "stays_beside", lambda self, others: room)
    fakes(gate.root, **({"latency": {"prompts": 2, "repeats": 1}} if timed else {}))
    project.dump(gate.root / "policy.yaml", ANYTHING)
    gate("gate", "--quiet", code=0)
    stayed = seen.index("student asked") < seen.index("teacher closed")
    assert stayed == (timed and room)


def test_an_interrupt_closes_the_backends_too(gate: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def interrupted(self: Fake, requests: list[Request]) -> list[Output]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Fake, "close", lambda self: closed.append(self.role))
    monkeypatch.setattr(Fake, "run", interrupted)
    fakes(gate.root)
    assert project.evalkit("gate", "--quiet", "--out", "run").code == 130
    assert set(closed) == {"student", "teacher"}
    assert not Path("run/verdict.json").exists()


@pytest.mark.parametrize("place", ["file", "below a file"])
def test_a_cache_that_cannot_be_written_is_broken(gate: Runner, place: str) -> None:
    fakes(gate.root)
    Path("cache").write_text("", encoding="utf-8")
    cache = "cache" if place == "file" else "cache/deeper"
    ended = gate("gate", "--quiet", "--cache", cache, code=4)
    assert "Traceback" not in ended.err
    assert "the cache cannot be written" in gate.json("verdict.json")["reasons"][0]


def test_a_run_folder_that_cannot_be_made_is_broken(gate: Runner) -> None:
    light(gate.root)
    Path("file").write_text("", encoding="utf-8")
    ended = project.evalkit("gate", "--quiet", "--out", "file/run")
    assert ended.code == 4
    assert "cannot be written" in ended.err


# --- the champion ------------------------------------------------------------------------------------


def champion_project(gate: Runner, champion: Any, **over: Any) -> Path:
    policy = project.criteria({"metric": "accuracy.difference", "at_least": -0.9}, VERSUS_CHAMPION, **over)
    path = light(gate.root, champion=champion)
    project.dump(gate.root / "policy.yaml", policy)
    return path


def service(gate: Runner, out: str = "runs/in-service") -> str:
    """A finished run whose student is in service; it erred on every fourth example."""
    light(gate.root)
    project.lines(gate.root / "old.jsonl", project.answers(40, lambda index: index % 4 == 0, probs=False))
    project.dump(gate.root / "policy.yaml", ANYTHING)
    gate("gate", "--quiet", "--student", "recorded:old.jsonl", out=out, code=0)
    return out


def row(gate: Runner, id: str, out: str = "run") -> dict[str, Any]:
    (found,) = [each for each in gate.json("verdict.json", out)["criteria"] if each["id"] == id]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("kind", ["run", "recording", "fake"])
def test_the_champion_is_a_run_or_a_model(gate: Runner, kind: str) -> None:
    run = service(gate)
    champion = {"run": run, "recording": "recorded:old.jsonl", "fake": "fake:accuracy=0.75"}[kind]
    champion_project(gate, champion)
    gate("gate", "--quiet", code=0)
    found = row(gate, "regression")
    assert (found["status"], found["versus"]) == ("pass", "champion")
    rows = [each for each in gate.json("results.json")["metrics"] if each["versus"] == "champion"]
    assert {each["metric"] for each in rows} > {"accuracy.difference", "flips.right_to_wrong.count", "agreement.top1"}
    assert {"language=de", "language=en", None} <= {each["slice"] for each in rows}
    if kind != "fake":
        # The student errs on every eighth example, the champion on every fourth.
        difference = next(e for e in rows if e["metric"] == "accuracy.difference" and e["slice"] is None)
        assert difference["estimate"]["value"] == pytest.approx(5 / 40)
    assert gate.manifest()["models"]["champion"]["name"]
    assert project.evalkit("verify", "run").code == 0


def test_regating_keeps_the_champions_rows(gate: Runner) -> None:
    champion_project(gate, service(gate))
    project.dump(Path("policy.yaml"), project.criteria(VERSUS_CHAMPION))
    gate("gate", "--quiet", code=0)
    project.dump(Path("strict.yaml"), project.criteria({**VERSUS_CHAMPION, "at_least": 0.5}))
    gate("regate", "run", "--policy", "strict.yaml", out="again", code=1)
    assert gate.json("results.json", "again") == gate.json("results.json")
    assert gate.manifest("again")["parent"]["run_id"] == gate.manifest()["run_id"]
    assert project.evalkit("verify", "again").code == 0


def test_without_a_champion_its_criteria_are_skipped_and_say_so(gate: Runner) -> None:
    champion_project(gate, None)
    gate("gate", "--quiet", code=0)
    assert row(gate, "regression")["status"] == "not_evaluated"
    assert any("no champion" in each for each in gate.json("verdict.json")["reasons"])


@pytest.mark.parametrize(("on_missing", "code"), [("inconclusive", 3), ("fail", 1), ("skip", 0)])
@pytest.mark.parametrize(
    "champion", ["runs/in-service", "models/none", "recorded:none.jsonl", "fake:broken=load", "fake:broken=run"]
)
def test_a_champion_that_cannot_be_had_follows_on_missing(
    gate: Runner, champion: str, on_missing: str, code: int
) -> None:
    if champion == "runs/in-service":
        Path("runs/in-service").mkdir(parents=True)
        Path("runs/in-service/verdict.json").write_text("{}", encoding="utf-8")
    policy = project.criteria(
        {"metric": "accuracy.difference", "at_least": -0.9}, {**VERSUS_CHAMPION, "on_missing": on_missing}
    )
    light(gate.root, champion=champion)
    project.dump(gate.root / "policy.yaml", policy)
    gate("gate", "--quiet", code=code)
    found = row(gate, "regression")
    assert found["status"] == ("fail" if on_missing == "fail" else "not_evaluated")
    assert "the champion" in found["undefined"]
    assert not any(each["versus"] == "champion" for each in gate.json("results.json")["metrics"])
    assert project.evalkit("verify", "run").code == 0


def test_a_champion_that_ran_on_another_version_of_a_suite_is_not_compared_there(gate: Runner) -> None:
    run = service(gate)
    champion_project(gate, run)
    project.suite(gate.root, n=40, version=2)
    gate("gate", "--quiet", code=3)
    assert "another version of the suite" in row(gate, "regression")["undefined"]
    assert project.evalkit("verify", "run").code == 0


def test_a_champion_that_breaks_on_the_second_suite_is_missing_and_the_run_goes_on(
    gate: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalkit.errors import BrokenError

    real = Fake.run

    def sometimes(self: Fake, requests: list[Request]) -> list[Output]:
        if self.role == "champion" and requests[0].suite == "edge":
            raise BrokenError("its disk is gone")
        return real(self, requests)

    monkeypatch.setattr(Fake, "run", sometimes)
    fakes(gate.root)
    bare(gate.root, "edge", n=12, kind="edge-case")
    project.plan(
        gate.root, teacher="fake:", student="fake:", champion="fake:name=old", suites=["suites/intents", "suites/edge"]
    )
    project.dump(gate.root / "policy.yaml", project.criteria(VERSUS_CHAMPION))
    gate("gate", "--quiet", code=3)
    assert "its disk is gone" in json.dumps(gate.json("verdict.json"))
    assert project.evalkit("verify", "run").code == 0


def test_a_champion_that_failed_too_often_is_no_yardstick(gate: Runner) -> None:
    # All its failures count as wrong answers: a student compared with it could only win.
    champion_project(gate, "fake:error_rate=0.5")
    gate("gate", "--quiet", code=3)
    found = row(gate, "regression")
    assert found["status"] == "not_evaluated"
    assert "the champion failed on" in found["undefined"]
    assert project.evalkit("verify", "run").code == 0
    project.dump(Path("lenient.yaml"), project.criteria(VERSUS_CHAMPION, max_error_rate=0.9))
    gate("regate", "run", "--policy", "lenient.yaml", out="again", code=0)
    assert project.evalkit("verify", "again").code == 0


# --- several suites, several tasks -------------------------------------------------------------------


def test_suites_of_several_kinds_and_tasks_go_through_one_run(gate: Runner) -> None:
    fakes(gate.root)
    texts = [{"id": f"t{index}", "text": f"say {index}", "intent": f"{index}"} for index in range(12)]
    columns = {"id": "id", "input": "text", "target": "intent"}
    project.suite(gate.root, "texts", texts, task="generate", labels=None, scorer="exact", columns=columns)
    choices = [
        {"id": f"c{index}", "text": "which?", "intent": "b", "options": ["a", "b", "c"][: 2 + index % 2]}
        for index in range(12)
    ]
    project.suite(
        gate.root,
        "choices",
        choices,
        task="choose",
        labels=None,
        kind="edge-case",
        columns={**columns, "choices": "options"},
    )
    suites = ["suites/intents", "suites/texts", "suites/choices"]
    project.plan(gate.root, teacher="fake:accuracy=0.9", student="fake:accuracy=0.8,seed=2", suites=suites)
    project.dump(gate.root / "policy.yaml", ANYTHING)
    ended = gate("gate", "--quiet")
    assert ended.code in (0, 3), ended.err
    assert {each["suite"] for each in gate.json("verdict.json")["criteria"]} == {"intents", "texts", "choices"}
    assert project.evalkit("verify", "run").code == 0
    gate("gate", "--quiet", "--student", "recorded:run", out="replayed")
    one, two = (rows_by_suite(gate, out) for out in ("run", "replayed"))
    assert one == two


def rows_by_suite(gate: Runner, out: str) -> dict[tuple[str, ...], Any]:
    return {
        tuple(map(str, (each["metric"], each["suite"], each["slice"]))): each["estimate"]
        for each in gate.json("results.json", out)["metrics"]
        if not each["metric"].startswith("size")
    }


def test_the_pipeline_is_not_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalkit.environment import Environment
    from evalkit.plan import Overrides, load_plan

    monkeypatch.chdir(tmp_path)
    seen: list[tuple[str, int, int]] = []
    path = fakes(tmp_path)
    environment = Environment(progress=lambda what, done, total: seen.append((what, done, total)), command="a test")
    finished = pipeline.gate(load_plan(path, Overrides()), None, tmp_path / "cache", environment)
    assert finished.out.parent == Path("runs")
    assert json.loads((finished.out / "manifest.json").read_text(encoding="utf-8"))["command"] == "a test"
    assert ("teacher intents", 24, 24) in seen
    assert ("student intents", 24, 24) in seen


@pytest.mark.parametrize(("teacher_errs", "chance"), [(60, False), (31, True)])
def test_a_student_ahead_of_its_teacher_is_called_better_where_chance_does_not_explain_it(
    gate: Runner, teacher_errs: int, chance: bool
) -> None:
    errs = {"teacher_errs": lambda index: index < teacher_errs, "student_errs": lambda index: index < 30}
    project.project(gate.root, n=300, **errs)
    gate("gate", "--quiet", code=0)
    said = [each for each in gate.json("verdict.json")["reasons"] if "than its teacher on intents" in each]
    ahead = "scored higher" if chance else "is better"
    assert [each.startswith(f"the student {ahead} than its teacher on intents") for each in said] == [True]
    assert said[0].endswith(", which chance alone could give") is chance


def test_a_student_level_with_its_teacher_is_not_called_better(gate: Runner) -> None:
    project.project(gate.root, n=300)
    gate("gate", "--quiet", code=0)
    assert not any("better" in each for each in gate.json("verdict.json")["reasons"])
