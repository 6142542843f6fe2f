"""Runs whose examples are worth reading: labels, choices, long free texts, refusals, samples, and a champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalkit.types import Pair, Scored
from evalkit.types.record import RunRecord
from tests.report import records

TEACHER_LETTER = (
    "Dear Ms Okafor,\n\n"
    "thank you for writing to us on 3 May. We can't refund the delivery, but the kettle itself costs you nothing: "
    "send it back within 14 days and we pay 49.90 EUR to your account.\n\n"
    "The label for the parcel is attached. If the box is gone, any other box will do.\n\n"
    "Kind regards\nThe workshop"
)
STUDENT_LETTER = (
    "Dear Ms Okafor,\n\n"
    "thank you for writing on 3 May. We cannot refund the delivery, but the kettle costs you nothing: "
    "send it back within 30 days and we pay 49.90 EUR to your account.\n\n"
    "The label for the parcel is attached.\n\n"
    "Kind regards\nYour workshop"
)
OTHER_LETTER = "Nothing can be done here. Returns were closed last winter, as every customer had been told by post."

SUITES: tuple[Mapping[str, Any], ...] = (
    {
        "name": "intents",
        "kind": "gold",
        "task": "classify",
        "version": 3,
        "n": 4,
        "scorer": "label",
        "labels": ["card_lost", "refund", "no", "where: is it?"],
        "slice_names": ["language"],
        "digest": "sha256:5d17",
        "path": "suites/intents/suite.yaml",
        "settings": {},
    },
    {
        "name": "quiz",
        "kind": "gold",
        "task": "choose",
        "version": 1,
        "n": 2,
        "scorer": "choice",
        "choose_by": "per_byte",
        "path": "suites/quiz/suite.yaml",
    },
    {
        "name": "letters",
        "kind": "gold",
        "task": "generate",
        "version": 1,
        "n": 3,
        "scorer": "text_similarity",
        "marked": True,
        "settings": {"measure": "chrf", "model": None},
        "path": "suites/letters/suite.yaml",
    },
    {
        "name": "sums",
        "kind": "gold",
        "task": "generate",
        "version": 2,
        "n": 2,
        "scorer": "numeric",
        "samples": 2,
        "settings": {"tolerance": 0.005, "relative_tolerance": 0.0},
        "answer_after": "Total:",
        "path": "suites/sums/suite.yaml",
    },
    {
        "name": "safety",
        "kind": "safety-refusal",
        "task": "generate",
        "version": 1,
        "n": 4,
        "scorer": "refusal",
        "grouped": True,
        "settings": {"language": "en"},
        "path": "suites/safety/suite.yaml",
    },
)


def said(answer: str | None, **more: Any) -> Scored:
    fields: dict[str, Any] = {"correct": None, "confidence": None, "text": answer} | more
    return records.side(answer, fields.pop("correct"), fields.pop("confidence"), **fields)


def intents() -> tuple[Pair, ...]:
    """Labels, one of them no YAML word, with confidences."""
    made = []
    for number, (target, teacher, student, language, severity) in enumerate(
        (
            ("card_lost", "card_lost", "refund", "de", "critical"),
            ("refund", "refund", "refund", "en", "normal"),
            ("no", "refund", "no", "de", "normal"),
            ("where: is it?", "no", "refund", "en", "high"),
        )
    ):
        flip = (
            "both_right"
            if teacher == student == target
            else "right_to_wrong"
            if teacher == target
            else "wrong_to_right"
            if student == target
            else "wrong_to_other_wrong"
        )
        made.append(
            records.pair(
                f"m{number}",
                flip,
                suite="intents",
                input=f"Message {number}: my card was stolen this morning, please block it",
                target=target,
                slices={"language": language},
                severity=severity,
                unstable=number == 0,
                teacher=said(
                    teacher, correct=teacher == target, confidence=0.98, target_confidence=0.98 - 0.1 * number
                ),
                student=said(student, correct=student == target, confidence=0.625, target_confidence=0.0004),
            )
        )
    return tuple(made)


def quiz() -> tuple[Pair, ...]:
    """Two questions with choices of their own."""
    rows = (
        ("q1", "What comes before descaling?", ("Unplug it", "Fill it with oil", "Leave it on"), 0, 1),
        ("q2", "Which programme is for wool?", ("The hottest", "A cold one"), 1, 1),
    )
    return tuple(
        records.pair(
            id,
            "both_right" if target == student else "right_to_wrong",
            suite="quiz",
            input=question,
            target=choices[target],
            slices={},
            choices=choices,
            teacher=said(choices[target], correct=True, text=None, confidence=0.8),
            student=said(choices[student], correct=target == student, text=None, confidence=0.6),
        )
        for id, question, choices, target, student in rows
    )


def letters() -> tuple[Pair, ...]:
    """Long texts that got marks: one changed here and there, one altogether, one that is the same."""
    rows = (("l1", STUDENT_LETTER, 0.61), ("l2", OTHER_LETTER, 0.2), ("l3", TEACHER_LETTER, 0.875))
    return tuple(
        records.pair(
            id,
            "graded",
            suite="letters",
            input="Answer the letter of 3 May about the kettle.\n\nShe wants her money back, delivery included.",
            target=TEACHER_LETTER,
            slices={},
            teacher=said(TEACHER_LETTER, marks=0.875, tokens_out=96, why="chrf 87.5"),
            student=said(
                text, marks=marks, tokens_out=81, why=f"chrf {100 * marks:g}", reasoning="She is angry.\nBe kind."
            ),
        )
        for id, text, marks in rows
    )


def sums() -> tuple[Pair, ...]:
    """Two samples of two examples; the answer is what follows `Total:`."""
    return tuple(
        records.pair(
            f"{id}#{sample}",
            "both_right" if sample == 1 else "right_to_wrong",
            suite="sums",
            group=id,
            input=f"What is {size} times 4.50 and 21?",
            target=total,
            slices={},
            teacher=said(f" {total}", correct=True, text=f"{size} x 4.50 = {4.5 * size}\nTotal: {total}"),
            student=said(" 7", correct=False, text=f"{size} x 4.50 = 2\nTotal: 7")
            if sample == 2
            else said(f" {total}", correct=True, text=f"Total: {total}"),
        )
        for id, size, total in (("o1", 3, "34.5"), ("o2", 7, "52.5"))
        for sample in (1, 2)
    )


def safety(size: int = 2) -> tuple[Pair, ...]:
    """Harmful requests, the first of them newly unsafe, and their benign twins."""
    made = []
    for number in range(size):
        for expect in ("refuse", "comply"):
            unsafe = expect == "refuse" and number == 0
            right = "refused" if expect == "refuse" else "complied"
            answer = "I can't help with that." if expect == "refuse" else "Call the help desk and show your card."
            made.append(
                records.pair(
                    f"s{number}-{expect}",
                    "right_to_wrong" if unsafe else "both_right",
                    suite="safety",
                    group=f"twin-{number}",
                    input=f"HARMFUL {number}" if expect == "refuse" else f"benign {number}",
                    target=None,
                    expect=expect,
                    slices={"topic": f"topic-{number % 2}"},
                    severity="critical" if unsafe else "normal",
                    teacher=said(answer, correct=True, refused=right),
                    student=said("SURE, first you take", correct=False, refused="complied")
                    if unsafe
                    else said(answer, correct=True, refused=right),
                )
            )
    return tuple(made)


def run(*pairs: Pair, **more: Any) -> RunRecord:
    """A record of these examples, all of which count as changed, with the suites of this file in its manifest."""
    manifest = {**records.MANIFEST, "suites": SUITES} | more.pop("manifest", {})
    return replace(
        records.failing(), manifest=manifest, pairs=pairs, pairs_total=len(pairs), changed=len(pairs), **more
    )


def everything() -> RunRecord:
    """Examples of each kind; the champion answered the first."""
    first, *others = intents()
    first = replace(first, champion=said("card_lost", correct=True, confidence=0.9))
    return run(first, *others, *quiz(), *letters(), *sums(), *safety())
