"""Tiny classifiers with random weights, saved as `save_pretrained` saves them. Nothing is downloaded or trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from evalkit.backends.local import Local
from evalkit.specs import TransformersSpec
from evalkit.types import Example, Suite, SuiteFacts

Shape = Literal["bert", "distilbert", "roberta"]
SHAPES: tuple[Shape, ...] = ("bert", "distilbert", "roberta")
LABELS = ("card", "refund", "transfer")
WORDS = (
    *("my", "the", "a", "card", "was", "refund", "not", "arrived", "please", "help", "money", "lost", "where", "is"),
    *("transfer", "top", "up", "declined", "now", "wrong", "fee", "charged", "twice", "cash", "pending", "stolen"),
    *("pin", "blocked", "exchange", "rate", "why"),
)
# What the tiny models can look at: `max_position_embeddings` of BERT and DistilBERT; RoBERTa stores two more.
POSITIONS = 40


def texts(count: int, longest: int = 24) -> list[str]:
    """Sentences over the vocabulary, all different, of very different lengths."""
    found = []
    for index in range(count):
        length = 1 + (index * 7) % longest
        words = [WORDS[(index * 3 + step * (1 + index % 5)) % len(WORDS)] for step in range(length)]
        found.append(" ".join([*words, f"{index}"]))
    return found


def save_classifier(
    folder: Path,
    shape: Shape = "bert",
    *,
    seed: int = 0,
    labels: Sequence[str] | None = LABELS,
    count: int = 3,
    width: int = 32,
    layers: int = 2,
    positions: int = POSITIONS,
) -> Path:
    """A model and its tokenizer in `folder`. `labels` None leaves the names LABEL_0, LABEL_1, … (`count` of them).

    The weights are drawn with `seed`, and the head is then set so that every label is somebody's answer.
    """
    import torch

    model = _model(shape, labels, count, width, layers, positions)
    torch.manual_seed(seed)
    tokenizer = _tokenizer(shape, positions)
    model.eval()
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if weight.dim() > 1:
                # The smaller the inner weights, the less a rounding grows on its way through the layers.
                weight.normal_(0.0, 0.6 if "embeddings" in name or "classifier" in name else 0.3)
        _balance(model, tokenizer(texts(64), padding=True, truncation=True, max_length=positions, return_tensors="pt"))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def with_noise(source: Path, folder: Path, *, spread: float = 0.02, seed: int = 1) -> Path:
    """A copy of a saved model whose weights were shaken: a student that mostly agrees with its teacher."""
    import torch
    import transformers

    shutil.copytree(source, folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(source)
    torch.manual_seed(seed)
    with torch.no_grad():
        for _, weight in sorted(model.named_parameters()):
            weight.add_(torch.randn_like(weight) * spread * weight.abs().mean())
    model.save_pretrained(folder)
    return folder


def flip_byte(path: Path, position: int = -5) -> None:
    """Change one byte of a file; the default is far behind any header."""
    content = bytearray(path.read_bytes())
    content[position] ^= 0x01
    path.write_bytes(bytes(content))


def edit_config(folder: Path, **changes: Any) -> None:
    """Set keys of a saved model's config.json; None removes one."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.update(changes)
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}), encoding="utf-8")


def plain_probs(folder: Path, given: Sequence[str], limit: int) -> list[list[float]]:
    """Each text alone through transformers, with nothing of evalkit in between: rows in the model's own label order."""
    import torch
    import transformers

    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    rows = []
    with torch.inference_mode():
        for text in given:
            encoded = tokenizer(text, return_tensors="pt", truncation=True, max_length=limit)
            rows.append(model(**encoded).logits.double().softmax(-1)[0].tolist())
    return rows


def _balance(model: Any, encoded: Any) -> None:
    """Give the logits mean 0 and deviation 0.5 over some texts: a random head likes one label for everything."""
    head = getattr(model.classifier, "out_proj", model.classifier)
    logits = model(**encoded).logits
    scale = 0.5 / logits.std(0)
    bias = head.bias.clone() - logits.mean(0)
    head.weight.mul_(scale[:, None])
    head.bias.copy_(bias * scale)


def _model(shape: Shape, labels: Sequence[str] | None, count: int, width: int, layers: int, positions: int) -> Any:
    import transformers

    names = (
        {}
        if labels is None
        else {"id2label": dict(enumerate(labels)), "label2id": {n: i for i, n in enumerate(labels)}}
    )
    shared: dict[str, Any] = names or {"num_labels": count}
    if shape == "distilbert":
        return transformers.DistilBertForSequenceClassification(
            transformers.DistilBertConfig(
                vocab_size=200,
                dim=width,
                n_layers=layers,
                n_heads=2,
                hidden_dim=2 * width,
                max_position_embeddings=positions,
                **shared,
            )
        )
    sizes = {
        "vocab_size": 300 if shape == "roberta" else 200,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 2 * width,
    }
    if shape == "bert":
        return transformers.BertForSequenceClassification(
            transformers.BertConfig(max_position_embeddings=positions, **sizes, **shared)
        )
    return transformers.RobertaForSequenceClassification(
        transformers.RobertaConfig(
            max_position_embeddings=positions + 2,
            type_vocab_size=1,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
            **sizes,
            **shared,
        )
    )


def _tokenizer(shape: Shape, positions: int) -> Any:
    """A WordPiece tokenizer over WORDS, or for RoBERTa a byte-level BPE one without merges: every byte is a token."""
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    if shape == "roberta":
        special = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        vocabulary = {**special, **{each: index for index, each in enumerate(alphabet, start=len(special))}}
        inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        inner.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
        return transformers.PreTrainedTokenizerFast(
            tokenizer_object=inner,
            bos_token="<s>",
            eos_token="</s>",
            cls_token="<s>",
            sep_token="</s>",
            unk_token="<unk>",
            pad_token="<pad>",
            mask_token="<mask>",
            model_input_names=["input_ids", "attention_mask"],
        )
    special_names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special_names, *WORDS, *"0123456789", *(f"##{digit}" for digit in range(10))]
    vocabulary = {name: index for index, name in enumerate(dict.fromkeys(pieces))}
    inner = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    inputs = ["input_ids", "attention_mask"]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
        model_input_names=inputs if shape == "distilbert" else ["input_ids", "token_type_ids", "attention_mask"],
        # RoBERTa's is left out, so that the limit has to come from the configuration there.
        model_max_length=positions,
    )


# --- what they are asked -----------------------------------------------------------------------------


def suite_of(given: Sequence[str], labels: Sequence[str] = LABELS, name: str = "intents") -> Suite:
    """A classify suite of these texts; the targets take turns."""
    facts = SuiteFacts(
        name=name,
        kind="gold",
        task="classify",
        version=1,
        scorer="label",
        labels=tuple(labels),
        slice_names=(),
        grouped=False,
        digest=f"sha256:{name}",
        path=f"{name}/suite.yaml",
    )
    examples = tuple(
        Example(
            id=f"e{index}",
            row={"id": f"e{index}", "text": text},
            target=labels[index % len(labels)],
            choices=tuple(labels),
        )
        for index, text in enumerate(given)
    )
    return Suite(facts=facts, prompt=None, generation={}, examples=examples, input_column="text")


def classifier(folder: Path, **spec: Any) -> Local:
    """The backend over a saved model, in float32 on the CPU unless `spec` says otherwise."""
    options = {"dtype": "float32", "device": "cpu", **spec}
    return Local(TransformersSpec(model=str(folder), **options), "student")
