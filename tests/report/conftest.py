"""One browser for all tests that open a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit import report
from evalkit.types.record import RunRecord
from tests.report.browsing import CHROMIUM


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """Debian's chromium, without a window; tests that take it are skipped where there is none."""
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium (apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a record's page from disk, its list in place. At the end no page may have said, asked or loaded a thing.

    `fragment` is the address's, `before` a script that runs ahead of the page's own, and what else is given goes to
    the browser's context."""
    contexts: list[Any] = []
    said: list[str] = []
    asked: set[str] = set()
    files: set[str] = set()

    def make(record: RunRecord, fragment: str = "#examples?q=", before: str = "", **options: Any) -> Any:
        folder = tmp_path / f"run {len(files)}"
        folder.mkdir()
        file = folder / "report.html"
        file.write_text(report.html(record), encoding="utf-8")
        files.add(file.as_uri())
        context = chromium.new_context(**({"viewport": {"width": 1400, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        if before:
            page.add_init_script(before)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.add(request.url.partition("#")[0]))
        page.goto(file.as_uri() + fragment)
        page.wait_for_selector("html.exploring", state="attached")
        return page

    yield make
    for each in contexts:
        each.close()
    assert said == []
    assert {each for each in asked if not each.startswith("blob:")} <= files
