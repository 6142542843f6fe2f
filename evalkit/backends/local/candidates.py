"""A choice as tokens, and the sum of what a model gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.backends.local.tree import Ids

if TYPE_CHECKING:
    import torch

# Logits that are turned into log-probabilities at once: 64 Mi numbers are 256 MiB in float32.
AT_ONCE = 2**26


@dataclass(frozen=True, slots=True)
class Candidate:
    """A choice: `read` is what the model reads, whose last len(targets) predictions are of `targets`. `context` is
    what stands before the choice; of a sequence-to-sequence model it is what its encoder reads."""

    context: Ids
    read: Ids
    targets: Ids


def sums_of(logits: torch.Tensor, tokens: Sequence[tuple[int, int, int]], choices: int) -> list[float]:
    """For each choice, the sum of its tokens' log-probabilities in nats.

    `logits` are (rows, vocabulary), `tokens` (row of logits, token, choice)."""
    import torch

    device = logits.device
    row_of = torch.tensor([row for row, _, _ in tokens], device=device)
    token_of = torch.tensor([token for _, token, _ in tokens], device=device)
    step = max(1, AT_ONCE // logits.shape[-1])
    # Rows are normalised once, however many tokens are read off them.
    norm = torch.cat([part.float().logsumexp(-1) for part in torch.split(logits, step)])
    logprobs = (logits[row_of, token_of].float() - norm[row_of]).cpu()
    of = torch.tensor([which for _, _, which in tokens])
    # float64: the sum of a long choice should be as exact as its parts.
    sums = torch.zeros(choices, dtype=torch.float64).index_add_(0, of, logprobs.double())
    return [float(each) for each in sums]
