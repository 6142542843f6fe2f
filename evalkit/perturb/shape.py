"""Format: the text as a form, a chat, a note or a program would hand it over. The text itself stays whole."""

from __future__ import annotations

import json
from collections.abc import Sequence

from evalkit.perturb.draws import Draws

# `{}` is where the text goes. Those of the second list would take a text of several lines apart.
_ANY = ("“{}”", '"{}"', "[{}]", "<text>{}</text>", "Input: {}", "Text:\n{}", "---\n{}\n---", "***\n{}\n***")
_ONE_LINE = ("- {}", "* {}", "### {}", "> {}", "**{}**")


def perturb(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """The text in another shape; unchanged where there is none to shape."""
    if not text.strip():
        return text
    shapes = [*_ANY]
    if "\n" not in text:
        shapes += _ONE_LINE
    if "```" not in text:
        shapes.append("```\n{}\n```")
    # As JSON only what needs no escapes there: they would take a value apart that the answer has to repeat.
    if json.dumps(text, ensure_ascii=False) == f'"{text}"':
        shapes += ['{{"text": "{}"}}', '{{"input": "{}"}}']
    if text.rstrip().endswith("?"):
        shapes += ["Q: {}", "Q: {}\nA:", "Question: {}"]
    before, after = draws.pick(shapes).replace("{{", "{").replace("}}", "}").split("{}")
    return before + text + after
