"""What a page looks like: screenshots of its top and its whole, light, dark, on a telephone, and as printed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

CHROMIUM = os.environ.get("EVALKIT_CHROMIUM", "/usr/bin/chromium")
_LOOKS = (
    ("light", {"viewport": {"width": 1400, "height": 1000}, "color_scheme": "light"}),
    ("dark", {"viewport": {"width": 1400, "height": 1000}, "color_scheme": "dark"}),
    ("narrow", {"viewport": {"width": 360, "height": 800}, "color_scheme": "light"}),
)


def pictures(page: Path, folder: Path, name: str) -> Iterator[Path]:
    """Writes NAME-LOOK.png of the first screen, NAME-LOOK-whole.png of all of it, and NAME-print.pdf; yields each."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for look, settings in _LOOKS:
            opened = browser.new_context(**settings).new_page()
            opened.goto(page.as_uri())
            opened.wait_for_timeout(500)
            for part, whole in ((look, False), (f"{look}-whole", True)):
                yield _named(folder / f"{name}-{part}.png", opened.screenshot(full_page=whole))
            if look == "light":
                yield _named(folder / f"{name}-print.pdf", opened.pdf(format="A4", prefer_css_page_size=True))
        browser.close()


def _named(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
