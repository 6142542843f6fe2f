"""The choosing head: how likely each choice is as what comes next, in nats; for causal and seq2seq models."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalkit.backends.choosing import choose
from evalkit.backends.local.batching import Size
from evalkit.backends.local.candidates import Candidate
from evalkit.backends.local.causal import Causal
from evalkit.backends.local.encoding import Continued, Ids
from evalkit.backends.local.hardware import Stopwatch
from evalkit.backends.local.head import NOT_FINITE, Tools, failed
from evalkit.backends.local.prompts import Seen
from evalkit.backends.local.seq2seq import Seq2Seq
from evalkit.files import digest_text
from evalkit.types import Output, Request


class Choose:
    """What prompts and choices are as tokens, and what their log-likelihoods decide."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.passes = Seq2Seq(tools) if tools.kind == "seq2seq" else Causal(tools)

    def sizes(self, requests: Sequence[Request]) -> list[Size]:
        # What a decoder begins with is known once the model is loaded; one token more or less is no matter here.
        asked = [
            self._candidates(request, encoded, start=(0,))
            for request, (_, encoded) in zip(requests, self._encoded(requests), strict=True)
        ]
        return self.passes.sizes(asked)

    def answer(self, requests: Sequence[Request], watch: Stopwatch | None) -> list[Output]:
        _, special = self.tools.loaded()
        encoded = self._encoded(requests)
        # The first token after the start that a model is forced to write is no part of a choice's context.
        asked = [
            self._candidates(request, each, special.start[:1])
            for request, (_, each) in zip(requests, encoded, strict=True)
        ]
        sums = self.passes.sums(asked)
        return [
            self._output(request, seen, candidates, logprobs)
            for request, (seen, _), candidates, logprobs in zip(requests, encoded, asked, sums, strict=True)
        ]

    def _encoded(self, requests: Sequence[Request]) -> list[tuple[Seen, Continued]]:
        seen = [self.tools.prompts.seen(each) for each in requests]
        return list(zip(seen, self.tools.encoder.continued(seen, [each.choices for each in requests]), strict=True))

    def _candidates(self, request: Request, encoded: Continued, start: Ids) -> list[Candidate]:
        """The choices of one request, cut to the window from the left."""
        window = self.tools.window
        found, cut = [], False
        for choice, targets in zip(request.choices, encoded.continuations, strict=True):
            if window is not None and len(targets) > window:
                raise ValueError(
                    f"the choice {choice[:40]!r} alone is longer than the model's window of {window} tokens"
                )
            if self.tools.kind == "seq2seq":
                whole = encoded.context
                kept = whole if window is None else whole[-window:]
                found.append(Candidate(kept, (*start, *targets[:-1]), targets))
            else:
                # The last token is predicted and never read.
                whole = (*encoded.context, *targets[:-1])
                kept = whole if window is None else whole[-window:]
                found.append(Candidate(kept[: len(kept) + 1 - len(targets)], kept, targets))
            cut |= kept != whole
        if cut:
            self.tools.note_cut(request)
        return found

    def _output(
        self, request: Request, seen: Seen, candidates: Sequence[Candidate], logprobs: Sequence[float]
    ) -> Output:
        if not all(math.isfinite(each) for each in logprobs):
            return failed(request, NOT_FINITE)
        tokens = tuple(len(each.targets) for each in candidates)
        label, probs = choose(request.choices, logprobs, tokens, request.choose_by)
        return Output(
            example_id=request.example_id,
            status="ok",
            label=label,
            probs=probs,
            choice_logprobs=tuple(logprobs),
            choice_tokens=tokens,
            tokens_in=max(len(each.context) for each in candidates),
            prompt_hash=digest_text(seen.text),
        )
