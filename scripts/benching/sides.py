"""The sides of a contest: evalkit as a run uses it, and what others do with the same model and rows."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.benching.contest import Side
from scripts.benching.tasks import Row

LM_EVAL = "lm-eval is not installed, or not whole: pip install 'lm-eval[hf]'"


class Evalkit:
    """One model as a run has it: the backend, behind it the cache, which is a new one each time."""

    def __init__(self, folder: Path, device: str, dtype: str, role: Any = "student") -> None:
        from evalkit.backends.local import Local
        from evalkit.specs import TransformersSpec

        self.backend = Local(TransformersSpec(model=str(folder), device=device, dtype=dtype), role)
        self.facts = self.backend.identify()
        self.backend.loaded_bytes()
        tools = self.backend.tools
        assert tools is not None
        self.tools, self.model, self.tokenizer = tools, tools.model, tools.tokenizer

    def outputs(self, requests: Sequence[Any]) -> list[Any]:
        """As a run: through the cache, in the backend's own batches."""
        from evalkit.collect import collect

        with tempfile.TemporaryDirectory() as folder:
            return list(collect(self.backend, self.facts, requests, Path(folder), lambda done, of: None).outputs)

    def alone(self, requests: Sequence[Any]) -> list[Any]:
        """The backend with nothing around it."""
        found: dict[int, Any] = {}
        for batch in self.backend.batches(requests):
            found.update(zip(batch, self.backend.run([requests[place] for place in batch]), strict=True))
        return [found[place] for place in range(len(requests))]

    def sides(self, ask: Callable[[Sequence[Row]], list[Any]], read: Callable[[Any], Any]) -> dict[str, Side]:
        """Both ways; `ask` makes requests of rows, `read` takes the numbers out of an output."""

        def whole(rows: Sequence[Row]) -> list[Any]:
            return [read(each) for each in _answered(self.outputs(ask(rows)))]

        def bare(rows: Sequence[Row]) -> list[Any]:
            return [read(each) for each in _answered(self.alone(ask(rows)))]

        return {"evalkit": whole, "its backend alone": bare}


def _answered(outputs: Sequence[Any]) -> Sequence[Any]:
    """What failed fast must not look fast."""
    for each in outputs:
        if each.status in ("error", "timeout") or each.error is not None:
            raise RuntimeError(f"evalkit did not answer {each.example_id}: {each.error}")
    return outputs


def requests(rows: Sequence[Row], task: Any, labels: Sequence[str] = (), **generation: Any) -> list[Any]:
    """Rows as a run asks them."""
    from evalkit.requests import build_requests
    from evalkit.types import Example, Suite, SuiteFacts

    facts = SuiteFacts(
        name="bench",
        kind="gold",
        task=task,
        version=1,
        scorer="exact",
        labels=tuple(labels),
        slice_names=(),
        grouped=False,
        digest="sha256:bench",
        path="bench/suite.yaml",
    )
    examples = tuple(
        Example(
            id=f"e{number}",
            row={"text": each.text},
            # The space that joins a choice is the backend's to put.
            choices=tuple(labels) or tuple(choice.removeprefix(" ") for choice in each.choices),
        )
        for number, each in enumerate(rows)
    )
    settings = {"max_new_tokens": 64, "temperature": 0.0, "stop": (), **generation}
    return build_requests(Suite(facts=facts, prompt=None, generation=settings, examples=examples, input_column="text"))


def lm_eval(model: Any, tokenizer: Any, sizes: Sequence[int]) -> tuple[dict[str, Side], dict[str, str]]:
    """lm-eval's model class over the same weights in memory, a side for each batch size; or why there is none."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    try:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM
    except ImportError as error:
        return {}, {"lm-eval": f"{LM_EVAL} ({error})"}

    def side(rows_at_once: int) -> Side:
        peer = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=rows_at_once)

        def run(rows: Sequence[Row]) -> list[Any]:
            asked = [
                Instance(request_type="loglikelihood", doc={}, arguments=(row.text, choice), idx=number)
                for row in rows
                for number, choice in enumerate(row.choices)
            ]
            said = iter(peer.loglikelihood(asked, disable_tqdm=True))
            return [[next(said)[0] for _ in row.choices] for row in rows]

        return run

    return {f"lm-eval, {each} row{'s'[: each > 1]}": side(each) for each in sizes}, {}


def pipeline(model: Any, tokenizer: Any, rows_at_once: int | None) -> Side:
    """transformers' own pipeline; None is its default."""
    import transformers

    made = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device=model.device)
    more = {} if rows_at_once is None else {"batch_size": rows_at_once}

    def run(rows: Sequence[Row]) -> list[Any]:
        return [(each["label"], each["score"]) for each in made([row.text for row in rows], **more)]

    return run
