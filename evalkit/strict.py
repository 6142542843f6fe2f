"""Pieces that the plan, suite and policy models share: strictness, words, finite numbers."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Strict(BaseModel):
    """A mapping in a user's file: unknown keys are errors, and nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _word(value: Any) -> Any:
    """Numbers may stand for words (`labels: [0, 1]`); truth values and fractions may not: 1.0 or "1"?"""
    if isinstance(value, bool) or value is None:
        raise ValueError(f'{str(value).lower()} is not a word here | write it in quotes, "{str(value).lower()}"')
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        raise ValueError(f"{value} is a number where a word is expected | write it in quotes as it stands in the data")
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, (str, bool)):
        raise ValueError(f'"{value}" is not a number | write a plain number such as 0.97')
    if isinstance(value, (int, float)) and not -sys.float_info.max <= value <= sys.float_info.max:
        raise ValueError("the number is too large or not finite | write a plain number such as 0.97")
    return value


Word = Annotated[str, BeforeValidator(_word, json_schema_input_type=str | int)]
Number = Annotated[float, BeforeValidator(_finite)]
# For fields with limits or a pattern of their own, written before these: JSON Schema loses them in an alias.
AS_WORD, AS_NUMBER = BeforeValidator(_word), BeforeValidator(_finite)
