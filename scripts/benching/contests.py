"""The contests: which models, which rows, which sides, and what evalkit is to reach in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.benching import bare, tasks
from scripts.benching.contest import OURS, Contest, Goal, Side, labels_differ, numbers_differ, shown_only, texts_differ
from scripts.benching.models import LABELS, Causal, Classifier, Shape
from scripts.benching.passes import kl
from scripts.benching.sides import Evalkit, lm_eval, pipeline, requests
from scripts.benching.tasks import Row


@dataclass(frozen=True)
class Setting:
    """Sizes of a whole run of the bench. `models` by name; of each contest how many `rows`; `lm_eval`: batch sizes."""

    models: Mapping[str, Shape]
    rows: Mapping[str, int]
    lm_eval: Sequence[int]
    # Of prompts, in tokens; and how many are written behind them.
    context: int = 140
    longest_text: int = 480
    longest_prompt: int = 400
    written: int = 64
    # KL passes, by contest: timed over so many tokens; memory is compared at both lengths.
    tokens: Mapping[str, tuple[int, int]] = field(
        default_factory=lambda: {"kl-32k": (2048, 8192), "kl-150k": (512, 2048)}
    )
    # Whether choices are also answered one by one, by evalkit and by the bare loop.
    flat: bool = False
    stored_as: str = "float32"


@dataclass(frozen=True)
class Named:
    """A contest by name: what it is about, the models that it takes, and its goals."""

    about: str
    models: tuple[str, ...]
    make: Callable[[Place], Contest]
    goals: tuple[Goal, ...]


@dataclass(frozen=True)
class Place:
    """Where a contest is held: folders of its models, the sizes, the device and the numbers it computes in."""

    folders: Sequence[Path]
    name: str
    setting: Setting
    device: str
    dtype: str
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.setting.rows[self.name]

    @property
    def exact(self) -> bool:
        return self.dtype == "float32"

    def held(self, differ: Callable[[Sequence[Any], Sequence[Any]], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """Differences that count in 32 bits, and are shown in 16, where nobody's numbers are another's."""
        return differ if self.exact else shown_only(differ)


OVERHEAD = "no more than 15 % beyond a bare loop"


def _choices(make: Callable[[Any, int, int], list[Row]], *, flat: bool) -> Callable[[Place], Contest]:
    def contest(place: Place) -> Contest:
        ours = Evalkit(place.folders[0], place.device, place.dtype)
        rows = make(ours.tokenizer, place.rows, place.setting.context)
        peers, lacking = lm_eval(ours.model, ours.tokenizer, place.setting.lm_eval)
        sides = ours.sides(lambda given: requests(given, "choose"), lambda output: list(output.choice_logprobs)) | peers
        sides["bare loop"] = _bare(bare.choices_in_trees, ours)
        if flat:
            sides["bare loop without trees"] = _bare(bare.choices_in_rows, ours)
        if flat and place.setting.flat:
            sides["evalkit without trees"] = _flat(ours)
        lengths = [len(each) for each in ours.tokenizer([row.text for row in rows])["input_ids"]]
        return Contest(
            rows=rows,
            sides=sides,
            differ=place.held(numbers_differ(1e-4)),
            lacking=lacking,
            facts={"questions": len(rows), "context_tokens": sum(lengths) / len(lengths)},
            after=_memory(place, lambda: ours.outputs(requests(rows, "choose"))),
        )

    return contest


def _bare(loop: Callable[..., list[Any]], ours: Evalkit) -> Side:
    return lambda rows: loop(ours.model, ours.tokenizer, [row.text for row in rows], [row.choices for row in rows])


def _flat(ours: Evalkit) -> Side:
    """The same backend, told that its model takes no mask."""
    from dataclasses import replace

    def run(rows: Sequence[Row]) -> list[Any]:
        kept = ours.tools.abilities
        ours.tools.abilities = replace(kept, branches=False)
        try:
            return [list(each.choice_logprobs) for each in ours.outputs(requests(rows, "choose"))]
        finally:
            ours.tools.abilities = kept

    return run


def _classes(place: Place) -> Contest:
    ours = Evalkit(place.folders[0], place.device, place.dtype)
    rows = tasks.heavy_tailed(ours.tokenizer, place.rows, place.setting.longest_text)
    names = ours.model.config.id2label

    def likeliest(rows: Sequence[Row]) -> list[Any]:
        found = []
        for probs in bare.classes(ours.model, ours.tokenizer, [row.text for row in rows]):
            highest = max(probs)
            found.append((names[probs.index(highest)], highest))
        return found

    sides = ours.sides(
        lambda given: requests(given, "classify", LABELS), lambda output: (output.label, max(output.probs))
    )
    sides["pipeline"] = pipeline(ours.model, ours.tokenizer, None)
    sides["pipeline in batches, 32 rows"] = pipeline(ours.model, ours.tokenizer, 32)
    sides["bare loop"] = likeliest
    lengths = [len(each) for each in ours.tokenizer([row.text for row in rows])["input_ids"]]
    return Contest(
        rows=rows,
        sides=sides,
        differ=place.held(labels_differ(1e-6)),
        facts={"texts": len(rows), "mean_tokens": sum(lengths) / len(lengths), "most_tokens": max(lengths)},
        after=_memory(place, lambda: ours.outputs(requests(rows, "classify", LABELS))),
    )


def _texts(place: Place) -> Contest:
    ours = Evalkit(place.folders[0], place.device, place.dtype)
    rows = tasks.prompts(ours.tokenizer, place.rows, place.setting.longest_prompt)
    written = place.setting.written

    def ask(given: Sequence[Row]) -> list[Any]:
        return requests(given, "generate", max_new_tokens=written)

    def generate(rows_at_once: int | None) -> Side:
        def run(given: Sequence[Row]) -> list[Any]:
            texts = [row.text for row in given]
            batches = (
                ours.backend.batches(ask(given))
                if rows_at_once is None
                else bare.by_length(ours.tokenizer, texts, rows_at_once)
            )
            return bare.texts(ours.model, ours.tokenizer, texts, batches, written)

        return run

    sides = ours.sides(ask, lambda output: output.text)
    # Of so few prompts that they are one batch of 16, a batch of 32 is the same.
    sides |= {f"generate, {each} rows": generate(each) for each in ((16, 32) if len(rows) > 16 else (16,))}
    sides["generate, evalkit's batches"] = generate(None)
    lengths = [len(each) for each in ours.tokenizer([row.text for row in rows])["input_ids"]]
    return Contest(
        rows=rows,
        sides=sides,
        differ=place.held(texts_differ),
        facts={"prompts": len(rows), "least_tokens": min(lengths), "most_tokens": max(lengths), "written": written},
        after=_memory(place, lambda: ours.outputs(ask(rows))),
    )


def _memory(place: Place, run: Callable[[], Any]) -> Callable[[], dict[str, Any]] | None:
    """What a pass takes on an accelerator at most, weights included."""
    if place.device == "cpu":
        return None

    def after() -> dict[str, Any]:
        import torch

        torch.cuda.reset_peak_memory_stats(place.device)
        run()
        return {"peak_bytes": torch.cuda.max_memory_allocated(place.device)}

    return after


def _noise(place: Place) -> Contest:
    """The same model asked twice, in batches of another shape: what that changes is noise."""
    once = Evalkit(place.folders[0], place.device, place.dtype)
    again = Evalkit(place.folders[0], place.device, place.dtype, "teacher_again")
    rows = tasks.several_tokens(once.tokenizer, place.rows, place.setting.context)

    def side(asked: Evalkit) -> Side:
        return lambda rows: [(each.label, each.choice_logprobs) for each in asked.outputs(requests(rows, "choose"))]

    def differ(ours: Sequence[Any], theirs: Sequence[Any]) -> dict[str, Any]:
        numbers = place.held(numbers_differ(1e-4))([each[1] for each in ours], [each[1] for each in theirs])
        return {**numbers, "flips": sum(one[0] != other[0] for one, other in zip(ours, theirs, strict=True))}

    return Contest(
        rows=rows, sides={OURS: side(once), "again": side(again)}, differ=differ, facts={"questions": len(rows)}
    )


def _both(place: Place) -> Contest:
    """Teacher and student on one device, one after the other, both of them loaded all the while."""
    teacher = Evalkit(place.folders[0], place.device, place.dtype, "teacher")
    student = Evalkit(place.folders[1], place.device, place.dtype)
    rows = tasks.several_tokens(student.tokenizer, place.rows, place.setting.context)

    def run(rows: Sequence[Row]) -> list[Any]:
        asked = requests(rows, "choose")
        return [list(each.choice_logprobs) for model in (teacher, student) for each in model.outputs(asked)]

    memory = _memory(place, lambda: run(rows))
    beside = student.backend.stays_beside([teacher.facts])

    def after() -> dict[str, Any]:
        return {"another_fits_beside": beside, **(memory() if memory is not None else {})}

    return Contest(
        rows=rows, sides={OURS: run}, differ=numbers_differ(0.0), facts={"questions": len(rows)}, after=after
    )


def _faster_than_lm_eval(times: float) -> Goal:
    return Goal(f"≥ {times:g} times as fast as lm-eval at its best", "lm-eval", at_least=times)


_LOOP = Goal(OVERHEAD, "bare loop", at_most=1.15)
_PIPELINE = Goal("≥ 1.7 times as fast as the pipeline as it comes", "pipeline", at_least=1.7)
_BATCHES = Goal("as fast as the pipeline in batches of 32", "pipeline in batches", at_least=1.0)
_SORTED = Goal("≤ 1.05 times as long as sorted `generate` at its best", "generate", at_most=1.05)
_PRODUCTS = Goal("≤ 2 times as long as its two matrix products", "products", at_most=2.0)
_several, _one = _choices(tasks.several_tokens, flat=True), _choices(tasks.one_token, flat=False)

CONTESTS: Mapping[str, Named] = {
    "choice-small": Named(
        "choices of several tokens, small model", ("small",), _several, (_faster_than_lm_eval(4), _LOOP)
    ),
    "choice-large": Named(
        "choices of several tokens, larger model", ("large",), _several, (_faster_than_lm_eval(3.3), _LOOP)
    ),
    "one-token-small": Named("choices of one token, small model", ("small",), _one, (_faster_than_lm_eval(1.6), _LOOP)),
    "one-token-large": Named(
        "choices of one token, larger model", ("large",), _one, (_faster_than_lm_eval(1.6), _LOOP)
    ),
    "classify-small": Named(
        "texts to classify, small model", ("labels-small",), _classes, (_PIPELINE, _BATCHES, _LOOP)
    ),
    "classify-large": Named(
        "texts to classify, larger model", ("labels-large",), _classes, (_PIPELINE, _BATCHES, _LOOP)
    ),
    "generate-small": Named("texts to write, small model", ("small",), _texts, (_SORTED,)),
    "generate-large": Named("texts to write, larger model", ("large",), _texts, (_SORTED,)),
    "kl-32k": Named("KL over the small vocabulary", ("large", "small"), kl, (_PRODUCTS,)),
    "kl-150k": Named("KL over the large vocabulary", ("wide-large", "wide-small"), kl, (_PRODUCTS,)),
    "noise": Named("the same questions in batches of another shape", ("small",), _noise, ()),
    "both": Named("both models on one device", ("large", "small"), _both, ()),
}

FULL = Setting(
    models={
        "small": Causal(288, 5, 896, 6, 2, 32_000),
        "large": Causal(640, 8, 2048, 10, 2, 32_000),
        "labels-small": Classifier(256, 4, 4, 32_000),
        "labels-large": Classifier(512, 8, 8, 32_000),
        "wide-small": Causal(288, 1, 896, 6, 2, 150_000),
        "wide-large": Causal(640, 1, 2048, 10, 2, 150_000),
    },
    rows={
        "choice-small": 14,
        "choice-large": 10,
        "one-token-small": 30,
        "one-token-large": 16,
        "classify-small": 200,
        "classify-large": 60,
        "generate-small": 24,
        "generate-large": 10,
        "noise": 40,
        "both": 12,
    },
    lm_eval=(1, 4, 16),
)

QUICK = Setting(
    models={
        name: Causal(32, 2, 64, 2, 1, 700) if not name.startswith("labels") else Classifier(32, 2, 2, 700)
        for name in FULL.models
    },
    rows=dict.fromkeys(FULL.rows, 4),
    lm_eval=(1, 4, 16),
    context=24,
    longest_text=60,
    longest_prompt=40,
    written=6,
    tokens=dict.fromkeys(("kl-32k", "kl-150k"), (64, 128)),
    flat=True,
)

CUDA = Setting(
    models={
        "small": Causal(1024, 16, 2816, 16, 4, 32_000),
        "large": Causal(2048, 22, 5632, 32, 4, 32_000),
        "labels-small": Classifier(768, 12, 12, 32_000),
        "labels-large": Classifier(1024, 24, 16, 32_000),
        "wide-small": Causal(1024, 1, 2816, 16, 4, 150_000),
        "wide-large": Causal(2048, 1, 5632, 32, 4, 150_000),
    },
    rows={
        "choice-small": 200,
        "choice-large": 200,
        "one-token-small": 200,
        "one-token-large": 200,
        "classify-small": 500,
        "classify-large": 500,
        "generate-small": 64,
        "generate-large": 64,
        "noise": 500,
        "both": 200,
    },
    lm_eval=(4, 16, 64),
    flat=True,
    tokens=dict.fromkeys(("kl-32k", "kl-150k"), (4096, 16_384)),
    stored_as="bfloat16",
)
# On a card, in the order in which they are worth most: time may run out.
ON_CUDA = (
    "choice-large",
    "both",
    "noise",
    "kl-150k",
    "choice-small",
    "generate-large",
    "classify-large",
    "one-token-large",
)
# On a CPU 16 bits and a second model beside the first are no question of speed.
ON_CPU = tuple(name for name in CONTESTS if name not in ("noise", "both"))
