"""A process that loads one model, answers requests in batches, and says how much memory it took at most.

    python -m evalkit.timing.child < {"role": …, "spec": …, "requests": […]}

It prints {"before", "peak"}: bytes resident at most before the model was loaded (Python and torch), and at the end.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

from evalkit.backends import backend
from evalkit.errors import EvalkitError
from evalkit.specs import ModelSpec
from evalkit.timing.batched import in_batches, run_all
from evalkit.types import ERRORED, Message, Request


def peak_resident() -> int:
    """The most bytes that this process has had resident so far.

    Linux hands the peak of getrusage on to child processes, so there it is at least the parent's: the kernel's own
    account of this program is read instead.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    # Bytes on macOS, KiB elsewhere.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(asked: Any) -> dict[str, int]:
    """Load and run what is asked for. Raises EvalkitError when the model cannot run, ValueError when it answers
    nothing."""
    import pydantic
    import torch  # noqa: F401  its share of the memory is no model's

    spec = pydantic.TypeAdapter(Annotated[ModelSpec, pydantic.Field(discriminator="backend")]).validate_python(
        asked["spec"]
    )
    requests = [_request(each) for each in asked["requests"]]
    before = peak_resident()
    model = backend(spec, asked["role"])
    model.check([])
    outputs = run_all(model, in_batches(model, requests))
    if all(each.status in ERRORED for each in outputs):
        raise ValueError(f"the model answered nothing: {outputs[0].error}")
    return {"before": before, "peak": peak_resident()}


def _request(fields: dict[str, Any]) -> Request:
    prompt = fields["prompt"]
    turns = prompt if isinstance(prompt, str) else tuple(Message(**each) for each in prompt)
    return Request(**{**fields, "prompt": turns, "choices": tuple(fields["choices"])})


def main() -> None:
    asked = json.load(sys.stdin)
    try:
        # Whatever a library prints must not get into the answer.
        with contextlib.redirect_stdout(sys.stderr):
            found = measure(asked)
    except (EvalkitError, ValueError) as error:
        sys.exit(str(error))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
