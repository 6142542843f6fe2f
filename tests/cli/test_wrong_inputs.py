"""What a user can get wrong: each ends in 2 before anything runs, says where it is and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli import project
from tests.cli.project import Ended, evalkit

N = 9
ROWS = project.examples(N)
ANSWERS = project.answers(N)
RULE = {"metric": "accuracy.difference", "at_least": -0.05}


@dataclass(frozen=True)
class Case:
    """A mistake in an otherwise right project: how it is made, and what the complaint must say."""

    name: str
    make: Callable[[Path], Any]
    says: tuple[str, ...]
    arguments: tuple[str, ...] = ()


def plan_text(old: str, new: str) -> Callable[[Path], Any]:
    return replaced("evalkit.yaml", old, new)


def replaced(name: str, old: str, new: str) -> Callable[[Path], Any]:
    def make(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return make


def written(name: str, text: str | bytes) -> Callable[[Path], Any]:
    content = text.encode() if isinstance(text, str) else text
    return lambda root: (root / name).write_bytes(content)


def plan_with(**over: Any) -> Callable[[Path], Any]:
    return lambda root: project.plan(root, **over)


def suite_with(rows: project.Rows | None = None, **over: Any) -> Callable[[Path], Any]:
    return lambda root: project.suite(root, rows=ROWS if rows is None else rows, **over)


def first(**over: Any) -> project.Rows:
    return [{**ROWS[0], **over}, *ROWS[1:]]


def policy(*rules: Mapping[str, Any], **over: Any) -> Callable[[Path], Any]:
    return lambda root: project.dump(root / "policy.yaml", project.criteria(*rules, **over))


def student(first_row: Mapping[str, Any] | None = None, rows: project.Rows | None = None) -> Callable[[Path], Any]:
    wanted = rows if rows is not None else [{"id": "e0", **(first_row or {})}, *ANSWERS[1:]]
    return lambda root: project.lines(root / "student.jsonl", wanted)


def model(*files: str) -> Callable[[Path], Any]:
    def make(root: Path) -> None:
        (root / "model").mkdir()
        for name in files:
            (root / "model" / name).write_text("{}")
        project.plan(root, student="./model")

    return make


SUITE = "suites/intents/suite.yaml"
DATA = "suites/intents/examples.jsonl"
SAFETY: dict[str, Any] = {"kind": "safety-refusal", "task": "generate", "labels": None}
SAFETY["columns"] = {"input": "text", "expect": "expect"}

JUDGE = {"name": "judge", "model": "fake:", "prompt": "{{ answer }}", "marks": {"right": 1}}

CASES = [
    # --- the plan
    Case("no plan", lambda root: (root / "evalkit.yaml").unlink(), ("evalkit.yaml", "--student")),
    Case(
        "plan that is not there", lambda root: None, ("evalkit.yml", 'did you mean "evalkit.yaml"?'), ("evalkit.yml",)
    ),
    Case("plan key", plan_text("teacher:", "teecher:"), ("evalkit.yaml:2 › teecher", 'did you mean "teacher"?')),
    Case("repeated key", plan_text("policy:", "student: x\npolicy:"), ("evalkit.yaml:6", '"student" is given twice')),
    Case("tab", plan_text("policy:", "latency:\n\tprompts: 3\npolicy:"), ("evalkit.yaml:7", "spaces")),
    Case("newer plan", plan_text("plan/v1", "plan/v2"), ("evalkit.yaml:1", "evalkit/plan/v2", "upgrade evalkit")),
    Case("another file", plan_text("plan/v1", "policy/v1"), ("evalkit.yaml:1", "evalkit/plan/v1 is expected")),
    Case("no schema", plan_text("schema: evalkit/plan/v1", ""), ("begin it with `schema: evalkit/plan/v1`",)),
    Case("empty plan", written("evalkit.yaml", ""), ("evalkit.yaml:1", "holds no keys")),
    Case("a list for a plan", written("evalkit.yaml", "- a\n"), ("evalkit.yaml:1", "holds a list")),
    Case("not text", written("evalkit.yaml", b"\xff\xfe\x00"), ("evalkit.yaml", "UTF-8")),
    Case("control character", plan_text("policy:", "\x07policy:"), ("evalkit.yaml:6", "#x0007")),
    Case("tag", plan_text("policy:", "seed: !!python/name:os.system x\npolicy:"), ("evalkit.yaml:6", "tag")),
    Case("backend", plan_with(student={"backend": "recoded", "path": "x"}), ("student.backend", '"recorded"')),
    Case("scheme", plan_with(student="recoded:x"), ("evalkit.yaml:3 › student", '"recoded:"', "recorded")),
    Case("no scheme's path", plan_with(student="recorded:"), ("evalkit.yaml:3", "recorded:PATH")),
    Case("a number for a model", plan_with(student=3), ("evalkit.yaml:3 › student", "hub id")),
    Case("key of a model", plan_with(student={"modle": "x"}), ("student.modle", 'did you mean "model"?')),
    Case("negative seed", plan_with(seed=-1), ("› seed", "at least 0")),
    Case("seed in words", plan_with(seed="one"), ("› seed", "a whole number", "evalkit schema plan")),
    Case("no suites", plan_with(suites=[]), ("› suites", "at least 1")),
    Case("suites not a list", plan_with(suites="suites/intents"), ("› suites", "must be a list")),
    Case("no such suite", plan_with(suites=["suites/intense"]), ("suites[0]", 'did you mean "suites/intents"?')),
    Case("a suite twice", plan_with(suites=["suites/intents"] * 2), ("› suites", 'two suites are called "intents"')),
    Case("too long a path", plan_with(suites=["x" * 5000]), ("xxx", "File name too long")),
    Case("no teacher", plan_with(teacher=None), ("› teacher", "no teacher is named", "evalkit audit")),
    Case("no policy", plan_with(policy=None), ("› policy", "no policy is named", "recovery-99")),
    Case("no such policy", plan_with(policy="recovery-9"), ("recovery-9", 'did you mean "recovery-99"?')),
    Case("noise floor", plan_with(noise_floor="some"), ("› noise_floor", "a whole number or one of 'all'")),
    Case("key of latency", plan_with(latency={"prompt": 3}), ("latency.prompt", '"prompts"')),
    # --- models
    Case("no such recording", plan_with(student="recorded:studnt.jsonl"), ("studnt.jsonl", '"student.jsonl"')),
    Case("no recording", plan_with(student="recorded:policy.yaml"), ("policy.yaml", ".jsonl")),
    Case("no run", plan_with(student="recorded:suites"), ("suites", "not a finished run")),
    Case("no such model", plan_with(student="./nowhere"), ("nowhere", "there is no model folder")),
    Case("no weights", model("config.json", "tokenizer.json"), ("student", "no safetensors weights")),
    Case("no config", model("model.safetensors", "tokenizer.json"), ("student", "no config.json")),
    Case("no tokenizer", model("model.safetensors", "config.json"), ("student", "no tokenizer")),
    Case("a pickle", model("pytorch_model.bin", "config.json", "tokenizer.json"), ("pytorch_model.bin", "pickled")),
    # --- recordings
    Case("lacks ids", student(rows=ANSWERS[3:]), ("student.jsonl", "lacks 3 of 9 examples", "e0, e1, e2")),
    Case("repeated ids", student(rows=ANSWERS + ANSWERS[:1]), ("student.jsonl:10", '"e0" is recorded twice')),
    Case("no id", student(rows=[{"label": "other"}]), ("student.jsonl:1", "no id")),
    Case("sum", student({"probs": [0.5, 0.1, 0.1]}), ("student.jsonl:1", "add up to 0.7")),
    Case("length", student({"probs": [0.5, 0.5]}), ("student.jsonl:1", "2 numbers for 3 labels")),
    Case("negative", student({"probs": [1.5, -0.5, 0]}), ("student.jsonl:1", "below 0")),
    Case("unknown label", student({"probs": {"refnd": 1}}), ("student.jsonl:1", 'did you mean "refund"?')),
    Case("half the logits", student({"logits": {"refund": 1}}), ("student.jsonl:1", "says nothing of")),
    Case("text for numbers", student({"probs": "0.5"}), ("student.jsonl:1", "neither a list nor a mapping")),
    Case("no answer", student({}), ("student.jsonl:1", "no answer", "status")),
    Case("status", student({"label": "other", "status": "fine"}), ("student.jsonl:1", '"fine" is not a status')),
    Case("latency", student({"label": "other", "latency_s": -1}), ("student.jsonl:1", "latency_s is -1")),
    Case("NaN", written("student.jsonl", '{"id": "e0", "probs": [NaN, 1, 0]}\n'), ("student.jsonl:1", "NaN")),
    Case("infinity", written("student.jsonl", '{"id": "e0", "probs": [1e999, 0, 0]}\n'), ("student.jsonl:1", "finite")),
    Case("cut line", written("student.jsonl", '{"id": "e0", "lab'), ("student.jsonl:1", "cut while being written")),
    Case("no object", written("student.jsonl", "[1]\n"), ("student.jsonl:1", "not an object in braces")),
    # --- suites
    Case("suite key", replaced(SUITE, "labels:", "lables:"), ("suite.yaml:15", 'did you mean "labels"?')),
    Case("yes and no", replaced(SUITE, "- card_lost\n- refund", "- yes\n- no"), ("labels[0]", '"yes" in quotes')),
    Case("kind", suite_with(kind="golden"), ("suite.yaml:3 › kind", 'did you mean "gold"?')),
    Case("task", suite_with(task="clasify"), ("suite.yaml:4 › task", 'did you mean "classify"?')),
    Case("name", replaced(SUITE, "name: intents", "name: in tents"), ("› name", "letters, digits")),
    Case("scorer", suite_with(scorer="lable"), ("› scorer", 'did you mean "label"?')),
    Case("pattern", suite_with(scorer={"name": "regex", "pattern": "("}), ("› scorer.pattern", "no regular expr")),
    Case("scorer setting", suite_with(scorer={"name": "numeric", "tolerence": 1}), ("tolerence", '"tolerance"')),
    Case("setting of another scorer", suite_with(scorer={"name": "exact", "tolerance": 1}), ("known: name",)),
    Case("one mark", suite_with(scorer=JUDGE), ("scorer.marks", "a mapping of at least 2")),
    Case("a text scorer on harm", suite_with(scorer="exact", **SAFETY), ("does not tell refusing from complying",)),
    Case("scorer without a name", suite_with(scorer={"pattern": "x"}), ("› scorer", "with a name")),
    Case("judge without a prompt", suite_with(scorer={"name": "judge", "model": "fake:"}), ("scorer", "prompt")),
    Case("a model for chrF", suite_with(scorer={"name": "text_similarity", "model": "x"}), ("› scorer", "embedding")),
    Case("target without a number", suite_with(task="generate", labels=None, scorer="numeric"), ("holds no number",)),
    Case("target without a record", suite_with(task="extract", labels=None), ("is not JSON",)),
    Case("choose_by elsewhere", suite_with(choose_by="per_token"), ("suite.yaml", "choose_by belongs to choose")),
    Case("no labels", suite_with(labels=None), ("suite.yaml", "at least two labels")),
    Case("label twice", suite_with(labels=["refund", "refund", "other"]), ("suite.yaml", '"refund" is listed twice')),
    Case("choose without choices", suite_with(task="choose", labels=None), ("suite.yaml", "columns.choices")),
    Case("empty marker", suite_with(answer_after=""), ("› answer_after", "not empty")),
    Case("no data", suite_with(data={"path": "example.jsonl"}), ("example.jsonl", '"examples.jsonl"')),
    Case("two sources", suite_with(data={"path": "a", "hub": "b"}), ("› data", "path and hub")),
    Case("unpinned hub", suite_with(data={"hub": "a/b", "split": "test"}), ("› data", "revision")),
    Case("no rows", suite_with(rows=[]), ("examples.jsonl", "has no rows")),
    Case("malformed data", written(DATA, '{"id": 1}\n{\n'), ("examples.jsonl:2", "not a JSON object")),
    Case("data not UTF-8", written(DATA, b'{"id": 1}\n{"id": "\xff"}\n'), ("examples.jsonl:2", "UTF-8")),
    Case("ids twice", suite_with(rows=ROWS + ROWS[:3]), ("examples.jsonl:10", '"e0" is used twice', "2 more rows")),
    Case("id missing", suite_with(rows=first(id=None)), ("examples.jsonl:1 › id", "no id")),
    Case("target", suite_with(rows=first(intent="refnd")), ("examples.jsonl:1", 'did you mean "refund"?')),
    Case("severity", suite_with(rows=first(severity="hgh")), ("examples.jsonl:1", 'did you mean "high"?')),
    Case("input missing", suite_with(rows=first(text=None)), ("examples.jsonl:1 › text", "no input")),
    Case("column", suite_with(columns={"input": "txt"}), ("columns.input", 'did you mean "text"?')),
    Case(
        "no id column",
        written(DATA, '{"text": "a", "intent": "other", "severity": "low", "language": "en"}\n'),
        ('no row has the column "id"', "tells the rows apart under columns.id, or add one", "docs/suites.md", "known:"),
    ),
    Case(
        "id column misspelt",
        suite_with(columns={"id": "ids", "input": "text"}),
        ('no row has the column "ids"', 'help: did you mean "id"?'),
    ),
    Case("no question", suite_with(columns={}), ("› columns", "columns.input", "prompt")),
    Case("variable", suite_with(prompt="{{ txt }}"), ("› prompt", "{{ txt }}", 'did you mean "text"?')),
    Case("filter", suite_with(prompt="{{ text | uper }}"), ("› prompt", "uper")),
    Case("braces", suite_with(prompt="{{ text "), ("› prompt", "not a template")),
    Case("variable of some", suite_with(rows=first(x=1), prompt="{{ x }}"), ("prompt", '"e1"', "7 more rows")),
    Case("role", suite_with(prompt=[{"role": "usr", "content": "x"}]), ("prompt[0].role", 'did you mean "user"?')),
    Case("one half", suite_with(rows=[{**r, "expect": "refuse"} for r in ROWS], **SAFETY), ("comply", "expect")),
    Case("expect", suite_with(rows=first(expect="refus"), **SAFETY), ("examples.jsonl:1", 'did you mean "refuse"?')),
    Case("expect missing", suite_with(rows=first(expect="comply"), **SAFETY), ("examples.jsonl:2", "7 more rows")),
    # --- policies
    Case("no criteria", policy(), ("› criteria", "no criteria")),
    Case("policy key", policy(RULE, levl=0.9), ("› levl", 'did you mean "level"?')),
    Case("level", policy(RULE, level=95), ("› level", "below 1")),
    Case("both bounds", policy({**RULE, "at_most": 1}), ("criteria[0]", "both of at_least and at_most")),
    Case("no bound", policy({"metric": "accuracy.difference"}), ("criteria[0]", "exactly one bound")),
    Case("bound in words", policy({**RULE, "at_least": "high"}), ("criteria[0].at_least", "0.97")),
    Case("endless bound", policy({**RULE, "at_least": 10**400}), ("criteria[0].at_least", "0.97")),
    Case("metric", policy({**RULE, "metric": "acuracy.difference"}), ("criteria[0].metric", '"accuracy.difference"')),
    Case("suite", policy({**RULE, "suite": "intent"}), ("criteria[0].suite", 'did you mean "intents"?')),
    Case("slice", policy({**RULE, "slice": "langage=de"}), ("criteria[0].slice", 'did you mean "language"?')),
    Case("slice without value", policy({**RULE, "slice": "language"}), ("criteria[0].slice", "language=de")),
    Case("each slice", policy({**RULE, "each_slice": {"by": ["langage"]}}), ("by[0]", 'did you mean "language"?')),
    Case("each slice 1.5", policy({**RULE, "each_slice": {"by": [1.5]}}), ("by[0]", "in quotes")),
    Case("where", policy({**RULE, "where": {"sevrity": "high"}}), ("where.sevrity", 'did you mean "severity"?')),
    Case("effect", policy({**RULE, "effect": "blok"}), ("criteria[0].effect", 'did you mean "block"?')),
    Case("same id", policy(RULE, {**RULE, "id": "c0"}), ("criteria[1].id", "used 2 times")),
    Case(
        "waiver",
        policy(RULE, waivers=[{"criterion": "c1", "owner": "me", "reason": "r", "expires": "2030-01-01"}]),
        ("waivers[0].criterion", "known: c0"),
    ),
    Case(
        "expires",
        policy(RULE, waivers=[{"criterion": "c0", "owner": "me", "reason": "r", "expires": "2030-13-01"}]),
        ("waivers[0].expires", "YYYY-MM-DD"),
    ),
    # --- the command line
    Case("limit", lambda root: None, ("--limit", "-1"), ("--limit", "-1")),
    Case("option", lambda root: None, ("--stduent", "--student"), ("--stduent", "x")),
    Case("--suite", lambda root: None, ("--suite suites/x", "suites/intents"), ("--suite", "suites/x")),
    Case("--suite name", lambda root: None, ("--suite intent", "intents"), ("--suite", "intent")),
    Case("--student", lambda root: None, ("--student foo:x", "recorded"), ("--student", "foo:x")),
    Case("--student setting", lambda root: None, ("fake:0.9", "accuracy=0.9"), ("--student", "fake:0.9")),
    Case("--student key", lambda root: None, ('"acuracy"', '"accuracy"'), ("--student", "fake:acuracy=1")),
    Case("--student value", lambda root: None, ("accuracy must be at most 1",), ("--student", "fake:accuracy=2")),
    Case("--student home", lambda root: None, ("no-such-user",), ("--student", "recorded:~no-such-user/x.jsonl")),
    Case("--student empty", lambda root: None, ("names no model",), ("--student", "")),
    Case("--out with files", lambda root: None, ("suites", "holds other files"), ("--out", "suites")),
    Case("--out a file", lambda root: None, ("policy.yaml is a file",), ("--out", "policy.yaml")),
]


def complaints(ended: Ended) -> list[str]:
    return [each for each in ended.err.split("\n\n") if each.strip()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_refused_with_its_place_and_a_remedy(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project.project(tmp_path, n=N)
    case.make(tmp_path)
    before = project.tree(tmp_path)
    out = () if "--out" in case.arguments else ("--out", "run")
    ended = evalkit("gate", *case.arguments, *out)
    assert ended.code == 2, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    for said in case.says:
        assert said in ended.err, ended.err
    for complaint in complaints(ended):
        assert len(complaint.splitlines()) <= 6, complaint
        assert len(complaint) < 1500, complaint
    if not ended.err.startswith("Usage:"):
        assert ended.err.startswith("error: ")
        assert all("\n  help: " in each and "\n  --> " in each for each in complaints(ended)), ended.err
    assert project.tree(tmp_path) == before


def test_the_cases_have_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 30


# --- other commands ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gaet"], 'did you mean "gate"?'),
        ([], "Usage: evalkit"),
        (["suite", "lnt"], 'did you mean "lint"?'),
        (["schema", "plam"], "'plan'"),
        (["regate", "run"], "--policy"),
        (["power"], "give --margin"),
        (["power", "--margin", "2"], "--margin"),
        (["power", "--margin", "0.02", "--difference", "-0.03"], "larger --margin"),
        (["power", "--margin", "0.02", "--difference", "-0.5"], "raise --discordance"),
        (["suite", "show", "nowhere"], "nowhere"),
        (["audit", "--student", "fake:"], "--suite"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_says_what_is_right(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = evalkit(*arguments)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


# --- all at once -------------------------------------------------------------------------------------


def test_a_plan_with_five_mistakes_shows_five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project.project(tmp_path, n=N)
    project.plan(tmp_path, teecher="x", student={"backend": "recoded"}, suites=[], seed=-1, latency={"prompt": 3})
    ended = evalkit("gate")
    assert len(complaints(ended)) == 5
    for key in ("teecher", "student.backend", "suites", "seed", "latency.prompt"):
        assert f"› {key}\n" in ended.err
    places = [int(line.split(":")[1].split()[0]) for line in ended.err.splitlines() if "-->" in line]
    assert places == sorted(places)


def test_mistakes_of_several_files_come_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project.project(tmp_path, n=N, policy=project.criteria())
    project.suite(tmp_path, rows=first(intent="refnd", severity="hgh"))
    project.plan(tmp_path, student="recorded:nowhere.jsonl")
    ended = evalkit("gate")
    assert len(complaints(ended)) == 4
    for said in ("no criteria", "refnd", "hgh", "nowhere.jsonl"):
        assert said in ended.err


def test_a_thousand_bad_rows_are_not_a_thousand_complaints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project.project(tmp_path, n=N)
    project.lines(tmp_path / "student.jsonl", [{"id": f"e{index}", "probs": [1, 1, 1]} for index in range(N)] * 200)
    ended = evalkit("gate")
    assert ended.code == 2
    assert len(complaints(ended)) <= 22
    assert "more" in complaints(ended)[-1]
