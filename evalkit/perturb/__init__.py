"""Variants of a suite's examples: what a person would read as the same, written differently.

A kind of perturbation is a pure function of a text, of what in it must stay, and of draws. Every draw comes from a
stream named after the source suite, the kind, the example and the column, so that neither the order of the rows nor
another example moves a variant. docs/perturbations.md shows each kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from evalkit.perturb import case, lookalikes, punctuation, shape, typo, whitespace
from evalkit.perturb.draws import Draws
from evalkit.perturb.protect import protected, values_of
from evalkit.requests import build_requests
from evalkit.streams import stream
from evalkit.types import Example, Suite

# Part of a suite's digest: the same files make other examples once a rule below this package has changed.
RULES = 1
# The slice that says which kind made an example.
SLICE = "perturbation"

Perturb = Callable[[str, Sequence[bool], Draws], str]
KINDS: dict[str, Perturb] = {
    "typo": typo.perturb,
    "case": case.perturb,
    "whitespace": whitespace.perturb,
    "punctuation": punctuation.perturb,
    "unicode": lookalikes.perturb,
    "format": shape.perturb,
}


def perturbed(text: str, kind: str, values: Sequence[str], draws: Draws) -> str:
    """The text in another guise; unchanged where this kind can do nothing with it. `values` stay as they stand."""
    return KINDS[kind](text, protected(text, values), draws)


def variants(suite: Suite, kinds: Sequence[str], source: str, columns: Sequence[str]) -> Suite:
    """The suite with each example's variants in its place: ids `<id>~<kind>`, in one group with each other.

    `columns` are those whose text is changed; `source` names the suite that the examples come from. A variant that a
    model could not tell from the original is left out, and `notes` count them. Raises UsageError when a row cannot
    fill the prompt.
    """
    made: list[tuple[str, Example, Example]] = []
    left_out: Counter[str] = Counter()
    for example in suite.examples:
        for kind in kinds:
            other = _variant(suite, example, kind, source, columns)
            if other.row == example.row:
                left_out[kind] += 1
            else:
                made.append((kind, example, other))
    if suite.prompt is not None:
        same = _read_the_same(suite, [other for _, _, other in made])
        left_out.update(kind for kind, _, other in made if other.id in same)
        made = [each for each in made if each[2].id not in same]
    facts = replace(suite.facts, slice_names=(*suite.facts.slice_names, SLICE), grouped=True)
    tried = len(suite.examples) * len(kinds)
    notes = (
        f"{left_out.total()} of {tried} variants of {source} are left out, because nothing in them could be changed: "
        + ", ".join(f"{kind} {left_out[kind]}" for kind in kinds if left_out[kind]),
    )
    return replace(
        suite, facts=facts, examples=tuple(other for _, _, other in made), notes=suite.notes + notes * bool(left_out)
    )


def _variant(suite: Suite, example: Example, kind: str, source: str, columns: Sequence[str]) -> Example:
    values = values_of(example, suite.facts.task)
    changed = {
        name: perturbed(text, kind, values, Draws(stream(0, "perturb", source, kind, example.id, name)))
        for name in columns
        if isinstance(text := example.row.get(name), str)
    }
    return replace(
        example,
        id=f"{example.id}~{kind}",
        row={**example.row, **changed},
        group=example.group if example.group is not None else example.id,
        slices={**example.slices, SLICE: kind},
    )


def _read_the_same(suite: Suite, others: Sequence[Example]) -> set[str]:
    """Ids of the variants whose prompt is the original's: a template may undo a change (`{{ text | lower }}`)."""
    before = {request.example_id: request.prompt for request in build_requests(suite)}
    after = build_requests(replace(suite, examples=tuple(others)))
    return {request.example_id for request in after if request.prompt == before[request.example_id.rpartition("~")[0]]}
