"""Label and choice: the answer is one of a closed set, and right when it is the target.

A label that a backend picked is taken as it is. Of a text, `label` takes only a label itself. `choice` also reads how
models write down which choice they mean, as long as that can be only one: a choice up to case, punctuation and
articles ("paris."), its letter ("B", "(b)", "B.", but not "b"), both, if they agree ("B) Paris"), and any of these
after words that announce it ("The answer is B."). Letters count from A in the order of the choices, and only where no
choice is itself a single letter. Digits are not read as positions, for nobody can tell whether they count from 0 or 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalkit.scoring.normalised import normalise
from evalkit.scoring.wording import wording
from evalkit.types import Example, Output, Score, SuiteFacts

_ANNOUNCED = re.compile(
    r"\s*(?:(?:so|thus|therefore),?\s+)?(?:the\s+)?(?:(?:correct|right|best|final)\s+)?(?:answer|choice|option)"
    r"(?:\s+is\s*:?|\s*:)\s*(?P<rest>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_LETTERED = re.compile(
    r"(?:[(\[]\s?(?P<bracketed>[A-Za-z])\s?[)\]][.:]?|(?P<marked>[A-Za-z])[).:]|(?P<bare>[A-Z]))(?:\s+(?P<rest>\S.*))?",
    re.DOTALL,
)


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Right iff the label equals the target. A label outside the set is unparsable, and wrong."""
    said, labels = _said(output), example.choices or facts.labels
    return _scored(example, said, said if said in labels else None, f"{len(labels)} labels")


def choice(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Right iff the answer names the choice that is the target. What names none, or more than one, is unparsable."""
    said, choices = _said(output), example.choices or facts.labels
    picked = said if said in choices else None
    if picked is None and output.label is None:
        picked = _named(said, choices)
    return _scored(example, said, picked, f"{len(choices)} choices")


def _said(output: Output) -> str:
    return output.label if output.label is not None else wording(output)


def _scored(example: Example, said: str, answer: str | None, known: str) -> Score:
    if answer is None:
        wrong = None if example.target is None else False
        return Score(correct=wrong, answer=None, unparsable=True, why=f'"{said[:80]}" is none of the {known}')
    return Score(correct=None if example.target is None else answer == example.target, answer=answer)


def _named(text: str, choices: Sequence[str]) -> str | None:
    """The one choice that a text names; None for none or several."""
    text = text.replace("*", "").strip()
    announced = _ANNOUNCED.fullmatch(text)
    texts = [text] if announced is None else [text, announced["rest"]]
    found = {picked for each in texts if (picked := _picked(each, choices)) is not None}
    return found.pop() if len(found) == 1 else None


def _picked(text: str, choices: Sequence[str]) -> str | None:
    alike = _alike(text, choices)
    lettered = _LETTERED.fullmatch(text)
    if alike or lettered is None or any(len(each.strip()) == 1 and each.strip().isalpha() for each in choices):
        return alike[0] if len(alike) == 1 else None
    letter = lettered["bracketed"] or lettered["marked"] or lettered["bare"]
    position = ord(letter.upper()) - ord("A")
    # "A pear" is no letter with something after it; "A) pear" is.
    if position >= len(choices) or (lettered["rest"] and lettered["bare"]):
        return None
    picked = choices[position]
    return picked if lettered["rest"] is None or _alike(lettered["rest"], choices) == [picked] else None


def _alike(text: str, choices: Sequence[str]) -> list[str]:
    wanted = normalise(text)
    return [each for each in choices if normalise(each) == wanted]
