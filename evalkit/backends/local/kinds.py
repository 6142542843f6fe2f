"""What config.json says of a model: what kind it is, how long its window is, what its labels are. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from evalkit.types import Task

Kind = Literal["classifier", "causal", "seq2seq"]
# The class of transformers that loads each.
CLASSES: dict[Kind, str] = {
    "classifier": "AutoModelForSequenceClassification",
    "causal": "AutoModelForCausalLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
}
# Model types whose position table has rows that no token ever uses, because counting starts at padding index + 1.
PADDED_POSITIONS = ("roberta", "xlm-roberta", "camembert", "roberta-prelayernorm", "xlm-roberta-xl", "mpnet", "xmod")
# A tokenizer without a limit says 10^30.
NO_LIMIT = 1_000_000


def read_config(folder: Path) -> dict[str, Any]:
    """Raises OSError or ValueError when config.json cannot be read or is no object."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ValueError("it holds no mapping")
    return config


def architecture(config: Mapping[str, Any]) -> str | None:
    """The class that the model was saved from, as the configuration names it."""
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else None


def kind_of(config: Mapping[str, Any]) -> Kind | None:
    """What a model of this configuration can be loaded as; None for one that can neither label nor write.

    Judged by the class name: its last part says which head the saved weights have.
    """
    name = architecture(config)
    if name is None:
        # Written by hand or by an older program: only a classifier has names for its outputs.
        return "classifier" if "id2label" in config or "num_labels" in config else None
    if name.endswith("ForSequenceClassification"):
        return "classifier"
    if name.endswith(("ForCausalLM", "LMHeadModel")):
        return "causal"
    if name.endswith("ForConditionalGeneration"):
        # Models that also see pictures are called the same, and write as causal ones do.
        return "seq2seq" if config.get("is_encoder_decoder") else "causal"
    return None


def cannot(config: Mapping[str, Any], task: Task, suite: str) -> tuple[str, str] | None:
    """Why a model of this configuration cannot do a suite's task, and what to do; None where it can."""
    kind, name = kind_of(config), architecture(config)
    if kind is None and name is None:
        return (
            f'config.json names no architecture, so nobody can tell whether the model can {task}, as "{suite}" asks',
            "save the model again with save_pretrained, which writes it",
        )
    if kind is None:
        return (
            f'the suite "{suite}" asks to {task}; a {name} can neither choose a label nor write text',
            "name a sequence classifier, a causal or a sequence-to-sequence language model",
        )
    if kind == "classifier" and task != "classify":
        return (
            f'the suite "{suite}" asks to {task}; a {name or "classifier"} can only classify',
            "name a language model, or record the outputs of what can and name them with recorded:FILE",
        )
    return None


def window(config: Mapping[str, Any], tokenizer_limit: int | None, asked: int | None) -> int | None:
    """The longest input in tokens; None where neither plan, configuration nor tokenizer knows one."""
    if asked is not None:
        return asked
    # Models of text and pictures keep the text part apart.
    inner = config.get("text_config")
    text = {**config, **inner} if isinstance(inner, dict) else config
    positions = text.get("max_position_embeddings") or text.get("n_positions")
    # RoBERTa and its kin count positions from behind the padding index, so the first ones are never used.
    if config.get("model_type") in PADDED_POSITIONS and positions:
        padding = config.get("pad_token_id")
        positions -= (1 if padding is None else padding) + 1
    known = [positions, tokenizer_limit]
    return min((each for each in known if each and 0 < each < NO_LIMIT), default=None)


def label_names(config: Mapping[str, Any]) -> dict[int, str]:
    """A classifier's names for its outputs. Raises ValueError, TypeError or AttributeError for what is none."""
    # What transformers makes of a configuration without names.
    unnamed = {index: f"LABEL_{index}" for index in range(config.get("num_labels", 2))}
    return {int(key): str(value) for key, value in (config.get("id2label") or unnamed).items()}


def label_order(id2label: Mapping[int, str], labels: Sequence[str]) -> list[int]:
    """For each suite label, the model's output that stands for it. Raises ValueError when they do not match.

    A model that was never told its labels calls them LABEL_0, LABEL_1, …: then, and only then, their
    number must be right and the suite's order is taken.
    """
    positions = {str(name): index for index, name in id2label.items()}
    if len(positions) < len(id2label):
        raise ValueError("two of its outputs have the same name")
    if positions.keys() != set(labels) and _unnamed(id2label):
        if len(id2label) != len(labels):
            raise ValueError(f"it has {len(id2label)}, the suite {len(labels)}")
        return list(range(len(labels)))
    missing = [label for label in labels if label not in positions]
    extra = [name for name in positions if name not in set(labels)]
    if missing or extra:
        parts = [*(f"it lacks {each!r}" for each in missing[:1]), *(f"it also knows {each!r}" for each in extra[:1])]
        raise ValueError(", ".join(parts) + f" ({len(missing)} missing, {len(extra)} extra)")
    return [positions[label] for label in labels]


def label_remedy(id2label: Mapping[int, str], labels: Sequence[str]) -> str:
    """What to do where `label_order` refuses: a model of other classes must not be renamed into a right one."""
    names, other = set(id2label.values()), "list the model's classes as the suite's labels"
    if _unnamed(id2label):
        return (
            "name a model with as many outputs as the suite has labels, or a suite of its classes; id2label in its "
            "config.json is where a model's labels belong"
        )
    if len(names) < len(id2label):
        return "set id2label in the model's config.json to a name of its own for each output"
    if len(names) != len(labels):
        if names.isdisjoint(labels):
            return (
                "this model was trained for other classes than this suite asks about: name another suite, or "
                "list the model's classes as labels"
            )
        return f"name a model that was trained for the suite's classes, or {other}"
    return (
        "if these are the same classes by other names, set id2label in the model's config.json to the suite's "
        f"labels; if not, name another suite, or {other}"
    )


def _unnamed(id2label: Mapping[int, str]) -> bool:
    """Whether a model was never told its labels."""
    return all(name == f"LABEL_{index}" for index, name in id2label.items())
