"""The wrong turns of somebody's first hour: what was named instead of what was meant, and a world that does not play
along. Each ends in a clear message with the next step, in the exit code of the contract, and soon."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from evalkit import files
from evalkit.backends.local import hub
from tests import language_models, models
from tests.cli import project
from tests.cli.project import Ended, evalkit

N = 9
ROWS = project.examples(N)
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 268435456\n"
)
EXTRAS = ("ray", "rapidfuzz", "sacrebleu", "uvicorn", "mlflow", "pynvml")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher, a smaller student, one with other labels and a language model, as `save_pretrained` leaves them."""
    folder = tmp_path_factory.mktemp("saved")
    models.save_classifier(folder / "teacher", labels=project.LABELS, width=64)
    models.save_classifier(folder / "student", labels=project.LABELS, width=32, layers=1)
    models.save_classifier(folder / "stranger", labels=("a", "b", "c"))
    language_models.save_language_model(folder / "causal")
    return folder


@pytest.fixture
def root(tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that is right, with the models in it, as the working directory."""
    monkeypatch.chdir(tmp_path)
    project.project(tmp_path, n=N)
    shutil.copytree(saved, tmp_path / "models")
    return tmp_path


@dataclass(frozen=True)
class Turn:
    """A wrong turn: what is done to the project, what is typed, and what the message must say."""

    name: str
    says: tuple[str, ...]
    make: Callable[[Path], Any] = lambda root: None
    arguments: tuple[str, ...] = ()
    never: tuple[str, ...] = field(default=())


def plan(**over: Any) -> Callable[[Path], Any]:
    return lambda root: project.plan(root, **over)


def suite(**over: Any) -> Callable[[Path], Any]:
    return lambda root: project.suite(root, rows=ROWS, **over)


def student(*kept: str, **made: bytes | str) -> Callable[[Path], Any]:
    """The plan's student is ./odd, with these files of a good model, and these others (dots are written __)."""

    def make(root: Path) -> None:
        (root / "odd").mkdir()
        for name in kept:
            shutil.copy(root / "models" / "student" / name, root / "odd" / name)
        for name, content in made.items():
            data = content.encode() if isinstance(content, str) else content
            (root / "odd" / name.replace("__", ".")).write_bytes(data)
        project.plan(root, student="./odd")

    return make


def with_delimiter(mark: str) -> Callable[[Path], Any]:
    def make(root: Path) -> None:
        folder = project.suite(root, rows=ROWS, data={"path": "examples.csv"})
        rows = [list(ROWS[0]), *([str(each) for each in row.values()] for row in ROWS)]
        (folder / "examples.csv").write_text("".join(mark.join(row) + "\n" for row in rows))

    return make


def finished(root: Path) -> None:
    assert evalkit("gate", "--out", "done", "--quiet").code in (0, 3)


CONFIG, WEIGHTS, TOKENS = "config.json", "model.safetensors", ("tokenizer.json", "tokenizer_config.json")
INDEX = json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}})
ADAPTER = json.dumps({"base_model_name_or_path": "org/base", "peft_type": "LORA"})

TURNS = [
    # --- where is the plan?
    Turn("no plan", ("evalkit.yaml", "evalkit init"), lambda root: (root / "evalkit.yaml").unlink()),
    Turn(
        "the plan's other ending",
        ("did you mean this one? evalkit gate evalkit.yml",),
        lambda root: (root / "evalkit.yaml").rename(root / "evalkit.yml"),
    ),
    Turn("a suite's folder", ("suites/intents is a suite", "--suite suites/intents"), arguments=("suites/intents",)),
    Turn(
        "a suite's file",
        ("suite.yaml:1", "this is a suite", "--suite suites/intents"),
        arguments=("suites/intents/suite.yaml",),
        never=("write `schema: evalkit/plan/v1`",),
    ),
    Turn("a policy", ("policy.yaml:1", "this is a policy", "--policy policy.yaml"), arguments=("policy.yaml",)),
    Turn("a model's folder", ("models/student is a model", "--student"), arguments=("models/student",)),
    Turn("a run", ("done is a run", "evalkit show done", "evalkit regate done"), finished, ("done",)),
    Turn("rows", ("student.jsonl holds rows", "recorded:FILE"), arguments=("student.jsonl",)),
    Turn("a folder of folders", ("suites/evalkit.yaml", "check the path"), arguments=("suites",)),
    Turn(
        "JSON without a schema",
        ("plan.json:1", "schema: evalkit/plan/v1"),
        lambda root: (root / "plan.json").write_text('{"student": "recorded:student.jsonl"}'),
        ("plan.json",),
    ),
    # --- where is the model?
    Turn(
        "a slip in the teacher",
        ("evalkit.yaml:2 › teacher", "there is no model folder", 'models/teacher"?'),
        plan(teacher="./models/teachr"),
    ),
    Turn("the same as an option", ("--teacher", 'models/teacher"?'), arguments=("--teacher", "./models/teachr")),
    Turn(
        "a slip further up",
        ("evalkit.yaml:2 › teacher", 'did you mean "models/teacher"?', "hub"),
        plan(teacher="model/teacher"),
    ),
    Turn("a wrong folder altogether", ("no folder", "relative to the plan"), plan(teacher="./checkpoints/v2/best")),
    Turn("a name alone", ('"teacher" is no folder here', "./teacher"), plan(teacher="teacher")),
    Turn(
        "a hub id while offline",
        ("evalkit.yaml:3 › student", "not in the cache", "HF_HUB_OFFLINE is set", "unset HF_HUB_OFFLINE"),
        plan(student="distilbert/distilbert-base-uncased"),
    ),
    Turn("a misspelt hub id", ("it is no such id", "org/name"), plan(student="no such name!")),
    Turn("an empty folder", ("evalkit.yaml:3 › student", "odd is empty", "save_pretrained"), student()),
    Turn("weights alone", ("no config.json", "no tokenizer"), student(WEIGHTS)),
    Turn("no tokenizer", ("no tokenizer", 'tokenizer.save_pretrained("'), student(CONFIG, WEIGHTS)),
    Turn("no weights", ("no safetensors weights",), student(CONFIG, *TOKENS)),
    Turn("a pickle", ("only model.pt", "can run code"), student(CONFIG, *TOKENS, model__pt=b"x")),
    Turn(
        "GGUF in a folder", ("model.gguf", "a GGUF file", "openai:"), student(model__gguf=b"GGUF"), never=("pickled",)
    ),
    Turn(
        "a GGUF file",
        ("a GGUF file, not a model folder", "openai:"),
        lambda root: (root / "m.gguf").write_bytes(b"GGUF"),
        ("--student", "./m.gguf"),
    ),
    Turn("ONNX", ("an ONNX file", "recorded:FILE"), student(CONFIG, *TOKENS, model__onnx=b"x"), never=("pickled",)),
    Turn(
        "an adapter",
        ("holds an adapter made for org/base", "merge_and_unload"),
        student(*TOKENS, adapter_config__json=ADAPTER, adapter_model__safetensors=b"x"),
    ),
    Turn(
        "an adapter beside a configuration",
        ("holds an adapter",),
        student(CONFIG, *TOKENS, adapter_config__json=ADAPTER, adapter_model__safetensors=b"x"),
    ),
    Turn(
        "weights that were not pulled",
        ("model.safetensors in", "Git LFS pointer", "git lfs pull"),
        student(CONFIG, *TOKENS, model__safetensors=POINTER),
    ),
    Turn(
        "half a download",
        ("lacks 1 of its 2 weight files", "model-00002-of-00002.safetensors", "download it again"),
        student(
            CONFIG,
            *TOKENS,
            **{"model__safetensors__index__json": INDEX, "model-00001-of-00002__safetensors": b"x"},
        ),
    ),
    Turn(
        "a folder of checkpoints",
        ("no model folder, but holds 2", "checkpoint-1000"),
        lambda root: [
            project.plan(root, student="./all"),
            *(shutil.copytree(root / "models/student", root / "all" / name) for name in NUMBERED),
        ],
    ),
    Turn(
        "something else altogether", ("it has no config.json", "this one holds notes.txt"), student(notes__txt=b"hello")
    ),
    Turn("outputs as a model", ("student.jsonl is a file", "recorded:student.jsonl"), plan(student="./student.jsonl")),
    # --- do they fit?
    Turn("other labels", ("lacks 'card_lost'", "it also knows 'a'", "id2label"), plan(student="models/stranger")),
    Turn(
        "a classifier that is to write",
        ("asks to generate", "can only classify", "evalkit.yaml:3 › student"),
        lambda root: [suite(task="generate", labels=None)(root), project.plan(root, student="models/student")],
    ),
    Turn(
        "a suite's column",
        ('"label"', "suite.yaml:11 › columns.target", "intent"),
        suite(columns={"id": "id", "input": "text", "target": "label"}),
    ),
    Turn("semicolons", ("examples.csv:1", "parted by semicolons", "with commas"), with_delimiter(";")),
    Turn("tabs", ("examples.csv:1", "parted by tabs"), with_delimiter("\t")),
    Turn(
        "rows that were not pulled",
        ("examples.jsonl is a Git LFS pointer", "git lfs pull"),
        lambda root: (root / "suites/intents/examples.jsonl").write_text(POINTER),
    ),
    Turn(
        "a plan for a suite", ("evalkit.yaml:1", "this is a plan: name a suite"), arguments=("--suite", "evalkit.yaml")
    ),
    # --- slips in names
    Turn("a named policy", ("recovry-95", 'did you mean "recovery-95"?'), arguments=("--policy", "recovry-95")),
    Turn("a policy's file", ("polcy.yaml", 'did you mean "policy.yaml"?'), plan(policy="polcy.yaml")),
    Turn(
        "a metric",
        ("policy.yaml", "criteria[0].metric", 'did you mean "accuracy.retention"?'),
        lambda root: project.dump(
            root / "policy.yaml", project.criteria({"metric": "accuracy.retension", "at_least": 0.9})
        ),
    ),
    Turn("an output that is a file", ("policy.yaml is a file", "name a folder"), arguments=("--out", "policy.yaml")),
]
NUMBERED = ("checkpoint-500", "checkpoint-1000")


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.name)
def test_a_wrong_turn_is_refused_and_the_next_step_named(turn: Turn, root: Path) -> None:
    turn.make(root)
    before = project.tree(root)
    ended = evalkit("gate", *turn.arguments, *(() if "--out" in turn.arguments else ("--out", "run")))
    assert ended.code == 2, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    for said in turn.says:
        assert said in ended.err, ended.err
    for said in turn.never:
        assert said not in ended.err, ended.err
    for complaint in filter(str.strip, ended.err.split("\n\n")):
        assert complaint.startswith("error: ")
        assert "\n  --> " in complaint, complaint
        assert "\n  help: " in complaint, complaint
    assert project.tree(root) == before


def test_there_are_enough_of_them() -> None:
    assert len({turn.name for turn in TURNS}) == len(TURNS) >= 18


def test_a_plan_above_is_found_from_a_folder_of_the_project(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "suites")
    ended = evalkit("gate")
    assert ended.code == 2
    assert "did you mean this one? evalkit gate ../evalkit.yaml" in ended.err
    # And that command is right: paths in a plan are relative to the plan.
    assert evalkit("gate", "../evalkit.yaml", "--out", "../run", "--quiet").code == 3


# --- what runs, and deserves a remark ----------------------------------------------------------------


def reasons(root: Path) -> str:
    return "\n".join(project.verdict(root / "run")["reasons"])


def gate(*arguments: str) -> Ended:
    ended = evalkit("gate", "--out", "run", "--quiet", *arguments)
    assert "Traceback" not in ended.err, ended
    return ended


def test_a_teacher_smaller_than_its_student_is_asked_about(root: Path) -> None:
    gate("--teacher", "models/student", "--student", "models/teacher")
    assert "the student is larger than its teacher (86,915 parameters against 17,507): were the two swapped?" in (
        reasons(root)
    )
    assert evalkit("verify", "run").code == 0
    shutil.rmtree("run")
    gate("--teacher", "models/teacher", "--student", "models/student")
    assert "swapped" not in reasons(root)


def test_a_model_compared_with_itself_is_noticed(root: Path) -> None:
    project.project(root, n=30)
    shutil.copytree(root / "models" / "student", root / "copy")
    gate("--teacher", "models/student", "--student", "copy")
    assert "all 30 answers of the student are its teacher's, to the last digit: are they the same model?" in reasons(
        root
    )
    assert evalkit("verify", "run").code == 0
    shutil.rmtree("run")
    gate("--teacher", "models/teacher", "--student", "models/student")
    assert "the same model" not in reasons(root)


def sure(index: int) -> list[float]:
    """Probabilities of the right label and of the two others, different on every row."""
    likely = 0.9 - index / 1000
    return [likely if each == project.LABELS[index % 3] else (1 - likely) / 2 for each in project.LABELS]


def certain(index: int) -> list[float]:
    return [float(each == project.LABELS[index % 3]) for each in project.LABELS]


@pytest.mark.parametrize(
    ("n", "unsure", "said"),
    [
        (20, 19, None),
        (20, 20, "all 20 answers of the student are its teacher's, to the last digit"),
        (40, 36, "all 40 answers of the student are its teacher's, to the last digit"),
        (40, 35, "all 40 answers of the student are its teacher's, 35 of them to the last digit"),
        (300, 0, None),
    ],
)
def test_a_recording_compared_with_itself_is_noticed_by_numbers_that_chance_does_not_give(
    root: Path, n: int, unsure: int, said: str | None
) -> None:
    project.project(root, n=n)
    for role in ("teacher", "student"):
        rows = [{"id": f"e{index}", "probs": sure(index) if index < unsure else certain(index)} for index in range(n)]
        project.lines(root / f"{role}.jsonl", rows)
    gate()
    assert ("are they the same model?" in reasons(root)) == (said is not None)
    assert said is None or f"{said}: are they" in reasons(root)


def test_a_few_numbers_that_are_the_same_on_every_row_prove_nothing(root: Path) -> None:
    project.project(root, n=300)
    for role in ("teacher", "student"):
        project.lines(root / f"{role}.jsonl", project.answers(300))
    gate()
    assert "the same model" not in reasons(root)


def test_labels_alone_that_are_all_equal_are_no_news_however_many(root: Path) -> None:
    project.project(root, n=600)
    for role in ("teacher", "student"):
        project.lines(root / f"{role}.jsonl", project.answers(600, probs=False))
    gate()
    assert "the same model" not in reasons(root)


def test_a_suite_of_five_is_inconclusive_and_says_how_many_more(root: Path) -> None:
    project.project(root, n=5, teacher_errs=lambda index: False, student_errs=lambda index: False)
    ended = gate()
    assert ended.code == 3
    assert "more examples would settle it" in " ".join(ended.out.split())
    assert "the evidence is too thin; do not promote" in ended.out


def test_a_language_model_may_classify_by_the_likelihood_of_labels(root: Path) -> None:
    ended = gate("--teacher", "models/causal", "--student", "models/causal")
    assert ended.code in (0, 3)


def test_a_gate_on_labels_and_one_on_texts_need_nothing_of_the_extras(root: Path) -> None:
    columns = {"id": "id", "input": "text", "target": "intent"}
    for measure in ("chrf", "edit"):
        written = [{**row, "id": f"{measure}-{row['id']}"} for row in ROWS]
        scorer = {"name": "text_similarity", "measure": measure}
        project.suite(root, measure, written, task="generate", labels=None, columns=columns, scorer=scorer)
        for role in ("teacher", "student"):
            path = root / f"{role}.jsonl"
            said = [{"id": row["id"], "text": f"{row['intent']}, please"} for row in written]
            path.write_text(path.read_text() + "".join(json.dumps(row) + "\n" for row in said), encoding="utf-8")
    project.plan(root, suites=["suites/intents", "suites/chrf", "suites/edit"])
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from evalkit.cli import main
main(["gate", "--out", "run", "--quiet"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (3, "")
    # It was a score of texts, and not nothing, that was computed without them.
    rows = json.loads((root / "run" / "results.json").read_text(encoding="utf-8"))["metrics"]
    scored = {
        row["suite"]: row["estimate"]["value"] for row in rows if row["metric"] == "score.student" and not row["slice"]
    }
    assert 0 < scored["chrf"] < 1
    assert 0 < scored["edit"] < 1


# --- the hub -----------------------------------------------------------------------------------------


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub that says of a model org/CODE what CODE is."""

    codes: ClassVar[dict[str, int]] = {"RepoNotFound": 404, "GatedRepo": 403, "RevisionNotFound": 404, "Down": 503}

    def do_GET(self) -> None:
        code = next(each for each in self.codes if each in self.path)
        self.send_response(self.codes[code])
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def serving() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def asked(endpoint: str, model: str, tmp: Path, patience: float = hub.PATIENCE_S) -> Ended:
    """A gate in a process of its own that may use the network, with this hub; the plan names the student."""
    project.plan(tmp, student=model)
    code = f"""
from evalkit.backends.local import hub
from evalkit.cli import main
hub.PATIENCE_S = {patience}
main(["gate", "--out", "run", "--quiet"])
"""
    environment = {
        **os.environ,
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120, env=environment, cwd=tmp
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("org/RepoNotFound", ("the hub does not have it", "check the name")),
        ("org/GatedRepo", ("it is gated", "HF_TOKEN")),
        ({"model": "org/RevisionNotFound", "revision": "v9"}, ('no revision "v9"', "a commit, a tag or a branch")),
        ("org/Down", ("the hub is out of order (it answered 503)", "try again later, or download the model before")),
    ],
    ids=["absent", "gated", "revision", "down"],
)
def test_what_the_hub_says_of_a_model_is_told(
    root: Path, model: Any, says: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A proxy that leads nowhere, as it may be set where the tests run, is not asked for a hub that is here.
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving() as endpoint:
        ended = asked(endpoint, model, root)
    assert ended.code == 2, ended
    assert "evalkit.yaml:3 › student" in ended.err
    assert "Traceback" not in ended.err
    for said in says:
        assert said in ended.err, ended.err


def test_a_hub_that_never_answers_is_not_waited_for(root: Path) -> None:
    # It takes the connection and stays silent, as behind some firewalls. The process's time-out is the test.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        ended = asked(f"http://127.0.0.1:{silent.getsockname()[1]}", "org/model", root, patience=0.5)
    assert ended.code == 2, ended
    assert "the hub did not answer within 0.5 s" in ended.err


# --- a disk that does not play along -----------------------------------------------------------------


def unwritable(root: Path, kind: str) -> Path:
    """A folder that nothing can be written into."""
    if kind == "below a file":
        return root / "policy.yaml" / "deeper"
    if kind == "proc":
        if not Path("/proc/self").exists():
            pytest.skip("there is no /proc here")
        return Path("/proc/evalkit")
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (root / "locked").mkdir(mode=0o500)
    return root / "locked" / "deeper"


KINDS = ["below a file", "proc", "no permission"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_cannot_be_written_is_broken_before_a_model_runs(root: Path, kind: str) -> None:
    out = unwritable(root, kind)
    ended = evalkit("gate", "--out", out, "--student", "fake:delay_s=100")
    assert ended.code == 4
    assert f"the run directory {out} cannot be written" in ended.err
    assert "name another" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_that_cannot_be_written_is_broken_and_says_so(root: Path, kind: str) -> None:
    ended = gate("--student", "fake:accuracy=0.9", "--cache", str(unwritable(root, kind)))
    assert ended.code == 4
    assert "the cache cannot be written" in reasons(root)
    assert "name another" in reasons(root)
    assert not (root / "run" / "manifest.json").exists()


def test_a_full_disk_is_broken_and_leaves_no_manifest(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", full)
        ended = gate()
    assert ended.code == 4
    assert "No space left on device" in ended.err
    assert "free some space and run the same command again" in ended.err
    assert not (root / "run" / "manifest.json").exists()
    # The next step is as promised.
    assert gate().code == 3


def test_a_limit_on_files_is_broken_and_leaves_no_manifest(root: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    project.project(root, n=300)
    done = project.process("gate", "--out", "run", "--quiet", preexec_fn=limited)
    assert done.returncode == 4
    assert "File too large" in done.stderr
    assert "ulimit -f" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (root / "run" / "manifest.json").exists()


# --- the scripts of the checkout ---------------------------------------------------------------------


SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.parametrize("options", [(), ("--check",)], ids=["write", "check"])
def test_a_suite_that_make_suites_does_not_know_is_named(options: tuple[str, ...]) -> None:
    command = [sys.executable, SCRIPTS / "make-suites", *options, "NOSUCH"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("no suite with a grammar: NOSUCH; known: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_the_table_of_the_real_pair_outlives_an_output_without_its_signs(tmp_path: Path, encoding: str) -> None:
    code = """
import sys
from scripts.real_pair import __main__ as command
command.run = lambda *given: print("accuracy \u2013") or 0
sys.exit(command.main(sys.argv[1:]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "--work", str(tmp_path / "work")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=SCRIPTS.parent,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "accuracy ?\n", "")
