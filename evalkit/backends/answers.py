"""One recorded row → Output: what a recording may say, and what it may not.

Ties between probabilities go to the lowest index, for every model alike.

A column may override what was recorded: where it has a value, that is the answer, and whatever else the row says of
what was answered is left aside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.backends.choosing import choose, first_largest, softmax
from evalkit.data import Row, text_of
from evalkit.errors import nearest
from evalkit.types import CHOOSING, ERRORED, STATUSES, Example, Output, Refusal, Status, SuiteFacts

ANSWERS = ("label", "probs", "logits", "text", "choice_logprobs")
STANCES: tuple[Refusal, ...] = ("refused", "complied", "undetermined")
# How far recorded probabilities may be from adding up to one: float16 and printed digits, not more.
TOLERANCE = 1e-3


class AnswerError(ValueError):
    """A row that cannot be an output: the problem, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(problem)


def parse_answer(row: Row, example: Example, facts: SuiteFacts, override: str | None = None) -> Output:
    """The output that a recorded row stands for. Raises AnswerError when it stands for none."""
    if (instead := override_of(row, override)) is not None:
        return _overridden(row, example, facts, instead)
    given = [name for name in ANSWERS if row.get(name) is not None]
    status = _status(row, bool(given))
    if status in ERRORED:
        return _output(row, example, status, error=text_of(row.get("error")) or text_of(row.get("status")))
    chosen, probs = _chosen(row, example, facts)
    logprobs, tokens = _choice_logprobs(row, example), _choice_tokens(row, example)
    label, text = text_of(row.get("label")), row.get("text")
    if text is not None and not isinstance(text, str):
        text = text_of(text) or ""
    if status == "empty" and (text or "").strip():
        raise AnswerError('the row has a text, and its status is "empty"', "remove the one that is wrong")
    if label is not None and _is_stance(facts) and label not in STANCES:
        raise AnswerError(
            f'the label "{label}" is not what an answer to a harmful prompt can do', nearest(label, STANCES)
        )
    if label is None and facts.task in CHOOSING:
        label = chosen
    if label is None and text is None and probs is None and row.get("label") is None:
        raise AnswerError(
            f"the row has no answer: none of {', '.join(ANSWERS)}",
            'give one, or a `status` that says why there is none, such as "error" or "timeout"',
        )
    answer = label if label is not None else text
    if status == "ok" and not (answer or "").strip():
        status = "empty"
    return _output(
        row,
        example,
        status,
        label=label,
        text=text,
        probs=probs,
        choice_logprobs=logprobs,
        choice_tokens=tokens,
        reasoning=text_of(row.get("reasoning")),
        token_logprobs=_token_logprobs(row),
        tokens_out=_count(row, "tokens_out"),
    )


def override_of(row: Row, column: str | None) -> str | None:
    """What stands in place of the recorded answer; None where nothing does."""
    return None if column is None else text_of(row.get(column))


def _overridden(row: Row, example: Example, facts: SuiteFacts, instead: str) -> Output:
    """A failed request did not take as long as an answer does, so its times go with it."""
    if facts.task in CHOOSING and instead not in example.choices:
        raise AnswerError(f'"{instead}" is not among the choices', nearest(instead, example.choices))
    labelled = facts.task in CHOOSING or (_is_stance(facts) and instead in STANCES)
    answer = {"label" if labelled else "text": instead}
    if _status(row, answered=False) in ERRORED:
        return Output(example_id=example.id, status="ok", label=answer.get("label"), text=answer.get("text"))
    return _output(row, example, "ok", **answer)


def _is_stance(facts: SuiteFacts) -> bool:
    """Whether a label says what an answer in writing does with a prompt, rather than which of the choices it is."""
    return facts.scorer == "refusal" and facts.task not in CHOOSING


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
        latency_s=_seconds(row, "latency_s"),
        ttft_s=_seconds(row, "ttft_s"),
        prompt_hash=text_of(row.get("prompt_hash")),
        **answer,
    )


def _chosen(row: Row, example: Example, facts: SuiteFacts) -> tuple[str | None, tuple[float, ...] | None]:
    """The likeliest choice and the probabilities of all; of several ways to say it, the most direct counts."""
    if row.get("probs") is not None:
        probs = _numbers(row["probs"], "probs", example.choices, missing=0.0)
        if any(each < 0 for each in probs):
            raise AnswerError(
                f"probs holds {min(probs)}, which is below 0", "record probabilities, or call them logits"
            )
        total = math.fsum(probs)
        if abs(total - 1) > TOLERANCE:
            raise AnswerError(f"probs add up to {total:.6g}, not 1", "record all of them, or call them logits")
        probs = tuple(each / total for each in probs)
    elif row.get("logits") is not None:
        probs = softmax(_numbers(row["logits"], "logits", example.choices, missing=None))
    elif (logprobs := _choice_logprobs(row, example)) is not None:
        try:
            return choose(example.choices, logprobs, _choice_tokens(row, example), facts.choose_by)
        except ValueError as error:
            raise AnswerError(str(error), "record choice_tokens, or change the suite's choose_by") from None
    else:
        return None, None
    return example.choices[first_largest(probs)], probs


def _choice_logprobs(row: Row, example: Example) -> tuple[float, ...] | None:
    if row.get("choice_logprobs") is None:
        return None
    return _numbers(row["choice_logprobs"], "choice_logprobs", example.choices, missing=None)


def _choice_tokens(row: Row, example: Example) -> tuple[int, ...] | None:
    if row.get("choice_tokens") is None:
        return None
    found = _numbers(row["choice_tokens"], "choice_tokens", example.choices, missing=None)
    if wrong := [each for each in found if each < 1 or each != int(each) or each >= 2**63]:
        raise AnswerError(f"choice_tokens holds {wrong[0]:g}, which is no number of tokens", "record whole numbers")
    return tuple(int(each) for each in found)


def _token_logprobs(row: Row) -> tuple[float, ...] | None:
    value = row.get("token_logprobs")
    if value is None:
        return None
    if not isinstance(value, list) or not all(_is_number(each) for each in value):
        raise AnswerError("token_logprobs is not a list of finite numbers", "record them, or leave the column out")
    return tuple(float(each) for each in value)


def _numbers(value: Any, name: str, choices: Sequence[str], missing: float | None) -> tuple[float, ...]:
    """A list in the order of the choices, or a mapping from them."""
    if not choices:
        raise AnswerError(f"{name} belongs to choices, and there are none here", "record the text that was answered")
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
