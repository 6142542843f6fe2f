"""The choosing head against lm-eval: the same model, the same questions, the same numbers.

Needs lm-eval, which evalkit does not depend on (the extra `oracles` has it). The task is made here, from a file of
questions and a configuration; nothing is downloaded.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.choosing import deciding
from evalkit.types import ChooseBy, Output
from tests import language_models as lm
from tests.backends.local import asking

lm_eval = pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install evalkit[oracles])")
# What lm-eval's own dependencies say of themselves is not evalkit's.
pytestmark = pytest.mark.filterwarnings("ignore")

COUNT = 200
NOISE = 1e-4
# Of several lengths in tokens, some that begin alike, one that is no ASCII.
CHOICES = (
    ("yes", "no", "the money is pending", "Größe"),
    ("A", "B", "C", "D"),
    ("the card", "the card was declined twice", "a refund", "a refund of the fee, please"),
    ("Paris is the capital of France", "東京", "Jupiter", "the exchange rate"),
)
TASK = """
task: questions
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{text}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{target}}}}"
target_delimiter: "{delimiter}"
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_bytes, aggregation: mean, higher_is_better: true}}
"""


def questions(ending: str) -> list[dict[str, Any]]:
    """Some longer than the model's window, so that both sides have to cut."""
    texts = [f"Question: {text}\nAnswer:{ending}" for text in asking.prompts(COUNT, longest=90)]
    return [
        {"text": text, "choices": list(CHOICES[index % len(CHOICES)]), "target": (index + index // 4) % 4}
        for index, text in enumerate(texts)
    ]


def theirs(folder: Path, rows: Sequence[dict[str, Any]], home: Path, delimiter: str) -> tuple[Any, list[list[float]]]:
    """lm-eval's results, and its log-likelihoods for each question."""
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    data = home / "questions.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tasks = home / "tasks"
    tasks.mkdir()
    (tasks / "questions.yaml").write_text(TASK.format(data=data, delimiter=delimiter), encoding="utf-8")
    backend = "seq2seq" if folder.name in lm.SEQ2SEQ else "causal"
    model = HFLM(pretrained=str(folder), backend=backend, device="cpu", dtype="float32", batch_size=8)
    manager = TaskManager(include_path=str(tasks), include_defaults=False)
    done = lm_eval.simple_evaluate(
        model=model, tasks=["questions"], task_manager=manager, bootstrap_iters=0, log_samples=True
    )
    samples = sorted(done["samples"]["questions"], key=lambda each: each["doc_id"])
    return done["results"]["questions"], [[float(each[0]) for each in sample["filtered_resps"]] for sample in samples]


def ours(folder: Path, rows: Sequence[dict[str, Any]]) -> list[Output]:
    built = asking.local(folder)
    outputs = []
    for start in range(len(CHOICES)):
        # A suite has the same number of choices for all, and its examples may each have their own.
        part = [row for index, row in enumerate(rows) if index % len(CHOICES) == start]
        asked = asking.suite([row["text"] for row in part], "choose", choices=CHOICES[start])
        outputs.append(asking.answers(built, asked))
    # T5 counts positions from where it is, and has no window.
    assert (built.counts()["cut_inputs"] > 0) == (folder.name != "t5")
    return [outputs[index % len(CHOICES)][index // len(CHOICES)] for index in range(len(rows))]


def accuracy(rows: Sequence[dict[str, Any]], outputs: Sequence[Output], choose_by: ChooseBy | None) -> float:
    right = 0
    for row, output in zip(rows, outputs, strict=True):
        choices, logprobs = row["choices"], output.choice_logprobs or ()
        if choose_by is None:  # by characters, which evalkit does not do
            scores: Sequence[float] = [each / len(choice) for each, choice in zip(logprobs, choices, strict=True)]
        else:
            scores = deciding(choices, logprobs, output.choice_tokens, choose_by)
        right += scores.index(max(scores)) == row["target"]
    return right / len(rows)


@pytest.mark.parametrize("ending", ["", "\n", "  "])
@pytest.mark.parametrize(
    "family",
    ["llama", *(pytest.param(each, marks=pytest.mark.slow) for each in ("gpt2", "qwen2", "opt", "t5", "bart"))],
)
def test_log_likelihoods_and_accuracy_are_those_of_lm_eval(
    tmp_path: Path, family: lm.Family, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = lm.save_language_model(tmp_path / family, family, seed=1, window=96)
    rows = questions(ending)
    # lm-eval always puts its delimiter in between, evalkit a space unless there is one.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results, expected = theirs(folder, rows, tmp_path, "" if ending else " ")
    outputs = ours(folder, rows)
    seen = [each.choice_logprobs or () for each in outputs]
    furthest = max(
        abs(a - b) for one, other in zip(seen, expected, strict=True) for a, b in zip(one, other, strict=True)
    )
    found = {
        name: accuracy(rows, outputs, by)
        for name, by in (("acc", "sum"), ("acc_bytes", "per_byte"), ("acc_norm", None))
    }  # type: ignore[arg-type]
    with capsys.disabled():
        print(f"\n{family} {ending!r}: furthest {furthest:.2e} nats; {found}")
    assert len(seen) == len(expected) == COUNT
    assert furthest < NOISE
    assert found == {name: results[f"{name},none"] for name in found}
