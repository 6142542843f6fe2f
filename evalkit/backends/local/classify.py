"""The classifying head: one forward pass, a probability for each of the suite's labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalkit.backends.choosing import first_largest
from evalkit.backends.local.batching import Size
from evalkit.backends.local.hardware import Stopwatch
from evalkit.backends.local.head import NOT_FINITE, Tools, failed
from evalkit.backends.local.kinds import label_order
from evalkit.backends.local.prompts import Seen
from evalkit.files import digest_text
from evalkit.types import Output, Request

# Model types that read from the right and pool the last token: they are padded on the left.
PADDED_LEFT = ("xlnet",)


class Classify:
    """AutoModelForSequenceClassification. A text that is too long loses what the tokenizer's own habit cuts."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def sizes(self, requests: Sequence[Request]) -> list[Size]:
        sizes = []
        encoded = self._encoded([self.tools.prompts.seen(each) for each in requests])
        # A tokenizer written in Python does not say what it cut.
        cut = [bool(each.overflowing) for each in encoded.encodings or ()] or [False] * len(requests)
        for request, ids, was_cut in zip(requests, encoded["input_ids"], cut, strict=True):
            if was_cut:
                self.tools.note_cut(request)
            sizes.append(Size(1, len(ids)))
        return sizes

    def answer(self, requests: Sequence[Request], watch: Stopwatch | None) -> list[Output]:
        import torch

        model = self.tools.model
        order = label_order(model.config.id2label, requests[0].choices)
        seen = [self.tools.prompts.seen(each) for each in requests]
        # The right, whatever the tokenizer was saved with: positions are counted from the left.
        side = "left" if model.config.model_type in PADDED_LEFT else "right"
        more = {"padding": len(requests) > 1, "padding_side": side, "return_tensors": "pt"}
        encoded = self._encoded(seen, **more)
        with torch.inference_mode():
            logits = model(**encoded.to(model.device)).logits
            # float64 before the softmax: float32 rounding would show up in KL between near-equal models.
            probs = logits[:, order].double().softmax(-1).cpu().tolist()
        counts = encoded["attention_mask"].sum(-1).tolist()
        return [_output(*each) for each in zip(requests, seen, probs, counts, strict=True)]

    def _encoded(self, seen: Sequence[Seen], **more: Any) -> Any:
        # A template brings its special tokens along. One batch holds one kind of prompt: it is of one suite.
        special = not seen[0].templated
        limit = self.tools.window
        return self.tools.tokenizer(
            [each.text for each in seen],
            truncation=limit is not None,
            max_length=limit,
            add_special_tokens=special,
            verbose=False,
            **more,
        )


def _output(request: Request, seen: Seen, probs: Sequence[float], count: int) -> Output:
    if not all(math.isfinite(each) for each in probs):
        return failed(request, NOT_FINITE)
    return Output(
        example_id=request.example_id,
        status="ok",
        label=request.choices[first_largest(probs)],
        probs=tuple(probs),
        tokens_in=count,
        prompt_hash=digest_text(seen.text),
    )
