"""Suite, requests and outputs → Columns: every role's answer to every example, judged, joined by id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.columns import FORCED_COLUMNS, PAIR_COLUMNS, ROLE_COLUMNS, Columns
from evalkit.data import text_of
from evalkit.errors import BrokenError
from evalkit.files import canonical_json
from evalkit.metrics.flips import flips
from evalkit.requests import prompt_text
from evalkit.scoring import score_of, scorer
from evalkit.stats.per_token import time_per_token
from evalkit.table import table
from evalkit.types import Example, Output, Request, Role, Score, Suite

_SCORE_COLUMNS = ("answer", "correct", "unparsable", "marks", "refused", "fields", "confidence", "why")
_UNASKED: dict[str, Any] = {**dict.fromkeys(ROLE_COLUMNS), "unparsable": False}


def pair(suite: Suite, requests: Sequence[Request], outputs: Mapping[Role, Sequence[Output]]) -> Columns:
    """The suite's pairs. Raises BrokenError when a role did not answer exactly the suite's examples.

    Nothing is dropped: an example without an answer has a status instead.
    """
    data: dict[str, list[Any]] = {name: [] for name in PAIR_COLUMNS}
    for example, request in zip(suite.examples, requests, strict=True):
        for name, value in _example_cells(suite, example, request).items():
            data[name].append(value)
    score = scorer(suite.facts.scorer)
    for role, given in outputs.items():
        by_id = {each.example_id: each for each in given}
        asked = {each.id for each in suite.examples}
        # The second run of the teacher may be on a part of them; its cells are empty elsewhere.
        complete = by_id.keys() <= asked if role == "teacher_again" else by_id.keys() == asked
        if len(by_id) != len(given) or not complete:
            raise BrokenError(f"the {role} did not answer exactly the examples of {suite.name}")
        cells = [
            role_cells(by_id[each.id], score_of(score, each, by_id[each.id], suite.facts), each.choices)
            if each.id in by_id
            else _UNASKED
            for each in suite.examples
        ]
        for name in ROLE_COLUMNS:
            data[f"{role}_{name}"] = [each[name] for each in cells]
    columns = Columns(facts=suite.facts, roles=tuple(outputs), data=data)
    data["flip"] = _flips(columns)
    return columns


def _flips(columns: Columns) -> list[str | None]:
    """Each pair's flip class; None where there are not two models to compare."""
    if "teacher" not in columns.roles or "student" not in columns.roles:
        return [None] * columns.n
    return [str(each) for each in flips(table(columns, "teacher"))]


def _example_cells(suite: Suite, example: Example, request: Request) -> dict[str, Any]:
    skipped = {suite.input_column}
    plain = {
        name: text
        for name, value in example.row.items()
        if name not in skipped and not isinstance(value, (list, dict)) and (text := text_of(value)) is not None
    }
    return {
        "suite": suite.name,
        "id": example.id,
        "input": prompt_text(request.prompt),
        "target": example.target,
        "expect": example.expect,
        # Labels are the suite's, and the manifest has them; choices may differ from row to row.
        "choices": canonical_json(list(example.choices)) if suite.facts.task == "choose" else None,
        "slices": canonical_json(dict(example.slices)),
        "group": example.group,
        "severity": example.severity,
        "row": canonical_json(plain),
        "request_key": request.key,
        "flip": None,
        # What is read after all are answered (evalkit/forced.py).
        **dict.fromkeys(FORCED_COLUMNS),
    }


def role_cells(output: Output, score: Score, choices: Sequence[str]) -> dict[str, Any]:
    """One role's cells of one example, under the names of ROLE_COLUMNS."""
    return {
        "status": output.status,
        "label": output.label,
        "text": output.text,
        "probs": None if output.probs is None else list(output.probs),
        "choice_logprobs": None if output.choice_logprobs is None else list(output.choice_logprobs),
        "choice_tokens": None if output.choice_tokens is None else list(output.choice_tokens),
        "reasoning": output.reasoning,
        "token_logprobs": None if output.token_logprobs is None else list(output.token_logprobs),
        "tokens_in": output.tokens_in,
        "tokens_out": output.tokens_out,
        "latency_s": output.latency_s,
        "ttft_s": output.ttft_s,
        "tpot_s": time_per_token(output.latency_s, output.ttft_s, output.tokens_out),
        # Only the timing protocol asks for an answer of a given length.
        "fixed_latency_s": None,
        "prompt_hash": output.prompt_hash,
        "judgement": output.judgement,
        "error": output.error,
        "answer": score.answer,
        "correct": score.correct,
        "unparsable": score.unparsable,
        "marks": score.marks,
        "refused": score.refused,
        "fields": None
        if score.fields is None
        else canonical_json({name: [each.right, each.spurious, each.missed] for name, each in score.fields.items()}),
        "confidence": _confidence(output, score, choices),
        "why": score.why,
        # What people say of it stands in a file of its own (evalkit/labelled.py).
        "human": None,
    }


def rescored(columns: Columns) -> list[tuple[str, Role, str]]:
    """Where judging the stored outputs again disagrees with the stored scores: (id, role, column)."""
    score = scorer(columns.facts.scorer)
    found: list[tuple[str, Role, str]] = []
    for index in range(columns.n):
        example = _stored_example(columns, index)
        for role in columns.roles:
            stored = {name: columns.data[f"{role}_{name}"][index] for name in ROLE_COLUMNS}
            if role == "teacher_again" and stored["status"] is None:
                continue
            output = _stored_output(example.id, stored)
            again = role_cells(output, score_of(score, example, output, columns.facts), example.choices)
            found += [(example.id, role, name) for name in _SCORE_COLUMNS if stored[name] != again[name]]
    return found


def reflipped(columns: Columns) -> list[str]:
    """Ids of the pairs whose stored flip class does not follow from their scores; earlier runs stored none."""
    stored = columns.data["flip"]
    again = zip(columns.data["id"], stored, _flips(columns), strict=True)
    return [name for name, then, now in again if then != now] if any(stored) else []


def _stored_example(columns: Columns, index: int) -> Example:
    return Example(
        id=columns.data["id"][index],
        row={},
        target=columns.data["target"][index],
        choices=tuple(json.loads(choices)) if (choices := columns.data["choices"][index]) else columns.facts.labels,
        expect=columns.data["expect"][index],
    )


def _stored_output(example_id: str, cells: Mapping[str, Any]) -> Output:
    return Output(
        example_id=example_id,
        status=cells["status"],
        label=cells["label"],
        text=cells["text"],
        probs=None if cells["probs"] is None else tuple(cells["probs"]),
        judgement=cells["judgement"],
        error=cells["error"],
    )


def _confidence(output: Output, score: Score, choices: Sequence[str]) -> float | None:
    """The probability of the answer given, which a label may say is not the largest."""
    if output.probs is None or score.answer not in choices or len(choices) != len(output.probs):
        return None
    return output.probs[choices.index(score.answer)]
