"""Requests → Outputs: batch by batch through the content-keyed cache.

A batch is the unit of resume. Its key is made of the model and of every question in it, so whatever was
finished before an interruption is found again, and nothing else is. A batch in which something failed is not
kept: the same command tries it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.backends import Backend
from evalkit.errors import BrokenError
from evalkit.files import canonical_json, digest_value, write_whole
from evalkit.types import ERRORED, ModelFacts, Output, Request

SCHEMA = "evalkit/cache/v1"
# (requests done, requests in all)
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Outputs in the order of the requests, and how they came about."""

    outputs: tuple[Output, ...]
    batches: int
    from_cache: int


def collect(
    backend: Backend, facts: ModelFacts, requests: Sequence[Request], cache: Path, progress: Progress
) -> Collected:
    """One output per request. Raises BrokenError when the model cannot run or the cache cannot be written."""
    if not facts.live:
        outputs = backend.run(requests)
        progress(len(requests), len(requests))
        return Collected(outputs=tuple(outputs), batches=0, from_cache=0)
    batches = backend.batches(requests)
    found: dict[int, Output] = {}
    hits = 0
    for batch in batches:
        asked = [requests[index] for index in batch]
        path = cache_path(cache, facts, asked)
        answered = _load(path, asked)
        hits += answered is not None
        if answered is None:
            answered = backend.run(asked)
            _check(answered, asked)
            if not any(each.status in ERRORED or each.error is not None for each in answered):
                _save(path, answered)
        found.update(zip(batch, answered, strict=True))
        progress(len(found), len(requests))
    return Collected(
        outputs=tuple(found[index] for index in range(len(requests))), batches=len(batches), from_cache=hits
    )


def cache_path(cache: Path, facts: ModelFacts, requests: Sequence[Request]) -> Path:
    """Where the outputs of exactly this batch from exactly this model belong."""
    key = digest_value(
        {
            "schema": SCHEMA,
            "model": facts.digest,
            "settings": dict(facts.settings),
            "requests": [each.key for each in requests],
        }
    ).removeprefix("sha256:")
    return cache / key[:2] / f"{key}.json"


def _check(outputs: Sequence[Output], requests: Sequence[Request]) -> None:
    """A backend that loses, adds or reorders answers would pair them with the wrong questions."""
    asked, answered = [each.example_id for each in requests], [each.example_id for each in outputs]
    if asked != answered:
        raise BrokenError(
            f"the backend answered {len(answered)} of {len(asked)} requests, or in another order than asked"
        )


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
    for name in ("probs", "choice_logprobs", "choice_tokens", "token_logprobs"):
        if fields[name] is not None:
            fields[name] = tuple(fields[name])
    return Output(**{**fields, "example_id": example_id})
