"""Writing in rows, of which those that are done are dropped: half of a batch often ends long before the other half.

`generate` of transformers goes on with all rows until the last of them ends. Here it is stopped whenever half of its
rows are done, and goes on with the others from the same cache of keys and values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evalkit.backends.local.watching import Watcher

# Fewer rows than this are not worth the stop: it takes about as long as a token.
LEAST_ROWS = 4


def write(
    model: Any, inputs: Mapping[str, Any], settings: Callable[[int], Any], watcher: Watcher, *, room: int, drops: bool
) -> None:
    """Has a model write up to `room` tokens in each row; what it writes is in the `watcher` afterwards.

    `inputs` are those of `generate`, `settings` its settings by how many tokens may still be written. Rows are dropped
    where `drops` says so and the model keeps keys and values in a cache of which rows can be taken.
    """
    drops = drops and model._supports_default_dynamic_cache()
    given = dict(inputs)
    while True:
        watcher.go_on(may_stop=drops and len(watcher.rows) >= LEAST_ROWS)
        made = model.generate(
            **given,
            generation_config=settings(room - watcher.steps),
            logits_processor=[watcher.before],
            stopping_criteria=[watcher.after],
        )
        going = watcher.going()
        if not going or watcher.steps >= room or not watcher.stopped:
            return
        given = _of_rows(going, made, given)
        watcher.keep(going)


def _of_rows(rows: list[int], made: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `generate` goes on from: some rows of what it was given and of what it made."""
    import torch

    at = torch.tensor(rows, device=made.sequences.device)
    mask = given["attention_mask"]
    longer = made.sequences.shape[1] - mask.shape[1]
    whole = torch.cat([mask, mask.new_ones((mask.shape[0], longer))], dim=1)
    made.past_key_values.batch_select_indices(at)
    return {"input_ids": made.sequences[at], "attention_mask": whole[at], "past_key_values": made.past_key_values}
