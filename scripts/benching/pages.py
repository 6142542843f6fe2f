"""How heavy a report is and how fast it answers: its bytes, and what Chromium needs to show and to filter it."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benching.pairs import columns

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = Path(os.environ.get("EVALKIT_CHROMIUM", "/usr/bin/chromium"))
SIZES = (2_000, 20_000, 100_000)
# What is asked of the list, each timed from the call to the second frame after it.
FILTERS = ("flip:lost", "slice:language=de changed:outcome", "conf>0.9 student:refund", "-flip:both-right")
# Notes when the first paint was, and when the list took the place of the first examples.
_WATCH = """
const seen = (window.seen = {});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen[entry.name] = entry.startTime;
}).observe({ type: "paint", buffered: true });
const look = () => {
  if (document.documentElement?.classList.contains("exploring")) seen.ready = performance.now();
  else requestAnimationFrame(look);
};
look();
"""
_FILTER = """
async (query) => {
  const explorer = await started;
  const begun = performance.now();
  await explorer.setQuery(query);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return [performance.now() - begun, explorer.shown.length, document.querySelectorAll("#explorer tr").length];
}
"""


def texts(n: int, seed: int = 0) -> list[str]:
    """Messages of customers such as the shipped suite has, a third of whose words are drawn anew."""
    lines = (ROOT / "suites" / "support-intents" / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [json.loads(line)["text"] for line in lines]
    words = sorted({word for each in messages for word in each.split()})
    draw = random.Random(seed)
    return [
        " ".join(draw.choice(words) if draw.random() < 1 / 3 else word for word in draw.choice(messages).split(" "))
        for _ in range(n)
    ]


def record(n: int) -> Any:
    """A gated run of n examples, as its reports see it."""
    from evalkit.conclude import Premises, conclude, run_record
    from evalkit.gate import Champion
    from evalkit.policy import policy_from_text

    stored = columns(n, probabilities=True, slices=True)
    stored = replace(stored, data={**stored.data, "input": texts(n)})
    text = "schema: evalkit/policy/v1\ncriteria:\n  - {id: kept, metric: accuracy.retention, at_least: 0.97}\n"
    when = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    models: dict[str, Any] = {"teacher": {"name": "large"}, "student": {"name": "small"}}
    premises = Premises(models=models, policy=policy_from_text(text, "bench"), champion=Champion(), seed=0, now=when)
    suite = {"name": "bench", "kind": "gold", "task": "classify", "n": n, "version": 1}
    manifest = {"run_id": "bench", "models": models, "suites": [suite], "seed": 0, "policy": {"name": "bench"}}
    return run_record([stored], conclude([stored], premises), manifest)


def measured(n: int, repeats: int) -> dict[str, Any]:
    """Bytes, seconds to write the page, and medians of what a browser took, in seconds; the most rows it held."""
    from evalkit import report

    run = record(n)
    begun = time.perf_counter()
    page = report.html(run)
    written = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(page, encoding="utf-8")
        opened = [_opened(path) for _ in range(repeats)]
    return {
        "examples": n,
        "bytes": len(page.encode()),
        "written_s": written,
        "first_paint_s": median(each["first_paint_s"] for each in opened),
        "interactive_s": median(each["interactive_s"] for each in opened),
        "filter_s": {query: median(each["filter_s"][query] for each in opened) for query in FILTERS},
        "rows": max(each["rows"] for each in opened),
    }


def _opened(path: Path) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.add_init_script(_WATCH)
        page.goto(path.as_uri())
        page.wait_for_function("window.seen.ready && window.seen['first-contentful-paint']", timeout=120_000)
        seen = page.evaluate("window.seen")
        filtered = {query: page.evaluate(_FILTER, query) for query in FILTERS}
        browser.close()
    return {
        "first_paint_s": seen["first-contentful-paint"] / 1000,
        "interactive_s": seen["ready"] / 1000,
        "filter_s": {query: took / 1000 for query, (took, _, _) in filtered.items()},
        "rows": max(rows for _, _, rows in filtered.values()),
    }


def table(found: list[dict[str, Any]]) -> str:
    """The figures as Markdown."""
    lines = ["| examples | page | written in | first paint | list | slowest filter | rows in the document |"]
    lines.append("|---|---|---|---|---|---|---|")
    for each in found:
        slowest = max(each["filter_s"].values())
        cells = [f"{each['examples']:,}", f"{each['bytes'] / 1e6:.2f} MB", f"{each['written_s']:.1f} s"]
        cells += [f"{each[name]:.2f} s" for name in ("first_paint_s", "interactive_s")]
        lines.append(f"| {' | '.join([*cells, f'{slowest * 1000:.0f} ms', str(each['rows'])])} |")
    return "\n".join(lines)
