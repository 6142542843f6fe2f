"""Where a model's files are: a folder here, or one revision of a hub id; and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evalkit.backends import weights
from evalkit.backends.local import mistaken, quantized
from evalkit.backends.local.hub import NotHadError, fetched
from evalkit.backends.local.kinds import read_config
from evalkit.backends.local.quantize import WORDS
from evalkit.backends.local.weighing import parameters_of
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
        try:
            self.found, complaint = self._look()
        except OSError as error:
            self.found, complaint = None, self.complaint(*mistaken.unread(Path(self.spec.model), error))
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
        own = quantized.own(read_config(folder))
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
            parameters=weights.parameter_count(folder) if own is None else parameters_of(folder),
            bytes=weights.size_in_bytes(folder),
            # Of weights that are quantised, the loaded model has to tell.
            loaded_bytes=weights.size_as(folder, dtype) if own is None and self.spec.quantize is None else None,
            sparsity=weights.sparsity(folder) if own is None else None,
            quantization=own.words if own is not None else WORDS[self.spec.quantize] if self.spec.quantize else None,
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
        """What a model folder must hold and this one does not, or why it cannot be read."""
        try:
            return self._lacking(folder)
        except OSError as error:
            return [self.complaint(*mistaken.unread(folder, error))]

    def _lacking(self, folder: Path) -> list[Complaint]:
        if (said := mistaken.no_model(folder)) is not None:
            return [self.complaint(*said)]
        complaints = []
        if not (folder / "config.json").is_file():
            complaints.append(
                self.complaint(f"{folder} has no config.json", "copy it there from the model; save_pretrained wrote it")
            )
        if not weights.weight_files(folder):
            pickled = mistaken.pickled(folder)
            complaints.append(
                self.complaint(
                    f"{folder} has no safetensors weights" + (f", only {pickled}" if pickled else ""),
                    "save it again with safe_serialization: pickled weights can run code when they are opened",
                )
            )
        if weights.tokenizer_digest(folder) is None:
            complaints.append(
                self.complaint(f"{folder} has no tokenizer", f'save it there: tokenizer.save_pretrained("{folder}")')
            )
        return complaints

    def complaint(self, problem: str, remedy: str) -> Complaint:
        return Complaint(problem=problem, remedy=remedy, place=Place(file=f"{self.role} {self.spec.model}"))

    def _look(self) -> tuple[Path | None, Complaint | None]:
        path = Path(self.spec.model)
        if path.is_dir():
            return path, None
        if path.exists():
            return None, self.complaint(*mistaken.a_file(path))
        if path.is_absolute():
            return None, self.complaint(f"there is no model folder {path}", _where_instead(path))
        return self._from_hub()

    def _from_hub(self) -> tuple[Path | None, Complaint | None]:
        """A hub id: the files of one revision, downloaded if they can be."""
        try:
            return fetched(self.spec.model, self.spec.revision), None
        except NotHadError as error:
            name = self.spec.model
            meant = mistaken.close_by(Path(name))
            folder = f'did you mean "{meant}"? For' if meant else f"a folder is written ./{name}; for"
            return None, self.complaint(
                f'"{name}" is no folder here, and as a hub id it cannot be had: {error}',
                f"{folder} the hub: {error.remedy}",
            )


def _where_instead(path: Path) -> str:
    """A remedy for a folder that is not there."""
    if (meant := mistaken.close_by(path)) is not None:
        return f'did you mean "{meant}"?'
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either; check the path (one in a plan is relative to the plan)"
    try:
        return nearest(path.name, sorted(each.name for each in path.parent.iterdir() if each.is_dir()))
    except OSError:
        return f"check the path: what else is in {path.parent} cannot be listed"
