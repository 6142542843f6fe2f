"""The choosing head: how likely each choice is as what comes next, in nats; for causal and seq2seq models."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.backends.choosing import choose
from evalkit.backends.local.batching import Size, pack
from evalkit.backends.local.encoding import Continued, Ids, padded
from evalkit.backends.local.hardware import Stopwatch
from evalkit.backends.local.head import NOT_FINITE, Tools, failed
from evalkit.backends.local.prompts import Seen
from evalkit.files import digest_text
from evalkit.types import Output, Request

if TYPE_CHECKING:
    import torch

# Logits that are turned into log-probabilities at once: 64 Mi numbers are 256 MiB in float32.
AT_ONCE = 2**26


@dataclass(frozen=True, slots=True)
class Input:
    """One row of a forward pass. `encoder` is empty for causal models."""

    encoder: Ids
    decoder: Ids

    @property
    def length(self) -> int:
        return len(self.encoder) + len(self.decoder)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A choice: the last `targets` of what its row predicts are its tokens."""

    row: Input
    targets: Ids


class Choose:
    """Log-likelihoods of the choices, from logits at the choices' own tokens only where the model can leave out others.

    Rows are padded on the right and masked, so that every token keeps its position. Choices whose inputs are the same,
    such as those of one token each, share a row.
    """

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def sizes(self, requests: Sequence[Request]) -> list[Size]:
        sizes = []
        for request, (_, encoded) in zip(requests, self._encoded(requests), strict=True):
            # What a decoder begins with is known once the model is loaded; one token more or less is no matter here.
            rows = {each.row for each in self._candidates(request, encoded, start=(0,))}
            sizes.append(Size(len(rows), max(each.length for each in rows)))
        return sizes

    def answer(self, requests: Sequence[Request], watch: Stopwatch | None) -> list[Output]:
        _, special = self.tools.loaded()
        encoded = self._encoded(requests)
        # The first token after the start that a model is forced to write is no part of a choice's context.
        asked = [
            self._candidates(request, each, special.start[:1])
            for request, (_, each) in zip(requests, encoded, strict=True)
        ]
        sums = self._sums(asked)
        return [
            self._output(request, seen, candidates, logprobs)
            for request, (seen, _), candidates, logprobs in zip(requests, encoded, asked, sums, strict=True)
        ]

    # --- tokens ------------------------------------------------------------------------------------

    def _encoded(self, requests: Sequence[Request]) -> list[tuple[Seen, Continued]]:
        seen = [self.tools.prompts.seen(each) for each in requests]
        return list(zip(seen, self.tools.encoder.continued(seen, [each.choices for each in requests]), strict=True))

    def _candidates(self, request: Request, encoded: Continued, start: Ids) -> list[Candidate]:
        """The rows of one request, cut to the window from the left."""
        window = self.tools.window
        found = []
        for choice, targets in zip(request.choices, encoded.continuations, strict=True):
            if window is not None and len(targets) > window:
                raise ValueError(
                    f"the choice {choice[:40]!r} alone is longer than the model's window of {window} tokens"
                )
            if self.tools.kind == "seq2seq":
                row = Input(encoded.context, (*start, *targets[:-1]))
                kept = row if window is None else Input(row.encoder[-window:], row.decoder)
            else:
                # The last token is predicted and never read.
                row = Input((), (*encoded.context, *targets[:-1]))
                kept = row if window is None else Input((), row.decoder[-window:])
            if kept != row:
                self.tools.note_cut(request)
            found.append(Candidate(kept, targets))
        return found

    # --- numbers -----------------------------------------------------------------------------------

    def _sums(self, asked: Sequence[Sequence[Candidate]]) -> list[list[float]]:
        """For each request, the log-likelihood of each of its choices."""
        rows = list(dict.fromkeys(each.row for candidates in asked for each in candidates))
        wanted: dict[Input, list[tuple[int, int]]] = {row: [] for row in rows}
        sums = [[math.nan] * len(candidates) for candidates in asked]
        for index, candidates in enumerate(asked):
            for position, each in enumerate(candidates):
                wanted[each.row].append((index, position))
        # More rows than the budget has room for (one request with many choices) take several passes.
        for batch in pack([Size(1, row.length) for row in rows], [""] * len(rows), self.tools.budget):
            places = [(number, *place) for number, row in enumerate(batch) for place in wanted[rows[row]]]
            targets = [asked[index][position].targets for _, index, position in places]
            found = self._pass([rows[row] for row in batch], [number for number, _, _ in places], targets)
            for (_, index, position), value in zip(places, found, strict=True):
                sums[index][position] = value
        return sums

    def _pass(self, rows: Sequence[Input], numbers: Sequence[int], targets: Sequence[Ids]) -> list[float]:
        """One forward pass: for each of `targets`, which end row `numbers[i]`, the sum of their log-probabilities."""
        import torch

        # By choice token: its row, the position whose logits predict it, itself, and which choice it is of.
        flat = [
            (number, len(rows[number].decoder) - len(each) + step, token, which)
            for which, (number, each) in enumerate(zip(numbers, targets, strict=True))
            for step, token in enumerate(each)
        ]
        needed = sorted({position for _, position, _, _ in flat})
        with torch.inference_mode():
            logits = self._logits(rows, needed)
            column = {position: index for index, position in enumerate(needed)}
            row_of = torch.tensor([row for row, _, _, _ in flat], device=logits.device)
            column_of = torch.tensor([column[position] for _, position, _, _ in flat], device=logits.device)
            token_of = torch.tensor([token for _, _, token, _ in flat], device=logits.device)
            step = max(1, AT_ONCE // logits.shape[-1])
            logprobs = torch.cat(
                [
                    logits[row_of[part : part + step], column_of[part : part + step]]
                    .float()
                    .log_softmax(-1)
                    .gather(1, token_of[part : part + step, None])[:, 0]
                    for part in range(0, len(flat), step)
                ]
            ).cpu()
        of = torch.tensor([which for _, _, _, which in flat])
        # float64: the sum of a long choice should be as exact as its parts.
        sums = torch.zeros(len(targets), dtype=torch.float64).index_add_(0, of, logprobs.double())
        return [float(each) for each in sums]

    def _logits(self, rows: Sequence[Input], needed: Sequence[int]) -> torch.Tensor:
        """Logits (rows, needed positions, vocabulary)."""
        import torch

        model, special = self.tools.loaded()
        ids, mask = padded([each.decoder for each in rows], special.pad, left=False)
        if self.tools.kind == "seq2seq":
            inputs = self._encoder_inputs(model, rows, special.pad)
            logits: torch.Tensor = model(**inputs, decoder_input_ids=_tensor(ids, model), use_cache=False).logits
            return logits[:, needed]
        given = {"input_ids": _tensor(ids, model), "attention_mask": _tensor(mask, model), "use_cache": False}
        if "logits_to_keep" in inspect.signature(model.forward).parameters:
            # On the CPU: with a device map, the last layer may be on another device than the first.
            logits = model(**given, logits_to_keep=torch.tensor(needed)).logits
        else:
            logits = model(**given).logits[:, needed]
        return logits

    def _encoder_inputs(self, model: Any, rows: Sequence[Input], pad: int) -> dict[str, Any]:
        """What the decoder attends to. The choices of one prompt share one row of the encoder."""
        from transformers.modeling_outputs import BaseModelOutput

        contexts = list(dict.fromkeys(each.encoder for each in rows))
        ids, mask = padded(contexts, pad, left=False)
        states = model.get_encoder()(input_ids=_tensor(ids, model), attention_mask=_tensor(mask, model))
        pick = _tensor([contexts.index(each.encoder) for each in rows], model)
        return {
            "encoder_outputs": BaseModelOutput(last_hidden_state=states.last_hidden_state[pick]),
            "attention_mask": _tensor(mask, model)[pick],
        }

    def _output(
        self, request: Request, seen: Seen, candidates: Sequence[Candidate], logprobs: Sequence[float]
    ) -> Output:
        if not all(math.isfinite(each) for each in logprobs):
            return failed(request, NOT_FINITE)
        tokens = tuple(len(each.targets) for each in candidates)
        label, probs = choose(request.choices, logprobs, tokens, request.choose_by)
        if self.tools.kind == "seq2seq":
            read = len(candidates[0].row.encoder)
        else:
            read = max(len(each.row.decoder) + 1 - len(each.targets) for each in candidates)
        return Output(
            example_id=request.example_id,
            status="ok",
            label=label,
            probs=probs,
            choice_logprobs=tuple(logprobs),
            choice_tokens=tokens,
            tokens_in=read,
            prompt_hash=digest_text(seen.text),
        )


def _tensor(values: Any, model: Any) -> torch.Tensor:
    import torch

    return torch.tensor(values, device=model.device)
