"""Training in epochs that are kept: an interrupted training goes on after its last whole epoch, to the same weights."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from scripts.real_pair.settings import BATCH, WARM_UP, Recipe
from scripts.real_pair.work import say

Loss = Callable[["np.ndarray"], Tensor]


def train(name: str, model: nn.Module, loss: Loss, lengths: np.ndarray, recipe: Recipe, kept: Path) -> None:
    """Train the weights of `model` that want gradients, and leave it in evaluation mode.

    `loss` gives the mean loss of the rows at some positions, `lengths` the tokens of each row. `kept` is the file
    that holds the last whole epoch; the caller removes it when it has the model.
    """
    per_epoch = math.ceil(len(lengths) / BATCH)
    optimizer = torch.optim.AdamW(_groups(model, recipe), weight_decay=0.01, fused=True)
    rise = max(1, round(WARM_UP * per_epoch * recipe.epochs))
    schedule = LambdaLR(optimizer, _slope(rise, per_epoch * recipe.epochs))
    for epoch in range(_resume(kept, model, optimizer, schedule), recipe.epochs):
        begun, total = time.monotonic(), 0.0
        # What is drawn depends on the epoch alone, not on how many epochs this process has seen.
        torch.manual_seed(1000 * recipe.seed + epoch)
        model.train()
        for rows in batches(lengths, BATCH, np.random.default_rng([recipe.seed, epoch])):
            value = loss(rows)
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(_trained(model), 1.0)
            optimizer.step()
            schedule.step()
            total += value.item() * len(rows)
        seconds = time.monotonic() - begun
        say(f"{name}: epoch {epoch + 1} of {recipe.epochs}, loss {total / len(lengths):.4f}, {seconds:.0f} s")
        _save(kept, model, optimizer, schedule, epoch + 1)
    model.eval()


def batches(lengths: np.ndarray, size: int, draw: np.random.Generator) -> list[np.ndarray]:
    """All positions once, in random batches of about equal lengths: less padding, and still another mix each time."""
    order = draw.permutation(len(lengths))
    pool = 32 * size
    near = [part[np.argsort(lengths[part], kind="stable")] for part in _parts(order, pool)]
    found = [batch for part in near for batch in _parts(part, size)]
    return [found[at] for at in draw.permutation(len(found))]


def _parts(values: np.ndarray, size: int) -> list[np.ndarray]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _trained(model: nn.Module) -> list[Tensor]:
    return [weight for weight in model.parameters() if weight.requires_grad]


def _groups(model: nn.Module, recipe: Recipe) -> Iterable[dict[str, object]]:
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    for head, rate in ((False, recipe.rate), (True, recipe.head_rate)):
        yield {"params": [weight for name, weight in named if name.startswith("classifier") is head], "lr": rate}


def _slope(rise: int, steps: int) -> Callable[[int], float]:
    return lambda step: (step + 1) / rise if step < rise else max(0.0, (steps - step) / max(1, steps - rise))


def _save(path: Path, model: nn.Module, optimizer: Optimizer, schedule: LambdaLR, epochs: int) -> None:
    weights = {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}
    state = {"weights": weights, "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    torch.save({"epochs": epochs, **state}, unfinished)
    os.replace(unfinished, path)


def _resume(path: Path, model: nn.Module, optimizer: Optimizer, schedule: LambdaLR) -> int:
    """The number of epochs that are done; what they left is put back."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["weights"], strict=False)
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    done: int = state["epochs"]
    return done
