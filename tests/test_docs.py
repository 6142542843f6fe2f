"""What the documentation shows, held against the program: files load, tables are whole, links lead somewhere."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from evalkit import lint as linting
from evalkit.errors import UsageError
from evalkit.lint import lint
from evalkit.plan import PlanFile
from evalkit.policy import policy_from_text
from evalkit.requests import build_requests
from evalkit.schema import json_schema
from evalkit.scorers import SCORERS, ScorerSettings
from evalkit.scoring import score_of, scorer
from evalkit.stats.planning import needed_for_difference
from evalkit.suite import load_suite
from evalkit.suite.written import WholeSuite
from evalkit.types import CHOOSING, Example, Output, Suite
from evalkit.yamlfile import parse, validated

ROOT = Path(__file__).resolve().parent.parent
DOCS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
GUIDE = ROOT / "docs" / "suites.md"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block and, where it follows at once, the fenced data behind it."""

    doc: Path
    text: str
    data: str | None

    @property
    def value(self) -> dict[str, Any]:
        found: dict[str, Any] = parse(self.text, self.doc).data
        return found


@cache
def blocks(schema: str) -> tuple[Block, ...]:
    """Every YAML block of the documentation that begins with this schema."""
    found = []
    for doc in DOCS:
        fences = _FENCE.findall(doc.read_text(encoding="utf-8"))
        for (language, text), (next_language, following) in zip(fences, [*fences, ("", "")][1:], strict=True):
            if language == "yaml" and text.startswith(f"schema: evalkit/{schema}/v1\n"):
                found.append(Block(doc, text, following if next_language == "jsonl" else None))
    return tuple(found)


def names() -> list[str]:
    return [block.value["name"] for block in blocks("suite")]


@pytest.fixture(scope="module")
def suites(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Suite]:
    """All suites of the documentation, side by side in one folder as they would be in a project."""
    root = tmp_path_factory.mktemp("documented")
    for block in blocks("suite"):
        folder = root / block.value["name"]
        folder.mkdir()
        (folder / "suite.yaml").write_text(block.text, encoding="utf-8")
        if "data" in block.value:
            assert block.data is not None, f"{block.doc.name} shows {folder.name} without its rows"
            (folder / block.value["data"]["path"]).write_text(block.data, encoding="utf-8")
    return {name: load_suite(root / name / "suite.yaml") for name in names()}


# --- files that are shown ------------------------------------------------------------------------


def test_there_is_a_suite_of_every_kind_and_task(suites: Mapping[str, Suite]) -> None:
    assert max(Counter(names()).values()) == 1
    assert {(each.facts.kind, each.facts.task) for each in suites.values()} >= {
        ("gold", "classify"),
        ("gold", "choose"),
        ("gold", "generate"),
        ("gold", "extract"),
        ("safety-refusal", "generate"),
        ("edge-case", "classify"),
    }


@pytest.mark.parametrize("name", names())
def test_a_shown_suite_can_be_asked_and_has_no_finding_but_that_it_is_small(
    suites: Mapping[str, Suite], name: str
) -> None:
    suite = suites[name]
    assert len(build_requests(suite)) == len(suite.examples) >= 3
    found = [each.problem for each in lint(suite)]
    groups = len({each.group or each.id for each in suite.examples})
    small = ["too few for the named policies"] if suite.facts.kind == "safety-refusal" else []
    if any(each.group for each in suite.examples) and groups < 20:
        small.append(f"come in {groups} groups, and an interval over groups needs 20")
    assert len(found) == len(small)
    assert all(said in each for said, each in zip(small, found, strict=True))


@pytest.mark.parametrize("name", names())
def test_the_targets_of_a_shown_suite_are_right_answers(suites: Mapping[str, Suite], name: str) -> None:
    facts = suites[name].facts
    for example in suites[name].examples:
        if example.target is not None:
            assert score_of(scorer(facts.scorer), example, _answer(example, suites[name]), facts).correct, example.id


def _answer(example: Example, suite: Suite) -> Output:
    if suite.facts.task in CHOOSING:
        return Output(example_id=example.id, status="ok", label=example.target)
    text = f"Let me see. {suite.facts.answer_after or ''} {example.target}"
    return Output(example_id=example.id, status="ok", text=text)


@pytest.mark.parametrize("block", blocks("plan"), ids=lambda each: each.doc.name)
def test_a_shown_plan_is_one(block: Block) -> None:
    validated(parse(block.text, block.doc), PlanFile)


@pytest.mark.parametrize("block", blocks("policy"), ids=lambda each: each.doc.name)
def test_a_shown_policy_is_one(block: Block) -> None:
    assert policy_from_text(block.text, "shown").criteria


def test_plans_and_policies_are_shown() -> None:
    assert blocks("plan")
    assert blocks("policy")


# --- tables of the guide -------------------------------------------------------------------------


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, without their heads."""
    section = GUIDE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    rules = [index for index, row in enumerate(cells) if set(row[0]) == {"-"}]
    heads = {index - 1 for index in rules} | set(rules)
    return [row for index, row in enumerate(cells) if index not in heads]


def shown(default: Any) -> str:
    """A default as the guide writes it."""
    if default is None:
        return "–"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def documented(schema: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """Each key of the schema of a suite, with its default."""
    for key, value in schema["properties"].items():
        inner = [value, *value.get("anyOf", ())]
        parts = [each["$ref"].rpartition("/")[2] for each in inner if "$ref" in each]
        if parts:
            yield from documented(json_schema("suite")["$defs"][parts[0]], f"{within}{key}.")
        else:
            yield f"{within}{key}", "needed" if key in schema.get("required", ()) else shown(value["default"])


def test_the_table_of_keys_is_the_schema() -> None:
    table = {row[0].strip("`"): row[1] for row in rows("Every key") if len(row) == 3}
    # Needed but for a suite of variants; and a default that depends on the task.
    exceptions = {"task": "needed", "scorer": "by task"}
    assert table == dict(documented(json_schema("suite"))) | exceptions


def test_the_table_of_scorer_settings_is_the_schema() -> None:
    table = {
        (scorer.strip("` "), row[1].strip("`")): row[2]
        for row in rows("Every key")
        if len(row) == 4
        for scorer in row[0].split(",")
    }
    known = {}
    for name in {name for name, _ in table} | {"label", "exact"}:
        for setting, field in _settings(name).model_fields.items():
            if setting != "name":
                default = field.get_default(call_default_factory=True)
                default = list(default) if isinstance(default, tuple) else default
                known[name, setting] = "needed" if field.is_required() else shown(default)
    assert table == known


def _settings(name: str) -> type[BaseModel]:
    needed = {"judge": {"model": "fake", "prompt": "{{ answer }}", "marks": {"a": 0, "b": 1}}}
    found: BaseModel = TypeAdapter(ScorerSettings).validate_python({"name": name, **needed.get(name, {})})
    return type(found)


def test_every_scorer_with_settings_is_in_the_table() -> None:
    listed = {name.strip("` ") for row in rows("Every key") if len(row) == 4 for name in row[0].split(",")}
    assert listed == {name for name in SCORERS if set(_settings(name).model_fields) - {"name"}}


def test_the_numbers_of_examples_are_those_of_evalkit_power() -> None:
    table = [row for row in rows("How many examples") if "point" in row[0]]
    assert [[int(cell) for cell in row[1:]] for row in table] == [
        [needed_for_difference(int(row[0].split()[0]) / 100, share).examples for share in (0.05, 0.1, 0.2)]
        for row in table
    ]
    assert len(table) == 4


def test_the_numbers_of_refusals_are_those_of_the_linter() -> None:
    table = {row[0].strip("`").partition("`")[0]: row[1:] for row in rows("How many examples") if "point" not in row[0]}
    assert table == {name: [str(each) for each in needed] for name, needed in linting.REFUSALS.items()}


# --- links ---------------------------------------------------------------------------------------


def anchors(doc: Path) -> set[str]:
    """What a link may name behind `#`: the headings as GitHub writes them."""
    heads = re.findall(r"^#+ (.+)$", _FENCE.sub("", doc.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("doc", DOCS, ids=lambda each: each.name)
def test_every_link_leads_somewhere(doc: Path) -> None:
    dead = []
    for link in _LINK.findall(_CODE.sub("", doc.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        place = doc.parent / path if path else doc
        if "://" not in link and (not place.exists() or (anchor and anchor not in anchors(place))):
            dead.append(link)
    assert dead == []


def test_the_readme_links_every_page() -> None:
    linked = _LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    assert pages - set(linked) == set()


def test_a_suite_with_a_key_that_the_guide_does_not_list_is_refused() -> None:
    with pytest.raises(UsageError, match="colour"):
        validated(parse(blocks("suite")[0].text + "colour: red\n", GUIDE), WholeSuite)
