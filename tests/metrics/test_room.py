"""The room itself: every file is a family of the table or one that the room says what it is for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from evalkit import metrics
from evalkit.metrics import RUN_TABLE, TABLE, families, run_families

FILES = sorted(path for path in Path(metrics.__file__).parent.glob("*.py") if path.stem != "__init__")
MODULES = {place.partition(":")[0].rpartition(".")[2] for place in (*TABLE.values(), *RUN_TABLE.values())}


def test_every_file_is_a_family_or_named() -> None:
    named = re.findall(r"^    ([a-z_]+) {2,}\S", metrics.__doc__ or "", re.MULTILINE)
    assert sorted([*named, *MODULES]) == [file.stem for file in FILES]


def test_a_family_is_called_what_the_table_calls_it() -> None:
    own = [family for family in families() if family.measure.__module__.startswith("evalkit.")]
    assert [family.name for family in own] == list(TABLE)
    assert len(run_families()) == len(RUN_TABLE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_says_in_its_first_line_what_it_holds(file: Path) -> None:
    said = ast.get_docstring(ast.parse(file.read_text("utf-8")))
    assert said
    first, _, rest = said.partition("\n")
    assert first.endswith((".", "?"))
    assert not rest.strip() or rest.startswith("\n")
