"""The batch-shape audit: what is asked again, what counts as a flip, and which criteria it makes inconclusive."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends import backend
from evalkit.backends.fake import Fake
from evalkit.batch_shape import compared, drawn, remark, why_not
from evalkit.requests import build_requests
from evalkit.specs import EnsembleSpec, FakeSpec, TransformersSpec
from evalkit.suite import load_suite
from evalkit.types import ModelFacts, Output, Request, Suite, Undefined
from evalkit.types.batch_shape import BatchShape
from tests import language_models, models, runs
from tests.cli import project
from tests.cli.project import evalkit

LIVE = ModelFacts(name="m", backend="transformers", digest="sha256:m", live=True)
COLUMNS = {"id": "id", "input": "text", "target": "intent"}
RIGHT_OR_WRONG = {
    "name": "judge",
    "model": "fake:accuracy=0",
    "prompt": "{{ input }} {{ answer }}",
    "marks": {"right": 1, "wrong": 0},
}


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> runs.Runner:
    return runs.runner(request, monkeypatch, tmp_path)


def asked(root: Path, n: int = 12, **suite: Any) -> tuple[Suite, list[Request]]:
    loaded = load_suite(project.suite(root, n=n, **suite) / "suite.yaml")
    return loaded, build_requests(loaded)


def labels(suite: Suite, *said: str) -> list[Output]:
    pairs = zip(suite.examples, said, strict=False)
    return [Output(example_id=each.id, status="ok", label=label) for each, label in pairs]


def written(suite: Suite, *said: str, **more: Any) -> list[Output]:
    pairs = zip(suite.examples, said, strict=False)
    return [Output(example_id=each.id, status="ok", text=text, **more) for each, text in pairs]


def found(suite: Suite, requests: Sequence[Request], one: Sequence[Output], other: Sequence[Output]) -> BatchShape:
    """The audit of answers to the first requests of a suite."""
    audit = compared(suite, requests[: len(one)], one, other)
    assert isinstance(audit, BatchShape)
    return audit


def texts(root: Path, n: int = 4, **over: Any) -> tuple[Suite, list[Request]]:
    rows = [{"id": f"e{index}", "text": f"question {index}", "gold": f"gold {index}"} for index in range(n)]
    columns = {"id": "id", "input": "text", "target": "gold"}
    return asked(root, rows=rows, task="generate", labels=None, **{"columns": columns, "scorer": "exact", **over})


# --- what is asked alone -----------------------------------------------------------------------------


@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 9))
def test_a_draw_holds_as_many_requests_as_asked_for_or_all_of_them(n: int, many: int, seed: int) -> None:
    requests = [_request(index) for index in range(n)]
    chosen = drawn(requests, many, seed)
    assert len(chosen) == min(n, many)
    assert chosen == sorted(set(chosen))
    assert all(0 <= each < n for each in chosen)
    assert chosen == drawn(requests, many, seed)


def _request(index: int, task: Any = "classify", suite: str = "s", **generation: Any) -> Request:
    return Request(
        key=f"k{index}", suite=suite, example_id=f"e{index}", task=task, prompt="", choices=(), generation=generation
    )


def test_the_draw_follows_the_seed_and_the_suite() -> None:
    one = [_request(index) for index in range(500)]
    other = [_request(index, suite="t") for index in range(500)]
    assert len({tuple(drawn(one, 8, 0)), tuple(drawn(one, 8, 1)), tuple(drawn(other, 8, 0))}) == 3


@pytest.mark.parametrize(("many", "wanted"), [(32, 8), (30, 8), (1, 1), (0, 0)])
def test_of_written_answers_a_quarter_is_asked(many: int, wanted: int) -> None:
    for task in ("generate", "extract"):
        assert len(drawn([_request(index, task) for index in range(100)], many, 0)) == wanted


def test_a_recording_a_sampling_suite_and_a_recorded_judge_are_not_audited(tmp_path: Path) -> None:
    suite, requests = asked(tmp_path)
    student = backend(FakeSpec(backend="fake"), "student")
    student.check([suite])
    reasons = [
        why_not(student, replace(LIVE, live=False), requests),
        why_not(student, LIVE, [_request(0, "generate", temperature=0.7)]),
        why_not(student, LIVE, requests, recorded_judge=True),
        why_not(student, LIVE, requests),
    ]
    for reason, word in zip(reasons, ("recorded", "temperature", "judge", "batch"), strict=True):
        assert reason is not None
        assert word in reason.reason


def test_a_model_here_is_audited_where_requests_share_a_batch(tmp_path: Path) -> None:
    folder = models.save_classifier(tmp_path / "bert")
    requests = build_requests(models.suite_of(models.texts(12)))
    spec = TransformersSpec(model=str(folder), dtype="float32", device="cpu")
    alone = spec.model_copy(update={"batch_tokens": 1})
    members: list[Any] = [FakeSpec(backend="fake"), alone]
    assert why_not(backend(spec, "student"), LIVE, requests) is None
    assert why_not(backend(alone, "student"), LIVE, requests) is not None
    several = EnsembleSpec(backend="ensemble", members=[*members, spec], name="three")
    few = EnsembleSpec(backend="ensemble", members=members, name="two")
    assert why_not(backend(several, "student"), LIVE, requests) is None
    assert why_not(backend(few, "student"), LIVE, requests) is not None


# --- what counts -------------------------------------------------------------------------------------


def test_a_flip_is_right_to_wrong_wrong_to_right_or_another_wrong(tmp_path: Path) -> None:
    suite, requests = asked(tmp_path)
    # Targets take turns: card_lost, refund, other, card_lost.
    one = labels(suite, "card_lost", "other", "refund", "card_lost")
    other = labels(suite, "refund", "refund", "card_lost", "card_lost")
    audit = found(suite, requests, one, other)
    assert (audit.asked, audit.changed, audit.flipped, audit.share) == (4, 3, 3, 0.75)
    assert audit.ids == ("e0", "e1", "e2")
    assert remark("student", "intents", audit) is not None
    assert remark("student", "intents", found(suite, requests, one, one)) is None


def test_a_right_answer_in_other_words_changed_and_did_not_flip(tmp_path: Path) -> None:
    suite, requests = texts(tmp_path, scorer="normalised")
    audit = found(suite, requests, written(suite, "gold 0", "gold 1"), written(suite, "Gold 0.", "gold 1"))
    assert (audit.changed, audit.flipped, audit.share) == (1, 0, 0.0)


def test_where_marks_are_given_the_share_is_what_they_move_by(tmp_path: Path) -> None:
    suite, requests = texts(tmp_path, scorer={"name": "text_similarity"})
    one, other = written(suite, "gold 0", "gold 1"), written(suite, "gold 0", "other words")
    audit = found(suite, requests, one, other)
    whole = found(suite, requests, written(suite, "gold 0"), written(suite, "zzz"))
    assert (audit.flipped, audit.asked) == (1, 2)
    assert 0 < audit.share < 0.5
    assert audit.share < whole.share <= 1


def test_without_a_target_another_answer_is_a_flip(tmp_path: Path) -> None:
    suite, requests = texts(tmp_path, columns={"id": "id", "input": "text"})
    audit = found(suite, requests, written(suite, "one", "two"), written(suite, "one", "three"))
    assert audit.ids == ("e1",)


def test_a_failed_answer_is_counted_apart(tmp_path: Path) -> None:
    suite, requests = asked(tmp_path)
    said = labels(suite, "card_lost", "refund")
    failed = [replace(said[0], status="error", label=None, error="no"), said[1]]
    for one, other in ((said, failed), (failed, said)):
        audit = found(suite, requests, one, other)
        assert (audit.asked, audit.failed, audit.changed) == (1, 1, 0)
    nothing = compared(suite, requests[:1], said[:1], failed[:1])
    assert isinstance(nothing, Undefined)


def test_the_largest_and_the_median_difference_are_those_of_all_numbers(tmp_path: Path) -> None:
    suite, requests = asked(tmp_path)
    pairs = [((0.5, 0.3, 0.2), (0.5, 0.25, 0.25)), ((0.6, 0.3, 0.1), (0.5, 0.3, 0.2))]
    one, other = (
        [replace(each, probs=pair[side]) for each, pair in zip(labels(suite, "other", "other"), pairs, strict=True)]
        for side in (0, 1)
    )
    audit = found(suite, requests, one, other)
    assert audit.compared == "probabilities"
    # 0, 0.05, 0.05, 0.1, 0, 0.1
    assert audit.largest == pytest.approx(0.1)
    assert audit.median == pytest.approx(0.05)
    scored = [[replace(each, choice_logprobs=(-1.0, -math.inf, move)) for each in one] for move in (-2.0, -2.5)]
    audit = found(suite, requests, *scored)
    assert (audit.compared, audit.largest, audit.median) == ("choice log-likelihoods (nats)", 0.5, 0.0)


def test_tokens_are_compared_up_to_the_first_that_differs(tmp_path: Path) -> None:
    suite, requests = texts(tmp_path)
    one = written(suite, "a b c", token_logprobs=(-1.0, -2.0, -3.0), written=(1, 2, 3))
    other = written(suite, "a b d", token_logprobs=(-1.25, -2.0, -9.0), written=(1, 2, 4))
    audit = found(suite, requests, one, other)
    assert (audit.compared, audit.largest, audit.median) == ("token log-probabilities (nats)", 0.25, 0.125)
    blind = [[replace(each, written=None) for each in side] for side in (one, other)]
    assert found(suite, requests, *blind).largest is None
    assert found(suite, requests, blind[0], blind[0]).largest == 0.0


# --- a whole run -------------------------------------------------------------------------------------


def unsteady(
    monkeypatch: pytest.MonkeyPatch, flips: Callable[[str], bool] = lambda example: False, role: str = "student"
) -> list[list[str]]:
    """Stand-ins whose batches matter: a model alone says something else about some examples. Returns what is asked."""
    run = Fake.run
    seen: list[list[str]] = []

    def asked_for(self: Fake, requests: Sequence[Request]) -> list[Output]:
        seen.append([self.role, *(each.example_id for each in requests)])
        said = run(self, requests)
        if len(requests) > 1 or self.role != role:
            return said
        return [replace(each, text=f"not {each.text}") if flips(each.example_id) else each for each in said]

    monkeypatch.setattr(Fake, "run", asked_for)
    monkeypatch.setattr(Fake, "batch_shape_matters", lambda self, requests: True)
    return seen


def drop(bound: float, **over: Any) -> dict[str, Any]:
    return project.criteria({"metric": "accuracy.difference", "at_least": bound, **over})


def perfect(root: Path, policy: dict[str, Any], n: int = 120, **plan: Any) -> None:
    """A pair of stand-ins that are always right, so that any bound below 0 is met. They write, which has no intervals
    of probabilities to wait for."""
    project.suite(root, n=n, task="generate", labels=None, scorer="exact", columns=COLUMNS)
    project.dump(root / "policy.yaml", policy)
    pair = {"teacher": "fake:accuracy=1", "student": "fake:accuracy=1,seed=1", "batch_shape_audit": 128}
    project.plan(root, **{**pair, **plan})


def test_a_margin_below_the_share_that_flipped_is_inconclusive(
    gate: runs.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsteady(monkeypatch, lambda example: int(example[1:]) % 4 == 0)
    perfect(gate.root, drop(-0.05))
    gate("gate", "--quiet", code=3)
    audit = gate.manifest()["batch_shape_audit"]["intents"]
    assert audit["teacher"] == {**audit["teacher"], "asked": 32, "changed": 0, "flipped": 0, "share": 0.0, "ids": []}
    student = audit["student"]
    assert student["asked"] == 32
    assert 0 < student["flipped"] == student["changed"] == len(student["ids"]) < 32
    assert all(int(each[1:]) % 4 == 0 for each in student["ids"])
    [row] = project.verdict(gate.root / "run")["criteria"]
    assert row["status"] == "inconclusive"
    assert row["estimate"] is None
    assert f"{student['flipped']} of 32 answers flipped for the student on intents" in row["reason"]
    assert "more than the margin of 5.0 %" in row["undefined"]
    assert any("changed when asked alone" in each for each in gate.manifest()["notes"])
    assert "Asked alone" in (gate.root / "run/report.html").read_text("utf-8")
    assert project.metrics(gate.root / "run")["accuracy.difference"]["estimate"]["value"] == 0.0
    assert evalkit("verify", gate.root / "run").code == 0


def test_a_verdict_from_the_record_alone_knows_the_audit(gate: runs.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    unsteady(monkeypatch, lambda example: int(example[1:]) % 4 == 0)
    perfect(gate.root, drop(-0.05))
    gate("gate", "--quiet", code=3)
    project.dump(gate.root / "wide.yaml", drop(-0.9))
    gate("regate", "run", "--policy", "policy.yaml", out="again", code=3)
    gate("regate", "run", "--policy", "wide.yaml", out="wide", code=0)
    first, again = (project.verdict(gate.root / name)["criteria"] for name in ("run", "again"))
    assert first == again
    assert evalkit("verify", gate.root / "again").code == 0


def test_a_record_whose_audit_was_changed_does_not_verify(gate: runs.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    unsteady(monkeypatch, lambda example: int(example[1:]) % 4 == 0)
    perfect(gate.root, drop(-0.05))
    gate("gate", "--quiet", code=3)
    path = gate.root / "run/manifest.json"
    path.write_text(path.read_text("utf-8").replace('"batch_shape_audit": {', '"batch_shape_audit": {}, "was": {'))
    assert evalkit("verify", gate.root / "run").code == 4


def test_where_nothing_flips_the_audit_changes_nothing(gate: runs.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    unsteady(monkeypatch)
    # Less than one of 32 answers.
    perfect(gate.root, drop(-0.025))
    gate("gate", "--quiet", out="on", code=0)
    perfect(gate.root, drop(-0.025), batch_shape_audit=0)
    gate("gate", "--quiet", out="off", code=0)
    on, off = (gate.manifest(each) for each in ("on", "off"))
    assert off["batch_shape_audit"] is None
    assert on["batch_shape_audit"]["intents"]["student"]["asked"] == 32
    assert on["notes"] == off["notes"]
    for name in ("results.json", "pairs.parquet"):
        assert (gate.root / "on" / name).read_bytes() == (gate.root / "off" / name).read_bytes()
    first, second = (project.verdict(gate.root / each) for each in ("on", "off"))
    assert first == second


def test_a_second_student_does_not_ask_the_teacher_alone_again(
    gate: runs.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = unsteady(monkeypatch)
    perfect(gate.root, drop(-0.9), n=60)
    gate("gate", "--quiet", out="first")
    assert sum(len(each) == 2 for each in seen) == 64
    seen.clear()
    perfect(gate.root, drop(-0.9), n=60, student="fake:accuracy=1,seed=2")
    gate("gate", "--quiet", out="second")
    assert {each[0] for each in seen} == {"student"}
    seen.clear()
    gate("gate", "--quiet", out="third")
    assert seen == []
    assert gate.manifest("second")["batch_shape_audit"] == gate.manifest("third")["batch_shape_audit"]


def test_what_was_alone_already_is_not_asked_again(gate: runs.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = unsteady(monkeypatch)
    perfect(gate.root, drop(-0.9), n=33, teacher="fake:accuracy=1,batch_size=32", batch_shape_audit=200)
    gate("gate", "--quiet")
    # The last of 33 was a batch of one.
    assert sum(each == ["teacher", "e32"] for each in seen) == 1
    assert sum(len(each) == 2 and each[0] == "teacher" for each in seen) == 33


def test_a_warning_that_the_noise_swamps_stops_nobody(gate: runs.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    unsteady(monkeypatch, lambda example: int(example[1:]) % 4 == 0)
    rules = ({"metric": "accuracy.difference", "at_least": bound} for bound in (-0.9, -0.05))
    wide, narrow = rules
    perfect(gate.root, project.criteria(wide, {**narrow, "effect": "warn"}))
    gate("gate", "--quiet", code=0)
    assert [each["status"] for each in project.verdict(gate.root / "run")["criteria"]] == ["pass", "inconclusive"]


def test_a_judged_answer_flips_when_the_judge_says_so(gate: runs.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge finds everything wrong, so other words are another wrong answer; and only those are judged anew."""
    run = Fake.run
    questions: list[str] = []

    def said(self: Fake, requests: Sequence[Request]) -> list[Output]:
        if self.role == "judge":
            questions.extend(each.example_id for each in requests)
        texts = run(self, requests)
        alone = len(requests) == 1 and self.role == "student" and int(requests[0].example_id[1:]) < 2
        return [replace(each, text=f"{each.text} indeed") for each in texts] if alone else texts

    monkeypatch.setattr(Fake, "run", said)
    monkeypatch.setattr(Fake, "batch_shape_matters", lambda self, requests: self.role != "judge")
    rows = [{"id": f"e{index}", "text": f"question {index}", "gold": f"gold {index}"} for index in range(8)]
    columns = {"id": "id", "input": "text", "target": "gold"}
    project.suite(gate.root, rows=rows, task="generate", labels=None, scorer=RIGHT_OR_WRONG, columns=columns)
    project.dump(gate.root / "policy.yaml", drop(-0.9))
    project.plan(gate.root, teacher="fake:accuracy=1", student="fake:accuracy=1,seed=1", batch_shape_audit=32)
    gate("gate", "--quiet", code=None)
    audit = gate.manifest()["batch_shape_audit"]["intents"]
    assert (audit["teacher"]["asked"], audit["teacher"]["changed"]) == (8, 0)
    assert (audit["student"]["changed"], audit["student"]["flipped"]) == (2, 2)
    # Eight answers that both gave, and two that came out in other words.
    assert len(questions) == 10
    assert evalkit("verify", gate.root / "run").code == 0


def test_a_recording_is_said_to_be_unaudited(gate: runs.Runner) -> None:
    runs.light(gate.root)
    gate("gate", "--quiet")
    for audit in gate.manifest()["batch_shape_audit"]["intents"].values():
        assert audit == {"undefined": "recorded answers cannot be asked for again"}


def test_a_negative_number_of_requests_is_a_complaint(gate: runs.Runner) -> None:
    runs.light(gate.root, batch_shape_audit=-1)
    ended = evalkit("gate", "--quiet")
    assert ended.code == 2
    assert "batch_shape_audit" in ended.err


# --- real models -------------------------------------------------------------------------------------


def test_a_small_classifier_answers_alone_as_it_does_in_a_batch(gate: runs.Runner) -> None:
    teacher = models.save_classifier(gate.root / "teacher")
    models.with_noise(teacher, gate.root / "student")
    rows = [
        {"id": f"e{index}", "text": text, "intent": models.LABELS[index % len(models.LABELS)]}
        for index, text in enumerate(models.texts(40))
    ]
    project.suite(gate.root, rows=rows, labels=list(models.LABELS), columns=COLUMNS)
    specs = {role: {"model": role, "dtype": "float32", "device": "cpu"} for role in ("teacher", "student")}
    project.plan(gate.root, policy=None, **specs)
    gate("audit", "--quiet", code=0)
    for role in specs:
        audit = gate.manifest()["batch_shape_audit"]["intents"][role]
        assert (audit["asked"], audit["changed"], audit["compared"]) == (32, 0, "probabilities")
        assert 0.0 < audit["largest"] < 1e-5
    shutil.rmtree(gate.root / "teacher")
    assert evalkit("verify", gate.root / "run").code == 0


def test_a_small_language_model_is_audited_on_what_it_chooses_and_writes(gate: runs.Runner) -> None:
    language_models.save_language_model(gate.root / "model", "llama")
    rows = [{"id": f"e{index}", "text": f"the card {'is ' * index}", "intent": "no"} for index in range(12)]
    project.suite(gate.root, "writes", n=12, task="generate", labels=None, scorer="exact", columns=COLUMNS)
    project.suite(gate.root, "chooses", rows=rows, task="choose", labels=["yes", "no"], columns=COLUMNS)
    spec = {"model": "model", "dtype": "float32", "device": "cpu"}
    project.plan(gate.root, teacher=spec, student=spec, policy=None, suites=["suites/writes", "suites/chooses"])
    gate("audit", "--quiet", code=0)
    audit = gate.manifest()["batch_shape_audit"]
    assert (audit["chooses"]["student"]["asked"], audit["writes"]["student"]["asked"]) == (12, 8)
    assert audit["chooses"]["student"]["compared"] == "choice log-likelihoods (nats)"
    assert audit["writes"]["student"]["compared"] == "token log-probabilities (nats)"
    assert max(each["student"]["largest"] for each in audit.values()) < 1e-4
