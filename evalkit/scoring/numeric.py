"""Numeric: the answer's final number is the target's.

Where the final number is, both in the answer and in the target (which may be a whole worked solution):

1. in the last LaTeX \\boxed{…};
2. else after the last `####`, "A:", "Answer:" or "answer is": the number right after it or, where it opens an
   equation, what that comes to (Answer: 9 × 2 = 18 dollars); where words come first, the last number of the rest;
3. else the last number of the text.

After `####`, "A:" or "Answer:" without any number there is no answer, whatever numbers stand before it: a text that
breaks off has not answered, and "A: unknown" has. How numbers are written is in evalkit/scoring/numerals.py.

Only the end of a very long text is read.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from evalkit.scoring.amount import MOST_DIGITS, canonical, tolerance
from evalkit.scoring.numerals import Numeral, numerals, plain
from evalkit.scoring.wording import joined, wording
from evalkit.types import Example, Output, Score, SuiteFacts

LONGEST = 20_000  # characters that are read: the last ones, for the last number counts
_CUT_NUMBER = re.compile(r"\A[\d.,'’_]+")
_MARKER = re.compile(
    r"(?P<label>(?<!#)\#{4}(?!\#|\s*\d{1,2}[.)]\s+[A-Za-z])"  # but no heading such as "#### 2. Multiply"
    r"|(?:(?<!\w)A|\b(?i:answer))[*_]{0,3}\s?:)"
    r"|\b(?i:answer)[*_]{0,3}\s+(?:is|equals|would\sbe|will\sbe|comes\sto|=)\b"
)
_BOX = re.compile(r"\\f?boxed\s*\{")
# What may stand between a marker and its number: markup, currency, a word of caution, "x =".
_OPENING = re.compile(
    r"[^\w.!?]*+(?:(?:about|around|approximately|roughly|exactly|only|just|therefore|thus|simply)\b[^\w.!?]*+)*+"
    r"(?:[^\n=.!?]{0,40}=[^\w.!?]*+)?",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"(?<=[\w%°]) \(|[;\n]|[.!?,](?=\s|$)")


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Right iff the final numbers are equal, or as near as the suite's tolerances allow."""
    found, why = _final(wording(output))
    if found is None or found.value is None:
        wrong = None if example.target is None else False
        return Score(correct=wrong, answer=None, unparsable=True, why=why)
    answer = canonical(found.value)
    if example.target is None:
        return Score(correct=None, answer=answer, why=why)
    target, problem = _final(example.target)
    if target is None or target.value is None:
        return Score(correct=False, answer=answer, why=f"of the target, {problem}")
    near = abs(found.value - target.value) <= tolerance(facts.settings)(target.value)
    return Score(correct=near, answer=answer, why=why)


def _final(text: str) -> tuple[Numeral | None, str]:
    """The final number, or why there is none; and that not all of the text was read."""
    text, cut = _end_of(text)
    found, why = _where(plain(text))
    if found is None:
        return None, joined(why, cut)
    if found.value is None or len(canonical(found.value)) > MOST_DIGITS:
        return None, joined(f"the final number has more than {MOST_DIGITS} digits, or divides by zero", cut)
    return found, cut


def _end_of(text: str) -> tuple[str, str]:
    """The part of a text that is read, without the rest of a number that was cut in two; and a word on that."""
    if len(text) <= LONGEST:
        return text, ""
    end = text[-LONGEST:]
    return _CUT_NUMBER.sub("", end), f"only the last {LONGEST} characters were read"


def _where(text: str) -> tuple[Numeral | None, str]:
    box = _boxed(text)
    if box is not None:
        return _after(0, box, numerals(box)), "the box holds no number"
    found = numerals(text)
    for marker in reversed(list(_MARKER.finditer(text))):
        rest = found[bisect_left(found, marker.end(), key=lambda each: each.start) :]
        # Without a number, "I hope this answer is right" announces nothing.
        if rest or marker["label"] is not None:
            return _after(marker.end(), text, rest), f'nothing after the last "{marker[0].strip()}" is a number'
    free = _free(found)
    return (free[-1] if free else None), "the text holds no number"


def _boxed(text: str) -> str | None:
    """What the last \\boxed{…} holds, to its closing brace or to the end; None where none holds anything."""
    for box in reversed(list(_BOX.finditer(text))):
        depth, end = 1, box.end()
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        if content := text[box.end() : end].removesuffix("}").strip():
            return content
    return None


def _after(start: int, text: str, numbers: Sequence[Numeral]) -> Numeral | None:
    """Which of the numbers after `start` the text there is about."""
    found = _free(numbers)
    if not found:
        return None
    first = found[0]
    if _OPENING.fullmatch(text, start, first.start) is None:
        return found[-1]
    end = _CLAUSE_END.search(text, first.end)
    # The sides of an equation: 9 × 2 = 18, or 18 = 9 × 2. The answer is the last side that is a single number.
    sides = [[first]]
    for before, each in pairwise(found):
        if end is not None and each.start >= end.start():
            break
        between = text[before.end : each.start]
        if "=" in between or "≈" in between:
            sides.append([])
        sides[-1].append(each)
    return next((side[0] for side in reversed(sides) if len(side) == 1), sides[-1][0])


def _free(found: Sequence[Numeral]) -> Sequence[Numeral]:
    """The numbers that stand by themselves, if there are any; USD18 counts where there is no better."""
    return [each for each in found if not each.glued] or found
