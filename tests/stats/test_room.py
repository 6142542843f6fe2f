"""The room itself: it stands alone, starts fast, draws nothing behind anyone's back and says what is where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import evalkit.stats

FILES = sorted(Path(evalkit.stats.__file__).parent.glob("*.py"))
ALLOWED_AT_THE_TOP = {"numpy", *sys.stdlib_module_names}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_imports_only_numpy_and_this_room_at_its_top(file: Path) -> None:
    for node in ast.parse(file.read_text("utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            assert name.startswith("evalkit.stats") or name.split(".")[0] in ALLOWED_AT_THE_TOP, name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_stays_small_and_never_draws_from_the_global_generator(file: Path) -> None:
    text = file.read_text("utf-8")
    assert text.count("\n") <= 200
    assert all(use.startswith("Generator") for use in text.split("np.random.")[1:])


def test_importing_everything_loads_neither_scipy_nor_statsmodels() -> None:
    modules = ", ".join(f"evalkit.stats.{file.stem}" for file in FILES if file.stem != "__init__")
    code = f"import sys, {modules}; print(sorted(sys.modules.keys() & {{'scipy', 'statsmodels', 'sklearn', 'pandas'}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FILES[0].parents[2]
    )
    assert done.stdout.strip() == "[]"


def test_its_contents_name_every_file_once() -> None:
    listed = re.findall(r"^    ([a-z0-9_]+) {2,}\S", evalkit.stats.__doc__ or "", re.MULTILINE)
    assert sorted(listed) == [file.stem for file in FILES if file.stem != "__init__"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_says_in_its_first_line_what_it_holds(file: Path) -> None:
    said = ast.get_docstring(ast.parse(file.read_text("utf-8")))
    assert said
    first, _, rest = said.partition("\n")
    assert first.endswith((".", "?"))
    assert not rest.strip() or rest.startswith("\n")
