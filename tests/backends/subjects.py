"""What the laws of tests/backends/test_laws.py are held against: every backend, at every task that is another way
through it. Small models and few requests: each law meets all of them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from evalkit.specs import EnsembleSpec, FakeSpec, OpenAISpec, RecordedSpec, TransformersSpec
from evalkit.types import ChooseBy, Role, Suite, Task
from tests import language_models, models
from tests.backends.local import asking
from tests.backends.openai import ask
from tests.backends.openai.server import Reply, Seen, echo, refusal, said_to, serving, streamed
from tests.cli import project

Change = Callable[[dict[str, Any]], None]


def moved(place: str) -> None:
    Path(place).rename(f"{place}-elsewhere")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One backend of the table with a suite to answer, set up in a folder.

    `right` makes a spec that answers `suite`; `others` are specs that differ from it in a byte each; `failing` makes
    one that fails on the last example of a suite; `vanish` takes away what a spec stands on. `strange` is a suite that
    it cannot answer and must say so; None where it answers any. `noise` is how far a number may move in a batch of
    another shape. `likelihoods`: its choices come with log-likelihoods.
    """

    name: str
    suite: Suite
    right: Callable[[Path], Any]
    others: Callable[[Path], Mapping[str, Any]]
    failing: Callable[[Path], tuple[Any, Suite]]
    strange: Suite | None
    vanish: Callable[[Any], None] = lambda spec: moved(getattr(spec, "model", None) or spec.path)
    role: Role = "student"
    noise: float = 1e-6
    likelihoods: bool = False


# --- suites ------------------------------------------------------------------------------------------

TEXTS = models.texts(24)
# Longer than the tiny classifiers' position tables.
TOO_LONG = " ".join(["card"] * (2 * models.POSITIONS))
INTENTS = models.suite_of(TEXTS)
OTHER_LABELS = models.suite_of([*TEXTS, "one more"], labels=("yes", "no"))
# What the language models' own chat template will not have in a conversation.
UNSPEAKABLE = "unspeakable"
TEMPLATE = (
    f"{{% if '{UNSPEAKABLE}' in messages[0]['content'] %}}{{{{ raise_exception('not that') }}}}{{% endif %}}"
    + language_models.TURNS
)


def questions(task: Task, more: Sequence[str] = (), *, turns: bool = False, by: ChooseBy = "sum") -> Suite:
    """Nine questions of very different lengths, and `more`."""
    choices = {"choose": asking.CHOICES, "classify": models.LABELS}.get(task, ())
    suite = asking.suite(
        [*asking.prompts(9), *more],
        task,
        choices=choices,
        choose_by=by,
        prompt=asking.chat(("user", "{{ text }}")) if turns else None,
        max_new_tokens=6,
    )
    targets = [choices[at % len(choices)] if choices else f"answer {at}" for at in range(len(suite.examples))]
    return replace(
        suite,
        examples=tuple(replace(each, target=target) for each, target in zip(suite.examples, targets, strict=True)),
    )


def with_a_last_choice_of(suite: Suite, choice: str) -> Suite:
    last = suite.examples[-1]
    return replace(suite, examples=(*suite.examples[:-1], replace(last, choices=(*last.choices, choice))))


# --- recordings --------------------------------------------------------------------------------------


def answer_of(suite: Suite, index: int) -> dict[str, Any]:
    choices = suite.examples[index].choices
    if suite.facts.task == "classify":
        rest = 0.3 / (len(choices) - 1)
        return {"probs": [0.7 if at == index % len(choices) else rest for at in range(len(choices))]}
    if suite.facts.task == "choose":
        return {
            "choice_logprobs": [-1.0 - (index + at) % len(choices) for at in range(len(choices))],
            "choice_tokens": [1 + at for at in range(len(choices))],
        }
    return {"text": f"answer {index}", "tokens_out": 2}


def recording(path: Path, suite: Suite, last: Change = lambda row: None) -> RecordedSpec:
    """A file of answers to the suite; `last` changes the last row."""
    rows = [{"id": each.id, **answer_of(suite, index)} for index, each in enumerate(suite.examples)]
    last(rows[-1])
    path.parent.mkdir(exist_ok=True)
    return RecordedSpec(backend="recorded", path=str(project.lines(path, rows)))


def timed_out(row: dict[str, Any]) -> None:
    for name in set(row) - {"id"}:
        del row[name]
    row["status"] = "timeout"


def otherwise(row: dict[str, Any]) -> None:
    """Another answer."""
    if "text" in row:
        row["text"] += "!"
    else:
        name = "probs" if "probs" in row else "choice_logprobs"
        row[name] = row[name][::-1]


def recorded(suite: Suite) -> Subject:
    return Subject(
        name="recorded",
        suite=suite,
        right=lambda folder: recording(folder / "answers.jsonl", suite),
        others=lambda folder: {"an answer": recording(folder / "other.jsonl", suite, otherwise)},
        failing=lambda folder: (recording(folder / "failing.jsonl", suite, timed_out), suite),
        strange=replace(suite, examples=(*suite.examples, replace(suite.examples[0], id="one more"))),
        likelihoods=suite.facts.task == "choose",
    )


def run_of(folder: Path, name: str, last: Change = lambda row: None) -> RecordedSpec:
    """A finished audit of a recording: another form of the same answers."""
    spec = recording(folder / f"{name}.jsonl", INTENTS, last)
    rows = [{"id": each.id, "text": each.row["text"], "intent": each.target} for each in INTENTS.examples]
    columns = {"id": "id", "input": "text", "target": "intent"}
    suite = project.suite(folder, "intents", rows, labels=list(models.LABELS), columns=columns)
    ended = project.evalkit(
        "audit", "--student", f"recorded:{spec.path}", "--suite", suite, "--out", folder / name, "--quiet"
    )
    assert ended.code == 0, ended.err
    return RecordedSpec(backend="recorded", path=str(folder / name))


# --- models here -------------------------------------------------------------------------------------


def here(folder: Path, **more: Any) -> TransformersSpec:
    return TransformersSpec(model=str(folder), dtype="float32", device="cpu", **more)


def changed(folder: Path, names: Sequence[str]) -> dict[str, TransformersSpec]:
    """Copies of the model in `folder`, each with a byte of a file changed."""
    found = {}
    for name in names:
        other = Path(shutil.copytree(folder, folder.with_name(f"other-{name}")))
        # A space in JSON changes the bytes and leaves the meaning alone; in the weights it is one bit of one number.
        if name.endswith("json"):
            (other / name).write_text((other / name).read_text(encoding="utf-8") + " ", encoding="utf-8")
        else:
            models.flip_byte(other / name)
        found[name] = here(other)
    return found


CLASSIFIER = Subject(
    name="transformers",
    suite=INTENTS,
    right=lambda folder: here(models.save_classifier(folder / "model")),
    others=lambda folder: changed(
        models.save_classifier(folder / "model"),
        ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"],
    ),
    failing=lambda folder: (
        here(models.save_classifier(folder / "model"), max_length=10_000),
        models.suite_of([*TEXTS, TOO_LONG]),
    ),
    strange=OTHER_LABELS,
)


def language_model(
    task: Task, family: language_models.Family = "llama", *, role: Role = "student", by: ChooseBy = "sum"
) -> Subject:
    """Choices are asked of a model without a chat template; the labels of a classifier as chat turns, and written
    answers, through one."""
    template = None if task == "choose" else TEMPLATE
    turns = task == "classify"

    def saved(folder: Path) -> Path:
        return language_models.save_language_model(folder / "model", family, template=template)

    def failing(folder: Path) -> tuple[TransformersSpec, Suite]:
        if template is None:
            return here(saved(folder), max_length=64), with_a_last_choice_of(questions(task, by=by), TOO_LONG)
        return here(saved(folder)), questions(task, [UNSPEAKABLE], turns=turns)

    # Whatever a suite's first prompt shows about the template is found before anything runs.
    unspeakable = questions(task, turns=True)
    first = replace(unspeakable.examples[0], row={"text": UNSPEAKABLE})
    return Subject(
        name="transformers",
        suite=questions(task, turns=turns, by=by),
        right=lambda folder: here(saved(folder)),
        others=lambda folder: changed(saved(folder), ["model.safetensors", "generation_config.json"]),
        failing=failing,
        strange=replace(unspeakable, examples=(first, *unspeakable.examples[1:])),
        role=role,
        # Sums over a few tokens of rounding in float32.
        noise=1e-4,
        likelihoods=task in ("choose", "classify"),
    )


# --- servers -----------------------------------------------------------------------------------------

# By the URL that a spec has, until whoever asked for them closes them.
SERVERS: dict[str, contextlib.ExitStack] = {}


def close_servers() -> None:
    while SERVERS:
        SERVERS.popitem()[1].close()


def served(**over: Any) -> OpenAISpec:
    """A model behind a server of its own, which cannot take the text that is too long."""

    def answer(seen: Seen) -> Reply:
        asked = seen.body["prompt"] if "prompt" in seen.body else said_to(seen)
        if TOO_LONG in asked:
            return refusal(400, "too long")
        return echo(seen) if "prompt" in seen.body else streamed("you said ", asked[:8], model=seen.body["model"])

    stack = contextlib.ExitStack()
    server = stack.enter_context(serving(answer, models=["small", "large"]))
    SERVERS[server.url] = stack
    return ask.spec(server, retries=0, **over)


def server(suite: Suite, failing: Suite) -> Subject:
    choosing = suite.facts.task in ("choose", "classify")
    return Subject(
        name="openai",
        suite=suite,
        right=lambda folder: served(),
        others=lambda folder: {"model": served(model="large"), "revision": served(revision="2")},
        failing=lambda folder: (served(), failing),
        strange=questions("choose", turns=True) if choosing else None,
        vanish=lambda spec: SERVERS[spec.base_url].close(),
        likelihoods=choosing,
    )


# --- several as one ----------------------------------------------------------------------------------


def of(*members: Any, by: Literal["mean", "majority"] = "majority") -> EnsembleSpec:
    return EnsembleSpec(backend="ensemble", members=list(members), by=by)


def ensemble(suite: Suite, by: Literal["mean", "majority"]) -> Subject:
    """Of two recordings and a fake, whose batches are the ensemble's own."""
    fake = FakeSpec(backend="fake", accuracy=0.6, batch_size=5)

    def members(folder: Path, last: Change = lambda row: None) -> list[Any]:
        return [recording(folder / "one.jsonl", suite), recording(folder / "two.jsonl", suite, last), fake]

    def failing(folder: Path) -> tuple[EnsembleSpec, Suite]:
        # By majority, all of them have to fail; by mean, one is enough.
        one, two = recording(folder / "1.jsonl", suite, timed_out), recording(folder / "2.jsonl", suite, timed_out)
        return of(one, two if by == "majority" else fake, by=by), suite

    return Subject(
        name="ensemble",
        suite=suite,
        right=lambda folder: of(*members(folder), by=by),
        others=lambda folder: {
            "an answer": of(*members(folder / "other", otherwise), by=by),
            "order": of(*members(folder)[::-1], by=by),
        },
        failing=failing,
        strange=replace(suite, examples=(*suite.examples, replace(suite.examples[0], id="one more"))),
        vanish=lambda spec: moved(spec.members[0].path),
    )


def fake(suite: Suite) -> Subject:
    return Subject(
        name="fake",
        suite=suite,
        right=lambda folder: FakeSpec(backend="fake", accuracy=0.6, batch_size=5),
        others=lambda folder: {
            "seed": FakeSpec(backend="fake", accuracy=0.6, batch_size=5, seed=1),
            "accuracy": FakeSpec(backend="fake", accuracy=0.61, batch_size=5),
        },
        failing=lambda folder: (FakeSpec(backend="fake", error_rate=1.0), suite),
        strange=None,
    )


SUBJECTS = {
    "recorded file, classify": recorded(INTENTS),
    "recorded file, choose": recorded(questions("choose", by="per_token")),
    "recorded file, generate": recorded(questions("generate")),
    "recorded run": replace(
        recorded(INTENTS),
        right=lambda folder: run_of(folder, "run"),
        others=lambda folder: {"an answer": run_of(folder, "run-other", otherwise)},
        failing=lambda folder: (run_of(folder, "run-failing", timed_out), INTENTS),
    ),
    "classifier": CLASSIFIER,
    "causal, choose": language_model("choose"),
    "causal, choose per byte": language_model("choose", "gpt2", by="per_byte"),
    "causal, classify": language_model("classify"),
    "causal, generate": language_model("generate"),
    "causal, generate, the teacher again": language_model("generate", role="teacher_again"),
    "causal, extract": language_model("extract"),
    "seq2seq, choose": language_model("choose", "t5"),
    "seq2seq, generate": language_model("generate", "bart"),
    "fake, classify": fake(INTENTS),
    "fake, generate": fake(questions("generate")),
    "openai, classify": server(INTENTS, models.suite_of([*TEXTS, TOO_LONG])),
    "openai, choose": server(questions("choose"), questions("choose", [TOO_LONG])),
    "openai, generate": server(questions("generate"), questions("generate", [TOO_LONG])),
    "ensemble, mean": ensemble(INTENTS, "mean"),
    "ensemble, majority": ensemble(INTENTS, "majority"),
    "ensemble, generate": ensemble(questions("generate"), "majority"),
}
