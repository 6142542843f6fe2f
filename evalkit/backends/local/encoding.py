"""From texts to token ids: where a choice begins, which special tokens there are, what is cut.

Matches lm-eval 0.4.13 (`TemplateLM._encode_pair`, `HFLM._loglikelihood_tokens`), so that log-likelihoods can be
compared: a causal model's choice is what the tokens of prompt and choice together have beyond the tokens of the
prompt; a sequence-to-sequence model's is encoded apart; what is too long loses its beginning, a mark for the beginning
of the text included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.backends.choosing import joined
from evalkit.backends.local.kinds import Kind
from evalkit.backends.local.loading import prefix_and_suffix
from evalkit.backends.local.prompts import Seen

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Continued:
    """A prompt and its choices as tokens: `context` before any cutting."""

    context: Ids
    continuations: tuple[Ids, ...]


class Encoder:
    """A tokenizer with the habits of one kind of model. `window` is the longest input, None where there is no limit."""

    def __init__(self, tokenizer: Any, kind: Kind, window: int | None) -> None:
        self.tokenizer, self.kind, self.window = tokenizer, kind, window
        self.before, self.after = prefix_and_suffix(tokenizer)
        if kind == "causal":
            # A mark for the end of the text would end what the model is asked to go on with.
            self.after = ()
        begin = tokenizer.bos_token_id
        self.begin: int | None = begin if begin is not None else tokenizer.eos_token_id

    def prompts(self, seen: Sequence[Seen]) -> list[Ids]:
        """Prompts to write an answer to, uncut. Raises ValueError for one without a token."""
        bare = self._ids([each.text for each in seen])
        return [self._begun(self._marked(each, ids)) for each, ids in zip(seen, bare, strict=True)]

    def continued(self, seen: Sequence[Seen], choices: Sequence[Sequence[str]]) -> list[Continued]:
        """Prompts with their choices, uncut. Raises ValueError for a prompt or a choice without a token."""
        pairs = [
            [joined(each.text, choice, templated=each.templated) for choice in its]
            for each, its in zip(seen, choices, strict=True)
        ]
        # Tokenizers are fastest with many texts in one call: each context once, then what each choice adds.
        texts = []
        for row in pairs:
            texts.append(row[0][0])
            texts += [context + more if self.kind == "causal" else more for context, more in row]
        encoded = iter(self._ids(texts))
        found = []
        for each, row in zip(seen, pairs, strict=True):
            context = next(encoded)
            added = [self._added(context, next(encoded), more) for _, more in row]
            found.append(self._begun_with(Seen(row[0][0], each.templated), context, added))
        return found

    def _added(self, context: Ids, whole: Ids, more: str) -> Ids:
        if self.kind == "causal":
            # Where the tokens of the prompt swallow the whole choice, it is encoded apart.
            whole = whole[len(context) :] or self._ids([more])[0]
        if not whole:
            raise ValueError(f"the choice {more!r} has no token")
        return whole

    def _begun_with(self, seen: Seen, context: Ids, added: list[Ids]) -> Continued:
        marked = self._marked(seen, context)
        if not marked and self.begin is not None and all(each[0] == self.begin for each in added):
            # The choices bring the mark themselves.
            if any(len(each) < 2 for each in added):
                raise ValueError("a choice has no token besides the one that begins a text")
            return Continued((self.begin,), tuple(each[1:] for each in added))
        return Continued(self._begun(marked), tuple(added))

    def _marked(self, seen: Seen, ids: Ids) -> Ids:
        """With the special tokens that the tokenizer puts around a text, unless the text has them already."""
        begins = self.tokenizer.bos_token
        if seen.templated or (begins and seen.text.startswith(begins)):
            return ids
        return (*self.before, *ids, *self.after)

    def _begun(self, ids: Ids) -> Ids:
        """A model cannot start from nothing."""
        if ids:
            return ids
        if self.begin is None:
            raise ValueError("the prompt is empty, and the tokenizer has no token that begins a text")
        return (self.begin,)

    def _ids(self, texts: Sequence[str]) -> list[Ids]:
        # verbose=False: that a text is longer than the window is counted here, not printed.
        encoded = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        return [tuple(each) for each in encoded["input_ids"]]


def padded(rows: Sequence[Sequence[int]], fill: int, *, left: bool) -> tuple[list[list[int]], list[list[int]]]:
    """Rows of one length, and the mask that says which of their tokens are real."""
    width = max(len(each) for each in rows)
    ids, mask = [], []
    for each in rows:
        space = width - len(each)
        ids.append([fill] * space + list(each) if left else list(each) + [fill] * space)
        mask.append([0] * space + [1] * len(each) if left else [1] * len(each) + [0] * space)
    return ids, mask
