"""What the work takes with nothing around it: loops over the same rows, written for speed, with no evalkit inside.

They keep no cache, check nothing, and answer in bare numbers. What evalkit takes beyond them is its overhead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Padded tokens in one pass: few on a CPU, where what is at hand should stay in its caches.
CPU_TOKENS, GPU_TOKENS = 2048, 16384

Ids = list[int]


def budget(model: Any) -> int:
    return GPU_TOKENS if model.device.type == "cuda" else CPU_TOKENS


def in_batches(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Places of `lengths`, longest first, in batches of at most `most` tokens with their padding."""
    found: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        if found and lengths[found[-1][0]] * (len(found[-1]) + 1) <= most:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def encoded(tokenizer: Any, texts: Sequence[str], choices: Sequence[Sequence[str]]) -> list[tuple[Ids, list[Ids]]]:
    """Each context and, for each of its choices, the tokens that it adds; all encoded in one call."""
    joint = []
    for text, several in zip(texts, choices, strict=True):
        joint += [text, *(text + each for each in several)]
    ids = iter(tokenizer(joint, add_special_tokens=False, return_attention_mask=False)["input_ids"])
    found = []
    for several in choices:
        context = next(ids)
        found.append((context, [next(ids)[len(context) :] for _ in several]))
    return found


def choices_in_trees(
    model: Any, tokenizer: Any, texts: Sequence[str], choices: Sequence[Sequence[str]]
) -> list[list[float]]:
    """Log-likelihoods in nats: the context once, behind it its choices side by side under a mask."""
    import torch

    rows = encoded(tokenizer, texts, choices)
    # The last token of a choice is predicted and never read.
    lengths = [len(context) + sum(len(each) - 1 for each in several) for context, several in rows]
    answers: list[list[float]] = [[] for _ in rows]
    with torch.inference_mode():
        for batch in in_batches(lengths, budget(model)):
            width = max(lengths[row] for row in batch)
            ids = torch.zeros(len(batch), width, dtype=torch.long)
            positions = torch.zeros(len(batch), width, dtype=torch.long)
            seen = torch.zeros(len(batch), 1, width, width, dtype=torch.bool)
            # Padding looks at itself: a row of a mask without any place has no softmax.
            seen.diagonal(dim1=-2, dim2=-1).fill_(True)
            at_rows, at_columns, targets, sizes = [], [], [], []
            for number, row in enumerate(batch):
                context, several = rows[row]
                begun = len(context)
                ids[number, :begun] = torch.tensor(context)
                positions[number, :begun] = torch.arange(begun)
                seen[number, 0, :begun, :begun] = torch.ones(begun, begun, dtype=torch.bool).tril()
                start = begun
                for each in several:
                    stop = start + len(each) - 1
                    if stop > start:
                        ids[number, start:stop] = torch.tensor(each[:-1])
                        positions[number, start:stop] = torch.arange(begun, begun + stop - start)
                        seen[number, 0, start:stop, :begun] = True
                        seen[number, 0, start:stop, start:stop] = torch.ones(
                            stop - start, stop - start, dtype=torch.bool
                        ).tril()
                    at_rows += [number] * len(each)
                    at_columns += [begun - 1, *range(start, stop)]
                    targets += each
                    sizes.append(len(each))
                    start = stop
            hidden = model.model(
                input_ids=ids.to(model.device),
                position_ids=positions.to(model.device),
                attention_mask=seen.to(model.device),
                use_cache=False,
            ).last_hidden_state
            sums = _sums(model, hidden, at_rows, at_columns, targets, sizes)
            for row in batch:
                answers[row] = [next(sums) for _ in rows[row][1]]
    return answers


def choices_in_rows(
    model: Any, tokenizer: Any, texts: Sequence[str], choices: Sequence[Sequence[str]]
) -> list[list[float]]:
    """The same with a row for each choice, context and all: sorted, and logits only where they are needed."""
    import torch

    rows = [
        (number, context, each)
        for number, (context, several) in enumerate(encoded(tokenizer, texts, choices))
        for each in several
    ]
    lengths = [len(context) + len(each) - 1 for _, context, each in rows]
    values = [0.0] * len(rows)
    with torch.inference_mode():
        for batch in in_batches(lengths, budget(model)):
            width = max(lengths[row] for row in batch)
            ids = torch.zeros(len(batch), width, dtype=torch.long)
            mask = torch.zeros(len(batch), width, dtype=torch.long)
            at_rows, at_columns, targets, sizes = [], [], [], []
            for number, row in enumerate(batch):
                _, context, each = rows[row]
                ids[number, : lengths[row]] = torch.tensor(context + each[:-1])
                mask[number, : lengths[row]] = 1
                at_rows += [number] * len(each)
                at_columns += range(len(context) - 1, lengths[row])
                targets += each
                sizes.append(len(each))
            hidden = model.model(
                input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False
            ).last_hidden_state
            for row, value in zip(batch, _sums(model, hidden, at_rows, at_columns, targets, sizes), strict=True):
                values[row] = value
    answers: list[list[float]] = [[] for _ in texts]
    for (number, _, _), value in zip(rows, values, strict=True):
        answers[number].append(value)
    return answers


def _sums(model: Any, hidden: Any, rows: list[int], columns: list[int], targets: list[int], sizes: list[int]) -> Any:
    """An iterator over the summed log-probabilities of stretches of `targets`, `sizes` long each."""
    import torch

    # Some places are wanted by several choices: their logits are made once.
    width = hidden.shape[1]
    places, where = torch.unique(
        torch.tensor([row * width + column for row, column in zip(rows, columns, strict=True)]), return_inverse=True
    )
    logits = model.lm_head(hidden.flatten(0, 1)[places.to(hidden.device)]).float()
    where, wanted = where.to(logits.device), torch.tensor(targets, device=logits.device)
    found = logits[where, wanted] - logits.logsumexp(-1)[where]
    return iter([float(part.sum()) for part in torch.split(found.cpu().double(), sizes)])


def classes(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[list[float]]:
    """Probabilities of all classes, in the model's order: sorted by length, as many as fit."""
    import torch

    rows = tokenizer(list(texts), return_attention_mask=False)["input_ids"]
    found: list[list[float]] = [[] for _ in rows]
    with torch.inference_mode():
        for batch in in_batches([len(each) for each in rows], budget(model)):
            given = tokenizer.pad({"input_ids": [rows[row] for row in batch]}, return_tensors="pt").to(model.device)
            for row, probs in zip(batch, model(**given).logits.double().softmax(-1).cpu().tolist(), strict=True):
                found[row] = probs
    return found


def texts(model: Any, tokenizer: Any, given: Sequence[str], batches: Sequence[Sequence[int]], tokens: int) -> list[str]:
    """What the `generate` of transformers writes, greedily, in these batches: padded on the left."""
    import torch
    import transformers

    settings = transformers.GenerationConfig(
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    found = [""] * len(given)
    with torch.inference_mode():
        for batch in batches:
            rows = tokenizer([given[row] for row in batch], padding=True, padding_side="left", return_tensors="pt").to(
                model.device
            )
            made = model.generate(**rows, generation_config=settings)[:, rows["input_ids"].shape[1] :]
            for row, text in zip(batch, tokenizer.batch_decode(made, skip_special_tokens=True), strict=True):
                found[row] = text
    return found


def by_length(tokenizer: Any, given: Sequence[str], rows: int) -> list[list[int]]:
    """Batches of `rows` texts each, the longest first."""
    lengths = [len(each) for each in tokenizer(list(given))["input_ids"]]
    order = sorted(range(len(given)), key=lambda each: -lengths[each])
    return [order[start : start + rows] for start in range(0, len(order), rows)]


class Products:
    """The two matrix products of a KL pass and nothing else: chunks of states with both output embeddings.

    Buffers are made once. `words` at a time: all of the vocabulary, or stretches of it that stay in a CPU's cache.
    """

    def __init__(self, teacher: Any, student: Any, rows: int, words: int) -> None:
        import torch

        self.weights, self.rows, self.words = (teacher, student), rows, words
        self.buffers = [torch.empty(rows, words, device=each.device, dtype=each.dtype) for each in self.weights]

    def __call__(self, teacher: Any, student: Any) -> None:
        import torch

        count, vocabulary = len(teacher), len(self.weights[0])
        with torch.inference_mode():
            for start in range(0, vocabulary, self.words):
                stop = min(vocabulary, start + self.words)
                for first in range(0, count, self.rows):
                    last = min(count, first + self.rows)
                    for states, weight, buffer in zip((teacher, student), self.weights, self.buffers, strict=True):
                        torch.mm(
                            states[first:last],
                            weight[start:stop].T,
                            out=buffer.view(-1)[: (last - first) * (stop - start)].view(last - first, stop - start),
                        )


def divergences(teacher: Any, student: Any, teacher_states: Any, student_states: Any) -> list[float]:
    """KL(teacher ‖ student) in nats at each place, from all logits at once, in float64: what the others must equal."""
    import torch

    with torch.inference_mode():
        one = (teacher_states.double() @ teacher.double().T).log_softmax(-1)
        other = (student_states.double() @ student.double().T).log_softmax(-1)
        return [float(each) for each in (one.exp() * (one - other)).sum(-1)]
