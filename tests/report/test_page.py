"""report.html: one inert, self-contained page, the same bytes for the same record."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from evalkit import report
from evalkit.types import Transition
from tests.report import records

NAMES = sorted(records.ALL)
VOID = {"meta", "link", "br", "input", "img", "hr", "col"}


class Page(HTMLParser):
    """The elements of a page, with a complaint when they do not close in order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(name: str) -> Page:
    return Page(report.html(records.ALL[name]()))


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_nothing_that_loads_or_sends_and_runs_one_script(name: str) -> None:
    found = page(name)
    tags = {tag for tag, _ in found.elements}
    scripts = found.named("script")
    assert [each for each in scripts if "type" not in each] == [{}]
    # A block of data is nothing that a browser runs.
    assert {each["type"] for each in scripts if each} <= {"application/octet-stream"}
    assert not tags & {"img", "iframe", "object", "embed", "form", "base", "audio", "video", "input"}
    for _, attributes in found.elements:
        assert not any(key.startswith("on") or key in ("style", "src", "srcset", "xlink:href") for key in attributes)
        assert attributes.get("href", "#").startswith(("#", "data:,"))
    assert not found.open


@pytest.mark.parametrize("name", NAMES)
def test_the_policy_names_the_hash_of_the_one_style_and_the_one_script(name: str) -> None:
    source = report.html(records.ALL[name]())
    digests = []
    for element in ("style", "script"):
        (text,) = re.findall(rf"<{element}>(.*?)</{element}>", source, flags=re.DOTALL)
        digests.append(base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())
    (meta,) = [each for each in Page(source).named("meta") if "http-equiv" in each]
    assert meta["content"] == (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert source.index("Content-Security-Policy") < source.index("<style>")


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_language_one_heading_landmarks_and_its_verdict_as_title(name: str) -> None:
    found = page(name)
    assert found.named("html")[0]["lang"] == "en"
    assert len(found.named("h1")) == len(found.named("main")) == len(found.named("header")) == 1
    word = records.ALL[name]().verdict.word
    assert re.search(rf"<title>{word}: ", report.html(records.ALL[name]()))
    assert f" {word}" in found.words


@pytest.mark.parametrize("name", NAMES)
def test_every_table_has_a_caption_and_scoped_heads_and_every_link_arrives(name: str) -> None:
    found = page(name)
    assert len(found.named("table")) == len(found.named("caption"))
    assert all("scope" in each for each in found.named("th"))
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {each["href"][1:] for each in found.named("a")}
    # A filter of the list is an address of the list.
    assert {"examples" if link.startswith("examples?q=") else link for link in links} <= set(ids)
    assert all("aria-label" in each or each.get("aria-hidden") == "true" for each in found.named("svg"))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_record_gives_the_same_bytes(name: str) -> None:
    one, other = records.ALL[name](), records.ALL[name]()
    turned = dict(reversed(list(other.manifest.items())))
    assert report.html(one) == report.html(other)
    for sink in (report.html, report.junit, report.summary, report.card, report.terminal):
        assert sink(replace(other, manifest=turned)) == sink(one)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["broken", "empty"])
def test_a_run_without_a_result_shows_reasons_and_provenance_only(name: str) -> None:
    shown = " ".join(page(name).words)
    assert records.ALL[name]().verdict.reasons[0] in shown
    assert "Provenance" in shown
    assert "Criteria" not in shown
    assert not page(name).named("table")


def test_refusal_texts_are_closed_and_others_open() -> None:
    source = report.html(records.failing())
    first = source[source.index('<article class="example sensitive">') :]
    assert "<details" in first[: first.index("</article>")]
    assert "<details open" not in source
    assert source.count("sensitive") == source.split("<body>")[0].count("sensitive") + 1


def test_a_suite_that_the_manifest_does_not_know_counts_as_sensitive() -> None:
    record = replace(records.failing(), manifest={})
    assert report.html(record).count('class="example sensitive"') == 16


def test_twenty_five_examples_are_shown_and_all_are_counted() -> None:
    many = tuple(records.pair(f"q{number}") for number in range(950))
    source = report.html(replace(records.failing(), pairs=many, changed=950, pairs_total=12_345))
    assert source.count("<article") == 25
    assert "25 of 950 changed or failed examples are shown, worst first, out of 12,345 evaluated." in source
    assert "pairs.parquet" in source


def test_a_record_with_an_odd_or_empty_manifest_still_renders() -> None:
    for manifest in (
        {},
        {"models": 3, "suites": "x", "notes": {"a": 1}, "policy": [1], "command": 7, "hardware": [None]},
    ):
        for make in records.ALL.values():
            record = replace(make(), manifest=manifest)
            assert Page(report.html(record)).open == []
            assert report.junit(record)
            assert report.card(record)


def test_the_page_of_a_hostile_run_stays_small() -> None:
    assert len(report.html(records.hostile()).encode()) < 400_000


def test_what_is_undefined_throughout_is_told_once_and_not_row_by_row() -> None:
    from evalkit.report.tables import suites
    from evalkit.types import MetricRow, Question, Undefined

    def undefined(metric: str, why: str) -> MetricRow:
        asked = Question(metric=metric, suite="only")
        return MetricRow(question=asked, measured=Undefined(reason=why), direction="lower", unit="seconds")

    names = ("latency.p50.teacher", "latency.p50.student", "latency.p90.teacher", "latency.speedup.p50")
    timings = tuple(undefined(name, "nothing was timed") for name in names)
    record = replace(records.passing(), timings=timings)
    (view,) = [each for each in suites(record) if each.name == "only"]
    assert view.families == ()
    assert [(gap.what, gap.why) for gap in view.unmeasured] == [
        ("latency.p50, latency.p90, latency.speedup.p50", "nothing was timed")
    ]


def test_a_cell_with_nothing_in_it_is_no_link() -> None:
    empty = Transition(both_right=5, right_to_wrong=0, wrong_to_right=0, both_wrong_same=0, wrong_to_other_wrong=0)
    source = report.html(replace(records.passing(), transitions={records.GOLD: empty}))
    table = source[source.index('class="transition"') : source.index("</table>", source.index('class="transition"'))]
    assert table.count("<a ") == 1
    assert "flip:both-right" in table
