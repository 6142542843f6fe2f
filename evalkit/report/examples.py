"""Changed examples as a reader compares them: what was asked, what was wanted, what each model said."""

from __future__ import annotations

from evalkit import figures
from evalkit.report.origin import items, text
from evalkit.report.view import FLIP_WORDS, AnswerView, ExampleView, View
from evalkit.types import Pair, Scored
from evalkit.types.record import RunRecord

MOST = 25
_WORSE, _BETTER = "✗", "✓"


def examples(record: RunRecord) -> tuple[ExampleView, ...]:
    """The first examples of the record, worst first as it has them; texts of safety suites are marked sensitive."""
    # A suite that the manifest does not list may be anything: only what is known to be harmless opens unasked.
    open_suites = {text(s, "name") for s in items(record.manifest, "suites") if text(s, "kind") != "safety-refusal"}
    return tuple(_example(pair, pair.suite not in open_suites) for pair in record.pairs[: min(MOST, record.changed)])


def _example(pair: Pair, sensitive: bool) -> ExampleView:
    answers = [_answer("teacher", pair.teacher)] if pair.teacher is not None else []
    return ExampleView(
        suite=pair.suite,
        id=pair.id,
        flip=_flip(pair),
        mark=_mark(pair),
        severity=pair.severity,
        slices=", ".join(f"{name}={value}" for name, value in sorted(pair.slices.items())),
        input=pair.input,
        target=pair.target if pair.target is not None else pair.expect,
        answers=(*answers, _answer("student", pair.student)),
        sensitive=sensitive,
    )


def _flip(pair: Pair) -> str:
    """What became of the example, and whether the teacher's own second run changed there, too; without a teacher there
    is no flip, only how the student did."""
    return f"{_became(pair)} (teacher unstable)" if pair.unstable else _became(pair)


def _became(pair: Pair) -> str:
    if pair.teacher is not None and pair.teacher.refused and pair.student.refused:
        return f"{pair.teacher.refused} → {pair.student.refused}"
    if pair.teacher is not None and pair.flip == "graded":
        return f"marks {_marks(pair.teacher)} → {_marks(pair.student)}"
    if pair.teacher is not None:
        return FLIP_WORDS[pair.flip]
    return "wrong" if pair.student.correct is False else pair.student.status


def _marks(side: Scored) -> str:
    return figures.number(side.marks or 0.0, "score")


def _mark(pair: Pair) -> str:
    if pair.flip == "graded" and pair.teacher is not None:
        lost = (pair.teacher.marks or 0.0) - (pair.student.marks or 0.0)
        return _WORSE if lost > 0 else _BETTER if lost < 0 else "·"
    return {"right_to_wrong": _WORSE, "wrong_to_right": _BETTER}.get(pair.flip, "·")


def _answer(who: str, side: Scored) -> AnswerView:
    judged = {True: "✓ correct", False: "✗ wrong", None: "not judged"}[side.correct]
    if side.marks is not None:
        judged = f"marks {_marks(side)}"
    flags = [side.status if side.status != "ok" else "", "unparsable" if side.unparsable else "", side.why]
    return AnswerView(
        who=who,
        answer=side.answer if side.answer is not None else "no answer",
        text=side.text if side.text is not None and side.text != side.answer else "",
        judged=judged,
        confidence="" if side.confidence is None else figures.number(side.confidence, "share"),
        note=" · ".join(filter(None, [*flags, side.error])),
    )


def slice_of(view: View, example: ExampleView) -> str:
    """The slice that fell deepest among those that got worse and hold the example; empty where it is in none."""
    held = {*example.slices.split(", "), f"target={example.target}"}
    return next((row.slice for row in view.regressed if row.suite == example.suite and row.slice in held), "")


def examples_first(view: View, most: int) -> tuple[ExampleView, ...]:
    """The few that a short sink names: what speaks against the student, in the record's order."""
    return tuple(each for each in view.examples if each.mark != _BETTER)[:most]


def outcome_changed(pair: Pair) -> bool:
    """Whether teacher and student came out differently: right or wrong, marks, refused or not, status, readable or not.

    The list of examples says the same of `changed:outcome`."""
    if pair.teacher is None:
        return False
    return _outcome(pair.teacher) != _outcome(pair.student)


def _outcome(side: Scored) -> tuple[object, ...]:
    return side.correct, side.marks, side.unparsable, side.status, side.refused
