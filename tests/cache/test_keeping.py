"""`evalkit cache`: what is listed, what may go, what is damaged, and what is never touched."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.cache import RECORD, Shelf
from evalkit.cache.keeping import clear, contents, verify
from evalkit.cache.keys import shelf_key
from evalkit.cache.states import States
from evalkit.cache.telling import size, span
from evalkit.errors import UsageError
from evalkit.files import canonical_json
from evalkit.types import ModelFacts
from evalkit.types.forced import Answered
from tests.cache.test_shelf import FACTS, answered, asked, filled, parts
from tests.cli.project import evalkit

NOW = dt.datetime(2026, 7, 1, 12, 0, tzinfo=dt.UTC)
TEACHER = replace(FACTS, name="teacher", digest="sha256:" + "7" * 64, dtype="float32")
STUDENT = replace(FACTS, name="student", digest="sha256:" + "5" * 64, dtype="bfloat16")
DAY = dt.timedelta(days=1)


def used(path: Path, days: float) -> None:
    """As if the file had last been used so many days before NOW."""
    moment = (NOW - days * DAY).timestamp()
    os.utime(path, (moment, moment))


def shelf_of(cache: Path, facts: ModelFacts, batches: Sequence[Sequence[int]], days: float) -> list[Path]:
    """A model's shelf with a part for each batch, last used so many days ago; its parts."""
    Shelf(cache, facts).claim()
    filled(cache, *batches, facts=facts)
    folder = cache / shelf_key(facts)
    for each in folder.iterdir():
        used(each, days)
    return parts(folder)


def states(cache: Path, name: str, days: float, facts: ModelFacts = TEACHER) -> Path:
    """A batch of hidden states as a run keeps it, last used so many days ago."""
    kept = States(cache, facts)
    before = set(kept.folder.glob("*.safetensors"))
    kept.put([Answered(request=asked(0)[0], tokens=(ord(name),))], b"states " + name.encode())
    (path,) = set(kept.folder.glob("*.safetensors")) - before
    used(path, days)
    return path


def older(cache: Path, name: str = "ab" + "0" * 62) -> Path:
    """An entry as earlier versions wrote them."""
    path = cache / name[:2] / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(canonical_json({"schema": "evalkit/cache/v1", "digest": "sha256:", "outputs": []}), "utf-8")
    return path


def foreign(cache: Path) -> list[Path]:
    """Files that lie in a cache and are none of evalkit's, some of them nearly."""
    shelf = cache / shelf_key(TEACHER)
    found = [
        cache / "notes.txt",
        cache / "data" / "x.parquet",
        cache / "ab" / "x.json",
        cache / "ab" / ("cd" + "0" * 62 + ".json"),
        cache / "ac" / ("ac" + "0" * 62 + ".json"),
        cache / "states" / "README.md",
        shelf / "notes.txt",
        shelf / "x.parquet",
    ]
    for each in found:
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_text("mine", "utf-8")
        used(each, 1000)
    return found


# --- ls ----------------------------------------------------------------------------------------------


def test_the_list_counts_what_was_put_there(tmp_path: Path) -> None:
    shelf_of(tmp_path, TEACHER, [[0, 1, 2], [3]], days=2)
    shelf_of(tmp_path, STUDENT, [[0, 1]], days=1)
    states(tmp_path, "a", days=0)
    older(tmp_path)
    found = contents(tmp_path)
    told = {each.name: (each.digest, each.dtype, each.batches, each.outputs, each.used) for each in found.shelves}
    assert told == {
        "teacher": (TEACHER.digest, "float32", 2, 4, NOW - 2 * DAY),
        "student": (STUDENT.digest, "bfloat16", 1, 2, NOW - DAY),
    }
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert found.bytes == sum(each.stat().st_size for each in files)
    assert (len(found.states), len(found.older), len(found.unfinished)) == (1, 1, 0)


def test_a_batch_that_two_processes_wrote_counts_once(tmp_path: Path) -> None:
    filled(tmp_path, [0], [1])
    # The same batch in another part: beside another batch.
    shelf = Shelf(tmp_path, FACTS)
    for batch in ([0], [2]):
        shelf.put(asked(*batch), answered(asked(*batch)))
    shelf.close()
    (found,) = contents(tmp_path).shelves
    assert (len(found.parts), found.batches, found.outputs) == (3, 3, 3)


def test_the_list_prints_a_line_per_model_the_one_used_last_first(tmp_path: Path) -> None:
    shelf_of(tmp_path, TEACHER, [[0, 1, 2], [3]], days=2)
    shelf_of(tmp_path, STUDENT, [[0, 1]], days=1)
    states(tmp_path, "a", days=0)
    older(tmp_path)
    ended = evalkit("cache", "ls", "--cache", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    head, student, teacher, *rest = ended.out.splitlines()
    assert head.index("digest") == student.index("5" * 12) == teacher.index("7" * 12)
    assert head.split() == ["model", "digest", "dtype", "batches", "outputs", "size", "last", "used"]
    assert student.split()[:5] == ["student", "5" * 12, "bfloat16", "1", "2"]
    assert student.endswith("2026-06-30 12:00 UTC")
    assert teacher.split()[:5] == ["teacher", "7" * 12, "float32", "2", "4"]
    assert rest[0].startswith("1 file, ")
    assert rest[0].endswith(": hidden states of teachers")
    assert "of an earlier version, which nothing reads" in rest[1]
    assert rest[-1].endswith(" in all")


def test_the_list_as_json_says_the_same(tmp_path: Path) -> None:
    shelf_of(tmp_path, TEACHER, [[0, 1, 2], [3]], days=2)
    read = json.loads(evalkit("cache", "ls", "--cache", tmp_path, "--json").out)
    (model,) = read["models"]
    assert model["digest"] == TEACHER.digest
    assert (model["batches"], model["outputs"], model["parts"]) == (2, 4, 2)
    assert model["last_used"] == "2026-06-29T12:00:00+00:00"
    assert model["bytes"] == read["bytes"] == contents(tmp_path).bytes


def test_a_part_that_is_served_was_used_now(tmp_path: Path) -> None:
    one, other = shelf_of(tmp_path, TEACHER, [[0], [1]], days=30)
    assert Shelf(tmp_path, TEACHER).get(asked(0)) is not None
    ages = sorted((NOW.timestamp() - each.stat().st_mtime) / DAY.total_seconds() for each in (one, other))
    assert ages[1] == pytest.approx(30)
    assert ages[0] < 30


@pytest.mark.parametrize("command", ["ls", "gc", "verify"])
def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path, command: str) -> None:
    ended = evalkit("cache", command, "--cache", tmp_path / "cahce")
    assert ended.code == 2
    assert f"there is no cache at {tmp_path / 'cahce'}" in ended.err


# --- verify ------------------------------------------------------------------------------------------


def test_a_sound_cache_verifies_with_0(tmp_path: Path) -> None:
    shelf_of(tmp_path, TEACHER, [[0], [1]], days=0)
    states(tmp_path, "a", days=0)
    foreign(tmp_path)
    ended = evalkit("cache", "verify", "--cache", tmp_path)
    assert (ended.code, ended.out) == (0, f"verified: 4 files in {tmp_path} are what was written\n")


def test_damage_is_named_and_ends_with_4(tmp_path: Path) -> None:
    cut, sound = shelf_of(tmp_path, TEACHER, [[0], [1]], days=0)
    cut.write_bytes(cut.read_bytes()[:-1])
    (student,) = shelf_of(tmp_path, STUDENT, [[0]], days=0)
    changed = states(tmp_path, "b", days=0)
    changed.write_bytes(changed.read_bytes().upper())
    moved = student.with_name(sound.name)
    moved.write_bytes(sound.read_bytes())
    torn = states(tmp_path, "a", days=0)
    torn.write_bytes(torn.read_bytes()[:-1])
    record = tmp_path / shelf_key(STUDENT) / RECORD
    record.write_text(record.read_text("utf-8").replace("5" * 64, "6" * 64), "utf-8")
    found = {each.path: each.problem for each in verify(tmp_path).damaged}
    assert found.keys() == {cut, moved, torn, changed, record}
    assert found[cut] == "its bytes are not those that it was named after"
    assert found[moved] == "it belongs to another model"
    assert found[record] == "it does not say whose shelf this is"
    ended = evalkit("cache", "verify", "--cache", tmp_path)
    assert ended.code == 4
    assert all(f"damaged  {path}: " in ended.out for path in found)
    assert ended.out.splitlines()[-1] == "5 of 8 files damaged; evalkit cache gc removes them"
    told = json.loads(evalkit("cache", "verify", "--cache", tmp_path, "--json").out)
    assert {each["path"] for each in told["damaged"]} == {str(path) for path in found}


def test_what_gc_leaves_verifies(tmp_path: Path) -> None:
    cut, sound = shelf_of(tmp_path, TEACHER, [[0], [1]], days=0)
    cut.write_bytes(cut.read_bytes()[:-1])
    torn = states(tmp_path, "a", days=0)
    torn.write_bytes(b"")
    (lone,) = shelf_of(tmp_path, STUDENT, [[0]], days=0)
    (lone.parent / RECORD).write_text("{}", "utf-8")
    clear(tmp_path, NOW)
    assert (cut.exists(), torn.exists(), sound.exists()) == (False, False, True)
    # The record is gone, and what it spoke of is still good.
    assert sorted(each.name for each in lone.parent.iterdir()) == [lone.name]
    assert Shelf(tmp_path, STUDENT).get(asked(0)) is not None
    assert "(unknown)" in evalkit("cache", "ls", "--cache", tmp_path).out
    assert verify(tmp_path).damaged == ()


# --- gc ----------------------------------------------------------------------------------------------


def test_without_options_only_what_nobody_can_use_goes(tmp_path: Path) -> None:
    kept = [*shelf_of(tmp_path, TEACHER, [[0], [1]], days=900), states(tmp_path, "a", days=900)]
    old = older(tmp_path)
    removed, _ = clear(tmp_path, NOW)
    assert [(each.file.path, each.why) for each in removed] == [(old, "of an earlier version")]
    assert not old.parent.exists()
    assert all(each.is_file() for each in kept)


def test_a_file_that_may_still_be_being_written_stays(tmp_path: Path) -> None:
    (part,) = shelf_of(tmp_path, TEACHER, [[0]], days=0)
    torn = [part.with_name(f".{part.name}.evalkit-{name}") for name in ("old", "new")]
    for each, days in zip(torn, (1, 0.01), strict=True):
        each.write_bytes(b"half")
        used(each, days)
    removed, _ = clear(tmp_path, NOW)
    assert [(each.file.path, each.why) for each in removed] == [(torn[0], "unfinished")]
    assert [each.exists() for each in torn] == [False, True]


def test_what_was_not_used_for_so_long_goes_and_its_shelf_with_it(tmp_path: Path) -> None:
    shelf_of(tmp_path, TEACHER, [[0], [1]], days=31)
    (young,) = shelf_of(tmp_path, STUDENT, [[0]], days=29)
    gone, stays = states(tmp_path, "a", days=31), states(tmp_path, "b", days=29)
    before = contents(tmp_path).bytes
    removed, left = clear(tmp_path, NOW, unused_for=30 * DAY)
    assert not (tmp_path / shelf_key(TEACHER)).exists()
    assert (young.exists(), gone.exists(), stays.exists()) == (True, False, True)
    assert left == contents(tmp_path).bytes == before - sum(each.file.bytes for each in removed)


def test_one_used_part_keeps_a_shelf(tmp_path: Path) -> None:
    one, other = shelf_of(tmp_path, TEACHER, [[0], [1]], days=31)
    used(other, 1)
    clear(tmp_path, NOW, unused_for=30 * DAY)
    assert (one.exists(), other.exists(), (other.parent / RECORD).exists()) == (False, True, True)


def test_all_of_a_model_goes_whatever_its_precision(tmp_path: Path) -> None:
    half = replace(TEACHER, dtype="bfloat16", settings={"dtype": "bfloat16"})
    shelf_of(tmp_path, TEACHER, [[0]], days=0)
    shelf_of(tmp_path, half, [[0]], days=0)
    shelf_of(tmp_path, STUDENT, [[0]], days=0)
    gone, stays = states(tmp_path, "a", days=0, facts=half), states(tmp_path, "b", days=0, facts=STUDENT)
    clear(tmp_path, NOW, model="7777")
    assert [each.name for each in contents(tmp_path).shelves] == ["student"]
    assert (gone.exists(), stays.exists()) == (False, True)
    clear(tmp_path, NOW, model=STUDENT.digest)
    assert contents(tmp_path).shelves == ()
    assert not stays.exists()


@pytest.mark.parametrize(
    ("prefix", "why"), [("9", "no model in the cache has a digest"), ("", "the beginning of several digests")]
)
def test_a_digest_that_names_no_model_or_several_is_a_mistake_and_nothing_goes(
    tmp_path: Path, prefix: str, why: str
) -> None:
    shelf_of(tmp_path, TEACHER, [[0]], days=0)
    shelf_of(tmp_path, STUDENT, [[0]], days=0)
    old = older(tmp_path)
    ended = evalkit("cache", "gc", "--cache", tmp_path, "--model", prefix)
    assert ended.code == 2
    assert why in ended.err
    assert len(contents(tmp_path).shelves) == 2
    assert old.exists()


def test_down_to_a_size_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    (oldest,) = shelf_of(tmp_path, TEACHER, [[0]], days=9)
    middle = states(tmp_path, "a", days=8)
    (newest,) = shelf_of(tmp_path, STUDENT, [[0]], days=7)
    whole = contents(tmp_path).bytes
    clear(tmp_path, NOW, keep=whole)
    assert contents(tmp_path).bytes == whole
    _, left = clear(tmp_path, NOW, keep=whole - 1)
    assert (oldest.exists(), middle.exists(), newest.exists()) == (False, True, True)
    assert left == contents(tmp_path).bytes < whole
    clear(tmp_path, NOW, keep=0)
    assert contents(tmp_path).bytes == 0


def test_what_says_how_states_become_logits_goes_with_the_last_of_them(tmp_path: Path) -> None:
    one, other = states(tmp_path, "a", days=31), states(tmp_path, "b", days=29)
    States(tmp_path, TEACHER).put_head("it has no output embedding")
    head = one.with_name("head.json")
    assert contents(tmp_path).bytes == sum(each.stat().st_size for each in (one, other, head))
    clear(tmp_path, NOW, unused_for=30 * DAY)
    assert (one.exists(), other.exists(), head.exists()) == (False, True, True)
    _, left = clear(tmp_path, NOW, keep=0)
    assert not (tmp_path / "states").exists()
    assert left == contents(tmp_path).bytes == 0


def test_a_changed_head_is_damage(tmp_path: Path) -> None:
    kept = states(tmp_path, "a", days=0)
    States(tmp_path, TEACHER).put_head("it has no output embedding")
    head = kept.with_name("head.json")
    assert verify(tmp_path).damaged == ()
    head.write_text(head.read_text("utf-8").replace("no output", "an output"), "utf-8")
    assert [each.path for each in verify(tmp_path).damaged] == [head]
    clear(tmp_path, NOW)
    assert (kept.exists(), head.exists()) == (True, False)


def test_a_dry_run_says_the_same_and_touches_nothing(tmp_path: Path) -> None:
    shelf_of(tmp_path, TEACHER, [[0], [1]], days=31)
    older(tmp_path)
    before = {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*")}
    dry, left = clear(tmp_path, NOW, unused_for=30 * DAY, dry_run=True)
    assert {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*")} == before
    assert (dry, left) == clear(tmp_path, NOW, unused_for=30 * DAY)
    assert contents(tmp_path).bytes == left == 0


def test_what_is_not_evalkits_is_never_touched(tmp_path: Path) -> None:
    shelf_of(tmp_path, TEACHER, [[0]], days=900)
    older(tmp_path)
    mine = foreign(tmp_path)
    elsewhere = tmp_path.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / ("0" * 64 + ".parquet")).write_bytes(b"damaged, were it in the cache")
    (tmp_path / ("f" * 64)).symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / ("0" * 32 + "-" + "0" * 32 + ".safetensors")).write_bytes(b"damaged, were it in the cache")
    (tmp_path / "states" / ("f" * 64)).symlink_to(elsewhere, target_is_directory=True)
    (tmp_path / shelf_key(TEACHER) / ("e" * 64 + ".parquet")).symlink_to(elsewhere / ("0" * 64 + ".parquet"))
    clear(tmp_path, NOW, unused_for=0 * DAY, keep=0)
    assert all(each.read_text("utf-8") == "mine" for each in mine)
    assert {each.suffix for each in elsewhere.iterdir()} == {".parquet", ".safetensors"}
    assert (tmp_path / ("f" * 64)).is_symlink()
    assert (tmp_path / shelf_key(TEACHER) / ("e" * 64 + ".parquet")).is_symlink()
    assert contents(tmp_path).bytes == 0


def test_a_run_that_has_only_just_begun_keeps_its_shelf(tmp_path: Path) -> None:
    for facts, days in ((TEACHER, 0.01), (STUDENT, 1)):
        Shelf(tmp_path, facts).claim()
        used(tmp_path / shelf_key(facts) / RECORD, days)
    clear(tmp_path, NOW)
    assert [each.name for each in contents(tmp_path).shelves] == ["teacher"]


def test_gc_prints_what_went_why_and_what_is_left(tmp_path: Path) -> None:
    shelf_of(tmp_path, TEACHER, [[0], [1]], days=0)
    older(tmp_path)
    old = older(tmp_path, "ac" + "0" * 62)
    left = contents(tmp_path).bytes - 2 * old.stat().st_size
    dry = evalkit("cache", "gc", "--cache", tmp_path, "--dry-run")
    assert dry.code == 0
    freed = f"{2 * old.stat().st_size} B"
    assert dry.out.splitlines()[0] == f"would remove  2 files, {freed}: of an earlier version"
    assert dry.out.splitlines()[1].startswith(f"would free {freed}; ")
    assert old.exists()
    ended = evalkit("cache", "gc", "--cache", tmp_path, "--unused-for", "52w", "--keep", "1GB")
    assert ended.out.splitlines()[0] == f"removed  2 files, {freed}: of an earlier version"
    assert not old.exists()
    assert contents(tmp_path).bytes == left


# --- amounts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hours"), [("12h", 12), ("30d", 720), ("2w", 336), ("1.5 d", 36), ("0d", 0), ("7D", 168)]
)
def test_spans_are_read_as_people_write_them(text: str, hours: float) -> None:
    assert span(text) == dt.timedelta(hours=hours)


@pytest.mark.parametrize(
    ("text", "n"), [("5GB", 5 * 10**9), ("500MB", 5 * 10**8), ("1.5 gb", 15 * 10**8), ("0B", 0), ("10kB", 10_000)]
)
def test_sizes_are_read_as_people_write_them(text: str, n: int) -> None:
    assert size(text) == n


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "3 months", "1e3d", "nand", "999999999w"])
def test_a_span_that_is_none_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError, match="--unused-for"):
        span(text)


@pytest.mark.parametrize("text", ["", "5", "GB", "-5GB", "5 GiB", "5 gigs"])
def test_a_size_that_is_none_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError, match="--keep"):
        size(text)
