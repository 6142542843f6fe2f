"""The command: its options, every scenario in turn, and what they come to."""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from evalkit.streams import stream
from scripts.simulating import alarms, answers, binary, document, gate, grouped, numbers, times
from scripts.simulating.figures import Figure, Scenario

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "statistics.md"
RECORD = ROOT / "reports" / "simulations" / "statistics.json"
PARTS = (gate, alarms, binary, grouped, numbers, answers, times)


def main(arguments: list[str] | None = None) -> int:
    """0: every promise is kept, as far as chance can tell. 1: one is broken, or the page has no place. 2: usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    options = _options(arguments)
    if options.list:
        print("\n".join(each.name for each in every()))
        return 0
    chosen = [each for each in every() if not options.only or any(name in each.name for name in options.only)]
    if not chosen:
        print(f"no scenario has {' or '.join(options.only)} in its name; --list shows them", file=sys.stderr)
        return 2
    # A part of it, or fewer runs, are a look: they are written only where the options say so.
    whole = not options.only and options.runs is None
    page, record = options.docs or (PAGE if whole else None), options.json or (RECORD if whole else None)
    try:
        if page is not None:
            document.check(page)
        return _run(chosen, options.seed, options.runs, page, record)
    except document.NoPlace as missing:
        print(missing, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130


def every() -> Iterator[Scenario]:
    """All scenarios there are."""
    for part in PARTS:
        yield from part.scenarios()


def simulate(scenario: Scenario, seed: int, runs: int | None = None) -> list[Figure]:
    """One scenario's figures, whatever ran before it; of at most `runs` runs where that is given."""
    count = scenario.runs if runs is None else min(runs, scenario.runs)
    return scenario.simulate(stream(seed, "simulation", scenario.name), count)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate",
        description="Simulates how often the intervals hold the truth and how often the gate errs, in a quarter of an "
        "hour on one core. Writes the figures into docs/statistics.md and reports/simulations/statistics.json. "
        "Exit 1 if a promise is broken by more than chance.",
    )
    parser.add_argument("--seed", type=int, default=0, help="of every draw (default: 0)")
    parser.add_argument(
        "--runs", type=_positive, metavar="N", help="at most N runs of each scenario; prints, writes nothing"
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="scenarios with NAME in their name; prints, writes nothing"
    )
    parser.add_argument("--list", action="store_true", help="the names of all scenarios")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write the tables into this page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure into this file")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _run(chosen: Sequence[Scenario], seed: int, runs: int | None, page: Path | None, record: Path | None) -> int:
    figures: list[Figure] = []
    began = said = time.monotonic()
    for number, scenario in enumerate(chosen, 1):
        figures += simulate(scenario, seed, runs)
        if time.monotonic() - said > 5 or number == len(chosen):
            said = time.monotonic()
            print(f"{number}/{len(chosen)} scenarios, {said - began:.0f} s: {scenario.name}", file=sys.stderr)
    text = document.page(figures, seed)
    if record is not None:
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(document.record(figures, seed), encoding="utf-8")
    if page is not None:
        page.write_text(document.between(page.read_text(encoding="utf-8"), text, str(page)), encoding="utf-8")
    else:
        print(text)
    counts = document.summary(figures)
    print(
        f"{len(figures)} figures: {counts['kept']} keep their promise, {counts['missed']} are worse by what chance may "
        f"do, {counts['broken']} are worse by more, {counts['no promise']} have none",
        file=sys.stderr,
    )
    return 1 if counts["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
