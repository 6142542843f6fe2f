"""What is wrong with a plan's choice of a model, and what a reader must know of it; found without loading the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.backends.local import quantize, quantized
from evalkit.backends.local.folder import Folder
from evalkit.backends.local.hardware import device_of, device_problem
from evalkit.backends.local.kinds import cannot, kind_of, label_names, label_order, label_remedy, read_config, window
from evalkit.backends.local.loading import LoadError, load_tokenizer
from evalkit.backends.local.prompts import Prompts, has_turns, template_text, templated
from evalkit.errors import Complaint, UsageError
from evalkit.requests import build_requests
from evalkit.types import WRITING, Suite

# What a template calls to write the date into a prompt.
DATE = "strftime_now"


def complaints(folder: Folder, suites: Sequence[Suite]) -> list[Complaint]:
    """Everything wrong at one stage; the next stage needs the one before."""
    path, complaint = folder.look()
    if complaint is not None or path is None:
        return [complaint] if complaint is not None else []
    found = folder.check_files(path)
    if problem := device_problem(folder.spec):
        found.append(folder.complaint(*problem))
    if found:
        return found
    try:
        config = read_config(path)
        if kind_of(config) == "classifier":
            label_names(config)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return [folder.complaint(f"{path / 'config.json'} cannot be read: {error}", "save the model again")]
    if complaint := quantization(folder, config):
        return [complaint]
    found = [folder.complaint(*problem) for each in suites if (problem := cannot(config, each.facts.task, each.name))]
    if found:
        return found
    if kind_of(config) == "classifier":
        found += _labels(folder, config, suites)
    found += _room(folder, config, suites)
    return found + list(_templates(folder, path, suites))


def quantization(folder: Folder, config: Mapping[str, Any]) -> Complaint | None:
    """What stands against a model's compression, the plan's or its own."""
    spec = folder.spec
    try:
        own = quantized.own(config)
    except ValueError as error:
        return folder.complaint(f"config.json cannot be understood: {error}", "save the model again")
    if own is not None and spec.quantize is not None:
        return folder.complaint(
            f"the plan says quantize: {spec.quantize}, and the weights are quantised already ({own.words})",
            "leave quantize out, or name the checkpoint before it was quantised",
        )
    said = quantize.problem(spec) or (quantized.problem(own, device_of(spec)) if own is not None else None)
    return folder.complaint(*said) if said is not None else None


def notes(folder: Folder, suites: Sequence[Suite]) -> list[str]:
    """Sentences about how texts reach the model, where a reader might expect otherwise."""
    path, _ = folder.look()
    if path is None or not (writing := templated(suites)):
        return []
    said = []
    # The second run of a teacher is the teacher's, and the same remark twice is one.
    whose = "the teacher" if folder.role == "teacher_again" else f"the {folder.role}"
    text = template_text(folder.spec, path)
    plain = ", ".join(each.name for each in writing if not has_turns(each))
    if text is None and plain and folder.spec.chat_template == "auto":
        said.append(f"{whose} has no chat template: texts of {plain} go in as they are")
    if text is None and plain and folder.spec.chat_template == "none":
        said.append(f"{whose} is asked without its chat template, as the plan says: texts of {plain} go in as they are")
    if DATE in str(text or ""):
        said.append(f"{whose} has a chat template that writes the date: on another day it is asked something else")
    return said


def _labels(folder: Folder, config: Mapping[str, Any], suites: Sequence[Suite]) -> list[Complaint]:
    found = []
    if (kind := config.get("problem_type")) not in (None, "single_label_classification"):
        found.append(
            folder.complaint(
                f"the model was made for {kind}, and its outputs are not probabilities of one label among several",
                "record that model's outputs and name them with recorded:FILE",
            )
        )
    for suite in suites:
        names = label_names(config)
        try:
            label_order(names, suite.facts.labels)
        except ValueError as error:
            found.append(
                folder.complaint(
                    f'the model\'s labels are not those of the suite "{suite.name}": {error}',
                    label_remedy(names, suite.facts.labels),
                )
            )
    return found


def _room(folder: Folder, config: Mapping[str, Any], suites: Sequence[Suite]) -> list[Complaint]:
    """Suites whose answers may be longer than what a causal model can look at."""
    limit = window(config, None, folder.spec.max_length)
    if limit is None or kind_of(config) != "causal":
        return []
    return [
        folder.complaint(
            f'max_new_tokens of the suite "{each.name}" is {each.generation["max_new_tokens"]}, and '
            f"the model's window of {limit} tokens has to hold the prompt as well",
            "ask for fewer tokens",
        )
        for each in suites
        if each.facts.task in WRITING and each.generation.get("max_new_tokens", 0) >= limit
    ]


def _templates(folder: Folder, path: Path, suites: Sequence[Suite]) -> Iterator[Complaint]:
    spec, asked = folder.spec, templated(suites)
    try:
        text = template_text(spec, path)
    except OSError as error:
        yield folder.complaint(
            f"the chat template {spec.chat_template} cannot be read: {error.strerror or error}",
            "name a file with a Jinja template, or write chat_template: auto",
        )
        return
    except ValueError as error:
        yield folder.complaint(f"the model's chat template cannot be read: {error}", "save its tokenizer again")
        return
    turns = [each for each in asked if has_turns(each)]
    if text is None:
        why = "the plan says chat_template: none" if spec.chat_template == "none" else f"{path} has no chat template"
        for each in turns:
            yield folder.complaint(
                f'the prompt of the suite "{each.name}" is made of chat turns, and {why}',
                "write the prompt as one text, or write chat_template: FILE with a Jinja template",
            )
        return
    yield from _rendered(folder, path, asked)


def _rendered(folder: Folder, path: Path, suites: Sequence[Suite]) -> Iterator[Complaint]:
    """The first prompt of each suite goes through the template: some want turns to alternate, or no system turn."""
    if not suites:
        return
    try:
        prompts = Prompts(folder.spec, load_tokenizer(path))
    except LoadError:
        return  # a damaged tokenizer is found when it is needed, as damaged weights are
    for suite in suites:
        try:
            for request in build_requests(replace(suite, examples=suite.examples[:1])):
                prompts.seen(request)
        except UsageError:
            continue  # a row that cannot fill its prompt is told where requests are built
        except ValueError as error:
            yield folder.complaint(
                f'the prompt of the suite "{suite.name}" does not go through it: {error}',
                "change the prompt's turns, or write chat_template: FILE with a template that takes them",
            )
