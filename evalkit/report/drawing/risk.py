"""What is risked when only the surest answers are kept."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.report.drawing.frame import bottom, drawing, legend, upright
from evalkit.report.drawing.marks import LOOKS, dots, line, thin
from evalkit.report.drawing.scale import shares, tick_words
from evalkit.types.points import RiskCoverage

_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 340.0, 42.0, 202.0


def risk_coverage(title: str, models: Sequence[tuple[RiskCoverage, str]]) -> str:
    """A line for each model, with the words for it: the share that is wrong among the answers that are kept."""
    across = shares(ticks=5, left=_LEFT, right=_RIGHT)
    # From nothing wrong on: half the risk has half the height.
    up = shares([0.0, *(risk for each, _ in models for _, risk in each.line)], left=_BOTTOM, right=_TOP, least=0.05)
    parts = [
        legend([(each.who, label) for each, label in models]),
        upright(up, _LEFT, [f"{each} %" for each in tick_words(up, 2)], "wrong among those kept", right=_RIGHT),
        bottom(across, _BOTTOM, [f"{each} %" for each in tick_words(across, 2)], "kept, the surest first"),
    ]
    for each, _ in models:
        points = [(across.at(kept), up.at(risk)) for kept, risk in each.line]
        look = LOOKS[each.who]
        parts += [line(thin(points), look), dots(points[-1:], look)]
    return drawing(title, int(_BOTTOM) + 40, parts)
