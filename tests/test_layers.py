"""Who may import whom, read from the source (the layers of DESIGN §7), and which libraries may load at start-up.

The guard looks at every import except those under `if TYPE_CHECKING:`. An import inside a function is still a
dependency, so it counts for the layers; only loading is put off, so it does not count for cycles and eager libraries.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# layer -> its rooms (files or folders at the top of evalkit/). A new room goes into exactly one of these.
ROOMS: dict[str, set[str]] = {
    "nouns": {
        "types", "errors", "stats", "streams", "files", "figures", "environment", "machine", "grammar",
        "parquet",
    },
    "doors": {
        "yamlfile", "strict", "specs", "plan", "suite", "data", "policy", "requests", "schema", "lint", "registry",
        "records", "shipped", "columns", "table", "scorers", "perturb", "labelled", "students",
    },
    "workers": {"backends", "scoring", "metrics", "cache"},
    "steps": {
        "collect", "forced", "judging", "timing", "pairing", "estimate", "remarks", "ledger", "charts", "gate", "store",
        "weighing", "batch_shape",
    },
    "output": {"report"},
    "halves": {"prepare", "gather", "conclude"},
    "whole": {"pipeline"},
    "uses": {"provenance", "power", "demo", "starter", "shadow", "audit", "compare", "history", "ranking", "load"},
    "shell": {"cli", "progress", "pipes", "__main__", "__init__"},
}  # fmt: skip

BELOW_PIPELINE = {"nouns", "doors", "workers", "steps", "output"}
# layer -> layers it may import. Where a layer names itself, its rooms may import each other; a room may import itself.
MAY_IMPORT: dict[str, set[str]] = {
    "nouns": set(),
    "doors": {"nouns", "doors"},
    "workers": {"nouns", "doors"},
    "steps": {"nouns", "doors", "workers"},
    "output": {"nouns"},
    "halves": BELOW_PIPELINE | {"halves"},
    "whole": BELOW_PIPELINE | {"halves"},
    "uses": BELOW_PIPELINE | {"halves", "whole"},
    "shell": set(ROOMS),
}

NEVER_EAGER = {"torch", "transformers", "datasets", "pandas", "scipy", "statsmodels", "sklearn", "pyarrow", "ray"}
# Rooms that also start without numpy. `stats`, `table` and the workers are made of arrays and may load it.
WITHOUT_NUMPY = (ROOMS["nouns"] - {"stats"}) | {"report"} | (ROOMS["doors"] - {"table"}) | ROOMS["shell"]

# What anybody may take from the package itself: it is a constant and pulls nothing in.
FREE_OF_PACKAGE = {"__version__"}


@dataclass(frozen=True)
class Import:
    """One import statement's target, seen from one module."""

    line: int
    target: str  # dotted: a module of the package, or another distribution
    eager: bool  # runs when the module is imported


def is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def statements(node: ast.AST, eager: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import below `node`, and whether it runs at import time."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, eager
        elif isinstance(child, ast.If) and is_type_checking(child.test):
            for other in child.orelse:
                yield from statements(ast.Module(body=[other], type_ignores=[]), eager)
        else:
            lazy = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from statements(child, eager and not lazy)


def modules_of(package: Path) -> dict[str, Path]:
    """Dotted name -> file; a folder goes by its own name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """What one module imports: relative names made absolute, and `from a import b` as a.b where that is a module."""
    top = name.split(".")[0]
    for node, eager in statements(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, eager)
            continue
        base = node.module or ""
        if node.level:
            package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
            package = package[: len(package) - (node.level - 1)]
            base = ".".join([*package, base] if base else package)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            # A name of the package root that is no file there is either free or the shell's.
            if base == top and (inner in modules or alias.name in FREE_OF_PACKAGE):
                if inner in modules:
                    yield Import(node.lineno, inner, eager)
            else:
                yield Import(node.lineno, inner if inner in modules else base, eager)


def room_of(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def layer_of(room: str) -> str | None:
    return next((layer for layer, rooms in ROOMS.items() if room in rooms), None)


def refusal(room: str, target: str) -> str | None:
    """Why `room` may not import the room `target`, or None."""
    here, there = layer_of(room), layer_of(target)
    if room == target or here is None or there is None or there in MAY_IMPORT[here]:
        return None  # a room in no layer is a breach of its own
    if here == there:
        return f"{room} and {target} are both {here}, which do not import each other"
    allowed = ", ".join(layer for layer in ROOMS if layer in MAY_IMPORT[here]) or "nothing of the package"
    return f"{room} ({here}) may not import {target} ({there}); {here} may import: {allowed}"


def cycle_in(graph: dict[str, set[str]]) -> list[str] | None:
    """One cycle as the names along it, first and last the same."""
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str] | None:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return None
        for target in sorted(graph.get(name, ())):
            if found := visit(target, [*trail, name]):
                return found
        done.add(name)
        return None

    return next((found for name in sorted(graph) if (found := visit(name, []))), None)


def breaches(package: Path) -> list[str]:
    """Every breach of the rules above in a package folder, in words."""
    out: list[str] = []
    modules = modules_of(package)
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for room in sorted({room_of(name) for name in modules}):
        if layer_of(room) is None:
            out.append(
                f"{package.name}/{room} is in no layer: put it into ROOMS in tests/test_layers.py, "
                f"with those who may import the same things ({', '.join(ROOMS)})"
            )
    for name, path in modules.items():
        room = room_of(name)
        for found in imports_of(name, path, modules):
            where = f"{path.relative_to(package.parent).as_posix()}:{found.line}"
            distribution = found.target.split(".")[0]
            if distribution == package.name:
                if why := refusal(room, room_of(found.target)):
                    out.append(f"{where}: {why}")
                if found.eager and found.target in modules and found.target != name:
                    graph[name].add(found.target)
            elif found.eager and (distribution in NEVER_EAGER or (distribution == "numpy" and room in WITHOUT_NUMPY)):
                out.append(f"{where}: {distribution} is loaded at start-up; import it in the function that uses it")
    if cycle := cycle_in(graph):
        out.append(f"import cycle: {' -> '.join(cycle)}")
    return out


# --- the package ---------------------------------------------------------------------------------


def test_the_package_keeps_its_layers() -> None:
    found = breaches(ROOT / "evalkit")
    assert not found, "\n".join(["", *found])


def test_no_room_is_in_two_layers() -> None:
    names = [room for rooms in ROOMS.values() for room in rooms]
    assert len(names) == len(set(names))


def test_the_command_line_starts_without_heavy_libraries() -> None:
    code = f"import sys, evalkit.cli; print(*sorted({NEVER_EAGER | {'numpy'}!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


# --- the guard itself ----------------------------------------------------------------------------

GOOD = {
    "__init__.py": "__version__ = '1'\n",
    "__main__.py": "from evalkit.cli import main\n",
    "types.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\n    from evalkit import cli\n",
    "errors.py": "",
    "stats/__init__.py": "from .paired import f\n",
    "stats/paired.py": "import numpy as np\ndef f():\n    import scipy.stats\n",
    "plan.py": "from evalkit import errors\nfrom . import suite\n",
    "suite.py": "from evalkit.types import *\n",
    "backends/__init__.py": "from evalkit.plan import x\n",
    "backends/hf.py": "from . import common\ndef load():\n    import torch\n",
    "backends/common.py": "from .. import __version__\nfrom ..types import y\n",
    "metrics/__init__.py": "import evalkit.stats.paired\n",
    "gate.py": "from evalkit.metrics import z\n",
    "store.py": "def write():\n    import pyarrow.parquet\n",
    "report/__init__.py": "from evalkit import types, __version__\nfrom .svg import draw\n",
    "report/svg.py": "from ..errors import e\n",
    "pipeline.py": "from evalkit import gate, report, store\n",
    "demo/__init__.py": "from evalkit.pipeline import evaluate\n",
    "cli.py": "def main():\n    from evalkit import demo\n",
}

BAD = [
    ("upward", "errors.py", "import evalkit.cli\n", "errors (nouns) may not import cli (shell)"),
    ("upward, relative", "stats/paired.py", "from ..types import Estimate\n", "stats and types are both nouns"),
    ("upward, in a function", "gate.py", "def f():\n    from . import pipeline\n", "gate (steps) may not import pipe"),
    ("upward, from the root", "plan.py", "from evalkit import main\n", "plan (doors) may not import __init__ (shell)"),
    ("sideways, workers", "metrics/__init__.py", "from evalkit.backends import hf\n", "metrics and backends are both"),
    ("sideways, steps", "gate.py", "from .store import write\n", "gate and store are both steps"),
    ("sideways, uses", "demo/__init__.py", "import evalkit.audit\n", "demo and audit are both uses"),
    ("report beyond nouns", "report/svg.py", "from evalkit.plan import p\n", "report (output) may not import plan"),
    ("cycle", "suite.py", "from evalkit import plan\n", "import cycle: evalkit.plan -> evalkit.suite -> evalkit.plan"),
    ("cycle in a room", "backends/common.py", "from .hf import x\n", "import cycle: evalkit.backends.common"),
    ("eager torch", "backends/hf.py", "import torch.nn\n", "backends/hf.py:1: torch is loaded at start-up"),
    ("eager in a class", "store.py", "class A:\n    import pandas\n", "store.py:2: pandas is loaded at start-up"),
    ("eager in a try", "gate.py", "try:\n    import ray\nexcept ImportError:\n    ray = None\n", "gate.py:2: ray is"),
    ("eager beside the type checker", "gate.py",
     "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    from scipy import stats\n",
     "gate.py:5: scipy is loaded at start-up"),
    ("numpy in a door", "plan.py", "from numpy import array\n", "plan.py:1: numpy is loaded at start-up"),
    ("numpy in the report", "report/svg.py", "import numpy as np\n", "svg.py:1: numpy is loaded at start-up"),
    ("a room in no layer", "helpers.py", "", "evalkit/helpers is in no layer: put it into ROOMS"),
]  # fmt: skip


def planted(folder: Path, files: dict[str, str]) -> Path:
    package = folder / "evalkit"
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


def test_the_guard_lets_a_good_tree_pass(tmp_path: Path) -> None:
    assert breaches(planted(tmp_path, GOOD)) == []


@pytest.mark.parametrize(("file", "text", "complaint"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_the_guard_catches_a_planted_breach(tmp_path: Path, file: str, text: str, complaint: str) -> None:
    (found,) = breaches(planted(tmp_path, {**GOOD, file: text}))
    assert complaint in found
