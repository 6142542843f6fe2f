"""ranking.md: several students for a pull request or a CI job summary."""

from __future__ import annotations

from evalkit.report import ranking_view
from evalkit.report.ranking_view import CandidateView
from evalkit.report.text import for_markdown as safe
from evalkit.types import EXIT_CODES
from evalkit.types.ranking import Key, Ranking


def render(ranking: Ranking) -> str:
    """Markdown: which student may replace the teacher, the table, what decides each and what tells them apart."""
    shown = ranking_view.candidates(ranking)
    heads = ranking_view.columns(shown)
    lines = ["## Several students", "", safe(ranking_view.headline(ranking), 1000), ""]
    lines += [safe(ranking_view.about(ranking), 1000), ""]
    lines += [f"| | student | verdict | {' | '.join(title for _, title in heads)} |"]
    lines += [f"|---:|---|---|{'---:|' * len(heads)}"]
    for each in shown:
        cells = " | ".join(_cell(each, key) for key, _ in heads)
        lines.append(f"| {each.rank} | {_name(each)} | {each.mark} {each.word} | {cells} |")
    lines += ["", f"{safe(ranking_view.order_words(ranking), 400)}. Each number is of the suite that speaks most"]
    lines[-1] += f" against the student; intervals are {ranking_view.level(ranking)}."
    lines += ["", "### What decides", ""]
    for each in shown:
        said = [part for part in (each.deciding, each.step, each.against) if part]
        lines.append(f"- **{safe(each.name, 100)}**: {'; '.join(safe(part, 600) for part in said) or 'measured'}")
    lines += ["", f"exit {EXIT_CODES[ranking.word]} ({ranking.word}: the worst verdict of {len(shown)})", ""]
    return "\n".join(lines)


def _name(each: CandidateView) -> str:
    name = safe(each.name, 100)
    return f"[{name}]({each.href})" if each.href else name


def _cell(each: CandidateView, key: Key) -> str:
    if key not in each.cells:
        return "–"
    reading = each.cells[key].reading
    if reading.undefined is not None:
        return "–"
    interval = "" if reading.interval == "exact" else reading.interval
    return f"{reading.value} {interval}".strip()
