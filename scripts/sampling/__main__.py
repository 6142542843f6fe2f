"""The command: each situation gated for real, its report written, and pictures of it on demand."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.sampling.cases import CASES, Case

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = ROOT / "reports" / "samples"
# The day that the samples' runs are taken to have been on: a report's bytes are those of its run.
WHEN = dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC)


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 when a run did not come to the verdict that it is a sample of."""
    parser = argparse.ArgumentParser(prog="scripts/sample-reports", description="Writes a report of each situation.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(CASES)} (default: all)")
    parser.add_argument("--out", type=Path, default=SAMPLES, help="where the pages go (default: reports/samples)")
    parser.add_argument("--pictures", type=Path, help="a folder for screenshots: light, dark, narrow, print")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(CASES):
        parser.error(f"no sample is called {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    wrong = []
    for name in options.names or CASES:
        word, page = sample(CASES[name])
        path = options.out / f"{name}.html"
        path.write_text(page, encoding="utf-8")
        print(f"{name}: {word}, {len(page.encode()):,} bytes, {path}")
        wrong += [] if word == CASES[name].word else [f"{name} came to {word}, not to {CASES[name].word}"]
        if options.pictures is not None:
            from scripts.sampling.pictures import pictures

            for picture in pictures(path.resolve(), options.pictures, name):
                print(f"  {picture}")
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def sample(case: Case) -> tuple[str, str]:
    """Verdict and page of one situation."""
    from evalkit import report
    from evalkit.environment import Environment
    from evalkit.pipeline import gate
    from evalkit.plan import Overrides, load_plan

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        case.build(folder)
        with within(folder):
            plan = load_plan(Path("evalkit.yaml"), Overrides())
            env = Environment(now=lambda: WHEN, command="evalkit gate --out run")
            record = gate(plan, Path("run"), Path("cache"), env).record
        return record.verdict.word, report.html(replace(record, manifest=anywhere(record.manifest, folder)))


@contextmanager
def within(folder: Path) -> Iterator[None]:
    """That folder as the working directory."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def anywhere(manifest: Any, folder: Path) -> Any:
    """The manifest without what only says where and on which machine the sample was made."""
    told = json.dumps({key: value for key, value in manifest.items() if key != "hardware"}, ensure_ascii=False)
    for path in (folder, ROOT):
        told = told.replace(f"{json.dumps(str(path))[1:-1]}/", "").replace(json.dumps(str(path))[1:-1], ".")
    return {**json.loads(told), "run_id": "sample"}


if __name__ == "__main__":
    sys.exit(main())
