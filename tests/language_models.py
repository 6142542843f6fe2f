"""Tiny language models with random weights, one for each family, and tokenizers with each family's habits.

Nothing is downloaded. The vocabulary is a byte-level BPE that is trained here on a few sentences. The last layer is
no copy of the embeddings, which would make these models repeat themselves, and its weights are large, so that the
logits of two tokens are far apart compared with the rounding of float32: in a greedy text the best token leads by
1e-3 nats or more, and rounding moves a logit by about 1e-5.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Family = Literal["llama", "qwen2", "qwen3", "gpt2", "gemma", "gemma2", "gemma3", "mistral", "opt", "t5", "bart"]
FAMILIES: tuple[Family, ...] = get_args(Family)
SEQ2SEQ = ("t5", "bart")
WINDOW = 192
# Spread of the last layer's weights where 0.6 is not enough: T5 scales its logits down, BART its embeddings up.
LAST_LAYER = {"t5": 4.0}
VOCABULARY = 400
# What the tokenizers are trained on.
CORPUS = [
    "My card was declined twice and the money is pending. Where is my refund, please?",
    "Question: why is the exchange rate wrong? Answer: the fee was charged in another currency.",
    "Please help, the transfer has not arrived, and my pin is blocked now.",
    "The capital of France is Paris; the largest of the planets is Jupiter. Größe, naïve, 東京.",
]
TURNS = (
    "{% for each in messages %}<|{{ each['role'] }}|>\n{{ each['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


class Habits:
    """How a family's tokenizer goes about it: special tokens by purpose, which of them it adds, where it pads."""

    def __init__(self, before: str = "", after: str = "", side: str = "right", **special: str) -> None:
        self.before, self.after, self.side, self.special = before, after, side, special


HABITS: dict[str, Habits] = {
    # No padding token of its own, and the beginning marked.
    "llama": Habits(before="<s>", bos_token="<s>", eos_token="</s>"),
    "mistral": Habits(before="<s>", side="left", bos_token="<s>", eos_token="</s>"),
    # Nothing added, no beginning mark at all.
    "qwen2": Habits(side="left", eos_token="<|im_end|>", pad_token="<|endoftext|>"),
    "qwen3": Habits(side="right", eos_token="<|im_end|>", pad_token="<|endoftext|>"),
    # One token for everything, never added.
    "gpt2": Habits(bos_token="<|endoftext|>", eos_token="<|endoftext|>"),
    "gemma": Habits(before="<bos>", side="left", bos_token="<bos>", eos_token="<eos>", pad_token="<pad>"),
    "opt": Habits(before="</s>", bos_token="</s>", eos_token="</s>", pad_token="<pad>"),
    "t5": Habits(after="</s>", eos_token="</s>", pad_token="<pad>"),
    "bart": Habits(before="<s>", after="</s>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"),
}


@cache
def tokenizer_json(before: str, after: str, special: tuple[str, ...]) -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    inner.train_from_iterator(CORPUS, trainer)
    if before or after:
        pieces = [*([before] if before else []), "$A", *([after] if after else [])]
        ids = [(each, inner.token_to_id(each)) for each in dict.fromkeys(filter(None, (before, after)))]
        inner.post_processor = processors.TemplateProcessing(single=pieces, special_tokens=ids)
    return str(inner.to_str())


def tokenizer_of(family: str, *, template: str | None = None, **changes: str) -> Any:
    """The tokenizer of a family; `changes` are habits that are other than its own."""
    import transformers
    from tokenizers import Tokenizer

    own = HABITS.get(family, HABITS["gemma"])
    before, after = changes.get("before", own.before), changes.get("after", own.after)
    names = tuple(dict.fromkeys([*own.special.values(), *filter(None, (before, after))]))
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(tokenizer_json(before, after, names)),
        padding_side=changes.get("side", own.side),
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **own.special,
    )
    tokenizer.chat_template = template
    return tokenizer


def save_language_model(
    folder: Path,
    family: Family = "llama",
    *,
    seed: int = 0,
    width: int = 32,
    layers: int = 2,
    window: int = WINDOW,
    template: str | None = None,
    generation: dict[str, Any] | None = None,
    **habits: str,
) -> Path:
    """A model and its tokenizer in `folder`. `template` is its chat template, `generation` goes into its
    generation_config.json, `habits` (before, after, side) are what the tokenizer does in place of the family's own."""
    import torch

    tokenizer = tokenizer_of(family, template=template, **habits)
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model = _model(family, width, layers, window, ids, max(len(tokenizer), VOCABULARY))
    torch.manual_seed(seed)
    model.eval()
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if weight.dim() > 1:
                weight.normal_(0.0, LAST_LAYER.get(family, 0.6) if "lm_head" in name else 0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if generation is not None:
        edit_json(folder / "generation_config.json", **generation)
    return folder


def edit_json(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file, which may not be there yet."""
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**held, **changes}), encoding="utf-8")


def _model(family: Family, width: int, layers: int, window: int, ids: dict[str, Any], vocabulary: int) -> Any:
    import transformers as hf

    shape = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 2 * width,
        "max_position_embeddings": window,
        "tie_word_embeddings": False,
        **ids,
    }
    grouped = {**shape, "num_key_value_heads": 1}
    headed = {**grouped, "head_dim": width // 2}
    match family:
        case "llama":
            return hf.LlamaForCausalLM(hf.LlamaConfig(**grouped))
        case "mistral":
            # A window of attention shorter than some of the prompts.
            return hf.MistralForCausalLM(hf.MistralConfig(**grouped, sliding_window=24))
        case "qwen2":
            return hf.Qwen2ForCausalLM(hf.Qwen2Config(**grouped))
        case "qwen3":
            return hf.Qwen3ForCausalLM(hf.Qwen3Config(**headed))
        case "gemma":
            return hf.GemmaForCausalLM(hf.GemmaConfig(**headed))
        case "gemma2":
            return hf.Gemma2ForCausalLM(hf.Gemma2Config(**headed, sliding_window=24, query_pre_attn_scalar=16))
        case "gemma3":
            return hf.Gemma3ForCausalLM(hf.Gemma3TextConfig(**headed, sliding_window=24, query_pre_attn_scalar=16))
        case "gpt2":
            sizes = {
                "n_embd": width,
                "n_layer": layers,
                "n_head": 2,
                "n_positions": window,
                "tie_word_embeddings": False,
            }
            return hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=vocabulary, **sizes, **ids))
        case "opt":
            return hf.OPTForCausalLM(
                hf.OPTConfig(**{**shape, "ffn_dim": 2 * width}, word_embed_proj_dim=width, dropout=0.0)
            )
        case "t5":
            sizes = {
                "d_model": width,
                "d_kv": width // 2,
                "d_ff": 2 * width,
                "num_layers": layers,
                "num_heads": 2,
                "tie_word_embeddings": False,
            }
            return hf.T5ForConditionalGeneration(
                hf.T5Config(vocab_size=vocabulary, **sizes, decoder_start_token_id=ids["pad_token_id"], **ids)
            )
        case "bart":
            sides = {
                f"{side}_{name}": value
                for side in ("encoder", "decoder")
                for name, value in (("layers", layers), ("attention_heads", 2), ("ffn_dim", 2 * width))
            }
            return hf.BartForConditionalGeneration(
                hf.BartConfig(
                    vocab_size=vocabulary,
                    d_model=width,
                    max_position_embeddings=window,
                    tie_word_embeddings=False,
                    decoder_start_token_id=ids["eos_token_id"],
                    forced_eos_token_id=ids["eos_token_id"],
                    **sides,
                    **ids,
                )
            )
