"""The questions that are asked in the timed runs, drawn from a seed, in lengths like those of public benchmarks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from scripts.benching.models import LETTERS, words


@dataclass(frozen=True)
class Row:
    """A prompt or text, and what may be chosen behind it: each with the space that joins it."""

    text: str
    choices: tuple[str, ...] = ()


class Writer:
    """Draws texts of a wanted number of tokens, as this tokenizer counts them."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.tokenizer, self.draw = tokenizer, random.Random(f"bench {name}")
        self.words = words(max(200, len(tokenizer) // 4))

    def text(self, tokens: int, *, lead: str = "") -> str:
        """Words behind `lead`, one at least, that come to `tokens` tokens, or to fewer where the last does not fit."""
        # Short words come first and are drawn more often.
        drawn = [self.words[int(len(self.words) * self.draw.random() ** 2)] for _ in range(tokens)]
        # A word is encoded apart from its neighbours, so that lengths add up.
        parts = [f"{' ' if at else lead}{word}" for at, word in enumerate(drawn)]
        lengths = [len(each) for each in self.tokenizer(parts, add_special_tokens=False)["input_ids"]]
        fitting = sum(whole <= tokens for whole in accumulate(lengths))
        return "".join(parts[: max(1, fitting)])


def several_tokens(tokenizer: Any, count: int, context: int = 140) -> list[Row]:
    """As in HellaSwag: contexts of about `context` tokens, four choices of 2 to 18."""
    write = Writer(tokenizer, "several tokens")
    return [
        Row(
            write.text(int(write.draw.gauss(context, context / 6))),
            tuple(write.text(write.draw.randint(2, 18), lead=" ") for _ in range(4)),
        )
        for _ in range(count)
    ]


def one_token(tokenizer: Any, count: int, context: int = 140) -> list[Row]:
    """As in MMLU: a question of about `context` tokens, and a letter for an answer."""
    write = Writer(tokenizer, "one token")
    return [Row(write.text(max(4, int(write.draw.gauss(context, context / 6)))), LETTERS) for _ in range(count)]


def heavy_tailed(tokenizer: Any, count: int, longest: int = 480) -> list[Row]:
    """Texts of 25 tokens in the middle and 38 in the mean, with a long tail."""
    write = Writer(tokenizer, "heavy-tailed")
    return [Row(write.text(max(3, min(longest, int(write.draw.lognormvariate(3.2, 0.95)))))) for _ in range(count)]


def prompts(tokenizer: Any, count: int, longest: int = 400) -> list[Row]:
    """Prompts of 8 to `longest` tokens."""
    write = Writer(tokenizer, "prompts")
    return [Row(write.text(write.draw.randint(8, longest))) for _ in range(count)]
