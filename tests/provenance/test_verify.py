"""Verify: every honest run passes, and every change to its records is found and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.errors import MismatchError, RecordError, UsageError
from evalkit.files import digest_file, digest_text
from evalkit.provenance.verify import verify
from tests.cli import project
from tests.runs import Runner, fakes, light, runner

DROP = {"metric": "accuracy.difference"}


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    return runner(request, monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished run: teacher, student and champion recorded, two slices."""
    root = tmp_path_factory.mktemp("finished")
    light(root, n=30, champion="recorded:champion.jsonl")
    project.lines(root / "champion.jsonl", project.answers(30, lambda index: index % 5 == 0, probs=False))
    policy = project.criteria({**DROP, "at_least": -0.9}, {**DROP, "versus": "champion", "at_least": -0.9})
    project.dump(root / "policy.yaml", policy)
    ended = project.evalkit("gate", root / "evalkit.yaml", "--out", root / "run", "--quiet")
    assert ended.code == 0, ended.err
    return root


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of that run, which a test may tamper with; its recordings and suite stay where they were."""
    return Path(shutil.copytree(finished / "run", tmp_path / "run"))


def mismatch(run: Path) -> str:
    """What verify says is wrong; the command ends with 4."""
    with pytest.raises(MismatchError) as caught:
        verify(run)
    return str(caught.value)


def edit(run: Path, name: str, change: Callable[[Any], None]) -> None:
    """Change a JSON record as a careful forger would: the manifest's digest of it as well."""
    path = run / name
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    forge(run, name)


def edit_pairs(run: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    path = run / "pairs.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    forge(run, "pairs.parquet")


def forge(run: Path, name: str) -> None:
    if name == "manifest.json":
        return
    path = run / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["records"][name] = digest_file(run / name)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def unforge(run: Path, finished: Path, name: str) -> None:
    """Give the manifest its old digest back: the tampering of somebody in a hurry."""
    path = run / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    old = json.loads((finished / "run" / "manifest.json").read_text(encoding="utf-8"))
    manifest["records"][name] = old["records"][name]
    path.write_text(json.dumps(manifest), encoding="utf-8")


# --- honest runs -------------------------------------------------------------------------------------


def honest(out: str = "run") -> str:
    ended = project.evalkit("verify", out)
    assert ended.code == 0, ended.err
    return ended.out


@pytest.mark.parametrize(("at_least", "code"), [(-0.9, 0), (0.9, 1), (0.0, 3)], ids=["pass", "fail", "inconclusive"])
def test_a_run_of_every_verdict_verifies(gate: Runner, at_least: float, code: int) -> None:
    light(gate.root, policy=project.criteria({**DROP, "at_least": at_least}))
    gate("gate", "--quiet", code=code)
    said = honest()
    assert "same     the digests of verdict.json, results.json, timings.json, pairs.parquet" in said
    assert "same     the student's recording student.jsonl" in said
    assert "same     the suite intents" in said


def test_an_ungated_run_verifies_with_and_without_a_teacher(gate: Runner) -> None:
    light(gate.root)
    gate("audit", "--quiet", code=0)
    assert "no policy was applied" in honest()
    gate("audit", "--quiet", "--student", "recorded:student.jsonl", "--suite", "suites/intents", out="alone", code=0)
    honest("alone")


def test_an_empty_run_verifies_and_can_be_shown(gate: Runner) -> None:
    light(gate.root)
    gate("gate", "--quiet", "--limit", "0", code=5)
    honest()
    assert project.evalkit("show", "run").code == 0
    gate("audit", "--quiet", "--limit", "0", out="audit", code=5)
    honest("audit")
    gate("regate", "run", "--policy", "policy.yaml", out="again", code=5)
    honest("again")


def test_a_run_with_probabilities_slices_groups_and_failures_verifies(gate: Runner) -> None:
    policy = project.criteria(
        {**DROP, "at_least": -0.9},
        {**DROP, "at_least": -0.9, "each_slice": {"by": ["language"], "min_n": 5}},
        {**DROP, "at_least": -0.9, "where": {"severity": "critical"}},
        max_error_rate=0.2,
    )
    project.project(gate.root, n=40, policy=policy)
    rows = project.answers(40, lambda index: index % 9 == 0)
    rows[2] = {"id": "e2", "status": "timeout"}
    rows[3] = {"id": "e3", "label": "none of them"}
    rows[4] = {"id": "e4", "label": "refund", "latency_s": 0.25}
    project.lines(gate.root / "student.jsonl", rows)
    gate("gate", "--quiet")
    honest()


def test_a_run_of_fakes_verifies_without_files_to_hash(gate: Runner) -> None:
    fakes(gate.root, policy=project.criteria({**DROP, "at_least": -0.9}))
    gate("gate", "--quiet", "--limit", "12", code=0)
    assert "skipped  the student fake has no files to hash" in honest()


def test_a_run_with_a_waiver_verifies_after_the_waiver_has_expired(gate: Runner) -> None:
    from datetime import UTC, datetime

    waiver = {"criterion": "c0", "owner": "A. Person", "reason": "known", "expires": f"{datetime.now(UTC):%Y-%m-%d}"}
    rules = ({**DROP, "at_least": 0.9}, {"metric": "accuracy.student", "at_least": 0.1})
    light(gate.root, policy=project.criteria(*rules, waivers=[waiver]))
    gate("gate", "--quiet", code=0)
    assert gate.json("verdict.json")["criteria"][0]["status"] == "waived"
    honest()
    # Moved to a year ago, with its waiver: the run is judged at its own time, whatever the clock says now.
    manifest = gate.manifest()
    year = manifest["started"][:4]
    for name in ("manifest.json", "verdict.json"):
        path = Path("run", name)
        text = path.read_text(encoding="utf-8").replace(f"{year}-", f"{int(year) - 1}-")
        path.write_text(text, encoding="utf-8")
    edit(
        Path("run"),
        "manifest.json",
        lambda record: record["policy"].update(digest=digest_text(record["policy"]["text"])),
    )
    forge(Path("run"), "verdict.json")
    honest()


def test_a_regated_run_verifies(gate: Runner) -> None:
    light(gate.root)
    gate("gate", "--quiet")
    project.dump(Path("strict.yaml"), project.criteria({**DROP, "at_least": 0.9}))
    gate("regate", "run", "--policy", "strict.yaml", out="again", code=1)
    gate("regate", "again", "--policy", "policy.yaml", out="thrice")
    honest("again")
    honest("thrice")
    assert Path("thrice/results.json").read_bytes() == Path("run/results.json").read_bytes()


@pytest.mark.parametrize(
    "scorer",
    [
        "exact",
        "normalised",
    ],
)
def test_a_run_over_text_that_is_not_unicode_verifies(gate: Runner, scorer: str) -> None:
    texts = ["plain", "lone \ud800", "\udfffThe End.", "nul \x00", "🏦", "\u202eleft"]
    rows = [{"id": f"e{index}", "text": text, "intent": text} for index, text in enumerate(texts)]
    columns = {"id": "id", "input": "text", "target": "intent"}
    light(gate.root, policy=project.criteria({**DROP, "at_least": -0.9}))
    project.suite(gate.root, "intents", rows, task="generate", labels=None, scorer=scorer, columns=columns)
    answers = [{"id": row["id"], "text": row["text"]} for row in rows]
    project.lines(Path("teacher.jsonl"), answers)
    project.lines(Path("student.jsonl"), [{**answers[0], "text": "\ud800 other"}, *answers[1:]])
    gate("gate", "--quiet")
    honest()


def test_a_moved_run_says_what_it_could_not_check(gate: Runner) -> None:
    light(gate.root)
    gate("gate", "--quiet")
    shutil.move("student.jsonl", "elsewhere.jsonl")
    shutil.rmtree("suites")
    said = honest()
    assert f"skipped  the student is no longer at {gate.root}/student.jsonl" in said
    assert "skipped  the suite intents is no longer at" in said


# --- tampering ---------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("careful", [True, False], ids=["digest forged", "digest left"])


def finish(run: Path, finished: Path, name: str, careful: bool) -> str:
    if not careful:
        unforge(run, finished, name)
    said = mismatch(run)
    # The digest that nobody forged names the file first.
    assert careful or said.startswith(f"{name} is not the file that the manifest recorded")
    return said


@BOTH
def test_a_changed_result_is_named(copied: Path, finished: Path, careful: bool) -> None:
    def change(record: Any) -> None:
        row = next(each for each in record["metrics"] if each["metric"] == "accuracy.student")
        row["estimate"]["value"] += 1e-6

    edit(copied, "results.json", change)
    said = finish(copied, finished, "results.json", careful)
    assert "results.json: accuracy.student intents › estimate › value says" in said


@BOTH
def test_a_missing_result_is_named(copied: Path, finished: Path, careful: bool) -> None:
    gone = "flips.right_to_wrong.count"

    def change(record: Any) -> None:
        record["metrics"] = [each for each in record["metrics"] if each["metric"] != gone]

    edit(copied, "results.json", change)
    assert f"{gone} of intents" in finish(copied, finished, "results.json", careful)


@BOTH
def test_an_invented_result_is_named(copied: Path, finished: Path, careful: bool) -> None:
    edit(copied, "results.json", lambda record: record["metrics"].append({**record["metrics"][0], "metric": "charm"}))
    assert "charm intents does not follow" in finish(copied, finished, "results.json", careful)


@BOTH
@pytest.mark.parametrize("word", ["fail", "inconclusive", "ungated", "broken", "empty"])
def test_a_changed_word_is_named(copied: Path, finished: Path, word: str, careful: bool) -> None:
    edit(copied, "verdict.json", lambda record: record.update(verdict=word))
    said = finish(copied, finished, "verdict.json", careful)
    assert f"verdict.json › verdict says '{word}', the pairs give 'pass'" in said


@BOTH
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda record: record["criteria"][0].update(status="fail"), "criteria[0] › status says 'fail'"),
        (lambda record: record["criteria"][0]["bound"].update(at_least=-0.8), "criteria[0] › bound › at_least"),
        (lambda record: record["criteria"][0]["estimate"].update(low=0.5), "criteria[0] › estimate › low says 0.5"),
        (lambda record: record["criteria"].pop(), "criteria has 1 entries, the pairs give 2"),
        (lambda record: record["reasons"].append("all is well"), "reasons has"),
        (
            lambda record: record.update(
                waivers=[{"criterion": "c0", "owner": "x", "reason": "y", "expires": "2999-01-01"}]
            ),
            "waivers has 1",
        ),
        (lambda record: record.update(exit_code=1), "exit_code says 1"),
    ],
)
def test_a_changed_row_of_the_verdict_is_named(
    copied: Path, finished: Path, change: Callable[[Any], None], expected: str, careful: bool
) -> None:
    edit(copied, "verdict.json", change)
    assert expected in finish(copied, finished, "verdict.json", careful)


def change_row(**cells: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda rows: rows[1].update(cells)


@BOTH
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows.pop(), "results.json"),
        (lambda rows: rows.append({**rows[0], "id": "new"}), "results.json"),
        (change_row(student_correct=False), "pairs.parquet: student_correct of e1 in intents"),
        (change_row(student_answer="other"), "pairs.parquet: student_answer of e1 in intents"),
        (change_row(student_label="other"), "pairs.parquet: student_answer of e1 in intents"),
        (change_row(student_status="error"), "pairs.parquet: student_answer of e1"),
        (change_row(champion_label="card_lost"), "pairs.parquet: champion_answer of e1"),
        (change_row(target="other"), "pairs.parquet: teacher_correct of e1"),
        (change_row(teacher_latency_s=0.5), "timings.json"),
    ],
)
def test_changed_pairs_are_named(
    copied: Path, finished: Path, change: Callable[[list[dict[str, Any]]], None], expected: str, careful: bool
) -> None:
    edit_pairs(copied, change)
    assert expected in finish(copied, finished, "pairs.parquet", careful)


def test_a_changed_probability_is_named(gate: Runner) -> None:
    fakes(gate.root, n=8)
    gate("gate", "--quiet")
    row = pq.read_table(gate.root / "run/pairs.parquet").to_pylist()[1]
    place = project.LABELS.index(row["student_answer"])
    forged = [0.15, 0.15, 0.15]
    forged[place] = 0.7
    edit_pairs(gate.root / "run", change_row(student_probs=forged))
    assert "pairs.parquet: student_confidence of e1" in mismatch(gate.root / "run")
    # With the confidence forged as well, the numbers that rest on the probabilities tell.
    edit_pairs(gate.root / "run", change_row(student_confidence=0.7))
    assert "results.json: " in mismatch(gate.root / "run")
    ended = project.evalkit("verify", "run")
    assert ended.code == 4
    assert "error: results.json: " in ended.err


def test_no_pairs_at_all_are_named(copied: Path, finished: Path) -> None:
    edit_pairs(copied, lambda rows: rows.clear())
    assert "does not follow from the pairs" in mismatch(copied)


def test_a_changed_policy_text_is_named(copied: Path) -> None:
    def change(record: Any) -> None:
        record["policy"]["text"] = record["policy"]["text"].replace("-0.9", "-0.8")

    edit(copied, "manifest.json", change)
    assert "the policy text in manifest.json" in mismatch(copied)


def test_a_changed_policy_with_its_digest_no_longer_gives_this_verdict(copied: Path) -> None:
    def change(record: Any) -> None:
        text = record["policy"]["text"].replace("-0.9", "0.9")
        record["policy"].update(text=text, digest=digest_text(text))

    edit(copied, "manifest.json", change)
    assert "verdict.json ›" in mismatch(copied)


@pytest.mark.parametrize(("key", "value"), [("level", 0.5), ("max_error_rate", 1.0), ("name", "recovery-99")])
def test_what_the_manifest_says_of_its_policy_must_be_in_the_text(copied: Path, key: str, value: Any) -> None:
    edit(copied, "manifest.json", lambda record: record["policy"].update({key: value}))
    if key == "name":
        # A name is what somebody called the file; the text is what was applied.
        verify(copied)
        return
    assert f"the policy's {key}" in mismatch(copied)


@pytest.mark.parametrize(("role", "key"), [("student", "bytes"), ("teacher", "parameters")])
def test_an_invented_size_is_named(copied: Path, role: str, key: str) -> None:
    edit(copied, "manifest.json", lambda record: record["models"][role].update({key: 7}))
    assert f"results.json: size.{key}.{role}" in mismatch(copied)


def test_another_seed_gives_other_intervals(copied: Path) -> None:
    edit(copied, "manifest.json", lambda record: record.update(seed=99))
    assert "results.json" in mismatch(copied)


@pytest.mark.parametrize("role", ["teacher", "student", "champion"])
def test_a_changed_recording_is_named(finished: Path, tmp_path: Path, role: str) -> None:
    # The manifest holds the recordings' absolute paths.
    path = finished / f"{role}.jsonl"
    kept = path.read_bytes()
    try:
        path.write_bytes(kept + b"\n")
        assert f"the {role}'s recording {path} is not the one that the run read" in mismatch(finished / "run")
    finally:
        path.write_bytes(kept)
    verify(finished / "run")


def test_a_suite_that_changed_since_is_a_mismatch(finished: Path) -> None:
    path = finished / "suites" / "intents" / "suite.yaml"
    kept = path.read_bytes()
    try:
        path.write_bytes(kept + b"# a remark\n")
        assert "has changed since the run" in mismatch(finished / "run")
    finally:
        path.write_bytes(kept)


def test_a_record_left_out_of_the_manifest_is_named(copied: Path) -> None:
    edit(copied, "manifest.json", lambda record: record["records"].pop("pairs.parquet"))
    assert "pairs.parquet is not the file" in mismatch(copied)


# --- a model to hold against the run ------------------------------------------------------------------


def test_a_student_that_cannot_be_held_against_the_run_is_no_success(copied: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no model at"):
        verify(copied, tmp_path / "nowhere")
    with pytest.raises(MismatchError, match="holds no safetensors weights"):
        verify(copied, tmp_path / "run")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(MismatchError, match="recorded no weights of the student"):
        verify(copied, folder)


@pytest.mark.parametrize("name", ["report.html", "junit.xml", "summary.md", "model-card.md"])
def test_a_report_that_was_changed_is_named_and_one_that_is_gone_is_told(copied: Path, name: str) -> None:
    with (copied / name).open("a") as stream:
        stream.write("<!-- pass -->")
    assert f"{name} is not the report that the run wrote" in mismatch(copied)
    (copied / name).unlink()
    assert f"{name} is gone" in verify(copied).unchecked


# --- damage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["records", "models", "suites", "policy", "seed", "started", "notes", "champion"])
@pytest.mark.parametrize("instead", ["gone", None, [], {}, "x", 3])
def test_a_damaged_manifest_ends_in_words(copied: Path, key: str, instead: Any) -> None:
    def change(record: Any) -> None:
        if instead == "gone":
            del record[key]
        else:
            record[key] = instead

    edit(copied, "manifest.json", change)
    try:
        verify(copied)
    except (MismatchError, RecordError):
        return
    assert key in ("notes", "champion", "models"), "only what nothing rests on may be gone"


@pytest.mark.parametrize("column", ["slices", "row"])
def test_cells_that_are_no_json_end_in_words(copied: Path, column: str) -> None:
    edit_pairs(copied, change_row(**{column: "{"}))
    with pytest.raises((MismatchError, RecordError)):
        verify(copied)


@pytest.fixture
def voted(gate: Runner) -> Path:
    """A finished run whose teacher is an ensemble of two recordings, which lie beside it."""
    light(gate.root, n=30)
    for name in ("one", "two"):
        project.lines(gate.root / f"{name}.jsonl", project.answers(30, probs=False))
    members = ["recorded:one.jsonl", "recorded:two.jsonl"]
    project.plan(gate.root, teacher={"backend": "ensemble", "members": members})
    gate("gate", "--quiet")
    return gate.root / "run"


def test_the_members_of_an_ensemble_are_hashed_again(voted: Path) -> None:
    checked = verify(voted).checked
    assert [each for each in checked if "member one's recording" in each]
    project.lines(voted.parent / "two.jsonl", project.answers(30, lambda index: index == 3, probs=False))
    assert "the teacher's member two's recording" in mismatch(voted)


def test_a_student_that_cannot_be_held_against_the_run_is_no_match(copied: Path) -> None:
    edit_manifest = json.loads((copied / "manifest.json").read_text(encoding="utf-8"))
    edit_manifest["models"]["student"]["members"] = [edit_manifest["models"]["teacher"]]
    (copied / "manifest.json").write_text(json.dumps(edit_manifest), encoding="utf-8")
    with pytest.raises(MismatchError, match="not one model"):
        verify(copied, copied)


def test_nothing_is_decided_again_on_pairs_that_were_changed(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copied.parent)
    table = pq.read_table(copied / "pairs.parquet")
    place = table.column_names.index("student_correct")
    everything = pa.array([True] * len(table), type=pa.bool_())
    pq.write_table(table.set_column(place, "student_correct", everything), copied / "pairs.parquet")
    ended = project.evalkit("regate", copied, "--policy", "recovery-95", "--out", "again")
    assert ended.code == 4
    assert "pairs.parquet is not the file that the manifest beside it recorded" in ended.err
    assert not (copied.parent / "again").exists()
