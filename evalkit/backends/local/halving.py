"""A batch that fails, answered in halves: no text costs another its answer."""

from __future__ import annotations

from collections.abc import Callable

from evalkit.backends.local.hardware import free_cache, is_out_of_memory
from evalkit.backends.local.head import failed
from evalkit.backends.wording import first_line
from evalkit.types import Output, Request

Answer = Callable[[list[Request]], list[Output]]


def in_halves(requests: list[Request], answer: Answer, device: str) -> tuple[list[Output], int]:
    """One pass; halved and tried again when it fails, alone and marked when it still does.

    Returns the outputs in the order of the requests, and how many batches were halved for want of memory.
    """
    try:
        return answer(requests), 0
    except Exception as error:
        # Whatever one text does to its template, tokenizer or model (a token that the model has no row for is an
        # IndexError on a CPU) must not cost the others.
        if len(requests) == 1:
            return [failed(requests[0], first_line(error))], 0
        splits = int(is_out_of_memory(error))
    # Outside of the handler: its traceback would keep the tensors of the failed pass alive.
    free_cache(device)
    half = len(requests) // 2
    first, before = in_halves(requests[:half], answer, device)
    second, after = in_halves(requests[half:], answer, device)
    return first + second, splits + before + after
