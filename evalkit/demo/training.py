"""How teacher and students are trained: a tokenizer, a small Llama, one loop for both.

Everything is drawn from a seed and has a fixed number of steps, so that the same machine trains the same models; the
clock has no say. The last layer is applied to the tokens of answers alone, which is where the lessons are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from evalkit.demo.lessons import Lesson
from evalkit.demo.lexicon import CODE_MARK

# Models of this size gain little from a second thread, and lose much where other work wants the core as well. Another
# number would round otherwise, too.
THREADS = 1
BATCH, WARM_UP = 16, 30
# Batches of like lengths are made among this many at a time; answers are written for this many prompts at once.
SORTED_AMONG, WRITTEN_AT_ONCE = 8, 64
# The share of a prompt's tokens that is replaced by others, and the tokens before a supplier's code that never are.
BLUR, BEFORE_CODE = 0.1, 4
# The usual spread of 0.02 is meant for wide models: these would not find where to look for hundreds of steps.
SPREAD = 0.06
WINDOW, LONGEST_ANSWER = 320, 32
END, PAD = "<|end|>", "<|pad|>"
MARKS = (PAD, END, "<|system|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{% for each in messages %}<|{{ each['role'] }}|>{{ each['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# (step, steps, loss in nats per token)
HeardLoss = Callable[[int, int, float], None]
Ids = list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A Llama's size: width of its hidden states, number of layers."""

    width: int
    layers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long a model learns, and how fast at most."""

    steps: int
    rate: float


@contextmanager
def steady() -> Iterator[None]:
    """Torch with one thread, repeatable, with a random state of its own; what was before is put back."""
    import torch
    import transformers

    # Bars for a file of one megabyte; the demo tells its progress itself.
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.set_num_threads(threads)


def train_tokenizer(lessons: Sequence[Lesson], vocabulary: int) -> Any:
    """A transformers tokenizer with a chat template: a byte-level BPE of what the lessons say."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(MARKS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    inner.train_from_iterator((f"{each.prompt}\n{each.answer}" for each in lessons), trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def new_model(tokenizer: Any, shape: Shape, seed: int) -> Any:
    """A Llama with random weights that depend on shape and seed alone; torch's own random state stays as it is."""
    import torch
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=4,
        intermediate_size=3 * shape.width,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=True,
        initializer_range=SPREAD,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transformers.LlamaForCausalLM(config)


def shortened(model: Any, layers: int) -> Any:
    """A model of that many of the model's layers, with its weights: the first layer, the last, and evenly between.

    A student that began at random would learn to copy a supplier's code in some runs and not in others.
    """
    import copy

    import torch
    import transformers

    whole = model.config.num_hidden_layers
    kept = [round(index * (whole - 1) / max(1, layers - 1)) for index in range(layers)]
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = layers
    with torch.random.fork_rng(devices=[]):
        short = transformers.LlamaForCausalLM(config)
    weights = model.state_dict()
    place = re.compile(r"(?<=^model\.layers\.)\d+")
    short.load_state_dict(
        {name: weights[place.sub(lambda at: str(kept[int(at[0])]), name)] for name in short.state_dict()}
    )
    return short


def teach(model: Any, tokenizer: Any, lessons: Sequence[Lesson], course: Course, seed: int, heard: HeardLoss) -> None:
    """Train the model on the lessons, in batches that the seed draws; `heard` is told the loss after each step."""
    import torch

    encoded = _encoded(tokenizer, lessons)
    codes = {index for token, index in tokenizer.get_vocab().items() if CODE_MARK in token}
    optimiser = torch.optim.AdamW(model.parameters(), lr=course.rate, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, course.steps))
    rng = random.Random(f"demo batches {seed}")
    batches = _batches([len(prompt) + len(answer) for prompt, answer in encoded], rng)
    model.train()
    for step in range(1, course.steps + 1):
        drawn = [encoded[index] for index in next(batches)]
        blurred = [(_blurred(prompt, answer, codes, rng, len(tokenizer)), answer) for prompt, answer in drawn]
        loss = _loss(model, blurred, tokenizer.pad_token_id)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        heard(step, course.steps, float(loss.detach()))
    model.eval()


def answers(model: Any, tokenizer: Any, prompts: Sequence[str]) -> list[str]:
    """What the model writes, the likeliest token each time; in the order of the prompts."""
    import torch
    import transformers

    model.eval()
    encoded = _prompt_ids(tokenizer, prompts)
    order = sorted(range(len(encoded)), key=lambda index: len(encoded[index]))
    settings = transformers.GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=LONGEST_ANSWER,
        do_sample=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    found = [""] * len(encoded)
    for start in range(0, len(order), WRITTEN_AT_ONCE):
        part = order[start : start + WRITTEN_AT_ONCE]
        batch = tokenizer.pad({"input_ids": [encoded[index] for index in part]}, return_tensors="pt")
        with torch.inference_mode():
            written = model.generate(**batch, generation_config=settings)
        texts = tokenizer.batch_decode(written[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        for index, text in zip(part, texts, strict=True):
            found[index] = text
    return found


def _pace(step: int, steps: int) -> float:
    """The share of the full rate at a step: up in a straight line, then down to a tenth."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return 1.0 - 0.9 * (step - WARM_UP) / max(1, steps - WARM_UP)


def _prompt_ids(tokenizer: Any, prompts: Sequence[str]) -> list[Ids]:
    """Each prompt as one turn of a user, to be answered."""
    turns = [[{"role": "user", "content": each}] for each in prompts]
    texts = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return [list(each) for each in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def _encoded(tokenizer: Any, lessons: Sequence[Lesson]) -> list[tuple[Ids, Ids]]:
    """Prompt and answer of each lesson, the answer with the mark that ends it."""
    prompts = _prompt_ids(tokenizer, [each.prompt for each in lessons])
    written = tokenizer([each.answer for each in lessons], add_special_tokens=False)["input_ids"]
    return [(prompt, [*answer, tokenizer.eos_token_id]) for prompt, answer in zip(prompts, written, strict=True)]


def _batches(lengths: Sequence[int], rng: random.Random) -> Iterator[Ids]:
    """Positions in batches, again and again over all of them, each time in another order; like lengths together."""
    while True:
        order = rng.sample(range(len(lengths)), len(lengths))
        for start in range(0, len(order), SORTED_AMONG * BATCH):
            part = sorted(order[start : start + SORTED_AMONG * BATCH], key=lambda index: lengths[index])
            parts = [part[at : at + BATCH] for at in range(0, len(part), BATCH)]
            rng.shuffle(parts)
            yield from parts


def _blurred(prompt: Ids, answer: Ids, codes: set[int], rng: random.Random, vocabulary: int) -> Ids:
    """The prompt with some tokens replaced by any others, so that no phrase is learnt by heart.

    What the answer repeats stays, and so does what leads up to a supplier's code: "not" decides there.
    """
    near = {at - back for at, each in enumerate(prompt) if each in codes for back in range(-1, BEFORE_CODE + 1)}
    kept = {*answer, *range(len(MARKS))}
    return [
        each if each in kept or at in near or rng.random() >= BLUR else rng.randrange(len(MARKS), vocabulary)
        for at, each in enumerate(prompt)
    ]


def _loss(model: Any, batch: Sequence[tuple[Ids, Ids]], pad: int) -> Any:
    """Mean cross-entropy over the tokens of the answers. Padding is on the right, where no token sees it."""
    import torch

    longest = max(len(prompt) + len(answer) for prompt, answer in batch)
    ids = torch.full((len(batch), longest), pad)
    rows: Ids = []
    places: Ids = []
    wanted: Ids = []
    for row, (prompt, answer) in enumerate(batch):
        ids[row, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
        rows += [row] * len(answer)
        # The state before a token is the one that foretells it.
        places += range(len(prompt) - 1, len(prompt) + len(answer) - 1)
        wanted += answer
    states = model.model(input_ids=ids, use_cache=False).last_hidden_state
    logits = model.lm_head(states[torch.tensor(rows), torch.tensor(places)])
    return torch.nn.functional.cross_entropy(logits, torch.tensor(wanted))
