"""Reading answers that stand already: what a backend offers whose model can be told what was written, token by token.

The teacher's side is its hidden states, which are small and exact, and how they become logits; the student's side sets
its own beside them. Nobody keeps logits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evalkit.types.forced import Answered, Reading


@dataclass(frozen=True, kw_only=True)
class TeacherHead:
    """How a teacher's hidden states become logits: the folder of its files, and what `Reader.head` said of them."""

    folder: Path
    described: Mapping[str, Any]


class Reader(Protocol):
    """A model that reads. What is loaded for it goes when its backend is closed."""

    @property
    def folder(self) -> Path:
        """Where the model's files are."""

    def vocabulary(self) -> str:
        """A digest of the tokens by their numbers. Where two models' are equal, a token of one is the same of both."""

    def encoded(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Texts as tokens, without marks for their beginning and end."""

    def batches(self, answered: Sequence[Answered]) -> list[list[int]]:
        """Positions of `answered`, each exactly once, in batches that depend on nothing but them and the model."""

    def head(self) -> Mapping[str, Any] | str:
        """How hidden states become logits, as JSON; or why that cannot be said."""

    def states(self, answered: Sequence[Answered]) -> bytes:
        """The last hidden states of this batch at the places that predict its answers' tokens, in the model's own
        numbers: a safetensors file. Raises BrokenError when nothing can be run, ReadingError when this batch cannot."""

    def read(
        self, batches: Iterable[tuple[Sequence[Answered], bytes | None]], teacher: TeacherHead | None
    ) -> Iterator[list[Reading]]:
        """A reading of each answer, batch by batch; the bytes are the teacher's `states` of the same batch, None where
        `teacher` is. Raises BrokenError when nothing can be run."""


class ReadingError(Exception):
    """A model that answers and yet fails on a text that it is to read: what it said."""
