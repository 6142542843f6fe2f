"""What a server's refusal means: for this request, for a parameter of it, or for the whole run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalkit.backends.openai.trouble import Said

# Statuses that may pass. Any 5xx does, and these.
PASSING = frozenset({408, 425, 429})
# Parameters that an answer can do without. `max_tokens` has another name at servers that refuse this one.
SPARE = ("logprobs", "stream_options", "stream", "seed", "max_tokens")
_CALLED = "max_completion_tokens"
_WRONG = (400, 422, 501)


def passes(status: int) -> bool:
    """Whether it may go better the next time."""
    return status in PASSING or (status >= 500 and status != 501)


def spare_parameter(status: int, said: Said, body: Mapping[str, Any]) -> str | None:
    """The parameter in `body` that the server refuses and an answer can do without, where that is what it says."""
    if status not in _WRONG:
        return None
    named = [each for each in SPARE if each in body and (said.param == each or _names(said.message, each))]
    # A prompt that is too long is often told with max_tokens in the sentence.
    named = [each for each in named if each != "max_tokens" or _CALLED in said.message]
    return named[0] if named else None


def fitted(body: Mapping[str, Any], refused: frozenset[str]) -> dict[str, Any]:
    """The same request without what this server refuses."""
    gone = refused | ({"stream_options"} if "stream" in refused else set())
    kept = {name: value for name, value in body.items() if name not in gone}
    if "max_tokens" in refused and "max_tokens" in body:
        kept[_CALLED] = body["max_tokens"]
    return kept


def _names(message: str, parameter: str) -> bool:
    return re.search(rf"(?<![\w.]){parameter}(?!\w)", message) is not None
