"""The page in a real browser, from disk: silent, alone, and readable on a telephone, in light and in dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit import report
from tests.report import records

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(chromium: Any) -> Any:
    """The one that all tests of pages share: a second driver cannot run beside it."""
    return chromium


@pytest.mark.parametrize("name", ["fail", "pass", "broken", "waived", "hostile"])
@pytest.mark.parametrize("width", [1400, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_disk_in_silence_and_without_sideways_scrolling(
    browser: Any, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    file = tmp_path / "report.html"
    file.write_text(report.html(records.ALL[name]()), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert said == []
    assert asked == [file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").bounding_box()["y"] < 600
    bright = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert bright == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(17, 20, 24)")
    assert page.evaluate("document.querySelectorAll('script:not([type])').length") == 1
    assert page.evaluate("document.querySelectorAll('img, iframe').length") == 0
    context.close()


def test_the_style_sheet_is_applied_only_as_long_as_its_hash_holds(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    source = report.html(records.failing())
    changed = source.replace("--page:#ffffff", "--page:#fffffe")
    assert changed != source
    file.write_text(changed, encoding="utf-8")
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    assert any("Content Security Policy" in each for each in said)
    # Without style the verdict, the tables and the drawings are still there.
    assert "fail" in page.locator("h1").inner_text()
    assert page.locator("svg.plot").first.is_visible()
    page.close()


def test_a_script_with_a_changed_byte_does_not_run(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    source = report.html(records.failing())
    changed = source.replace("const started = ", "const startee = ")
    assert changed != source
    for text, runs in ((source, True), (changed, False)):
        file.write_text(text, encoding="utf-8")
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(file.as_uri())
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.classList.contains('exploring')") == runs
        assert any("Content Security Policy" in each for each in said) != runs
        assert "fail" in page.locator("h1").inner_text()
        page.close()
