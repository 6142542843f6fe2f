"""axe on the whole page, of every verdict, in light and in dark, with everything open: nothing serious."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit import report
from tests.report import charted, records

pytestmark = pytest.mark.browser

RECORDS = {**records.ALL, "charts": charted.charted}
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def axe() -> Any:
    """axe-core; the tests are skipped where it is not installed."""
    found = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")
    return found.Axe()


def grave(axe: Any, page: Any) -> list[str]:
    """Serious and critical violations, each with its first place."""
    found = axe.run(page).response["violations"]
    return [
        f"{each['id']} x{len(each['nodes'])}: {each['nodes'][0]['html'][:200]}"
        for each in found
        if each["impact"] in GRAVE
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", sorted(RECORDS))
def test_no_page_has_a_serious_violation(chromium: Any, axe: Any, tmp_path: Path, name: str, scheme: str) -> None:
    file = tmp_path / "report.html"
    file.write_text(report.html(RECORDS[name]()), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 1400, "height": 900}, color_scheme=scheme)
    page.goto(file.as_uri())
    page.evaluate("started.then(() => null)")
    assert grave(axe, page) == []
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert grave(axe, page) == []
    page.close()


@pytest.mark.parametrize("name", ["fail", "waived"])
def test_nor_has_a_narrow_one(chromium: Any, axe: Any, tmp_path: Path, name: str) -> None:
    file = tmp_path / "report.html"
    file.write_text(report.html(RECORDS[name]()), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 360, "height": 800})
    page.goto(file.as_uri())
    page.evaluate("started.then(() => null)")
    assert grave(axe, page) == []
    page.close()
