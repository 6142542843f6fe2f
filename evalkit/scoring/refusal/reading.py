"""An answer read for its structure: thinking, code and quotations set apart, the rest cut into sentences and points.

Nothing here knows a language. Everything takes time proportional to the text, whatever the text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

# NFKC leaves curly quotes alone and pulls a free-standing acute apart, so these go first.
_QUOTES = str.maketrans(dict.fromkeys("‘’‛ʼ´′＇", "'") | dict.fromkeys("“”„‟«»″＂", '"'))
_INVISIBLE = str.maketrans(dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF]))
_THINK = re.compile(r"<(/?)(?:think|thinking|reasoning)>|\[(/?)THINK\]", re.IGNORECASE)
_SPACE = re.compile(r"[^\S\n]+")
# Longer "quotations" are two stray marks. Single marks count only where they cannot be apostrophes.
_QUOTED = re.compile(
    r"`[^`\n]{1,500}`"
    r'|"[^"\n]{1,600}"'
    r"|(?<![\w'])'(?=\S)(?:[^'\n]|(?<=\w)'(?=\w)){1,300}(?<=\S)'(?![\w'])"
)
_POINT = re.compile(r"(?:[-+•◦‣·–]|\(?(?:\d{1,3}|[a-z]|[ivx]{2,5})[.):]|[^\W\d_]{3,9} \d{1,3}[.):])\s+")
_SPEECH = re.compile(r"[^\W\d_][\w .'()]{0,24}: ?\S")
_DECORATION = re.compile(r"[*_~#]{1,8}")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')\]]{0,3}\s+")
# Only the beginning and the end can decide, and a million one-letter sentences would take their time.
FIRST, LAST = 300, 40
QUOTATION = "«»"  # what stands for one: no answer holds these signs by then
CHUNK = 1000  # letters
DIALOGUE = 3  # lines of the shape "name: words" that make a dialogue


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence of prose, a point of a list, or a line of a dialogue. `words` counts what it quotes, too."""

    text: str
    kind: Literal["prose", "item", "speech"]
    words: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer is made of. `pieces` hold neither code nor quotations."""

    pieces: tuple[Piece, ...]
    code: int  # lines of code in fences
    code_at: int  # how many pieces stand before the first of them; meaningless without code


def after_thinking(text: str) -> str | None:
    """The text without its thinking, or None where there is nothing but thinking that never ends.

    A closing mark without an opening one ends thinking too: some templates write the opening mark themselves.
    """
    kept: list[str] = []
    start, inside = 0, False
    for mark in _THINK.finditer(text):
        closing = bool(mark.group(1) or mark.group(2))
        if not inside:
            if closing:
                kept.clear()
            else:
                kept.append(text[start : mark.start()])
            start = mark.end() if closing else mark.start()
        elif closing:
            start = mark.end()
        inside = not closing
    if inside and not "".join(kept).strip():
        return None
    return "".join(kept) + text[start:]


def read(text: str, role: re.Pattern[str]) -> Reading:
    """The pieces of an answer that holds no thinking any more; `role` is a speaker's name to drop in front."""
    plain = _folded(text.translate(_QUOTES).translate(_INVISIBLE).strip()).translate(_QUOTES)
    plain = _unwrapped(role.sub("", "\n".join(plain.lower().splitlines()).strip(), count=1))
    lines: list[str] = []
    code, code_at, fenced = 0, 0, False
    for line in plain.split("\n"):
        line = _SPACE.sub(" ", line).strip()
        if line.startswith(("```", "~~~")):
            fenced = not fenced
        elif fenced:
            code_at = code_at if code else len(lines)
            code += bool(line)
        elif line and not line.startswith(">"):
            lines.append(line)
    talks = sum(bool(_SPEECH.match(line)) for line in lines) >= DIALOGUE
    pieces: list[Piece] = []
    at = 0
    for number, line in enumerate(lines):
        at = len(pieces) if number == code_at else at
        pieces += _pieces(line, talks=talks)
    at = at if code_at < len(lines) else len(pieces)
    if len(pieces) > FIRST + LAST:
        pieces = pieces[:FIRST] + pieces[-LAST:]
    return Reading(pieces=tuple(pieces), code=code, code_at=at)


def _folded(text: str) -> str:
    """The text in compatibility form, bit by bit: Python takes quadratic time to order a long run of accents."""
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFKC", text[at : at + CHUNK]) for at in range(0, len(text), CHUNK))


def _unwrapped(text: str) -> str:
    """The text without quotation marks that enclose the whole of it: those quote nobody."""
    if len(text) > 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        return text[1:-1].strip()
    return text


def _pieces(line: str, *, talks: bool) -> list[Piece]:
    """The sentences of a line, or the line as one piece where it is a point or speech."""
    starred = line.startswith("* ")  # a bullet; any other asterisk is emphasis
    quoted: list[int] = []

    def cut(found: re.Match[str]) -> str:
        quoted.append(found.group().count(" "))
        return QUOTATION

    text = _DECORATION.sub("", _QUOTED.sub(cut, line)).strip()
    point = _POINT.match(text)
    if point or starred or text.startswith("|"):
        text = text[point.end() :] if point else text
        return [Piece(text, "item", _words(text) + sum(quoted))] if text else []
    if talks and _SPEECH.match(text):
        return [Piece(text, "speech", _words(text) + sum(quoted))]
    sentences = [each.strip() for each in _SENTENCE_END.split(text)]
    pieces = [
        Piece(each, "prose", _words(each)) for each in sentences if QUOTATION in each or any(map(str.isalnum, each))
    ]
    if pieces and quoted:
        pieces[-1] = Piece(pieces[-1].text, "prose", pieces[-1].words + sum(quoted))
    return pieces


def _words(text: str) -> int:
    return text.count(" ") + 1
