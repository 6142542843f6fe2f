"""Two distributions over a whole vocabulary, token by token, from hidden states: nobody ever holds all logits.

The vocabulary is walked in stretches and the tokens in chunks, so that what is in memory at a time is the same whatever
the vocabulary and however many tokens. Of each stretch the normalised weights, their logarithmic sum and two expected
differences are kept; sums over stretches are made in float64.

    KL(teacher || student) = E_teacher[t - s] - (log sum exp t - log sum exp s)        t, s: logits
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import torch

# Tokens and words of the vocabulary at a time. On a CPU the four buffers of a chunk stay in its cache.
CPU_ROWS, CPU_WORDS = 256, 4096
GPU_ROWS, GPU_WORDS = 512, 32768
# Of a head that only gives all of its logits at once, so many at a time (64 MB a buffer).
MOST_LOGITS = 16_000_000


class Projection(Protocol):
    """Hidden states (n, d) to logits. `whole`: only of the whole vocabulary at once."""

    words: int
    whole: bool

    def part(self, start: int, stop: int) -> Callable[[torch.Tensor], torch.Tensor]:
        """What makes logits (n, stop - start) of states, in the model's own numbers."""


class TokenRows(NamedTuple):
    """(n,) each, on the CPU, float64 and bool; the meaning is that of evalkit.types.forced.Reading."""

    kl: torch.Tensor
    kl_reverse: torch.Tensor
    same_top: torch.Tensor
    teacher_logprobs: torch.Tensor
    student_logprobs: torch.Tensor


def compared(
    teacher: Projection,
    student: Projection,
    teacher_states: torch.Tensor,
    student_states: torch.Tensor,
    tokens: torch.Tensor,
) -> TokenRows:
    """Both models' next-token distributions over the shorter vocabulary, at each of `tokens` (n,): the token that came.

    States are (n, d) each, on one device. Not finite where a model's logits are not.
    """
    import torch

    words = min(teacher.words, student.words)
    one, other = _Side(tokens), _Side(tokens)
    ratios: list[list[torch.Tensor]] = [[], []]
    for start, stop in _stretches(words, tokens.device, whole=teacher.whole or student.whole):
        teach, study = teacher.part(start, stop), student.part(start, stop)
        found: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
        for rows in _chunks(len(tokens), stop - start, tokens.device):
            t, s = teach(teacher_states[rows]).float(), study(student_states[rows]).float()
            p, q = one.see(t, rows, start), other.see(s, rows, start)
            difference = t.sub_(s)
            found[0].append(torch.linalg.vecdot(p, difference).double())
            found[1].append(torch.linalg.vecdot(q, difference).double())
        for into, of_chunks in zip(ratios, found, strict=True):
            into.append(torch.cat(of_chunks))
        one.next_stretch()
        other.next_stretch()
    ahead = one.log_total() - other.log_total()
    kl = (one.shares() * torch.stack(ratios[0])).sum(0) - ahead
    back = ahead - (other.shares() * torch.stack(ratios[1])).sum(0)
    return TokenRows(
        # Neither can be negative but by rounding; what is no number stays none.
        kl=kl.clamp(min=0.0).cpu(),
        kl_reverse=back.clamp(min=0.0).cpu(),
        same_top=(one.top == other.top).cpu(),
        teacher_logprobs=one.logprobs().cpu(),
        student_logprobs=other.logprobs().cpu(),
    )


def followed(student: Projection, states: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One model alone: whether its likeliest token is the one that came, and the log-probability of that one; (n,)."""
    side = _Side(tokens)
    for start, stop in _stretches(student.words, tokens.device, whole=student.whole):
        study = student.part(start, stop)
        for rows in _chunks(len(tokens), stop - start, tokens.device):
            side.see(study(states[rows]).float(), rows, start)
        side.next_stretch()
    return (side.top == tokens).cpu(), side.logprobs().cpu()


class _Side:
    """One model, stretch by stretch: logarithmic sums, the likeliest word so far, the logit of the token that came."""

    def __init__(self, tokens: torch.Tensor) -> None:
        import torch

        count, self.tokens = len(tokens), tokens
        self.highest = torch.full((count,), -torch.inf, device=tokens.device)
        self.top = torch.zeros(count, dtype=torch.int64, device=tokens.device)
        self.came = torch.full((count,), torch.nan, dtype=torch.float64, device=tokens.device)
        self.sums: list[torch.Tensor] = []
        self.of_stretch: list[torch.Tensor] = []

    def see(self, logits: torch.Tensor, rows: slice, start: int) -> torch.Tensor:
        """Take in logits of a stretch; returns their softmax, over the stretch alone."""
        weights = logits.softmax(-1)
        high = logits.amax(-1)
        # The largest weight is exp(0) over the sum: so the sum needs no pass of its own.
        self.of_stretch.append(high.double() - weights.amax(-1).double().log())
        better = (high > self.highest[rows]).nonzero()[:, 0]
        if len(better):
            # Looking for the place takes as long as all the rest, and only rows that rose have another.
            seen = logits if len(better) == len(high) else logits[better]
            self.top[rows].index_copy_(0, better, seen.argmax(-1) + start)
            self.highest[rows].index_copy_(0, better, high[better])
        tokens = self.tokens[rows] - start
        here = ((tokens >= 0) & (tokens < logits.shape[1])).nonzero()[:, 0]
        if len(here):
            self.came[rows].index_copy_(0, here, logits[here, tokens[here]].double())
        return weights

    def next_stretch(self) -> None:
        import torch

        self.sums.append(torch.cat(self.of_stretch))
        self.of_stretch = []

    def log_total(self) -> torch.Tensor:
        import torch

        return torch.stack(self.sums).logsumexp(0)

    def shares(self) -> torch.Tensor:
        """How much of the whole lies in each stretch: (stretches, n)."""
        import torch

        return torch.stack(self.sums).softmax(0)

    def logprobs(self) -> torch.Tensor:
        return self.came - self.log_total()


def _stretches(words: int, device: torch.device, *, whole: bool) -> Iterator[tuple[int, int]]:
    step = words if whole else CPU_WORDS if device.type == "cpu" else GPU_WORDS
    return ((start, min(words, start + step)) for start in range(0, words, step))


def _chunks(count: int, width: int, device: torch.device) -> Iterator[slice]:
    most = CPU_ROWS if device.type == "cpu" else GPU_ROWS
    step = max(1, min(most, MOST_LOGITS // width))
    return (slice(start, start + step) for start in range(0, count, step))
