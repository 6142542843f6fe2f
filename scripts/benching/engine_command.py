"""`scripts/bench engine`: evalkit beside others on the same models and rows; and the page that says what came out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from scripts.benching import engine, engine_page
from scripts.benching.contests import CONTESTS
from scripts.simulating.document import NoPlace, between

ROOT = engine.ROOT
RECORDS = {
    device: ROOT / "reports" / "bench" / f"engine{ending}.json" for device, ending in (("cpu", ""), ("cuda", "-cuda"))
}
PAGE = ROOT / "docs" / "performance.md"
NAMES = ("engine", "contest")
# Beside an accelerator a run has to end by itself; what does not fit in is named.
CUDA_SECONDS = 480.0


def add(commands: Any) -> None:
    """The command, and the one that it calls for each contest."""
    whole = commands.add_parser("engine", help="evalkit beside lm-eval, pipelines and bare loops, on the same rows")
    whole.add_argument("--only", choices=list(CONTESTS), action="append", help="some contests, not all")
    whole.add_argument("--repeats", type=int, help="times each side is run (default 5; 3 with --device cuda)")
    whole.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where (default cpu)")
    whole.add_argument("--cores", type=int, action="append", help="on a CPU: on so many cores (default 1, then 2)")
    whole.add_argument("--quick", action="store_true", help="models and tasks of toy size: whether it runs, no figures")
    whole.add_argument("--seconds", type=float, help="begin no contest after so long (default 480 with --device cuda)")
    whole.add_argument("--write", action="store_true", help="keep the record and write the page docs/performance.md")
    one = commands.add_parser("contest", help="one contest of `engine` in this process, as a line of JSON")
    one.add_argument("name", choices=list(CONTESTS))
    one.add_argument("--folder", type=Path, required=True, help="where its models are")
    one.add_argument("--setting", choices=list(engine.SETTINGS), required=True)
    one.add_argument("--device", required=True)
    one.add_argument("--dtype", required=True)
    one.add_argument("--cores", type=int)
    one.add_argument("--repeats", type=int, required=True)


def main(options: Any, parser: argparse.ArgumentParser) -> int:
    """0, or 1 when a contest could not be held."""
    if options.command == "contest":
        found = engine.one(
            options.name,
            options.folder,
            options.setting,
            options.device,
            options.dtype,
            options.cores,
            options.repeats,
        )
        print(json.dumps(found))
        return 0
    if options.write and (options.only or options.cores or options.quick):
        parser.error("--write keeps the figures of one whole run: leave out --only, --cores and --quick")
    cuda = options.device == "cuda"
    if cuda:
        import torch

        if not torch.cuda.is_available():
            parser.error("--device cuda: there is no CUDA device here")
    if options.write:
        try:
            between(PAGE.read_text(encoding="utf-8"), "", str(PAGE), engine_page.MARKS)
        except (OSError, NoPlace) as missing:
            parser.error(str(missing))
    names = list(options.only or engine.every(options.device))
    record = engine.run(
        names,
        "quick" if options.quick else "cuda" if cuda else "full",
        options.device,
        options.repeats or (3 if cuda else 5),
        dtypes=("float32", "bfloat16") if cuda else ("float32",),
        cores=_cores(options),
        seconds=options.seconds if options.seconds is not None else CUDA_SECONDS if cuda else None,
    )
    print(engine_page.figures(record))
    if options.write:
        RECORDS[options.device].write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        write_page()
    if record["left_out"]:
        print("; ".join(f"{name}: {why}" for name, why in record["left_out"].items()), file=sys.stderr)
    return 1 if record["left_out"] else 0


def _cores(options: Any) -> list[int | None]:
    """One core, then two where there are two; all that there are beside an accelerator."""
    if options.device != "cpu":
        return [None]
    if options.cores:
        return list(options.cores)
    return [1] if options.quick or engine.cores_here() < 2 else [1, 2]


def write_page() -> None:
    """docs/performance.md from the records that there are."""
    there = [json.loads(each.read_text(encoding="utf-8")) for each in RECORDS.values() if each.is_file()]
    told = "\n\n".join(engine_page.figures(each) for each in there)
    PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), told, str(PAGE), engine_page.MARKS), encoding="utf-8")
