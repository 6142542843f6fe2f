"""A pair, gated by the command line as a user would: its plan, its run, and the figures in the run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.real_pair.settings import Settings
from scripts.real_pair.work import Stop, keep_text, say


@dataclass(frozen=True)
class Pair:
    """What is compared: models as a plan names them, relative to the folder of plans."""

    name: str
    teacher: str
    student: str
    suite: str
    policy: str

    @property
    def live(self) -> bool:
        """Whether both models run here, and so can be timed."""
        return not self.teacher.startswith("recorded:")


PAIRS = (
    Pair("banking77-good", "../models/teacher", "../models/good", "banking77", "recovery-95"),
    Pair("banking77-bad", "../models/teacher", "../models/bad", "banking77", "recovery-95"),
    Pair(
        "xstest", "recorded:../recorded/xstest-llama2orig.jsonl", "recorded:../recorded/xstest-llama2new.jsonl",
        "xstest", "safety-strict",
    ),
    Pair(
        "gsm8k-worse", "recorded:../recorded/gsm8k-175b_verification.jsonl",
        "recorded:../recorded/gsm8k-6b_verification.jsonl", "gsm8k", "recovery-95",
    ),
    Pair(
        "gsm8k-better", "recorded:../recorded/gsm8k-175b_finetuning.jsonl",
        "recorded:../recorded/gsm8k-6b_verification.jsonl", "gsm8k", "recovery-95",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """A finished run. `figures` are the estimates of whole suites by metric: value, low, high."""

    pair: Pair
    run: Path
    verdict: str
    reasons: list[str]
    regressed: list[dict[str, Any]]
    figures: dict[str, dict[str, float]]


def write_plan(pair: Pair, settings: Settings, work: Path) -> Path:
    """The pair's plan in the work folder."""
    said: dict[str, Any] = {
        "schema": "evalkit/plan/v1",
        "teacher": pair.teacher,
        "student": pair.student,
        "suites": [f"../suites/{pair.suite}"],
        "policy": pair.policy,
    }
    if pair.live:
        said["noise_floor"] = settings.noise_floor
        said["latency"] = {"prompts": settings.prompts, "repeats": settings.repeats}
    return keep_text(work / "plans" / f"{pair.name}.yaml", yaml.safe_dump(said, sort_keys=False))


def gate(pair: Pair, settings: Settings, work: Path) -> Seen:
    """Gate a pair, or read the run if there is one. Raises Stop where no verdict on the student came out."""
    run = work / "runs" / pair.name
    if not (run / "manifest.json").is_file():
        command = ["gate", str(write_plan(pair, settings, work)), "--out", str(run), "--cache", str(work / "cache")]
        command += [] if settings.limit is None else ["--limit", str(settings.limit)]
        say(f"evalkit {' '.join(command)}")
        done = subprocess.run([sys.executable, "-m", "evalkit", *command], check=False)
        if done.returncode not in (0, 1, 3):
            raise Stop(f"the gate of {pair.name} ended with {done.returncode} (see above); the same command goes on")
    return read(pair, run)


def read(pair: Pair, run: Path) -> Seen:
    """A finished run's verdict and figures."""
    verdict = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    rows = [
        row
        for name in ("results.json", "timings.json")
        for row in json.loads((run / name).read_text(encoding="utf-8"))["metrics"]
    ]
    whole = [row for row in rows if row["slice"] is None and row["versus"] == "teacher" and row["estimate"]]
    return Seen(
        pair=pair,
        run=run,
        verdict=verdict["verdict"],
        reasons=verdict["reasons"],
        regressed=verdict["regressed_slices"],
        figures={row["metric"]: row["estimate"] for row in whole},
    )
