"""Watching a model write: which tokens, how likely each was, and what ended the text. One number per row and token.

`generate` of transformers can hand out the logits of every step, but then it keeps all of them: a vocabulary per row
and token. Here they are looked at as they pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from evalkit.backends.local.hardware import Stopwatch

if TYPE_CHECKING:
    import torch

# How many tokens back a stop string is looked for, beyond its bytes: tokens that decode to nothing.
SLACK = 16


class Watcher:
    """What was written, row by row. `before` and `after` go to `generate` as logits processor and stopping criterion.

    `ends` are the tokens that end a text, `stop` the strings that do; neither does before `least` tokens are written.
    `draws` says that tokens are drawn, and not the likeliest.
    """

    def __init__(
        self,
        tokenizer: Any,
        rows: int,
        *,
        ends: Sequence[int],
        stop: Sequence[str],
        least: int,
        draws: bool,
        watch: Stopwatch | None,
    ) -> None:
        self.tokenizer, self.ends, self.stop = tokenizer, list(ends), [each for each in stop if each]
        self.least, self.draws, self.watch = least, draws, watch
        self.reach = max((len(each.encode("utf-8", "backslashreplace")) for each in self.stop), default=0) + SLACK
        self.steps = 0
        self.written: list[list[int]] = [[] for _ in range(rows)]
        self.ended: list[Literal["mark", "stop"] | None] = [None] * rows
        self.before, self.after = _Before(self), _After(self)
        # The rows that the model has at hand; `may_stop` once half of them are done, and whether that `stopped` it.
        self.rows = list(range(rows))
        self.may_stop = self.stopped = False
        # Log-probabilities of the chosen tokens, step by step since rows were last dropped; and of all steps before.
        self.chosen: list[torch.Tensor] = []
        self.gathered: list[list[float]] = [[] for _ in range(rows)]
        # Of the step that is on: log-probabilities of all that could be chosen.
        self.logprobs_now: torch.Tensor | None = None

    def go_on(self, *, may_stop: bool) -> None:
        """The model begins, or goes on; with `may_stop` until half of its rows are done."""
        self.may_stop, self.stopped = may_stop, False

    def going(self) -> list[int]:
        """Which of the rows at hand are not done, by their place among them."""
        return [place for place, row in enumerate(self.rows) if self.ended[row] is None]

    def keep(self, places: Sequence[int]) -> None:
        """Only these of the rows at hand are gone on with."""
        self._gather()
        self.rows = [self.rows[place] for place in places]

    def logprobs(self, row: int) -> tuple[float, ...]:
        """Log-probabilities in nats of the tokens of a row, before temperature and before anything was forbidden."""
        self._gather()
        return tuple(self.gathered[row][: len(self.written[row])])

    def _gather(self) -> None:
        """From the device, at once for many steps."""
        if not self.chosen:
            return
        import torch

        for row, values in zip(self.rows, torch.stack(self.chosen, dim=1).cpu().tolist(), strict=True):
            self.gathered[row] += values
        self.chosen = []

    def seen_logits(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits (rows, vocabulary) of the next token, and what may be chosen of them."""
        import torch

        # Faster than logsumexp.
        self.logprobs_now = logits.log_softmax(-1)
        allowed = logits
        if self.draws:
            # Drawing from numbers that are none would take the whole device down; the row itself becomes an error.
            sane = self.logprobs_now.amax(-1, keepdim=True).isfinite()
            allowed = torch.where(sane, logits, torch.zeros_like(logits))
        if self.steps < self.least and self.ends:
            allowed = allowed.clone()
            allowed[:, self.ends] = -torch.inf
        return allowed

    def seen_tokens(self, tokens: torch.Tensor) -> torch.Tensor:
        """The tokens (rows) that were chosen; which rows are done, as booleans."""
        import torch

        assert self.logprobs_now is not None
        if self.steps == 0 and self.watch is not None:
            self.watch.note_first_token()
        self.steps += 1
        self.chosen.append(self.logprobs_now.gather(1, tokens[:, None])[:, 0])
        self.logprobs_now = None
        for row, token in zip(self.rows, tokens.tolist(), strict=True):
            if self.ended[row] is None:
                self._take(row, token)
        done = [self.ended[row] is not None for row in self.rows]
        self.stopped = self.may_stop and 2 * sum(done) >= len(done)
        return torch.tensor([self.stopped or each for each in done], device=tokens.device)

    def _take(self, row: int, token: int) -> None:
        if token in self.ends:
            self.ended[row] = "mark"
            return
        written = self.written[row]
        written.append(token)
        if not self.stop or self.steps < self.least:
            return
        # Only the end is decoded: a stop string that was complete before would have ended the row then. When the
        # least is reached for the first time, nobody has looked yet.
        tail = written if self.steps == self.least else written[-self.reach :]
        text = self.tokenizer.decode(tail, skip_special_tokens=True)
        if any(each in text for each in self.stop):
            self.ended[row] = "stop"


class _Before:
    """The logits processor. `generate` takes any callable of two arguments."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return self.watcher.seen_logits(scores)


class _After:
    """The stopping criterion."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher

    def __call__(self, input_ids: torch.Tensor, scores: Any, **more: Any) -> torch.Tensor:
        return self.watcher.seen_tokens(input_ids[:, -1])
