"""What becomes of accuracy as the student answers more of the requests itself."""

from __future__ import annotations

from evalkit.report.drawing.frame import bottom, drawing, legend, upright
from evalkit.report.drawing.marks import LOOKS, MUTED, Point, band, dashed, dots, line, place, thin, words
from evalkit.report.drawing.scale import Scale, shares, tick_words
from evalkit.types.points import FallbackCurve, Kept

_LEFT, _RIGHT, _BOTTOM = 44.0, 340.0, 232.0
# With words for the chosen threshold above it, and without.
_TOP, _HIGHER = 62.0, 42.0


def fallback_curve(title: str, curve: FallbackCurve, *, chosen: str = "") -> str:
    """The accuracy of the two together over the share that the student answers, with its band; teacher and student
    alone as level lines; the chosen threshold as a dot, with its words above the drawing."""
    values = [curve.student, curve.teacher, *(end for each in curve.kept for end in (each.low, each.high))]
    values += [each.accuracy for each in curve.kept]
    values += [] if curve.chosen is None else [curve.chosen.low, curve.chosen.high, curve.chosen.accuracy]
    # A human is taken to be always right.
    values += [1.0] if curve.behind == "human" else []
    across = shares(ticks=5, left=_LEFT, right=_RIGHT)
    up = shares(values, left=_BOTTOM, right=_TOP if chosen else _HIGHER)
    # The chosen point lies on the line, also where the line was thinned around it.
    points = [*curve.kept, *([] if curve.chosen is None or curve.chosen in curve.kept else [curve.chosen])]
    ordered = sorted(points, key=lambda each: (each.coverage, -each.threshold))
    kept = [(across.at(each.coverage), each) for each in ordered]
    together = LOOKS["both"]
    alone = [("teacher", "teacher alone")] if curve.teacher is not None else []
    parts = [
        legend([*alone, ("student", "student alone"), ("both", "together")]),
        upright(up, _LEFT, [f"{each} %" for each in tick_words(up, 2)], "right answers", right=_RIGHT),
        bottom(across, _BOTTOM, [f"{each} %" for each in tick_words(across, 2)], "answered by the student itself"),
        band(_thinned(kept, up, "high"), _thinned(kept, up, "low"), together),
        dashed((_LEFT, up.at(1.0)), (_RIGHT, up.at(1.0))) if curve.behind == "human" else "",
        _level("teacher", None if curve.teacher is None else up.at(curve.teacher), _LEFT),
        _level("student", up.at(curve.student), _RIGHT),
        line(_thinned(kept, up, "accuracy"), together),
    ]
    if curve.chosen is not None:
        parts.append(_chosen((across.at(curve.chosen.coverage), up.at(curve.chosen.accuracy)), chosen))
    return drawing(title, int(_BOTTOM) + 40, parts)


def _thinned(kept: list[tuple[float, Kept]], up: Scale, what: str) -> list[Point]:
    return thin([(x, up.at(getattr(each, what))) for x, each in kept])


def _level(who: str, y: float | None, end: float) -> str:
    """How a model does alone: where it answers everything, its mark."""
    if y is None:
        return ""
    return line([(_LEFT, y), (_RIGHT, y)], LOOKS[who]) + dots([(end, y)], LOOKS[who])


def _chosen(at: Point, said: str) -> str:
    x, y = at
    look = LOOKS["both"]
    drop = (
        f'<path class="reference" d="M{place(x)} {place(y)}V{place(_BOTTOM)}" stroke="{MUTED}" stroke-dasharray="1 3"/>'
    )

    def dot(x: float, y: float) -> str:
        return f'<circle class="chosen" cx="{place(x)}" cy="{place(y)}" r="4.5" fill="{look.colour}"/>'

    beside = dot(14.0, 29.0) + words((31, 33), said, kind="label", colour=look.colour) if said else ""
    return drop + dot(x, y) + beside
