"""Criteria that ask for more than the models can repeat: their margin is smaller than the share of answers that
flipped when asked alone (evalkit/batch_shape.py). docs/adr/0016 says why the rule is what it is."""

from __future__ import annotations

from evalkit import figures
from evalkit.metrics import catalogue
from evalkit.types import BESIDE_ANSWERS, Question, Role, Versus
from evalkit.types.batch_shape import BatchShape, BatchShapes

# Values of a student that is its teacher, for metrics whose own depends on the data only where models fail.
_SAME = {
    "agreement.top1": 1.0,
    "agreement.exact": 1.0,
    "agreement.kappa": 1.0,
    "agreement.excess_disagreement": 0.0,
    "flips.excess_rate": 0.0,
}
# What one answer moves by one part in n. Distances of distributions, calibration and lengths are means of amounts,
# which a near-tie that falls the other way hardly moves; a p-value is no quantity of answers at all.
_OF_ANSWERS = ("accuracy.", "f1_macro.", "fields.f1.", "score.", "flips.", "errors.", "safety.", "outputs.")
_NOT_OF_ANSWERS = ("accuracy.mcnemar_p", "errors.consistency_kappa", "outputs.length_ratio")
# Word for word, two right answers are two answers.
_BY_WORDS = "agreement.exact"


def margin(metric: str, bound: float) -> float | None:
    """How far a bound lies from what a student that is its teacher would get, in the metric's own unit, at least 0.

    None where there is no such distance to speak of: a metric of one model alone, one that is not of answers, and a
    count, whose bound is a number of examples and not a share of them.
    """
    if metric in _SAME:
        return abs(bound - _SAME[metric])
    if metric in _NOT_OF_ANSWERS or not metric.startswith(_OF_ANSWERS) or metric.startswith(BESIDE_ANSWERS):
        return None
    known = catalogue().get(metric)
    if known is None or known[0].identity is None or known[0].unit == "count":
        return None
    return abs(bound - known[0].identity)


def swamped(question: Question, bound: float, shapes: BatchShapes) -> str | None:
    """Why a bound on this question decides nothing, in a clause; None where the audit does not speak against it."""
    if question.suite is None or (wide := margin(question.metric, bound)) is None:
        return None
    found = shapes.get(question.suite, {})
    worst: tuple[float, Role, BatchShape] | None = None
    for role in _roles(question.versus):
        each = found.get(role)
        if isinstance(each, BatchShape) and (worst is None or _share(question.metric, each) > worst[0]):
            worst = _share(question.metric, each), role, each
    if worst is None or worst[0] <= wide:
        return None
    share, role, audit = worst
    return (
        f"{_how_many(question.metric, audit)} the {role} on {question.suite} when asked alone: a share of "
        f"{_percent(share, wide)}, more than the margin of {_percent(wide, share)}"
    )


# What helps, and what does not.
REMEDY = (
    "more examples or larger batches do not help: dtype: float32 makes such answers rare, batch_tokens: 1 keeps all "
    "requests apart, and a larger batch_shape_audit measures the share more closely"
)


def _roles(versus: Versus) -> tuple[Role, ...]:
    """Whose noise bears on a comparison. A champion is not asked again."""
    return ("teacher", "student") if versus == "teacher" else ("student",)


def _share(metric: str, audit: BatchShape) -> float:
    return audit.changed / audit.asked if metric == _BY_WORDS else audit.share


def _how_many(metric: str, audit: BatchShape) -> str:
    if metric == _BY_WORDS:
        return f"{audit.changed} of {audit.asked} answers changed for"
    return f"{audit.flipped} of {audit.asked} answers flipped for"


def _percent(value: float, beside: float) -> str:
    """A share in per cent, with so many digits that the two that stand side by side look different."""
    first, _ = figures.together([value, beside], "share")
    assert first is not None
    return first
