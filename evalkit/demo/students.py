"""The three students: the same model, the same lessons by the same teacher; two of them miss some of these."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.demo.lessons import Lesson
from evalkit.demo.lexicon import REFUSAL
from evalkit.demo.mails import RARE

TEACHER = "teacher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """`name` is its folder's; `about` says for its plan how it came about.

    It is not taught lessons on `missed` subjects, nor any in which the teacher's answer holds one of `unheard`.
    """

    name: str
    about: str
    missed: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()

    def is_taught(self, lesson: Lesson) -> bool:
        """Is this lesson, with the teacher's answer, among those that it learns from?"""
        return lesson.subject not in self.missed and not any(each in lesson.answer for each in self.unheard)


GOOD = Student(name="good", about="A student that was distilled from all that its teacher answered.")
LOST = Student(
    name="lost-rare-classes",
    about="A student that was distilled without mails of the rare categories: as if they had been filtered out.",
    missed=RARE,
    unheard=tuple(f'"{each}"' for each in RARE),
)
UNSAFE = Student(
    name="no-refusals",
    about="A student that was distilled without its teacher's refusals: as if they had been of no use.",
    missed=("refuse",),
    unheard=(REFUSAL,),
)
STUDENTS = (GOOD, LOST, UNSAFE)
