"""The teacher: the encoder with a head, of which only the upper half is trained.

What the frozen lower half makes of each text never changes, so it is computed once and kept in memory: an epoch costs
less than half.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoTokenizer, BertForSequenceClassification
from transformers.utils import logging

from scripts.real_pair.banking import Rows, chosen
from scripts.real_pair.settings import FROZEN_LAYERS, MAX_LENGTH, Recipe
from scripts.real_pair.training import train

AT_ONCE = 128  # rows in one pass that trains nothing


@dataclass(frozen=True)
class Tokens:
    """Token ids of some texts, one tensor each; `lengths` counts them."""

    ids: list[Tensor]

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(each) for each in self.ids])

    def batch(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Padded ids and the mask (1: a token) of the rows at some positions."""
        chosen = [self.ids[row] for row in rows]
        ids = pad_sequence(chosen, batch_first=True)
        mask = torch.arange(ids.shape[1])[None, :] < torch.tensor([len(each) for each in chosen])[:, None]
        return ids, mask.long()


def tokens(folder: Path, texts: list[str]) -> Tokens:
    """Texts as a model's folder reads them, cut at MAX_LENGTH tokens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.pad_token_id == 0, "padding is done with zeros"
    ids = tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
    return Tokens([torch.tensor(each) for each in ids])


def by_length(lengths: np.ndarray) -> list[np.ndarray]:
    """All positions once, in batches of about equal lengths; for passes in which the order does not matter."""
    order = np.argsort(lengths, kind="stable")
    return [order[start : start + AT_ONCE] for start in range(0, len(order), AT_ONCE)]


@torch.inference_mode()
def lower_half(model: BertForSequenceClassification, given: Tokens) -> list[Tensor]:
    """What the embeddings and the first FROZEN_LAYERS layers make of each text: [tokens, width] each."""
    found: list[Tensor] = [torch.empty(0)] * len(given.ids)
    model.eval()
    for rows in by_length(given.lengths):
        ids, mask = given.batch(rows)
        hidden = model.bert.embeddings(input_ids=ids)
        for layer in model.bert.encoder.layer[:FROZEN_LAYERS]:
            hidden = layer(hidden, attention_mask=seen(mask))
        for row, states, length in zip(rows, hidden, mask.sum(1), strict=True):
            found[row] = states[:length].clone()
    return found


def upper_half(model: BertForSequenceClassification, states: list[Tensor]) -> Tensor:
    """Logits from what `lower_half` gave for some texts."""
    hidden = pad_sequence(states, batch_first=True)
    mask = torch.arange(hidden.shape[1])[None, :] < torch.tensor([len(each) for each in states])[:, None]
    for layer in model.bert.encoder.layer[FROZEN_LAYERS:]:
        hidden = layer(hidden, attention_mask=seen(mask))
    logits: Tensor = model.classifier(model.dropout(model.bert.pooler(hidden)))
    return logits


def seen(mask: Tensor) -> Tensor:
    """A mask of tokens as attention wants it: true where a position may be looked at."""
    return mask.bool()[:, None, None, :]


def quiet() -> None:
    """Transformers says nothing but errors: a head that begins at random is meant, and folders load in no time."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def teach(encoder: Path, labels: list[str], rows: Rows, recipe: Recipe, kept: Path, folder: Path) -> None:
    """Fine-tune the encoder on `rows` and save it, with its tokenizer, in `folder`."""
    torch.manual_seed(recipe.seed)  # the head begins at random
    model = BertForSequenceClassification.from_pretrained(
        encoder,
        id2label=dict(enumerate(labels)),
        label2id={label: at for at, label in enumerate(labels)},
        attn_implementation="sdpa",
    )
    freeze(model)
    rows = rows.at(chosen(rows, recipe))
    given, targets = tokens(encoder, rows.texts), torch.tensor(rows.targets)
    states = lower_half(model, given)

    def loss(at: np.ndarray) -> Tensor:
        logits = upper_half(model, [states[row].clone() for row in at])
        return nn.functional.cross_entropy(logits, targets[at])

    train("teacher", model, loss, given.lengths, recipe, kept)
    save(model, encoder, folder)


def freeze(model: BertForSequenceClassification) -> None:
    """No gradients for the embeddings and the first layers."""
    for part in (model.bert.embeddings, *model.bert.encoder.layer[:FROZEN_LAYERS]):
        part.requires_grad_(False)


def save(model: BertForSequenceClassification, tokenizer: Path, folder: Path) -> None:
    """A model's folder: weights, configuration, and the tokenizer of another folder."""
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(folder)


@torch.inference_mode()
def logits_of(folder: Path, texts: list[str]) -> Tensor:
    """What the model in `folder` answers to texts: [texts, labels]."""
    model = BertForSequenceClassification.from_pretrained(folder, attn_implementation="sdpa").eval()
    given = tokens(folder, texts)
    found = torch.empty(len(texts), model.config.num_labels)
    for rows in by_length(given.lengths):
        ids, mask = given.batch(rows)
        found[rows] = model(input_ids=ids, attention_mask=mask).logits
    return found
