"""The pages of `evalkit compare` and `evalkit history`: alone in one file, safe, whole, the same every time."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from evalkit.compare import compare
from evalkit.history import history
from evalkit.report import compare_page, history_page
from evalkit.report.drawing import trend
from evalkit.types.over_time import Compared, History
from tests.compare import over
from tests.compare.over import every
from tests.report.records import HOSTILE

CHROMIUM = Path("/usr/bin/chromium")


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the words that are shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.words.append(data)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    root = tmp_path_factory.mktemp("pair")
    return compare(over.run(root, "v1", every(4)), over.run(root, "v2", every(12, start=6)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = over.four(tmp_path_factory.mktemp("history"))
    (root / "a" / "report.html").write_text("a report")
    return root


def hostile(compared: Compared) -> Compared:
    """Every text that somebody else wrote made hostile."""
    said = "".join(HOSTILE[:-1])
    first, second = (replace(each, label=said, teacher=said, policy=said) for each in (compared.first, compared.second))
    pairs = tuple(
        replace(pair, id=said, input=text, target=text, student=replace(pair.student, answer=text, text=said))
        for pair, text in zip(compared.pairs, [*HOSTILE] * 20, strict=False)
    )
    slices = tuple(replace(row, slice=said) for row in compared.better_slices)
    return replace(
        compared, first=first, second=second, pairs=pairs, better_slices=slices, worse_slices=slices, notes=(said,)
    )


@pytest.fixture(scope="module")
def pages(compared: Compared, runs: Path) -> dict[str, str]:
    found = history(runs)
    (line,) = found.lines
    said = "".join(HOSTILE[:-1])
    entries = tuple(replace(each, student=said, path=said, report=True, changes=(said,)) for each in line.entries)
    trends = tuple(replace(each, id=said) for each in line.trends)
    bad: History = replace(found, lines=(replace(line, teacher=said, entries=entries, trends=trends),))
    return {
        "compare": compare_page.render(compared),
        "compare, hostile": compare_page.render(hostile(compared)),
        "history": history_page.render(found, runs / "history.html"),
        "history, hostile": history_page.render(bad, runs / "history.html"),
    }


NAMES = ("compare", "compare, hostile", "history", "history, hostile")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_stands_alone_and_runs_nothing(pages: dict[str, str], name: str) -> None:
    elements = Elements(pages[name])
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "img", "iframe", "object", "embed", "form", "input", "base"}
    for tag, attributes in elements.found:
        assert "style" not in attributes
        assert not [each for each in attributes if each.startswith("on")]
        assert "src" not in attributes
        if tag == "a":
            assert re.match(r"#|\./|\.\./", attributes["href"]), attributes["href"]
    (policy,) = (each["content"] for tag, each in elements.found if "http-equiv" in each)
    (style,) = re.findall(r"<style>(.*?)</style>", pages[name], flags=re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "script-src" not in policy
    assert "url(" not in style


@pytest.mark.parametrize("name", NAMES)
def test_every_drawing_has_a_title_and_every_id_is_its_own(pages: dict[str, str], name: str) -> None:
    elements = Elements(pages[name])
    drawings = [each for tag, each in elements.found if tag == "svg"]
    assert drawings
    assert all(each.get("aria-hidden") == "true" or each.get("aria-label") for each in drawings)
    ids = [each["id"] for _, each in elements.found if "id" in each]
    assert len(ids) == len(set(ids))
    links = [each["href"][1:] for tag, each in elements.found if tag == "a" and each["href"].startswith("#")]
    assert set(links) <= set(ids)


@pytest.mark.parametrize("name", ["compare, hostile", "history, hostile"])
def test_hostile_texts_stay_text(pages: dict[str, str], name: str) -> None:
    page = pages[name]
    assert "<script" not in page
    assert "<img" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066]", page)
    assert len(page) < 600_000


def test_equal_comparisons_and_histories_make_equal_pages(
    pages: dict[str, str], compared: Compared, runs: Path
) -> None:
    assert compare_page.render(compared) == pages["compare"]
    assert history_page.render(history(runs), runs / "history.html") == pages["history"]


def test_the_first_student_is_never_called_the_teacher(pages: dict[str, str]) -> None:
    elements = Elements(pages["compare"])
    marked = [each["class"] for _, each in elements.found if "mark" in each.get("class", "")]
    assert {"first-mark", "second-mark", "teacher-mark"} == set(marked)
    assert "student-mark" not in pages["compare"].split("</style>")[1]
    said = "".join(elements.words)
    assert "first · ✗ wrong" in said
    assert "second · ✓ correct" in said
    assert "v2 is better than v1 on the one suite." in said


def test_the_numbers_of_the_page_are_those_of_the_comparison(pages: dict[str, str], compared: Compared) -> None:
    values = {each["value"] for tag, each in Elements(pages["compare"]).found if tag == "data"}
    for row in compared.suites[0].rows:
        assert repr(float(row.change.value)) in values  # type: ignore[union-attr]
        assert repr(float(row.second.value)) in values  # type: ignore[union-attr]


def test_runs_are_linked_by_relative_paths_that_hold_whatever_their_names(runs: Path, tmp_path: Path) -> None:
    def links(page: Path) -> list[str]:
        elements = Elements(history_page.render(history(runs), page))
        return [each["href"] for tag, each in elements.found if tag == "a" and each.get("class") == "run"]

    assert links(runs / "history.html") == ["./a/report.html"]
    assert links(runs / "below" / "history.html") == ["./../a/report.html"]
    odd = over.records(tmp_path / 'java:"x"&#?%20', "2026-01-01T08:00:00Z", [])
    (odd / "report.html").write_text("a report")
    elements = Elements(history_page.render(history(tmp_path), tmp_path / "page.html"))
    (href,) = (each["href"] for tag, each in elements.found if tag == "a" and each.get("class") == "run")
    assert href == "./java%3A%22x%22%26%23%3F%2520/report.html"


def test_a_trend_shows_outcomes_by_shape_and_the_bound_as_a_staircase(pages: dict[str, str]) -> None:
    (drawing,) = re.findall(r'<svg class="trend" viewBox="0 0 720.*?</svg>', pages["history"])
    for kind in ("cross fail", "hollow inconclusive", "dot pass", "gap", "bound", "turn"):
        assert drawing.count(f'class="{kind}"') == 1, kind
    assert "bound moved" in drawing
    table = pages["history"].split("run by run")[1]
    assert [float(value) for value in re.findall(r'<data value="([^"]*)"', table)] == pytest.approx([0.99, 0.94, 0.90])


def test_the_staircase_of_bounds_breaks_where_nothing_was_asked() -> None:
    def mark(bound: float | None, status: str) -> trend.Mark:
        return trend.Mark(value=bound, low=None, high=None, bound=bound, status=status, label="")

    axis = trend.upright([0.0, 1.0], least=0.01)
    marks = [mark(0.5, "pass"), mark(0.7, "fail"), mark(None, "broken"), mark(0.7, "pass")]
    drawing = trend.trend("t", marks, axis, shift=2, suffix=" %", at_least=True, said="s")
    (path,) = re.findall(r'<path class="bound" d="([^"]*)"', drawing)
    step = (trend.RIGHT - trend.LEFT) / 4
    starts = [float(each) for each in re.findall(r"M([\d.]+) ", path)]
    assert starts == pytest.approx([trend.LEFT, trend.LEFT + 3 * step], abs=0.1)
    levels = [float(each) for each in re.findall(r"[V ]([\d.]+)H", path)]
    assert levels == pytest.approx([axis.at(0.5), axis.at(0.7), axis.at(0.7)], abs=0.1)


def test_of_very_many_runs_the_latest_are_drawn_and_all_are_in_the_table(tmp_path: Path) -> None:
    for at in range(trend.MOST + 5):
        over.records(
            tmp_path / f"r{at}", f"2026-01-01T08:{at % 60:02}:{at // 60:02}Z", [over.criterion(0.9, 0.01, 0.8)]
        )
    page = history_page.render(history(tmp_path), tmp_path / "page.html")
    (drawing,) = re.findall(r'<svg class="trend" viewBox="0 0 720.*?</svg>', page)
    (path,) = re.findall(r'<path class="dot pass" d="([^"]*)"', drawing)
    assert path.count("M") == trend.MOST
    assert f"The latest {trend.MOST} runs are drawn; the table has all." in page
    assert len(re.findall(r'<data value="0.9"', page.split("run by run")[1])) == trend.MOST + 5


# --- in a browser --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(chromium: Any) -> Any:
    """The one that all tests of pages share: a second driver cannot run beside it."""
    return chromium


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium (apt-get install chromium)")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [1400, 360])
def test_it_opens_from_disk_in_silence_and_without_sideways_scrolling(
    browser: Any, pages: dict[str, str], tmp_path: Path, name: str, width: int
) -> None:
    file = tmp_path / "page.html"
    file.write_text(pages[name], encoding="utf-8")
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(file.as_uri())
        assert (said, asked) == ([], [file.as_uri()])
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").bounding_box()["y"] < 600
        bright = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert bright == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(17, 20, 24)")
        context.close()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium (apt-get install chromium)")
def test_a_narrow_screen_begins_at_the_latest_run(browser: Any, pages: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(pages["history"], encoding="utf-8")
    page = browser.new_page(viewport={"width": 360, "height": 900})
    page.goto(file.as_uri())
    box, mark = page.locator(".drawn").first.bounding_box(), page.locator(".trend .dot.pass").last.bounding_box()
    assert box["x"] <= mark["x"]
    assert mark["x"] + mark["width"] <= box["x"] + box["width"]
    page.close()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium (apt-get install chromium)")
@pytest.mark.parametrize("name", ["compare", "history"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 360)])
def test_axe_finds_nothing_serious(
    browser: Any, pages: dict[str, str], tmp_path: Path, name: str, scheme: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    file = tmp_path / "page.html"
    file.write_text(pages[name], encoding="utf-8")
    # The page itself runs no script, and its policy would not let axe in.
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = axe.run(page).response["violations"]
    assert [(each["id"], each["nodes"]) for each in found if each["impact"] in ("serious", "critical")] == []
    context.close()
