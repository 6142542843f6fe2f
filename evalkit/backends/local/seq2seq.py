"""Choices of a sequence-to-sequence model: the encoder reads the prompt once, the decoder each choice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evalkit.backends.local.batching import Size, pack
from evalkit.backends.local.candidates import Candidate, sums_of
from evalkit.backends.local.encoding import padded
from evalkit.backends.local.head import Tools
from evalkit.backends.local.tree import Ids

if TYPE_CHECKING:
    import torch

Row = tuple[Ids, Ids]


class Seq2Seq:
    """Log-likelihoods of choices. Choices whose inputs are the same, such as those of one token each, share a row."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def sizes(self, asked: Sequence[Sequence[Candidate]]) -> list[Size]:
        found = []
        for candidates in asked:
            rows = {(each.context, each.read) for each in candidates}
            found.append(Size(len(rows), max(len(encoder) + len(decoder) for encoder, decoder in rows)))
        return found

    def sums(self, asked: Sequence[Sequence[Candidate]]) -> list[list[float]]:
        """For each request, the log-likelihood of each of its choices in nats."""
        wanted: dict[Row, list[tuple[int, int]]] = {}
        for request, candidates in enumerate(asked):
            for choice, each in enumerate(candidates):
                wanted.setdefault((each.context, each.read), []).append((request, choice))
        rows = list(wanted)
        sums = [[math.nan] * len(candidates) for candidates in asked]
        # More rows than the budget has room for (one request with many choices) take several passes.
        lengths = [Size(1, len(encoder) + len(decoder)) for encoder, decoder in rows]
        for batch in pack(lengths, [""] * len(rows), self.tools.budget):
            places = [(number, *place) for number, row in enumerate(batch) for place in wanted[rows[row]]]
            targets = [(number, asked[request][choice].targets) for number, request, choice in places]
            values = self._pass([rows[row] for row in batch], targets)
            for (_, request, choice), value in zip(places, values, strict=True):
                sums[request][choice] = value
        return sums

    def _pass(self, rows: Sequence[Row], targets: Sequence[tuple[int, Ids]]) -> list[float]:
        """One forward pass: of each choice, given as (its row, its tokens), the sum."""
        import torch

        with torch.inference_mode():
            logits = self._logits(rows)
            width, tokens = logits.shape[1], []
            for which, (row, each) in enumerate(targets):
                first = len(rows[row][1]) - len(each)
                tokens += [(row * width + first + step, token, which) for step, token in enumerate(each)]
            return sums_of(logits.flatten(0, 1), tokens, len(targets))

    def _logits(self, rows: Sequence[Row]) -> torch.Tensor:
        """Logits (rows, decoder positions, vocabulary)."""
        model, special = self.tools.loaded()
        ids, _ = padded([decoder for _, decoder in rows], special.pad, left=False)
        inputs = self._encoder_inputs(model, rows, special.pad)
        logits: torch.Tensor = model(**inputs, decoder_input_ids=_tensor(ids, model), use_cache=False).logits
        return logits

    def _encoder_inputs(self, model: Any, rows: Sequence[Row], pad: int) -> dict[str, Any]:
        """What the decoder attends to. The choices of one prompt share one row of the encoder."""
        from transformers.modeling_outputs import BaseModelOutput

        contexts = {encoder: place for place, encoder in enumerate(dict.fromkeys(encoder for encoder, _ in rows))}
        ids, mask = padded(list(contexts), pad, left=False)
        states = model.get_encoder()(input_ids=_tensor(ids, model), attention_mask=_tensor(mask, model))
        pick = _tensor([contexts[encoder] for encoder, _ in rows], model)
        return {
            "encoder_outputs": BaseModelOutput(last_hidden_state=states.last_hidden_state[pick]),
            "attention_mask": _tensor(mask, model)[pick],
        }


def _tensor(values: Any, model: Any) -> torch.Tensor:
    import torch

    return torch.tensor(values, device=model.device)
