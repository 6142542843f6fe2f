"""Seeded pairs of any number, as a run stores them: five labels, with and without probabilities and slices."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from scipy.special import ndtri

from evalkit.columns import PAIR_COLUMNS, ROLE_COLUMNS, Columns
from evalkit.types import SuiteFacts

LABELS = ("refund", "card_lost", "limit", "transfer", "other")
LANGUAGES, LENGTHS = ("de", "en", "fr", "it"), ("short", "middle", "long")
TEACHER, STUDENT = 0.95, 0.93


def columns(n: int, *, probabilities: bool, slices: bool, seed: int = 0) -> Columns:
    """`n` pairs of a classify suite; the student errs where the teacher does more often than by chance."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, len(LABELS), n)
    hard = rng.normal(size=n)
    data: dict[str, list[Any]] = {name: [None] * n for name in PAIR_COLUMNS}
    data |= {
        "suite": ["bench"] * n,
        "id": [f"e{index}" for index in range(n)],
        "target": [LABELS[each] for each in target],
        "severity": ["normal"] * n,
        "row": ["{}"] * n,
        "flip": ["both_right"] * n,
        "slices": _slices(n, rng) if slices else ["{}"] * n,
    }
    for role, accuracy in (("teacher", TEACHER), ("student", STUDENT)):
        data |= _side(role, target, hard, accuracy, probabilities, rng)
    facts = SuiteFacts(
        name="bench",
        kind="gold",
        task="classify",
        version=1,
        scorer="label",
        labels=LABELS,
        slice_names=("language", "length") if slices else (),
        grouped=False,
        digest="sha256:bench",
        path="bench",
    )
    return Columns(facts=facts, roles=("teacher", "student"), data=data)


def _slices(n: int, rng: np.random.Generator) -> list[str]:
    known = [json.dumps({"language": one, "length": other}) for one in LANGUAGES for other in LENGTHS]
    return [known[each] for each in rng.integers(0, len(known), n)]


def _side(
    role: str,
    target: np.ndarray[Any, Any],
    hard: np.ndarray[Any, Any],
    accuracy: float,
    probabilities: bool,
    rng: np.random.Generator,
) -> dict[str, list[Any]]:
    n, classes = target.size, len(LABELS)
    # Half of what makes an example hard is hard for both models.
    wrong = (hard + rng.normal(size=n)) / np.sqrt(2) > ndtri(accuracy)
    answer = np.where(wrong, (target + rng.integers(1, classes, n)) % classes, target)
    probs: list[Any] = [None] * n
    if probabilities:
        score = rng.normal(size=(n, classes))
        score[np.arange(n), answer] = score.max(axis=1) + rng.exponential(2.0, size=n)
        shares = np.exp(score)
        probs = list((shares / shares.sum(axis=1, keepdims=True)).tolist())
    side: dict[str, list[Any]] = {f"{role}_{name}": [None] * n for name in ROLE_COLUMNS}
    labels = [LABELS[each] for each in answer]
    return side | {
        f"{role}_status": ["ok"] * n,
        f"{role}_label": labels,
        f"{role}_answer": labels,
        f"{role}_probs": probs,
        f"{role}_correct": [bool(each) for each in answer == target],
        f"{role}_unparsable": [False] * n,
        f"{role}_refused": ["None"] * n,
    }
