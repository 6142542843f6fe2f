"""What a plan may say of one model: a text, or a mapping with a backend and its settings."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.strict import Strict, Word

SCHEMES = {"hf": "transformers", "openai": "openai", "recorded": "recorded", "fake": "fake"}


# How weights are made smaller while a model is loaded.
Quantize = Literal[
    "int8-dynamic", "torchao:int8wo", "torchao:int8dq", "torchao:intx4wo", "torchao:8da4w", "torchao:float8wo"
]


class TransformersSpec(Strict):
    """A model that runs here, through transformers."""

    backend: Literal["transformers"] = "transformers"
    model: str
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    batch_tokens: Annotated[int, Field(ge=1)] | None = None
    max_length: Annotated[int, Field(ge=1)] | None = None
    # auto: the tokenizer's own, for chat prompts and for texts to answer; none: texts go in as they are.
    chat_template: str = "auto"
    device_map: str | None = None
    quantize: Quantize | None = None


class OpenAISpec(Strict):
    """A model behind a server that speaks the OpenAI protocol. The key is in the environment, never in a file."""

    backend: Literal["openai"]
    base_url: str
    model: str
    api_key_env: str | None = None
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    # auto asks for log-probabilities and does without where the server refuses them.
    logprobs: Literal["auto", "none"] = "auto"
    # Names what is served, where that can change behind the same name: part of every cache key.
    revision: str | None = None
    # The name under which the server answers, where that is not the one it is asked by: a deployment, an alias.
    answers_as: str | None = None


class RecordedSpec(Strict):
    """Outputs recorded earlier: a JSONL or Parquet file, or a finished run (its student).

    `override` names a column of the file whose value, where there is one, stands in place of the recorded answer:
    a teacher corrected by human labels.
    """

    backend: Literal["recorded"]
    path: str
    role: Literal["student", "teacher"] = "student"
    override: str | None = None


class FakeSpec(Strict):
    """A deterministic stand-in for a model: for tests and dry runs, never for evidence."""

    backend: Literal["fake"]
    name: str = "fake"
    accuracy: Annotated[float, Field(ge=0, le=1)] = 0.9
    error_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    answer: Word | None = None
    batch_size: Annotated[int, Field(ge=1)] = 32
    delay_s: Annotated[float, Field(ge=0)] = 0.0
    broken: Literal["load", "run"] | None = None
    seed: int = 0


def spec_from_text(text: str) -> dict[str, Any]:
    """`recorded:FILE`, `hf:org/name` or a bare path or hub id, as the mapping that it stands for."""
    scheme, colon, rest = text.partition(":")
    if colon and re.fullmatch(r"[a-z]{2,}", scheme):
        if scheme not in SCHEMES:
            raise ValueError(f'there is no model scheme "{scheme}:" | {nearest(scheme, list(SCHEMES))}')
        if not rest and scheme != "fake":
            raise ValueError(f'"{text}" names no model | write {scheme}:PATH')
        if scheme == "recorded":
            return {"backend": "recorded", "path": rest}
        if scheme == "openai":
            return _server_from_text(text, rest)
        if scheme == "fake":
            settings = [each for each in rest.split(",") if each]
            if wrong := [each for each in settings if "=" not in each]:
                raise ValueError(f'"{wrong[0]}" is no setting of a fake | write fake:accuracy=0.9,seed=1')
            return {"backend": "fake", **dict(each.split("=", 1) for each in settings)}
        return {"backend": "transformers", "model": rest}
    if not text.strip():
        raise ValueError("an empty text names no model | write a path, a hub id or recorded:FILE")
    return {"backend": "transformers", "model": text}


def _server_from_text(text: str, rest: str) -> dict[str, Any]:
    """`openai:http://host:port/v1#model`."""
    url, _, model = rest.partition("#")
    if not re.match(r"https?://[^/\s]", url) or not model:
        raise ValueError(f'"{text}" names no served model | write openai:http://host:port/v1#model')
    return {"backend": "openai", "base_url": url, "model": model}


def _spec(value: Any) -> Any:
    if isinstance(value, str):
        return spec_from_text(value)
    if isinstance(value, dict) and "backend" not in value:
        return {"backend": "transformers", **value}
    if value is not None and not isinstance(value, (dict, Strict)):
        raise ValueError(f"{value!r:.80} names no model | write a path, a hub id, recorded:FILE or a mapping")
    return value


MemberSpec = TransformersSpec | OpenAISpec | RecordedSpec | FakeSpec
MemberField = Annotated[
    MemberSpec, Field(discriminator="backend"), BeforeValidator(_spec, json_schema_input_type=str | MemberSpec)
]


class EnsembleSpec(Strict):
    """Several models that answer as one: by mean probability, or by majority (ties: the earliest member's)."""

    backend: Literal["ensemble"]
    members: Annotated[list[MemberField], Field(min_length=2)]
    by: Literal["mean", "majority"] = "majority"
    name: str = "ensemble"


ModelSpec = MemberSpec | EnsembleSpec
SpecField = Annotated[
    ModelSpec,
    Field(discriminator="backend"),
    # Editors should accept the short form too: the schema shows what may be written, not what comes of it.
    BeforeValidator(_spec, json_schema_input_type=str | ModelSpec),
]


def absolute(spec: ModelSpec, base: Path) -> ModelSpec:
    """The same model with its paths resolved against `base`; a folder that holds a run becomes its recording."""
    if isinstance(spec, EnsembleSpec):
        return spec.model_copy(update={"members": [absolute(each, base) for each in spec.members]})
    if isinstance(spec, RecordedSpec):
        return spec.model_copy(update={"path": str(resolved(spec.path, base))})
    if isinstance(spec, TransformersSpec):
        here = resolved(spec.model, base)
        if spec.chat_template not in ("auto", "none"):
            spec = spec.model_copy(update={"chat_template": str(resolved(spec.chat_template, base))})
        if (here / "verdict.json").is_file():
            return RecordedSpec(backend="recorded", path=str(here))
        if here.exists() or looks_like_path(spec.model, base):
            return spec.model_copy(update={"model": str(here)})
    return spec


def looks_like_path(name: str, base: Path) -> bool:
    """A model that is not on disk: was it meant as a path (True) or as a hub id (False)?

    `org/name` is a hub id unless `org` is a folder here: then it is a path with a slip in it.
    """
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        return True
    return "/" in name and (base / name.split("/", 1)[0]).is_dir()


def resolved(name: str, base: Path) -> Path:
    """An absolute path. Raises UsageError for one that no file system could have."""
    # Not Path.expanduser, which raises when there is no such user.
    path = Path(os.path.normpath(base / os.path.expanduser(name)))
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            Complaint(
                problem=f"this cannot be a path: {reason}",
                remedy="write the path of a file or folder",
                place=Place(file=f"{name:.200}"),
            )
        ) from None
    return path
