"""The cache: finished batches, under a key made of the model and of every question in them.

A model's batches stand on a shelf of their own. What is found there is what was put there, or is not found: a record
that is not whole, or that was moved, is asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.errors import BrokenError
from evalkit.files import canonical_json, digest_value, write_whole
from evalkit.types import ModelFacts, Output, Request

SCHEMA = "evalkit/cache/v1"


@dataclass(frozen=True)
class Shelf:
    """What one model has answered: `get` and `put` whole batches."""

    cache: Path
    facts: ModelFacts

    def get(self, requests: Sequence[Request]) -> list[Output] | None:
        """The outputs of exactly this batch, under the ids that ask now; None when they are not there."""
        return _load(self.path(requests), requests)

    def put(self, requests: Sequence[Request], outputs: Sequence[Output]) -> None:
        """Keep a batch. Raises BrokenError when the disk does not take it."""
        _save(self.path(requests), outputs)

    def close(self) -> None:
        """Whatever was put is on the disk when this returns. Raises BrokenError when the disk does not take it."""

    def path(self, requests: Sequence[Request]) -> Path:
        """Where the outputs of exactly this batch from exactly this model belong."""
        key = digest_value(
            {
                "schema": SCHEMA,
                "model": self.facts.digest,
                "settings": dict(self.facts.settings),
                "requests": [each.key for each in requests],
            }
        ).removeprefix("sha256:")
        return self.cache / key[:2] / f"{key}.json"


def _save(path: Path, outputs: Sequence[Output]) -> None:
    body = [asdict(replace(each, example_id="")) for each in outputs]
    # The digest covers the key as well: a file that was copied over another is not that other's answers.
    record = {"schema": SCHEMA, "digest": digest_value([path.stem, body]), "outputs": body}
    try:
        write_whole(path, canonical_json(record))
    except OSError as error:
        raise BrokenError(f"the cache cannot be written: {error}") from None


def _load(path: Path, requests: Sequence[Request]) -> list[Output] | None:
    """The cached outputs; None when there are none or when the file is not what was written."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    try:
        record: dict[str, Any] = json.loads(text)
        body = record["outputs"]
        if record["schema"] != SCHEMA or record["digest"] != digest_value([path.stem, body]):
            return None
        return [_output(fields, request.example_id) for fields, request in zip(body, requests, strict=True)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _output(fields: dict[str, Any], example_id: str) -> Output:
    for name in ("probs", "choice_logprobs", "choice_tokens", "token_logprobs", "written"):
        if fields[name] is not None:
            fields[name] = tuple(fields[name])
    return Output(**{**fields, "example_id": example_id})
