"""Suite → Requests: what a model sees for each example.

Templates run sandboxed and strict: a suite is data that somebody sent, and a column that a row lacks is an
error, not an empty word in the middle of a prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from evalkit.data import text_of
from evalkit.errors import Complaint, Place, UsageError
from evalkit.files import digest_value
from evalkit.types import WRITING, Example, Message, Prompt, Request, Suite

if TYPE_CHECKING:
    import jinja2


def build_requests(suite: Suite) -> list[Request]:
    """One request per example, in the suite's order. Raises UsageError when a row cannot fill the prompt."""
    render = _renderer(suite)
    requests: list[Request] = []
    failed: list[Complaint] = []
    for example in suite.examples:
        try:
            prompt = render(example)
        except UsageError as error:
            failed += error.complaints
            continue
        requests.append(_request(suite, example, prompt))
    if failed:
        more = len(failed) - 1
        first = failed[0]
        problem = first.problem + (f" (and {more} more rows like it)" if more else "")
        raise UsageError(Complaint(problem=problem, remedy=first.remedy, place=first.place))
    return requests


def prompt_text(prompt: Prompt) -> str:
    """A prompt for a reader: chat turns under their roles."""
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"[{each.role}]\n{each.content}" for each in prompt)


def prompt_value(prompt: Prompt) -> Any:
    """A prompt as a JSON value: a text, or a list of turns."""
    return prompt if isinstance(prompt, str) else [{"role": each.role, "content": each.content} for each in prompt]


def _request(suite: Suite, example: Example, prompt: Prompt) -> Request:
    # A classifier has no use for generation settings: were they in its key, a change to them
    # would throw away every cached output for nothing.
    generation = suite.generation if suite.facts.task in WRITING else {}
    seen = {
        "task": suite.facts.task,
        "prompt": prompt_value(prompt),
        "choices": list(example.choices),
        "generation": dict(generation),
    }
    if suite.facts.choose_by != "sum":
        seen["choose_by"] = suite.facts.choose_by
    seed = _seed(example.id) if suite.facts.samples > 1 else None
    if seed is not None:
        # Samples of one example differ in nothing else, and are different questions to a cache.
        seen["sample"] = example.id
    return Request(
        key=digest_value(seen),
        suite=suite.name,
        example_id=example.id,
        task=suite.facts.task,
        prompt=prompt,
        choices=example.choices,
        generation=generation,
        choose_by=suite.facts.choose_by,
        seed=seed,
    )


def _seed(sample: str) -> int:
    """Of a sample's id, that is of the example and the number of the sample: a model that drew the same numbers for
    every example would err on many of them alike. Not of the plan's seed, which moves draws of examples and resamples:
    no answer should have to be made again for another of those."""
    return int(digest_value(["sample", sample]).removeprefix("sha256:")[:8], 16) >> 2 << 1


def _renderer(suite: Suite) -> Callable[[Example], Prompt]:
    if suite.prompt is None:
        column = suite.input_column or ""
        return lambda example: text_of(example.row[column]) or ""
    import jinja2
    import jinja2.sandbox

    # Not autoescape: a prompt is not HTML. keep_trailing_newline, because a prompt's last
    # character is part of what the model sees.
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    if isinstance(suite.prompt, str):
        text = environment.from_string(suite.prompt)
        return lambda example: _fill(suite, example, text)
    turns = [(each.role, environment.from_string(each.content)) for each in suite.prompt]
    return lambda example: tuple(Message(role=role, content=_fill(suite, example, text)) for role, text in turns)


def _fill(suite: Suite, example: Example, template: jinja2.Template) -> str:
    import jinja2

    try:
        # A cell that is null says as little as one that is not there; it is not the word "None".
        return template.render({name: value for name, value in example.row.items() if value is not None})
    except jinja2.UndefinedError as error:
        said, remedy = str(error), "give the row that column, or write `{{ column | default('…') }}`"
    # A template may call any method of its values, so anything may be raised.
    except Exception as error:
        said, remedy = f"{type(error).__name__}: {error}", "change the prompt so that it fits every row"
    raise UsageError(
        Complaint(
            problem=f'example "{example.id}" cannot fill the prompt: {said}',
            remedy=remedy,
            place=Place(file=suite.facts.path, key="prompt"),
        )
    )
