"""The whole demo in miniature, and as it is: what it leaves behind, how it goes on, and that it makes nothing up."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
from pathlib import Path

import pytest

from evalkit import demo as package
from evalkit.demo import demo, folder, training
from evalkit.demo.outcome import Ended, surprises, told, why
from evalkit.demo.sizes import FULL, Sizes
from evalkit.demo.students import GOOD, LOST, STUDENTS, UNSAFE
from evalkit.demo.training import Course, Shape
from evalkit.environment import Environment
from evalkit.errors import BrokenError, UsageError
from evalkit.files import digest_tree
from evalkit.types import CriterionRow, Estimate, Question, Verdict, VerdictWord
from tests.cli.project import evalkit

TINY = dataclasses.replace(
    FULL,
    suite_mails=60,
    suite_pairs=10,
    lesson_mails=200,
    lesson_pairs=60,
    held_out=20,
    distilled=150,
    vocabulary=400,
    teacher=Shape(width=32, layers=2),
    student_layers=1,
    teacher_course=Course(steps=3, rate=1e-3),
    student_course=Course(steps=3, rate=1e-3),
    least_filed=0.0,
    least_refused=0.0,
    least_complied=0.0,
)
STRICT = dataclasses.replace(TINY, least_filed=0.5)


def run(out: Path, sizes: Sizes = TINY, seed: int = 0) -> tuple[package.Told, list[str]]:
    said: list[str] = []
    return demo(out, seed=seed, env=Environment(command="evalkit demo"), say=said.append, sizes=sizes), said


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, package.Told, list[str]]:
    """A demo whose models have learnt next to nothing."""
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, *run(out)


# --- what it leaves behind ---------------------------------------------------------------------------


def test_models_that_learnt_nothing_are_told_as_a_surprise(ended: tuple[Path, package.Told, list[str]]) -> None:
    out, told_, _ = ended
    assert [each.split(":")[0] for each in told_.surprises] == [each.name for each in STUDENTS]
    assert "expected pass, seen" in told_.surprises[0]
    assert json.loads((out / folder.RECORD).read_text())["finished"] is False


def test_each_plan_runs_again_as_it_is(ended: tuple[Path, package.Told, list[str]], tmp_path: Path) -> None:
    out, _, _ = ended
    for each in STUDENTS:
        before = json.loads((out / "runs" / each.name / "verdict.json").read_text())
        command = (
            "gate",
            out / f"{each.name}.yaml",
            "--cache",
            out / ".cache",
            "--out",
            tmp_path / each.name,
            "--quiet",
        )
        assert evalkit(*command).code == before["exit_code"]
        again = json.loads((tmp_path / each.name / "verdict.json").read_text())
        assert again["criteria"] == before["criteria"]


def test_the_teacher_answers_once(ended: tuple[Path, package.Told, list[str]]) -> None:
    out, _, _ = ended
    for each in STUDENTS[1:]:
        collection = json.loads((out / "runs" / each.name / "manifest.json").read_text())["collection"]
        for suite in ("demo-mails", "demo-safety"):
            counted = collection[f"teacher {suite}"]
            assert counted["from_cache"] == counted["batches"] > 0


def test_a_model_is_a_folder_that_evalkit_reads(ended: tuple[Path, package.Told, list[str]]) -> None:
    out, _, _ = ended
    sizes = {}
    for name in ("teacher", *(each.name for each in STUDENTS)):
        manifest = json.loads((out / "runs" / "good" / "manifest.json").read_text())
        assert (out / "models" / name / "model.safetensors").is_file()
        sizes[name] = (out / "models" / name / "model.safetensors").stat().st_size
        assert manifest["models"]["teacher"]["name"] == "teacher"
    assert max(sizes[each.name] for each in STUDENTS) < sizes["teacher"]


def test_the_text_fits_a_terminal_and_names_every_report(ended: tuple[Path, package.Told, list[str]]) -> None:
    out, told_, said = ended
    lines = told_.text.splitlines()
    assert all(len(line) <= 80 or str(out) in line for line in lines)
    for each in STUDENTS:
        assert (out / "runs" / each.name / "report.html").is_file()
        assert any(str(out / "runs" / each.name / "report.html") in line for line in lines)
    assert all(f"evalkit {command}" in told_.text for command in ("show", "regate", "verify", "init"))
    assert any(line.startswith("teaching the teacher: step 3 of 3, loss ") for line in said)


# --- going on ----------------------------------------------------------------------------------------


def test_an_interrupted_demo_keeps_the_models_that_are_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, made = package._make_student, []

    def interrupted(place: Path, *, student: object, **rest: object) -> None:
        if made:
            (place / "half").write_text("half a model")
            raise KeyboardInterrupt
        made.append(student)
        make(place, student=student, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(package, "_make_student", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out")
    models = tmp_path / "out" / "models"
    assert {each.name for each in models.iterdir() if not each.name.startswith(".")} == {"teacher", GOOD.name}
    kept = {name: digest_tree(models / name) for name in ("teacher", GOOD.name)}
    monkeypatch.setattr(package, "_make_student", make)
    _, said = run(tmp_path / "out")
    assert not any("teaching the teacher" in line or f"teaching {GOOD.name}" in line for line in said)
    assert {name: digest_tree(models / name) for name in kept} == kept
    assert {each.name for each in models.iterdir()} == {"teacher", *(each.name for each in STUDENTS)}


def test_an_interrupted_demo_ends_as_one_that_was_not(
    ended: tuple[Path, package.Told, list[str]], tmp_path: Path
) -> None:
    out, told_, _ = ended
    shutil.copytree(out, tmp_path / "out")
    for name in (LOST.name, UNSAFE.name):
        shutil.rmtree(tmp_path / "out" / "models" / name)
        shutil.rmtree(tmp_path / "out" / "runs" / name)
    again, _ = run(tmp_path / "out")
    assert again.surprises == told_.surprises
    for each in STUDENTS:
        assert digest_tree(tmp_path / "out" / "models" / each.name) == digest_tree(out / "models" / each.name)
        results = [(where / "runs" / each.name / "results.json").read_bytes() for where in (out, tmp_path / "out")]
        assert results[0] == results[1]


def test_torch_is_left_as_it_was(tmp_path: Path) -> None:
    import torch

    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), random.getstate())
    state = torch.random.get_rng_state()
    with pytest.raises(BrokenError):
        run(tmp_path / "out", STRICT)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), random.getstate()) == before
    assert torch.equal(torch.random.get_rng_state(), state)


# --- nothing made up ---------------------------------------------------------------------------------


def test_a_teacher_that_has_trained_badly_ends_it_without_a_verdict(tmp_path: Path) -> None:
    with pytest.raises(BrokenError, match=r"the teacher has trained badly .* no verdict"):
        run(tmp_path / "out", STRICT)
    assert not list((tmp_path / "out").rglob("verdict.json"))
    assert not list((tmp_path / "out").rglob("*.safetensors"))
    with pytest.raises(BrokenError, match="the teacher has trained badly"):
        run(tmp_path / "out", STRICT)


def row(id: str, status: str, *, slice: str | None = None, value: float = 0.5) -> CriterionRow:
    measured = Estimate(value=value, low=value, high=value, level=0.9, n=100, method="exact")
    return CriterionRow(
        id=id,
        question=Question(metric="accuracy.retention", suite="demo-mails", slice=slice),
        effect="block",
        on_missing="inconclusive",
        status=status,  # type: ignore[arg-type]
        measured=measured,
        at_least=0.95,
        at_most=None,
        by="interval",
        reason="said",
    )


def verdict(word: VerdictWord, **failed: str) -> Verdict:
    """A verdict whose criteria pass, but for those named: `categories` fails on the slices that are given."""
    rows = [row(each, failed.get(each.replace("-", "_"), "pass")) for each in sorted(OTHERS)]
    for name in ("delivery", "complaint", "contract"):
        lost = name in failed.get("categories", "")
        rows.append(row("categories", "fail" if lost else "pass", slice=f"category={name}"))
    return Verdict(word=word, reasons=("said",), criteria=tuple(rows))


OTHERS = {"retention", "newly-unsafe", "over-refusal", "undetermined"}
AS_PROMISED = {
    GOOD.name: verdict("pass"),
    LOST.name: verdict("fail", retention="fail", categories="complaint contract"),
    UNSAFE.name: verdict("fail", newly_unsafe="fail"),
}


def surprised(**changes: Verdict) -> list[str]:
    seen = {**AS_PROMISED, **{name.replace("_", "-"): each for name, each in changes.items()}}
    return [
        each.split(":")[0] for each in surprises({name: Ended(verdict=v, run=Path(name)) for name, v in seen.items()})
    ]


def test_the_promised_verdicts_are_no_surprise() -> None:
    assert surprised() == []
    # The average may hold where two rare categories are lost.
    assert surprised(lost_rare_classes=verdict("fail", categories="complaint contract")) == []


@pytest.mark.parametrize("word", ["fail", "inconclusive", "broken", "empty"])
def test_a_good_student_that_does_not_pass_is_a_surprise(word: VerdictWord) -> None:
    assert surprised(good=Verdict(word=word, reasons=("why",))) == [GOOD.name]


@pytest.mark.parametrize(
    "seen",
    [
        verdict("pass"),
        verdict("fail", newly_unsafe="fail"),
        verdict("fail", categories="complaint"),
        verdict("fail", retention="fail"),
        verdict("fail", categories="complaint contract", newly_unsafe="inconclusive"),
        verdict("inconclusive", retention="inconclusive"),
        Verdict(word="fail", reasons=("no rows",)),
        Verdict(word="broken", reasons=("the disk is full",)),
    ],
)
def test_a_student_without_rare_mails_fails_on_them_and_on_nothing_else(seen: Verdict) -> None:
    assert surprised(lost_rare_classes=seen) == [LOST.name]


@pytest.mark.parametrize(
    "seen",
    [
        verdict("pass"),
        verdict("fail", retention="fail"),
        verdict("fail", newly_unsafe="fail", retention="inconclusive"),
        verdict("fail", newly_unsafe="fail", categories="contract"),
        verdict("fail", over_refusal="fail"),
        verdict("inconclusive", newly_unsafe="inconclusive"),
        Verdict(word="fail", reasons=("no rows",)),
    ],
)
def test_a_student_without_refusals_fails_on_newly_unsafe_answers_and_on_no_quality(seen: Verdict) -> None:
    assert surprised(no_refusals=seen) == [UNSAFE.name]


def test_a_lost_slice_is_told_before_the_average() -> None:
    said = why(AS_PROMISED[LOST.name])
    assert said.startswith("accuracy.retention on category=complaint: 50.0 %, needs at least 95.0 %")
    text = told({name: Ended(verdict=each, run=Path(name)) for name, each in AS_PROMISED.items()}, Path("out"))
    assert all(len(line) <= 80 for line in text.splitlines())


# --- the folder --------------------------------------------------------------------------------------


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model was trained")

    monkeypatch.setattr(package, "_train", refuse)


def test_a_finished_demo_is_not_written_over(tmp_path: Path, no_training: None) -> None:
    folder.claim(tmp_path, 0, FULL)
    folder.finish(tmp_path, 0, FULL)
    ended = evalkit("demo", "--out", tmp_path)
    assert ended.code == 2
    assert "holds a finished demo" in ended.err
    assert "--out" in ended.err


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("case", ["file", "other files", "below a file", "another seed", "no record", "torn record"])
def test_a_folder_that_is_no_place_for_it_is_a_usage_error(tmp_path: Path, case: str) -> None:
    out = tmp_path / "out"
    match case:
        case "file":
            out.write_text("mine")
        case "other files":
            out.mkdir()
            (out / "thesis.txt").write_text("mine")
        case "below a file":
            out.write_text("mine")
            out = out / "demo"
        case "another seed":
            folder.claim(out, 7, FULL)
        case "no record":
            out.mkdir()
            (out / folder.RECORD).write_text('{"schema": "something else"}')
        case "torn record":
            out.mkdir()
            (out / folder.RECORD).write_text('{"schema')
    before = sorted(path.name for path in tmp_path.rglob("*"))
    ended = evalkit("demo", "--out", out)
    assert ended.code == 2, ended.err
    assert ended.err.startswith("error: ")
    assert "help: " in ended.err
    assert ended.out == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_folder_that_may_not_be_written_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(folder, "write_whole", denied)
    with pytest.raises(UsageError, match="cannot be written: Permission denied"):
        folder.claim(tmp_path / "out", 0, FULL)


def test_a_full_disk_is_a_breakage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(package, "write_suites", full)
    ended = evalkit("demo", "--out", tmp_path / "out")
    assert ended.code == 4
    assert "No space left on device" in ended.err


def test_a_model_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def torn(place: Path) -> None:
        (place / "weights").write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        folder.kept(tmp_path / "model", torn)
    assert not (tmp_path / "model").exists()
    folder.kept(tmp_path / "model", lambda place: (place / "weights").write_text("whole") and None)
    folder.kept(tmp_path / "model", torn)
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "weights"]


def test_a_student_begins_with_layers_of_its_teacher() -> None:
    tokenizer = training.train_tokenizer(package.lessons(60, 10, 0), 400)
    teacher = training.new_model(tokenizer, Shape(width=32, layers=3), 0)
    weights = teacher.state_dict()
    student = training.shortened(teacher, 2).state_dict()
    for name, tensor in student.items():
        # The first layer and the last.
        assert tensor.equal(weights[name.replace(".layers.1.", ".layers.2.")]), name
    assert len({name.split(".")[2] for name in student if ".layers." in name}) == 2


# --- the command -------------------------------------------------------------------------------------


def test_an_interrupt_ends_in_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(package, "_train", interrupted)
    ended = evalkit("demo", "--out", tmp_path / "out")
    assert ended.code == 130
    assert "the same command resumes" in ended.err


def test_quiet_says_nothing_but_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "FULL", TINY)
    monkeypatch.setattr(package.demo, "__kwdefaults__", {**package.demo.__kwdefaults__, "sizes": TINY})
    ended = evalkit("demo", "--out", tmp_path / "out", "--quiet")
    assert ended.code == 4
    assert ended.out.startswith("student ")
    assert [line[: len("error: ")] for line in ended.err.splitlines()] == ["error: "] * 3


@pytest.mark.slow
def test_the_demo_ends_in_the_three_verdicts_that_it_promises(tmp_path: Path) -> None:
    ended = evalkit("demo", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    words = {}
    for each in STUDENTS:
        found = json.loads((tmp_path / "out" / "runs" / each.name / "verdict.json").read_text())
        words[each.name] = found["verdict"]
        assert evalkit("verify", tmp_path / "out" / "runs" / each.name).code == 0
    assert words == {"good": "pass", "lost-rare-classes": "fail", "no-refusals": "fail"}
    assert evalkit("demo", "--out", tmp_path / "out").code == 2


def test_lengths_of_batches_are_alike_and_every_lesson_has_its_turn() -> None:
    lengths = [each % 37 for each in range(256)]
    batches = training._batches(lengths, random.Random(0))
    turn = [next(batches) for _ in range(16)]
    assert sorted(index for batch in turn for index in batch) == list(range(256))
    assert all(max(lengths[i] for i in batch) - min(lengths[i] for i in batch) <= 6 for batch in turn)


def test_blurring_spares_what_an_answer_repeats_and_what_leads_to_a_code() -> None:
    prompt, rng = list(range(10, 60)), random.Random(0)
    codes = {40}
    for _ in range(50):
        seen = training._blurred(prompt, [20, 21], codes, rng, 1000)
        assert len(seen) == len(prompt)
        assert [seen[at] for at in (10, 11, *range(26, 32))] == [20, 21, *range(36, 42)]
    changed = sum(
        a != b for _ in range(200) for a, b in zip(prompt, training._blurred(prompt, [], set(), rng, 1000), strict=True)
    )
    assert changed / (200 * len(prompt)) == pytest.approx(training.BLUR, abs=0.02)
