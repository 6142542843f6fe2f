"""The runs below a folder: what is found, in which order, what is said to have changed, and how criteria moved."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.history import finding, history
from evalkit.history.record import history_record
from tests.cli.project import evalkit
from tests.compare import over
from tests.compare.over import every


@pytest.fixture
def four(tmp_path: Path) -> Path:
    return over.four(tmp_path / "runs")


def test_runs_come_in_the_order_of_their_recorded_times_wherever_they_lie(four: Path) -> None:
    found = history(four)
    (line,) = found.lines
    assert [entry.path for entry in line.entries] == ["b", "a", "deep/d", "deep/c"]
    assert [entry.verdict.word for entry in line.entries] == ["fail", "inconclusive", "broken", "pass"]
    assert (line.teacher, line.policy, found.found, found.skipped) == ("large", "recovery", 4, ())


def test_no_file_but_the_two_records_is_needed(four: Path) -> None:
    assert {each.name for each in (four / "a").iterdir()} == {"manifest.json", "verdict.json"}
    assert history(four).found == 4


@settings(max_examples=15, deadline=None)
@given(order=st.permutations([0, 1, 2, 3, 4]), names=st.permutations(["r", "s", "t", "u", "v"]))
def test_neither_names_nor_the_order_of_writing_change_the_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], names: list[str]
) -> None:
    root = tmp_path_factory.mktemp("order")
    for at in order:
        started = f"2026-01-0{at + 1}T08:00:00.000Z"
        over.records(root / names[at], started, [over.criterion(0.9 + at / 100, 0.01, 0.95)])
    (line,) = history(root).lines
    assert [entry.path for entry in line.entries] == list(names)
    assert [point.row.measured.value for point in line.trends[0].points] == pytest.approx(  # type: ignore[union-attr]
        [0.90, 0.91, 0.92, 0.93, 0.94]
    )
    shutil.rmtree(root)


def test_times_with_and_without_a_zone_are_one_clock(tmp_path: Path) -> None:
    over.records(tmp_path / "late", "2026-01-01T09:00:00+00:00", [])
    over.records(tmp_path / "early", "2026-01-01T10:30:00+02:00", [])
    over.broken(tmp_path / "between", "2026-01-01T08:45:00Z")
    over.records(tmp_path / "never", "", [])
    (line,) = history(tmp_path).lines
    assert [entry.path for entry in line.entries] == ["early", "between", "late", "never"]


def test_what_changed_is_said_at_the_run_where_it_did(four: Path) -> None:
    changes = {entry.path: entry.changes for entry in history(four).lines[0].entries}
    assert changes == {
        "b": (),
        "a": (),
        "deep/d": (),
        "deep/c": ("policy changed here", "suite intents version 1 → 2"),
    }


def test_a_teacher_and_a_suite_that_changed_in_silence_are_said(tmp_path: Path) -> None:
    row = over.criterion(0.9, 0.01, 0.8)
    over.records(tmp_path / "one", "2026-01-01T08:00:00Z", [row])
    models = {"teacher": {"name": "large", "digest": "sha256:t2"}, "student": {"name": "small"}}
    suites = [{"name": "intents", "version": 1, "digest": "sha256:else"}, {"name": "more", "version": 1, "digest": "x"}]
    over.records(tmp_path / "two", "2026-01-02T08:00:00Z", [row], models=models, suites=suites)
    assert history(tmp_path).lines[0].entries[1].changes == (
        "teacher changed here",
        "suite intents changed here, and is still called version 1",
        "suite more is new here",
    )


def test_a_trend_has_a_point_for_every_run_and_a_gap_where_one_broke(four: Path) -> None:
    (trend,) = history(four).lines[0].trends
    assert [None if point.row is None else point.row.at_least for point in trend.points] == [0.95, 0.95, None, 0.97]
    assert [point.moved for point in trend.points] == [False, False, False, True]
    assert [None if point.row is None else point.row.status for point in trend.points] == [
        *("fail", "inconclusive"),
        *(None, "pass"),
    ]
    assert (trend.id, trend.unit) == ("kept", "ratio")


def test_other_teachers_and_policies_are_other_lines_the_latest_first(four: Path) -> None:
    other = {"name": "strict", "digest": "sha256:p9"}
    over.records(four / "z", "2026-02-01T08:00:00Z", [over.criterion(0.9, 0.01, 0.8)], policy="x")
    manifest = json.loads((four / "z" / "manifest.json").read_text())
    (four / "z" / "manifest.json").write_text(json.dumps({**manifest, "policy": other}))
    lines = history(four).lines
    assert [(line.policy, len(line.entries)) for line in lines] == [("strict", 1), ("recovery", 4)]
    assert lines[0].entries[0].changes == ()


def test_a_broken_run_joins_the_line_of_its_policy(four: Path) -> None:
    manifest = json.loads((four / "b" / "manifest.json").read_text())
    manifest = {**manifest, "run_id": "other", "policy": {"name": "strict", "digest": "sha256:p9"}}
    over.records(four / "z", "2026-02-01T08:00:00Z", [])
    (four / "z" / "manifest.json").write_text(json.dumps(manifest))
    over.broken(four / "y", "2026-02-02T08:00:00Z", policy="sha256:p9")
    by_policy = {line.policy: [entry.path for entry in line.entries] for line in history(four).lines}
    assert "y" in by_policy["strict"]
    assert "deep/d" in by_policy["recovery"]


# --- what is passed over -------------------------------------------------------------------------


def test_what_is_passed_over_is_named_with_its_reason(four: Path) -> None:
    over.records(four / "newer", "2026-01-05T08:00:00Z", [])
    text = (four / "newer" / "manifest.json").read_text()
    (four / "newer" / "manifest.json").write_text(text.replace("manifest/v1", "manifest/v7"))
    over.records(four / "torn", "2026-01-05T08:00:00Z", [])
    (four / "torn" / "verdict.json").write_text('{"schema": "evalkit/verdict/v1", "verd')
    over.records(four / "odd", "2026-01-05T08:00:00Z", [], models="none")
    over.records(four / "unfinished", "2026-01-05T08:00:00Z", [])
    (four / "unfinished" / "manifest.json").unlink()
    (four / "begun").mkdir()
    (four / "begun" / ".started").touch()
    shutil.copytree(four / "a", four / "again")
    os.symlink(four / "a", four / "link")
    over.records(four.joinpath(*"1234567"), "2026-01-05T08:00:00Z", [])
    over.records(four / ".cache" / "x", "2026-01-05T08:00:00Z", [])
    found = history(four)
    assert found.found == 4
    said = {each.path: each.why for each in found.skipped}
    assert set(said) == {"newer", "torn", "odd", "unfinished", "begun", "again", "link", "1/2/3/4/5/6/7"}
    assert "evalkit/manifest/v7" in said["newer"]
    assert said["newer"].startswith("unreadable: ")
    assert "verdict.json cannot be read" in said["torn"]
    assert said["odd"].startswith("damaged: ")
    assert "its run never finished" in said["unfinished"]
    assert said["begun"] == "a run began here and has not finished"
    assert said["again"] == "a copy of the run in a"
    assert said["link"] == "a link is not followed"
    assert said["1/2/3/4/5/6/7"] == f"more than {finding.DEPTH} folders deep"


def test_a_link_in_a_circle_ends(four: Path) -> None:
    os.symlink(four, four / "deep" / "circle")
    assert history(four).found == 4


def test_runs_below_a_folder_with_a_manifest_of_something_else_are_found(four: Path) -> None:
    (four / "deep" / "manifest.json").write_text('{"name": "a web page"}')
    found = history(four)
    assert found.found == 4
    assert [each.path for each in found.skipped] == ["deep"]


@pytest.mark.parametrize("there", ["nothing", "empty", "file", "only newer"])
def test_a_folder_without_a_run_is_wrong_usage_with_a_remedy(tmp_path: Path, there: str) -> None:
    folder = tmp_path / "runs"
    if there == "file":
        folder.touch()
    elif there != "nothing":
        folder.mkdir()
    if there == "only newer":
        over.records(folder / "x", "2026-01-01T08:00:00Z", [], schema="evalkit/manifest/v2")
    ended = evalkit("history", folder)
    assert (ended.code, ended.out) == (2, "")
    assert "  help: " in ended.err
    assert ("evalkit/manifest/v2" in ended.err) == (there == "only newer")


# --- asking for less -----------------------------------------------------------------------------


def test_the_last_runs_alone_still_say_what_changed_before_the_first_of_them(four: Path) -> None:
    found = history(four, last=1)
    (entry,) = found.lines[0].entries
    assert (entry.path, found.found, found.left_out) == ("deep/c", 4, 3)
    assert entry.changes[0] == "policy changed here"
    assert [len(trend.points) for trend in found.lines[0].trends] == [1]
    assert history(four, last=9).left_out == 0


def test_a_criterion_that_no_verdict_has_is_wrong_usage(four: Path) -> None:
    ended = evalkit("history", four, "--criterion", "kepd")
    assert ended.code == 2
    assert 'did you mean "kept"?' in ended.err


# --- as it is told -------------------------------------------------------------------------------


def test_the_table_has_date_run_student_verdict_and_the_worst_criterion(four: Path) -> None:
    lines = over.plain(evalkit("history", four))
    assert max(map(len, lines)) <= 80
    assert "  2026-01-01 08:00  small    x fail          b" in lines
    assert "    kept: 90.0 % [87.0, 93.0], needs >= 95.0 % | intents" in lines
    assert "  -> policy changed here" in lines
    assert lines.index("  -> policy changed here") < lines.index("  2026-01-04 08:00  small    + pass          deep/c")
    assert "    the endpoint went away" in lines


def test_a_criterion_is_printed_against_its_bound_run_by_run(four: Path) -> None:
    lines = over.plain(evalkit("history", four, "--criterion", "kept"))
    at = lines.index("kept: accuracy.retention | intents")
    rows = lines[at + 1 : at + 5]
    assert [row[2] for row in rows] == ["x", "?", "!", "+"]
    assert "the run broke" in rows[2]
    assert rows[0].index("]") < rows[0].index("|")
    # Below the bound, across it, above it.
    drawn = [rows[index][44:] for index in (0, 1, 3)]
    assert drawn[0].rindex("]") < drawn[0].index("|")
    assert "+" in drawn[1]
    assert drawn[2].index("|") < drawn[2].index("[")
    assert max(map(len, lines)) <= 80


def test_the_json_has_every_run_and_every_point(four: Path) -> None:
    ended = evalkit("history", four, "--json")
    told = json.loads(ended.out)
    assert told == json.loads(json.dumps(history_record(history(four))))
    (line,) = told["lines"]
    assert told["schema"] == "evalkit/history/v1"
    assert [run["verdict"] for run in line["runs"]] == ["fail", "inconclusive", "broken", "pass"]
    (trend,) = line["trends"]
    assert [None if point is None else point["estimate"]["value"] for point in trend["points"]] == [
        *(0.90, 0.94),
        *(None, 0.99),
    ]


def test_a_renamed_folder_changes_nothing_but_paths(four: Path, tmp_path: Path) -> None:
    moved = four.rename(tmp_path / "elsewhere")
    after = (evalkit("history", moved).out, history_record(history(moved)))
    moved.rename(four)
    before = (evalkit("history", four).out, history_record(history(four)))
    assert after[0].splitlines()[1:] == before[0].splitlines()[1:]
    assert after[1] | {"folder": ""} == before[1] | {"folder": ""}


def test_real_runs_and_one_that_broke_are_in_one_line(tmp_path: Path) -> None:
    over.run(tmp_path, "runs/v1", every(4), name="v1")
    over.run(tmp_path, "runs/v2", every(12, start=6), name="v2")
    rows = [{"id": f"e{index}", "status": "error"} for index in range(120)]
    (tmp_path / "v3.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    from tests.cli import project

    plan = project.plan(tmp_path, student="recorded:v3.jsonl")
    assert evalkit("gate", plan, "--out", tmp_path / "runs/v3", "--cache", tmp_path / "cache").code == 4
    (line,) = history(tmp_path / "runs").lines
    assert sorted(entry.verdict.word for entry in line.entries) == ["broken", "fail", "pass"]
    (gone,) = (entry for entry in line.entries if entry.path == "v3")
    assert (gone.student, gone.teacher, gone.report, gone.verdict.word) == ("v3", "teacher", True, "broken")
