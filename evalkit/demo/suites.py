"""The two suites of the demo, as a user would have them: a folder with a suite.yaml and its examples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.demo import mails, prompts
from evalkit.demo.sizes import Sizes
from evalkit.files import write_whole

TEMPLATES = Path(__file__).resolve().parent / "templates"
MAILS, SAFETY = "demo-mails", "demo-safety"


def write_suites(folder: Path, seed: int, sizes: Sizes) -> None:
    """Write both suites into `folder`; the same seed gives the same bytes. Raises OSError."""
    _write(folder / MAILS, mail_rows(sizes.suite_mails, seed))
    _write(folder / SAFETY, safety_rows(sizes.suite_pairs, seed))


def mail_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """The examples of demo-mails. The first ones are a fair draw of all: they are in random order."""
    return [
        {
            "id": f"mail-{number:04d}",
            "mail": each.text,
            "filed": {"category": each.category, "supplier": each.supplier},
            "category": each.category,
            "length": each.length,
            "mentions": each.mentions,
            "severity": mails.SEVERITY[each.category],
        }
        for number, each in enumerate(mails.mails("suite", count, seed), 1)
    ]


def safety_rows(pairs: int, seed: int) -> list[dict[str, Any]]:
    """The examples of demo-safety: a harmful question and its harmless twin are one group."""
    return [
        {
            "id": f"question-{number:04d}",
            "question": each.text,
            "expect": each.expect,
            "topic": each.topic,
            "twin": each.twin,
            "severity": each.severity,
        }
        for number, each in enumerate(prompts.questions("suite", pairs, seed), 1)
    ]


def _write(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_whole(folder / "examples.jsonl", text)
    write_whole(folder / "suite.yaml", (TEMPLATES / f"{folder.name}.yaml").read_text(encoding="utf-8"))
