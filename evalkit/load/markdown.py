"""A load test as a block of Markdown, for a pull request or a page of a wiki."""

from __future__ import annotations

from evalkit.load.levels import Session
from evalkit.load.table import HEADS, about, rows
from evalkit.load.words import comparisons, largest_sentences, notes
from evalkit.report.text import for_markdown


def render(session: Session) -> str:
    """Models, what was sent, a table for each model, sentences, notes."""
    lines = ["### Under load", ""]
    lines += [f"- {role}: {_safe(f'{spec.model} at {spec.base_url}')}" for role, spec in session.asked.models.items()]
    lines += [f"- {_safe(each)}" for each in about(session)]
    heads = ("load", "response p50", "p95", "p99", "service p95", "first token p95", *HEADS[6:9], "outcome")
    for role in session.asked.models:
        if found := rows(session, role):
            lines += ["", f"**{role}**", "", _row(heads), _row(("---",) * len(heads))]
            lines += [_row(tuple(_safe(each) for each in row)) for row in found]
    said = [*largest_sentences(session), *comparisons(session)]
    lines += ["", *(f"- {_safe(each)}" for each in said)] if said else []
    told = notes(session)
    lines += ["", *(f"- {_safe(each)}" for each in told)] if told else []
    return "\n".join(lines) + "\n"


def _safe(text: str) -> str:
    return for_markdown(text, 1000)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
