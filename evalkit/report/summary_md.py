"""summary.md: the verdict for a pull request or a CI job summary, short enough that a forge keeps it whole."""

from __future__ import annotations

from evalkit.figures import count
from evalkit.report.examples import examples_first, slice_of
from evalkit.report.headlines import headlines, most_of_the_loss
from evalkit.report.text import for_markdown as safe
from evalkit.report.view import MARKS, STATUS_WORDS, TOO_SMALL, CriterionView, ExampleView, View

# A pull request comment holds 65,536 characters; one that is longer is refused as a whole.
MOST_BYTES = 60_000
_MOST_ROWS, _MOST_EXAMPLES, _MOST_REASONS, _MOST_SLICES, _MOST_ANSWER = 60, 10, 20, 20, 100


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
    lines += [f"- {reason_line(reason)}" for reason in view.told[:reasons]]
    lines += ["- More seeds of the same examples will not help."] if view.needs_new_examples else []
    if len(view.told) > reasons:
        lines.append(f"- … {len(view.told) - reasons} more in `verdict.json`")
    lines += [*_criteria(view, rows), *_headlines(view), *_regressed(view, rows), *_examples(view, rows)]
    lines += [
        "",
        "### Look further",
        "",
        "- `report.html` opens from disk: every metric with its interval, slices, all examples side by side",
        "- `verdict.json` and `results.json` hold the same numbers for machines, `pairs.parquet` every example",
        "- `evalkit show RUN` prints the verdict again, `evalkit verify RUN` re-derives all of it from the records",
        "",
        f"exit {view.exit_code} ({view.word}: {view.exit_words})",
        "",
    ]
    return "\n".join(lines)


def reason_line(reason: str) -> str:
    """A reason for a list; one that lists what is too small begins with the count, and is cut earlier."""
    return safe(reason, 200 if TOO_SMALL in reason else 400)


def _criteria(view: View, most: int) -> list[str]:
    if not view.criteria:
        return []
    level = "" if view.level is None else f"{view.level * 100:g} % "
    lines = ["", f"### Criteria{f': {view.tally}' if view.tally else ''}", ""]
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
    main = most_of_the_loss(view)
    lines = ["", "### Got worse", ""]
    lines += [f"Most of the loss: {safe(main.rows[0].suite, 80)}, {safe(main.words, 300)}.", ""] if main else []
    lines += ["Slices that lost more than chance allows, Holm-adjusted over all slices:", ""]
    lines += ["| suite | slice | difference | lost | gained | n | p |", "|---|---|---:|---:|---:|---:|---:|"]
    for row in view.regressed[:most]:
        names = f"{safe(row.suite, 80)} | {safe(row.slice, 80)}"
        lines.append(f"| {names} | {row.difference} | {row.lost} | {row.gained} | {count(row.n)} | {safe(row.p)} |")
    more = len(view.regressed) - most
    return [*lines, *(["", f"… {more} more slices in `report.html`"] if more > 0 else [])]


def _examples(view: View, rows: int) -> list[str]:
    shown = examples_first(view, min(rows, _MOST_EXAMPLES))
    if not shown:
        return []
    lines = ["", "### Look at first", ""]
    for each in shown:
        grave = f", {each.severity}" if each.severity in ("high", "critical") else ""
        lost = slice_of(view, each)
        place = f"{safe(each.suite, 60)}{f', {safe(lost, 80)}' if lost else ''}"
        lines.append(f"- {safe(each.id, 80)} ({place}): {each.flip}{grave}{_answers(each)}")
    more = view.changed - len(shown)
    return [*lines, *([f"- … {count(more)} more in `report.html` and `pairs.parquet`"] if more > 0 else [])]


def _answers(each: ExampleView) -> str:
    """Both answers with how sure they were; nothing of a safety suite, for a pull request has many readers."""
    if each.sensitive:
        return ""
    said = [
        f"{answer.who} **{safe(answer.answer, _MOST_ANSWER) or 'nothing'}** {answer.confidence}".rstrip()
        for answer in each.answers
    ]
    return f"; {', '.join(said)}"
