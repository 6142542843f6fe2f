"""Judge: marks by what a judge said of the answer (`Output.judgement`); the judge itself spoke before, in
evalkit/judging.py, and its words are stored, so judging a stored run again needs no model.

Only the judge's own words are read. Whatever they cannot be read as one verdict is unparsable, worth nothing and
counted, never guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from evalkit.scoring.wording import wording
from evalkit.types import Example, Output, Score, SuiteFacts

# Characters at the end that are read. A verdict ends what a judge says, and this is some 16 000 tokens, where a judge
# is given 256 by default: what stands further back is thinking aloud.
READ = 65_536
_RECORD = re.compile(r"\{[^{}]*\}")
# A line, perhaps in Markdown, that says: here is the verdict. Matched line by line, because what may stand before the
# word would run on over line ends, from each of them anew.
_SAID = re.compile(
    r"[\W_]*+(?:(?:my|the|final|overall)\s+)*+(?:verdict|judge?ment|grade|rating|score)[\W_]*?[:=](?P<rest>.*)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]")
# A word that denies, and how far that reaches: to the first, second or third word after it. Emphasis changes nothing.
_DENIED = re.compile(
    r"(?:\b(?:not|never|neither|nor|no|hardly|cannot)|n['’]t)(?=([\s*]++)(?:[\w'’-]++([\s*]++)(?:[\w'’-]++([\s*]++))?)?)",
    re.IGNORECASE,
)
# What may stand before the word on a line that says no more than it.
_AROUND = re.compile(
    r"^[\W_]*(?:(?:so|but|thus|hence|therefore|overall|in short)\b[\W_]*)?"
    r"(?:(?:i\s+(?:would\s+)?(?:say|judge|rate|grade|find)(?:\s+that)?|my\s+answer\s+is)\b[\W_]*)?"
    r"(?:(?:(?:the|this|that)\s+)?(?:(?:student|model)(?:['’]s)?\s+)?(?:answer|response|reply|it)\s+(?:is|was)\b)?",
    re.IGNORECASE,
)
_QUOTED = 80


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Right iff the verdict is worth 1, or with other marks than 0 and 1, those marks. The answer is what was said."""
    marks = facts.settings["marks"]
    word, why = verdict_in(output.judgement, list(marks))
    mark = 0.0 if word is None else float(marks[word])
    return Score(
        correct=None if example.target is None or facts.marked else mark == 1,
        answer=wording(output),
        unparsable=word is None,
        marks=mark if facts.marked else None,
        why=why if word is None else f"judged {word}",
    )


def verdict_in(judgement: str | None, words: Sequence[str]) -> tuple[str | None, str]:
    """The one of `words` that the judge decided on; None and why not, where it did not.

    The last explicit verdict decides: JSON with the key "verdict", or a line such as "Verdict: X", where X may stand
    on the next line that is not blank. Without one it is the last line, where that says nothing but one of the words
    ("Right.", "The answer is right"): a judge that was cut off, or that thinks aloud to the end, has not decided. A
    line with two of them, with one denied ("not right") or with a question is none. Takes time in proportion to the
    length, whatever is said.
    """
    if judgement is None:
        return None, "the judge gave no answer"
    read = _end_of(judgement)
    if explicit := sorted([*_records(read), *_lines(read, words)]):
        line = explicit[-1][1]
    else:
        line = next((each for each in reversed(read.splitlines()) if _WORD.search(each)), "")
    named = _named(line, words)
    said = " ".join((line or judgement[-READ:]).split())
    said = f"{said[:_QUOTED]!r}" + ("…" if len(said) > _QUOTED else "")
    if not named:
        return None, f"the judge said none of {', '.join(words)}: {said}"
    if len({word for word, _ in named}) > 1:
        return None, f"the judge said {' and '.join(sorted({word for word, _ in named}))}: {said}"
    denied = {found.end(group) for found in _DENIED.finditer(line) for group in (1, 2, 3)}
    if any(start in denied for _, start in named):
        return None, f"the judge denied a word without saying another: {said}"
    if "?" in line or not (explicit or _says_no_more(line, words)):
        return None, f"the judge came to no verdict: {said}"
    return named[0][0], ""


def _says_no_more(line: str, words: Sequence[str]) -> bool:
    """Whether a line says one of the words, perhaps of "the answer", and nothing else."""
    return not _WORD.search(_pattern(tuple(words)).sub("", _AROUND.sub("", line), count=1))


def _end_of(judgement: str) -> str:
    """What is read of it: whole lines, for half of one may say the contrary."""
    if len(judgement) <= READ:
        return judgement
    # One character more, which tells whether a line begins where the cut falls.
    return "".join(judgement[-READ - 1 :].splitlines(keepends=True)[1:])


def _named(line: str, words: Sequence[str]) -> list[tuple[str, int]]:
    """The words that stand in a line as whole words, each with its place; of "not right" and "right" the longer."""
    by_name = {word.casefold(): word for word in words}
    found = _pattern(tuple(words)).finditer(line)
    return [(by_name[each[0].casefold()], each.start()) for each in found if each[0].casefold() in by_name]


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the words. Not within a longer word or number: 1 is not in 0.1 or 1.5, nor right in right-ish."""
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w.-])(?:{either})(?![\w-]|[.,]\d)", re.IGNORECASE)


def _lines(judgement: str, words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines that say a verdict, last first: their place, and what they say, or what the next line with words says."""
    lines = judgement.splitlines(keepends=True)
    start, below = len(judgement), ""
    for line in reversed(lines):
        start -= len(line)
        if found := _SAID.match(line):
            rest = found["rest"]
            yield start, rest if _says(rest, words) else below
        if _says(line, words):
            below = line


def _says(line: str, words: Sequence[str]) -> bool:
    """Whether a line is more than blanks and decoration."""
    return _WORD.search(line) is not None or bool(_named(line, words))


def _records(judgement: str) -> Iterator[tuple[int, str]]:
    """JSON objects with a verdict: their place, and what they say."""
    for found in _RECORD.finditer(judgement):
        try:
            record = json.loads(found[0])
        except (ValueError, RecursionError):
            continue
        for name, value in record.items():
            if name.casefold() == "verdict":
                yield found.start(), value if isinstance(value, str) else json.dumps(value)
