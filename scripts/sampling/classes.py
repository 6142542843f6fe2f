"""Two classifiers that never were: probabilities drawn by a seed, the student's near its teacher's.

Both see the same difficulty of each example, so they err together, as a student and its teacher do.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """How a drawn model answers. `skill` is how far the target stands out, `own` how much of its noise is its own,
    `heat` multiplies its logits (above 1: too sure of itself), `handicap` takes skill from some examples; seconds per
    request lie around `seconds`, and a share `failing` of them breaks."""

    name: str
    skill: float
    own: float
    heat: float
    seconds: float
    handicap: Callable[[Row], float] = lambda row: 0.0
    failing: float = 0.0


def answers(model: Classifier, rows: Iterable[Row], labels: list[str], target: str, seed: int) -> list[dict[str, Any]]:
    """A recording: a row per example, with probabilities in the order of the labels."""
    found = []
    for row in rows:
        shared = random.Random(f"{seed} {row['id']}")
        alone = random.Random(f"{seed} {row['id']} {model.name}")
        hard = shared.gauss(0.0, 1.5)
        own = model.own
        # Noise that both see, and noise of this model's own; together of one size, whatever its share.
        noise = [math.sqrt(1 - own**2) * shared.gauss(0, 1) + own * alone.gauss(0, 1) for _ in labels]
        logits = [1.6 * each for each in noise]
        logits[labels.index(row[target])] += model.skill - hard - model.handicap(row)
        top = max(logits)
        weights = [math.exp(model.heat * (each - top)) for each in logits]
        probs = [round(each / sum(weights), 6) for each in weights]
        answer: dict[str, Any] = {"id": row["id"], "probs": probs, "latency_s": seconds(model, row, alone)}
        if alone.random() < model.failing:
            answer = {"id": row["id"], "status": "timeout"}
        found.append(answer)
    return found


def seconds(model: Classifier, row: Row, draw: random.Random) -> float:
    """Longer messages take longer, and some request is always slow."""
    length = 1 + len(str(row.get("text", ""))) / 400
    return round(model.seconds * length * math.exp(draw.gauss(0, 0.18) + (0.9 if draw.random() < 0.03 else 0)), 5)
