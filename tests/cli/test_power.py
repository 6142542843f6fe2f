"""`evalkit power` on the command line: options that go together, suites, and finished runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import beta

from tests.cli import project
from tests.cli.project import criteria, evalkit


def asked(*arguments: str | Path) -> dict[str, Any]:
    ended = evalkit("power", *arguments, "--json")
    assert ended.code == 0, ended.err
    read: dict[str, Any] = json.loads(ended.out)
    return read


def refused(*arguments: str | Path) -> str:
    ended = evalkit("power", *arguments)
    assert ended.code == 2, ended.out
    return ended.err


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 300 examples: 18 lost, 12 gained, the teacher right on 285."""
    root = tmp_path_factory.mktemp("pilot")
    plan = project.project(
        root,
        n=300,
        teacher_errs=lambda index: index % 20 == 0,
        student_errs=lambda index: index % 20 == 1 or index % 50 == 0,
        policy=criteria(
            {"metric": "accuracy.difference", "at_least": -0.08},
            {"metric": "accuracy.retention", "at_least": 0.9},
            {"metric": "accuracy.difference", "at_least": -0.2, "slice": "language=de"},
            {"metric": "accuracy.difference", "at_least": -0.3, "by": "value"},
        ),
    )
    assert evalkit("gate", plan, "--out", root / "run", "--cache", root / "cache").code != 2
    return root / "run"


@pytest.fixture
def pilot(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(finished.parent)
    return finished


# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--margin", "0.1", "--min-retention", "0.9"], "--margin and --min-retention are two ways"),
        (["--min-retention", "0.9"], "give --teacher-accuracy"),
        (["--margin", "0.1", "--teacher-accuracy", "0.9"], "changes nothing without --min-retention"),
        (["--margin", "0.1", "--icc", "0.2"], "give --group-size and --icc"),
        (["--margin", "0.1", "--group-size", "4"], "give --group-size and --icc"),
        (["--suite", "support-intents", "--group-size", "4"], "how large its groups are"),
        (["--suite", "safety", "--min-retention", "0.9", "--teacher-accuracy", "0.8"], "is a safety-refusal suite"),
        (["--suite", "safety", "--difference", "-0.01"], "is a safety-refusal suite"),
        (["--suite", "safety", "--icc", "0.5"], "no groups of examples for --icc"),
        (["run", "--discordance", "0.2", "--icc", "0.1"], "the run says itself what --discordance and --icc"),
        (["--n", "6000000"], "--n"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_options_that_contradict_each_other_are_told(arguments: list[str], said: str) -> None:
    assert said in " ".join(refused(*arguments).split())


def test_all_contradictions_are_told_at_once() -> None:
    said = refused("--margin", "0.1", "--min-retention", "0.9", "--icc", "0.2")
    assert said.count("error: ") == 3


def test_groups_on_the_command_line_cost_examples() -> None:
    plain, grouped = asked("--margin", "0.05"), asked("--margin", "0.05", "--group-size", "3", "--icc", "0.5")
    assert grouped["examples_needed"] == pytest.approx(2 * plain["examples_needed"], rel=0.05)
    assert grouped["groups_needed"] * 3 >= grouped["examples_needed"]


# --- suites -------------------------------------------------------------------------------------------


def test_a_suite_knows_its_groups(tmp_path: Path) -> None:
    rows = [{**row, "thread": f"t{index // 3}"} for index, row in enumerate(project.examples(90))]
    columns = {"id": "id", "input": "text", "target": "intent", "group": "thread"}
    folder = project.suite(tmp_path, rows=rows, columns=columns)
    plain = evalkit("power", "--suite", folder)
    assert "They come in 30 groups: if the examples of a group always fare alike, they count as 30" in plain.out
    told = asked("--suite", folder, "--icc", "0.4")
    groups = told["groups"]
    assert (groups["size"], groups["icc"], groups["examples"]) == (3.0, 0.4, 90)
    assert groups["design_effect"] == pytest.approx(1.8)
    assert 40 <= groups["independent"] < 90 / 1.8
    assert told["minimum_detectable_drop"] > asked("--suite", folder)["minimum_detectable_drop"]


def test_n_beside_a_suite_asks_as_if_it_had_so_many(tmp_path: Path) -> None:
    folder = project.suite(tmp_path, n=30)
    assert asked("--suite", folder, "--n", "500")["n"] == 500
    assert evalkit("power", "--suite", folder, "--n", "500").out == evalkit("power", "--n", "500").out


def test_n_beside_a_safety_suite_is_that_of_each_half() -> None:
    told = asked("--suite", "safety", "--n", "1000")
    assert (told["harmful"], told["benign"]) == (1000, 1000)
    assert told["allowed"] == {"0.02": 12, "0.01": 4}
    assert "refuses all 1000 harmful prompts" in evalkit("power", "--suite", "safety", "--n", "1000").out


# --- finished runs ------------------------------------------------------------------------------------


def test_a_run_says_how_often_its_models_differ_and_its_policy_what_is_to_be_shown(pilot: Path) -> None:
    (told,) = asked(pilot)["suites"]
    learnt = told["pilot"]
    assert (learnt["n"], learnt["differing"], learnt["groups"]) == (300, 30, None)
    assert learnt["discordance"] == pytest.approx(0.1)
    assert learnt["difference"] == pytest.approx(-0.02)
    assert learnt["teacher_accuracy"] == pytest.approx(285 / 300)
    assert learnt["discordance_high"] == pytest.approx(beta.ppf(0.95, 31, 270))
    assert [(each["margin"], each["min_retention"]) for each in told["targets"]] == [(0.08, None), (None, 0.9)]
    assert all(each["examples_needed_high"] > each["examples_needed"] for each in told["targets"])


def test_a_run_and_the_same_assumptions_give_the_same_numbers(pilot: Path) -> None:
    (told,) = asked(pilot)["suites"]
    by_hand = asked("--margin", "0.08", "--discordance", "0.1", "--difference", "-0.02", "--n", "300")
    (drop, ratio) = told["targets"]
    assert drop["examples_needed"] == by_hand["examples_needed"]
    assert drop["power_at_n"] == pytest.approx(by_hand["power_at_n"], abs=1e-6)
    assert told["minimum_detectable_drop"] == pytest.approx(by_hand["minimum_detectable_drop"], rel=1e-3)
    kept = ("--min-retention", "0.9", "--teacher-accuracy", "0.95", "--discordance", "0.1", "--difference", "-0.02")
    assert ratio["examples_needed"] == asked(*kept)["examples_needed"]


def test_a_run_is_told_in_plain_words(pilot: Path) -> None:
    said = evalkit("power", pilot).out
    assert "intents: on 30 of 300 examples exactly one model was right (10%; up to 13.3% is not excluded)" in said
    assert "a student that truly loses 0.0200 is shown 80% of the time to lose less than 0.08" in said
    assert "is shown 80% of the time to keep more than 0.9 of the teacher's accuracy" in said
    assert "300 examples can rule out a drop of" in said


def test_the_runs_own_number_is_named_beside_the_exact_one(pilot: Path) -> None:
    (told,) = asked(pilot)["suites"]
    own = project.metrics(pilot)["accuracy.minimum_detectable_drop"]["estimate"]["value"]
    assert told["in_reasons"] == own
    assert told["minimum_detectable_drop"] < own
    said = evalkit("power", pilot).out
    assert f"(the run's reasons say {100 * own:.1f} pts: an approximation that takes half an example more" in said
    (reason, *_) = (each["reason"] for each in project.verdict(pilot)["criteria"])
    assert f"can rule out a drop of {100 * own:.1f} pts or more" in reason
    # Of other numbers or another level the run says nothing.
    for other in (("--n", "500"), ("--level", "0.9"), ("--power", "0.9")):
        assert asked(pilot, *other)["suites"][0]["in_reasons"] is None


def test_slices_that_the_policy_bounds_are_planned_for_by_themselves(pilot: Path) -> None:
    (told,) = asked(pilot)["suites"]
    (german,) = told["slices"]
    assert german["slice"] == "language=de"
    # Of the odd examples 15 are the student's slips; those of the teacher are even.
    assert (german["pilot"]["n"], german["pilot"]["differing"]) == (150, 15)
    assert german["pilot"]["difference"] == pytest.approx(-0.1)
    assert [(each["margin"], each["min_retention"]) for each in german["targets"]] == [(0.2, None)]
    by_hand = asked("--margin", "0.2", "--discordance", "0.1", "--difference", "-0.1", "--n", "150")
    assert german["targets"][0]["examples_needed"] == by_hand["examples_needed"]
    said = evalkit("power", pilot).out
    assert "language=de: on 15 of its 150 examples exactly one model was right. With about" in said
    # A margin or a number of examples on the command line is about the whole suite.
    assert asked(pilot, "--margin", "0.1")["suites"][0]["slices"] == []


def test_of_many_slices_the_open_ones_come_first_and_the_rest_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rule = {"metric": "accuracy.difference", "at_least": -0.3, "each_slice": {"by": ["part"]}}
    plan = project.project(
        tmp_path, n=300, teacher_errs=lambda index: False, student_errs=lambda index: index % 60 == 7,
        policy=criteria(rule),
    )  # fmt: skip
    rows = [{**row, "part": f"p{index % 15:02}"} for index, row in enumerate(project.examples(300))]
    columns = {"id": "id", "input": "text", "target": "intent", "slices": ["part"]}
    project.suite(tmp_path, rows=rows, columns=columns)
    assert evalkit("gate", plan, "--out", "run").code != 2
    (told,) = asked("run")["suites"]
    assert told["slices"][0]["slice"] == "part=p07"
    assert (len(told["slices"]), told["slices_left_out"]) == (12, 3)
    assert "3 more slices that the policy bounds are not planned for" in evalkit("power", "run").out


def test_a_suite_that_ships_is_found_by_its_name_and_not_by_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused("--suite", "suites/support-intents")
    assert "support-intents comes with evalkit: name it without a folder" in said
    assert "there is no file suites/support-intent" in refused("--suite", "suites/support-intent")
    project.suite(tmp_path, "support-intents", n=30)
    assert asked("--suite", "suites/support-intents")["n"] == 30


def test_fewer_groups_than_an_interval_needs_are_told(tmp_path: Path) -> None:
    rows = [{**row, "thread": f"t{index % 19}"} for index, row in enumerate(project.examples(90))]
    columns = {"id": "id", "input": "text", "target": "intent", "group": "thread"}
    folder = project.suite(tmp_path, rows=rows, columns=columns)
    few = "90 examples come in 19 groups, and an interval over groups needs 20: no criterion on accuracy"
    assert evalkit("power", "--suite", folder).out.startswith(few)
    assert asked("--suite", folder)["minimum_detectable_drop"] == 1
    assert few in evalkit("power", "--suite", folder, "--icc", "0.1").out
    with_margin = evalkit("power", "--suite", folder, "--icc", "0.1", "--margin", "0.1").out
    assert "With 90 examples such a student passes 0.0% of the time." in with_margin
    assert few in with_margin
    assert asked("--suite", folder, "--margin", "0.1")["power_at_n"] == 0


def test_large_numbers_are_written_out() -> None:
    said = evalkit("power", "--margin", "0.02", "--group-size", "1234", "--icc", "0.1").out
    assert "In groups of 1,234 whose examples" in said
    assert "e+0" not in said


def test_the_command_line_comes_before_the_run(pilot: Path) -> None:
    (told,) = asked(pilot, "--margin", "0.03", "--difference", "0", "--n", "1000")["suites"]
    assert told["n"] == 1000
    assert [each["margin"] for each in told["targets"]] == [0.03]
    assert told["difference"] == 0
    assert (
        "an equally good student is shown 80% of the time to lose less than 0.03"
        in evalkit("power", pilot, "--margin", "0.03", "--difference", "0").out
    )
    assert asked(pilot, "--level", "0.99")["level"] == 0.99
    assert asked(pilot)["level"] == 0.95


def test_a_loss_beyond_the_margin_is_never_shown_to_be_allowed(pilot: Path) -> None:
    (told,) = asked(pilot, "--margin", "0.005")["suites"]
    assert told["targets"][0]["examples_needed"] is None
    assert (
        "No number of examples shows a student that truly loses 0.0200 to lose less than 0.005."
        in evalkit("power", pilot, "--margin", "0.005").out
    )


def test_a_run_without_a_policy_needs_a_margin(pilot: Path) -> None:
    assert evalkit("audit", "--out", "audit").code == 0
    assert "give --margin or --min-retention" in refused("audit")
    assert len(asked("audit", "--margin", "0.05")["suites"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no run directory"),
        (["run", "--suite", "intent"], "intents"),
        (["run", "--power", "0.05"], "luck"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_cannot_be_learnt_is_told(pilot: Path, arguments: list[str], said: str) -> None:
    ended = evalkit("power", *arguments)
    assert ended.code != 0
    assert said in ended.err


def test_a_run_over_groups_says_how_alike_they_fare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Threads of three that are lost or kept as one.
    project.project(tmp_path, n=300, student_errs=lambda index: index % 20 == 0 or index // 3 % 11 == 5)
    rows = [{**row, "thread": f"t{index // 3}"} for index, row in enumerate(project.examples(300))]
    project.suite(tmp_path, rows=rows, columns={"id": "id", "input": "text", "target": "intent", "group": "thread"})
    evalkit("gate", "--out", "run")
    (told,) = asked("run", "--margin", "0.2")["suites"]
    learnt = told["pilot"]
    assert learnt["groups"] == 100
    assert 0.8 < learnt["icc"] <= 1
    assert learnt["design_effect"] == pytest.approx(1 + 2 * learnt["icc"])
    alone = asked(
        "--margin", "0.2", "--discordance", f"{learnt['discordance']}", "--difference", f"{learnt['difference']}"
    )
    assert told["targets"][0]["examples_needed"] > 2 * alone["examples_needed"]
    assert "examples count as one" in evalkit("power", "run", "--margin", "0.2").out


def test_refusals_are_learnt_from_what_the_teacher_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"id": f"{half}{index}", "text": f"{half} {index}", "expect": half}
        for half, count in (("refuse", 60), ("comply", 50))
        for index in range(count)
    ]
    suite = {"kind": "safety-refusal", "task": "generate", "labels": None, "columns": {"id": "id", "input": "text"}}
    suite["columns"]["expect"] = "expect"  # type: ignore[index]
    project.suite(tmp_path, "intents", rows=rows, **suite)

    def said(slips: int) -> list[dict[str, str]]:
        no, yes = "I'm sorry, but I can't help with that.", "Sure. First take a bowl, then add the flour and stir."
        return [
            {"id": row["id"], "text": no if row["expect"] == "refuse" and at >= slips else yes}
            for at, row in enumerate(rows)
        ]

    project.lines(tmp_path / "teacher.jsonl", said(10))
    project.lines(tmp_path / "student.jsonl", said(10))
    rule = {"metric": "safety.newly_unsafe.rate", "at_most": 0.06}
    project.dump(tmp_path / "policy.yaml", criteria(rule))
    project.plan(tmp_path)
    assert evalkit("gate", "--out", "run").code == 0
    (told,) = asked("run")["suites"]
    assert (told["harmful"], told["benign"]) == (50, 50)
    assert told["allowed"] == {"0.06": 0}
    assert "intents: if the teacher refuses as here 50 harmful prompts" in evalkit("power", "run").out
    assert "nothing is retained" in refused("run", "--min-retention", "0.9")


def test_power_loads_neither_torch_nor_the_statistics_of_scipy(pilot: Path) -> None:
    command = (
        "import sys; from evalkit.cli import app; "
        f"app.main(['power', {str(pilot)!r}], standalone_mode=False); "
        "print(sorted(each for each in ('torch', 'transformers', 'scipy.stats') if each in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
