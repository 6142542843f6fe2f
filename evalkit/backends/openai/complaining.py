"""Error bodies: what a server says in place of an answer, whatever its shape. Nothing in one makes this raise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.backends.openai.trouble import Said

# What a complaint of a server is cut to. Characters.
LONGEST_SAID = 300
# Codes of an error that mean: the question or the answer was held back, and nothing is broken.
_FILTERS = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"})


def said_by(body: bytes) -> Said:
    """What the body of an error says."""
    text = body.decode("utf-8", "replace")
    try:
        return said_in(json.loads(text))
    except (ValueError, RecursionError):
        # A page of a proxy is of no use to anybody.
        return said_in("" if text.lstrip().startswith("<") else text)


def said_in(body: Any) -> Said:
    """The same of JSON: OpenAI's shape, FastAPI's, a plain text, nothing at all."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, Mapping):
        inner = error.get("innererror")
        codes = [error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, Mapping) else None]
        metadata, param = error.get("metadata"), error.get("param")
        flagged = isinstance(metadata, Mapping) and "flagged_input" in metadata
        return Said(
            message=_short(error.get("message")),
            code=next((each for each in codes if isinstance(each, str)), None),
            param=param if isinstance(param, str) else None,
            filtered=flagged or any(isinstance(each, str) and each.lower() in _FILTERS for each in codes),
        )
    if isinstance(body, Mapping):
        for name in ("error", "detail", "message"):
            if (said := body.get(name)) is not None:
                return Said(message=_short(_validation(said) if isinstance(said, list) else said))
    return Said(message=_short(body if isinstance(body, str) else None))


def _validation(entries: Sequence[Any]) -> str:
    """FastAPI's list of what is wrong where; it repeats the whole request besides, which is left out."""
    found = []
    for each in entries:
        if isinstance(each, Mapping):
            where = each.get("loc")
            names = [str(name) for name in where if name != "body"] if isinstance(where, list) else []
            found.append(f"{'.'.join(names)}: {each.get('msg')}")
    return "; ".join(found)


def _short(said: Any) -> str:
    text = " ".join(str(said).split()) if said is not None else ""
    return text if len(text) <= LONGEST_SAID else text[:LONGEST_SAID] + "…"
