"""The stand-in: as good as it is told to be, the same each time, and broken on request."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.backends.fake import Fake
from evalkit.errors import BrokenError
from evalkit.requests import build_requests
from evalkit.specs import FakeSpec
from evalkit.types import Output, Suite
from tests import models

SUITE = models.suite_of(models.texts(600))


def fake(suite: Suite = SUITE, **spec: Any) -> Fake:
    built = Fake(FakeSpec(backend="fake", **spec), "student")
    assert built.check([suite]) == []
    return built


def answers(suite: Suite = SUITE, **spec: Any) -> list[Output]:
    return fake(suite, **spec).run(build_requests(suite))


def right(outputs: list[Output]) -> float:
    targets = [each.target for each in SUITE.examples]
    return sum(one.label == other for one, other in zip(outputs, targets, strict=True)) / len(targets)


@pytest.mark.parametrize("accuracy", [0.0, 0.5, 0.9, 1.0])
def test_it_is_right_as_often_as_it_is_told(accuracy: float) -> None:
    assert right(answers(accuracy=accuracy)) == pytest.approx(accuracy, abs=0.06)


def test_it_fails_as_often_as_it_is_told() -> None:
    failed = [each for each in answers(error_rate=0.3) if each.status == "error"]
    assert len(failed) == pytest.approx(180, abs=40)


def test_it_may_say_one_thing_to_everything() -> None:
    assert {each.label for each in answers(answer="refund")} == {"refund"}
    assert {each.probs for each in answers(answer="nonsense")} == {None}


def test_what_it_says_does_not_depend_on_how_long_it_takes_or_on_its_role() -> None:
    slow = Fake(FakeSpec(backend="fake", delay_s=0.001), "teacher")
    slow.check([SUITE])
    assert slow.run(build_requests(SUITE)) == answers()
    assert slow.identify() == fake().identify()


def test_another_seed_or_name_is_another_model() -> None:
    assert answers(seed=1) != answers()
    assert answers(name="else") != answers()
    digests = {fake(**spec).identify().digest for spec in ({}, {"seed": 1}, {"name": "else"}, {"accuracy": 0.8})}
    assert len(digests) == 4


def test_other_targets_are_another_model() -> None:
    turned = models.suite_of(models.texts(600), labels=models.LABELS[::-1])
    assert fake().identify().digest != fake(turned).identify().digest


def test_a_question_without_a_target_is_answered_wrongly_but_answered() -> None:
    from dataclasses import replace

    bare = replace(SUITE, examples=tuple(replace(each, target=None) for each in SUITE.examples))
    outputs = answers(bare)
    assert {each.status for each in outputs} == {"ok"}
    assert {each.label for each in outputs} == set(models.LABELS)


@pytest.mark.parametrize(("when", "call"), [("load", "identify"), ("run", "run")])
def test_it_breaks_when_it_is_told_to(when: str, call: str) -> None:
    built = fake(broken=when)
    with pytest.raises(BrokenError, match="told to fail"):
        built.identify() if call == "identify" else built.run(build_requests(SUITE))


def test_texts_are_answered_where_texts_are_asked() -> None:
    from dataclasses import replace

    suite = replace(SUITE, facts=replace(SUITE.facts, task="generate", scorer="exact"))
    outputs = answers(suite, accuracy=1.0)
    assert [each.text for each in outputs] == [each.target for each in suite.examples]
