"""The parts of scripts/real-pair, on tiny models: what it trains, keeps, writes and concludes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import BertForSequenceClassification, BertModel

from scripts.real_pair import __main__ as command
from scripts.real_pair import banking, distilling, encoder, recorded, teaching, work
from scripts.real_pair.gating import PAIRS, Pair, Seen, write_plan
from scripts.real_pair.outcome import FIRST, complaints, table
from scripts.real_pair.settings import BATCH, DROPPED, FROZEN_LAYERS, FULL, KEPT_LAYERS, Recipe
from scripts.real_pair.training import batches, train
from tests import models
from tests.cli import project

RECIPE = Recipe(epochs=3, rate=1e-3, head_rate=1e-2, temperature=3.0, soft=0.7)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of the encoder's shape, six layers deep and very narrow."""
    return models.save_classifier(tmp_path_factory.mktemp("tiny"), layers=6, width=16, positions=64)


@pytest.fixture
def rows() -> banking.Rows:
    return banking.Rows(models.texts(80), [index % 3 for index in range(80)])


@pytest.fixture(scope="session")
def bank(shared: Path) -> banking.Banking:
    folder = shared / "data" / "banking77"
    if not (folder / "train.csv").is_file():
        pytest.skip("the shared folder holds no data/banking77")
    return banking.read(folder)


# --- what is kept --------------------------------------------------------------------------------


def test_what_is_kept_is_made_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"

    def broken(unfinished: Path) -> None:
        unfinished.write_text("half", encoding="utf-8")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        work.keep(path, broken)
    assert not path.exists()
    work.keep_text(path, "whole")
    work.keep_text(path, "other")
    assert path.read_text(encoding="utf-8") == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_unfinished_folder_is_begun_again(tmp_path: Path) -> None:
    left = tmp_path / "model.unfinished"
    left.mkdir()
    (left / "stale").touch()
    made = work.keep(tmp_path / "model", lambda folder: folder.mkdir())
    assert list(made.iterdir()) == []


def test_a_folder_of_other_settings_is_refused(tmp_path: Path) -> None:
    work.claim(tmp_path, {"epochs": 4})
    work.claim(tmp_path, {"epochs": 4})
    with pytest.raises(work.Stop, match="other settings"):
        work.claim(tmp_path, {"epochs": 1})


def test_the_times_of_several_goes_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([(0.0, 0.0), (10.0, 5.0), (100.0, 5.0), (130.0, 25.0)])
    monkeypatch.setattr(work, "used", lambda: next(clock))
    with pytest.raises(KeyboardInterrupt), work.timed(tmp_path, "teacher"):
        raise KeyboardInterrupt
    with work.timed(tmp_path, "teacher"):
        pass
    assert work.times_of(tmp_path) == {"teacher": {"wall_s": 40.0, "user_s": 25.0}}


# --- the data ------------------------------------------------------------------------------------


def test_every_intent_has_one_topic_and_one_severity(bank: banking.Banking) -> None:
    assert sorted(intent for intents in banking.TOPICS.values() for intent in intents) == sorted(bank.labels)
    named = [intent for intents in banking.SEVERITIES.values() for intent in intents]
    assert len(named) == len(set(named))
    assert set(named) <= set(bank.labels)


def test_the_rarest_classes_come_first(bank: banking.Banking) -> None:
    counts = Counter(bank.labels[at] for at in bank.train.targets)
    assert (len(bank.train.texts), len(bank.test.texts), len(bank.labels)) == (10003, 3080, 77)
    assert bank.rarest[:3] == ["contactless_not_working", "virtual_card_not_working", "card_acceptance"]
    assert counts[bank.rarest[DROPPED - 1]] < counts[bank.rarest[DROPPED]]


def test_the_bad_student_sees_no_dropped_class(bank: banking.Banking) -> None:
    at = banking.chosen(bank.train, FULL.bad)
    assert len(set(at.tolist())) == 5000
    seen = {bank.labels[bank.train.targets[each]] for each in at}
    assert seen == set(bank.labels) - set(bank.rarest[:DROPPED])
    assert banking.chosen(bank.train, FULL.good).tolist() == list(range(10003))


def test_the_suite_of_banking77_is_clean(bank: banking.Banking, tmp_path: Path) -> None:
    folder = banking.write_suite(bank, tmp_path / "banking77")
    ended = project.evalkit("suite", "lint", folder)
    assert ended.code == 0, ended.out + ended.err
    written = [json.loads(line) for line in (folder / "examples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in written] == bank.test.texts
    assert min(Counter(row["length"] for row in written).values()) > 600
    assert set(Counter(row["severity"] for row in written)) == {"low", "normal", "high", "critical"}


def test_the_recorded_suites_are_usable(shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    if not (data / "gsm8k").is_dir() or not (data / "xstest").is_dir():
        pytest.skip("the shared folder holds no data/gsm8k or no data/xstest")
    recorded.sums(data, tmp_path / "suites", tmp_path / "recorded")
    recorded.refusals(data, tmp_path / "suites", tmp_path / "recorded")
    for pair in PAIRS:
        if not pair.live:
            shown = project.evalkit("suite", "show", tmp_path / "suites" / pair.suite)
            assert shown.code == 0, shown.err
            for model in (pair.teacher, pair.student):
                path = tmp_path / "plans" / model.removeprefix("recorded:")
                assert path.parent.resolve() == tmp_path / "recorded"
                assert (tmp_path / "recorded" / path.name).is_file()


@pytest.mark.parametrize("missing", ["train.csv", "test.csv", "categories.json"])
def test_missing_data_is_named(tmp_path: Path, missing: str) -> None:
    for name in {"train.csv", "test.csv", "categories.json"} - {missing}:
        (tmp_path / name).touch()
    with pytest.raises(work.Stop, match=f"holds no {missing}: --data"):
        banking.read(tmp_path)


def test_missing_data_ends_in_1_and_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--work", str(tmp_path / "work"), "--data", str(tmp_path / "absent")]) == 1
    assert "--data names the folder" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_other_weights_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "encoder" / encoder.INSIDE
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(work.Stop, match="digest"):
        encoder.encoder(tmp_path)


# --- training ------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 64), min_size=1, max_size=300), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_batches_hold_every_row_once(lengths: list[int], size: int, seed: int) -> None:
    found = batches(np.array(lengths), size, np.random.default_rng(seed))
    assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
    assert max(len(each) for each in found) <= size
    assert len(found) == -(-len(lengths) // size)


class Interrupted(Exception):
    pass


def test_an_interrupted_training_ends_in_the_same_weights(tiny: Path, rows: banking.Rows, tmp_path: Path) -> None:
    logits = teaching.logits_of(tiny, rows.texts)
    per_epoch = -(-len(rows.texts) // BATCH)
    whole, parts, kept = tmp_path / "whole", tmp_path / "parts", tmp_path / "kept.pt"
    distilling.distil("s", tiny, rows, logits, RECIPE, tmp_path / "other.pt", whole)
    # Interrupted in the second epoch: the first is kept, and the second begins again.
    with pytest.MonkeyPatch.context() as patch:
        calls = 0
        before = distilling.distillation

        def stops(*given: Any) -> torch.Tensor:
            nonlocal calls
            calls += 1
            if calls > per_epoch + 1:
                raise Interrupted
            return before(*given)

        patch.setattr(distilling, "distillation", stops)
        with pytest.raises(Interrupted):
            distilling.distil("s", tiny, rows, logits, RECIPE, kept, parts)
    assert torch.load(kept, weights_only=True)["epochs"] == 1
    distilling.distil("s", tiny, rows, logits, RECIPE, kept, parts)
    assert (whole / "model.safetensors").read_bytes() == (parts / "model.safetensors").read_bytes()
    start, end = (teaching.logits_of(each, rows.texts) for each in (tiny, whole))
    assert not torch.allclose(start, end)


def test_the_halves_make_the_whole_model(tiny: Path, rows: banking.Rows) -> None:
    model = BertForSequenceClassification.from_pretrained(tiny, attn_implementation="sdpa").eval()
    states = teaching.lower_half(model, teaching.tokens(tiny, rows.texts))
    with torch.inference_mode():
        logits = teaching.upper_half(model, states)
    torch.testing.assert_close(logits, teaching.logits_of(tiny, rows.texts), rtol=1e-4, atol=1e-4)


def test_only_the_upper_half_is_trained(tiny: Path, rows: banking.Rows, tmp_path: Path) -> None:
    teaching.teach(tiny, list(models.LABELS), rows, RECIPE, tmp_path / "kept.pt", tmp_path / "teacher")
    before, after = (BertForSequenceClassification.from_pretrained(each) for each in (tiny, tmp_path / "teacher"))
    moved = {
        name for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True)
        if not torch.equal(old, new)
    }  # fmt: skip
    frozen = ("bert.embeddings.", *(f"bert.encoder.layer.{at}." for at in range(FROZEN_LAYERS)))
    assert not [name for name in moved if name.startswith(frozen)]
    assert {"bert.pooler.dense.weight", "classifier.weight", "bert.encoder.layer.5.output.dense.weight"} <= moved
    assert after.config.id2label == dict(enumerate(models.LABELS))


def test_a_student_begins_as_its_teachers_layers(tiny: Path) -> None:
    teacher = BertForSequenceClassification.from_pretrained(tiny)
    student = distilling.cut(teacher)
    assert student.config.num_hidden_layers == len(KEPT_LAYERS)
    assert student.config.id2label == teacher.config.id2label
    theirs = teacher.state_dict()
    for name, weight in student.state_dict().items():
        for mine, its in enumerate(KEPT_LAYERS):
            name = name.replace(f"layer.{mine}.", f"layer.<{its}>.")
        assert torch.equal(weight, theirs[name.replace("<", "").replace(">", "")])


def test_a_student_that_answers_as_its_teacher_has_only_the_labels_to_learn() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(8, 5), torch.arange(8) % 5
    loss = distilling.distillation(logits, logits, targets, RECIPE)
    torch.testing.assert_close(loss, 0.3 * nn.functional.cross_entropy(logits, targets))
    surer = distilling.distillation(logits, logits, targets, replace(RECIPE, sharpen=3.0))
    assert surer > loss


def test_training_leaves_what_wants_no_gradient(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    first, last = (each.weight.clone() for each in model)
    inputs = torch.randn(40, 2)
    train("m", model, lambda rows: model(inputs[rows]).square().mean(), np.ones(40), RECIPE, tmp_path / "kept.pt")
    assert torch.equal(model[0].weight, first)
    assert not torch.equal(model[1].weight, last)
    assert set(torch.load(tmp_path / "kept.pt", weights_only=True)["weights"]) == {"1.weight", "1.bias"}


# --- gating, and what comes out ------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_only_live_pairs_are_timed(pair: Pair, tmp_path: Path) -> None:
    plan = yaml.safe_load(write_plan(pair, FULL, tmp_path).read_text(encoding="utf-8"))
    assert ("latency" in plan) is ("noise_floor" in plan) is pair.name.startswith("banking77")


def outcome(good: str = "pass", bad: str = "fail", lost: int = FIRST, dropped: tuple[str, ...] = ()) -> list[Seen]:
    """The live pairs as seen; the bad student lost `lost` classes."""
    names = dropped or tuple(f"c{index}" for index in range(lost))
    regressed = [{"slice": f"target={name}"} for name in names]
    figures = {"accuracy.teacher": {"value": 0.9, "low": 0.8, "high": 0.95}}
    return [
        Seen(PAIRS[0], Path("runs/good"), good, ["because"], [], figures),
        Seen(PAIRS[1], Path("runs/bad"), bad, ["because"], regressed, {}),
    ]


DROPPED_CLASSES = [f"c{index}" for index in range(DROPPED)]


def test_the_outcome_that_is_expected_has_no_complaint() -> None:
    assert complaints(outcome(), DROPPED_CLASSES) == []


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (outcome(good="inconclusive"), "banking77-good: expected pass, saw inconclusive (because)"),
        (outcome(bad="pass"), "banking77-bad: expected fail, saw pass"),
        (outcome(bad="inconclusive"), "banking77-bad: expected fail, saw inconclusive"),
        (outcome(lost=FIRST - 1), "expected the first 5 lost slices"),
        (outcome(lost=0), "saw none"),
        (outcome(dropped=("c0", "c1", "other", "c2", "c3", "c4")), "saw target=c0, target=c1, target=other"),
    ],
)
def test_anything_else_is_said(seen: list[Seen], said: str) -> None:
    found = complaints(seen, DROPPED_CLASSES)
    assert len(found) == 1
    assert said in found[0]


def test_what_was_not_measured_is_a_dash() -> None:
    good, bad = table(outcome()).splitlines()[1:3]
    assert good.split()[:5] == ["banking77-good", "pass", "0.9000", "→", "–"]
    assert bad.split() == ["banking77-bad", "fail", *"–––––"]


# --- the whole of it, with an encoder that knows nothing -------------------------------------------


@pytest.mark.slow
def test_every_step_works_and_the_second_time_does_nothing(
    bank: banking.Banking,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    encoder_folder = models.save_classifier(tmp_path / "encoder", layers=6, width=16, positions=96)
    BertModel.from_pretrained(encoder_folder).save_pretrained(encoder_folder)  # an encoder has no head
    given = ["--quick", "--work", str(tmp_path / "work"), "--data", str(shared / "data")]
    assert command.main([*given, "--encoder", str(encoder_folder)]) == 0
    first = capsys.readouterr().out
    assert all(pair.name in first for pair in PAIRS)
    assert not (tmp_path / "work" / "training").exists()
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*") if path.name != "times.json"}

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is left to run")

    monkeypatch.setattr("subprocess.run", refuse)
    assert command.main(given) == 0
    again = {path: path.stat().st_mtime_ns for path in made if path.is_file()}
    assert again == {path: made[path] for path in again}
    assert capsys.readouterr().out.split("times")[0] == first.split("times")[0]
    assert command.main([*given[1:]]) == 1  # the full settings, in a folder of the quick ones
