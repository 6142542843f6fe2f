"""Several models that answer as one."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends import Backend
from evalkit.backends.ensemble import Ensemble
from evalkit.backends.recorded import Recorded
from evalkit.specs import EnsembleSpec
from evalkit.types import ERRORED, ModelFacts, Output, Request, Suite
from tests import models
from tests.cli import project

CHOICES = ("a", "b", "c")
SUITE = models.suite_of(["a card", "a refund", "a transfer"])


def request(index: int = 0, task: Any = "classify", **generation: Any) -> Request:
    choices = CHOICES if task in ("classify", "choose") else ()
    return Request(
        key=f"k{index}",
        suite="s",
        example_id=f"e{index}",
        task=task,
        prompt="?",
        choices=choices,
        generation=generation,
    )


class Told(Backend):
    """Answers what it was told to, and remembers in which batches it was asked."""

    def __init__(self, name: str, answers: Mapping[str, Output], size: int = 100, live: bool = True) -> None:
        self.name, self.answers, self.size, self.live = name, answers, size, live
        self.asked: list[int] = []
        self.closed = 0

    def check(self, suites: Sequence[Suite]) -> list[Any]:
        return []

    def identify(self) -> ModelFacts:
        return ModelFacts(
            name=self.name, backend="told", digest=f"sha256:{self.name}", live=self.live, parameters=10, bytes=40
        )

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        order = list(range(len(requests)))[::-1]
        return [order[start : start + self.size] for start in range(0, len(order), self.size)]

    def run(self, requests: Sequence[Request]) -> list[Output]:
        self.asked.append(len(requests))
        return [self.answers[each.example_id] for each in requests]

    def close(self) -> None:
        self.closed += 1

    def counts(self) -> Mapping[str, int]:
        return {"retries": 2}

    def notes(self, suites: Sequence[Suite]) -> list[str]:
        return ["all of them say this", f"{self.name} says this"]

    def weights_in_memory(self) -> int | None:
        return 40


class Kept(Told, Recorded):
    """Answers what it was told to, as a recording."""


def of(*members: Backend, by: Any = "majority") -> Ensemble:
    spec = EnsembleSpec(backend="ensemble", members=["fake:", "fake:"], by=by)
    built = Ensemble(spec, "teacher")
    built.members = list(members)
    built.names = [f"member {index}" for index in range(1, len(members) + 1)]
    return built


def said(
    outputs: Sequence[Mapping[str, Any]], task: Any = "classify", by: Any = "majority", **generation: Any
) -> Output:
    """What an ensemble makes of one answer of each member."""
    told = [
        Told(f"m{index}", {"e0": Output(example_id="e0", **{"status": "ok", **each})})
        for index, each in enumerate(outputs)
    ]
    return of(*told, by=by).run([request(task=task, **generation)])[0]


ERROR = {"status": "error", "error": "it broke"}
PROBS = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(lambda row: tuple(each / sum(row) for each in row))
MEMBER = st.one_of(
    st.just(ERROR), st.builds(lambda probs: {"label": CHOICES[probs.index(max(probs))], "probs": probs}, PROBS)
)


# --- laws --------------------------------------------------------------------------------------------


@given(st.lists(MEMBER, min_size=2, max_size=6))
def test_a_majority_is_a_label_that_nobody_outvotes(members: list[dict[str, Any]]) -> None:
    output = said(members)
    votes = Counter(each["label"] for each in members if "label" in each)
    if 2 * sum(votes.values()) <= len(members):
        assert output.status == "error"
        return
    assert votes[output.label] == max(votes.values())
    assert output.probs == tuple(votes[each] / sum(votes.values()) for each in CHOICES)


@given(st.lists(MEMBER, min_size=2, max_size=6))
def test_a_mean_is_a_distribution_between_its_members(members: list[dict[str, Any]]) -> None:
    output = said(members, by="mean")
    if ERROR in members:
        assert output.status == "error"
        assert "it broke" in (output.error or "")
        return
    assert output.probs is not None
    assert math.fsum(output.probs) == pytest.approx(1)
    for index, each in enumerate(output.probs):
        column = [member["probs"][index] for member in members]
        assert min(column) - 1e-12 <= each <= max(column) + 1e-12
    assert output.label == CHOICES[output.probs.index(max(output.probs))]


@given(MEMBER, st.integers(2, 5), st.sampled_from(["mean", "majority"]))
def test_members_that_agree_are_one_member(member: dict[str, Any], count: int, by: Any) -> None:
    output = said([member] * count, by=by)
    assert (output.status, output.label) == (member.get("status", "ok"), member.get("label"))


@given(st.lists(st.sampled_from(["x", " x", "y", "", "z\n"]), min_size=2, max_size=6))
def test_the_commonest_text_stands_and_the_first_who_wrote_it_lends_it(texts: list[str]) -> None:
    output = said([{"text": each, "tokens_out": index} for index, each in enumerate(texts)], "generate")
    votes = Counter(each.strip() for each in texts)
    winner = next(each for each in votes if votes[each] == max(votes.values()))
    first = [each.strip() for each in texts].index(winner)
    assert (output.text, output.tokens_out) == (texts[first], first)


# --- votes -------------------------------------------------------------------------------------------


def test_a_tie_goes_to_the_likelier_label_where_all_have_probabilities() -> None:
    sure, unsure = {"label": "a", "probs": (0.4, 0.3, 0.3)}, {"label": "b", "probs": (0.1, 0.8, 0.1)}
    assert said([sure, unsure]).label == "b"
    assert said([{"label": "a"}, unsure]).label == "a"
    assert said([{"label": "b"}, {"label": "a"}]).label == "b"


def test_a_tie_between_equal_means_goes_to_the_earliest_member() -> None:
    assert said([{"label": "b", "probs": (0.4, 0.4, 0.2)}, {"label": "a", "probs": (0.4, 0.4, 0.2)}]).label == "b"


def test_a_vote_for_none_of_the_choices_counts_and_leaves_no_probabilities() -> None:
    output = said([{"label": "d"}, {"text": " d "}, {"label": "a"}])
    assert (output.label, output.probs) == ("d", None)


def test_who_fails_abstains_and_is_counted() -> None:
    built = of(
        Told("m0", {"e0": Output(example_id="e0", **ERROR)}),  # type: ignore[arg-type]
        Told("m1", {"e0": Output(example_id="e0", status="ok", label="a")}),
        Told("m2", {"e0": Output(example_id="e0", status="ok", label="a")}),
    )
    output = built.run([request()])[0]
    assert (output.label, output.probs) == ("a", (1.0, 0.0, 0.0))
    assert built.counts() == {"retries": 6, "abstentions": 1}
    # Beside the answer, so that the cache does not keep the vote; and in the notes, so that a reader knows.
    assert output.error == "1 of 3 members abstained"
    assert any("failed and abstained 1 times" in each for each in built.notes([]))


def test_what_half_of_the_members_say_is_no_majority() -> None:
    assert said([{"label": "a"}, ERROR]).status == "error"
    assert said([{"label": "a"}, ERROR, {"status": "timeout"}]).status == "error"
    assert said([{"label": "a"}, {"label": "b"}, ERROR]).status == "ok"


def test_where_all_fail_the_failure_names_them() -> None:
    output = said([{"status": "timeout"}, ERROR])
    assert output.status in ERRORED
    assert output.error == "member 1: timeout; member 2: it broke"


def test_an_ensemble_of_which_a_part_cannot_be_held_to_a_length_is_not_timed() -> None:
    assert said([{"text": "x"}, ERROR], "generate", min_new_tokens=4).status == "error"
    assert said([{"text": "x"}, {"text": "x"}, ERROR], "generate", min_new_tokens=4).status == "error"
    assert said([{"text": "x"}, {"text": "x"}, ERROR], "generate").status == "ok"


def test_times_and_prompts_are_the_members_own_affair() -> None:
    member = {"text": "x", "status": "truncated", "latency_s": 1.0, "ttft_s": 0.5, "prompt_hash": "h", "tokens_in": 3}
    output = said([member, member], "generate")
    assert (output.status, output.tokens_in) == ("truncated", 3)
    assert (output.latency_s, output.ttft_s, output.prompt_hash) == (None, None, None)


def test_an_empty_answer_is_an_answer() -> None:
    assert said([{"text": "", "status": "empty"}] * 2 + [{"text": "x"}], "generate").status == "empty"


def test_a_mean_needs_probabilities_of_all() -> None:
    output = said([{"label": "a"}, {"label": "a", "probs": (1.0, 0.0, 0.0)}], by="mean")
    assert output.status == "error"
    assert "no probabilities to take the mean of: member 1" in (output.error or "")


# --- members -----------------------------------------------------------------------------------------


def test_every_member_is_asked_in_batches_of_its_own() -> None:
    answers = {f"e{index}": Output(example_id=f"e{index}", status="ok", label=CHOICES[index % 3]) for index in range(7)}
    few, many, recorded = Told("few", answers, 2), Told("many", answers, 5), Kept("recorded", answers, 7)
    built = of(recorded, few, many)
    requests = [request(index) for index in range(7)]
    # What is kept and resumed are the batches of the first that runs.
    assert built.batches(requests) == few.batches(requests)
    outputs = built.run(requests)
    assert [each.example_id for each in outputs] == [each.example_id for each in requests]
    assert [each.label for each in outputs] == [answers[each.example_id].label for each in requests]
    assert (few.asked, many.asked, recorded.asked) == ([2, 2, 2, 1], [5, 2], [7])


def test_what_the_members_are_makes_the_ensemble() -> None:
    members = Told("one", {}), Told("two", {}, live=False)
    facts = of(*members).identify()
    assert (facts.name, facts.backend, facts.live, facts.parameters, facts.bytes) == (
        "ensemble",
        "ensemble",
        True,
        20,
        80,
    )
    assert [each["name"] for each in facts.settings["members"]] == ["one", "two"]
    digests = {
        facts.digest,
        of(*members, by="mean").identify().digest,
        of(*members[::-1]).identify().digest,
        of(Told("one", {}), Told("three", {})).identify().digest,
    }
    assert len(digests) == 4
    assert not of(members[1], members[1]).identify().live


def test_what_members_say_and_hold_is_passed_on() -> None:
    one, two = Told("one", {}), Told("two", {})
    built = of(one, two)
    assert built.notes([]) == ["all of them say this", "one says this", "two says this"]
    assert built.weights_in_memory() == 80
    assert built.earlier_run() is None
    built.close()
    assert (one.closed, two.closed) == (1, 1)


# --- check -------------------------------------------------------------------------------------------


def recorded(folder: Path, *, by: str, rows: Sequence[Mapping[str, Any]]) -> Ensemble:
    path = project.lines(folder / "answers.jsonl", rows)
    members = [f"recorded:{path}", f"recorded:{path}"]
    return Ensemble(EnsembleSpec.model_validate({"backend": "ensemble", "members": members, "by": by}), "teacher")


def test_a_mistake_of_two_members_is_complained_of_once(tmp_path: Path) -> None:
    built = recorded(tmp_path, by="majority", rows=[{"id": "e0", "label": "card"}])
    assert len(built.check([SUITE])) == 1


def test_texts_have_no_mean(tmp_path: Path) -> None:
    suite = replace(SUITE, facts=replace(SUITE.facts, task="generate", scorer="exact"))
    rows = [{"id": f"e{index}", "text": "x"} for index in range(3)]
    assert recorded(tmp_path, by="majority", rows=rows).check([suite]) == []
    complaint = str(recorded(tmp_path, by="mean", rows=rows).check([suite])[0])
    assert 'the answers to "intents" are texts, which have no mean' in complaint
    assert "write by: majority" in complaint


def test_recorded_labels_without_probabilities_have_no_mean(tmp_path: Path) -> None:
    rows = [{"id": f"e{index}", "label": "card"} for index in range(3)]
    assert recorded(tmp_path, by="majority", rows=rows).check([SUITE]) == []
    complaint = str(recorded(tmp_path, by="mean", rows=rows).check([SUITE])[0])
    assert 'answers.jsonl has no probabilities for 3 examples of "intents", such as e0' in complaint


# --- a plan ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["majority", "mean"])
def test_a_teacher_of_three_outvotes_the_one_that_errs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for index in range(3):
        wrong = [at % 3 == index for at in range(60)]
        project.lines(tmp_path / f"m{index}.jsonl", project.answers(60, wrong.__getitem__))
    members = [f"recorded:m{index}.jsonl" for index in range(3)]
    project.project(tmp_path, n=60, teacher={"backend": "ensemble", "members": members, "by": by})
    ended = project.evalkit("gate", "--out", "run", "--quiet")
    assert ended.code in (0, 1, 3), ended.err
    assert project.metrics(tmp_path / "run")["accuracy.teacher"]["estimate"]["value"] == 1


def test_a_live_member_is_kept_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    members = ["recorded:teacher.jsonl", "fake:accuracy=1.0,batch_size=20", "fake:accuracy=1.0,seed=2"]
    project.project(tmp_path, n=60, teacher={"backend": "ensemble", "members": members})
    for run, hits in (("one", 0), ("two", 3)):
        assert project.evalkit("gate", "--out", run, "--quiet").code in (0, 1, 3)
        manifest = json.loads((tmp_path / run / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["collection"]["teacher intents"]["from_cache"] == hits
