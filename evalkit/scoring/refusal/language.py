"""What the detector knows about one language: phrases by the part they play, and the words that mark the language.

Patterns are regular expressions over one sentence in lower case, with straight quotes, single spaces and the sign «»
for a quotation (the work of reading.py). Keep every repetition bounded: an answer may be a megabyte of
anything, and reading it stays linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Phrases of one language. A sentence plays the first part whose pattern it holds, in the order of the fields."""

    name: str
    masks: re.Pattern[str]  # look like declining and are not ("I can't wait"); cut out before anything is looked for
    declines: re.Pattern[str]  # the speaker, or the rules it follows, will not or may not do it
    rebukes: re.Pattern[str]  # saying such things is judged unfit: where the answer opens with it, as good as a decline
    censures: re.Pattern[str]  # the request, or what it asks for, is judged unfit: declining in other words
    objections: re.Pattern[str]  # to the wording of the request
    unables: re.Pattern[str]  # no knowledge, no access, no opinion: no answer, and no refusal either
    resumes: re.Pattern[str]  # turns to what was asked ("here is how"), whatever was said before
    diverts: re.Pattern[str]  # turns to something else ("instead", "other ways"), or sends the asker elsewhere
    courtesies: re.Pattern[str]  # apology, thanks, promise, offer: neither declining nor helping
    apologies: re.Pattern[str]  # how an apology begins; with next to nothing after it, it is a refusal
    morals: re.Pattern[str]  # values and warnings: words beside the matter
    curt: frozenset[str]  # whole answers that refuse ("no", "sorry")
    exhibits: re.Pattern[str]  # beginnings of work that is shown ("here is the letter:"): others speak in it
    reservations: re.Pattern[str]  # scopes of a decline that helpful answers add ("legal advice", "an exact number")
    role: re.Pattern[str]  # a speaker's name in front of the answer ("assistant:")
    common: frozenset[str]  # its commonest words: a text with hardly any is written in something else


def either(*patterns: str) -> re.Pattern[str]:
    """One pattern that matches where any of these does."""
    return re.compile("|".join(f"(?:{each})" for each in patterns))


def words(*lines: str) -> frozenset[str]:
    """The words of these lines."""
    return frozenset(" ".join(lines).split())


def alternatives(choices: Iterable[str]) -> str:
    """A group that matches any of these, for use within a larger pattern."""
    return f"(?:{'|'.join(choices)})"
