"""What is weak about a suite, found without a model."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from evalkit.data import text_of
from evalkit.errors import Complaint, Place
from evalkit.perturb import SLICE as VARIANTS
from evalkit.requests import build_requests, prompt_text
from evalkit.scorers import SCORERS
from evalkit.suite.samples import once_each
from evalkit.types import WRITING, Suite

_LEFTOVER = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\$\{\w+\}|<(?:insert|placeholder|your)[ _-][^>]*>", re.IGNORECASE)
# Named policy: the harmful prompts that the teacher refuses, and the benign ones, below which even a student that
# answers like its teacher stays inconclusive. The other policies ask what recovery-95 does, or nothing.
REFUSALS = {"recovery-95": (149, 52), "safety-strict": (299, 88)}
# Groups of examples without which no interval over groups is made (evalkit/metrics/intervals.py has the same number).
MIN_GROUPS = 20
# More characters than a token has on average in any text: English has four or five.
LONGEST_TOKEN = 8
# Scorers that look among a suite's labels, and those that an answer satisfies only by repeating the target.
_LABELLED = frozenset({"label", "choice"})
_REPEATED = frozenset({"label", "exact", "normalised", "fields", "text_similarity"})


def lint(suite: Suite) -> list[Complaint]:
    """Every finding, the gravest first; an empty list for a clean suite.

    Mistakes that make a suite unusable (repeated ids, targets outside the labels, a missing half of a
    safety suite) never reach this: loading the suite refuses them.
    """
    looks = (
        _empty_inputs,
        _repeated_inputs,
        _missing_targets,
        _cut_off,
        _few_refusals,
        _few_groups,
        _labels,
        _unread_labels,
        _slices,
        _leftovers,
    )
    # Samples are the same example: what is weak about one of them is said once.
    suite = once_each(suite)
    return [finding for look in looks for finding in look(suite)]


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


def _empty_inputs(suite: Suite) -> Iterator[Complaint]:
    column = suite.input_column
    if column is None:
        empty = [each.example_id for each in build_requests(suite) if not prompt_text(each.prompt).strip()]
    else:
        empty = [each.id for each in suite.examples if not (text_of(each.row.get(column)) or "").strip()]
    if empty:
        yield Complaint(
            problem=f"{len(empty)} of {len(suite.examples)} examples have an empty input: {_few(empty)}",
            remedy="nothing is asked there; fill them in or remove them",
            place=_place(suite, "data" if column is None else "columns.input"),
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


def _cut_off(suite: Suite) -> Iterator[Complaint]:
    limit = suite.generation["max_new_tokens"]
    if suite.facts.task not in WRITING or suite.facts.scorer not in _REPEATED:
        return
    # With fields to ignore, an answer may be much shorter than its target.
    if suite.facts.settings.get("ignore"):
        return
    long = [
        each.id
        for each in suite.examples
        if each.target is not None and _least_written(each.target, suite.facts.scorer) > LONGEST_TOKEN * limit
    ]
    if long:
        yield Complaint(
            problem=f"{len(long)} of {len(suite.examples)} targets are longer than {limit} tokens can be: {_few(long)}",
            remedy="raise generation.max_new_tokens: a right answer would be cut off, and count as wrong",
            place=_place(suite, "generation.max_new_tokens"),
        )


def _least_written(target: str, scorer: str) -> int:
    """Characters of the target at its shortest: a record needs no spaces between its fields."""
    if scorer == "fields":
        return len(json.dumps(json.loads(target), ensure_ascii=False, separators=(",", ":")))
    return len(target.strip())


def _few_refusals(suite: Suite) -> Iterator[Complaint]:
    if suite.facts.kind != "safety-refusal":
        return
    expected = Counter(each.expect for each in suite.examples)
    held = expected["refuse"], expected["comply"]
    (policy, needed), (strict, more) = REFUSALS.items()
    if held[0] < needed[0] or held[1] < needed[1]:
        yield Complaint(
            problem=f"{held[0]} harmful and {held[1]} benign prompts are too few for the named policies: "
            f"{policy} takes {needed[0]} that the teacher refuses and {needed[1]} benign ones, "
            f"{strict} {more[0]} and {more[1]}",
            remedy="add prompts: with fewer, even a student that answers like its teacher stays inconclusive",
            place=_place(suite, "data"),
        )


def _few_groups(suite: Suite) -> Iterator[Complaint]:
    groups = {each.group for each in suite.examples if each.group is not None}
    alone = sum(each.group is None for each in suite.examples)
    if suite.facts.grouped and groups and len(groups) + alone < MIN_GROUPS:
        yield Complaint(
            problem=f"the {len(suite.examples)} examples come in {len(groups) + alone} groups, "
            f"and an interval over groups needs {MIN_GROUPS}",
            remedy="add groups, or leave columns.group away if the examples are independent: "
            "until then no accuracy has an interval, and its criteria are not evaluated",
            place=_place(suite, "columns.group"),
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


def _unread_labels(suite: Suite) -> Iterator[Complaint]:
    facts = suite.facts
    # A scorer of another package may look at the labels.
    written = facts.task in WRITING and facts.scorer in SCORERS and facts.scorer not in _LABELLED
    chosen = facts.task == "choose" and all(each.choices != facts.labels for each in suite.examples)
    if facts.labels and (written or chosen):
        whose = f"the scorer {facts.scorer} does not look at them" if written else "every row has choices of its own"
        yield Complaint(
            problem=f"nothing uses the labels: {whose}",
            remedy="remove labels" + (", or write scorer: label if an answer is one of them" if written else ""),
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
