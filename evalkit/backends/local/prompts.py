"""From a request's prompt to the text that the tokenizer gets: a chat template, or nothing in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.backends import weights
from evalkit.backends.wording import first_line, shown
from evalkit.files import digest_value
from evalkit.specs import TransformersSpec
from evalkit.types import WRITING, Request, Suite


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model is shown. A templated text has its special tokens and its last line break from the template."""

    text: str
    templated: bool


class Prompts:
    """Renders requests for one tokenizer, as the plan's `chat_template` says.

    `auto`: chat turns go through the tokenizer's template, and so does, as one user turn, a text to be answered in
    writing. A text to be labelled or continued by a choice stays as it is, and so does every text with `none`.
    """

    def __init__(self, spec: TransformersSpec, tokenizer: Any) -> None:
        self.mode, self.tokenizer = spec.chat_template, tokenizer
        self.template: str | None = None
        if self.mode not in ("auto", "none"):
            self.template = Path(self.mode).read_text(encoding="utf-8")

    def seen(self, request: Request) -> Seen:
        """Raises ValueError where the template will not have the conversation."""
        if not isinstance(request.prompt, str):
            turns = [{"role": each.role, "content": shown(each.content)} for each in request.prompt]
            return Seen(self._render(turns), True)
        if request.task in WRITING and self._has_template():
            return Seen(self._render([{"role": "user", "content": shown(request.prompt)}]), True)
        return Seen(shown(request.prompt), False)

    def _has_template(self) -> bool:
        return self.mode != "none" and (self.template is not None or bool(self.tokenizer.chat_template))

    def _render(self, turns: list[dict[str, str]]) -> str:
        if not self._has_template():
            raise ValueError("the prompt is made of chat turns, and there is no chat template for them")
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    turns, tokenize=False, add_generation_prompt=True, chat_template=self.template
                )
            )
        # A template may do whatever Jinja can, and raises what it likes.
        except Exception as error:
            raise ValueError(f"the chat template fails on this conversation: {first_line(error)}") from error


def template_digest(spec: TransformersSpec, folder: Path) -> str | None:
    """Of the template in use; None where there is none. Raises OSError when the plan's file cannot be read."""
    text = template_text(spec, folder)
    return None if text is None else digest_value(text)


def template_text(spec: TransformersSpec, folder: Path) -> Any:
    """The Jinja text of the template in use (several by name where the model has several), or None."""
    if spec.chat_template == "none":
        return None
    if spec.chat_template != "auto":
        return Path(spec.chat_template).read_text(encoding="utf-8")
    return weights.chat_template(folder)


def has_turns(suite: Suite) -> bool:
    return suite.prompt is not None and not isinstance(suite.prompt, str)


def templated(suites: Sequence[Suite]) -> list[Suite]:
    """Those that a template would be used for, if there were one."""
    return [each for each in suites if has_turns(each) or each.facts.task in WRITING]
