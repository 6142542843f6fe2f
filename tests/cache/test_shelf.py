"""Parts on a shelf: written whole, put together, never believed when they are not what was written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit import cache as room
from evalkit.backends import Backend
from evalkit.cache import RECORD, Shelf
from evalkit.cache.keys import SCHEMA
from evalkit.cache.parts import DamagedError, decoded, encoded, merged, name_of, read
from evalkit.collect import collect
from evalkit.errors import BrokenError, Complaint
from evalkit.files import canonical_json, leftovers
from evalkit.types import ModelFacts, Output, Request, Suite

FACTS = ModelFacts(name="m", backend="scripted", digest="sha256:m", live=True, settings={"dtype": "float32"})


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def asked(*numbers: int) -> list[Request]:
    return [
        Request(
            key=f"sha256:{number:064x}",
            suite="s",
            example_id=f"e{number}",
            task="classify",
            prompt=f"text {number}",
            choices=("a", "b"),
            generation={},
        )
        for number in numbers
    ]


def answered(requests: Sequence[Request]) -> list[Output]:
    return [
        Output(example_id=each.example_id, status="ok", label=f"label of {each.example_id}", probs=(0.25, 0.75))
        for each in requests
    ]


def parts(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.parquet"))


def filled(cache: Path, *batches: Sequence[int], facts: ModelFacts = FACTS) -> None:
    """A shelf with a part for each batch."""
    for batch in batches:
        shelf = Shelf(cache, facts)
        shelf.put(asked(*batch), answered(asked(*batch)))
        shelf.close()


# --- when a batch is written -------------------------------------------------------------------------


def test_a_batch_that_took_long_is_written_at_once_and_quick_ones_together(tmp_path: Path) -> None:
    clock = Clock()
    shelf = Shelf(tmp_path, FACTS, clock)
    shelf.claim()
    for number in range(4):
        clock.now += 0.3
        shelf.put(asked(number), answered(asked(number)))
        assert len(parts(tmp_path)) == (number == 3)
    clock.now += 5
    shelf.put(asked(4), answered(asked(4)))
    assert len(parts(tmp_path)) == 2
    assert sorted(len(read(each).batches) for each in parts(tmp_path)) == [1, 4]


def test_many_outputs_do_not_wait_for_the_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MOST_OUTPUTS", 4)
    shelf = Shelf(tmp_path, FACTS, Clock())
    shelf.put(asked(0, 1), answered(asked(0, 1)))
    assert parts(tmp_path) == []
    shelf.put(asked(2, 3), answered(asked(2, 3)))
    assert len(parts(tmp_path)) == 1


def test_what_waits_is_found_before_it_is_written_and_kept_when_the_shelf_is_closed(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, FACTS, Clock())
    shelf.put(asked(0, 1), answered(asked(0, 1)))
    assert parts(tmp_path) == []
    renamed = [replace(each, example_id=f"other {each.example_id}") for each in asked(0, 1)]
    got = shelf.get(renamed)
    assert got is not None
    assert [each.example_id for each in got] == ["other e0", "other e1"]
    assert [each.label for each in got] == ["label of e0", "label of e1"]
    shelf.close()
    assert Shelf(tmp_path, FACTS).get(asked(0, 1)) == answered(asked(0, 1))


class Interrupted(Backend):
    """Answers so many batches at once, and then is interrupted."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.seen = 0

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        return []

    def identify(self) -> ModelFacts:
        return FACTS

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        return [[index] for index in range(len(requests))]

    def run(self, requests: Sequence[Request]) -> list[Output]:
        if self.seen == self.after:
            raise KeyboardInterrupt
        self.seen += 1
        return answered(requests)

    def close(self) -> None:
        """Nothing was taken."""


def test_an_interrupt_loses_no_batch_that_was_finished(tmp_path: Path) -> None:
    requests = asked(*range(10))
    with pytest.raises(KeyboardInterrupt):
        collect(Interrupted(after=7), FACTS, requests, tmp_path, lambda done, total: None)
    resumed = Interrupted(after=-1)
    got = collect(resumed, FACTS, requests, tmp_path, lambda done, total: None)
    assert (got.batches, got.from_cache, resumed.seen) == (10, 7, 3)
    assert got.outputs == tuple(answered(requests))


def test_the_same_batch_put_twice_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PATIENCE_S", 0.0)
    shelf = Shelf(tmp_path, FACTS)
    for _ in range(3):
        shelf.put(asked(0), answered(asked(0)))
    shelf.put(asked(1), answered(asked(1)))
    shelf.close()
    (part,) = parts(tmp_path)
    assert len(read(part).batches) == 2


def test_small_parts_of_one_run_are_put_together_and_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(room, "_MANY", 3)
    filled(tmp_path, [100, 101])
    (others,) = parts(tmp_path)
    # Columns that one part has and another has not, and a text that is none.
    told = [
        [Output(example_id="e0", status="ok", text="half a \ud83d", tokens_out=3)],
        [Output(example_id="e1", status="ok", text="whole", written=(1, 2, 3))],
        [Output(example_id="e2", status="empty"), Output(example_id="e3", status="ok", probs=(0.5, 0.5))],
        [Output(example_id="e4", status="ok", text="", choice_logprobs=(), latency_s=0.5)],
    ]
    questions = [asked(0), asked(1), asked(2, 3), asked(4)]
    shelf = Shelf(tmp_path, FACTS)
    for requests, outputs in zip(questions, told, strict=True):
        shelf.put(requests, outputs)
    shelf.close()
    # What another process wrote is its own affair.
    assert len(parts(tmp_path)) == 2
    assert others in parts(tmp_path)
    again = Shelf(tmp_path, FACTS)
    assert [again.get(each) for each in questions] == told


def test_the_same_answers_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        filled(tmp_path / name, [0, 1], [2])
    one, two = ([each.name for each in parts(tmp_path / name)] for name in ("one", "two"))
    assert one == two


# --- what is not believed ----------------------------------------------------------------------------


def rewritten(content: bytes, change: Callable[[pa.Table], pa.Table]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(change(pq.read_table(pa.BufferReader(content))), sink)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def without(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([name])


def with_column(name: str, values: list[Any], kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([each for each in [name] if each in table.column_names]).append_column(
        name, pa.array(values, type=kind)
    )


def about(**more: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        record = {"schema": SCHEMA, "shelf": "0" * 64, **more}
        return table.replace_schema_metadata({"evalkit": canonical_json(record)})

    return change


NAMED = pa.dictionary(pa.int32(), pa.string())
# Bytes under a name that is theirs, which are no part of this shelf.
FORGED: dict[str, Callable[[pa.Table], pa.Table]] = {
    "no status": without("status"),
    "no batches": without("batch"),
    "no word on whose it is": lambda table: table.replace_schema_metadata(None),
    "another shelf": about(),
    "another version": about(schema="evalkit/cache/v3"),
    "about a list": lambda table: table.replace_schema_metadata({"evalkit": "[]"}),
    "about no JSON": lambda table: table.replace_schema_metadata({"evalkit": "{"}),
    "a status of nothing": with_column("status", ["ok", None], pa.string()),
    "a status that is a number": with_column("status", [1, 2], pa.int64()),
    "another column": with_column("mood", ["good", "bad"], pa.string()),
    "batches as texts": with_column("batch", ["a", "b"], pa.string()),
    "a batch of nothing": with_column("batch", ["a", None], NAMED),
    "one too few": lambda table: table.slice(1),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_part_that_says_something_else_is_not_served(tmp_path: Path, how: str) -> None:
    filled(tmp_path, [0, 1])
    (path,) = parts(tmp_path)
    content = rewritten(path.read_bytes(), FORGED[how])
    path.unlink()
    (path.parent / name_of(content)).write_bytes(content)
    assert Shelf(tmp_path, FACTS).get(asked(0, 1)) is None


def test_an_honest_copy_of_a_part_is_served(tmp_path: Path) -> None:
    # What the test above changes is what it is refused for: the way in which it is written is not.
    filled(tmp_path, [0, 1])
    (path,) = parts(tmp_path)
    content = rewritten(path.read_bytes(), lambda table: table)
    path.unlink()
    (path.parent / name_of(content)).write_bytes(content)
    assert Shelf(tmp_path, FACTS).get(asked(0, 1)) == answered(asked(0, 1))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-20],
    "empty": lambda content: b"",
    "binary": lambda content: b"\xff\x00" * 50,
    "one bit": lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
    "longer": lambda content: content + b"\x00",
    "JSON": lambda content: b"[]",
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_part_is_asked_again_and_the_others_are_served(tmp_path: Path, how: str) -> None:
    filled(tmp_path, [0, 1], [2])
    for path in parts(tmp_path):
        if len(decoded(path.read_bytes()).batches) == 1 and len(pq.read_table(path)) == 2:
            path.write_bytes(DAMAGE[how](path.read_bytes()))
    assert Shelf(tmp_path, FACTS).get(asked(0, 1)) is None
    assert Shelf(tmp_path, FACTS).get(asked(2)) == answered(asked(2))
    filled(tmp_path, [0, 1])
    assert Shelf(tmp_path, FACTS).get(asked(0, 1)) == answered(asked(0, 1))


@pytest.mark.parametrize(
    "other",
    [{"digest": "sha256:n"}, {"settings": {"dtype": "bfloat16"}}, {"settings": {"dtype": "float32", "template": "t"}}],
)
def test_a_part_on_another_models_shelf_is_not_served(tmp_path: Path, other: dict[str, Any]) -> None:
    teacher, student = FACTS, replace(FACTS, **other)
    filled(tmp_path, [0, 1], facts=teacher)
    assert Shelf(tmp_path, student).get(asked(0, 1)) is None
    (part,) = parts(tmp_path)
    shelf = Shelf(tmp_path, student)
    shelf.claim()
    (shelf.folder / part.name).write_bytes(part.read_bytes())
    assert Shelf(tmp_path, student).get(asked(0, 1)) is None
    assert Shelf(tmp_path, teacher).get(asked(0, 1)) == answered(asked(0, 1))


def test_parts_that_cannot_be_put_together_stay_as_they_are() -> None:
    one = encoded("a" * 64, {"x": answered(asked(0))})
    with pytest.raises(DamagedError, match="it cannot be read"):
        merged([one, b"PAR1"])


def test_every_field_of_an_output_has_a_column(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "status": "ok", "label": "a", "text": "b", "probs": (0.5,), "choice_logprobs": (-1.0,), "choice_tokens": (2,),
        "reasoning": "c", "token_logprobs": (-0.5, -0.25), "tokens_in": 3, "tokens_out": 4, "latency_s": 0.5,
        "ttft_s": 0.25, "prompt_hash": "d", "written": (5, 6), "judgement": "e", "error": "f",
    }  # fmt: skip
    assert set(given) == {each.name for each in fields(Output)} - {"example_id"}
    outputs = [Output(example_id="", **given), Output(example_id="", status="empty")]
    assert decoded(encoded("a" * 64, {"k": outputs})).batches == {"k": outputs}


# --- several processes -------------------------------------------------------------------------------


def test_a_part_that_is_gone_by_the_time_it_is_read_is_looked_for_again(tmp_path: Path) -> None:
    filled(tmp_path, [0], [1])
    shelf = Shelf(tmp_path, FACTS)
    assert shelf.get(asked(7)) is None
    one, other = parts(tmp_path)
    whole = merged([one.read_bytes(), other.read_bytes()])
    (one.parent / name_of(whole)).write_bytes(whole)
    one.unlink()
    other.unlink()
    assert shelf.get(asked(0)) == answered(asked(0))
    assert shelf.get(asked(1)) == answered(asked(1))


def test_a_shelf_that_is_cleared_away_is_asked_again_and_written_again(tmp_path: Path) -> None:
    filled(tmp_path, [0])
    shelf = Shelf(tmp_path, FACTS, Clock())
    assert shelf.get(asked(7)) is None
    for each in shelf.folder.iterdir():
        each.unlink()
    shelf.folder.rmdir()
    assert shelf.get(asked(0)) is None
    shelf.put(asked(0), answered(asked(0)))
    shelf.close()
    assert (shelf.folder / RECORD).is_file()
    assert Shelf(tmp_path, FACTS).get(asked(0)) == answered(asked(0))


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from evalkit import cache as room
from tests.cache.test_shelf import FACTS, answered, asked
room._PATIENCE_S, room._MANY = 0.0, 5
for first in range(int(sys.argv[2]), 60, 30):
    shelf = room.Shelf(Path(sys.argv[1]), FACTS)
    shelf.claim()
    for number in range(first, first + 20):
        shelf.get(asked(number))
        shelf.put(asked(number), answered(asked(number)))
    shelf.close()
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    # The one writes 0–19 and 30–49, the other 10–29 and 40–59: half of it both.
    processes = [subprocess.Popen([*command, first], cwd=root, env=environment) for first in ("0", "10")]
    assert [each.wait(timeout=60) for each in processes] == [0, 0]
    shelf = Shelf(tmp_path, FACTS)
    assert [shelf.get(asked(number)) for number in range(60)] == [answered(asked(number)) for number in range(60)]
    assert leftovers(shelf.folder) == []
    for path in parts(tmp_path):
        read(path)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that is given back writable."""
    yield tmp_path
    for each in (tmp_path, *tmp_path.rglob("*")):
        os.chmod(each, 0o755)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_cache_that_can_only_be_read_is_read(read_only: Path) -> None:
    filled(read_only, [0])
    for each in (*read_only.rglob("*"), read_only):
        os.chmod(each, 0o555)
    backend = Interrupted(after=0)
    got = collect(backend, FACTS, asked(0), read_only, lambda done, total: None)
    assert got.outputs == tuple(answered(asked(0)))
    with pytest.raises(BrokenError, match="the cache cannot be written"):
        collect(backend, FACTS, asked(1), read_only, lambda done, total: None)
