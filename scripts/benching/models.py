"""The models that are timed, with random weights and a tokenizer made on the spot: nothing is downloaded.

A model is known by its shape alone. What it costs does not hang on what its weights say.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABELS = tuple(f"label-{number:02}" for number in range(20))
PAD, BEGIN, END = "<pad>", "<s>", "</s>"
LETTERS = (" A", " B", " C", " D")
_ONSETS = ("b", "br", "d", "f", "g", "gr", "k", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "tr", "v", "w", "z")
_RHYMES = ("a", "an", "ar", "e", "el", "en", "er", "i", "in", "is", "o", "on", "or", "u", "um", "us")


@dataclass(frozen=True)
class Causal:
    """A Llama-like model with tied embeddings. `readers` are its attention heads, `kept` those of keys and values."""

    width: int
    layers: int
    inner: int
    readers: int
    kept: int
    vocabulary: int
    window: int = 2048


@dataclass(frozen=True)
class Classifier:
    """A BERT-like model over LABELS."""

    width: int
    layers: int
    readers: int
    vocabulary: int
    window: int = 512


Shape = Causal | Classifier


def words(count: int, seed: int = 0) -> list[str]:
    """Made-up words, all different, the short ones first: as in a language, those are to be the frequent ones."""
    draw = random.Random(f"words {seed}")
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = 1 + min(3, int(4 * len(found) / count + draw.random()))
        found["".join(draw.choice(_ONSETS) + draw.choice(_RHYMES) for _ in range(syllables))] = None
    return list(found)


def write_tokenizer(folder: Path, vocabulary: int, *, framed: bool) -> Any:
    """A byte-level BPE with exactly `vocabulary` entries, into `folder`; `framed` marks where a text begins and ends.

    Raises ValueError when the made-up words do not yield so many.
    """
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, BEGIN, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    known = words(max(200, 5 * vocabulary // 4))
    # By Zipf's law: the word of rank r comes up 1 / r as often as the first.
    often = [1 + len(known) // (4 * (rank + 1)) for rank in range(len(known))]
    lines = (f"{word}{letter}" for letter in LETTERS for word in known[:400])
    texts = (" " + " ".join([word] * times) for word, times in zip(known, often, strict=True))
    inner.train_from_iterator([*texts, *lines], trainer)
    if inner.get_vocab_size() != vocabulary:
        raise ValueError(f"the tokenizer has {inner.get_vocab_size()} entries and should have {vocabulary}")
    special = {"pad_token": PAD, "eos_token": END}
    if framed:
        marks = [(each, inner.token_to_id(each)) for each in (BEGIN, END)]
        inner.post_processor = processors.TemplateProcessing(single=[BEGIN, "$A", END], special_tokens=marks)
        special |= {"cls_token": BEGIN, "sep_token": END}
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **special,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def write_model(folder: Path, shape: Shape, *, seed: int, device: str, dtype: str = "float32") -> int:
    """A model of this shape into `folder`, drawn on `device` and stored as `dtype`; returns its number of weights."""
    import torch
    import transformers as hf

    # The bar of the writer is nothing for a log.
    hf.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    special: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2}
    with torch.device(device):
        if isinstance(shape, Causal):
            model: Any = hf.LlamaForCausalLM(
                hf.LlamaConfig(
                    vocab_size=shape.vocabulary,
                    hidden_size=shape.width,
                    intermediate_size=shape.inner,
                    num_hidden_layers=shape.layers,
                    num_attention_heads=shape.readers,
                    num_key_value_heads=shape.kept,
                    max_position_embeddings=shape.window,
                    tie_word_embeddings=True,
                    **special,
                )
            )
        else:
            model = hf.BertForSequenceClassification(
                hf.BertConfig(
                    vocab_size=shape.vocabulary,
                    hidden_size=shape.width,
                    intermediate_size=4 * shape.width,
                    num_hidden_layers=shape.layers,
                    num_attention_heads=shape.readers,
                    max_position_embeddings=shape.window,
                    id2label=dict(enumerate(LABELS)),
                    label2id={name: number for number, name in enumerate(LABELS)},
                    pad_token_id=0,
                )
            )
    if isinstance(shape, Classifier):
        with torch.no_grad():
            # Logits of about 2: as drawn, the head is so small that rounding could choose between two labels.
            model.classifier.weight.normal_(0.0, 2.0 / shape.width**0.5)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    return int(sum(each.numel() for each in model.parameters()))
