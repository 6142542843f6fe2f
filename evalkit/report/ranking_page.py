"""ranking.html: several students of one plan side by side, with a way to each one's own report."""

from __future__ import annotations

from evalkit.report import alone, ranking_view
from evalkit.types import EXIT_CODES
from evalkit.types.ranking import Ranking


def render(ranking: Ranking) -> str:
    """The page as text: a function of the ranking alone. Links to reports are relative to the folder of the runs."""
    shown = ranking_view.candidates(ranking)
    return alone.render(
        "ranking.html.j2",
        ranking=ranking,
        # The page is green where there is something to buy, whatever else was offered.
        word="pass" if ranking.best else ranking.word,
        said=_said(ranking),
        headline=ranking_view.headline(ranking),
        about=ranking_view.about(ranking),
        order=ranking_view.order_words(ranking),
        level=ranking_view.level(ranking),
        shown=shown,
        columns=ranking_view.columns(shown),
        exit_code=EXIT_CODES[ranking.word],
    )


def _said(ranking: Ranking) -> str:
    """The first words of the page."""
    passing, n = len(ranking.may_replace), len(ranking.candidates)
    if ranking.word == "ungated":
        return "not gated"
    return f"{passing or 'none'} of {n} {'passes' if passing < 2 else 'pass'}"
