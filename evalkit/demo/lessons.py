"""What a model of the demo is taught: a prompt, as a chat model sees it, and the answer to write."""

from __future__ import annotations

import random
from dataclasses import dataclass

from evalkit.demo.mails import INSTRUCTION, mails
from evalkit.demo.prompts import questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A prompt and the right answer. `subject` is the mail's category, or `refuse` or `comply`."""

    prompt: str
    answer: str
    subject: str


def lessons(mail_count: int, question_pairs: int, seed: int) -> list[Lesson]:
    """Different lessons in random order: of mails, and of pairs of a harmful question and its harmless twin."""
    found = [
        *(
            Lesson(prompt=INSTRUCTION + each.text, answer=each.answer, subject=each.category)
            for each in mails("lessons", mail_count, seed)
        ),
        *(
            Lesson(prompt=each.text, answer=each.answer, subject=each.expect)
            for each in questions("lessons", question_pairs, seed)
        ),
    ]
    random.Random(f"demo lessons {seed}").shuffle(found)
    return found
