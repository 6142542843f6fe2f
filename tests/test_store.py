"""The run directory: whole or absent, manifest last, and read back as what was written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import store
from evalkit.columns import FORCED_COLUMNS, PAIR_COLUMNS, ROLE_COLUMNS, Columns
from evalkit.errors import BrokenError, RecordError, UsageError
from evalkit.files import canonical_json, digest_file, leftovers, write_whole
from evalkit.pairing import rescored
from evalkit.records import suite_record
from evalkit.store import STARTED, claim, finish, read_run, read_verdict, write_records
from evalkit.types import Role, SuiteFacts, Verdict
from tests.cli import project
from tests.factory import Case, random_case
from tests.runs import Runner, light, runner

VERDICT = Verdict(word="ungated", reasons=("an audit",))


@pytest.fixture
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    return runner(request, monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("finished")
    ended = project.evalkit("gate", light(folder), "--out", folder / "run", "--quiet")
    assert ended.code in (0, 1, 3), ended.err
    return folder / "run"


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of that run, which a test may damage."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def written(out: Path, columns: Sequence[Columns]) -> store.Run:
    """Columns through the disk and back."""
    digests = write_records(out, VERDICT, (), (), columns)
    suites = [suite_record(each.facts, each.n, each.n) for each in columns]
    finish(out, {"suites": suites, "records": digests})
    return read_run(out)


# --- pairs -------------------------------------------------------------------------------------------

# Lone surrogates are apart: Parquet takes valid Unicode only.
VALID = st.text(st.characters(exclude_categories=("Cs",)), max_size=10) | st.sampled_from(
    ["\x00", "🏦\u200d🔥", "\u202e", ""]
)
NUMBER = st.none() | st.floats(allow_nan=False)
COUNT = st.none() | st.integers(0, 2**63 - 1)
LISTS = st.none() | st.lists(st.floats(allow_nan=False), max_size=3)
ROLE_CELLS: dict[str, st.SearchStrategy[Any]] = {
    "status": st.sampled_from(["ok", "truncated", "empty", "error", "timeout"]),
    "probs": LISTS,
    "choice_logprobs": LISTS,
    "choice_tokens": st.none() | st.lists(st.integers(0, 2**31), max_size=3),
    "token_logprobs": LISTS,
    "tokens_in": COUNT,
    "tokens_out": COUNT,
    "latency_s": NUMBER,
    "ttft_s": NUMBER,
    "tpot_s": NUMBER,
    "fixed_latency_s": NUMBER,
    "marks": NUMBER,
    "correct": st.none() | st.booleans(),
    "unparsable": st.booleans(),
    "confidence": NUMBER,
}
PAIR_CELLS: dict[str, st.SearchStrategy[Any]] = {
    "id": VALID,
    "input": VALID,
    "slices": st.dictionaries(VALID, VALID, max_size=2).map(canonical_json),
    "severity": st.sampled_from(["low", "normal", "high", "critical"]),
    "row": st.just("{}"),
    "request_key": VALID,
    **dict.fromkeys(FORCED_COLUMNS, st.none() | st.lists(st.floats(0, 9), max_size=3)),
    "forced_same_top": st.none() | st.lists(st.booleans(), max_size=3),
    "forced_note": st.none() | VALID,
}


def facts_of(name: str, task: str = "classify", labels: tuple[str, ...] = ("a", "b")) -> SuiteFacts:
    return SuiteFacts(
        name=name,
        kind="gold",
        task=task,  # type: ignore[arg-type]
        version=1,
        scorer="label" if task == "classify" else "exact",
        labels=labels if task == "classify" else (),
        slice_names=(),
        grouped=False,
        digest=f"sha256:{name}",
        path=f"{name}/suite.yaml",
    )


@st.composite
def columns_of(draw: st.DrawFn, name: str, roles: tuple[Role, ...]) -> Columns:
    n = draw(st.integers(1, 4))

    def column(cells: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(cells, min_size=n, max_size=n))

    data: dict[str, list[Any]] = {"suite": [name] * n}
    for each in PAIR_COLUMNS[1:]:
        data[each] = column(PAIR_CELLS.get(each, st.none() | VALID))
    for role in roles:
        for each in ROLE_COLUMNS:
            data[f"{role}_{each}"] = column(ROLE_CELLS.get(each, st.none() | VALID))
    task = draw(st.sampled_from(["classify", "generate"]))
    return Columns(facts=facts_of(name, task), roles=roles, data=data)


ROLES: st.SearchStrategy[tuple[Role, ...]] = st.sampled_from(
    [("student",), ("teacher", "student"), ("teacher", "student", "champion"), ("student", "teacher_again")]
)


@given(ROLES.flatmap(lambda roles: columns_of("one", roles)), ROLES.flatmap(lambda roles: columns_of("two", roles)))
def test_what_is_read_is_what_was_written(one: Columns, two: Columns) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert list(written(Path(folder), [one, two]).columns) == [one, two]


@given(st.text(max_size=6), st.sampled_from(["\ud800", "a\udfff", "\udc00\ud800"]))
def test_text_that_is_not_unicode_is_escaped_and_nothing_else_changes(text: str, broken: str) -> None:
    case = Case(target=["a", "b"], teacher=["a", "a"], student=[text + broken, "b"], ids=("e0", "e1" + broken))
    columns = case.columns()
    with tempfile.TemporaryDirectory() as folder:
        (back,) = written(Path(folder), [columns]).columns
    for name, values in columns.data.items():
        for before, after in zip(values, back.data[name], strict=True):
            if isinstance(before, str):
                assert after == before.encode("utf-8", "backslashreplace").decode("utf-8")
            else:
                assert after == before


def test_the_same_pairs_are_the_same_bytes(tmp_path: Path) -> None:
    columns = [random_case(1, 50).columns()]
    digests = [write_records(tmp_path / name, VERDICT, (), (), columns) for name in ("one", "two")]
    assert digests[0] == digests[1]
    assert digests[0]["pairs.parquet"] == digest_file(tmp_path / "one" / "pairs.parquet")


def test_suites_of_different_tasks_share_a_file(tmp_path: Path) -> None:
    texts = Case(
        target=["12", "seven"],
        teacher=["12", "eight"],
        student=["12 ", ""],
        name="sums",
        task="generate",
        scorer="exact",
        labels=(),
    )
    labels = random_case(3, 20, failures=0.2, groups=5)
    alone = Case(target=["a", None], student=["a", "b"], name="alone")
    given = [texts.columns(), labels.columns(), alone.columns()]
    back = written(tmp_path, given)
    assert list(back.columns) == given
    assert [each.roles for each in back.columns] == [each.roles for each in given]
    assert given[0].roles != given[2].roles
    assert not any(found for each in back.columns for found in rescored(each))


def test_the_file_has_its_documented_columns(tmp_path: Path) -> None:
    written(tmp_path, [Case(target=["a"], teacher=["a"], student=["b"]).columns()])
    names = pq.read_table(tmp_path / "pairs.parquet").column_names
    assert names == [*PAIR_COLUMNS, *(f"{role}_{name}" for role in ("teacher", "student") for name in ROLE_COLUMNS)]


def test_a_run_without_pairs_comes_back_too(tmp_path: Path) -> None:
    assert written(tmp_path, []).columns == ()


# --- claiming a folder -------------------------------------------------------------------------------


def test_a_new_or_empty_folder_is_taken(tmp_path: Path) -> None:
    claim(tmp_path / "deep" / "run")
    (tmp_path / "empty").mkdir()
    claim(tmp_path / "empty")
    assert (tmp_path / "deep" / "run" / STARTED).is_file()


def test_a_run_that_did_not_finish_is_taken_again(tmp_path: Path) -> None:
    claim(tmp_path / "run")
    write_whole(tmp_path / "run" / "pairs.parquet", "half")
    claim(tmp_path / "run")


def test_a_finished_run_is_never_taken(copied: Path) -> None:
    before = project.tree(copied)
    with pytest.raises(UsageError, match="holds a finished run, and a run is never changed"):
        claim(copied)
    assert project.tree(copied) == before


def test_a_folder_with_something_else_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds other files \(thesis.tex, …\)"):
        claim(tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        claim(tmp_path / "thesis.tex")


def test_a_folder_that_cannot_be_made_is_a_breakage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BrokenError, match="cannot be written"):
        claim(tmp_path / "file" / "run")


# --- whole or absent ---------------------------------------------------------------------------------


def test_a_write_that_is_killed_leaves_the_old_file_and_is_cleared_away(tmp_path: Path) -> None:
    out = tmp_path / "run"
    # Killed inside the very first write: nothing else is in the folder yet.
    code = """
import os, pathlib, signal, sys
from evalkit import files, store
files.os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
store.claim(pathlib.Path(sys.argv[1]))
"""
    done = subprocess.run([sys.executable, "-c", code, out], check=False, cwd=Path(__file__).parents[1])
    assert done.returncode == -signal.SIGKILL
    assert [each.name for each in out.iterdir()] == [each.name for each in leftovers(out)]
    assert leftovers(out)
    claim(out)
    assert [each.name for each in out.iterdir()] == [STARTED]


@pytest.mark.parametrize("name", [*store.RECORDS, "report.html", "junit.xml", "summary.md", "manifest.json"])
def test_a_crash_before_any_file_leaves_a_run_that_the_same_command_finishes(
    run: Runner, finished: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    class PowerCut(BaseException):
        """Nothing in the program gets to see this."""

    def cut(path: Path, content: str | bytes) -> None:
        if path.name == name:
            raise PowerCut
        write_whole(path, content)

    arguments = ("gate", finished.parent / "evalkit.yaml", "--quiet")
    with monkeypatch.context() as patch:
        patch.setattr(store, "write_whole", cut)
        with pytest.raises(PowerCut):
            run(*arguments)
    out = run.root / "run"
    assert not (out / "manifest.json").exists()
    with pytest.raises(RecordError, match="holds no finished run"):
        read_run(out)
    assert project.evalkit("verify", out).code == 2
    assert run(*arguments).code in (0, 1, 3)
    for each in ("results.json", "verdict.json", "pairs.parquet"):
        assert (out / each).read_bytes() == (finished / each).read_bytes()
    assert not (out / STARTED).exists()


@pytest.mark.parametrize("name", [*store.RECORDS, "report.html", "manifest.json"])
def test_a_disk_that_fails_leaves_a_broken_run_and_no_other_verdict(
    run: Runner, finished: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    failed: list[str] = []

    def full(path: Path, content: str | bytes) -> None:
        # The disk is full for a moment.
        if path.name == name and not failed:
            failed.append(name)
            raise OSError(28, "No space left on device")
        write_whole(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_whole", full)
        ended = run("gate", finished.parent / "evalkit.yaml", "--quiet", code=4)
    assert run.json("verdict.json")["verdict"] == "broken"
    assert "No space left on device" in run.json("verdict.json")["reasons"][0]
    assert "Traceback" not in ended.err
    assert run("gate", finished.parent / "evalkit.yaml", "--quiet").code in (0, 1, 3)


def test_a_disk_that_stays_full_leaves_no_verdict_at_all(
    run: Runner, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: str | bytes) -> None:
        if path.name in ("report.html", "verdict.json") and (run.root / "run" / "results.json").exists():
            raise OSError(28, "No space left on device")
        write_whole(path, content)

    monkeypatch.setattr(store, "write_whole", full)
    ended = project.evalkit("gate", finished.parent / "evalkit.yaml", "--out", run.root / "run", "--quiet")
    assert ended.code == 4
    assert "No space left on device" in ended.err
    assert not (run.root / "run" / "verdict.json").exists()
    assert not (run.root / "run" / "manifest.json").exists()


def test_files_of_a_run_can_be_read_by_those_it_is_shared_with(finished: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    for path in finished.iterdir():
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask, path


# --- reading -----------------------------------------------------------------------------------------


def test_a_finished_run_reads(finished: Path) -> None:
    run = read_run(finished)
    assert run.manifest["run_id"]
    assert sum(each.n for each in run.columns) == 40
    assert read_verdict(finished) == run.verdict


@pytest.mark.parametrize("name", [*store.RECORDS, "manifest.json"])
def test_a_missing_record_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(RecordError, match=name):
        read_run(copied)
    # Without its manifest a run was never finished; without a record it was, and has been changed since.
    assert project.evalkit("verify", copied).code == (2 if name == "manifest.json" else 4)


@pytest.mark.parametrize("name", [*store.RECORDS, "manifest.json"])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"null", b'"x"', b"\xff\xfe", b"PAR1", b'{"a": NaN}', b"[" * 100_000]
)
def test_a_damaged_record_is_refused_in_words(copied: Path, name: str, content: bytes) -> None:
    (copied / name).write_bytes(content)
    with pytest.raises(RecordError, match=name):
        read_run(copied)


@pytest.mark.parametrize("name", ["manifest", "verdict", "results", "timings"])
def test_a_newer_record_is_refused_by_name(copied: Path, name: str) -> None:
    path = copied / f"{name}.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace(f"evalkit/{name}/v1", f"evalkit/{name}/v2"), encoding="utf-8"
    )
    with pytest.raises(RecordError, match=rf"evalkit/{name}/v2; this program knows evalkit/{name}/v1"):
        read_run(copied)
    for command in ("verify", "show", "report"):
        ended = project.evalkit(command, copied)
        assert ended.code == 2 or (command != "verify" and name in ("results", "timings"))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, the inner ones too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in leaves(each, (*path, key)))]


@pytest.mark.parametrize("name", ["verdict.json", "results.json", "timings.json"])
@pytest.mark.parametrize("instead", [None, 3, "x", [], {}])
def test_any_value_may_be_wrong_and_reading_still_ends_in_words(copied: Path, name: str, instead: Any) -> None:
    record = json.loads((copied / name).read_text(encoding="utf-8"))
    for place in leaves(record)[1:]:
        damaged = json.loads(json.dumps(record))
        inner = damaged
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = instead
        (copied / name).write_text(json.dumps(damaged), encoding="utf-8")
        try:
            read_run(copied)
        except RecordError:
            continue


def test_pairs_without_a_column_or_of_a_suite_unknown_are_refused(copied: Path) -> None:
    path = copied / "pairs.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["student_correct"]), path)
    with pytest.raises(RecordError, match="lacks the column student_correct"):
        read_run(copied)
    rows = table.to_pylist()
    rows[0]["suite"] = "elsewhere"
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    with pytest.raises(RecordError, match="pairs of elsewhere"):
        read_run(copied)


@pytest.mark.parametrize("column", [*PAIR_COLUMNS, *(f"student_{name}" for name in ROLE_COLUMNS)])
def test_a_column_of_another_type_ends_in_words(copied: Path, column: str) -> None:
    path = copied / "pairs.parquet"
    table = pq.read_table(path)
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array([{"x": 1}] * len(table))), path)
    assert project.evalkit("verify", copied).code in (2, 4)


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="there is no run directory"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(RecordError, match=r"has no manifest\.json"):
        read_run(tmp_path)
    with pytest.raises(RecordError, match=r"holds no verdict\.json"):
        read_verdict(tmp_path)
