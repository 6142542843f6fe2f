"""Teacher forcing: a language model reads answers that stand already, and says at each place what it would write.

Prompts are what the model is asked when it writes itself. One that is too long with its answer loses its beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.backends.local.batching import Size, pack
from evalkit.backends.local.encoding import Ids
from evalkit.backends.local.generate import Generate
from evalkit.backends.local.head import NOT_FINITE, Tools
from evalkit.backends.local.projection import Filed, Loaded, describe, loaded
from evalkit.backends.local.states import Forced, last_states
from evalkit.backends.local.tokenwise import compared, followed
from evalkit.backends.reading import ReadingError, TeacherHead
from evalkit.backends.wording import first_line
from evalkit.files import digest_value
from evalkit.types.forced import Answered, Reading

if TYPE_CHECKING:
    import torch

# Batches are compared together up to so many tokens, and so many bytes of hidden states: the output embedding of a
# teacher is read from its files once for all of them.
_MOST_TOKENS, _MOST_BYTES = 4096, 64_000_000

# Its scales are those of all tokens that it is given at once: the whole text where it reads, one where it writes.
ROUNDS = "it rounds its activations as well, so that what it reads at once is not what it would write token by token"

# One text as it is read; None and why not.
_Read = tuple[Forced | None, str | None]
# A text with the teacher's states (None without a teacher) and the student's.
_Held = tuple[Forced, "torch.Tensor | None", "torch.Tensor"]


class LocalReader:
    """A language model here that reads. `load` brings it into memory; `budget` is of padded tokens in a batch, whatever
    it turns out to take at once; `note_splits` hears of batches that were halved for want of memory."""

    def __init__(
        self, tools: Tools, folder: Path, budget: int, load: Callable[[], None], note_splits: Callable[[int], None]
    ) -> None:
        self.tools, self._folder, self._budget = tools, folder, budget
        self._load, self._note_splits = load, note_splits

    @property
    def folder(self) -> Path:
        return self._folder

    def vocabulary(self) -> str:
        return self._vocabulary

    @cached_property
    def _vocabulary(self) -> str:
        return digest_value(self.tools.tokenizer.get_vocab())

    def encoded(self, texts: Sequence[str]) -> list[Ids]:
        given = self.tools.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"] if texts else []
        return [tuple(each) for each in given]

    def batches(self, answered: Sequence[Answered]) -> list[list[int]]:
        sizes = [
            Size(1, len(text.prompt) + len(text.tokens) if text is not None else 1) for text, _ in self._texts(answered)
        ]
        keys = [each.request.key for each in answered]
        return pack(sizes, keys, self._budget)

    def head(self) -> Mapping[str, Any] | str:
        self._load()
        model, special = self.tools.loaded()
        return describe(model, self.tools.kind, special, self._folder)

    def states(self, answered: Sequence[Answered]) -> bytes:
        import torch
        from safetensors.torch import save

        read = [text for text, _ in self._texts(answered)]
        found = iter(self._states([each for each in read if each is not None]))
        # One tensor a text, by its place in the batch; a text that the model cannot read has none.
        held = {str(place): next(found) for place, each in enumerate(read) if each is not None}
        plain = {name: each.to("cpu", copy=True).contiguous() for name, each in held.items()}
        return save(plain or {"": torch.empty(0)})

    def read(
        self, batches: Iterable[tuple[Sequence[Answered], bytes | None]], teacher: TeacherHead | None
    ) -> Iterator[list[Reading]]:
        self._load()
        model, special = self.tools.loaded()
        own = loaded(model, self.tools.kind, special) if self.tools.apart else ROUNDS
        if isinstance(own, str):
            for answered, _ in batches:
                yield [Reading(note=f"the student cannot be read: {own}")] * len(answered)
            return
        other: Filed | None = None
        waiting: list[list[_Held | Reading]] = []
        tokens = size = 0
        for answered, of_teacher in batches:
            rows = self._held(answered, of_teacher)
            waiting.append(rows)
            for each in rows:
                if not isinstance(each, Reading):
                    tokens += len(each[0].tokens)
                    size += sum(part.numel() * part.element_size() for part in each[1:] if part is not None)
                    if teacher is not None and other is None:
                        other = Filed(teacher.folder, teacher.described, each[2].device)
            if tokens >= _MOST_TOKENS or size >= _MOST_BYTES:
                yield from _readings(waiting, own, other)
                waiting, tokens, size = [], 0, 0
        yield from _readings(waiting, own, other)

    # --- one batch ---------------------------------------------------------------------------------

    def _held(self, answered: Sequence[Answered], of_teacher: bytes | None) -> list[_Held | Reading]:
        """Each text with both models' states; a Reading that says why not, where there are none."""
        read = self._texts(answered)
        taught: dict[str, torch.Tensor] | None = None
        if of_teacher is not None:
            from safetensors.torch import load

            taught = load(of_teacher)
        found: list[_Held | Reading] = []
        try:
            states = iter(self._states([text for text, _ in read if text is not None]))
        except ReadingError as error:
            return [Reading(note=f"the student cannot be read: {error}") for _ in read]
        for place, (text, why) in enumerate(read):
            if text is None:
                found.append(Reading(note=why))
                continue
            own = next(states)
            if taught is None:
                found.append((text, None, own))
            elif (given := taught.get(str(place))) is None:
                found.append(Reading(note="the teacher cannot read its own answer again"))
            else:
                found.append((text, given.to(own.device), own))
        return found

    def _states(self, texts: Sequence[Forced]) -> list[torch.Tensor]:
        if not texts:
            return []
        self._load()
        model, special = self.tools.loaded()
        # A teacher's batch may be more than this model takes at once.
        sizes = [Size(1, len(each.prompt) + len(each.tokens)) for each in texts]
        order = pack(sizes, [""] * len(texts), self.tools.budget)
        found: dict[int, torch.Tensor] = {}
        for batch in order:
            try:
                states, splits = last_states(model, self.tools.kind, special, [texts[index] for index in batch])
            except Exception as error:
                raise ReadingError(f"it fails on a text that it is to read: {first_line(error)}") from None
            self._note_splits(splits)
            found.update(zip(batch, states, strict=True))
        return [found[index] for index in range(len(texts))]

    def _texts(self, answered: Sequence[Answered]) -> list[_Read]:
        """Prompts as they are asked, with the answers' tokens; why not, where one does not go into the window."""
        if not answered:
            return []
        try:
            prompts = Generate(self.tools).prompts([each.request for each in answered])
        except ValueError as error:
            if len(answered) == 1:
                return [(None, f"the prompt cannot be read: {first_line(error)}")]
            # What one of them does to its template must not cost the others.
            return [self._texts([each])[0] for each in answered]
        return [self._fitted(prompt, each.tokens) for prompt, each in zip(prompts, answered, strict=True)]

    def _fitted(self, prompt: Ids, tokens: Ids) -> _Read:
        room = self.tools.window
        if self.tools.kind == "seq2seq" or room is None:
            return Forced(prompt, tokens), None
        # The last token is never read.
        room -= len(tokens) - 1
        if room < 1:
            return None, f"the answer does not go into the model's window of {self.tools.window} tokens"
        return Forced(prompt[-room:], tokens), None


def _readings(
    waiting: Sequence[Sequence[_Held | Reading]], own: Loaded, other: Filed | None
) -> Iterator[list[Reading]]:
    """What the models make of these batches, all of whose tokens are compared at once."""
    held = [each for rows in waiting for each in rows if not isinstance(each, Reading)]
    found = iter(_compared(held, own, other) if held else ())
    for rows in waiting:
        yield [each if isinstance(each, Reading) else next(found) for each in rows]


def _compared(held: Sequence[_Held], own: Loaded, other: Filed | None) -> list[Reading]:
    import torch

    lengths = [len(text.tokens) for text, _, _ in held]
    student = torch.cat([each for _, _, each in held])
    tokens = torch.tensor([token for text, _, _ in held for token in text.tokens], device=student.device)
    with torch.inference_mode():
        if other is None:
            same, logprobs = followed(own, student, tokens)
            parts = zip(torch.split(same, lengths), torch.split(logprobs, lengths), strict=True)
            return [_alone(*each) for each in parts]
        taught = torch.cat([each for _, each, _ in held if each is not None])
        rows = compared(other, own, taught, student, tokens)
    return [_beside(*each) for each in zip(*(torch.split(each, lengths) for each in rows), strict=True)]


def _alone(same: torch.Tensor, logprobs: torch.Tensor) -> Reading:
    if not bool(logprobs.isfinite().all()):
        return Reading(note=f"the student cannot be read: {NOT_FINITE}")
    return Reading(same_top=tuple(same.tolist()), student_logprobs=tuple(logprobs.tolist()))


def _beside(
    kl: torch.Tensor, back: torch.Tensor, same: torch.Tensor, teacher: torch.Tensor, student: torch.Tensor
) -> Reading:
    if not all(bool(each.isfinite().all()) for each in (kl, back, teacher, student)):
        return Reading(note=f"not to be compared: {NOT_FINITE}")
    return Reading(
        same_top=tuple(same.tolist()),
        student_logprobs=tuple(student.tolist()),
        teacher_logprobs=tuple(teacher.tolist()),
        kl=tuple(kl.tolist()),
        kl_reverse=tuple(back.tolist()),
    )
