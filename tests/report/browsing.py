"""A report in a real browser, opened from disk, with everything that it says, asks for or opens written down."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = Path("/usr/bin/chromium")


@dataclass
class Opened:
    """A page with what it said on the console or in a dialog, and the addresses that it asked for."""

    page: Any
    address: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def call(self, function: str, *values: Any) -> Any:
        """What a JavaScript function gives for some values. Both go as JSON, so half a character survives the way."""
        told = self.page.evaluate(
            f"async values => JSON.stringify(await ({function})(...JSON.parse(values)) ?? null)", json.dumps(values)
        )
        return json.loads(told)

    def shown(self) -> list[str]:
        """suite/id of every row after filter and sort, in order."""
        rows: list[str] = self.call(
            "async () => { const { store, shown } = await started;"
            " return [...shown].map((i) => `${store.suites[store.suite[i]].name}/${store.id[i]}`); }"
        )
        return rows

    def state(self) -> Any:
        return self.call("async () => (await started).state")

    def ask(self, query: str) -> list[str]:
        """The rows that a query leaves, typed into the box."""
        self.call("async (query) => (await started).setQuery(query)", query)
        return self.shown()


def opened(browser: Any, folder: Path, html: str, fragment: str = "", **how: Any) -> Opened:
    """Writes a page into a folder and opens it; ready once the list is, or has said why it is not."""
    file = folder / "report.html"
    file.write_text(html, encoding="utf-8")
    how.setdefault("viewport", {"width": 1400, "height": 900})
    page = browser.new_context(**how).new_page()
    found = Opened(page, file.as_uri())
    page.on("console", lambda message: found.said.append(message.text))
    page.on("pageerror", lambda error: found.said.append(str(error)))
    page.on("dialog", lambda dialog: found.said.append(dialog.message))
    page.on("request", lambda request: found.asked.append(request.url))
    page.goto(found.address + fragment)
    page.evaluate("started.then(() => null)")
    return found
