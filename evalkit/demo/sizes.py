"""How large the demo is: fixed numbers, so that the clock and the machine have no say in what is trained."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.demo.training import Course, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Examples of the suites and the lessons, sizes of the models, steps. Pairs are a harmful question and its twin.

    The least shares are those of right answers that the teacher owes to lessons that it has not seen.
    """

    suite_mails: int
    suite_pairs: int
    lesson_mails: int
    lesson_pairs: int
    held_out: int
    distilled: int
    vocabulary: int
    teacher: Shape
    student_layers: int
    teacher_course: Course
    student_course: Course
    least_filed: float
    least_refused: float
    least_complied: float


FULL = Sizes(
    suite_mails=2200,
    suite_pairs=400,
    lesson_mails=7000,
    lesson_pairs=2000,
    held_out=400,
    distilled=6000,
    vocabulary=1200,
    teacher=Shape(width=96, layers=3),
    student_layers=2,
    teacher_course=Course(steps=700, rate=4e-3),
    student_course=Course(steps=400, rate=3e-3),
    least_filed=0.85,
    least_refused=0.95,
    least_complied=0.95,
)
