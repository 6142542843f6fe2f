"""Where a model's files are: a folder here, or one revision of a hub id; and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evalkit.backends import weights
from evalkit.errors import BrokenError, Complaint, Place, nearest
from evalkit.specs import TransformersSpec
from evalkit.types import ModelFacts, Role


class Folder:
    """The folder that a plan's model means, looked up once: a hub id's main branch may move while a run goes on."""

    def __init__(self, spec: TransformersSpec, role: Role) -> None:
        self.spec, self.role = spec, role
        self.found: Path | None = None

    def look(self) -> tuple[Path | None, Complaint | None]:
        """The folder, or what is wrong with its name."""
        if self.found is not None and self.found.is_dir():
            return self.found, None
        self.found, complaint = self._look()
        return self.found, complaint

    def path(self) -> Path:
        """The folder. Raises BrokenError when it has gone since the check."""
        folder, complaint = self.look()
        if folder is None:
            raise BrokenError(
                f"the {self.role} model {self.spec.model} is gone: {complaint.problem if complaint else ''}"
            )
        return folder

    def commit(self) -> str | None:
        """The commit that a hub id without a revision stood for: the name of its snapshot's folder."""
        folder = self.path()
        return folder.name if folder.parent.name == "snapshots" and not Path(self.spec.model).is_dir() else None

    def facts(
        self, backend: str, dtype: str, device: str, *, settings: Mapping[str, Any], template_digest: str | None = None
    ) -> ModelFacts:
        """Who the model is: its digests and sizes, and `settings` beside those that every local model has.

        Raises OSError or ValueError when its files cannot be read.
        """
        folder = self.path()
        return ModelFacts(
            name=Path(self.spec.model).name if Path(self.spec.model).exists() else self.spec.model,
            backend=backend,
            digest=weights.model_digest(folder),
            live=True,
            revision=self.spec.revision or self.commit(),
            path=str(folder),
            weights_digest=weights.weights_digest(folder),
            tokenizer_digest=weights.tokenizer_digest(folder),
            template_digest=template_digest,
            parameters=weights.parameter_count(folder),
            bytes=weights.size_in_bytes(folder),
            dtype=dtype,
            device=device,
            settings={
                "dtype": dtype,
                # cuda:0 and cuda:1 give the same numbers; a CPU gives others.
                "device": device.split(":")[0],
                "device_map": self.spec.device_map,
                "max_length": self.spec.max_length,
                **{name: version(name) for name in ("torch", "transformers")},
                **settings,
            },
        )

    def check_files(self, folder: Path) -> list[Complaint]:
        """What a model folder must hold and this one does not."""
        complaints = []
        if not (folder / "config.json").is_file():
            complaints.append(
                self.complaint(f"{folder} has no config.json", "name the folder that save_pretrained wrote")
            )
        if not weights.weight_files(folder):
            pickled = sorted(each.name for each in folder.glob("*.bin"))
            complaints.append(
                self.complaint(
                    f"{folder} has no safetensors weights" + (f", only {pickled[0]}" if pickled else ""),
                    "save it again with safe_serialization: pickled weights can run code when they are opened",
                )
            )
        if weights.tokenizer_digest(folder) is None:
            complaints.append(self.complaint(f"{folder} has no tokenizer", "save the tokenizer into the same folder"))
        return complaints

    def complaint(self, problem: str, remedy: str) -> Complaint:
        return Complaint(problem=problem, remedy=remedy, place=Place(file=f"{self.role} {self.spec.model}"))

    def _look(self) -> tuple[Path | None, Complaint | None]:
        path = Path(self.spec.model)
        if path.is_dir():
            return path, None
        if path.exists():
            return None, self.complaint(f"{path} is a file, not a model folder", "name the folder that holds it")
        if path.is_absolute():
            beside = sorted(each.name for each in path.parent.iterdir()) if path.parent.is_dir() else []
            return None, self.complaint(f"there is no model folder {path}", nearest(path.name, beside))
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
            return None, self.complaint(
                f'"{self.spec.model}" is no folder here, and as a hub id it cannot be had: {reason}',
                f"a folder is written ./{self.spec.model}; a hub model must be reachable or downloaded before",
            )
        return Path(found), None
