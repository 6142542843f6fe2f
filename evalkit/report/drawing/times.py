"""How many requests are done after how long, and which never were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit import figures
from evalkit.report.drawing.frame import bottom, drawing, legend, upright
from evalkit.report.drawing.marks import LOOKS, dots, line, steps, thin, whiskers, words
from evalkit.report.drawing.scale import Scale, decades, shares, tick_words
from evalkit.types.points import Times

_LEFT, _TOP, _BOTTOM = 44.0, 46.0, 242.0
# Where something never finished, it stands beyond the axis.
_RIGHT, _BEFORE_NEVER, _MIDDLE = 340.0, 308.0, 334.0
# Lines of more points than this go straight from one to the next: their steps would be finer than a pen.
_STEPS = 60
# Seconds below this, and above as much, are written with a power of ten: their zeros would fill the drawing.
_BRIEF = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """A percentile of a model in seconds, its interval, and the share of all requests that it stands at."""

    value: float
    low: float | None
    high: float | None
    share: float


def ecdf(title: str, models: Sequence[tuple[Times, str, Sequence[Percentile]]]) -> str:
    """The distribution of each model's times, logarithmic, with the words for the model and its percentiles."""
    seconds = [each for times, _, marks in models for each in _seconds(times, marks)]
    right = _BEFORE_NEVER if any(times.unfinished for times, _, _ in models) else _RIGHT
    across, up = decades(seconds, left=_LEFT, right=right), shares(ticks=5, left=_BOTTOM, right=_TOP)
    parts = [
        legend([(times.who, label) for times, label, _ in models]),
        upright(up, _LEFT, [f"{each} %" for each in tick_words(up, 2)], "done by then", right=right),
        bottom(across, _BOTTOM, time_words(across), "time per request, logarithmic", top=_TOP),
    ]
    fine = any(len(times.line) > _STEPS for times, _, _ in models)
    for times, _, marks in models:
        look = LOOKS[times.who]
        points = [(across.at(time), up.at(done)) for time, done in times.line]
        if points:
            whole = [(points[0][0], up.at(0.0)), *points]
            parts.append(line(thin(whole), look) if fine else steps(whole, look))
        ends = [(each, up.at(each.share)) for each in marks]
        parts.append(
            whiskers(
                [
                    ((across.at(each.low), y), (across.at(each.high), y))
                    for each, y in ends
                    if each.low is not None and each.high is not None
                ],
                look,
            )
        )
        parts.append(dots([(across.at(each.value), y) for each, y in ends], look))
    parts += _unfinished([times for times, _, _ in models])
    return drawing(title, int(_BOTTOM) + 40, parts)


def _seconds(times: Times, marks: Sequence[Percentile]) -> list[float]:
    found = [time for time, _ in times.line]
    for each in marks:
        found += [end for end in (each.value, each.low, each.high) if end is not None]
    return found


def time_words(axis: Scale) -> list[str]:
    """The labels of an axis of seconds, each in the unit that suits it."""
    said = []
    for tick in axis.ticks:
        if not _BRIEF <= tick < 1 / _BRIEF:
            said.append(f"{tick:g} s")
            continue
        how = figures.style("seconds", tick)
        one = Scale(start=axis.start, stop=axis.stop, ticks=(float(f"{tick:.12g}"),), log=axis.log)
        said.append(tick_words(one, how.shift)[0] + how.suffix)
    return said


def _unfinished(models: Sequence[Times]) -> list[str]:
    """At the right edge, beyond the axis: how many of each model have no end."""
    late = [each for each in models if each.unfinished]
    parts = [words((358, _TOP - 10), "never finished", anchor="end", kind="label")] if late else []
    for row, each in enumerate(late):
        y = _TOP + 16 + row * 40
        parts.append(dots([(_MIDDLE, y)], LOOKS[each.who]))
        parts.append(words((_MIDDLE, y + 18), figures.count(each.unfinished), anchor="middle", kind="label"))
    return parts
