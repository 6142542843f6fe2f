"""The backend that runs models here: what it checks, who the model is, and running batches without losing one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

from evalkit.backends import Backend
from evalkit.backends.local import checking, quantized
from evalkit.backends.local import quantize as quantizing
from evalkit.backends.local.abilities import NONE, abilities, rows_apart
from evalkit.backends.local.batching import Size, pack
from evalkit.backends.local.capacity import fit_beside, free_memory, tokens_on
from evalkit.backends.local.choose import Choose
from evalkit.backends.local.classify import Classify
from evalkit.backends.local.encoding import Encoder
from evalkit.backends.local.folder import Folder
from evalkit.backends.local.forced import LocalReader
from evalkit.backends.local.generate import Generate
from evalkit.backends.local.halving import in_halves
from evalkit.backends.local.hardware import (
    Stopwatch,
    budget_of,
    device_of,
    dtype_of,
    free_cache,
)
from evalkit.backends.local.head import Head, Tools
from evalkit.backends.local.kinds import kind_of, label_order, read_config, window
from evalkit.backends.local.loading import LoadError, load_model, load_tokenizer
from evalkit.backends.local.prompts import Prompts, template_digest
from evalkit.backends.local.weighing import loaded_bytes
from evalkit.backends.reading import Reader
from evalkit.errors import BrokenError, Complaint
from evalkit.specs import TransformersSpec
from evalkit.types import WRITING, ModelFacts, Output, Request, Role, Suite, Task


class Local(Backend):
    """One model over local files or a hub id, for all suites of a role; safetensors only, no remote code."""

    def __init__(self, spec: TransformersSpec, role: Role) -> None:
        self.spec, self.role = spec, role
        self.folder = Folder(spec, role)
        self.tools: Tools | None = None
        # Batches halved for want of memory.
        self.splits = 0
        # Bytes of the weights as they were loaded last.
        self.weight: int | None = None

    # --- before anything runs ----------------------------------------------------------------------

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        return checking.complaints(self.folder, suites)

    def notes(self, suites: Sequence[Suite]) -> list[str]:
        return [*checking.notes(self.folder, suites), *self._of_rows()]

    def answers_with(self) -> Task:
        folder, _ = self.folder.look()
        try:
            return "classify" if folder is not None and kind_of(read_config(folder)) == "classifier" else "generate"
        except (OSError, ValueError):
            return "generate"  # what is wrong with the folder is for `check` to say

    def identify(self) -> ModelFacts:
        folder = self.folder.path()
        device, dtype = self._device(), self._dtype()
        try:
            template = template_digest(self.spec, folder)
            return self.folder.facts(
                "transformers",
                dtype,
                device,
                template_digest=template,
                settings={
                    "budget": self._budget(),
                    "order": "upwards" if self._again else "downwards",
                    "choices": "as a tree",
                    "done_rows": "dropped",
                    # The model's own template is among its bytes; a file of the plan's is not.
                    "chat_template": self.spec.chat_template
                    if self.spec.chat_template in ("auto", "none")
                    else template,
                    "tokenizers": version("tokenizers"),
                    **quantizing.settings(self.spec),
                },
            )
        except (OSError, ValueError) as error:
            raise BrokenError(f"the {self.role} model {self.spec.model} cannot be read: {error}") from None

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        if not requests:
            return []
        head = self._head(requests[0])
        writing = requests[0].task in WRITING
        found = pack(_sizes(head, requests), [each.key for each in requests], self._budget(writing=writing))
        return found[::-1] if self._again else found

    # --- running -----------------------------------------------------------------------------------

    def run(self, requests: Sequence[Request]) -> list[Output]:
        if not requests:
            return []
        head = self._head(requests[0])
        self._load(requests[0])
        # One request is timed, from its text to its answer. Those that share a batch have no time of their own.
        watch = Stopwatch(self._device()) if len(requests) == 1 else None
        outputs: list[Output] = []
        for rows in [list(requests)] if self._tools().apart else [[each] for each in requests]:
            answered, splits = in_halves(rows, lambda part: head.answer(part, watch), self._device())
            self.splits += splits
            outputs += answered
        if watch is not None and outputs[0].status != "error":
            return [replace(outputs[0], latency_s=watch.read(), ttft_s=watch.first_token)]
        return outputs

    def close(self) -> None:
        if self.tools is None or self.tools.model is None:
            return
        self.tools.model = self.tools.special = None
        free_cache(self._device())

    def counts(self) -> dict[str, int]:
        cut, flat = (len(self.tools.cut), self.tools.flat) if self.tools else (0, 0)
        return {"out_of_memory_splits": self.splits, "cut_inputs": cut, "choices_one_by_one": flat}

    def stays_beside(self, others: Sequence[ModelFacts]) -> bool:
        return fit_beside(free_memory(self._device()), others)

    def batch_shape_matters(self, requests: Sequence[Request]) -> bool:
        return any(len(batch) > 1 for batch in self.batches(requests))

    def reader(self) -> Reader | str:
        tools = self._tools()
        if tools.kind == "classifier":
            return "is a classifier"
        return LocalReader(tools, self.folder.path(), self._budget(), self._load, self._note_splits)

    def _note_splits(self, count: int) -> None:
        self.splits += count

    def weights_in_memory(self) -> int | None:
        if self.tools is None or self.tools.model is None:
            return None
        model = self.tools.model
        held = [each for each in (*model.parameters(), *model.buffers()) if each.is_cuda]
        return sum(each.numel() * each.element_size() for each in held) if held else None

    def loaded_bytes(self) -> int | None:
        self._load()
        return self.weight

    # --- loading -----------------------------------------------------------------------------------

    def _head(self, request: Request) -> Head:
        tools = self._tools()
        if request.task in WRITING:
            return Generate(tools)
        return Classify(tools) if tools.kind == "classifier" else Choose(tools)

    def _tools(self) -> Tools:
        """The tokenizer and what hangs on it; the model comes with `_load`. Raises BrokenError."""
        if self.tools is None:
            folder = self.folder.path()
            try:
                config = read_config(folder)
                kind = kind_of(config)
                if kind is None:
                    raise LoadError("its config.json names no architecture that answers")
                tokenizer = load_tokenizer(folder)
                limit = window(config, tokenizer.model_max_length, self.spec.max_length)
                self.tools = Tools(
                    kind=kind,
                    tokenizer=tokenizer,
                    encoder=Encoder(tokenizer, kind, limit),
                    prompts=Prompts(self.spec, tokenizer),
                    budget=self._budget(),
                    window=limit,
                    again=self._again,
                )
            except (LoadError, OSError, ValueError) as error:
                raise self._unloadable("tokenizer", error) from error
        return self.tools

    def _load(self, request: Request | None = None) -> None:
        """Bring the model in unless it is there, and see that it knows the request's labels. Raises BrokenError."""
        tools = self._tools()
        try:
            if tools.model is None:
                tools.model, tools.special = load_model(
                    self.folder.path(),
                    tools.kind,
                    tools.tokenizer,
                    dtype=self._dtype(),
                    device=self._device(),
                    device_map=self.spec.device_map,
                    quantize=self.spec.quantize,
                )
                self.weight = loaded_bytes(tools.model)
                self._try_out(tools)
            if tools.kind == "classifier" and request is not None:
                label_order(tools.model.config.id2label, request.choices)
        except (LoadError, ValueError) as error:
            raise self._unloadable("model", error) from error

    def _try_out(self, tools: Tools) -> None:
        """See what a loaded model can be asked for. Rows of a compressed one may hang on each other."""
        if self.spec.quantize is not None or quantized.own(read_config(self.folder.path())) is not None:
            tools.apart = not self._mixes_rows() and rows_apart(tools.model, tools.kind)
        if not tools.apart:
            # Heads make batches of their own: of one row then. What shares a row would not be apart either.
            tools.budget, tools.abilities = 1, NONE
        elif tools.kind == "causal":
            tools.abilities = abilities(tools.model)

    def _unloadable(self, what: str, why: object) -> BrokenError:
        whose = f"the {self.role} model" if what == "model" else f"the {what} of the {self.role} model"
        return BrokenError(f"{whose} {self.spec.model} cannot be loaded: {why}")

    def _mixes_rows(self) -> bool:
        """Whether rows of a batch hang on each other by what the model is, as far as that is known without loading."""
        own = quantized.own(read_config(self.folder.path()))
        return self.spec.quantize in quantizing.IN_STEPS or (own is not None and own.mixes_rows)

    def _of_rows(self) -> list[str]:
        # A run whose answers are all in the cache loads no model, and has the same to say of it.
        if (self.tools is None or self.tools.apart) and not self._mixes_rows():
            return []
        return [
            f"the {self.role} is asked one row at a time: it rounds its activations as well, and what it said of a row "
            "would depend on the rest of its batch"
        ]

    # --- settings ----------------------------------------------------------------------------------

    @property
    def _again(self) -> bool:
        """The teacher's second run goes the other way, in batches of another shape: what that changes is noise."""
        return self.role == "teacher_again"

    def _budget(self, *, writing: bool = False) -> int:
        device = self._device()
        most = None
        if self.spec.batch_tokens is None:
            most = tokens_on(device, self.folder.path(), self._dtype(), writing=writing)
        return budget_of(self.spec, device, halved=self._again, writing=writing, most=most)

    def _device(self) -> str:
        return device_of(self.spec)

    def _dtype(self) -> str:
        return dtype_of(self.spec, self._device())


def _sizes(head: Head, requests: Sequence[Request]) -> list[Size]:
    """All at once, which is fast; one by one where a request cannot be encoded, so that it costs no other."""
    try:
        return head.sizes(requests)
    except Exception:
        return [_size(head, each) for each in requests]


def _size(head: Head, request: Request) -> Size:
    try:
        return head.sizes([request])[0]
    except Exception:
        # It will fail again when it is run, and say why in its output.
        return Size(1, 1)
