"""Points compared as numbers are: exactly where they are counted, to a rounding error where they are computed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest


def assert_near(one: Any, other: Any) -> None:
    """Two points, or nests of them, that say the same."""
    if is_dataclass(one):
        assert type(one) is type(other)
        for each in fields(one):
            assert_near(getattr(one, each.name), getattr(other, each.name))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for mine, its in zip(one, other, strict=True):
            assert_near(mine, its)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-12)
    else:
        assert one == other
