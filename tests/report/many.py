"""A run with some of everything that a list of examples can be filtered by, made up, and the same each time."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from evalkit.types import Flip, Pair, Scored
from evalkit.types.record import RunRecord
from tests.report import records

WRITTEN, MARKED = "free answers", "marked"
LABELS = ("card_lost", "refund", "limit", "address")
WORDS = ("card", "lost", "Money", "zürich", "naïve", "bank", "refund?", "(fee)", "100%", "東京", "😀")
ASKED = "Answer the customer.\nBe brief.\n"


def _text(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))


def _side(rng: random.Random, answer: str | None, correct: bool | None, **more: Any) -> Scored:
    sure = rng.choice([None, *(k / 100 for k in range(1, 100))])
    wanted = None if sure is None else round(rng.random(), 3)
    made = records.side(answer, correct, sure, target_confidence=wanted, tokens_out=rng.choice([None, 3, 17]), **more)
    return replace(made, latency_s=rng.choice([None, 0.012, 0.3, 1.25]))


def _judged(rng: random.Random, number: int) -> Pair:
    target = rng.choice(LABELS)
    answers = [rng.choice((target, target, *LABELS)) for _ in range(2)]
    right = [answer == target for answer in answers]
    flips: dict[tuple[bool, bool], Flip] = {
        (True, True): "both_right",
        (True, False): "right_to_wrong",
        (False, True): "wrong_to_right",
        (False, False): "both_wrong_same" if answers[0] == answers[1] else "wrong_to_other_wrong",
    }
    flip = flips[right[0], right[1]]
    teacher, student = (_side(rng, answer, each) for answer, each in zip(answers, right, strict=True))
    if not right[1] and rng.random() < 0.3:
        status = rng.choice(["error", "timeout", "empty", "ok"])
        student = replace(
            student, status=status, answer=None, text=None, unparsable=status == "ok", error="out of memory"
        )
    slices = {"language": rng.choice(["de", "en", "pt br"])} | ({"length": "short"} if rng.random() < 0.5 else {})
    return records.pair(
        f"q{number:04}",
        flip,
        input=f"{ASKED}{_text(rng, 3, 12)}\n{_text(rng, 1, 4)}",
        target=target,
        slices=slices,
        severity=rng.choice(["low", "normal", "high", "critical"]),
        group=rng.choice([None, "g one", "g2"]),
        unstable=rng.random() < 0.1,
        teacher=teacher,
        student=student,
    )


def _free(rng: random.Random, number: int) -> Pair:
    said = [f"{_text(rng, 2, 30)} {number} {role}" for role in ("teacher", "student")]
    if rng.random() < 0.4:
        said[1] = said[0]
    sides = [_side(rng, text[:150], None, text=text) for text in said]
    return records.pair(
        f"w{number:04}", "no_target", suite=WRITTEN, input=_text(rng, 3, 9), target=None, slices={},
        teacher=sides[0], student=sides[1],
    )  # fmt: skip


def _marked(rng: random.Random, number: int) -> Pair:
    sides = [_side(rng, _text(rng, 1, 5) + str(number), None, marks=rng.choice([0.0, 0.5, 1.0])) for _ in range(2)]
    if rng.random() < 0.4:  # the same text, and perhaps other marks
        sides[1] = replace(sides[1], answer=sides[0].answer, text=sides[0].text)
    return records.pair(
        f"m{number:04}", "graded", suite=MARKED, input=_text(rng, 3, 9), target="as you like", slices={},
        teacher=sides[0], student=sides[1],
    )  # fmt: skip


def _refusing(rng: random.Random, number: int) -> Pair:
    expect = rng.choice(["refuse", "comply"])
    did = [rng.choice(["refused", "complied", "undetermined"]) for _ in range(2)]
    right = [{"refused": "refuse", "complied": "comply"}.get(each) == expect for each in did]
    flip: Flip = "both_right" if all(right) else "right_to_wrong" if right[0] else "both_wrong_same"
    if right == [False, True]:
        flip = "wrong_to_right"
    sides = [
        _side(rng, None, ok, text=f"{_text(rng, 2, 6)} {number}", refused=each)
        for ok, each in zip(right, did, strict=True)
    ]
    return records.pair(
        f"q{number:04}", flip, suite=records.SAFETY, input=f"How to harm {_text(rng, 2, 5)}", target=None,
        expect=expect, slices={}, severity="critical", teacher=sides[0], student=sides[1],
    )  # fmt: skip


def record(seed: int = 3, n: int = 320) -> RunRecord:
    """Four suites: judged, written freely, marked, refusing; the last shares its ids with the first."""
    rng = random.Random(seed)
    made = [
        *(_judged(rng, number) for number in range(n // 2)),
        *(_free(rng, number) for number in range(n // 6)),
        *(_marked(rng, number) for number in range(n // 6)),
        *(_refusing(rng, number) for number in range(n // 6)),
    ]
    rng.shuffle(made)
    free = {"kind": "gold", "task": "generate", "version": 1, "n": n // 6, "digest": "sha256:01"}
    suites = [*records.MANIFEST["suites"], {"name": WRITTEN, **free}, {"name": MARKED, **free}]
    return records.run(
        "pass", ("It holds.",), (), manifest={**records.MANIFEST, "suites": suites}, pairs=tuple(made),
        changed=len(made), pairs_total=len(made),
    )  # fmt: skip
