"""What is shown of a ranking: the same on the page, in Markdown, in the terminal and as JSON; nothing unsafe."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evalkit.compare.standings import standings
from evalkit.ranking.order import arrange, rank
from evalkit.ranking.record import ranking_record
from evalkit.report import ranking_console, ranking_md, ranking_page, ranking_view
from evalkit.report.columns import width
from evalkit.types.ranking import Ranking
from tests.ranking import several
from tests.ranking.several import every
from tests.ranking.test_order import Told, estimate, found
from tests.report.records import HOSTILE

NAMES = ("good", "as good", "bad")


@pytest.fixture(scope="module")
def ranking(tmp_path_factory: pytest.TempPathFactory) -> Ranking:
    root = tmp_path_factory.mktemp("several")
    several.of(root, {"good": every(10), "as good": every(11), "bad": every(4)})
    assert several.gate(root).code == 1
    out = root / "out"
    return rank({"good": out / "good", "as-good": out / "as-good", "bad": out / "bad"}, standings, out)


@pytest.fixture(scope="module")
def hostile(ranking: Ranking) -> Ranking:
    said = "".join(HOSTILE[:-1])
    candidates = tuple(
        replace(
            each,
            name=said,
            folder=said.replace("\x00", ""),
            verdict=replace(
                each.verdict,
                reasons=(said,),
                criteria=tuple(replace(row, id=said) for row in each.verdict.criteria),
            ),
            cells={key: replace(cell, suite=said) for key, cell in each.cells.items()},
            step=each.step and replace(each.step, above=said, why=said),
        )
        for each in ranking.candidates
    )
    return replace(ranking, teacher=said, policy=said, suites=((said, 1, "sha256:x"),), candidates=candidates)


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def test_the_page_stands_alone_and_runs_nothing(ranking: Ranking, hostile: Ranking) -> None:
    for page in (ranking_page.render(ranking), ranking_page.render(hostile)):
        elements = Elements(page)
        assert not {tag for tag, _ in elements.found} & {"script", "img", "iframe", "object", "embed", "form", "base"}
        for tag, attributes in elements.found:
            assert "style" not in attributes
            assert "src" not in attributes
            assert not [each for each in attributes if each.startswith("on")]
            if tag == "a":
                assert re.match(r"#|\./", attributes["href"]), attributes["href"]
        (policy,) = (each["content"] for _, each in elements.found if "http-equiv" in each)
        (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.S)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066]", page)
        ids = [each["id"] for _, each in elements.found if "id" in each]
        assert len(ids) == len(set(ids))


def test_the_page_links_each_students_report(ranking: Ranking) -> None:
    links = [each["href"] for tag, each in Elements(ranking_page.render(ranking)).found if tag == "a"]
    assert [each for each in links if "report" in each] == [
        f"./{each.folder}/report.html" for each in ranking.candidates
    ]
    gone = replace(ranking, candidates=tuple(replace(each, report=False) for each in ranking.candidates))
    assert "report.html" not in ranking_page.render(gone).split("</style>")[1].replace("its report", "")
    assert "](" not in ranking_md.render(gone)


def test_every_number_stands_in_each_of_them(ranking: Ranking) -> None:
    page, text, told = ranking_page.render(ranking), ranking_md.render(ranking), ranking_record(ranking)
    values = {each["value"] for tag, each in Elements(page).found if tag == "data"}
    for each, view in zip(told["students"], ranking_view.candidates(ranking), strict=True):
        assert set(each["columns"]) == set(view.cells) >= {"accuracy", "agreement"}
        for key, cell in each["columns"].items():
            if cell["estimate"] is None:
                continue
            assert repr(float(cell["estimate"]["value"])) in values
            assert view.cells[key].reading.value in text
            assert view.cells[key].reading.value in page
    screen = ranking_console.render(ranking)
    for view in ranking_view.candidates(ranking):
        reading = view.cells["accuracy"].reading
        assert f"{reading.value} {reading.interval}" in screen
        assert view.cells["agreement"].reading.value in screen


def test_students_that_nothing_tells_apart_are_said_to_be_so_everywhere(ranking: Ranking) -> None:
    assert [(each.rank, each.name) for each in ranking.candidates] == [(1, "as-good"), (1, "good"), (3, "bad")]
    page = ranking_page.render(ranking)
    for shown in (ranking_console.render(ranking), ranking_md.render(ranking), page):
        assert "not told apart from as-good" in shown
        assert "1=" in shown
        assert "Nothing here tells as-good and good apart" in shown.replace("\n  ", " ")
    assert "<strong>not told apart from as-good</strong>" in page


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_terminal_is_as_wide_as_it_is(ranking: Ranking, hostile: Ranking, columns: int, ascii_only: bool) -> None:
    for each in (ranking, hostile):
        shown = ranking_console.render(each, columns=columns, ascii_only=ascii_only, folder="out")
        lines = [line for line in shown.splitlines() if not line.startswith("page")]
        assert max(map(width, lines)) <= columns
        assert "\x1b" not in shown
        assert "::" not in shown
        assert not ascii_only or shown.isascii()
    assert "\x1b[31m" in ranking_console.render(ranking, colour=True)


def test_a_table_with_every_column_fits_eighty_columns() -> None:
    students = [
        found(f"a-long-name-of-a-checkpoint-{at}", kept=0.9712, speed=estimate(2.1), size=5, agreement=0.9, unsafe=0.01)
        for at in range(3)
    ]
    got = arrange(students, Told(), Path("out"))
    lines = ranking_console.render(got).splitlines()
    assert max(map(width, lines)) <= 80
    (head,) = [line for line in lines if "verdict" in line and "student" in line]
    for title in ("retention", "agreement", "speed-up"):
        assert title in head
    assert sum("newly unsafe" in line for line in lines) == 3


def test_hostile_texts_stay_text(hostile: Ranking) -> None:
    page = ranking_page.render(hostile)
    assert "<script" not in page
    assert "<img" not in page
    text = ranking_md.render(hostile)
    assert not re.search("<script|<img", text)


def test_equal_rankings_are_shown_alike(ranking: Ranking) -> None:
    for render in (ranking_page.render, ranking_md.render, ranking_console.render, ranking_record):
        assert render(ranking) == render(ranking)  # type: ignore[operator]


def test_what_an_audit_and_a_single_student_are_told() -> None:
    audit = arrange([found("a", "ungated", kept=0.9), found("b", "broken")], Told(), Path("out"))
    assert ranking_view.headline(audit) == "1 of 2 students measured; nothing was decided, for an audit has no policy."
    one = arrange([found("a")], Told(), Path("out"))
    assert ranking_view.headline(one) == "a may replace the teacher."
    none = arrange([found("a", "fail"), found("b", "inconclusive")], Told(), Path("out"))
    assert ranking_view.headline(none) == "No student may replace the teacher: of 2 students none passes."
    some = arrange([found("a", "fail"), found("b")], Told(), Path("out"))
    assert ranking_view.headline(some) == "b may replace the teacher: it is the one of 2 students that passes."
