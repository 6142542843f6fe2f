"""Students: two of the teacher's layers, trained to answer as it does; or such a student, trained further."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification

from scripts.real_pair.banking import Rows, chosen
from scripts.real_pair.settings import KEPT_LAYERS, Recipe
from scripts.real_pair.teaching import save, tokens
from scripts.real_pair.training import train


def cut(teacher: BertForSequenceClassification) -> BertForSequenceClassification:
    """A model with the teacher's embeddings, pooler and head, and of its layers only KEPT_LAYERS."""
    config = BertConfig.from_dict({**teacher.config.to_dict(), "num_hidden_layers": len(KEPT_LAYERS)})
    student = BertForSequenceClassification._from_config(config, attn_implementation="sdpa")
    for mine, its in (
        (student.bert.embeddings, teacher.bert.embeddings),
        *zip(student.bert.encoder.layer, [teacher.bert.encoder.layer[at] for at in KEPT_LAYERS], strict=True),
        (student.bert.pooler, teacher.bert.pooler),
        (student.classifier, teacher.classifier),
    ):
        mine.load_state_dict(its.state_dict())
    return student


def distillation(answer: Tensor, logits: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
    """The mean loss of a batch: how far `answer` (logits) is from the teacher's `logits`, and from the labels.

    The first part is a Kullback-Leibler divergence at a temperature, times its square, which keeps the gradients as
    large as those of the second, a cross-entropy.
    """
    heat = recipe.temperature
    hoped = (recipe.sharpen * logits / heat).softmax(-1)
    apart = nn.functional.kl_div((answer / heat).log_softmax(-1), hoped, reduction="batchmean") * heat**2
    return recipe.soft * apart + (1 - recipe.soft) * nn.functional.cross_entropy(answer, targets)


def distil(name: str, start: Path, rows: Rows, logits: Tensor, recipe: Recipe, kept: Path, folder: Path) -> None:
    """Train a student on `rows`, given the teacher's logits for each, and save it in `folder`.

    `start` is the teacher, of which some layers are kept, or a student that is trained further as it is.
    """
    model = BertForSequenceClassification.from_pretrained(start, attn_implementation="sdpa")
    if model.config.num_hidden_layers > len(KEPT_LAYERS):
        model = cut(model)
    at = chosen(rows, recipe)
    given = tokens(start, [rows.texts[row] for row in at])
    targets, hoped = torch.tensor(rows.targets)[at], logits[at]

    def loss(batch: np.ndarray) -> Tensor:
        ids, mask = given.batch(batch)
        answer = model(input_ids=ids, attention_mask=mask).logits
        return distillation(answer, hoped[batch], targets[batch], recipe)

    train(name, model, loss, given.lengths, recipe, kept)
    save(model, start, folder)
