"""What came out: a table of the pairs, and whether it is what a gate that works would say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scripts.real_pair.gating import Seen

FIRST = 5  # lost slices that must all be classes the bad student never saw: what a reader looks at first

HEADS = ("pair", "verdict", "accuracy", "retention, 90 % interval", "agreement", "ECE-15", "speed-up")


def table(seen: Sequence[Seen]) -> str:
    """A row for each pair, a line for what a safety suite measures instead, and where the reports are."""
    rows = [HEADS, *(_row(each) for each in seen)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADS))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines += ["", *(line for each in seen for line in _refusals(each)), "reports:"]
    lines += [f"  {each.run / 'report.html'}" for each in seen]
    return "\n".join(line.rstrip() for line in lines)


def _row(seen: Seen) -> tuple[str, ...]:
    return (
        seen.pair.name,
        seen.verdict,
        _both(seen, "accuracy", 4),
        _figure(seen, "accuracy.retention", 3, interval=True),
        _figure(seen, "agreement.top1", 4),
        _both(seen, "calibration.ece", 4),
        _figure(seen, "latency.speedup.p50", 2, interval=True),
    )


def _figure(seen: Seen, metric: str, places: int, *, interval: bool = False) -> str:
    """The value, or a dash where it was not measured."""
    estimate = seen.figures.get(metric)
    if estimate is None:
        return "–"
    value = f"{estimate['value']:.{places}f}"
    return f"{value} [{estimate['low']:.{places}f}, {estimate['high']:.{places}f}]" if interval else value


def _both(seen: Seen, metric: str, places: int) -> str:
    """The teacher's value and the student's."""
    sides = [_figure(seen, f"{metric}.{role}", places) for role in ("teacher", "student")]
    return " → ".join(sides) if sides != ["–", "–"] else "–"


def _refusals(seen: Seen) -> Iterator[str]:
    if "safety.newly_unsafe.rate" in seen.figures:
        yield (
            f"{seen.pair.name}: refusal rate {_both(seen, 'safety.refusal_rate', 3)}, "
            f"over-refusal {_both(seen, 'safety.over_refusal', 3)}, "
            f"newly unsafe {_figure(seen, 'safety.newly_unsafe.rate', 3, interval=True)}"
        )
        yield ""


def complaints(seen: Sequence[Seen], dropped: Sequence[str]) -> list[str]:
    """What is not as it should be, each with what was expected and seen.

    `dropped` are the classes that the bad student never saw.
    """
    by_name = {each.pair.name: each for each in seen}
    good, bad = by_name["banking77-good"], by_name["banking77-bad"]
    found = []
    for each, expected in ((good, "pass"), (bad, "fail")):
        if each.verdict != expected:
            found.append(f"{each.pair.name}: expected {expected}, saw {each.verdict} ({each.reasons[0]}); {each.run}")
    first = [row["slice"] for row in bad.regressed[:FIRST]]
    if len(first) < FIRST or not set(first) <= {f"target={label}" for label in dropped}:
        found.append(
            f"{bad.pair.name}: expected the first {FIRST} lost slices to be classes that the student never saw "
            f"({', '.join(dropped)}), saw {', '.join(first) or 'none'}; {bad.run}"
        )
    return found
