"""`evalkit demo`: a teacher and three students in a few minutes on a CPU, and what the gate says of each.

    suites → teacher → students → gates → verdicts

A tiny language model learns to file mails and to refuse what it should refuse. Three students are distilled from its
answers: one from all of them, one without the mails of two rare categories, one without the refusals. The gate should
pass the first, fail the second on quality and the third on safety, and the demo checks that it does.

The suites are written by a grammar that shares no phrasing with the lessons. All is drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from evalkit.demo import folder, outcome
from evalkit.demo.lessons import Lesson, lessons
from evalkit.demo.sizes import FULL, Sizes
from evalkit.demo.students import STUDENTS, TEACHER, Student
from evalkit.demo.suites import TEMPLATES, write_suites
from evalkit.environment import Environment
from evalkit.errors import BrokenError, RecordError
from evalkit.files import told, write_whole

Say = Callable[[str], None]
# A line of progress every so many steps.
_LINE_EVERY = 100


@dataclass(frozen=True, kw_only=True)
class Told:
    """How the demo ended: what to print, and each verdict that is not the one it promises."""

    text: str
    surprises: tuple[str, ...]


def demo(out: Path, *, seed: int, env: Environment, say: Say, sizes: Sizes = FULL) -> Told:
    """Write suites, train, distil, gate three times. `say` gets lines of progress, `env.progress` that of the gates.

    Raises UsageError where `out` is no place for it, BrokenError where the disk fails or the teacher has trained badly.
    Interrupted, it goes on where it stopped: models that are finished are kept.
    """
    folder.claim(out, seed, sizes)
    try:
        write_suites(out / "suites", seed, sizes)
        _write_plans(out, seed)
        # The gates run as the training does, so that the same models give the same answers.
        from evalkit.demo.training import steady

        with steady():
            _train(out / "models", seed, sizes, say)
            ended = {each.name: _gated(out, each, env, say) for each in STUDENTS}
        surprises = outcome.surprises(ended)
        if not surprises:
            folder.finish(out, seed, sizes)
    except OSError as error:
        raise BrokenError(f"the demo in {out} cannot be written: {told(error)}") from None
    return Told(text=outcome.told(ended, out), surprises=tuple(surprises))


def _write_plans(out: Path, seed: int) -> None:
    """The policy, and a plan for each student."""
    write_whole(out / "policy.yaml", (TEMPLATES / "policy.yaml").read_text(encoding="utf-8"))
    template = (TEMPLATES / "plan.yaml").read_text(encoding="utf-8")
    for each in STUDENTS:
        text = template.replace("ABOUT", each.about).replace("STUDENT", each.name).replace("SEED", str(seed))
        write_whole(out / f"{each.name}.yaml", text)


# --- training ----------------------------------------------------------------------------------------


def _train(models: Path, seed: int, sizes: Sizes, say: Say) -> None:
    """Whatever of the four models is not there yet."""
    missing = [each for each in STUDENTS if not (models / each.name).is_dir()]
    if not missing and (models / TEACHER).is_dir():
        say("the models are there already")
        return
    every = lessons(sizes.lesson_mails, sizes.lesson_pairs, seed)
    known, unseen = every[: -sizes.held_out], every[-sizes.held_out :]
    folder.kept(models / TEACHER, lambda place: _make_teacher(place, known, unseen, seed, sizes, say))
    if not missing:
        return
    model, tokenizer = _loaded(models / TEACHER)
    heard = _answered(model, tokenizer, known[: sizes.distilled], say)
    for number, student in enumerate(missing, 1):
        taught = [each for each in heard if student.is_taught(each)]
        say(f"student {number} of {len(missing)}, {student.name}: {len(taught)} of {len(heard)} answers to learn from")
        make = partial(
            _make_student, student=student, taught=taught, teacher=model, tokenizer=tokenizer, seed=seed, sizes=sizes
        )
        folder.kept(models / student.name, partial(make, say=say))


def _make_teacher(place: Path, known: list[Lesson], unseen: list[Lesson], seed: int, sizes: Sizes, say: Say) -> None:
    from evalkit.demo.training import new_model, teach, train_tokenizer

    tokenizer = train_tokenizer(known, sizes.vocabulary)
    model = new_model(tokenizer, sizes.teacher, seed)
    say(f"the teacher has {model.num_parameters():,} parameters and {len(known):,} lessons to learn from")
    teach(model, tokenizer, known, sizes.teacher_course, seed, _lines("teaching the teacher", say))
    _examine(model, tokenizer, unseen, sizes, say)
    _save(model, tokenizer, place)


def _examine(model: Any, tokenizer: Any, unseen: list[Lesson], sizes: Sizes, say: Say) -> None:
    """Raises BrokenError for a teacher that answers lessons of its own kind badly: nothing that is distilled from it
    would show anything."""
    from evalkit.demo.training import answers

    written = answers(model, tokenizer, [each.prompt for each in unseen])
    right: dict[str, list[bool]] = {"files mails": [], "refuses": [], "complies": []}
    for lesson, answer in zip(unseen, written, strict=True):
        what = {"refuse": "refuses", "comply": "complies"}.get(lesson.subject, "files mails")
        right[what].append(answer == lesson.answer)
    shares = {what: sum(each) / len(each) if each else 0.0 for what, each in right.items()}
    shown = ", ".join(f"{what} {share:.0%}" for what, share in shares.items())
    say(f"the teacher on {len(unseen)} lessons that it has not seen: {shown} right")
    least = dict(zip(right, (sizes.least_filed, sizes.least_refused, sizes.least_complied), strict=True))
    if any(shares[what] < share for what, share in least.items()):
        wanted = ", ".join(f"{what} {share:.0%}" for what, share in least.items())
        raise BrokenError(
            f"the teacher has trained badly ({shown} right; at least {wanted} is needed): there is nothing to "
            "distil and no verdict; try another --seed, into another folder"
        )


def _answered(model: Any, tokenizer: Any, asked: list[Lesson], say: Say) -> list[Lesson]:
    """The lessons with the teacher's own answers in place of the right ones."""
    from evalkit.demo.training import answers

    say(f"the teacher answers {len(asked):,} prompts for its students")
    written = answers(model, tokenizer, [each.prompt for each in asked])
    return [replace(each, answer=answer) for each, answer in zip(asked, written, strict=True)]


def _make_student(
    place: Path,
    *,
    student: Student,
    taught: list[Lesson],
    teacher: Any,
    tokenizer: Any,
    seed: int,
    sizes: Sizes,
    say: Say,
) -> None:
    from evalkit.demo.training import shortened, teach

    model = shortened(teacher, sizes.student_layers)
    teach(model, tokenizer, taught, sizes.student_course, seed + 1, _lines(f"teaching {student.name}", say))
    _save(model, tokenizer, place)


def _lines(what: str, say: Say) -> Callable[[int, int, float], None]:
    """Says every so often how far the training is and what the loss was since the last time."""
    losses: list[float] = []

    def heard(step: int, steps: int, loss: float) -> None:
        losses.append(loss)
        if step % _LINE_EVERY == 0 or step == steps:
            say(f"{what}: step {step} of {steps}, loss {sum(losses) / len(losses):.3f}")
            losses.clear()

    return heard


def _save(model: Any, tokenizer: Any, place: Path) -> None:
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)


def _loaded(place: Path) -> tuple[Any, Any]:
    """A model of the demo and its tokenizer, read from the disk: a resumed demo has no other."""
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(place, local_files_only=True)
    return model, transformers.AutoTokenizer.from_pretrained(place, local_files_only=True)


# --- gating ------------------------------------------------------------------------------------------


def _gated(out: Path, student: Student, env: Environment, say: Say) -> outcome.Ended:
    """The verdict on a student: of its run where that is finished, else of a new one."""
    from evalkit.pipeline import gate
    from evalkit.plan import Overrides, load_plan
    from evalkit.store import read_verdict

    run = out / "runs" / student.name
    if (run / "manifest.json").is_file():
        try:
            return outcome.Ended(verdict=read_verdict(run), run=run)
        except RecordError as error:
            raise BrokenError(f"{error}; delete {run} and run the same command again") from None
    say(f"gating {student.name}")
    told_whose = replace(env, progress=lambda what, done, total: env.progress(f"{student.name}: {what}", done, total))
    plan = load_plan(out / f"{student.name}.yaml", Overrides())
    finished = gate(plan, run, out / ".cache", told_whose)
    return outcome.Ended(verdict=finished.verdict, run=run)
