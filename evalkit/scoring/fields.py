"""Fields: the JSON record in the answer has the fields of the target record, and no others.

evalkit/scoring/json_text.py says how the record is found, evalkit/scoring/json_match.py when fields are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from evalkit.scoring.amount import tolerance
from evalkit.scoring.json_match import MOST_VALUES, Value, compared, normalise, size, written
from evalkit.scoring.json_text import object_in
from evalkit.scoring.wording import joined, wording
from evalkit.types import Example, FieldCounts, Output, Score, SuiteFacts

_SHOWN = 5


class Fields:
    """The scorer, and what it makes of no answer at all."""

    def __call__(self, example: Example, output: Output, facts: SuiteFacts) -> Score:
        """Right iff every field is; `fields` counts each by its dotted path. `answer` is the record as it was
        compared: normalised, sorted, without ignored fields."""
        found, why = object_in(wording(output))
        answer = None if found is None else normalise(found, _ignored(facts))
        if size(answer) > MOST_VALUES:
            found, why = None, f"the record holds more than {MOST_VALUES} values"
        if found is None:
            wrong = None if example.target is None else False
            return Score(correct=wrong, answer=None, unparsable=True, why=why, fields=self.missed(example, facts))
        if example.target is None:
            return Score(correct=None, answer=written(answer))
        is_record, target = _target(example.target, _ignored(facts))
        if not is_record:
            return Score(correct=False, answer=written(answer), why="the target is no JSON object")
        fields, rough = compared(target, answer, tolerance(facts.settings))
        wrong_ones = [path for path, each in fields.items() if each.spurious or each.missed]
        why = joined(_named("not as in the target", wrong_ones), _named("too long to try every pairing", rough))
        return Score(correct=not wrong_ones, answer=written(answer), why=why, fields=fields)

    def missed(self, example: Example, facts: SuiteFacts) -> Mapping[str, FieldCounts] | None:
        """The fields of an example that got no answer: all of them missed. None without a target record."""
        if example.target is None:
            return None
        is_record, target = _target(example.target, _ignored(facts))
        return compared(target, None, tolerance(facts.settings))[0] if is_record else None


score = Fields()


def _ignored(facts: SuiteFacts) -> tuple[str, ...]:
    return tuple(facts.settings.get("ignore", ()))


# Teacher, student and each of their failures ask for the same targets.
@lru_cache(maxsize=64)
def _target(text: str, ignored: tuple[str, ...]) -> tuple[bool, Value]:
    found, _ = object_in(text)
    return found is not None, None if found is None else normalise(found, ignored)


def _named(what: str, paths: list[str]) -> str:
    if not paths:
        return ""
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{what}: " + ", ".join(paths[:_SHOWN]) + more
