"""Suites that ask each example several times: k rows for one example, and back.

The example stays the unit of all statistics. Its samples are rows of one group, so that an interval knows them for what
they are: k answers to one question say more about that question, and nothing about others. As every example has the
same number of them, the mean over rows is the mean of the examples' own means.
"""

from __future__ import annotations

from dataclasses import replace

from evalkit.types import Suite


def sampled(suite: Suite, samples: int) -> Suite:
    """The suite with `samples` rows for each example: ids `<id>#1` to `<id>#k`, in its group or in one of their own."""
    if samples == 1:
        return suite
    facts = replace(suite.facts, samples=samples, grouped=True)
    examples = tuple(
        replace(each, id=facts.sample_id(each.id, number), group=each.group if each.group is not None else each.id)
        for each in suite.examples
        for number in range(1, samples + 1)
    )
    return replace(suite, facts=facts, examples=examples)


def once_each(suite: Suite) -> Suite:
    """The suite's examples, each once and under its own id: what its author wrote."""
    if suite.facts.samples == 1:
        return suite
    examples = tuple(
        replace(each, id=suite.facts.example_of(each.id)) for each in suite.examples[:: suite.facts.samples]
    )
    return replace(suite, facts=replace(suite.facts, samples=1), examples=examples)
