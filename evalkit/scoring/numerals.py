"""Numbers as people and models write them → exact values, with their places in the text.

    1,234.50   1 234   1'234   1_234   12,34,567   1.234.567,5   1 234,5   0,75   .5   −3   -$5   1e-3   3 × 10^6
    3/4   1 1/2   1½   \\frac{3}{4}   3 million   ５   ٣

* What could be either is read the English way: 1,234 is a thousand and more, 1.234 is one and a bit. A comma is
  decimal where it cannot part thousands: 1,5   0,125   1234,567. Lists of numbers need a space after the comma.
* Currency, units and per cent signs are passed over: 50% is 50.
* Digits that belong to a word or to a power are no numbers of their own: H2O, x₂, m², x^2.
* Numbers spelled out (eighteen) are not read.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from evalkit.scoring.amount import exact


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number and where it stands. `value` is None when it is longer than can be read, or divides by zero; `glued`
    when letters stand right before it, as in USD18."""

    start: int
    end: int
    value: Fraction | None
    glued: bool


_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NUMERAL = re.compile(
    r"""
    (?P<sign>(?<![\w)\]}])[-+](?:[$€£¥₹][ ]?)?)?        # a minus after an operand takes away: 10-5
    (?<!\d)(?<!\d\.)(?<!\^)(?<!\^[-+(])(?<!\d\*\*)     # not inside a number, not a power
    (?:
      10(?:\^|\*\*)\(?(?P<ten>[-+]?\d++)\)?            # 10^6
    |
      (?:(?P<whole>\d{1,9})[ ](?=\d++[ ]?/))?           # 1 1/2
      (?<!\d/)(?P<over>\d++)[ ]?/[ ]?(?P<under>\d++)(?![ ]?/|[.,]?\d)
    |
      (?:
        (?<!\d,)(?P<commas>(?!0)\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?)(?!,?\d)
      | (?P<spaces>(?!0)\d{1,3}(?P<gap>[ '’_])\d{3}(?:(?P=gap)\d{3})*(?:[.,]\d+)?)(?!\d)
      | (?P<dots>(?!0)\d{1,3}(?:\.\d{3})+,\d+|(?!0)\d{1,3}(?:\.\d{3}){2,})(?![.,]?\d)
      | (?<!\d,)(?P<comma>0,\d++|\d{4,},\d++|\d++,(?:\d{1,2}|\d{4,}))(?![.,]?\d)
      | (?P<plain>\d++(?:\.\d++)?+|(?<![\w.])\.\d++)
      )
      (?:[eE](?P<exponent>[-+]?\d++)(?!\w))?
      (?:[ ]?[×x*·][ ]?10(?:\^|\*\*)\(?(?P<power>[-+]?\d++)\)?)?
    )
    (?!\^[-+(]?\d|\*\*[-+(]?\d)
    (?:[ ]?(?P<scale>thousand|million|billion|trillion)\b)?
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_ANNOTATION = re.compile(r"<<[^<>\n]*>>|<<[^\s<>][^<>\n]*\Z")
_LATEX = (
    (re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\!|\\left\b|\\right\b"), ""),
    (re.compile(r"\\[,;: ]"), " "),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"\\(?:times|cdot)\b"), "×"),
    (re.compile(r"\\approx\b"), "≈"),
    (re.compile(r"\^\s*+\{?\s*+\\circ\s*+\}?"), "°"),
    (re.compile(r"\^\s*\{\s*([-+]?\d+)\s*\}"), r"^\1"),
    # Two steps: 1\frac{1}{2} is one and a half, not eleven halves.
    (re.compile(r"(?<=\d)\s*(?=\\[dt]?frac)"), " "),
    (re.compile(r"\\[dt]?frac\s*(?:\{\s*(\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))"), r"\1\2/\3\4"),
)
_SAME = str.maketrans({"⁄": "/", "∕": "/", "−": "-", "–": "-", "‐": "-", "‑": "-", "٫": ".", "٬": ",", "⋅": "·"})


def plain(text: str) -> str:
    """The text with one way of writing each thing: Unicode NFKC, ASCII digits and minus, x² as x^2, LaTeX as plain
    text; without the <<9*2=18>> of GSM8K, which is a calculator's, nor one that was cut off."""
    if not text.isascii():
        text = "".join(map(_unfold, text))
        # Powers run together: 10⁻³ is 10^-3, which _unfold wrote as 10^-^3.
        text = re.sub(r"(?<=[\^])([-+\d])((?:\^\d)+)", lambda found: found[1] + found[2].replace("^", ""), text)
        text = unicodedata.normalize("NFKC", text).translate(_SAME)
        text = "".join(str(unicodedata.decimal(each)) if each > "9" and each.isdecimal() else each for each in text)
    text = _ANNOTATION.sub("", text)
    if "\\" in text or "{" in text:
        for pattern, instead in _LATEX:
            text = pattern.sub(instead, text)
    return text


def _unfold(char: str) -> str:
    """Characters that NFKC would run into the digits before them: ² and ½."""
    kind, _, rest = unicodedata.decomposition(char).partition(" ")
    if kind == "<super>":
        small = "".join(chr(int(each, 16)) for each in rest.split()).replace("−", "-")
        return f"^{small}" if small in "+-" or small.isdecimal() else char
    return f" {char}" if kind == "<fraction>" else char


def numerals(text: str) -> list[Numeral]:
    """The numbers of a `plain` text, in order."""
    return [_numeral(found) for found in _NUMERAL.finditer(text)]


def _numeral(found: re.Match[str]) -> Numeral:
    before = found.string[found.start() - 1 : found.start()] if found.start() else ""
    glued = found["sign"] is None and before.isascii() and (before.isalpha() or before == "_")
    value = _fraction(found) if found["under"] is not None else _decimal(found)
    if value is not None and found["scale"]:
        value *= _SCALES[found["scale"].lower()]
    if value is not None and (found["sign"] or "").startswith("-"):
        value = -value
    return Numeral(start=found.start(), end=found.end(), value=value, glued=glued)


def _fraction(found: re.Match[str]) -> Fraction | None:
    over, under = exact(found["over"]), exact(found["under"])
    if over is None or not under:
        return None
    # "5 10/2" is two numbers of which the last counts; only a proper fraction joins the number before it.
    whole = int(found["whole"]) if found["whole"] and over < under else 0
    return whole + over / under


def _decimal(found: re.Match[str]) -> Fraction | None:
    if found["ten"] is not None:
        return _power_of_ten(found["ten"])
    text = found["plain"] or found["commas"]
    if text is not None:
        text = text.replace(",", "")
    else:
        text = found["spaces"] or found["dots"] or found["comma"]
        if found["dots"]:
            text = text.replace(".", "")
        text = re.sub(r"[ '’_]", "", text).replace(",", ".")
    value = exact(text + (f"e{found['exponent']}" if found["exponent"] else ""))
    power = Fraction(1) if found["power"] is None else _power_of_ten(found["power"])
    return None if value is None or power is None else value * power


def _power_of_ten(power: str) -> Fraction | None:
    return exact(f"1e{power}")
