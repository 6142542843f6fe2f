"""What a compressed model weighs once it is loaded: asked of it once, and kept with its answers.

The files of a model that is quantised while it is loaded do not say it. A run whose answers are all in the cache loads
no model, and must write down the same as the run that did.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evalkit.backends import Backend
from evalkit.cache import Shelf
from evalkit.types import ModelFacts, Output, Request

# No suite has it: keys of questions are hashes.
_QUESTION = Request(
    key="bytes of the loaded weights",
    suite="",
    example_id="",
    task="generate",
    prompt="",
    choices=(),
    generation={},
)


def weighed(backend: Backend, facts: ModelFacts, cache: Path) -> ModelFacts:
    """The same model with its `loaded_bytes`, where it is compressed and runs here.

    Raises BrokenError when the model cannot be loaded or the cache cannot be written.
    """
    if facts.quantization is None or not facts.live:
        return facts
    shelf = Shelf(cache, facts)
    try:
        kept = shelf.get([_QUESTION])
        said = kept[0].text if kept is not None else None
        if said is None or not said.isdecimal():
            weight = backend.loaded_bytes()
            if weight is None:
                return facts
            said = str(weight)
            shelf.put([_QUESTION], [Output(example_id="", status="ok", text=said)])
    finally:
        shelf.close()
    return replace(facts, loaded_bytes=int(said))
