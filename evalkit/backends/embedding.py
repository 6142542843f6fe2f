"""A sentence encoder: how alike two texts are, as the cosine of their mean last hidden states.

No backend of a plan, which answers questions; judging.py asks it about a target and an answer.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evalkit.backends import Backend, weights
from evalkit.backends.local.folder import Folder
from evalkit.backends.local.hardware import device_of, device_problem, dtype_of, free_cache
from evalkit.backends.local.kinds import read_config, window
from evalkit.backends.local.loading import LoadError, load_tokenizer
from evalkit.errors import BrokenError, Complaint
from evalkit.files import digest_value
from evalkit.plan import TransformersSpec
from evalkit.types import Message, ModelFacts, Output, Request, Role, Suite

# Pairs in one forward pass.
PAIRS = 32


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
        self.loaded: tuple[Any, Any] | None = None
        self.cut = 0

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
        if config.get("is_encoder_decoder"):
            return [self.folder.complaint("the model writes texts, it is no sentence encoder", "name an encoder")]
        return []

    def identify(self) -> ModelFacts:
        folder = self.folder.path()
        device = device_of(self.spec)
        dtype = dtype_of(self.spec, device)
        try:
            return ModelFacts(
                name=Path(self.spec.model).name if Path(self.spec.model).exists() else self.spec.model,
                backend="embedding",
                digest=weights.model_digest(folder),
                live=True,
                revision=self.spec.revision or self.folder.commit(),
                path=str(folder),
                weights_digest=weights.weights_digest(folder),
                tokenizer_digest=weights.tokenizer_digest(folder),
                parameters=weights.parameter_count(folder),
                bytes=weights.size_in_bytes(folder),
                dtype=dtype,
                device=device,
                settings={
                    "dtype": dtype,
                    "device": device.split(":")[0],
                    "max_length": self.spec.max_length,
                    **{name: version(name) for name in ("torch", "transformers")},
                },
            )
        except (OSError, ValueError) as error:
            raise BrokenError(f"the sentence encoder {self.spec.model} cannot be read: {error}") from None

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        # By length, so that little is padding; equal ones by key, so that the order asked in does not matter.
        order = sorted(range(len(requests)), key=lambda index: (_length(requests[index]), requests[index].key))
        return [order[start : start + PAIRS] for start in range(0, len(order), PAIRS)]

    def run(self, requests: Sequence[Request]) -> list[Output]:
        texts = [each.content for request in requests for each in request.prompt if isinstance(each, Message)]
        cosines = self._cosines(texts)
        return [
            Output(example_id=request.example_id, status="ok", text=f"{cosine:.6f}")
            for request, cosine in zip(requests, cosines, strict=True)
        ]

    def close(self) -> None:
        if self.loaded is not None:
            self.loaded = None
            free_cache(device_of(self.spec))

    def counts(self) -> dict[str, int]:
        return {"cut_inputs": self.cut}

    def _cosines(self, texts: Sequence[str]) -> list[float]:
        """Of texts 0 and 1, 2 and 3, …; computed in double precision whatever the model computes in."""
        import torch

        tokenizer, model = self._load()
        limit = window(read_config(self.folder.path()), tokenizer.model_max_length, self.spec.max_length)
        encoded = tokenizer(list(texts), add_special_tokens=True, truncation=False)["input_ids"]
        self.cut += sum(limit is not None and len(each) > limit for each in encoded)
        cut = {"truncation": True, "max_length": limit} if limit is not None else {}
        inputs = tokenizer(list(texts), padding=True, return_tensors="pt", **cut).to(model.device)
        try:
            with torch.inference_mode():
                hidden = model(**inputs).last_hidden_state.double()
        except (RuntimeError, IndexError) as error:
            raise BrokenError(f"the sentence encoder {self.spec.model} failed: {error}") from None
        mask = inputs["attention_mask"].double().unsqueeze(-1)
        means = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        unit = torch.nn.functional.normalize(means, dim=-1)
        cosines: list[float] = (unit[0::2] * unit[1::2]).sum(-1).clamp(0.0, 1.0).tolist()
        return cosines

    def _load(self) -> tuple[Any, Any]:
        if self.loaded is None:
            import torch
            import transformers

            folder, device = self.folder.path(), device_of(self.spec)
            # Its bars would fill a CI log.
            transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            try:
                tokenizer = load_tokenizer(folder)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    model = transformers.AutoModel.from_pretrained(
                        folder,
                        dtype=getattr(torch, dtype_of(self.spec, device)),
                        use_safetensors=True,
                        trust_remote_code=False,
                        local_files_only=True,
                    )
                self.loaded = tokenizer, model.to(device).eval()
            except LoadError as error:
                raise BrokenError(f"the sentence encoder {self.spec.model} cannot be loaded: {error}") from None
            except Exception as error:  # safetensors raises classes of its own
                raise BrokenError(f"the sentence encoder {self.spec.model} cannot be loaded: {error}") from None
        return self.loaded


def _length(request: Request) -> int:
    return max(len(each.content) for each in request.prompt if isinstance(each, Message))
