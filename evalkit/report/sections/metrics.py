"""Every metric, suite by suite: methods are numbered, so that a row stays a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evalkit.report.view import SideView, SuiteView, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """One suite; `methods` by number, from 1, in the order in which they come up, `number` the other way round."""

    suite: SuiteView
    rows: int
    methods: tuple[str, ...]
    number: Mapping[str, int]


def metrics(view: View) -> tuple[Metrics, ...]:
    """One entry for each suite with something to show, and one for the run as a whole."""
    return tuple(_metrics(suite) for suite in view.suites)


def _metrics(suite: SuiteView) -> Metrics:
    methods = list(dict.fromkeys(filter(None, _methods(suite))))
    return Metrics(
        suite=suite,
        rows=sum(len(family.sides) + len(family.singles) for family in suite.families),
        methods=tuple(methods),
        number={method: place for place, method in enumerate(methods, 1)},
    )


def _methods(suite: SuiteView) -> Iterator[str]:
    for family in suite.families:
        for side in family.sides:
            yield from methods_of(side)
    for family in suite.families:
        yield from (single.reading.method for single in family.singles)


def methods_of(side: SideView) -> tuple[str, ...]:
    """How teacher, student and difference were measured, each method once."""
    readings = (side.teacher, side.student, side.difference)
    return tuple(dict.fromkeys(each.method for each in readings if each is not None and each.method))
