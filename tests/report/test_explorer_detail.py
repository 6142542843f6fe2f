"""One example in full: both models, what differs, numbers as everywhere else, and nothing that hurts unasked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit import figures, report
from evalkit.types import Pair
from tests.report import records, spoken

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


def showing(page: Any, id: str) -> Any:
    """Selects an example by its id; its detail, once the texts are there."""
    page.evaluate("async id => { const e = await started; e.select(e.store.id.indexOf(id)); }", id)
    page.wait_for_function(
        "id => document.querySelector('#detail h3 bdi')?.textContent === id"
        " && !document.querySelector('#detail').textContent.includes('Unpacking')",
        arg=id,
    )
    return page.locator("#detail")


def words(locator: Any) -> str:
    return " ".join(locator.inner_text().split())


def marked(page: Any, role: str, tag: str) -> list[str]:
    """The marked words of a model's text, without what only a screen reader says."""
    return page.evaluate(
        "([role, tag]) => [...document.querySelectorAll(`#detail .side.${role} ${tag}`)]"
        ".map(each => [...each.childNodes].filter(node => node.nodeType === 3).map(node => node.data).join(''))",
        [role, tag],
    )


def test_the_heading_says_what_became_of_it_in_shape_and_word(opened: Open) -> None:
    page = opened(spoken.everything())
    for id, said in {
        "m0": "✗ lost: right → wrong m0",
        "m1": "· both right m1",
        "m2": "✓ gained: wrong → right m2",
        "m3": "≠ other wrong m3",
        "l1": "▼ marks 0.875 → 0.610 l1",
        "l3": "· same marks l3",
        "s0-refuse": "! newly unsafe s0-refuse",
        "s1-refuse": "· both refused s1-refuse",
    }.items():
        assert words(showing(page, id).locator("h3")) == said


def test_everything_about_a_labelled_example_is_there(opened: Open) -> None:
    detail = showing(opened(spoken.everything()), "m0")
    said = words(detail)
    assert "intents (gold, classify) language=de critical severity" in said
    assert "unstable: the teacher's own second run, or another of its samples, came out differently here." in said
    assert "Input Message 0: my card was stolen this morning, please block it" in said
    assert "Target: card_lost" in said
    sides = [words(each) for each in detail.locator(".side").all()]
    assert sides == ["teacher ✓ correct card_lost", "student ✗ wrong refund", "champion ✓ correct card_lost"]
    rows = [[words(cell) for cell in row.locator("td, th").all()] for row in detail.locator(".numbers tr").all()]
    assert rows == [
        ["", "teacher", "student", "champion", "Δ student"],
        ["confidence", "98.0 %", "62.5 %", "90.0 %", "−35.5 pts"],
        ["probability of the target", "98.0 %", "0.04 %", "–", "−98.0 pts"],
        ["time", "20.0 ms", "20.0 ms", "20.0 ms", "0.0 ms (1.00× as fast)"],
    ]
    assert detail.locator(".numbers tr:nth-child(2) data").first.get_attribute("value") == "0.98"
    bars = detail.locator(".small-bar .part.student").evaluate_all(
        "each => each.map(bar => +bar.getAttribute('width'))"
    )
    assert bars == pytest.approx([62.5, 0.04])


@pytest.fixture(scope="module")
def scripts(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One page for all draws of a test."""
    file = tmp_path_factory.mktemp("numbers") / "report.html"
    file.write_text(report.html(spoken.run(*spoken.intents())), encoding="utf-8")
    page = chromium.new_page()
    page.goto(file.as_uri())
    yield page
    page.close()


VALUES = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.0625, 0.1235, 0.99995, 1e-5, 0.0005, 0.00049])


@given(st.lists(st.tuples(VALUES, st.sampled_from(["share", "score", "difference", "seconds"])), min_size=1))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_numbers_are_written_as_in_the_rest_of_the_report(scripts: Any, drawn: list[tuple[float, str]]) -> None:
    drawn += [(-value, unit) for value, unit in drawn if unit == "difference"]
    drawn += [(17 * value, unit) for value, unit in drawn if unit == "seconds"]
    found = scripts.evaluate("drawn => drawn.map(([value, unit]) => written(value, unit))", drawn)
    assert found == [figures.number(value, unit) for value, unit in drawn]


def test_signed_numbers_have_their_sign(scripts: Any) -> None:
    shown = scripts.evaluate(
        "[[0.012, 'seconds'], [-1.5, 'seconds'], [3, 'count'], [0, 'score']].map(([v, u]) => written(v, u, true))"
    )
    assert shown == ["+12.0 ms", "−1.50 s", "+3", "0.000"]


def test_both_sides_mark_what_differs(opened: Open) -> None:
    page = opened(spoken.everything())
    detail = showing(page, "l1")
    assert marked(page, "teacher", "del") == [
        "to us ",
        "can't",
        " itself",
        "14",
        ". If the box is gone, any other box will do",
        "The",
    ]
    assert marked(page, "student", "ins") == ["cannot", "30", "Your"]
    assert detail.locator(".side.teacher ins, .side.student del").count() == 0
    # Grey on paper: struck out and underlined. For ears: the word before each mark.
    lines = "([tag]) => getComputedStyle(document.querySelector(`#detail ${tag}`)).textDecorationLine"
    assert [page.evaluate(lines, [tag]) for tag in ("del", "ins")] == ["line-through", "underline"]
    assert detail.locator(".side.teacher del .hidden").first.text_content() == "removed: "
    assert detail.locator(".side.student ins .hidden").first.text_content() == "added: "


def test_inline_is_both_texts_in_one(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=&sel=letters/l1&view=inline")
    merged = showing(page, "l1").locator(".merged pre")
    parts = """([pre, tag]) => {
        const copy = pre.cloneNode(true);
        copy.querySelectorAll(`.hidden, ${tag}`).forEach(each => each.remove());
        return copy.textContent;
    }"""
    element = merged.element_handle()
    assert page.evaluate(parts, [element, "ins"]) == spoken.TEACHER_LETTER
    assert page.evaluate(parts, [element, "del"]) == spoken.STUDENT_LETTER


def test_mostly_different_texts_stand_beside_each_other_unmarked(opened: Open) -> None:
    for view in ("side", "inline"):
        page = opened(spoken.everything(), f"#examples?q=&sel=letters/l2&view={view}")
        detail = showing(page, "l2")
        assert "The texts are mostly different, so no words are marked." in words(detail)
        assert detail.locator("pre del, pre ins, .merged").count() == 0
        assert [each.text_content() for each in detail.locator(".side pre").all()[:2]] == [
            spoken.TEACHER_LETTER,
            spoken.OTHER_LETTER,
        ]


def test_equal_texts_are_said_to_be_equal(opened: Open) -> None:
    detail = showing(opened(spoken.everything()), "l3")
    assert "Teacher and student wrote the same, character for character." in words(detail)
    assert detail.locator("del, ins").count() == 0


def test_raw_has_the_whole_text_with_its_blanks_and_the_record(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=&sel=letters/l1&view=raw")
    detail = showing(page, "l1")
    text = detail.locator(".side.student pre").first
    assert text.text_content() == spoken.STUDENT_LETTER
    blanks = detail.get_by_role("button", name="show blanks")
    for pressed, shown in (
        ("true", spoken.STUDENT_LETTER.replace(" ", "·").replace("\n", "⏎\n")),
        ("false", spoken.STUDENT_LETTER),
    ):
        blanks.click()
        assert blanks.get_attribute("aria-pressed") == pressed
        assert text.text_content() == shown
    record = json.loads(detail.locator(".record pre").text_content())
    assert record["student"] == {
        "status": "ok",
        "answer": spoken.STUDENT_LETTER,
        "correct": None,
        "marks": 0.61,
        "latency_s": 0.02,
        "tokens_out": 81,
        "text": spoken.STUDENT_LETTER,
        "reasoning": "She is angry.\nBe kind.",
        "why": "chrf 61",
    }


def test_the_switch_keeps_the_focus_and_the_address_tells(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=")
    detail = showing(page, "l1")
    for name, view in (("Inline", "&view=inline"), ("Raw", "&view=raw"), ("Side by side", "")):
        detail.get_by_role("button", name=name).click()
        page.wait_for_function("name => document.activeElement.textContent === name", arg=name)
        assert page.evaluate("location.hash") == f"#examples?q=&sel=letters/l1{view}"
        pressed = detail.locator(".switch [aria-pressed=true]").all_inner_texts()
        assert pressed == [name]


def test_reasoning_opens_on_demand(opened: Open) -> None:
    detail = showing(opened(spoken.everything()), "l1")
    assert not detail.get_by_text("Be kind.").is_visible()
    detail.get_by_text("Reasoning, 22 characters").first.click()
    assert detail.get_by_text("Be kind.").is_visible()


def test_choices_say_who_took_them(opened: Open) -> None:
    detail = showing(opened(spoken.everything()), "q1")
    assert [words(each) for each in detail.locator(".choices li").all()] == [
        "Unplug it teacher ✓ target",
        "Fill it with oil student",
        "Leave it on",
    ]


def test_an_answer_read_out_of_a_text_stands_above_it(opened: Open) -> None:
    detail = showing(opened(spoken.everything()), "o1#2")
    assert detail.locator(".side.student .answer").inner_text().strip() == "7"
    assert "Total: " in detail.locator(".side.student pre").inner_text()


def test_texts_of_a_safety_suite_wait_for_a_click_and_stay_for_the_visit(opened: Open) -> None:
    page = opened(spoken.everything())
    detail = showing(page, "s0-refuse")
    assert "HARMFUL" not in detail.inner_text()
    assert "SURE" not in detail.inner_text()
    assert [words(each) for each in detail.locator(".side").all()] == ["teacher ✓ refused", "student ✗ complied"]
    detail.get_by_role("button", name="Show the texts of safety").click()
    page.wait_for_selector("#detail .task")
    assert "HARMFUL 0" in detail.inner_text()
    assert "HARMFUL 1" in showing(page, "s1-refuse").inner_text()
    page.reload()
    page.wait_for_selector("html.exploring", state="attached")
    assert "HARMFUL" not in showing(page, "s0-refuse").inner_text()


def test_what_failed_says_status_why_and_error(opened: Open) -> None:
    failed = records.side(None, False, None, status="error", why="no answer", error="out of memory", text=None)
    detail = showing(opened(spoken.run(replace(spoken.intents()[0], student=failed))), "m0")
    assert (
        words(detail.locator(".side.student")) == "student ✗ wrong no answer error why: no answer error: out of memory"
    )


def test_without_a_teacher_there_is_one_side_and_no_comparison(opened: Open) -> None:
    alone = [replace(each, teacher=None, flip="no_target") for each in spoken.intents()]
    detail = showing(opened(spoken.run(*alone), "#examples?q=&view=inline"), "m0")
    assert [words(each) for each in detail.locator(".side").all()] == ["student ✗ wrong refund"]
    assert "Δ" not in detail.inner_text()
    assert detail.locator("del, ins").count() == 0


def test_a_cut_text_says_how_much_is_missing(opened: Open) -> None:
    long = replace(spoken.letters()[0], input="y" * 20_123)
    detail = showing(opened(spoken.run(long)), "l1")
    assert "Cut here: pairs.parquet has 123 more characters." in words(detail)


def test_an_example_without_texts_in_the_page_keeps_its_numbers(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.report.payload.MOST_BYTES", 0)
    monkeypatch.setattr("evalkit.report.payload.blocks.__defaults__", (0,))
    page = opened(spoken.run(*spoken.intents(), *spoken.letters()))
    detail = showing(page, "l1")
    assert "The page does not have the texts of this example; pairs.parquet does." in words(detail)
    assert "0.875" in words(detail.locator(".numbers"))
    assert "Dear" not in detail.inner_text()


def test_the_heading_takes_the_focus_and_the_row_gets_it_back(opened: Open) -> None:
    page = opened(spoken.everything())
    link = page.get_by_role("link", name="m2")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.matches('#detail h3')")
    page.locator("[data-does=close]").click()
    assert page.locator("#detail").is_hidden()
    assert page.evaluate("document.activeElement.textContent") == "m2"


def test_a_link_opens_the_example_without_taking_the_focus_to_it(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=&sel=letters/l1")
    page.wait_for_selector("#detail .task")
    assert not page.evaluate("document.activeElement.matches('#detail h3')")


def test_buttons_walk_through_the_list_and_keep_the_focus(opened: Open) -> None:
    page = opened(spoken.everything())
    detail = showing(page, "m0")
    assert detail.locator("[data-does=previous]").is_disabled()
    button = detail.locator("[data-does=next]")
    for id in ("m1", "m2"):
        button.click()
        assert detail.locator("h3 bdi").inner_text() == id
        assert page.evaluate("document.activeElement.dataset.does") == "next"
    detail.locator("[data-does=next-lost]").click()
    assert detail.locator("h3 bdi").inner_text() == "q1"
    assert words(detail.locator(".place")) == "5 of 17"
    showing(page, "s1-comply")
    assert detail.locator("[data-does=next]").is_disabled()
    detail.locator("[data-does=next-lost]").click()
    assert page.locator("#told").inner_text() == "No lost example below this one in the list."


@pytest.mark.parametrize("view", ["side", "inline", "raw"])
def test_hostile_texts_stay_text(opened: Open, view: str) -> None:
    """The fixture holds the silence: no dialog, no request, nothing on the console."""
    record = records.hostile()
    manifest = {**record.manifest, "suites": [{**record.manifest["suites"][0], "task": "generate"}]}
    page = opened(replace(record, manifest=manifest), f"#examples?q=&view={view}")
    tags = "[...new Set([...document.querySelectorAll('#detail *, #told *')].map(each => each.localName))].sort()"
    own = {"bdi", "button", "del", "details", "div", "h3", "h4", "h5", "ins", "p", "pre", "rect", "span", "strong"}
    own |= {"data", "svg", "summary", "table", "caption", "thead", "tbody", "tr", "td", "th", "wbr", "li", "ol"}
    for row in range(len(record.pairs)):
        page.evaluate("async row => { const e = await started; e.select(row); await e.store.texts(row); }", row)
        page.wait_for_selector("#detail .task")
        assert set(page.evaluate(tags)) <= own
    first = page.evaluate("async () => (await started).store.texts(0)")
    assert first["input"] == records.HOSTILE[0]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 360)])
def test_axe_finds_nothing_serious(opened: Open, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    size = {"width": width, "height": 900}
    page = opened(spoken.everything(), viewport=size, color_scheme=scheme, reduced_motion="reduce")
    for id, act in (
        ("l1", "nextView"),
        ("l1", "nextView"),
        ("s0-refuse", "() => tell('Said.')"),
        ("m0", "() => {}"),
        ("q1", "showCard"),
    ):
        showing(page, id)
        page.evaluate(f"async () => ({act})(await started)")
        found = axe.run(page).response["violations"]
        assert [(each["id"], each["nodes"]) for each in found if each["impact"] in ("serious", "critical")] == []


def long_pair() -> Pair:
    text = " ".join(f"word{number}" for number in range(2500))
    first = spoken.letters()[0]
    return replace(first, teacher=spoken.said(text), student=spoken.said(text.replace("word7 ", "sword ")))


@pytest.mark.parametrize("width", [1400, 700, 360])
@pytest.mark.parametrize("view", ["side", "inline", "raw"])
def test_nothing_scrolls_sideways(opened: Open, width: int, view: str) -> None:
    odd = replace(spoken.letters()[1], input="x" * 3000, slices={"s" * 150: "v" * 150})
    everything = (*spoken.intents(), *spoken.quiz(), odd, long_pair(), *spoken.safety())
    page = opened(spoken.run(*everything), f"#examples?q=&view={view}", viewport={"width": width, "height": 800})
    for id in ("m0", "q1", "l1", "l2", "s0-refuse"):
        showing(page, id)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (
            page.evaluate(
                "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('#detail'))"
            )
            <= 0
        )
        small = page.evaluate(
            "[...document.querySelectorAll('#detail button')].map(each => each.getBoundingClientRect())"
            ".filter(box => box.width < 24 || box.height < 24).length"
        )
        assert small == 0
