"""One recorded row → Output: what a recording may say, and what it may not.

Ties between probabilities go to the lowest index, for every model alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.data import Row, text_of
from evalkit.errors import nearest
from evalkit.types import ERRORED, STATUSES, Example, Output, Status, Task

ANSWERS = ("label", "probs", "logits", "text", "choice_logprobs")
# How far recorded probabilities may be from adding up to one: float16 and printed digits, not more.
TOLERANCE = 1e-3


class AnswerError(ValueError):
    """A row that cannot be an output: the problem, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(problem)


def parse_answer(row: Row, example: Example, task: Task) -> Output:
    """The output that a recorded row stands for. Raises AnswerError when it stands for none."""
    given = [name for name in ANSWERS if row.get(name) is not None]
    status = _status(row, bool(given))
    if status in ERRORED:
        return _output(row, example, status, error=text_of(row.get("error")) or text_of(row.get("status")))
    probs = _probabilities(row, example)
    logprobs = _choice_logprobs(row, example)
    label, text = text_of(row.get("label")), row.get("text")
    if text is not None and not isinstance(text, str):
        text = text_of(text) or ""
    if label is None and probs is not None and task in ("classify", "choose"):
        label = example.choices[_first_largest(probs)]
    if label is None and text is None and probs is None and row.get("label") is None:
        raise AnswerError(
            f"the row has no answer: none of {', '.join(ANSWERS)}",
            'give one, or a `status` that says why there is none, such as "error" or "timeout"',
        )
    answer = label if label is not None else text
    if status == "ok" and not (answer or "").strip():
        status = "empty"
    return _output(row, example, status, label=label, text=text, probs=probs, choice_logprobs=logprobs)


def softmax(logits: Sequence[float]) -> tuple[float, ...]:
    """Probabilities of logits, in double precision; equal logits get equal probabilities."""
    top = max(logits)
    raised = [math.exp(each - top) for each in logits]
    total = math.fsum(raised)
    return tuple(each / total for each in raised)


def _status(row: Row, answered: bool) -> Status:
    written = text_of(row.get("status"))
    if written is None:
        return "ok"
    for status in STATUSES:
        if written == status:
            return status
    if answered:
        raise AnswerError(f'"{written}" is not a status of an answer', nearest(written, STATUSES))
    # Whatever word the recorder had for it, there is no answer, and it was not the model's choice.
    return "error"


def _output(row: Row, example: Example, status: Status, **answer: Any) -> Output:
    return Output(
        example_id=example.id,
        status=status,
        tokens_in=_count(row, "tokens_in"),
        tokens_out=_count(row, "tokens_out"),
        latency_s=_seconds(row, "latency_s"),
        ttft_s=_seconds(row, "ttft_s"),
        prompt_hash=text_of(row.get("prompt_hash")),
        **answer,
    )


def _probabilities(row: Row, example: Example) -> tuple[float, ...] | None:
    if row.get("probs") is not None:
        probs = _numbers(row["probs"], "probs", example.choices, missing=0.0)
        if any(each < 0 for each in probs):
            raise AnswerError(
                f"probs holds {min(probs)}, which is below 0", "record probabilities, or call them logits"
            )
        total = math.fsum(probs)
        if abs(total - 1) > TOLERANCE:
            raise AnswerError(f"probs add up to {total:.6g}, not 1", "record all of them, or call them logits")
        return tuple(each / total for each in probs)
    if row.get("logits") is not None:
        return softmax(_numbers(row["logits"], "logits", example.choices, missing=None))
    if row.get("choice_logprobs") is not None:
        return softmax(_numbers(row["choice_logprobs"], "choice_logprobs", example.choices, missing=None))
    return None


def _choice_logprobs(row: Row, example: Example) -> tuple[float, ...] | None:
    if row.get("choice_logprobs") is None:
        return None
    return _numbers(row["choice_logprobs"], "choice_logprobs", example.choices, missing=None)


def _numbers(value: Any, name: str, choices: Sequence[str], missing: float | None) -> tuple[float, ...]:
    """A list in the order of the choices, or a mapping from them."""
    if isinstance(value, Mapping):
        unknown = [each for each in value if each not in choices]
        if unknown:
            raise AnswerError(f'{name} names "{unknown[0]}", which is not a label', nearest(str(unknown[0]), choices))
        # A Parquet mapping gives every key to every row, with null for those that were absent.
        absent = [each for each in choices if value.get(each) is None]
        if absent and missing is None:
            raise AnswerError(f'{name} says nothing of "{absent[0]}"', f"give all {len(choices)} of them")
        value = [missing if value.get(each) is None else value[each] for each in choices]
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise AnswerError(f"{name} is neither a list nor a mapping", "give a list in the order of the suite's labels")
    if len(value) != len(choices):
        raise AnswerError(
            f"{name} has {len(value)} numbers for {len(choices)} labels", "give one for each label, in their order"
        )
    for each in value:
        if not _is_number(each):
            raise AnswerError(f"{name} holds {each!r}, which is not a finite number", "record it as an error instead")
    return tuple(float(each) for each in value)


def _first_largest(probs: Sequence[float]) -> int:
    return max(range(len(probs)), key=lambda index: (probs[index], -index))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON has integers that no float reaches
        return False


def _seconds(row: Row, name: str) -> float | None:
    value = _optional_number(row, name)
    if value is not None and value < 0:
        raise AnswerError(f"{name} is {value}, which is below 0", "record seconds, or leave the column out")
    return value


def _count(row: Row, name: str) -> int | None:
    value = _optional_number(row, name)
    if value is None:
        return None
    # pairs.parquet holds it in 64 bits.
    if value < 0 or value != int(value) or value >= 2**63:
        raise AnswerError(f"{name} is {value}, which is not a count", "record whole numbers, or leave the column out")
    return int(value)


def _optional_number(row: Row, name: str) -> float | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    # A Parquet column of optional numbers holds NaN where there is none.
    if isinstance(value, float) and math.isnan(value):
        return None
    if not _is_number(value):
        raise AnswerError(f"{name} is {value!r}, which is not a number", "record a number, or leave the column out")
    return float(value)
