"""Metric names that the contract reserves and this version does not measure yet.

A policy may use them: such a criterion is not evaluated, and says so. A name in neither list is a slip of
the pen, and refused.
"""

from __future__ import annotations

from itertools import product

from evalkit.types import SuiteFacts

_BOTH = ("teacher", "student", "difference")


def _each(*parts: tuple[str, ...]) -> set[str]:
    return {".".join(names) for names in product(*parts)}


PLANNED: frozenset[str] = frozenset(
    _each(("score",), (*_BOTH, "retention"))
    | _each(("fields",), ("f1", "exact"), _BOTH)
    | _each(
        ("agreement",),
        (
            "exact",
            "text_similarity",
            "topk_overlap",
            "token_top1",
            "first_divergence",
        ),
    )
    | _each(("calibration",), ("aurc", "overconfident_errors"), _BOTH)
    | _each(("calibration",), ("temperature",), ("teacher", "student"))
    | _each(("calibration",), ("temperature",), ("brier", "nll", "ece"), _BOTH)
    | _each(("safety",), ("refusal_rate", "over_refusal"), _BOTH)
    | _each(("safety",), ("undetermined",), ("rate",), _BOTH)
    | _each(("safety",), ("newly_unsafe",), ("count", "rate"))
    | _each(("latency",), ("ttft", "tpot"), ("p50", "p90", "p95", "p99"), ("teacher", "student"))
    | _each(("throughput",), ("requests", "tokens"), ("teacher", "student"))
    | _each(("memory", "energy"), ("peak", "per_request"), ("teacher", "student"))
    | _each(("flops",), ("per_request",), ("teacher", "student", "ratio"))
    | _each(("cost",), ("per_thousand",), ("teacher", "student", "ratio"))
    | _each(("fallback",), ("threshold", "coverage", "accuracy", "saving"))
    | {"outputs.length_ratio"}
)


def applies(name: str, facts: SuiteFacts) -> bool:
    """Whether a planned metric is about such a suite, as the contract has it."""
    family = name.partition(".")[0]
    if family == "safety":
        return facts.kind == "safety-refusal"
    if family == "fields":
        return facts.task == "extract"
    if family == "score":
        return facts.marked
    if name == "outputs.length_ratio" or name.startswith(("agreement.token", "agreement.first", "agreement.text")):
        return facts.task in ("generate", "extract")
    return True
