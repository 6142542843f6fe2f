"""The writing head: what the model answers in words, for generate and extract; causal and seq2seq models.

Tokens that are counted and listed are those of the text, with those of a stop string and after it in the same token,
but without the mark that ends it: `tokens_out` is the length of what was written, and `token_logprobs` has as many.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from evalkit.backends.local.batching import Size
from evalkit.backends.local.decoding import write
from evalkit.backends.local.encoding import Ids, padded
from evalkit.backends.local.hardware import Stopwatch
from evalkit.backends.local.head import NOT_FINITE, Tools, failed
from evalkit.backends.local.loading import SpecialTokens
from evalkit.backends.local.prompts import Seen
from evalkit.backends.local.watching import Watcher
from evalkit.backends.stopping import before_stop
from evalkit.files import digest_text
from evalkit.types import Output, Request, Status


class Generate:
    """Greedy at temperature 0, drawn otherwise. A prompt that is too long loses its beginning."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def sizes(self, requests: Sequence[Request]) -> list[Size]:
        room = int(requests[0].generation["max_new_tokens"])
        return [Size(1, len(ids) + room) for _, ids in self._encoded(requests)]

    def answer(self, requests: Sequence[Request], watch: Stopwatch | None) -> list[Output]:
        import torch

        model, special = self.tools.loaded()
        # One suite, one set of settings.
        asked = requests[0].generation
        encoded = self._encoded(requests)
        stop = [str(each) for each in asked.get("stop") or ()]
        ends = sorted({*special.ends, *self._stop_tokens(stop)})
        watcher = Watcher(
            self.tools.tokenizer,
            len(requests),
            ends=ends,
            stop=stop,
            least=int(asked.get("min_new_tokens") or 0),
            draws=_temperature(asked) > 0,
            watch=watch,
        )
        with torch.inference_mode(), _seeded(requests, model.device, again=self.tools.again):
            write(
                model,
                self._inputs([ids for _, ids in encoded], model, special),
                lambda room: _settings(asked, ends, special, room),
                watcher,
                room=int(asked["max_new_tokens"]),
                # What an encoder read is no part of the cache that a decoder goes on from.
                drops=self.tools.kind == "causal",
            )
        return [
            self._output(request, seen, ids, watcher, row, stop)
            for row, (request, (seen, ids)) in enumerate(zip(requests, encoded, strict=True))
        ]

    def prompts(self, requests: Sequence[Request]) -> list[Ids]:
        """What the model is given to go on from. Raises whatever a prompt makes its tokenizer raise."""
        return [ids for _, ids in self._encoded(requests)]

    def _encoded(self, requests: Sequence[Request]) -> list[tuple[Seen, Ids]]:
        """Prompts cut from the left to leave room in the window for the answer, as lm-eval cuts them."""
        room = self.tools.window
        if room is not None and self.tools.kind == "causal":
            room -= int(requests[0].generation["max_new_tokens"])
            if room < 1:
                raise ValueError(
                    f"max_new_tokens leaves no room for a prompt in the model's window of {self.tools.window} tokens"
                )
        seen = [self.tools.prompts.seen(each) for each in requests]
        found = []
        for request, each, ids in zip(requests, seen, self.tools.encoder.prompts(seen), strict=True):
            if room is not None and len(ids) > room:
                self.tools.note_cut(request)
                ids = ids[-room:]
            found.append((each, ids))
        return found

    def _stop_tokens(self, stop: Sequence[str]) -> list[int]:
        """A stop string that is a special token never shows in a text: it ends one as the model's own mark does."""
        special = dict(zip(self.tools.tokenizer.all_special_tokens, self.tools.tokenizer.all_special_ids, strict=True))
        return [special[each] for each in stop if each in special]

    def _inputs(self, prompts: Sequence[Ids], model: Any, special: SpecialTokens) -> dict[str, Any]:
        """A causal model goes on from the end of its prompt, so it is padded on the left; `generate` counts positions
        by the mask. An encoder counts them from the left, so it is padded on the right."""
        import torch

        writes_on = self.tools.kind == "causal"
        ids, mask = padded(prompts, special.pad, left=writes_on)
        inputs = {
            "input_ids": torch.tensor(ids, device=model.device),
            "attention_mask": torch.tensor(mask, device=model.device),
        }
        if not writes_on:
            inputs["decoder_input_ids"] = torch.tensor([special.start] * len(prompts), device=model.device)
        return inputs

    def _output(
        self, request: Request, seen: Seen, ids: Ids, watcher: Watcher, row: int, stop: Sequence[str]
    ) -> Output:
        logprobs = watcher.logprobs(row)
        if not all(math.isfinite(each) for each in logprobs):
            return failed(request, NOT_FINITE)
        text = self.tools.tokenizer.decode(watcher.written[row], skip_special_tokens=True)
        text, stopped = before_stop(text, stop)
        status: Status = "ok" if stopped or watcher.ended[row] is not None else "truncated"
        return Output(
            example_id=request.example_id,
            status=status if text.strip() else "empty",
            text=text,
            token_logprobs=logprobs,
            tokens_in=len(ids),
            tokens_out=len(watcher.written[row]),
            prompt_hash=digest_text(seen.text),
            written=tuple(watcher.written[row]),
        )


def _temperature(asked: Mapping[str, Any]) -> float:
    return float(asked.get("temperature") or 0.0)


def _settings(asked: Mapping[str, Any], ends: Sequence[int], special: SpecialTokens, room: int) -> Any:
    """Settings of our own: those that a model brings along (sampling, penalties, forced endings) are not used.
    `room` is how many tokens may be written."""
    import transformers

    temperature = _temperature(asked)
    # top_k 0 and top_p 1: the whole distribution. Left out, they would be 50 and whatever.
    drawn = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    return transformers.GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=room,
        num_beams=1,
        use_cache=True,
        # Not the tokens alone, but the cache of keys and values as well: to go on from.
        return_dict_in_generate=True,
        eos_token_id=list(ends) or None,
        pad_token_id=special.pad,
        decoder_start_token_id=special.start[0] if special.start else None,
        **(drawn if temperature > 0 else {"do_sample": False}),
    )


def seed_of(requests: Sequence[Request], *, again: bool) -> int:
    """Of the questions and their order in the batch, and of whether this is the teacher's second run; nothing else.

    The same batch draws the same text in a resumed run. A batch that was halved for want of memory, or a question that
    is asked alone by the timing protocol, draws another, because rows of a batch share one stream.
    """
    told = "|".join(["again" if again else "first", *(each.key for each in requests)])
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big") >> 1


@contextmanager
def _seeded(requests: Sequence[Request], device: Any, *, again: bool) -> Iterator[None]:
    """`generate` draws from torch's global generator; what it held before is put back."""
    import torch

    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed_of(requests, again=again))
        yield
