"""Regex: what a pattern finds in the answer is the target; without a pattern, the target is one, and is found.

Patterns are read by the `regex` package, which understands what Python's `re` does and more, and which can stop: a
pattern can need longer than the universe for thirty characters, and a scorer must come to an end.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from evalkit.scorers import pattern_problem
from evalkit.scoring.wording import joined, wording
from evalkit.types import Example, Output, Score, SuiteFacts

LONGEST = 100_000  # characters that are searched: the last ones, for the last match counts
SECONDS = 5.0  # of processor time for one answer; what needs more would need years
# How the reason of a search that was stopped begins. It is the one score that depends on the machine: a search that
# takes about so long may end on one day and be stopped on another.
TIMED_OUT = "the search timed out"


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """With a pattern, right iff the last match that holds anything is the target: its first group that took part,
    else the whole of it, stripped. Without one, right iff the target's pattern is found anywhere."""
    text, why = wording(output), ""
    if len(text) > LONGEST:
        text, why = text[-LONGEST:], f"only the last {LONGEST} characters were searched"
    pattern = facts.settings.get("pattern")
    if pattern is None:
        return _found(example.target, text, facts.settings, why)
    wrong = None if example.target is None else False
    try:
        answer = _last(pattern, text, facts.settings)
    except TimeoutError:
        return Score(correct=wrong, answer=None, unparsable=True, why=_too_slow(pattern))
    if answer is None:
        return Score(correct=wrong, answer=None, unparsable=True, why=joined(f"nothing matches {pattern!r}", why))
    if example.target is None:
        return Score(correct=None, answer=answer, why=why)
    target = example.target.strip()
    if facts.settings.get("ignore_case"):
        return Score(correct=answer.casefold() == target.casefold(), answer=answer, why=why)
    return Score(correct=answer == target, answer=answer, why=why)


def _last(pattern: str, text: str, settings: Mapping[str, Any]) -> str | None:
    """The last thing found that is not blank. Raises TimeoutError when the search takes too long."""
    last = None
    for match in _compiled(pattern, bool(settings.get("ignore_case"))).finditer(text, timeout=SECONDS):
        groups = match.groups()
        found = next((each for each in groups if each is not None), None) if groups else match[0]
        last = (found or "").strip() or last
    return last


def _found(target: str | None, text: str, settings: Mapping[str, Any], why: str) -> Score:
    """The answer is what the target's pattern found; where it found nothing, the text as it is."""
    if target is None:
        return Score(correct=None, answer=text, why=why)
    if (problem := _problem(target)) is not None:
        return Score(correct=False, answer=text, why=f"the target {problem}")
    try:
        match = _compiled(target, bool(settings.get("ignore_case"))).search(text, timeout=SECONDS)
    except TimeoutError:
        return Score(correct=False, answer=None, unparsable=True, why=_too_slow(target))
    if match is None:
        return Score(correct=False, answer=text, why=joined("the target's pattern is not found", why))
    return Score(correct=True, answer=match[0].strip() or text, why=why)


def _too_slow(pattern: str) -> str:
    return f"{TIMED_OUT}: finding {pattern!r} takes more than {SECONDS:g} s"


_problem = lru_cache(maxsize=1024)(pattern_problem)


# Every example may bring a pattern of its own.
@lru_cache(maxsize=1024)
def _compiled(pattern: str, ignore_case: bool) -> Any:
    import regex

    with warnings.catch_warnings():
        # About spellings that a later version of the package may read differently.
        warnings.simplefilter("ignore")
        return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
