"""JSON Schema of the files that users write, for editors that complete and check as one types."""

from __future__ import annotations

from typing import Any

from evalkit.strict import Strict

FILES = ("plan", "suite", "policy")


def json_schema(file: str) -> dict[str, Any]:
    """The schema of `plan`, `suite` or `policy`, draft 2020-12. Raises KeyError for another name."""
    from evalkit.plan import PlanFile
    from evalkit.policy import PolicyFile
    from evalkit.suite import SuiteFile

    models: dict[str, type[Strict]] = {"plan": PlanFile, "suite": SuiteFile, "policy": PolicyFile}
    schema = models[file].model_json_schema(by_alias=True)
    if file == "plan":
        schema["oneOf"] = [{"required": ["student"]}, {"required": ["students"]}]
    if file == "suite":
        # What the program finds in two steps: a suite has rows and a task of its own, or it borrows them.
        schema["anyOf"] = [{"required": ["task", "data"]}, {"required": ["from", "perturb"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"evalkit/{file}/v1",
        **schema,
        "title": f"evalkit {file}",
    }
