"""The command: each case in a process of its own, interleaved, and what came out as a table and as a record."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benching import engine_command
from scripts.benching import pages as report_pages
from scripts.benching.cases import CASES, RESAMPLES, Stopwatch

ROOT = Path(__file__).resolve().parent.parent.parent
RECORD = ROOT / "reports" / "bench" / "statistics.json"
PAGES = ROOT / "reports" / "bench" / "report.json"


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 when a case could not be run."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Times evalkit's own parts.")
    commands = parser.add_subparsers(dest="command", required=True)
    numbers = commands.add_parser("statistics", help="every metric of many pairs, and the memory that it takes")
    numbers.add_argument("--repeats", type=int, default=3, help="runs of each case (default 3)")
    numbers.add_argument("--only", choices=sorted(CASES), action="append", help="some cases, not all")
    numbers.add_argument("--write", action="store_true", help=f"keep the figures in {RECORD.relative_to(ROOT)}")
    pages = commands.add_parser("report", help="the size of a report, and how fast a browser shows and filters it")
    pages.add_argument("--repeats", type=int, default=3, help="times each page is opened (default 3)")
    pages.add_argument("--size", type=int, action="append", help="examples of a page (default: 2000, 20000, 100000)")
    pages.add_argument("--write", action="store_true", help=f"keep the figures in {PAGES.relative_to(ROOT)}")
    engine_command.add(commands)
    one = commands.add_parser("case", help="one case, once, as a line of JSON")
    one.add_argument("name", choices=sorted(CASES))
    options = parser.parse_args(arguments)
    if options.command == "case":
        print(json.dumps(measured(options.name)))
        return 0
    if options.command in engine_command.NAMES:
        return engine_command.main(options, parser)
    if options.command == "report":
        found = [report_pages.measured(n, options.repeats) for n in options.size or report_pages.SIZES]
        print(report_pages.table(found))
        if options.write:
            PAGES.parent.mkdir(parents=True, exist_ok=True)
            PAGES.write_text(json.dumps({"pages": found}, indent=2) + "\n", "utf-8")
        return 0
    wanted = [name for name in CASES if options.only is None or name in options.only]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    # In turns, so that a busy minute of the machine does not fall on one case alone.
    for _ in range(options.repeats):
        for name in wanted:
            runs[name].append(_apart(name))
    record = {name: summary(each) for name, each in runs.items()}
    print(table(record))
    if options.write:
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        RECORD.write_text(json.dumps({"resamples": RESAMPLES, "cases": record}, indent=2) + "\n", "utf-8")
    return 0


def measured(name: str) -> dict[str, Any]:
    """Seconds of each part of a case, and the most memory that its process held, in bytes."""
    watch = Stopwatch()
    CASES[name].run(watch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # KiB on Linux, bytes on macOS.
    return {"parts": watch.parts, "peak_bytes": peak if sys.platform == "darwin" else peak * 1024}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians with their ranges over the runs of a case."""
    parts = {
        part: {what: _spread([run["parts"][part][what] for run in runs]) for what in ("seconds", "cpu_seconds")}
        for part in runs[0]["parts"]
    }
    return {"runs": len(runs), "parts": parts, "peak_bytes": _spread([float(run["peak_bytes"]) for run in runs])}


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    lines = [
        f"| case ({RESAMPLES:,} resamples) | part | seconds (median, range) | CPU seconds | most memory |",
        "|---|---|---|---|---|",
    ]
    for name, each in record.items():
        memory = f"{each['peak_bytes']['median'] / 1e9:.2f} GB"
        for part, found in each["parts"].items():
            wall, cpu = found["seconds"], found["cpu_seconds"]
            span = f"{wall['median']:.2f} ({wall['least']:.2f} to {wall['most']:.2f})"
            lines.append(f"| {CASES[name].about} | {part} | {span} | {cpu['median']:.2f} | {memory} |")
    return "\n".join(lines)


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": median(values), "least": min(values), "most": max(values)}


def _apart(name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.benching", "case", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
