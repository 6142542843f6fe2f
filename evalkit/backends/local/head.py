"""What the heads share: the tools that they work with, and the shape that they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from evalkit.backends.local.abilities import NONE, Abilities
from evalkit.backends.local.batching import Size
from evalkit.backends.local.encoding import Encoder
from evalkit.backends.local.hardware import Stopwatch
from evalkit.backends.local.kinds import Kind
from evalkit.backends.local.loading import SpecialTokens
from evalkit.backends.local.prompts import Prompts
from evalkit.types import Output, Request


@dataclass
class Tools:
    """A model with all that belongs to it. `model` and `special` are None until it is loaded, and after it is closed.

    `cut` names the requests, by suite and example id, whose prompts were longer than the window. `budget` is of padded
    tokens in a forward pass. `again` marks the teacher's second run. `abilities` are those of a causal model, tried
    once it is loaded; `flat` counts the requests whose choices were read one by one for want of them. `apart`: what a
    row gets is its own, whatever else is in its batch; where it is not, every row is a batch.
    """

    kind: Kind
    tokenizer: Any
    encoder: Encoder
    prompts: Prompts
    budget: int
    window: int | None
    again: bool
    model: Any = None
    special: SpecialTokens | None = None
    abilities: Abilities = NONE
    cut: set[tuple[str, str]] = field(default_factory=set)
    flat: int = 0
    apart: bool = True

    def note_cut(self, request: Request) -> None:
        self.cut.add((request.suite, request.example_id))

    def loaded(self) -> tuple[Any, SpecialTokens]:
        """A language model and its special tokens, which are there once the backend has loaded them."""
        assert self.model is not None
        assert self.special is not None
        return self.model, self.special


class Head(Protocol):
    """One way of answering. Requests are of one suite."""

    def sizes(self, requests: Sequence[Request]) -> list[Size]:
        """What each request costs; needs the tokenizer only. Raises whatever a prompt makes its tokenizer raise."""

    def answer(self, requests: Sequence[Request], watch: Stopwatch | None) -> list[Output]:
        """One output each, in order. Raises when one of them cannot be answered: the caller then asks for fewer.

        `watch` is there for a single request that is timed; whoever writes text notes its first token.
        """


def failed(request: Request, reason: str) -> Output:
    return Output(example_id=request.example_id, status="error", error=reason)


NOT_FINITE = "the model's logits are not finite"
