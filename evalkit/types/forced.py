"""What comes of a model that reads answers which stand already: teacher forcing, token by token."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.types import Request

# Why there is nothing to read of a teacher's answer: it failed, or is empty.
NOTHING_WRITTEN = "the teacher wrote nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A request and the tokens of its answer, by their numbers in the vocabulary of whoever is to read them."""

    request: Request
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a student made of one answer; each list has a number per token of it, and is None where it is not known.

    `student_logprobs` and `teacher_logprobs` are of the token that came, in nats; `kl` is KL(teacher || student) and
    `kl_reverse` KL(student || teacher) of what each would have written there, in nats. `same_top` says whether both
    hold the same token for the likeliest; without the teacher's distribution, whether the student's likeliest is the
    token that came. `note` says why something is not known.
    """

    same_top: tuple[bool, ...] | None = None
    student_logprobs: tuple[float, ...] | None = None
    teacher_logprobs: tuple[float, ...] | None = None
    kl: tuple[float, ...] | None = None
    kl_reverse: tuple[float, ...] | None = None
    note: str | None = None
