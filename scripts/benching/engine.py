"""Runs the contests: makes the models, gives each contest a process of its own on so many cores, keeps what it says."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scripts.benching.contest import held, judged, profiled
from scripts.benching.contests import CONTESTS, CUDA, FULL, ON_CPU, ON_CUDA, QUICK, Place, Setting
from scripts.benching.models import Causal, write_model, write_tokenizer

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA = "evalkit/bench-engine/v1"
SETTINGS: Mapping[str, Setting] = {"full": FULL, "quick": QUICK, "cuda": CUDA}
PACKAGES = ("torch", "transformers", "tokenizers", "lm-eval", "numpy")


def run(
    names: Sequence[str],
    setting: str,
    device: str,
    repeats: int,
    *,
    dtypes: Sequence[str],
    cores: Sequence[int | None],
    seconds: float | None,
) -> dict[str, Any]:
    """The record of these contests, each of which is held on so many `cores`, None for all.

    With `seconds`, none begins once so many have passed. The record names those left out, and those that broke."""
    begun = time.monotonic()
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "setting": setting,
        "device": device,
        "repeats": repeats,
        "machine": machine(device),
        "models": {},
        "runs": [],
        "left_out": {},
    }
    wanted = [(name, dtype, many) for name in names for dtype in dtypes for many in cores]
    with tempfile.TemporaryDirectory(prefix="evalkit-bench-") as folder:
        for name, dtype, many in wanted:
            title = f"{name}, {dtype}, {many or 'all'} core{'s' if many != 1 else ''}"
            left = None if seconds is None else seconds - (time.monotonic() - begun)
            if left is not None and left <= 0:
                record["left_out"][title] = "no time was left"
                continue
            began = time.monotonic()
            try:
                record["models"] |= _make(Path(folder), name, setting, device)
                record["runs"].append(_apart(Path(folder), name, setting, device, dtype, many, repeats, left))
            except _Broke as broke:
                record["left_out"][title] = str(broke)
            print(f"{title}: {_said(record, title)} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    record["load_average_after"] = _load()
    record["took_s"] = round(time.monotonic() - begun, 1)
    return record


def one(name: str, folder: Path, setting: str, device: str, dtype: str, cores: int | None, repeats: int) -> Any:
    """One contest in this process, which stays on so many cores from here on. JSON."""
    pinned = _pin(cores)
    import torch

    if cores is not None:
        torch.set_num_threads(cores)
    named = CONTESTS[name]
    place = Place(
        folders=[folder / each for each in named.models],
        name=name,
        setting=SETTINGS[setting],
        device=device,
        dtype=dtype,
    )
    contest = named.make(place)
    found = {
        "contest": name,
        "dtype": dtype,
        "device": device,
        "cores": cores,
        "pinned": pinned,
        **held(contest, repeats, name, device),
    }
    if not all(each.met for each in judged(found, named.goals)):
        found["profile"] = profiled(contest)
    return found


def every(device: str) -> Sequence[str]:
    """The contests that are held on this device, in their order."""
    return ON_CUDA if device == "cuda" else ON_CPU


def _said(record: dict[str, Any], title: str) -> str:
    """What came of the last contest, for who waits."""
    if title in record["left_out"]:
        return str(record["left_out"][title])
    last = record["runs"][-1]
    found = judged(last, CONTESTS[last["contest"]].goals)
    told = [f"{each.goal.about}: {'no ratio' if each.ratio is None else f'{each.ratio:.2f}'}" for each in found]
    return "; ".join(told) or "held"


class _Broke(Exception):
    """A contest that did not come to an end; the text says why."""


def _apart(
    folder: Path, name: str, setting: str, device: str, dtype: str, cores: int | None, repeats: int, left: float | None
) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.benching", "contest", name, "--folder", str(folder)]
    command += ["--setting", setting, "--device", device, "--dtype", dtype, "--repeats", str(repeats)]
    more = {"HF_HUB_OFFLINE": "1"}
    if cores is not None:
        command += ["--cores", str(cores)]
        more |= {"OMP_NUM_THREADS": str(cores), "MKL_NUM_THREADS": str(cores), "RAYON_NUM_THREADS": str(cores)}
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=left,
        )
    except subprocess.TimeoutExpired:
        raise _Broke("it did not come to an end in the time that was left") from None
    if done.returncode != 0:
        raise _Broke(_last(done.stderr) or f"it ended with status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _make(folder: Path, contest: str, setting: str, device: str) -> dict[str, int]:
    """The models of a contest, unless they are there already: by name, how many weights each has."""
    made = {}
    sizes = SETTINGS[setting]
    for number, name in enumerate(CONTESTS[contest].models):
        if (folder / name / "config.json").is_file():
            continue
        shape = sizes.models[name]
        # Where the vocabulary is made large to see what that costs, no text of that model is ever read.
        known = min(shape.vocabulary, sizes.models["small"].vocabulary)
        write_tokenizer(folder / name, known, framed=not isinstance(shape, Causal))
        made[name] = write_model(folder / name, shape, seed=number, device=device, dtype=sizes.stored_as)
    return made


def cores_here() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pin(cores: int | None) -> bool:
    """Keep this process on the first so many cores that it may use; False where that cannot be."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    return True


def machine(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    found: dict[str, Any] = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {each: _version(each) for each in PACKAGES},
        "load_average_before": _load(),
    }
    if device != "cpu":
        import torch

        shown = torch.cuda.get_device_properties(device)
        found["accelerator"] = {"name": shown.name, "bytes": shown.total_memory, "cuda": torch.version.cuda}
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((each.partition(":")[2].strip() for each in lines if each.startswith("model name")), "")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
