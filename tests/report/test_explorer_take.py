"""Copying and downloading: what arrives is what the list shows, and evalkit reads it again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evalkit.cli import app
from evalkit.report.text import visible
from evalkit.suite import load_suite
from evalkit.types import Pair
from tests.report import records, spoken

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
ALLOWED = {"permissions": ["clipboard-read", "clipboard-write"]}
# A file's page has no clipboard to read from in every browser: what was written is kept where the test finds it.
KEPT = "navigator.clipboard.writeText = async (text) => { window.copied = text; };"
REFUSED = "navigator.clipboard.writeText = async () => { throw new Error('not allowed'); };"


def told(page: Any) -> str:
    page.wait_for_selector("#told.on")
    return page.locator("#told").inner_text()


def press(page: Any, does: str) -> None:
    page.locator(f".take [data-does={does}]").click()


def downloaded(page: Any, does: str) -> tuple[str, bytes]:
    with page.expect_download() as waiting:
        press(page, does)
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def lines(text: str) -> list[dict[str, Any]]:
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def unpacked(data: bytes, folder: Path) -> list[Path]:
    """The suites of an archive, each a folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return sorted(folder.iterdir())


def linted(folder: Path) -> list[str]:
    """What `evalkit suite lint` finds about a folder; it must be a suite."""
    result = CliRunner().invoke(app, ["suite", "lint", "--json", str(folder)])
    assert result.exit_code in (0, 2), result.output
    return [each["problem"] for each in json.loads(result.output)["findings"]]


def expected(pair: Pair) -> dict[str, Any]:
    """What a line says of an example, from the record itself."""
    sides = {}
    for role in ("teacher", "student", "champion"):
        side = getattr(pair, role)
        if side is None:
            continue
        known = {
            "unparsable": side.unparsable or None,
            "refused": side.refused,
            "marks": side.marks,
            "confidence": side.confidence,
            "target_confidence": side.target_confidence,
            "latency_s": side.latency_s,
            "tokens_out": side.tokens_out,
            "text": side.text,
            "reasoning": side.reasoning,
            "why": side.why or None,
            "error": side.error,
        }
        always = {"status": side.status, "answer": side.answer, "correct": side.correct}
        sides[role] = always | {name: value for name, value in known.items() if value is not None}
    known = {"expect": pair.expect, "choices": list(pair.choices) or None, "group": pair.group}
    return {
        "suite": pair.suite,
        "id": pair.id,
        "input": pair.input,
        "target": pair.target,
        "slices": dict(pair.slices),
        "severity": pair.severity,
        "flip": pair.flip,
        "unstable": pair.unstable,
        **{name: value for name, value in known.items() if value is not None},
        **sides,
    }


def test_lines_hold_everything_that_the_record_says(opened: Open) -> None:
    record = spoken.everything()
    name, data = downloaded(opened(record), "jsonl")
    assert name == f"{record.manifest['run_id']}-examples.jsonl"
    found = lines(data.decode())
    assert [each["id"] for each in found] == [pair.id for pair in record.pairs]
    for line, pair in zip(found, record.pairs, strict=True):
        assert _near(line) == _near(expected(pair))


def _near(value: Any) -> Any:
    """Probabilities have five digits in the page."""
    if isinstance(value, dict):
        return {key: _near(each) for key, each in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def test_copied_is_what_the_filter_leaves(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=flip:lost", before=KEPT)
    assert page.locator(".take [data-does=copy]").inner_text() == "Copy 5 examples as JSONL"
    press(page, "copy")
    assert told(page) == "Copied 5 examples as JSON lines."
    assert [each["id"] for each in lines(page.evaluate("copied"))] == ["m0", "q1", "o1#2", "o2#2", "s0-refuse"]
    page.evaluate("async () => (await started).setQuery('suite:letters')")
    assert page.locator(".take [data-does=copy]").inner_text() == "Copy 3 examples as JSONL"
    press(page, "copy")
    page.wait_for_function("copied.split('\\n').length === 4")
    assert [each["id"] for each in lines(page.evaluate("copied"))] == ["l1", "l2", "l3"]


def test_the_clipboard_gets_it(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=suite:letters", **ALLOWED)
    press(page, "copy")
    assert told(page) == "Copied 3 examples as JSON lines."
    assert [each["id"] for each in lines(page.evaluate("navigator.clipboard.readText()"))] == ["l1", "l2", "l3"]


def test_without_permission_a_field_is_copied_from(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=suite:letters", before=REFUSED, permissions=["clipboard-read"])
    press(page, "copy")
    assert told(page) == "Copied 3 examples as JSON lines."
    assert len(lines(page.evaluate("navigator.clipboard.readText()"))) == 3
    assert page.locator("textarea").count() == 0
    assert page.evaluate("document.activeElement.dataset.does") == "copy"


def test_where_nothing_can_be_copied_that_is_said(opened: Open) -> None:
    page = opened(spoken.everything(), before=REFUSED + "Document.prototype.execCommand = () => false;")
    press(page, "copy")
    assert told(page) == "The browser lets nothing be copied from this page. Download it, or select and copy it."


def test_the_link_is_the_address_and_restores_what_was_seen(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=suite:letters&sel=letters/l2&view=inline", before=KEPT)
    press(page, "link")
    assert told(page) == "Copied the link to what you see."
    assert page.evaluate("copied") == page.url
    assert page.url.endswith("#examples?q=suite:letters&sel=letters/l2&view=inline")


def test_the_command_shows_the_run_that_the_page_lies_in(opened: Open) -> None:
    page = opened(spoken.everything(), before=KEPT)
    press(page, "command")
    folder = Path(page.evaluate("decodeURIComponent(location.pathname)")).parent
    assert told(page) == "Copied the command."
    assert page.evaluate("copied") == f"evalkit show '{folder}'"
    words = "([path]) => shellWord(path)"
    assert page.evaluate(words, ["runs/a-1"]) == "runs/a-1"
    assert page.evaluate(words, ["it's; rm -r $HOME"]) == "'it'\\''s; rm -r $HOME'"


def test_incomplete_examples_are_counted(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    long = replace(spoken.letters()[0], input="y" * 20_001)
    page = opened(spoken.run(long, *spoken.intents()), before=KEPT)
    press(page, "copy")
    assert told(page).startswith("Copied 5 examples as JSON lines. 1 example of them is not complete: ")
    monkeypatch.setattr("evalkit.report.payload.blocks.__defaults__", (0,))
    page = opened(spoken.run(*spoken.letters()), before=KEPT)
    press(page, "copy")
    assert told(page).startswith("Copied 3 examples as JSON lines. 3 examples of them are not complete: ")
    assert {"incomplete", "student"} <= set(lines(page.evaluate("copied"))[0])
    press(page, "suite")
    page.wait_for_function("document.querySelector('#told').textContent.startsWith('No suite')")
    assert told(page) == "No suite was made. 3 examples left out: the page does not have the whole text."


def test_an_empty_list_offers_nothing(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=nowhere-to-be-found", before=KEPT)
    for does in ("copy", "jsonl", "suite"):
        assert page.locator(f".take [data-does={does}]").is_disabled()
    page.keyboard.press("c")
    assert told(page) == "The list is empty: there is nothing to copy."


def test_each_suite_is_a_folder_that_evalkit_reads(opened: Open, tmp_path: Path) -> None:
    record = spoken.everything()
    name, data = downloaded(opened(record), "suite")
    assert name == f"{record.manifest['run_id']}-suites.zip"
    folders = unpacked(data, tmp_path / "suites")
    assert [each.name for each in folders] == [
        f"{suite}-selection" for suite in ("intents", "letters", "quiz", "safety", "sums")
    ]
    found = {each.name.removesuffix("-selection"): linted(each) for each in folders}
    few, groups = found.pop("safety")
    assert few.startswith("2 harmful and 2 benign prompts are too few for the named policies")
    assert groups == "the 4 examples come in 2 groups, and an interval over groups needs 20"
    # The three letters are answers to one question.
    assert found.pop("letters") == ["2 examples repeat the input of another: l2, l3"]
    assert found == {"intents": [], "quiz": [], "sums": []}


def read(opened: Open, tmp_path: Path, *pairs: Pair, query: str = "", **more: Any) -> tuple[Any, str]:
    """The one suite downloaded from a run of these examples, as evalkit reads it, and its file."""
    _, data = downloaded(opened(spoken.run(*pairs, **more), f"#examples?q={query}"), "suite")
    (folder,) = unpacked(data, tmp_path / "suites")
    return load_suite(folder / "suite.yaml"), (folder / "suite.yaml").read_text(encoding="utf-8")


def test_a_classify_suite_keeps_labels_targets_slices_and_severity(opened: Open, tmp_path: Path) -> None:
    suite, text = read(opened, tmp_path, *spoken.intents())
    facts = suite.facts
    assert (facts.name, facts.kind, facts.task, facts.scorer) == ("intents-selection", "gold", "classify", "label")
    assert facts.labels == ("card_lost", "refund", "no", "where: is it?")
    assert facts.slice_names == ("language",)
    for example, pair in zip(suite.examples, spoken.intents(), strict=True):
        assert (example.id, example.target, example.severity) == (pair.id, pair.target, pair.severity)
        assert (example.slices, example.row["input"]) == (pair.slices, pair.input)
    assert "prompt: not in the report." in text
    assert "suites/intents/suite.yaml, version 3" in text


def test_a_choose_suite_keeps_the_choices_of_each_row(opened: Open, tmp_path: Path) -> None:
    suite, _ = read(opened, tmp_path, *spoken.quiz())
    assert [each.choices for each in suite.examples] == [pair.choices for pair in spoken.quiz()]
    assert [each.target for each in suite.examples] == [pair.target for pair in spoken.quiz()]
    assert suite.facts.choose_by == "per_byte"


def test_a_generate_suite_keeps_the_scorer_and_has_each_example_once(opened: Open, tmp_path: Path) -> None:
    suite, text = read(opened, tmp_path, *spoken.sums())
    assert [(each.id, each.target, each.group) for each in suite.examples] == [
        ("o1", "34.5", None),
        ("o2", "52.5", None),
    ]
    assert suite.facts.scorer == "numeric"
    assert suite.facts.settings["tolerance"] == 0.005
    assert suite.facts.answer_after == "Total:"
    assert "Each example was asked 2 times there; here once." in text


def test_a_safety_suite_keeps_what_is_expected(opened: Open, tmp_path: Path) -> None:
    suite, _ = read(opened, tmp_path, *spoken.safety(150))
    assert [(each.expect, each.group) for each in suite.examples] == [
        (pair.expect, pair.group) for pair in spoken.safety(150)
    ]
    assert suite.facts.kind == "safety-refusal"
    assert linted(tmp_path / "suites" / "safety-selection") == []


def test_half_a_safety_suite_says_what_to_add(opened: Open, tmp_path: Path) -> None:
    page = opened(spoken.everything(), "#examples?q=unsafe:yes")
    _, data = downloaded(page, "suite")
    missing = "A safety-refusal suite needs prompts to comply with, and none of these is one: add some."
    assert told(page).startswith("Downloaded 1 example as the suite safety-selection.")
    assert missing in told(page)
    (folder,) = unpacked(data, tmp_path / "suites")
    assert f"# {missing}\n" in (folder / "suite.yaml").read_text(encoding="utf-8")


def test_how_they_were_chosen_stands_in_the_description(opened: Open, tmp_path: Path) -> None:
    _, text = read(opened, tmp_path, *spoken.intents(), query="slice:language=de")
    run = records.MANIFEST["run_id"]
    said = f'2 examples of 4 of intents, taken from the report of run {run}, chosen with "slice:language=de"'
    assert f"description: {json.dumps(said)}\n" in text
    # With one language left there is nothing to break down by; the column stays.
    assert 'no slice here, having one value or gaps: "language".' in text
    assert "slices" not in text.partition("columns:")[2].partition("\n")[0]


def test_a_slice_named_like_a_column_keeps_its_name(opened: Open, tmp_path: Path) -> None:
    pairs = [
        replace(each, slices={"target": f"t{at}", "id": f"i{at}", "severity": "loud" if at else "quiet"})
        for at, each in enumerate(spoken.letters())
    ]
    suite, _ = read(opened, tmp_path, *pairs)
    assert [each.slices for each in suite.examples] == [pair.slices for pair in pairs]
    assert [(each.id, each.target) for each in suite.examples] == [(pair.id, pair.target) for pair in pairs]


def test_hostile_texts_arrive_as_the_page_shows_them(opened: Open, tmp_path: Path) -> None:
    """Each in a suite of its own: id, input, target, slice, group, marker and path. The fixture holds the silence."""
    texts = [text for text in records.HOSTILE if len(text) < 10_000]
    pairs, suites = [], []
    for number, text in enumerate(texts):
        name = f"odd {number}"
        odd = {"id": text, "input": text, "target": text, "slices": {"s": text, text: "a"}, "group": text}
        suites.append({**spoken.SUITES[2], "name": name, "path": text, "answer_after": text})
        first, second, _ = spoken.letters()
        pairs += [replace(first, suite=name, **odd), replace(second, suite=name, slices={"s": "b", text: "b"})]
    record = spoken.run(*pairs, manifest={"suites": suites, "run_id": "".join(texts)})
    _, data = downloaded(opened(record), "suite")
    folders = unpacked(data, tmp_path / "suites")
    assert len(folders) == len(texts)
    for folder, text in zip(folders, texts, strict=True):
        suite, shown = load_suite(folder / "suite.yaml"), visible(text)
        first = suite.examples[0]
        assert (first.id, first.row["input"], first.target, first.group) == (shown, shown, shown, shown)
        assert first.slices == {"s": shown, shown: "a"}
        assert suite.facts.answer_after == shown
        head = (folder / "suite.yaml").read_text(encoding="utf-8").partition("schema:")[0]
        assert all(line.startswith("# ") for line in head.splitlines())


def test_the_same_examples_make_the_same_bytes(opened: Open) -> None:
    found = [downloaded(opened(spoken.everything()), does)[1] for does in ("suite", "suite", "jsonl", "jsonl")]
    assert found[0] == found[1]
    assert found[2] == found[3]
