"""Judge: marks by what a judge said of the answer (`Output.judgement`); the judge itself spoke before, in
evalkit/judging.py, and its words are stored, so judging a stored run again needs no model.

Only the judge's own words are read. Whatever they cannot be read as one verdict is unparsable, worth nothing and
counted, never guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from evalkit.scoring.wording import wording
from evalkit.types import Example, Output, Score, SuiteFacts

_RECORD = re.compile(r"\{[^{}]*\}")
# A line, perhaps in Markdown, that says: here is the verdict.
_SAID = re.compile(
    r"^[\W_]*(?:(?:my|the|final|overall)\s+)*(?:verdict|judge?ment|grade|rating|score)[\W_]*?[:=](?P<rest>.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_DENIED = re.compile(r"(?:\b(?:not|never|neither|nor|no|hardly|cannot)|n['’]t)(?:\s+[\w'’-]+){0,2}\s+$", re.IGNORECASE)
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

    The last explicit verdict decides: JSON with the key "verdict", or a line such as "Verdict: X". Without one it is
    the last line that holds any of the words. A line with two of them, or with one denied ("not right"), is none.
    """
    if judgement is None:
        return None, "the judge gave no answer"
    explicit = sorted([*_records(judgement), *((found.start(), found["rest"]) for found in _SAID.finditer(judgement))])
    if explicit:
        line = explicit[-1][1]
    else:
        lines = [each for each in judgement.splitlines() if _named(each, words)]
        line = lines[-1] if lines else ""
    named = _named(line, words)
    said = " ".join((line or judgement).split())
    said = f"{said[:_QUOTED]!r}" + ("…" if len(said) > _QUOTED else "")
    if not named:
        return None, f"the judge said none of {', '.join(words)}: {said}"
    if len({word for word, _ in named}) > 1:
        return None, f"the judge said {' and '.join(sorted({word for word, _ in named}))}: {said}"
    if any(_DENIED.search(line[:start]) for _, start in named):
        return None, f"the judge denied a word without saying another: {said}"
    return named[0][0], ""


def _named(line: str, words: Sequence[str]) -> list[tuple[str, int]]:
    """The words that stand in a line as whole words, each with its place; of "not right" and "right" the longer."""
    by_name = {word.casefold(): word for word in words}
    longest_first = sorted(words, key=len, reverse=True)
    pattern = "|".join(re.escape(word) for word in longest_first)
    # Not within a longer word or number either: 1 is not in 0.1 or 1.5, nor right in right-ish.
    found = re.finditer(rf"(?<![\w.-])(?:{pattern})(?![\w-]|[.,]\d)", line, re.IGNORECASE)
    return [(by_name[each[0].casefold()], each.start()) for each in found if each[0].casefold() in by_name]


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
