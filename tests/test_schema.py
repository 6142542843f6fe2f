"""JSON Schemas for editors: they accept what evalkit accepts and refuse what it refuses."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UsageError
from evalkit.plan import PlanFile
from evalkit.policy import PolicyFile
from evalkit.schema import FILES, json_schema
from evalkit.scorers import SCORERS
from evalkit.shipped import shipped
from evalkit.strict import Strict
from evalkit.suite import SuiteFile
from evalkit.types import KINDS
from evalkit.yamlfile import parse, read, validated
from tests.cli import project

MODELS: dict[str, type[Strict]] = {"plan": PlanFile, "suite": SuiteFile, "policy": PolicyFile}
PLAN = {
    "schema": "evalkit/plan/v1",
    "teacher": {"model": "./models/teacher", "dtype": "bfloat16"},
    "student": "recorded:student.jsonl",
    "champion": {"backend": "recorded", "path": "runs/x", "role": "teacher"},
    "suites": ["suites/a"],
    "policy": "recovery-99",
    "noise_floor": "all",
    "latency": {"prompts": 64},
    "fallback": {"to": "human", "risk": 0.01, "level": 0.99},
    "costs": {"teacher": 2.5, "student": 0, "human": 900, "requests_per_month": 1000000, "one_off": 12000.5},
    "seed": 0,
}
POLICY = project.criteria(
    {"metric": ["a.b", "c.d"], "each_slice": {"by": "declared", "min_n": 5}, "at_least": 0.9},
    {"metric": "a.b", "where": {"severity": "critical", "n": [1, "2"]}, "at_most": 0},
    waivers=[{"criterion": "c0", "owner": "me", "reason": "r", "expires": "2030-01-01"}],
)
SUITE = project.suite_file(prompt=[{"role": "user", "content": "{{ text }}"}], labels=[0, "b"], scorer="exact")
RIGHT = {"plan": PLAN, "suite": SUITE, "policy": POLICY}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("plan", {**PLAN, "teecher": "x"}),
    ("plan", {**PLAN, "schema": "evalkit/plan/v2"}),
    ("plan", {**PLAN, "suites": []}),
    ("plan", {**PLAN, "seed": -1}),
    ("plan", {**PLAN, "student": {"backend": "recorded"}}),
    ("plan", {**PLAN, "student": {"backend": "fake", "accuracy": 2}}),
    ("plan", {key: each for key, each in PLAN.items() if key != "student"}),
    ("plan", {**PLAN, "latency": {"prompt": 3}}),
    ("plan", {**PLAN, "fallback": "teacher"}),
    ("plan", {**PLAN, "fallback": {"to": "nobody"}}),
    ("plan", {**PLAN, "fallback": {"risk": 0}}),
    ("plan", {**PLAN, "fallback": {"risk": 1}}),
    ("plan", {**PLAN, "fallback": {"risk": "2 %"}}),
    ("plan", {**PLAN, "fallback": {"level": 0.5}}),
    ("plan", {**PLAN, "fallback": {"levl": 0.9}}),
    ("plan", {**PLAN, "costs": {"teacher": 0}}),
    ("plan", {**PLAN, "costs": {"student": -0.1}}),
    ("plan", {**PLAN, "costs": {"human": "900 €"}}),
    ("plan", {**PLAN, "costs": {"requests_per_month": 0.5}}),
    ("plan", {**PLAN, "costs": {"horizon_months": 0}}),
    ("plan", {**PLAN, "costs": {"techer": 2.5}}),
    ("suite", {**SUITE, "lables": []}),
    ("suite", {**SUITE, "kind": "golden"}),
    ("suite", {**SUITE, "name": "a b"}),
    ("suite", {**SUITE, "version": 0}),
    ("suite", {**SUITE, "columns": {"inputs": "x"}}),
    ("suite", {**SUITE, "labels": [1.5, "a"]}),
    ("suite", {**SUITE, "answer_after": ""}),
    ("suite", {**SUITE, "prompt": [{"role": "usr", "content": "x"}]}),
    ("policy", {**POLICY, "levl": 0.9}),
    ("policy", {**POLICY, "level": 0.5}),
    ("policy", project.criteria({"metric": "a", "at_least": "x"})),
    ("policy", project.criteria({"metric": "a", "at_least": 1, "effect": "blok"})),
    ("policy", project.criteria({"metric": "a", "at_least": 1, "slice": "language"})),
    ("policy", project.criteria({"metric": "a", "at_least": 1, "each_slice": {"by": ["x"], "min_n": 0}})),
]

TYPES: dict[str, Any] = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}
READ = {
    *("type", "const", "enum", "anyOf", "oneOf", "$ref", "properties", "required", "additionalProperties", "items"),
    *("minItems", "minLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern"),
    *("title", "description", "default", "examples", "discriminator", "$schema", "$id", "$defs"),
}


def accepts(whole: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Whether a JSON value meets a schema: the words of draft 2020-12 that ours use, and no others."""
    assert set(schema) <= READ, set(schema) - READ
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    kind = schema.get("type")
    if kind == "number" and not number:
        return False
    if kind == "integer" and (not number or value != int(value)):
        return False
    if kind in TYPES and not isinstance(value, TYPES[kind]):
        return False
    if "$ref" in schema and not accepts(whole, whole["$defs"][schema["$ref"].rpartition("/")[2]], value):
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "anyOf" in schema and not any(accepts(whole, each, value) for each in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(accepts(whole, each, value) for each in schema["oneOf"]) != 1:
        return False
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        return set(schema.get("required", [])) <= set(value) and all(
            accepts(whole, known[key], each)
            if key in known
            else others is True or (isinstance(others, dict) and accepts(whole, others, each))
            for key, each in value.items()
        )
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(
            accepts(whole, schema.get("items", {}), each) for each in value
        )
    if isinstance(value, str):
        return len(value) >= schema.get("minLength", 0) and bool(re.search(schema.get("pattern", ""), value))
    if number:
        return (
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and not value <= schema.get("exclusiveMinimum", value - 1)
            and not value >= schema.get("exclusiveMaximum", value + 1)
        )
    return True


def valid(file: str, value: Any) -> bool:
    schema = json_schema(file)
    return accepts(schema, schema, value)


def loads(file: str, value: dict[str, Any], folder: Path) -> bool:
    try:
        validated(read(project.dump(folder / f"{file}.yaml", value)), MODELS[file])
    except UsageError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(shipped("policies")))
def test_the_named_policies_are_valid(name: str) -> None:
    path = shipped("policies")[name]
    assert valid("policy", parse(path.read_text(encoding="utf-8"), path).data)


@pytest.mark.parametrize("file", FILES)
def test_what_a_model_reads_is_valid(file: str, tmp_path: Path) -> None:
    assert loads(file, RIGHT[file], tmp_path)
    assert valid(file, RIGHT[file])


@pytest.mark.parametrize(("file", "value"), WRONG)
def test_what_a_model_refuses_is_not_valid(file: str, value: dict[str, Any], tmp_path: Path) -> None:
    assert not loads(file, value, tmp_path)
    assert not valid(file, value)


@pytest.mark.parametrize("file", FILES)
def test_a_schema_is_in_step_with_its_model(file: str) -> None:
    schema = json_schema(file)
    assert schema["$id"] == f"evalkit/{file}/v1" == schema["properties"]["schema"]["const"]
    fields = {each.alias or name: each for name, each in MODELS[file].model_fields.items()}
    assert set(schema["properties"]) == set(fields)
    assert set(schema["required"]) == {name for name, each in fields.items() if each.is_required()}
    for name, part in (("", schema), *schema["$defs"].items()):
        # What a scorer of another package may be told is that package's business.
        assert part.get("type") != "object" or part["additionalProperties"] is (name == "ForeignSettings")


def test_enumerations_are_those_of_the_program() -> None:
    properties = json_schema("suite")["properties"]
    assert properties["kind"]["enum"] == list(KINDS)
    assert properties["scorer"]["anyOf"][0]["examples"] == list(SCORERS)


@pytest.mark.parametrize("file", FILES)
def test_a_full_validator_agrees(file: str) -> None:
    if importlib.util.find_spec("jsonschema") is None:
        pytest.skip("jsonschema is not installed; the tests above use a reader of their own")
    import jsonschema

    validator = jsonschema.Draft202012Validator(json_schema(file))
    validator.check_schema(json_schema(file))
    assert validator.is_valid(RIGHT[file])
    assert not any(validator.is_valid(value) for name, value in WRONG if name == file)


def test_there_is_no_fourth_file() -> None:
    with pytest.raises(KeyError):
        json_schema("verdict")
