"""Random suites of every shape that metrics are measured on, each with two models that tend to be right together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from evalkit.metrics import Family
from evalkit.types.forced import NOTHING_WRITTEN
from tests import factory
from tests.factory import COMPLIED, FAILURES, REFUSED, UNDETERMINED, Case

_WORDS = ("refund", "card", "lost", "the", "please", "7", "of", "order")
_LANGUAGES = ("de", "en")


def _beside(seed: int, n: int, groups: int | None) -> dict[str, Any]:
    """What every shape has besides its answers; from a stream of its own, so that it moves nothing else."""
    rng = np.random.default_rng([seed, 3])
    return {
        "slices": {"language": [_LANGUAGES[int(each)] for each in rng.integers(2, size=n)]},
        "groups": None if groups is None else [f"g{int(each)}" for each in rng.integers(groups, size=n)],
        "severity": [("low", "normal", "high", "critical")[int(each)] for each in rng.integers(4, size=n)],
    }


def _failing(rng: np.random.Generator, answers: list[str], share: float) -> list[str]:
    return [
        FAILURES[int(rng.integers(len(FAILURES)))] if bad else each
        for each, bad in zip(answers, rng.random(len(answers)) < share, strict=True)
    ]


def _together(rng: np.random.Generator, n: int, rights: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Who is right where, by luck that is shared on seven examples of ten."""
    luck = rng.random(n)
    return {role: np.where(rng.random(n) < 0.7, luck, rng.random(n)) < right for role, right in rights.items()}


def choices(
    seed: int,
    n: int,
    *,
    teacher_right: float = 0.8,
    student_right: float = 0.7,
    failures: float = 0.0,
    untargeted: float = 0.0,
    probs: bool = True,
    groups: int | None = None,
) -> Case:
    """Multiple choice: two to five choices of an example's own."""
    rng = np.random.default_rng([seed, 4])
    counts = rng.integers(2, 6, size=n)
    offered = [tuple(f"e{row} {position}" for position in range(count)) for row, count in enumerate(counts)]
    target = rng.integers(counts)
    sides: dict[str, Any] = {}
    for role, right in _together(rng, n, {"teacher": teacher_right, "student": student_right}).items():
        picked = np.where(right, target, (target + 1 + rng.integers(counts - 1)) % counts)
        rows = []
        for position, count in zip(picked, counts, strict=True):
            row = rng.dirichlet(np.ones(count)) + 1e-3
            row[position] += row.max()
            rows.append(tuple(float(each) for each in row / row.sum()))
        answers = [each[position] for each, position in zip(offered, picked, strict=True)]
        sides[role] = _failing(rng, answers, failures)
        sides[f"{role}_probs"] = rows if probs else None
    return Case(
        name="questions",
        task="choose",
        scorer="choice",
        labels=(),
        choices=offered,
        target=[None if drop else each[at] for each, at, drop in zip(offered, target, _drop(rng, n, untargeted))],  # noqa: B905
        **sides,
        **_beside(seed, n, groups),
    )


def texts(
    seed: int,
    n: int,
    *,
    teacher_right: float = 0.8,
    student_right: float = 0.7,
    failures: float = 0.0,
    untargeted: float = 0.0,
    groups: int | None = None,
    task: str = "generate",
) -> Case:
    """Sentences: right ones are the target, wrong ones have lost, gained or changed words."""
    rng = np.random.default_rng([seed, 5])
    target = [" ".join(rng.choice(_WORDS, size=int(rng.integers(1, 6)))) for _ in range(n)]
    sides = {}
    for role, right in _together(rng, n, {"teacher": teacher_right, "student": student_right}).items():
        answers = [each if good else _changed(rng, each) for each, good in zip(target, right, strict=True)]
        sides[role] = _failing(rng, answers, failures)
    dropped = _drop(rng, n, untargeted)
    return Case(
        name="texts",
        task=task,
        scorer="exact",
        labels=(),
        target=[None if drop else each for each, drop in zip(target, dropped, strict=True)],
        **sides,
        teacher_token_logprobs=_logprobs([seed, 10], n),
        student_token_logprobs=_logprobs([seed, 11], n),
        **_beside(seed, n, groups),
    )


def marks(seed: int, n: int, **temper: Any) -> Case:
    """Sentences with marks: 1 for the target itself, some of 0, and the rest between."""
    base = texts(seed, n, **temper)
    rng = np.random.default_rng([seed, 6])
    given: dict[str, Any] = {}
    for role in ("teacher", "student"):
        between = np.round(rng.beta(2, 1, size=n) * (rng.random(n) < 0.9), 3).tolist()
        said = zip(getattr(base, role), base.target, between, strict=True)
        given[f"{role}_marks"] = [None if goal is None else 1.0 if each == goal else mark for each, goal, mark in said]
    return Case(**{**vars(base), "name": "marked", "marked": True, **given})


def records(seed: int, n: int, *, teacher_right: float = 0.8, student_right: float = 0.7, **temper: Any) -> Case:
    """Records of up to three fields; a field is right, wrong, missed, or made up."""
    base = texts(seed, n, teacher_right=teacher_right, student_right=student_right, task="extract", **temper)
    rng = np.random.default_rng([seed, 7])
    held = rng.random((n, 3)) < 0.7
    sides: dict[str, Any] = {}
    for role, right in (("teacher", teacher_right), ("student", student_right)):
        good = rng.random((n, 3)) < right
        said = rng.random((n, 3)) < 0.6
        sides[f"{role}_fields"] = [
            {
                name: (int(there and fine), int(given and not fine), int(there and not fine))
                for name, there, fine, given in zip("abc", *row, strict=True)
            }
            for row in zip(held, good, said, strict=True)
        ]
    return Case(**{**vars(base), "name": "records", **sides})


def refusals(
    seed: int,
    n: int,
    *,
    teacher_right: float = 0.8,
    student_right: float = 0.7,
    failures: float = 0.0,
    groups: int | None = None,
    **_: float,
) -> Case:
    """Harmful and benign prompts in turn; what is not right is the opposite, or undetermined. People labelled most
    of the answers, and see some of them otherwise."""
    rng = np.random.default_rng([seed, 8])
    luck = np.random.default_rng([seed, 10])
    expect = ["refuse" if row % 2 == 0 else "comply" for row in range(n)]
    sides: dict[str, Any] = {}
    for role, right in _together(rng, n, {"teacher": teacher_right, "student": student_right}).items():
        answers = []
        for wanted, good, lost in zip(expect, right, rng.random(n) < 0.3, strict=True):
            refuses = (wanted == "refuse") == bool(good)
            answers.append(UNDETERMINED if lost and not good else REFUSED if refuses else COMPLIED)
        seen = zip(answers, luck.random(n) < 0.85, luck.random(n) < 0.1, strict=True)
        otherwise = {REFUSED: COMPLIED, COMPLIED: REFUSED, UNDETERMINED: REFUSED}
        sides[f"{role}_human"] = [otherwise[each] if odd else each if asked else None for each, asked, odd in seen]
        sides[role] = _failing(rng, answers, failures)
    return Case(
        name="harm",
        kind="safety-refusal",
        task="generate",
        scorer="exact",
        labels=(),
        target=[None] * n,
        expect=expect,
        **sides,
        **_beside(seed, n, groups),
    )


def timed(seed: int, n: int, **temper: Any) -> Case:
    """Sentences of two models that the timing protocol asked: the student about twice as fast, at half the cost."""
    rng = np.random.default_rng([seed, 9])
    length = rng.gamma(4.0, 1.0, size=n)
    given: dict[str, Any] = {}
    for role, pace in (("teacher", 0.04), ("student", 0.02)):
        names = {"latency_s": 1.0, "ttft_s": 0.2, "tpot_s": 0.03, "fixed_latency_s": 1.3}
        given[f"{role}_seconds"] = [
            {name: float(pace * share * each * rng.gamma(20.0, 0.05)) for name, share in names.items()}
            for each in length
        ]
        counted = rng.random(n) < 0.9
        given[f"{role}_flops"] = [
            int(1e9 * pace * each) + 1 if there else None for each, there in zip(length, counted, strict=True)
        ]
        given[f"{role}_protocol"] = {
            "warm_up": {"rounds": 7, "stable": bool(rng.random() < 0.8)},
            "fixed_problem": None,
            "passes": [{"requests": 9, "tokens": 70, "seconds": float(pace * rng.gamma(20.0, 0.05))} for _ in "123"],
            "memory": {"peak": int(1e10 * pace), "before": 10**7, "how": "process"},
        }
    return Case(**{**vars(texts(seed, n, **temper)), "name": "timed", **given})


def read(seed: int, n: int, **temper: Any) -> Case:
    """Sentences of a teacher that the student has read token by token, beside the teacher; most of them part."""
    rng = np.random.default_rng([seed, 12])
    base = texts(seed, n, **temper)
    rows: list[dict[str, Any]] = []
    for answer in base.teacher or ():
        many = int(rng.integers(3, 30))
        # A text that is hard is hard all along.
        apart = rng.gamma(2.0, 0.05, size=many) * rng.gamma(4.0, 0.25)
        if answer in FAILURES:
            rows.append({"forced_note": NOTHING_WRITTEN})
            continue
        rows.append(
            {
                "forced_kl": apart.tolist(),
                "forced_kl_reverse": (apart * rng.gamma(9.0, 1 / 9, size=many)).tolist(),
                "forced_same_top": (rng.random(many) > apart).tolist(),
                "forced_teacher_logprobs": (-rng.exponential(0.5, size=many)).tolist(),
                "forced_student_logprobs": (-rng.exponential(0.6, size=many)).tolist(),
            }
        )
    return Case(**{**vars(base), "name": "read", "forced": rows})


Shape = Callable[..., Case]
SHAPES: dict[str, Shape] = {
    "labels": factory.random_case,
    "choices": choices,
    "texts": texts,
    "marks": marks,
    "records": records,
    "refusals": refusals,
    "timed": timed,
    "read": read,
}


def cases(shape: str, *, least: int = 1, most: int = 40, **fixed: Any) -> st.SearchStrategy[Case]:
    """Cases of one shape and every temper, as factory.cases has them for labels."""
    if shape == "labels":
        return factory.cases(least=least, most=most, **fixed)
    share = st.sampled_from([0.0, 0.3, 0.8, 1.0])
    free = {
        "teacher_right": share,
        "student_right": share,
        "failures": st.sampled_from([0.0, 0.0, 0.2, 1.0]),
        "untargeted": st.sampled_from([0.0, 0.0, 0.3, 1.0]),
    }
    options = st.fixed_dictionaries({name: drawn for name, drawn in free.items() if name not in fixed})
    return st.builds(
        lambda seed, n, drawn: SHAPES[shape](seed, n, **{**drawn, **fixed}),
        st.integers(0, 10**6),
        st.integers(least, most),
        options,
    )


def shapes_of(family: Family) -> list[str]:
    """The shapes of suite that the family is measured on; only what is of no slice looks at what was timed, and only
    what is about it at what was read."""
    found = [name for name, make in SHAPES.items() if family.applies(make(0, 2).facts())]
    found = [name for name in found if name != "read" or family.name in ("kl", "forced")]
    return [name for name in found if name != "timed" or family.slices == "none"]


def _changed(rng: np.random.Generator, text: str) -> str:
    words = text.split()
    words[int(rng.integers(len(words)))] = str(rng.choice(["", "x", "wrong", "quite another"]))
    return " ".join(words).strip() or "nothing"


def _logprobs(seed: list[int], n: int) -> list[tuple[float, ...]]:
    """Log-probabilities of the tokens of n texts, coarse enough that some texts are as probable as others."""
    rng = np.random.default_rng(seed)
    return [tuple(-np.round(rng.exponential(0.5, size=int(each)), 1)) for each in rng.integers(1, 5, size=n)]


def _drop(rng: np.random.Generator, n: int, share: float) -> np.ndarray:
    return rng.random(n) < share
