"""summary.md: the verdict for a pull request or a CI job summary, short enough that a forge keeps it whole."""

from __future__ import annotations

from evalkit.figures import count
from evalkit.report.examples import examples_first
from evalkit.report.headlines import headlines
from evalkit.report.text import for_markdown as safe
from evalkit.report.view import MARKS, STATUS_WORDS, CriterionView, View, tally_words

# A pull request comment holds 65,536 characters; one that is longer is refused as a whole.
MOST_BYTES = 60_000
_MOST_ROWS, _MOST_EXAMPLES, _MOST_REASONS, _MOST_SLICES = 60, 10, 20, 20


def render(view: View) -> str:
    """Markdown: verdict, waivers, reasons, criteria, what got worse, examples, how to look further."""
    rows = _MOST_ROWS
    # Hostile names grow when escaped, so the budget is kept by looking, not by hoping.
    while len((text := _render(view, rows)).encode()) > MOST_BYTES and rows > 1:
        rows //= 2
    return text


def _render(view: View, rows: int) -> str:
    lines = [f"## {MARKS[view.word]} {view.word}", "", safe(view.headline, 1000), ""]
    lines += [
        f"- {MARKS['waived']} **waived**: {safe(each.criterion, 100)}, by {safe(each.owner, 100)} "
        f"until {safe(each.expires, 40)}: {safe(each.reason, 300)}"
        for each in view.waivers[:rows]
    ]
    lines += [f"- … {len(view.waivers) - rows} more waivers in `verdict.json`"] if len(view.waivers) > rows else []
    lines += [""] if view.waivers else []
    reasons = min(rows, _MOST_REASONS)
    lines += [f"- {safe(reason, 400)}" for reason in view.told[:reasons]]
    if len(view.told) > reasons:
        lines.append(f"- … {len(view.told) - reasons} more in `verdict.json`")
    lines += [*_criteria(view, rows), *_headlines(view), *_regressed(view, rows), *_examples(view)]
    lines += [
        "",
        "### Look further",
        "",
        "- `report.html` opens from disk: every metric with its interval, slices, changed examples side by side",
        "- `verdict.json` and `results.json` hold the same numbers for machines, `pairs.parquet` every example",
        "- `evalkit verify RUN` re-derives all of it from the records",
        "",
        f"exit {view.exit_code} ({view.word}: {view.exit_words})",
        "",
    ]
    return "\n".join(lines)


def _criteria(view: View, most: int) -> list[str]:
    if not view.criteria:
        return []
    level = "" if view.level is None else f"{view.level * 100:g} % "
    lines = ["", f"### Criteria: {tally_words(view.tally)}", ""]
    lines += [f"| | criterion | where | needs | seen | {level}interval | n |", "|---|---|---|---:|---:|---:|---:|"]
    lines += [criterion_line(row) for row in view.weighed[:most]]
    if len(view.weighed) > most:
        lines += ["", f"… {len(view.weighed) - most} more rows in `verdict.json`"]
    if view.skipped:
        lines += ["", f"{MARKS['not_evaluated']} skipped, nothing to apply to: {safe(', '.join(view.skipped), 400)}"]
    return lines


def _headlines(view: View) -> list[str]:
    lines: list[str] = []
    for title, found in headlines(view):
        lines += ["", f"### {safe(title, 200)}", "", "| metric | seen |", "|---|---|"]
        lines += [f"| {safe(name, 80)} | {safe(said, 300)} |" for name, said in found]
    return lines


def criterion_line(row: CriterionView) -> str:
    """One criterion as a row of a Markdown table."""
    word = f"{MARKS[row.status]} {STATUS_WORDS[row.status]}" + (" (warning only)" if row.effect == "warn" else "")
    value = " (by value)" if row.by == "value" and not row.metric.endswith(".count") else ""
    what = f"{safe(row.id, 60)}: {safe(row.metric, 80)}{value}"
    seen = row.reading.value if row.reading.undefined is None else f"undefined: {safe(row.reading.undefined, 200)}"
    n = count(row.reading.n) if row.reading.undefined is None else ""
    return f"| {word} | {what} | {safe(row.place, 120)} | {row.needs} | {seen} | {row.reading.interval} | {n} |"


def _regressed(view: View, rows: int) -> list[str]:
    if not view.regressed:
        return []
    most = min(rows, _MOST_SLICES)
    lines = ["", "### Got worse", "", "Slices that lost more than chance allows, Holm-adjusted over all slices:", ""]
    lines += ["| suite | slice | difference | lost | gained | n | p |", "|---|---|---:|---:|---:|---:|---:|"]
    for row in view.regressed[:most]:
        names = f"{safe(row.suite, 80)} | {safe(row.slice, 80)}"
        lines.append(f"| {names} | {row.difference} | {row.lost} | {row.gained} | {count(row.n)} | {safe(row.p)} |")
    more = len(view.regressed) - most
    return [*lines, *(["", f"… {more} more slices in `report.html`"] if more > 0 else [])]


def _examples(view: View) -> list[str]:
    shown = examples_first(view, _MOST_EXAMPLES)
    if not shown:
        return []
    lines = ["", "### Look at first", ""]
    for each in shown:
        severity = f", {each.severity}" if each.severity in ("high", "critical") else ""
        lines.append(f"- {safe(each.id, 80)} ({safe(each.suite, 60)}): {each.flip}{severity}")
    more = view.changed - len(shown)
    return [*lines, *([f"- … {count(more)} more in `report.html` and `pairs.parquet`"] if more > 0 else [])]
