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
    """

    def __init__(
        self,
        tokenizer: Any,
        rows: int,
        *,
        ends: Sequence[int],
        stop: Sequence[str],
        least: int,
        watch: Stopwatch | None,
    ) -> None:
        self.tokenizer, self.ends, self.stop = tokenizer, list(ends), [each for each in stop if each]
        self.least, self.watch = least, watch
        self.reach = max((len(each.encode("utf-8", "backslashreplace")) for each in self.stop), default=0) + SLACK
        self.steps = 0
        self.written: list[list[int]] = [[] for _ in range(rows)]
        self.ended: list[Literal["mark", "stop"] | None] = [None] * rows
        self.before, self.after = _Before(self), _After(self)
        self.chosen: list[torch.Tensor] = []
        # Of the step that is on: its logits, and the logarithm of the sum of their exponentials.
        self.logits: torch.Tensor | None = None
        self.norm: torch.Tensor | None = None
        self.gathered: list[list[float]] | None = None

    def logprobs(self, row: int) -> tuple[float, ...]:
        """Log-probabilities in nats of the tokens of a row, before temperature and before anything was forbidden."""
        if self.gathered is None:
            import torch

            # From the device once, at the end.
            self.gathered = torch.stack(self.chosen, dim=1).cpu().tolist()
        return tuple(self.gathered[row][: len(self.written[row])])

    def seen_logits(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits (rows, vocabulary) of the next token, and what may be chosen of them."""
        import torch

        self.logits, self.norm = logits, logits.logsumexp(-1)
        sane = self.norm.isfinite()[:, None]
        # Drawing from numbers that are none would take the whole device down; the row itself becomes an error.
        allowed = torch.where(sane, logits, torch.zeros_like(logits))
        if self.steps < self.least and self.ends:
            allowed = allowed.clone()
            allowed[:, self.ends] = -torch.inf
        return allowed

    def seen_tokens(self, tokens: torch.Tensor) -> torch.Tensor:
        """The tokens (rows) that were chosen; which rows are done, as booleans."""
        import torch

        assert self.logits is not None
        assert self.norm is not None
        if self.steps == 0 and self.watch is not None:
            self.watch.note_first_token()
        self.steps += 1
        self.chosen.append(self.logits.gather(1, tokens[:, None])[:, 0] - self.norm)
        self.logits = None
        for row, token in enumerate(tokens.tolist()):
            if self.ended[row] is None:
                self._take(row, token)
        return torch.tensor([each is not None for each in self.ended], device=tokens.device)

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
