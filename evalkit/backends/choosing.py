"""How a choice is put behind a prompt, and from the log-likelihoods of some choices to the choice and its
probabilities: the same for every backend, so that their numbers can be compared.

The longer a choice, the less likely it is as a whole. `per_token` and `per_byte` take the mean instead. A byte is one
of the choice's own UTF-8 text, without the space that joins it to the prompt. lm-eval's `acc` decides as `sum` does,
its `acc_bytes` as `per_byte`. Its `acc_norm` divides by characters, which is the same for ASCII; any other character
is one character but two to four bytes, so choices in other alphabets may be ranked differently there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalkit.backends.wording import shown
from evalkit.types import ChooseBy


def joined(prompt: str, choice: str, *, templated: bool = False) -> tuple[str, str]:
    """Context and continuation. One space joins them, unless there is whitespace already or a template has the word.

    White space at the end of the prompt belongs to the continuation: most vocabularies have it as part of a word.
    """
    prompt, choice = shown(prompt), shown(choice)
    context = prompt.rstrip()
    moved = prompt[len(context) :]
    joint = "" if moved or templated or choice[:1].isspace() else " "
    return context, moved + joint + choice


def choose(
    choices: Sequence[str], logprobs: Sequence[float], tokens: Sequence[int] | None, choose_by: ChooseBy
) -> tuple[str, tuple[float, ...]]:
    """The best choice, and a probability for each in their order: the softmax of what decides between them.

    `logprobs` are sums in nats over all tokens of a choice, `tokens` the lengths in tokens. Ties go to the lowest
    index. Raises ValueError when what `choose_by` divides by is not known, or is 0.
    """
    scores = deciding(choices, logprobs, tokens, choose_by)
    probs = softmax(scores)
    return choices[first_largest(scores)], probs


def deciding(
    choices: Sequence[str], logprobs: Sequence[float], tokens: Sequence[int] | None, choose_by: ChooseBy
) -> tuple[float, ...]:
    """The numbers, in nats, of which the largest decides. Raises ValueError as `choose` does."""
    if choose_by == "sum":
        return tuple(float(each) for each in logprobs)
    if choose_by == "per_token":
        if tokens is None:
            raise ValueError("choose_by per_token needs the number of tokens of each choice, and they are not known")
        lengths = list(tokens)
    else:
        lengths = [len(each.encode("utf-8", "surrogatepass")) for each in choices]
    for choice, length in zip(choices, lengths, strict=True):
        if length < 1:
            raise ValueError(f"choose_by {choose_by} cannot be used: the choice {choice!r} has no length")
    return tuple(each / length for each, length in zip(logprobs, lengths, strict=True))


def softmax(logits: Sequence[float]) -> tuple[float, ...]:
    """Probabilities of logits, in double precision; equal logits get equal probabilities."""
    top = max(logits)
    raised = [math.exp(each - top) for each in logits]
    total = math.fsum(raised)
    return tuple(each / total for each in raised)


def first_largest(values: Sequence[float]) -> int:
    """The position of the largest value, the lowest where several are."""
    return max(range(len(values)), key=lambda index: (values[index], -index))
