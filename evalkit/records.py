"""The files of a run as JSON values: nouns to records and back, with their versions.

Adding an optional key keeps a version; renaming a key or changing its meaning makes a new one and one more
function in UPGRADES, never edited afterwards. A newer version than this program knows is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from evalkit.errors import NewerRecordError, RecordError
from evalkit.types import (
    EXIT_CODES,
    Costs,
    CriterionRow,
    Estimate,
    Measured,
    MetricRow,
    ModelFacts,
    Question,
    RegressedSlice,
    SuiteFacts,
    Terms,
    Undefined,
    Verdict,
    Waiver,
)
from evalkit.types.batch_shape import BatchShape, BatchShapes

SCHEMAS = {name: f"evalkit/{name}/v1" for name in ("manifest", "verdict", "results", "timings")}
UPGRADES: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def opened(record: Any, name: str, path: str) -> dict[str, Any]:
    """A record of the version that this program writes. Raises RecordError for another kind or a newer one."""
    seen = record.get("schema") if isinstance(record, dict) else None
    while isinstance(seen, str) and seen in UPGRADES:
        record = UPGRADES[seen](record)
        seen = record["schema"]
    if seen == SCHEMAS[name]:
        return dict(record)
    match = re.fullmatch(rf"evalkit/{name}/v(\d+)", str(seen))
    if match:
        raise NewerRecordError(f"{path} is {seen}; this program knows {SCHEMAS[name]}: upgrade evalkit to read it")
    raise RecordError(f"{path} says schema {seen!r}, where {SCHEMAS[name]} is expected")


def measured_cells(measured: Measured) -> dict[str, Any]:
    """`estimate` and `undefined`, exactly one of them set."""
    if isinstance(measured, Undefined):
        return {"estimate": None, "undefined": measured.reason}
    estimate = {
        "value": measured.value,
        "low": measured.low,
        "high": measured.high,
        "level": measured.level,
        "n": measured.n,
        "method": measured.method,
    }
    return {"estimate": estimate, "undefined": None}


def measured_from(row: Mapping[str, Any]) -> Measured:
    if row["estimate"] is None:
        return Undefined(reason=row["undefined"])
    return Estimate(**row["estimate"])


def metric_record(row: MetricRow) -> dict[str, Any]:
    asked = row.question
    return {
        "metric": asked.metric,
        "suite": asked.suite,
        "slice": asked.slice,
        "versus": asked.versus,
        **measured_cells(row.measured),
        "direction": row.direction,
        "unit": row.unit,
    }


def metric_from(record: Mapping[str, Any]) -> MetricRow:
    question = Question(metric=record["metric"], suite=record["suite"], slice=record["slice"], versus=record["versus"])
    return MetricRow(
        question=question, measured=measured_from(record), direction=record["direction"], unit=record["unit"]
    )


def criterion_record(row: CriterionRow) -> dict[str, Any]:
    asked = row.question
    bound = {"at_least": row.at_least} if row.at_least is not None else {"at_most": row.at_most}
    return {
        "id": row.id,
        "metric": asked.metric,
        "suite": asked.suite,
        "slice": asked.slice,
        "where": {name: list(values) for name, values in asked.where} or None,
        "versus": asked.versus,
        "effect": row.effect,
        "on_missing": row.on_missing,
        "status": row.status,
        **measured_cells(row.measured),
        "bound": bound,
        "by": row.by,
        "reason": row.reason,
        "examples": list(row.examples),
    }


def criterion_from(record: Mapping[str, Any]) -> CriterionRow:
    where = tuple((name, tuple(values)) for name, values in (record["where"] or {}).items())
    return CriterionRow(
        id=record["id"],
        question=Question(
            metric=record["metric"],
            suite=record["suite"],
            slice=record["slice"],
            where=where,
            versus=record["versus"],
        ),
        effect=record["effect"],
        on_missing=record["on_missing"],
        status=record["status"],
        measured=measured_from(record),
        at_least=record["bound"].get("at_least"),
        at_most=record["bound"].get("at_most"),
        by=record["by"],
        reason=record["reason"],
        examples=tuple(record["examples"]),
    )


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    return {
        "schema": SCHEMAS["verdict"],
        "verdict": verdict.word,
        "exit_code": verdict.exit_code,
        "reasons": list(verdict.reasons),
        "waivers": [
            {"criterion": each.criterion, "owner": each.owner, "reason": each.reason, "expires": each.expires}
            for each in verdict.waivers
        ],
        "regressed_slices": [
            {
                "suite": each.suite,
                "slice": each.slice,
                "difference": each.difference,
                "n": each.n,
                "lost": each.lost,
                "gained": each.gained,
                "p_holm": each.p_holm,
            }
            for each in verdict.regressed
        ],
        "criteria": [criterion_record(each) for each in verdict.criteria],
    }


def verdict_from(record: Mapping[str, Any]) -> Verdict:
    if record["verdict"] not in EXIT_CODES:
        raise RecordError(f"{record['verdict']!r} is no verdict; there are {', '.join(EXIT_CODES)}")
    return Verdict(
        word=record["verdict"],
        reasons=tuple(record["reasons"]),
        waivers=tuple(Waiver(**each) for each in record["waivers"]),
        regressed=tuple(RegressedSlice(**each) for each in record.get("regressed_slices", [])),
        criteria=tuple(criterion_from(each) for each in record["criteria"]),
    )


def suite_record(facts: SuiteFacts, n: int, size: int) -> dict[str, Any]:
    """`n` examples were evaluated of a suite of `size`."""
    return {
        "name": facts.name,
        "kind": facts.kind,
        "task": facts.task,
        "version": facts.version,
        "scorer": facts.scorer,
        "n": n,
        "limited_to": n if n < size else None,
        "size": size,
        "labels": list(facts.labels),
        "slice_names": list(facts.slice_names),
        "grouped": facts.grouped,
        "answer_after": facts.answer_after,
        "settings": dict(facts.settings),
        "marked": facts.marked,
        "choose_by": facts.choose_by,
        "samples": facts.samples,
        "digest": facts.digest,
        "path": facts.path,
    }


def suite_from(record: Mapping[str, Any]) -> SuiteFacts:
    return SuiteFacts(
        name=record["name"],
        kind=record["kind"],
        task=record["task"],
        version=record["version"],
        scorer=record["scorer"],
        labels=tuple(record["labels"]),
        slice_names=tuple(record["slice_names"]),
        grouped=record["grouped"],
        answer_after=record["answer_after"],
        # Runs of earlier versions had none of these.
        settings=record.get("settings", {}),
        marked=record.get("marked", False),
        choose_by=record.get("choose_by", "sum"),
        samples=record.get("samples", 1),
        digest=record["digest"],
        path=record["path"],
    )


def terms_record(terms: Terms) -> dict[str, Any]:
    """As they stand in a manifest: everything that enters a number, defaults too."""
    return {
        "fallback": {"to": terms.fallback_to, "risk": terms.risk, "level": terms.level},
        "costs": asdict(terms.costs),
    }


def terms_from(record: Mapping[str, Any] | None) -> Terms:
    """The terms of a manifest; runs of earlier versions have none, and get the defaults."""
    if record is None:
        return Terms()
    fallback = record["fallback"]
    return Terms(
        fallback_to=fallback["to"],
        risk=fallback["risk"],
        level=fallback["level"],
        costs=Costs(**record["costs"]),
    )


def batch_shapes_record(shapes: BatchShapes) -> dict[str, Any]:
    """By suite and role."""
    return {
        suite: {
            role: {"undefined": each.reason} if isinstance(each, Undefined) else asdict(each) | {"ids": list(each.ids)}
            for role, each in found.items()
        }
        for suite, found in shapes.items()
    }


def batch_shapes_from(record: Mapping[str, Any] | None) -> BatchShapes:
    """What a manifest holds of the audit: nothing where it was off, or the run is from before there was one."""
    return {
        suite: {
            role: Undefined(reason=each["undefined"])
            if "undefined" in each
            else BatchShape(**{**each, "ids": tuple(each["ids"])})
            for role, each in found.items()
        }
        for suite, found in (record or {}).items()
    }


def model_record(facts: ModelFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "backend": facts.backend,
        "live": facts.live,
        "path": facts.path,
        "revision": facts.revision,
        "digest": facts.digest,
        "weights_digest": facts.weights_digest,
        "tokenizer_digest": facts.tokenizer_digest,
        "template_digest": facts.template_digest,
        "parameters": facts.parameters,
        "bytes": facts.bytes,
        "loaded_bytes": facts.loaded_bytes,
        "sparsity": facts.sparsity,
        "quantization": facts.quantization,
        "dtype": facts.dtype,
        "device": facts.device,
        "settings": dict(facts.settings),
        "members": [model_record(each) for each in facts.members],
    }
