"""A sentence encoder: how alike two texts are, as the cosine of their mean last hidden states.

No backend of a plan, which answers questions; judging.py asks it about a target and an answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalkit.backends import Backend
from evalkit.backends.local.batching import Size, pack
from evalkit.backends.local.checking import quantization
from evalkit.backends.local.folder import Folder
from evalkit.backends.local.halving import in_halves
from evalkit.backends.local.hardware import (
    budget_of,
    device_of,
    device_problem,
    dtype_of,
    free_cache,
)
from evalkit.backends.local.head import failed
from evalkit.backends.local.kinds import read_config, window
from evalkit.backends.local.loading import LoadError, load_encoder, load_tokenizer
from evalkit.errors import BrokenError, Complaint
from evalkit.files import digest_value
from evalkit.specs import TransformersSpec
from evalkit.types import Message, ModelFacts, Output, Request, Role, Suite

NOT_FINITE = "the encoder's hidden states are not finite"


def question(suite: str, example_id: str, target: str, answer: str) -> Request:
    """How alike are these two texts?"""
    prompt = (Message(role="target", content=target), Message(role="answer", content=answer))
    return Request(
        key=digest_value({"embedding": [target, answer]}),
        suite=suite,
        example_id=example_id,
        task="generate",
        prompt=prompt,
        choices=(),
        generation={},
    )


class Embedding(Backend):
    """An encoder over local files or a hub id; safetensors only, no code from the folder.

    Its outputs have the cosine as their text, clipped to [0, 1] and written to six digits.
    """

    def __init__(self, spec: TransformersSpec, role: Role) -> None:
        self.spec = spec
        self.folder = Folder(spec, role)
        # The tokenizer and the longest input in tokens (None: no limit).
        self.tokens: tuple[Any, int | None] | None = None
        self.model: Any = None
        # Texts that were too long: suite, example, and which of the two. Batches halved for want of memory.
        self.cut: set[tuple[str, str, int]] = set()
        self.splits = 0

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        path, complaint = self.folder.look()
        if complaint is not None or path is None:
            return [complaint] if complaint is not None else []
        found = self.folder.check_files(path)
        if problem := device_problem(self.spec):
            found.append(self.folder.complaint(*problem))
        if found:
            return found
        try:
            config = read_config(path)
        except (OSError, ValueError) as error:
            return [self.folder.complaint(f"{path / 'config.json'} cannot be read: {error}", "save the model again")]
        if self.spec.quantize is not None:
            return [self.folder.complaint("a sentence encoder is not quantised as it is loaded", "leave quantize out")]
        if complaint := quantization(self.folder, config):
            return [complaint]
        if config.get("is_encoder_decoder"):
            return [self.folder.complaint("the model writes texts, it is no sentence encoder", "name an encoder")]
        return []

    def identify(self) -> ModelFacts:
        device = device_of(self.spec)
        dtype = dtype_of(self.spec, device)
        try:
            return self.folder.facts("embedding", dtype, device, settings={"budget": self._budget()})
        except (OSError, ValueError) as error:
            raise BrokenError(f"the sentence encoder {self.spec.model} cannot be read: {error}") from None

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        return pack(self._sizes(requests), [each.key for each in requests], self._budget()) if requests else []

    def run(self, requests: Sequence[Request]) -> list[Output]:
        if not requests:
            return []
        self._load()
        outputs, splits = in_halves(list(requests), self._answer, device_of(self.spec))
        self.splits += splits
        return outputs

    def close(self) -> None:
        if self.model is not None:
            self.model = None
            free_cache(device_of(self.spec))

    def counts(self) -> dict[str, int]:
        return {"out_of_memory_splits": self.splits, "cut_inputs": len(self.cut)}

    # --- running -----------------------------------------------------------------------------------

    def _answer(self, requests: list[Request]) -> list[Output]:
        return [_output(*each) for each in zip(requests, self._cosines(requests), strict=True)]

    def _cosines(self, requests: Sequence[Request]) -> list[float]:
        """Of each request's two texts; computed in double precision whatever the model computes in."""
        import torch

        tokenizer, limit = self._tokenizer()
        # The right, whatever the tokenizer was saved with: positions are counted from the left.
        more = {"padding": True, "padding_side": "right", "return_tensors": "pt", "verbose": False}
        inputs = tokenizer(_texts(requests), truncation=limit is not None, max_length=limit, **more)
        inputs = inputs.to(self.model.device)
        with torch.inference_mode():
            hidden = self.model(**inputs).last_hidden_state.double()
        mask = inputs["attention_mask"].double().unsqueeze(-1)
        means = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        unit = torch.nn.functional.normalize(means, dim=-1)
        cosines: list[float] = (unit[0::2] * unit[1::2]).sum(-1).clamp(0.0, 1.0).tolist()
        return cosines

    # --- sizes -------------------------------------------------------------------------------------

    def _sizes(self, requests: Sequence[Request]) -> list[Size]:
        """All at once, which is fast; one by one where a text cannot be encoded, so that it costs no other."""
        try:
            return self._measured(requests)
        except BrokenError:
            raise
        except Exception:
            return [self._size(each) for each in requests]

    def _size(self, request: Request) -> Size:
        try:
            return self._measured([request])[0]
        except Exception:
            # It will fail again when it is run, and say why in its output.
            return Size(1, 1)

    def _measured(self, requests: Sequence[Request]) -> list[Size]:
        """Two rows each, of the longer text's tokens; notes what is cut."""
        tokenizer, limit = self._tokenizer()
        lengths = [len(each) for each in tokenizer(_texts(requests), verbose=False)["input_ids"]]
        found = []
        for request, *both in zip(requests, lengths[0::2], lengths[1::2], strict=True):
            if limit is not None:
                self.cut |= {(request.suite, request.example_id, n) for n in (0, 1) if both[n] > limit}
                both = [min(each, limit) for each in both]
            found.append(Size(2, max(both)))
        return found

    # --- loading -----------------------------------------------------------------------------------

    def _tokenizer(self) -> tuple[Any, int | None]:
        """The tokenizer and the longest input. Raises BrokenError."""
        if self.tokens is None:
            folder = self.folder.path()
            try:
                tokenizer = load_tokenizer(folder)
                self.tokens = tokenizer, window(read_config(folder), tokenizer.model_max_length, self.spec.max_length)
            except (LoadError, OSError, ValueError) as error:
                raise self._unloadable(error) from None
        return self.tokens

    def _load(self) -> None:
        """Raises BrokenError."""
        self._tokenizer()
        if self.model is None:
            device = device_of(self.spec)
            dtype = dtype_of(self.spec, device)
            try:
                self.model = load_encoder(
                    self.folder.path(), dtype=dtype, device=device, device_map=self.spec.device_map
                )
            except LoadError as error:
                raise self._unloadable(error) from None

    def _unloadable(self, why: Exception) -> BrokenError:
        return BrokenError(f"the sentence encoder {self.spec.model} cannot be loaded: {why}")

    def _budget(self) -> int:
        return budget_of(self.spec, device_of(self.spec), halved=False)


def _texts(requests: Sequence[Request]) -> list[str]:
    """Target and answer of each, one after the other."""
    return [each.content for request in requests for each in request.prompt if isinstance(each, Message)]


def _output(request: Request, cosine: float) -> Output:
    if not math.isfinite(cosine):
        return failed(request, NOT_FINITE)
    return Output(example_id=request.example_id, status="ok", text=f"{cosine:.6f}")
