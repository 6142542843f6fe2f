"""Stop strings: where an answer ends."""

from __future__ import annotations

from collections.abc import Sequence


def before_stop(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """The text up to the first stop string in it, and whether there was one."""
    places = [place for each in stop if each and (place := text.find(each)) >= 0]
    return (text[: min(places)], True) if places else (text, False)
