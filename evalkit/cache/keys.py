"""What decides whether an answer is this model's, to these questions: the keys of shelves and batches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.files import digest_value
from evalkit.types import ModelFacts, Request

SCHEMA = "evalkit/cache/v2"


def shelf_key(facts: ModelFacts) -> str:
    """64 hexadecimal digits for everything of a model that can change an answer: its bytes and its settings. What it
    is called and where it lies change nothing."""
    return key_of(facts.digest, facts.settings)


def key_of(digest: str, settings: Mapping[str, Any]) -> str:
    """The same, from what a shelf's record says of its model."""
    value = {"schema": SCHEMA, "model": digest, "settings": dict(settings)}
    return digest_value(value).removeprefix("sha256:")


def batch_key(requests: Sequence[Request]) -> str:
    """64 hexadecimal digits for these questions in this order. Their own keys are hashes and hold no line breaks."""
    return hashlib.sha256("\n".join([each.key for each in requests]).encode()).hexdigest()
