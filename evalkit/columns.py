"""Pairs as they are stored: the columns of pairs.parquet, a suite at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.types import SEVERITIES, Role, SuiteFacts

# What the student made of the teacher's answer when it read it, a number per token (evalkit/types/forced.py).
FORCED_COLUMNS = (
    "forced_kl",
    "forced_kl_reverse",
    "forced_same_top",
    "forced_teacher_logprobs",
    "forced_student_logprobs",
    "forced_note",
)
# Columns of every pair, and of every role under its prefix ("teacher_status", …).
PAIR_COLUMNS = (
    "suite",
    "id",
    "input",
    "target",
    "expect",
    "choices",
    "slices",
    "group",
    "severity",
    "row",
    "request_key",
    "flip",
    *FORCED_COLUMNS,
)
ROLE_COLUMNS = (
    "status",
    "label",
    "text",
    "probs",
    "choice_logprobs",
    "choice_tokens",
    "reasoning",
    "token_logprobs",
    "tokens_in",
    "tokens_out",
    "latency_s",
    "ttft_s",
    "tpot_s",
    "fixed_latency_s",
    "prompt_hash",
    "judgement",
    "error",
    "answer",
    "correct",
    "unparsable",
    "marks",
    "refused",
    "fields",
    "confidence",
    "why",
    "human",
)
# Those that earlier versions did not write; a run without them is read as one that has none.
ADDED_COLUMNS = frozenset(
    {"choice_tokens", "reasoning", "token_logprobs", "tpot_s", "fixed_latency_s"}
    | {"judgement", "marks", "refused", "fields", "human"}
)


# In `<role>_human`: people labelled another answer than this run's, so nothing is known of this one.
STALE = "stale"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """One suite's pairs as stored. `roles` says whose outputs are there; lists are of equal length.

    `timing` is what the timing protocol recorded of the suite as a whole (evalkit/timing), empty where it did not run.
    """

    facts: SuiteFacts
    roles: tuple[Role, ...]
    data: Mapping[str, Sequence[Any]]
    timing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.data["id"])


def column_names(columns: Columns) -> set[str]:
    """What `where` may name on this suite."""
    found = {"severity", "target", "id", *columns.facts.slice_names}
    for text in set(columns.data["row"]):
        found |= set(json.loads(text))
    return found


def slice_counts(columns: Columns) -> dict[str, dict[str, int]]:
    """How many examples each value of each slice has, declared slices and, for classify, the classes."""
    counts: dict[str, dict[str, int]] = {name: {} for name in slice_columns(columns.facts)}
    # Few combinations of slices make up many rows: each is read once.
    for text, n in Counter(columns.data["slices"]).items():
        for name, value in json.loads(text).items():
            if name in counts and name != "target":
                counts[name][value] = counts[name].get(value, 0) + n
    if "target" in counts:
        counts["target"] = dict(Counter(each for each in columns.data["target"] if each is not None))
    return counts


def severity_counts(columns: Columns) -> dict[str, int]:
    """How many examples each severity has, the lowest first. A criterion may ask for each; results do not list them."""
    given = list(columns.data["severity"])
    return {each: given.count(each) for each in SEVERITIES if each in given}


def slice_columns(facts: SuiteFacts) -> tuple[str, ...]:
    """The slices of a suite: those it declares, and `target` where there are classes."""
    return (*facts.slice_names, "target") if facts.task == "classify" else facts.slice_names
