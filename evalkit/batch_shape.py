"""Batch-shape audit: do a model's answers depend on what shared their batch?

A seeded draw of a suite's requests is asked once more, each alone, and every answer is held against the one that the
model gave in its batch. Nothing but the shape of the batch differs, so what differs in the answers is noise of that.
docs/models.md says what is recorded, docs/adr/0016 what the gate makes of it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from evalkit.backends import Backend
from evalkit.scoring import score_of, scorer
from evalkit.streams import stream
from evalkit.types import ERRORED, WRITING, Example, ModelFacts, Output, Request, Score, Suite, SuiteFacts, Undefined
from evalkit.types.batch_shape import BatchShape, Compared

# A written answer that is alone may take as long as a whole batch of them: so many times fewer are asked.
WRITTEN_FEWER = 4


def drawn(requests: Sequence[Request], many: int, seed: int) -> list[int]:
    """Which of a suite's requests are asked alone: `many` of them (a quarter, rounded up, where answers are written)
    or all that there are, drawn by the seed; positions, upwards. The same for every model."""
    if not requests or many == 0:
        return []
    wanted = -(-many // WRITTEN_FEWER) if requests[0].task in WRITING else many
    if wanted >= len(requests):
        return list(range(len(requests)))
    chosen = stream(seed, "batch shape", requests[0].suite).choice(len(requests), size=wanted, replace=False)
    return sorted(int(each) for each in chosen)


def why_not(
    backend: Backend, facts: ModelFacts, requests: Sequence[Request], *, recorded_judge: bool = False
) -> Undefined | None:
    """Why this model's answers to these requests are not asked for again; None where they are to be."""
    if not facts.live:
        return Undefined(reason="recorded answers cannot be asked for again")
    if any(each.generation.get("temperature") for each in requests):
        return Undefined(reason="the suite samples (temperature above 0): what differs would be the draw")
    if recorded_judge:
        return Undefined(reason="the suite's judge is a recording, which has nothing to say of other answers")
    if not backend.batch_shape_matters(requests):
        return Undefined(reason="no two of its requests share a batch that is made here")
    return None


def compared(
    suite: Suite, requests: Sequence[Request], together: Sequence[Output], alone: Sequence[Output]
) -> BatchShape | Undefined:
    """What changed between the answers of a batch and those given `alone` (judged ones, where the suite has a judge).

    `together` answer `requests` in order, `alone` some of them. Undefined where no request was answered both times.
    """
    examples = {each.id: each for each in suite.examples}
    in_batch = dict(zip((each.example_id for each in requests), together, strict=True))
    pairs = [(examples[each.example_id], in_batch[each.example_id], each) for each in alone]
    both = [(example, one, other) for example, one, other in pairs if not {one.status, other.status} & ERRORED]
    if not both:
        return Undefined(reason=f"none of {len(pairs)} requests was answered both in its batch and alone")
    moves = [_moved(suite.facts, *each) for each in both]
    kind, differences = _differences([(one, other) for _, one, other in both])
    return BatchShape(
        asked=len(both),
        changed=sum((one.label, one.text) != (other.label, other.text) for _, one, other in both),
        flipped=sum(each > 0 for each in moves),
        share=math.fsum(moves) / len(both),
        ids=tuple(example.id for (example, _, _), move in zip(both, moves, strict=True) if move),
        failed=len(pairs) - len(both),
        largest=max(differences, default=None),
        median=statistics.median(differences) if differences else None,
        compared=kind,
    )


def remark(role: str, suite: str, found: BatchShape | Undefined) -> str | None:
    """What a reader must know of it; None where no answer changed."""
    if isinstance(found, Undefined) or not found.changed:
        return None
    answers = "answer" if found.asked == 1 else "answers"
    flipped = f"{found.flipped} of them flipped" if found.flipped else "none of them flipped"
    return (
        f"{found.changed} of {found.asked} {answers} of the {role} on {suite} changed when asked alone instead of in a "
        f"batch; {flipped}"
    )


def _moved(facts: SuiteFacts, example: Example, one: Output, other: Output) -> float:
    """How far one answer is from another as they are scored: 1 for a flip, the difference where there are marks."""
    score = scorer(facts.scorer)
    first, second = (score_of(score, example, each, facts) for each in (one, other))
    if first.marks is not None and second.marks is not None:
        return abs(first.marks - second.marks)
    if first.correct != second.correct:
        return 1.0
    # As pairs have it: two right answers in other words are no flip, two wrong ones are.
    return 1.0 if not first.correct and _said(first) != _said(second) else 0.0


def _said(score: Score) -> tuple[str | None, bool]:
    return score.answer, score.unparsable


def _differences(pairs: Sequence[tuple[Output, Output]]) -> tuple[Compared | None, list[float]]:
    """Absolute differences of what the outputs have numbers of, all of one sort. Tokens are compared as far as both
    answers have the same ones; two numbers that are both infinite do not differ."""
    found: dict[Compared, list[float]] = {}
    for one, other in pairs:
        for kind, first, second in _numbers(one, other):
            steps = (0.0 if a == b else abs(a - b) for a, b in zip(first, second, strict=False))
            found.setdefault(kind, []).extend(each for each in steps if math.isfinite(each))
    return next(iter(found.items()), (None, []))


def _numbers(one: Output, other: Output) -> list[tuple[Compared, Sequence[float], Sequence[float]]]:
    """The one sort of numbers that two outputs are compared by, the most telling first."""
    if one.choice_logprobs is not None and other.choice_logprobs is not None:
        return [("choice log-likelihoods (nats)", one.choice_logprobs, other.choice_logprobs)]
    if one.probs is not None and other.probs is not None:
        return [("probabilities", one.probs, other.probs)]
    if one.token_logprobs is not None and other.token_logprobs is not None:
        many = _alike(one, other)
        return [("token log-probabilities (nats)", one.token_logprobs[:many], other.token_logprobs[:many])]
    return []


def _alike(one: Output, other: Output) -> int:
    """How many tokens two written answers begin with alike; 0 where their tokens are not known and their words
    differ."""
    if one.written is None or other.written is None:
        return len(one.token_logprobs or ()) if one.text == other.text else 0
    pairs = zip(one.written, other.written, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one.written), len(other.written)))
