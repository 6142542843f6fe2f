"""The page's script and style lose comments and indentation, and nothing else."""

from __future__ import annotations

import re

import pytest

from evalkit import report
from evalkit.report import page
from evalkit.report.compact import compact_script, compact_style
from tests.report import records

# What a reader of the page has to load besides the run itself.
SHELL = 150_000


def test_comments_of_their_own_lines_and_indentation_go() -> None:
    source = '/** What it does.\n * And how. */\nfunction f() {\n  // why\n  return "// no comment"; // stays\n\n}\n'
    assert compact_script(source) == 'function f() {\nreturn "// no comment"; // stays\n}\n'
    style = '/* why */\na:hover, b > c {\n  color: red; /* stays */\n}\nd::before { content: "; : {"; }\n'
    assert compact_style(style) == 'a:hover,b > c{\ncolor:red;/* stays */\n}\nd::before { content: "; : {"; }\n'
    assert compact_style("a { width: calc(1px + 2px); margin: 0 1px; }") == "a{width:calc(1px + 2px);margin:0 1px}\n"


def test_a_text_that_goes_over_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2 begins a text in backticks"):
        compact_script("const a = 1;\nconst b = `one\n  two`;\n")


@pytest.mark.parametrize("folder", ["script", "style"])
def test_nothing_of_the_pages_own_files_is_lost_but_comments_and_space(folder: str) -> None:
    names, suffix = (page._SCRIPT, "js") if folder == "script" else (page._STYLE, "css")
    for name in names:
        source = (page._TEMPLATES / folder / f"{name}.{suffix}").read_text(encoding="utf-8")
        kept = (compact_script if suffix == "js" else compact_style)(source)
        lines = [line.strip() for line in re.sub(r"(?ms)^[ \t]*/\*.*?\*/[ \t]*$", "", source).splitlines()]
        lines = [line for line in lines if line and not (suffix == "js" and line.startswith("//"))]
        if suffix == "js":
            assert kept.splitlines() == lines
        else:
            assert _bare(kept) == _bare("\n".join(lines))
        assert compact_script(kept) == kept if suffix == "js" else compact_style(kept) == kept


def _bare(style: str) -> str:
    """A style sheet without any space, and without the last sign of a block."""
    return re.sub(r"\s", "", style).replace(";}", "}")


def test_script_and_style_together_stay_small() -> None:
    source = report.html(records.passing())
    held = sum(len(text) for _, text in re.findall(r"<(style|script)>(.*?)</\1>", source, flags=re.DOTALL))
    assert held < SHELL
