"""All sinks together: the same digits everywhere, hostile text inert everywhere, nothing heavy imported."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from evalkit import report
from evalkit.report.prepare import prepare
from evalkit.types.record import RunRecord
from tests.report import records
from tests.report.records import HOSTILE

BIDI = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\u061c\ufeff\ud800-\udfff]")


def sinks(record: RunRecord) -> dict[str, str]:
    return {
        "html": report.html(record),
        "junit": report.junit(record),
        "summary": report.summary(record),
        "card": report.card(record),
        "terminal": report.terminal(record),
    }


@pytest.mark.parametrize("digits", ["94.6 %", "[93.4, 95.8]", "≥ 97.0 %", "−14.3 pts", "[−18.8, −9.8]", "2.60×"])
def test_the_same_digits_are_in_every_sink(digits: str) -> None:
    for name, written in sinks(records.failing()).items():
        assert digits in html.unescape(written), name


@pytest.mark.parametrize("digits", ["0.9459", "0.9335", "0.97"])
def test_exact_floats_are_in_the_sinks_that_machines_read(digits: str) -> None:
    written = sinks(records.failing())
    assert f'value="{digits}"' in written["junit"]
    assert re.search(rf'value="\[?{digits}\b', written["html"])


def test_hostile_text_leaves_no_control_or_bidi_character_anywhere() -> None:
    for name, written in sinks(records.hostile()).items():
        assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]", written) == [], name
        assert BIDI.findall(written) == [], name
        written.encode()


@pytest.mark.parametrize("text", HOSTILE[:-1])
def test_hostile_text_stays_readable_text(text: str) -> None:
    record = records.run("fail", (text,), ())
    seen = records.hostile((text,))
    from evalkit.report.text import for_terminal, one_line, visible

    assert visible(text) in html.unescape(report.html(record))
    assert any(
        one_line(text) in " ".join(part.split()) for part in ElementTree.fromstring(report.junit(seen)).itertext()
    )
    flat = "".join(report.terminal(record, width=400).split())
    assert "".join(for_terminal(text).split()) in flat


def test_a_line_of_a_megabyte_is_cut_and_counted() -> None:
    short = sinks(records.run("fail", ("x",)))
    for name, written in sinks(records.run("fail", (HOSTILE[-1],))).items():
        assert len(written) - len(short[name]) < 8_000, name
        assert "more characters)" in written, name


def test_importing_and_printing_loads_no_heavy_library() -> None:
    heavy = ("jinja2", "torch", "pandas", "scipy", "numpy", "evalkit.metrics", "evalkit.gate", "evalkit.store")
    code = f"""
import sys
from evalkit import report
from evalkit.report.prepare import prepare
from tests.report import records
report.terminal(records.failing()), report.junit(records.failing()), report.summary(records.failing())
print([name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_headline_names_the_slices_that_fell_most() -> None:
    record = records.failing()
    first = record.verdict.regressed[0]
    view = prepare(record)
    assert f"Fell most: {first.slice} (" in view.headline
    assert "Fell most" not in prepare(records.passing()).headline
    assert f"Fell most: {first.slice} (" in report.summary(record)

    many = tuple(replace(first, slice=f"language={'x' * 200}{index}") for index in range(9))
    crowded = prepare(replace(record, verdict=replace(record.verdict, regressed=many))).headline
    assert crowded.count("language=") == 3
    assert crowded.endswith("and 6 more slices.")
    assert len(crowded) < 600


def test_a_pass_names_the_criterion_closest_to_its_bound_and_a_fail_the_worst() -> None:
    assert "Worst: retention (accuracy.retention, support-intents) 94.6 %" in report.terminal(
        records.failing(), width=400
    )
    assert "Closest to its bound: retention" in report.terminal(records.passing(), width=400)
