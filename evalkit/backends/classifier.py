"""A sequence classifier that runs here, through transformers.

Texts are sorted by length and batched under a token budget: on heavy-tailed lengths that is three times
faster than batches in the order given (reference measurements in docs/adr/0006). The batches depend on the
texts and the plan alone, so that a resumed run asks exactly what an uninterrupted one would have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.backends import Backend, weights
from evalkit.errors import BrokenError, Complaint, Place, nearest
from evalkit.files import digest_text
from evalkit.plan import TransformersSpec
from evalkit.requests import prompt_text
from evalkit.types import ModelFacts, Output, Request, Role, Suite

if TYPE_CHECKING:
    import torch

# Padded tokens in one forward pass. Small budgets win on a CPU (less padding, caches stay warm);
# a GPU wants enough work to be busy.
CPU_BUDGET, GPU_BUDGET = 2048, 16384
# Model types whose position table has rows that no token ever uses, because counting starts at padding index + 1.
PADDED_POSITIONS = ("roberta", "xlm-roberta", "camembert", "roberta-prelayernorm", "xlm-roberta-xl", "mpnet", "xmod")


class Classifier(Backend):
    """AutoModelForSequenceClassification over local files or a hub id; safetensors only, no remote code."""

    def __init__(self, spec: TransformersSpec, role: Role) -> None:
        self.spec, self.role = spec, role
        self.order: list[int] = []
        self.model: Any = None
        self.tokenizer: Any = None
        self.limit: int | None = None
        self.found: Path | None = None
        # For the manifest: batches halved for want of memory, and texts longer than the model takes.
        self.splits = 0
        self.cut_inputs = 0

    # --- before anything runs ------------------------------------------------------------------

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        folder, complaint = self._folder()
        if complaint is not None:
            return [complaint]
        assert folder is not None
        complaints = self._check_files(folder)
        for suite in suites:
            if suite.facts.task != "classify":
                complaints.append(
                    self._complaint(
                        f'the suite "{suite.name}" asks for {suite.facts.task}; this version runs classifiers only',
                        "record that model's outputs and name them with recorded:FILE",
                    )
                )
        return complaints or self._check_labels(folder, suites)

    def identify(self) -> ModelFacts:
        folder = self._existing()
        device, dtype = self._device(), self._dtype()
        try:
            return ModelFacts(
                name=Path(self.spec.model).name if Path(self.spec.model).exists() else self.spec.model,
                backend="transformers",
                digest=weights.model_digest(folder),
                live=True,
                revision=self.spec.revision or self._commit(folder),
                path=str(folder),
                weights_digest=weights.weights_digest(folder),
                tokenizer_digest=weights.tokenizer_digest(folder),
                template_digest=weights.template_digest(folder),
                parameters=weights.parameter_count(folder),
                bytes=weights.size_in_bytes(folder),
                dtype=dtype,
                device=device,
                settings={
                    "dtype": dtype,
                    # cuda:0 and cuda:1 give the same numbers; a CPU gives others.
                    "device": device.split(":")[0],
                    "budget": self._budget(),
                    "order": self._order,
                    "max_length": self.spec.max_length,
                    **_versions(),
                },
            )
        except (OSError, ValueError) as error:
            raise BrokenError(f"the {self.role} model {self.spec.model} cannot be read: {error}") from None

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        if not requests:
            return []
        encoded = self._load_tokenizer()([_seen(each) for each in requests], **self._cut())
        lengths = [len(ids) for ids in encoded["input_ids"]]
        self.cut_inputs += sum(bool(each.overflowing) for each in encoded.encodings or ())
        order = sorted(range(len(requests)), key=lambda index: (-lengths[index], requests[index].key, index))
        found: list[list[int]] = []
        for index in order:
            # Sorted downwards, the first of a batch is its longest: it sets what each row costs.
            if found and lengths[found[-1][0]] * (len(found[-1]) + 1) <= self._budget():
                found[-1].append(index)
            else:
                found.append([index])
        return found[::-1] if self._order == "upwards" else found

    # --- running -------------------------------------------------------------------------------

    def run(self, requests: Sequence[Request]) -> list[Output]:
        if not requests:
            return []
        self._load(requests[0].choices)
        return self._forward(list(requests))

    def close(self) -> None:
        if self.model is None:
            return
        self.model = None
        if self._device().startswith("cuda"):
            import torch

            torch.cuda.empty_cache()

    def counts(self) -> dict[str, int]:
        return {"out_of_memory_splits": self.splits, "cut_inputs": self.cut_inputs}

    def _forward(self, requests: list[Request]) -> list[Output]:
        """One pass; halved and tried again when memory runs out, alone and marked when it still fails."""
        import torch

        try:
            return self._pass(requests)
        except Exception as error:
            # Whatever one text does to its tokenizer or model (a token that the model has no row for is an
            # IndexError on a CPU) must not cost the others. A CPU out of memory raises a plain RuntimeError.
            if len(requests) == 1:
                return [self._failed(requests[0], error)]
            self.splits += isinstance(error, torch.OutOfMemoryError) or "memory" in str(error)
        if self._device().startswith("cuda"):
            torch.cuda.empty_cache()
        half = len(requests) // 2
        return self._forward(requests[:half]) + self._forward(requests[half:])

    def _pass(self, requests: list[Request]) -> list[Output]:
        import torch

        texts = [_seen(each) for each in requests]
        encoded = self.tokenizer(texts, padding=True, return_tensors="pt", **self._cut())
        with torch.inference_mode():
            logits = self.model(**encoded.to(self.model.device)).logits
            # float64 before the softmax: float32 rounding would show up in KL between near-equal models.
            probs = logits[:, self.order].double().softmax(-1).cpu()
        counts = encoded["attention_mask"].sum(-1).tolist()
        return [self._output(request, row, count) for request, row, count in zip(requests, probs, counts, strict=True)]

    def _output(self, request: Request, probs: torch.Tensor, count: int) -> Output:
        values = tuple(probs.tolist())
        if not all(0 <= each <= 1 for each in values):
            return Output(example_id=request.example_id, status="error", error="the model's logits are not finite")
        best = max(range(len(values)), key=lambda index: (values[index], -index))
        return Output(
            example_id=request.example_id,
            status="ok",
            label=request.choices[best],
            probs=values,
            tokens_in=count,
            prompt_hash=digest_text(_seen(request)),
        )

    def _failed(self, request: Request, error: Exception) -> Output:
        return Output(example_id=request.example_id, status="error", error=_first_line(error))

    # --- loading -------------------------------------------------------------------------------

    def _load(self, labels: Sequence[str]) -> None:
        import torch
        import transformers

        if self.model is None:
            folder = self._existing()
            self._load_tokenizer()
            # Its bars would fill a CI log; the run has progress of its own.
            transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            try:
                model, said = transformers.AutoModelForSequenceClassification.from_pretrained(
                    folder,
                    dtype=getattr(torch, self._dtype()),
                    use_safetensors=True,
                    trust_remote_code=False,
                    local_files_only=True,
                    output_loading_info=True,
                )
                model.to(self._device()).eval()
            except Exception as error:  # safetensors and tokenizers raise classes of their own
                raise self._unloadable("model", error) from error
            if said["missing_keys"]:
                # transformers would draw these at random: another model on every load.
                raise self._unloadable("model", f"its files lack {', '.join(sorted(said['missing_keys'])[:3])}")
            self.model = model
        try:
            self.order = _label_order(self.model.config.id2label, labels)
        except ValueError as error:
            raise self._unloadable("model", error) from error

    def _load_tokenizer(self) -> Any:
        if self.tokenizer is None:
            import transformers

            folder = self._existing()
            try:
                self.tokenizer = transformers.AutoTokenizer.from_pretrained(
                    folder, trust_remote_code=False, local_files_only=True
                )
            except Exception as error:
                raise self._unloadable("tokenizer", error) from error
            self.limit = self._limit(folder)
        return self.tokenizer

    def _unloadable(self, what: str, why: object) -> BrokenError:
        whose = f"the {self.role} model" if what == "model" else f"the {what} of the {self.role} model"
        return BrokenError(f"{whose} {self.spec.model} cannot be loaded: {why}")

    def _cut(self) -> dict[str, Any]:
        """Tokenizer options that keep a text within what the model can take."""
        return {"truncation": self.limit is not None, "max_length": self.limit}

    def _limit(self, folder: Path) -> int | None:
        """The longest input in tokens; None where neither plan, configuration nor tokenizer knows one."""
        if self.spec.max_length is not None:
            return self.spec.max_length
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        known = [config.get("max_position_embeddings"), self.tokenizer.model_max_length]
        # RoBERTa and its kin count positions from behind the padding index, so the first ones are never used.
        if config.get("model_type") in PADDED_POSITIONS and known[0]:
            padding = config.get("pad_token_id")
            known[0] -= (1 if padding is None else padding) + 1
        # Tokenizers without a limit say 10^30.
        return min((each for each in known if each and 0 < each < 1_000_000), default=None)

    def _existing(self) -> Path:
        folder, complaint = self._folder()
        if folder is None:
            raise BrokenError(
                f"the {self.role} model {self.spec.model} is gone: {complaint.problem if complaint else ''}"
            )
        return folder

    def _budget(self) -> int:
        budget = GPU_BUDGET if self._device().startswith("cuda") else CPU_BUDGET
        if self.spec.batch_tokens is not None:
            budget = self.spec.batch_tokens
        return budget if self._order == "downwards" else max(1, budget // 2)

    @property
    def _order(self) -> str:
        """The teacher's second run goes the other way, in batches of another shape: what that changes is noise."""
        return "upwards" if self.role == "teacher_again" else "downwards"

    def _device(self) -> str:
        if self.spec.device != "auto":
            return self.spec.device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def _dtype(self) -> str:
        """An explicit dtype is honoured; otherwise bf16 where it is fast, else fp32.

        A CPU without bf16 matrix instructions is four times slower in bf16, and a tenth of a nat off.
        """
        if self.spec.dtype != "auto":
            return self.spec.dtype
        if self._device().startswith("cuda"):
            import torch

            return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
        return "bfloat16" if _cpu_has("amx_bf16") else "float32"

    # --- where the files are -------------------------------------------------------------------

    def _folder(self) -> tuple[Path | None, Complaint | None]:
        # Asked once: a hub id's main branch may move while the run goes on.
        if self.found is not None and self.found.is_dir():
            return self.found, None
        self.found, complaint = self._look()
        return self.found, complaint

    def _look(self) -> tuple[Path | None, Complaint | None]:
        path = Path(self.spec.model)
        if path.is_dir():
            return path, None
        if path.exists():
            return None, self._complaint(f"{path} is a file, not a model folder", "name the folder that holds it")
        if path.is_absolute():
            beside = sorted(each.name for each in path.parent.iterdir()) if path.parent.is_dir() else []
            return None, self._complaint(f"there is no model folder {path}", nearest(path.name, beside))
        return self._from_hub()

    def _from_hub(self) -> tuple[Path | None, Complaint | None]:
        """A hub id: the files of one revision, downloaded if they can be."""
        import huggingface_hub
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

        wanted = ["*.safetensors", "*.json", "*.txt", "*.model", "*.codes", "*.jinja"]
        try:
            # The patterns' stars cross slashes: folders (checkpoints, exports to other formats) are left out.
            found = huggingface_hub.snapshot_download(
                self.spec.model, revision=self.spec.revision, allow_patterns=wanted, ignore_patterns=["*/*"]
            )
        except (HFValidationError, RepositoryNotFoundError, LocalEntryNotFoundError, OSError) as error:
            # What the network said differs from machine to machine and helps nobody; what it means does not.
            reason = "it is not in the cache, and the hub cannot be reached"
            if isinstance(error, RepositoryNotFoundError):
                reason = "the hub does not have it"
            if isinstance(error, HFValidationError):
                reason = "it is no such id"
            return None, self._complaint(
                f'"{self.spec.model}" is no folder here, and as a hub id it cannot be had: {reason}',
                f"a folder is written ./{self.spec.model}; a hub model must be reachable or downloaded before",
            )
        return Path(found), None

    def _commit(self, folder: Path) -> str | None:
        """The commit that a hub id without a revision stood for: the name of its snapshot's folder."""
        return folder.name if folder.parent.name == "snapshots" and not Path(self.spec.model).is_dir() else None

    def _check_files(self, folder: Path) -> list[Complaint]:
        complaints = []
        if not (folder / "config.json").is_file():
            complaints.append(
                self._complaint(f"{folder} has no config.json", "name the folder that save_pretrained wrote")
            )
        if not weights.weight_files(folder):
            pickled = sorted(each.name for each in folder.glob("*.bin"))
            complaints.append(
                self._complaint(
                    f"{folder} has no safetensors weights" + (f", only {pickled[0]}" if pickled else ""),
                    "save it again with safe_serialization: pickled weights can run code when they are opened",
                )
            )
        if weights.tokenizer_digest(folder) is None:
            complaints.append(self._complaint(f"{folder} has no tokenizer", "save the tokenizer into the same folder"))
        return complaints

    def _check_labels(self, folder: Path, suites: Sequence[Suite]) -> list[Complaint]:
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            # What transformers makes of a configuration without names.
            unnamed = {index: f"LABEL_{index}" for index in range(config.get("num_labels", 2))}
            id2label = {int(key): str(value) for key, value in (config.get("id2label") or unnamed).items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            return [self._complaint(f"{folder / 'config.json'} cannot be read: {error}", "save the model again")]
        complaints = []
        if (kind := config.get("problem_type")) not in (None, "single_label_classification"):
            complaints.append(
                self._complaint(
                    f"the model was made for {kind}, and its outputs are not probabilities of one label among several",
                    "record that model's outputs and name them with recorded:FILE",
                )
            )
        for suite in suites:
            try:
                _label_order(id2label, suite.facts.labels)
            except ValueError as error:
                complaints.append(
                    self._complaint(
                        f'the model\'s labels are not those of the suite "{suite.name}": {error}',
                        "set id2label in the model's config.json to the suite's labels",
                    )
                )
        return complaints

    def _complaint(self, problem: str, remedy: str) -> Complaint:
        return Complaint(problem=problem, remedy=remedy, place=Place(file=f"{self.role} {self.spec.model}"))


def _label_order(id2label: dict[int, str], labels: Sequence[str]) -> list[int]:
    """For each suite label, the model's output that stands for it. Raises ValueError when they do not match.

    A model that was never told its labels calls them LABEL_0, LABEL_1, …: then, and only then, their
    number must be right and the suite's order is taken.
    """
    positions = {str(name): index for index, name in id2label.items()}
    if len(positions) < len(id2label):
        raise ValueError("two of its outputs have the same name")
    if positions.keys() != set(labels) and all(name == f"LABEL_{index}" for index, name in id2label.items()):
        if len(id2label) != len(labels):
            raise ValueError(f"it has {len(id2label)}, the suite {len(labels)}")
        return list(range(len(labels)))
    missing = [label for label in labels if label not in positions]
    extra = [name for name in positions if name not in set(labels)]
    if missing or extra:
        parts = [f"it lacks {missing[0]!r}" * bool(missing), f"it also knows {extra[0]!r}" * bool(extra)]
        raise ValueError(", ".join(filter(None, parts)) + f" ({len(missing)} missing, {len(extra)} extra)")
    return [positions[label] for label in labels]


def _seen(request: Request) -> str:
    """The text that goes to the tokenizer, which takes no lone surrogates: escaped as pairs.parquet holds it."""
    return prompt_text(request.prompt).encode("utf-8", "backslashreplace").decode("utf-8")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


def _cpu_has(flag: str) -> bool:
    try:
        return flag in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "tokenizers")}
