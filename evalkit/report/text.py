r"""The one sanitiser for untrusted text: model output, prompts, ids, slice values, names from files.

Everything here is hostile until proven otherwise: it may hold terminal escapes, bidi overrides, markup, CI
commands or spreadsheet formulas. `visible` makes text harmless *and keeps it readable*: what cannot be seen is
written as a code (`\x1b`, `\u202e`), never dropped, because a reader has to see what the model said. Each sink
adds its own wrapper. Every function is total: any `str`, lone surrogates included, gives a `str`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Letters and marks by category, but drawn as nothing: fillers, joiners and selectors that smuggle text.
_UNSEEN = frozenset(
    [
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
        *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0)),
    ]
)
# Control, format, surrogate, private, unassigned (the noncharacters too), line and paragraph separators.
_MARKED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class _Marks(dict[int, str]):
    """A translation table that fills itself: scanning all of Unicode at import would cost every command 0.2 s."""

    def __missing__(self, code: int) -> str:
        shown = chr(code)
        if code not in (0x09, 0x0A) and (code in _UNSEEN or unicodedata.category(shown) in _MARKED):
            shown = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        self[code] = shown
        return shown


_TABLE = _Marks()
_ZERO_WIDTH = "&#8203;"


def visible(text: str, limit: int | None = None) -> str:
    """The text with every unseen or dangerous character written as a code; newline and tab stay.

    With a limit, what follows the first `limit` characters is replaced by "… (N more characters)", N counted
    in the original. Without one, `visible(visible(x)) == visible(x)`.
    """
    if limit is None or len(text) <= limit:
        return text.translate(_TABLE)
    return f"{text[:limit].translate(_TABLE)}… ({len(text) - limit} more characters)"


def one_line(text: str, limit: int | None = None) -> str:
    """`visible`, on one line: every run of blanks becomes a single space."""
    return " ".join(visible(text, limit).split())


def for_terminal(text: str, limit: int | None = None, *, ascii_only: bool = False) -> str:
    """One line without escapes, in which a CI runner sees no command (`##[…]`, `::…::`) either."""
    shown = one_line(text, limit)
    # GitHub's runner acts on `##[` anywhere in a line and on `::` at its start, and wrapping may start a line anywhere.
    shown = shown.replace("##[", "##\\x5b").replace("::", ":\\x3a")
    return shown.encode("ascii", "backslashreplace").decode("ascii") if ascii_only else shown


_MARKDOWN = {
    "\\": "\\\\",
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "|": "&#124;",
    "`": "&#96;",
    "[": "&#91;",
    "]": "&#93;",
    "$": "&#36;",
    "*": "\\*",
    "~": "\\~",
    # A forge links mentions, e-mail addresses, issues and bare URLs in the *rendered* text, where an entity
    # is decoded again: only a character in between stops it.
    "@": f"@{_ZERO_WIDTH}",
    "#": f"\\#{_ZERO_WIDTH}",
}
_MARKDOWN_TABLE = str.maketrans(_MARKDOWN)


# An interval, and signs that stand alone, begin nothing: no link without a bracket behind it, no tag without a letter.
_PLAIN = re.compile(
    r"\[[-+\u2212]?[0-9][0-9.]*, [-+\u2212]?[0-9][0-9.]*\](?=[ ;,.)])|(?:^|(?<= ))[<&](?= )|(?<= )(?:>|<=|>=)(?= )"
)
# They wait as control characters, of which nothing is left in a text that has been made visible.
_PLAIN_TABLE = str.maketrans("[]<>&", "\x01\x02\x03\x04\x05")
_PLAIN_BACK = str.maketrans("\x01\x02\x03\x04\x05", "[]<>&")
# What begins a list, or a line that underlines or divides: at the start, and only before a blank or all through.
_BLOCK = re.compile(r"^([-+](?=\s|$)|[-=](?=[-=\s]*$)|\d{1,9}(?=[.)](?:\s|$)))")


def for_markdown(text: str, limit: int | None = None) -> str:
    """One line that any Markdown renderer, in a table or not, shows as plain text: no markup, link, image, mention.

    Only what could be read as markup is escaped, for somebody may read the file itself: `97.9 % [95.8, 99.9]`,
    `p < 0.001` and `R & D` stay as they are.
    """
    shown = _PLAIN.sub(lambda found: found[0].translate(_PLAIN_TABLE), one_line(text, limit))
    shown = shown.translate(_MARKDOWN_TABLE).translate(_PLAIN_BACK)
    shown = re.sub(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])", r"\\_", shown)
    shown = re.sub(r"(?i)(https?|ftp|mailto|xmpp|\bgh-|www)(?=[:.0-9])", rf"\g<1>{_ZERO_WIDTH}", shown)
    return _BLOCK.sub(lambda found: _lead(found.group(1)), shown)


def _lead(start: str) -> str:
    """What would begin a list or an underlined heading, made to begin nothing."""
    return f"{start}\\" if start.isdigit() else f"\\{start}"


def for_xml(text: str, limit: int | None = None) -> str:
    """Content or a double-quoted attribute of an XML 1.0 document: legal characters only, and escaped."""
    shown = visible(text, limit)
    for raw, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&apos;")):
        shown = shown.replace(raw, entity)
    return shown


def for_xml_name(text: str, limit: int | None = None) -> str:
    """`for_xml` on one line: a parser turns a raw newline in an attribute into a space, and names must not change."""
    return for_xml(one_line(text, limit))


def xml_within(lines: Iterable[str], size: int) -> str:
    """Lines as XML content of at most `size` bytes: whole lines while they fit, then an honest count."""
    kept, used, left = [], 0, list(lines)
    while left:
        line = for_xml(left[0], 600)  # 600 characters are 6 kB at most, even as codes
        used += len(line.encode()) + 1
        if used > size - 64:  # room for the sentence below
            break
        kept.append(line)
        left.pop(0)
    if left:
        kept.append(f"… ({len(left)} more lines; verdict.json has them all)")
    return "\n".join(kept)


_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_cell(text: str, limit: int | None = None) -> str:
    """The text so that a spreadsheet reads it as text: what would start a formula gets an apostrophe before it.

    Quoting for commas and newlines is the CSV writer's own work.
    """
    shown = visible(text, limit)
    risky = text[:1] in ("\t", "\r", "\n") or shown.lstrip()[:1] in _FORMULA
    return f"'{shown}" if risky and shown else shown


_ASCII = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "×": "x", "…": "...", "≥": ">=", "≤": "<=", "·": "|", "→": "->", "’": "'"}
    | {"∞": "inf", "“": '"', "”": '"', "✓": "+", "✗": "x", "⚑": "w", "∅": "0", "±": "+-"}
)


def plain_ascii(text: str) -> str:
    """Our own typography in ASCII, for outputs that cannot carry UTF-8; other characters become codes."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
