"""One scorer and one answer, made by hand: what every test of a scorer starts from."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from evalkit.scorers import ScorerSettings, is_marked, settings_of
from evalkit.scoring import score_of, scorer
from evalkit.types import Example, Output, Score, SuiteFacts

TASKS = {"label": "classify", "choice": "choose", "fields": "extract"}
# What a scorer cannot do without.
NEEDED: dict[str, dict[str, Any]] = {
    "judge": {"model": "./judge", "prompt": "{{ answer }}", "marks": {"right": 1, "wrong": 0}},
}


def facts(name: str, labels: tuple[str, ...] = (), **more: Any) -> SuiteFacts:
    """A suite's facts as `load_suite` would make them; `more` are facts, and whatever else is the scorer's settings."""
    own = {key: more.pop(key) for key in ("answer_after", "kind") if key in more}
    written = {"name": name, **NEEDED.get(name, {}), **more}
    settings = TypeAdapter[Any](ScorerSettings).validate_python(written)
    return SuiteFacts(
        name="suite",
        kind=own.get("kind", "gold"),
        task=TASKS.get(name, "generate"),  # type: ignore[arg-type]
        version=1,
        scorer=name,
        settings=settings_of(settings),
        marked=is_marked(settings),
        labels=labels,
        slice_names=(),
        grouped=False,
        digest="sha256:suite",
        path="suites/suite/suite.yaml",
        answer_after=own.get("answer_after"),
    )


def ok(text: str | None = None, label: str | None = None, **more: Any) -> Output:
    return Output(example_id="e", status="ok", text=text, label=label, **more)


def judge(name: str, target: str | None, output: Output | str, labels: tuple[str, ...] = (), **more: Any) -> Score:
    """The score of an output, or of a text, against a target."""
    example = Example(id="e", row={}, target=target, choices=labels)
    given = ok(output) if isinstance(output, str) else output
    return score_of(scorer(name), example, given, facts(name, labels, **more))
