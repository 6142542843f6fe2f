"""The key: where it comes from, and that it goes nowhere but into the header."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evalkit.backends.wording import shown
from evalkit.errors import Complaint, Place

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Shorter ones are placeholders ("EMPTY", "none") that an answer may well contain.
SECRET_FROM = 12
SHOWN = "[key]"


def key_of(variable: str | None, environment: Mapping[str, str], place: Place) -> tuple[str | None, Complaint | None]:
    """The key in the variable, or what is wrong. Whatever is wrong is said without showing what was there."""
    if variable is None:
        return None, None
    if not _VARIABLE.fullmatch(variable):
        problem = "api_key_env is not the name of an environment variable"
        return None, Complaint(problem=problem, remedy="write the variable's name there, never the key", place=place)
    value = environment.get(variable, "").strip()
    if not value:
        problem = f"the environment variable {variable}, which is to hold the key, is not set or empty"
        return None, Complaint(problem=problem, remedy=f"export {variable}=…, or remove api_key_env", place=place)
    if not re.fullmatch(r"[!-~]+", value):
        problem = f"the environment variable {variable} holds a space, a line break or a letter that no key has"
        return None, Complaint(problem=problem, remedy="set it to the key alone", place=place)
    return value, None


def scrubbed(text: str, key: str | None) -> str:
    """What a server said, as it may be written down: without the key, for some servers repeat what they were sent."""
    return shown(text) if key is None else shown(text).replace(key, SHOWN)


def scrubbed_answer(text: str, key: str | None) -> str:
    """What a model wrote, likewise; but a placeholder of a key may be a word like any other there."""
    return scrubbed(text, key if key is not None and len(key) >= SECRET_FROM else None)
