"""scripts/bench times what it says it times, on pairs like those of a run."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.table import table
from scripts.benching import __main__ as command
from scripts.benching import (
    bare,
    cases,
    contest,
    contests,
    engine,
    engine_command,
    engine_page,
    models,
    pages,
    pairs,
    passes,
    tasks,
)
from scripts.simulating import document

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("probabilities", [True, False])
def test_the_pairs_are_those_of_two_models_that_err_together(probabilities: bool) -> None:
    made = table(pairs.columns(4000, probabilities=probabilities, slices=True), "teacher")
    assert made.teacher is not None
    teacher, student = made.teacher.correct, made.student.correct
    assert teacher.mean() == pytest.approx(pairs.TEACHER, abs=0.015)
    assert student.mean() == pytest.approx(pairs.STUDENT, abs=0.015)
    assert np.mean(~teacher & ~student) > 2 * np.mean(~teacher) * np.mean(~student)
    assert (made.student.probs is not None) == probabilities
    assert set(made.slices) == {"language", "length", "target"}


def test_the_answer_is_the_likeliest() -> None:
    made = table(pairs.columns(500, probabilities=True, slices=False), "teacher")
    assert made.student.probs is not None
    assert np.array_equal(made.student.probs.argmax(axis=1), made.student.choice)


@pytest.mark.parametrize(
    ("run", "parts"),
    [
        (cases.metrics(300, probabilities=False), {"arrays from stored pairs", "metrics"}),
        (cases.metrics(300, probabilities=True), {"arrays from stored pairs", "metrics"}),
        (cases.conclusion(300), {"stored pairs to verdict"}),
    ],
)
def test_every_part_of_a_case_is_timed(run: object, parts: set[str]) -> None:
    watch = cases.Stopwatch()
    run(watch)  # type: ignore[operator]
    assert set(watch.parts) == parts
    assert all(each["seconds"] > 0 for each in watch.parts.values())


def test_runs_come_to_medians_and_ranges_in_a_table() -> None:
    runs = [
        {"parts": {"metrics": {"seconds": each, "cpu_seconds": 2 * each}}, "peak_bytes": 1e9 * each}
        for each in (1.0, 3.0, 2.0)
    ]
    record = {"binary-100k": command.summary(runs)}
    assert record["binary-100k"]["parts"]["metrics"]["seconds"] == {"median": 2.0, "least": 1.0, "most": 3.0}
    row = command.table(json.loads(json.dumps(record))).splitlines()[-1]
    assert "100,000 pairs" in row
    assert "2.00 (1.00 to 3.00)" in row
    assert row.endswith("| 4.00 | 2.00 GB |")


def test_a_page_is_measured_on_messages_that_are_all_different() -> None:
    drawn = pages.texts(500)
    assert drawn == pages.texts(500)
    assert len(set(drawn)) > 490
    assert len(pages.record(300).pairs) == 300


def test_the_figures_of_pages_come_to_a_table() -> None:
    found = {
        "examples": 2000,
        "bytes": 570_000,
        "written_s": 0.5,
        "first_paint_s": 0.34,
        "interactive_s": 0.651,
        "filter_s": {"flip:lost": 0.02, "conf>0.9": 0.079},
        "rows": 101,
    }
    assert pages.table([found]).splitlines()[-1] == "| 2,000 | 0.57 MB | 0.5 s | 0.34 s | 0.65 s | 79 ms | 101 |"


@pytest.mark.browser
@pytest.mark.skipif(not pages.CHROMIUM.exists(), reason="no chromium (apt-get install chromium)")
def test_a_browser_says_how_long_a_page_took() -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # In a process of its own: a process has one driver of browsers.
    told = "import json; from scripts.benching import pages; print(json.dumps(pages.measured(300, 1)))"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["first_paint_s"] > 0
    assert found["interactive_s"] > 0
    assert set(found["filter_s"]) == set(pages.FILTERS)
    assert 0 < found["rows"] <= 500


# --- the engine beside others --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of every contest, of toy size."""
    folder = tmp_path_factory.mktemp("toys")
    for name in contests.CONTESTS:
        engine._make(folder, name, "quick", "cpu")
    return folder


@pytest.mark.parametrize("name", contests.CONTESTS)
def test_a_contest_is_held_and_all_sides_answer_alike(name: str, toys: Path) -> None:
    found = json.loads(json.dumps(engine.one(name, toys, "quick", "cpu", "float32", None, 1)))
    (repeat,) = found["repeats"]
    assert contest.OURS in repeat
    assert all(each["seconds"] > 0 for each in repeat.values())
    assert found["answers"] or name == "both"
    assert all(each["equal"] for each in found["answers"].values()), found["answers"]
    for goal in contests.CONTESTS[name].goals:
        assert goal.others(list(repeat)) or goal.against in found["lacking"]
    for extra in found.get("extra_bytes", {}).values():
        assert extra is None or 0 <= extra < 600_000_000


def test_without_lm_eval_its_side_is_named_and_the_others_run(toys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval.api.instance", None)
    found = engine.one("one-token-small", toys, "quick", "cpu", "float32", None, 1)
    assert not any(each.startswith("lm-eval") for each in found["repeats"][0])
    assert "pip install 'lm-eval[hf]'" in found["lacking"]["lm-eval"]
    assert {"evalkit", "bare loop"} <= set(found["repeats"][0])
    shown = engine_page.figures(_record([found]))
    assert "not run: lm-eval is not installed" in shown
    assert "as fast as lm-eval" not in shown


def test_the_bare_loops_say_what_the_model_says_of_each_choice_alone(toys: Path) -> None:
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(toys / "small").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(toys / "small")
    rows = tasks.several_tokens(tokenizer, 5, 24)
    texts, choices = [row.text for row in rows], [row.choices for row in rows]
    alone = []
    with torch.inference_mode():
        for text, several in zip(texts, choices, strict=True):
            begun = len(tokenizer(text)["input_ids"])
            alone.append([])
            for choice in several:
                ids = tokenizer(text + choice, return_tensors="pt")["input_ids"]
                logprobs = model(ids).logits[0].double().log_softmax(-1)
                alone[-1].append(float(sum(logprobs[at - 1, ids[0, at]] for at in range(begun, ids.shape[1]))))
    assert len({len(tokenizer(each)["input_ids"]) for each in choices[0]}) > 1
    for loop in (bare.choices_in_trees, bare.choices_in_rows):
        found = loop(model, tokenizer, texts, choices)
        assert np.allclose(np.array(found), np.array(alone), rtol=0, atol=1e-5)


def test_the_divergence_of_two_small_vocabularies_is_that_by_hand() -> None:
    import torch

    # Logits 0 and ln 3 against 0 and 0: KL of (1/4, 3/4) from (1/2, 1/2).
    teacher, student = torch.tensor([[0.0], [math.log(3)]]), torch.zeros(2, 1)
    (found,) = bare.divergences(teacher, student, torch.ones(1, 1), torch.ones(1, 1))
    assert found == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5), abs=1e-7)


@pytest.mark.parametrize(("rows", "words"), [(4, 10), (4, 3), (3, 10)])
def test_the_bare_products_are_whole(rows: int, words: int) -> None:
    import torch

    draw = torch.Generator().manual_seed(0)
    weights = [torch.randn(10, width, generator=draw) for width in (6, 5)]
    states = [torch.randn(4, width, generator=draw) for width in (6, 5)]
    made = bare.Products(*weights, rows, words)
    made(*states)
    last = (10 - 1) // words * words
    first = (4 - 1) // rows * rows
    for state, weight, buffer in zip(states, weights, made.buffers, strict=True):
        wanted = state[first:] @ weight[last:].T
        assert torch.allclose(buffer.view(-1)[: wanted.numel()].view_as(wanted), wanted, atol=1e-6)


def test_memory_is_the_highest_use_beyond_that_before() -> None:
    held = []

    def run() -> None:
        held.append(np.ones(8_000_000))
        held.clear()

    extra = passes.extra_bytes(run, "cpu")
    if extra is None:
        pytest.skip("nobody can tell here")
    assert 50_000_000 < extra < 120_000_000


def test_rows_are_drawn_from_a_seed_in_the_lengths_they_are_said_to_have(toys: Path) -> None:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(toys / "small")

    def tokens(text: str) -> int:
        return len(tokenizer(text)["input_ids"])

    several = tasks.several_tokens(tokenizer, 30, 60)
    assert several == tasks.several_tokens(tokenizer, 30, 60)
    assert 50 <= np.mean([tokens(row.text) for row in several]) <= 62
    assert all(1 <= tokens(choice) <= 18 for row in several for choice in row.choices)
    assert all(len(set(row.choices)) == 4 for row in several)
    assert {row.choices for row in tasks.one_token(tokenizer, 5)} == {models.LETTERS}
    tail = [tokens(row.text) for row in tasks.heavy_tailed(tokenizer, 400, 300)]
    assert max(tail) <= 300
    assert np.mean(tail) > 1.2 * np.median(tail)
    assert all(tokens(row.text) <= 40 for row in tasks.prompts(tokenizer, 30, 40))


def test_the_tokenizer_has_as_many_entries_as_the_model(tmp_path: Path) -> None:
    made = models.write_tokenizer(tmp_path, 900, framed=True)
    assert len(made) == 900
    assert made("bala").input_ids[0] == made.cls_token_id
    assert made("bala").input_ids[-1] == made.sep_token_id


def _run(cores: int | None = 1, device: str = "cpu", **changes: Any) -> dict[str, Any]:
    """A run of a contest: lm-eval 12, 8 and 10 times as slow as evalkit in CPU seconds, half of that on the clock."""

    def took(times: float) -> dict[str, float]:
        return {"seconds": times / 2, "cpu_seconds": times}

    others = {"lm-eval, 1 row": (12.0, 10.0, 9.0), "lm-eval, 4 rows": (20.0, 8.0, 10.0), "bare loop": (1.0, 2.0, 1.0)}
    repeats = [
        {"evalkit": {"seconds": 1.0, "cpu_seconds": 1.0}, **{name: took(each[at]) for name, each in others.items()}}
        for at in range(3)
    ]
    answers = {name: {"largest_difference": 1e-6, "bound": 1e-4, "equal": True} for name in others}
    run = {"contest": "choice-small", "dtype": "float32", "device": device, "cores": cores, "pinned": cores is not None}
    return {**run, "rows": {"questions": 20}, "repeats": repeats, "answers": answers, "lacking": {}, **changes}


def _record(runs: list[Any], **changes: Any) -> dict[str, Any]:
    machine = {"processor": "A processor", "cores": 2, "python": "3.11", "packages": {"torch": "2.6", "lm-eval": None}}
    record = {"device": "cpu", "repeats": 3, "machine": {**machine, "load_average_before": 0.1}, "runs": runs}
    return {
        **record,
        "load_average_after": 0.2,
        "took_s": 61.0,
        "models": {"small": 14_195_808},
        "left_out": {},
        **changes,
    }


def test_the_fastest_of_the_others_counts_in_each_repeat() -> None:
    faster, loop = contest.judged(_run(), contests.CONTESTS["choice-small"].goals)
    assert faster.ratios == (12.0, 8.0, 9.0)
    assert (faster.ratio, faster.met, faster.fastest) == (9.0, True, "lm-eval, 1 row")
    assert loop.ratios == (1.0, 0.5, 1.0)
    assert loop.met


def test_on_two_cores_and_beside_an_accelerator_the_clock_counts() -> None:
    for run in (_run(cores=2), _run(cores=None, device="cuda")):
        faster, loop = contest.judged(run, contests.CONTESTS["choice-small"].goals)
        assert faster.ratios == (6.0, 4.0, 4.5)
        assert loop.ratio == 2.0
        assert not loop.met


def test_a_ratio_of_times_of_other_answers_meets_no_goal() -> None:
    run = _run()
    run["answers"]["lm-eval, 4 rows"]["equal"] = False
    faster, loop = contest.judged(run, contests.CONTESTS["choice-small"].goals)
    assert (faster.sound, faster.met, loop.met) == (False, False, True)
    assert "**answers differ**" in engine_page.figures(_record([run]))


def test_what_is_too_short_for_the_clock_meets_no_goal() -> None:
    run = _run()
    for repeat in run["repeats"]:
        repeat["evalkit"]["cpu_seconds"] = 0.0
    faster, _ = contest.judged(run, contests.CONTESTS["choice-small"].goals)
    assert (faster.ratio, faster.met) == (None, False)
    assert "too short to tell" in engine_page.figures(_record([run]))


@pytest.mark.parametrize(
    ("differ", "ours", "theirs", "equal"),
    [
        (contest.numbers_differ(1e-4), [[1.0, 2.0]], [[1.0, 2.00009]], True),
        (contest.numbers_differ(1e-4), [[1.0, 2.0]], [[1.0, 2.0002]], False),
        (contest.numbers_differ(1e-4), [[1.0, 2.0]], [[1.0, math.nan]], False),
        (contest.texts_differ, ["a", "b"], ["a", "b"], True),
        (contest.texts_differ, ["a", "b"], ["a", "c"], False),
        (contest.labels_differ(1e-6), [("x", 0.5)], [("x", 0.5)], True),
        (contest.labels_differ(1e-6), [("x", 0.5)], [("y", 0.5)], False),
        (contest.labels_differ(1e-6), [("x", 0.5)], [("x", 0.51)], False),
    ],
)
def test_answers_are_equal_or_not(differ: Any, ours: list[Any], theirs: list[Any], equal: bool) -> None:
    assert differ(ours, theirs)["equal"] == equal


def test_the_page_is_made_of_the_record() -> None:
    profile = [{"function": "linear", "file": "", "calls": "90", "seconds": 1.5, "share": 0.75}]
    runs = [_run(), _run(cores=2, profile=profile, extra_bytes={"2048": 12_000_000, "8192": None})]
    shown = engine_page.figures(json.loads(json.dumps(_record(runs, left_out={"kl-32k": "no time was left"}))))
    lines = shown.splitlines()
    assert "| contest | goal | one core, CPU seconds | 2 cores, clock | met |" in lines
    words = "choices of several tokens, small model"
    faster = "≥ 4 times as fast as lm-eval at its best"
    assert f"| {words} | {faster} | 9.00 (8.00 to 12.00) | 4.50 (4.00 to 6.00) | yes |" in lines
    loop = "no more than 15 % beyond a bare loop"
    assert f"| {words} | {loop} | 1.00 (0.50 to 1.00) | 2.00 (1.00 to 2.00) | **no** |" in lines
    assert (
        "| choice-small | questions 20 | one core, CPU seconds | lm-eval, 4 rows | 5.00 (4.00 to 10.00) | 10.00 |"
        in lines
    )
    assert "| choice-small | 2 cores, clock | beyond the models and states, 2,048 tokens | 12 MB |" in lines
    assert "| choice-small | 2 cores, clock | beyond the models and states, 8,192 tokens | not known here |" in lines
    assert "| `linear` |  | 90 | 1.500 | 75% |" in lines
    assert "* kl-32k: no time was left" in lines
    assert "small 14.2 million" in shown
    assert "lm-eval" not in lines[2]


def test_what_breaks_or_has_no_time_left_is_named_and_the_rest_is_held(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def apart(folder: Path, name: str, *more: Any) -> dict[str, Any]:
        if name == "classify-small":
            raise engine._Broke("RuntimeError: out of memory")
        return _run()

    monkeypatch.setattr(engine, "_apart", apart)
    monkeypatch.setattr(engine, "_make", lambda *more: {"small": 1})
    wanted: dict[str, Any] = {"dtypes": ["float32"], "cores": [1]}
    record = engine.run(["choice-small", "classify-small"], "quick", "cpu", 3, **wanted, seconds=None)
    assert [each["contest"] for each in record["runs"]] == ["choice-small"]
    assert record["left_out"] == {"classify-small, float32, 1 core": "RuntimeError: out of memory"}
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("choice-small, float32, 1 core: ≥ 4 times as fast as lm-eval at its best: 9.00; ")
    assert second.startswith("classify-small, float32, 1 core: RuntimeError: out of memory (")
    record = engine.run(["choice-small"], "quick", "cpu", 3, **wanted, seconds=0.0)
    assert (record["runs"], record["left_out"]) == ([], {"choice-small, float32, 1 core": "no time was left"})


def test_a_whole_run_is_kept_and_the_page_is_written_from_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    page.write_text("Words.\n\n<!-- measured: begin -->\nold\n<!-- measured: end -->\n\nMore words.\n", "utf-8")
    asked: list[Any] = []

    def run(names: Any, setting: str, device: str, repeats: int, **more: Any) -> dict[str, Any]:
        asked.append((tuple(names), setting, device, repeats, more["dtypes"]))
        return _record([_run()])

    monkeypatch.setattr(engine_command, "PAGE", page)
    monkeypatch.setattr(engine_command, "RECORDS", {each: tmp_path / f"{each}.json" for each in ("cpu", "cuda")})
    monkeypatch.setattr(engine, "run", run)
    assert command.main(["engine", "--write"]) == 0
    assert asked == [(contests.ON_CPU, "full", "cpu", 5, ("float32",))]
    assert json.loads((tmp_path / "cpu.json").read_text("utf-8")) == _record([_run()])
    written = page.read_text("utf-8")
    assert written.startswith("Words.\n\n<!-- measured: begin -->\n\n## Measured on the processor")
    assert written.endswith("<!-- measured: end -->\n\nMore words.\n")
    assert engine_page.figures(_record([_run()])) in written
    assert "\nold\n" not in written


@pytest.mark.parametrize("part", [["--only", "kl-32k"], ["--cores", "1"], ["--quick"]])
def test_a_part_is_not_written_over_the_whole(part: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["engine", "--write", *part])
    assert ended.value.code == 2
    assert "--write keeps the figures of one whole run" in capsys.readouterr().err


def test_an_accelerator_that_is_not_there_is_said_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        command.main(["engine", "--device", "cuda"])
    assert ended.value.code == 2
    assert "there is no CUDA device here" in capsys.readouterr().err


def test_the_page_of_the_project_has_a_place_for_the_figures() -> None:
    text = engine_command.PAGE.read_text(encoding="utf-8")
    assert document.between(text, "figures", "page", engine_page.MARKS) != text


def test_every_contest_has_rows_and_models_in_every_setting() -> None:
    for setting in engine.SETTINGS.values():
        for name, named in contests.CONTESTS.items():
            assert name in {*setting.rows, *setting.tokens}
            assert set(named.models) <= set(setting.models)
    assert set(contests.ON_CPU) | set(contests.ON_CUDA) == set(contests.CONTESTS)


def test_in_sixteen_bits_differences_are_shown_and_do_not_count(toys: Path) -> None:
    found = engine.one("noise", toys, "quick", "cpu", "bfloat16", None, 1)["answers"]["again"]
    assert found["equal"]
    assert found["largest_difference"] >= 0
    assert 0 <= found["flips"] <= 4
    assert contest.shown_only(contest.texts_differ)(["a"], ["b"]) == {"identical": 0, "of": 1, "equal": True}
