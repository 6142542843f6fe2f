"""Peak memory of one model while it answers the sample in batches.

On a CUDA device the allocator knows: what was there at most, less what belonged to others. On a CPU nobody
keeps such an account within a process, so a process of its own loads this model alone and reports its peak.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import evalkit.types
from evalkit.backends import Backend
from evalkit.specs import ModelSpec, TransformersSpec
from evalkit.timing.batched import Batches, run_all
from evalkit.timing.here import runs_here
from evalkit.types import ModelFacts, Request, Role

ELSEWHERE = "not measured here: this model does not run in this process"
# A model that takes longer than this to answer the sample once is told from one that hangs by nobody.
PATIENCE_S = 3600.0


def own_peak(peak: int, before: int, weights: int) -> int:
    """Bytes of one model at its peak, where `before` were allocated already, `weights` of them its own: another
    model on the same card is in `peak` and in `before` alike."""
    return peak - before + weights


def of_a_pass(backend: Backend, spec: ModelSpec, facts: ModelFacts, batches: Batches) -> dict[str, Any] | None:
    """Run every batch once. On a CUDA device the record of its memory; None where a process has to tell.

    A model that does not run here has no memory here, and is asked nothing: its answers cost time or money.
    """
    if not runs_here(spec):
        return {"undefined": ELSEWHERE}
    if not (facts.device or "").startswith("cuda"):
        run_all(backend, batches)
        return None
    import torch

    cards = range(torch.cuda.device_count())
    for card in cards:
        torch.cuda.synchronize(card)
        torch.cuda.reset_peak_memory_stats(card)
    before = sum(torch.cuda.memory_allocated(card) for card in cards)
    run_all(backend, batches)
    peak = sum(torch.cuda.max_memory_allocated(card) for card in cards)
    weights = backend.weights_in_memory()
    if weights is None:
        return {"undefined": "not measured here: how much of the memory is this model's weights is not known"}
    return {"peak": own_peak(peak, before, weights), "before": before - weights, "how": "allocator"}


def in_a_process(role: Role, spec: ModelSpec, facts: ModelFacts, sample: Sequence[Request]) -> dict[str, Any]:
    """The record of a process that loads this model, which runs here, alone and answers the sample in batches."""
    if facts.device != "cpu":
        where = facts.device or "several devices"
        return {"undefined": f"not measured here: nothing tells one model's memory on {where}"}
    if isinstance(spec, TransformersSpec) and facts.path is not None:
        # The very files that were timed: a hub id may stand for others by now.
        spec = spec.model_copy(update={"model": facts.path})
    requests = [asdict(each) for each in sample]
    asked = json.dumps({"role": role, "spec": spec.model_dump(mode="json"), "requests": requests})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "evalkit.timing.child"],
            input=asked,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            env=_environment(),
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"undefined": f"the process that was to measure it did not end well: {error}"}
    return _understood(done.returncode, done.stdout, done.stderr)


def _understood(code: int, said: str, complained: str) -> dict[str, Any]:
    lines = complained.strip().splitlines()
    if code != 0:
        why = f"; its last word: {lines[-1][:300]}" if lines else ""
        return {"undefined": f"the process that was to measure it ended with {code}{why}"}
    try:
        found: Mapping[str, int] = json.loads(said)
        return {"peak": int(found["peak"]), "before": int(found["before"]), "how": "process"}
    except (ValueError, KeyError, TypeError):
        return {"undefined": "the process that was to measure it said nothing that could be read"}


def _environment() -> dict[str, str]:
    """This process's own, with evalkit to be found wherever this one came from."""
    here = str(Path(evalkit.types.__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [here, known]))}
