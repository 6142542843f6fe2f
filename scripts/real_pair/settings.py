"""The numbers of a run: what is trained for how long on what, and how much is gated."""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_LENGTH = 64  # tokens in training; the gate reads whole texts
BATCH = 32
WARM_UP = 0.06  # share of the steps in which the learning rate rises
KEPT_LAYERS = (0, 5)  # of the teacher's six: what a student begins with
FROZEN_LAYERS = 3  # of the teacher, counted from the embeddings, which are frozen too
DROPPED = 15  # classes that the bad student never sees, the rarest ones


@dataclass(frozen=True)
class Recipe:
    """How one model is trained. Learning rates are those after the warm-up; they fall to 0 in a straight line."""

    epochs: int
    rate: float
    head_rate: float
    rows: int | None = None  # None: all of them
    drop_rarest: int = 0
    temperature: float = 1.0
    soft: float = 0.0  # weight of the teacher's probabilities; the labels have the rest
    sharpen: float = 1.0  # multiplies the teacher's logits: above 1 it sounds surer than it is
    seed: int = 0


@dataclass(frozen=True)
class Settings:
    """One run of the script."""

    teacher: Recipe
    good: Recipe
    bad: Recipe
    limit: int | None  # examples of each suite; None: all
    noise_floor: int
    prompts: int
    repeats: int


FULL = Settings(
    teacher=Recipe(epochs=4, rate=2e-4, head_rate=1e-3),
    good=Recipe(epochs=4, rate=3e-4, head_rate=1e-3, temperature=3.0, soft=0.7),
    # The good student, trained further on what comes in these days: without the rarest classes, and on answers
    # that sound surer than the teacher is. Most of what it knew it keeps, so that the loss hides in an average.
    bad=Recipe(epochs=1, rate=3e-4, head_rate=1e-3, rows=5000, drop_rarest=DROPPED, soft=0.7, sharpen=3.0),
    limit=None,
    noise_floor=500,
    prompts=64,
    repeats=5,
)
# Goes through every step in some minutes and shows nothing about any model.
QUICK = Settings(
    teacher=replace(FULL.teacher, epochs=2, rows=320),
    good=replace(FULL.good, epochs=2, rows=320),
    bad=replace(FULL.bad, rows=160),
    limit=200,
    noise_floor=50,
    prompts=20,  # fewer give no speed-up
    repeats=3,
)
