"""What is weak about a suite, found without a model."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from evalkit.errors import Complaint, Place
from evalkit.perturb import SLICE as VARIANTS
from evalkit.requests import build_requests, prompt_text
from evalkit.types import Suite

_LEFTOVER = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\$\{\w+\}|<(?:insert|placeholder|your)[ _-][^>]*>", re.IGNORECASE)


def lint(suite: Suite) -> list[Complaint]:
    """Every finding, the gravest first; an empty list for a clean suite.

    Mistakes that make a suite unusable (repeated ids, targets outside the labels, a missing half of a
    safety suite) never reach this: loading the suite refuses them.
    """
    return [*_repeated_inputs(suite), *_missing_targets(suite), *_labels(suite), *_slices(suite), *_leftovers(suite)]


def _place(suite: Suite, key: str) -> Place:
    return Place(file=suite.facts.path, key=key)


def _few(ids: list[str]) -> str:
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")


def _repeated_inputs(suite: Suite) -> Iterator[Complaint]:
    by_prompt: dict[str, list[int]] = defaultdict(list)
    for index, request in enumerate(build_requests(suite)):
        by_prompt[request.key].append(index)
    repeated = [indices for indices in by_prompt.values() if len(indices) > 1]
    clashing = [i for i in repeated if len({suite.examples[index].target for index in i}) > 1]
    if clashing:
        ids = [suite.examples[index].id for index in clashing[0]]
        more = f", and {len(clashing) - 1} more inputs like it" if len(clashing) > 1 else ""
        yield Complaint(
            problem=f"the same input has different targets: {_few(ids)}{more}",
            remedy="no model can be right on both; keep one of them",
            place=_place(suite, "data"),
        )
    rest = [i for i in repeated if i not in clashing]
    if rest:
        ids = [suite.examples[index].id for indices in rest for index in indices[1:]]
        yield Complaint(
            problem=f"{len(ids)} examples repeat the input of another: {_few(ids)}",
            remedy="remove them, or put repeats into one group: they are not independent evidence",
            place=_place(suite, "data"),
        )


def _missing_targets(suite: Suite) -> Iterator[Complaint]:
    missing = [each.id for each in suite.examples if each.target is None]
    # A safety suite expects a behaviour, not an answer.
    if missing and suite.facts.kind != "safety-refusal":
        yield Complaint(
            problem=f"{len(missing)} of {len(suite.examples)} examples have no target: {_few(missing)}",
            remedy="they count for agreement but not for accuracy; fill them in or remove them",
            place=_place(suite, "columns.target"),
        )


def _labels(suite: Suite) -> Iterator[Complaint]:
    seen = {each.target for each in suite.examples}
    unused = [label for label in suite.facts.labels if label not in seen]
    if suite.facts.task == "classify" and unused and len(seen - {None}) > 0:
        yield Complaint(
            problem=f"{len(unused)} of {len(suite.facts.labels)} labels have no example: {_few(unused)}",
            remedy="a student could lose these classes unseen; add examples",
            place=_place(suite, "labels"),
        )


def _slices(suite: Suite) -> Iterator[Complaint]:
    for name in suite.facts.slice_names:
        counts = Counter(each.slices.get(name) for each in suite.examples)
        values = {value for value in counts if value is not None}
        if not values:
            problem, remedy = f'the slice "{name}" is empty in every row', "fill the column in or remove the slice"
        elif counts[None]:
            problem = f'{counts[None]} examples have no value of the slice "{name}"'
            remedy = "they are in no slice, so no slice criterion sees them; fill them in"
        elif len(values) == 1 and name != VARIANTS:
            problem, remedy = f'the slice "{name}" has one value only', "it says nothing that the whole suite does not"
        else:
            continue
        yield Complaint(problem=problem, remedy=remedy, place=_place(suite, "columns.slices"))


def _leftovers(suite: Suite) -> Iterator[Complaint]:
    found = [
        (request.example_id, match[0])
        for request in build_requests(suite)
        if (match := _LEFTOVER.search(prompt_text(request.prompt)))
    ]
    if found:
        yield Complaint(
            problem=f"{len(found)} prompts hold an unfilled template variable, such as {found[0][1]} in {found[0][0]}",
            remedy="fill it in: a model would be asked about the placeholder",
            place=_place(suite, "data"),
        )
