"""docs/statistics.md against the program: every metric has a row; functions, oracles and tests that it names exist."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import evalkit.stats
from evalkit.metrics import catalogue, known_names

ROOT = Path(__file__).resolve().parent.parent
DOC = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
HEAD = "| metric | is | function | interval | source | compared with | undefined when |"
MODULES = {path.stem for path in Path(evalkit.stats.__file__).parent.glob("*.py")}
ORACLES = {
    re.sub(r"\[.*\]$", "", each["name"])
    for each in json.loads((ROOT / "tests" / "oracles" / "statistics.json").read_text("utf-8"))["oracles"]
}


def names_of(pattern: str) -> Iterator[str]:
    """The names that a pattern such as `a.{b,c}` stands for."""
    parts = [part.split(",") if braced else [part] for part, braced in _parts(pattern)]
    yield from ("".join(each) for each in product(*parts))


def _parts(pattern: str) -> Iterator[tuple[str, bool]]:
    for index, part in enumerate(re.split(r"\{([^}]*)\}", pattern)):
        yield part, index % 2 == 1


def rows() -> Iterator[list[str]]:
    """The cells of every row of the tables of metrics."""
    for table in DOC.split(HEAD)[1:]:
        for line in table.strip().splitlines()[1:]:
            if not line.startswith("|"):
                break
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_a_pattern_is_all_that_it_says() -> None:
    assert list(names_of("a.{b,c}.{d,e}")) == ["a.b.d", "a.b.e", "a.c.d", "a.c.e"]
    assert list(names_of("a.b")) == ["a.b"]


def test_every_metric_has_one_row_and_every_row_is_of_metrics() -> None:
    listed = [name for row in rows() for pattern in re.findall(r"`([^`]+)`", row[0]) for name in names_of(pattern)]
    assert sorted(set(catalogue()) - set(listed)) == []
    assert sorted(set(listed) - set(catalogue())) == []
    assert len(set(listed)) == len(listed)


def test_every_row_is_whole() -> None:
    for row in rows():
        assert len(row) == 7, row
        assert all(row), row


def named() -> set[str]:
    """Everything in back-ticks that looks like module.name."""
    return set(re.findall(r"`([a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*)`", DOC))


def test_every_function_that_is_named_exists() -> None:
    metrics, found = set(known_names()), 0
    for name in named():
        module, _, function = name.partition(".")
        if module in MODULES and hasattr(importlib.import_module(f"evalkit.stats.{module}"), function):
            found += 1
        else:
            assert name in metrics, f"{name} is neither a function of evalkit.stats nor a metric"
    assert found > 60


def imported(module: str, seen: set[str]) -> set[str]:
    """Names that a module imports from evalkit.stats or evalkit.table, itself or through modules of metrics."""
    if module in seen:
        return set()
    seen.add(module)
    found: set[str] = set()
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.startswith("evalkit.stats"):
                found |= {alias.name for alias in node.names}
            elif node.module.startswith("evalkit.metrics."):
                found |= imported(node.module, seen)
    return found


# Computed where outputs are paired, one step before the metrics.
BEFORE_THE_METRICS = {"time_per_token"}


def test_the_functions_of_a_row_are_those_that_its_metrics_use() -> None:
    for row in rows():
        functions = {name.partition(".")[2] for name in re.findall(r"`([^`]+)`", row[2])}
        for pattern in re.findall(r"`([^`]+)`", row[0]):
            family = catalogue()[next(names_of(pattern))][1]
            if family is None:
                assert not functions, row
                continue
            unused = functions - imported(family.measure.__module__, set()) - BEFORE_THE_METRICS
            assert unused == set(), row


def test_every_test_that_is_named_exists() -> None:
    listed = set(re.findall(r"\btests/[a-z_/]+\.py\b", DOC))
    assert len(listed) > 5
    assert [each for each in sorted(listed) if not (ROOT / each).is_file()] == []


def test_every_oracle_is_named_and_no_other() -> None:
    assert set(re.findall(r"`([A-H]\.[A-Za-z0-9_]+)`", DOC)) == ORACLES


def test_what_is_not_implemented_names_no_metric_that_is() -> None:
    section = DOC.partition("## What is not implemented")[2]
    assert not set(re.findall(r"`([^`]+)`", section)) & set(catalogue())


def test_the_simulation_has_its_place() -> None:
    begin, end = "<!-- simulated: begin -->\n", "\n<!-- simulated: end -->"
    assert DOC.count(begin) == DOC.count(end) == 1
    assert DOC.index(begin) < DOC.index(end)
