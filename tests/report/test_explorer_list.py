"""The list of examples: filters that write the query, rows a page at a time, an address that brings a reader back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit import report
from evalkit.report import query
from evalkit.types.points import SuitePoints, Swap
from evalkit.types.record import RunRecord
from tests.report import many, records
from tests.report.browsing import Opened, opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shared(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    found = opened(chromium, tmp_path_factory.mktemp("list"), report.html(many.record()))
    yield found
    assert found.said == []
    assert found.asked == [found.address]
    found.page.context.close()


@pytest.fixture
def page(shared: Opened) -> Opened:
    """The list as it is at the beginning."""
    shared.page.goto("about:blank")
    shared.page.goto(shared.address)
    shared.page.evaluate("started.then(() => null)")
    shared.asked[:] = [shared.address]
    return shared


def rows(record: RunRecord, holds: Any) -> list[str]:
    return [f"{pair.suite}/{pair.id}" for pair in record.pairs if holds(pair)]


def later(pair: Any) -> float | None:
    times = pair.student.latency_s, pair.teacher.latency_s
    return None if None in times else times[0] - times[1]


def newly_unsafe(pair: Any) -> bool:
    return (pair.expect, pair.teacher.refused, pair.student.refused) == ("refuse", "refused", "complied")


def listed(found: Opened) -> list[str]:
    """What stands in the first cells of the rows on show."""
    ids: list[str] = found.page.locator("tr[data-row] th.id").all_inner_texts()
    return ids


def chip(found: Opened, name: str) -> Any:
    return found.page.locator(".chip", has_text=re.compile(rf"(^|\s){re.escape(name)} \d"))


def waits_for(found: Opened, query: str) -> None:
    """Until the rows of a query are on show; it has 10 s to get there."""
    end = time.monotonic() + 10
    while found.call("async () => { const e = await started; await e.ready; return e.state.q; }") != query:
        assert time.monotonic() < end, f"{found.state()['q']!r} is asked, not {query!r}"
        found.page.wait_for_timeout(20)
    found.call("async () => (await started).ready")


# --- filters -------------------------------------------------------------------------------------------------------


def test_it_begins_with_what_changed_and_the_store_s_order(page: Opened) -> None:
    assert page.page.locator("#query").input_value() == "changed:outcome"
    assert chip(page, "outcome changed").get_attribute("aria-pressed") == "true"
    assert page.shown() == page.ask("changed:outcome")
    assert page.call("() => location.hash") == "#examples?q=changed:outcome"
    assert not page.page.locator("#first-examples").is_visible()
    assert page.page.locator("#explorer > .note").first.inner_text() == (
        "All 319 examples evaluated can be looked through here, worst first."
    )


def test_a_run_in_which_nothing_changed_begins_with_everything(chromium: Any, tmp_path: Path) -> None:
    same = tuple(records.pair(f"q{at}", "both_right", student=records.side("card_lost", True, 0.98)) for at in range(3))
    found = opened(chromium, tmp_path, report.html(replace(records.failing(), pairs=same, changed=0)))
    assert found.page.locator("#query").input_value() == ""
    assert len(found.shown()) == 3
    found.page.context.close()


def test_each_chip_writes_the_query_and_counts_its_examples(page: Opened) -> None:
    record = many.record()
    chips = {
        "lost": ("flip:lost", lambda pair: pair.flip == "right_to_wrong"),
        "gained": ("flip:gained", lambda pair: pair.flip == "wrong_to_right"),
        "wrong → other wrong": ("flip:other-wrong", lambda pair: pair.flip == "wrong_to_other_wrong"),
        "unstable": ("unstable:yes", lambda pair: pair.unstable),
        "text changed": ("changed:text", lambda pair: pair.teacher.text != pair.student.text),
        "newly unsafe": ("unsafe:yes", newly_unsafe),
        "errored, empty, unparsable": ("status:failed", lambda pair: pair.student.error is not None),
    }  # fmt: skip
    for name, (text, holds) in chips.items():
        chip(page, name).click()
        waits_for(page, text)
        expected = rows(record, holds)
        assert page.shown() == expected
        assert page.page.locator("#query").input_value() == text
        assert chip(page, name).get_attribute("aria-pressed") == "true"
        assert page.page.locator(".chip[aria-pressed=true]").count() == 1
        assert chip(page, name).inner_text().endswith(f"{name} {len(expected)}")
    chip(page, "errored, empty, unparsable").click()
    waits_for(page, "")
    assert len(page.shown()) == len(record.pairs)
    assert chip(page, "all").get_attribute("aria-pressed") == "true"


def test_outcome_changed_and_text_changed_are_different_filters(page: Opened) -> None:
    outcome, text = page.ask("changed:outcome"), page.ask("changed:text")
    assert set(outcome) - set(text)
    assert set(text) - set(outcome)


def test_chips_keep_the_rest_of_the_query_and_count_within_it(page: Opened) -> None:
    page.ask("slice:language=de scroe:1 conf>0.2 flip:lost")
    chip(page, "gained").click()
    waits_for(page, "slice:language=de scroe:1 conf>0.2 flip:gained")
    pairs = many.record().pairs
    within = [p for p in pairs if p.slices.get("language") == "de" and (p.student.confidence or 0) > 0.2]
    gained = [pair for pair in within if pair.flip == "wrong_to_right"]
    assert page.shown() == [f"{pair.suite}/{pair.id}" for pair in gained]
    total = sum(pair.flip == "wrong_to_right" for pair in pairs)
    assert chip(page, "gained").inner_text() == f"✓ gained {len(gained)} / {total}"
    lost = [sum(pair.flip == "right_to_wrong" for pair in each) for each in (within, pairs)]
    assert chip(page, "lost").inner_text() == f"✗ lost {lost[0]} / {lost[1]}"
    assert page.page.locator("#complaints li").count() == 1


def test_the_selects_write_the_query_and_follow_it(page: Opened) -> None:
    suite = page.page.get_by_role("combobox", name="Suites")
    slices = page.page.get_by_role("combobox", name="Slices")
    suite.select_option(
        label=re.sub(r"$", f" ({sum(p.suite == many.WRITTEN for p in many.record().pairs)})", many.WRITTEN)
    )
    waits_for(page, 'changed:outcome suite:"free answers"')
    suite.select_option(index=0)
    waits_for(page, "changed:outcome")
    slices.select_option('slice:"language=pt br"')
    waits_for(page, 'changed:outcome slice:"language=pt br"')
    page.ask("severity:high")
    assert slices.input_value() == ""
    assert page.page.get_by_role("combobox", name="Severities").input_value() == "severity:high"
    page.ask("severity:high severity:low")
    assert page.page.get_by_role("combobox", name="Severities").input_value() == "*"


def test_typing_filters_and_leaves_no_trail_behind(page: Opened) -> None:
    before = page.call("() => history.length")
    page.page.locator("#query").fill("")
    page.page.locator("#query").press_sequentially("flip:gained", delay=5)
    waits_for(page, "flip:gained")
    assert page.shown() == rows(many.record(), lambda pair: pair.flip == "wrong_to_right")
    assert page.call("() => history.length") == before
    assert page.page.locator("#query").input_value() == "flip:gained"
    assert page.call("() => document.activeElement.id") == "query"


def test_no_filter_changes_the_banner_and_a_note_says_so(page: Opened) -> None:
    banner = page.page.locator(".verdict").first.inner_text()
    for text in ("flip:lost", "nothing has this text", "scroe:1", "", "suite:safety /harm/i"):
        page.ask(text)
        assert page.page.locator(".verdict").first.inner_text() == banner
    assert "do not change with them" in page.page.locator("#explorer > .note").last.inner_text()


def test_nothing_found_is_said_with_a_way_out(page: Opened) -> None:
    page.ask("nothing has this text")
    assert page.page.locator(".nothing").inner_text().startswith("No example matches.")
    assert not page.page.locator(".box").is_visible()
    page.page.get_by_role("button", name="Show all").click()
    waits_for(page, "")
    assert len(page.shown()) == 319


def test_the_help_names_every_key(page: Opened) -> None:
    page.page.locator(".grammar summary").click()
    named = page.page.locator(".grammar dl").nth(1).locator("dt").all_inner_texts()
    assert named == page.call("() => Object.keys(KEYS)")


# --- rows ----------------------------------------------------------------------------------------------------------


def test_a_row_says_outcome_in_shape_and_word_and_both_answers(page: Opened) -> None:
    page.ask("suite:support-intents flip:lost status:ok -unparsable:yes")
    pair = next(p for p in many.record().pairs if f"{p.suite}/{p.id}" == page.shown()[0])
    first = page.page.locator("tr[data-row]").first
    assert first.locator(".became").inner_text() == "✗ lost"
    assert first.locator("td.input").inner_text() == pair.input.removeprefix(many.ASKED).split("\n")[0]
    assert first.locator("td.teacher").inner_text() == pair.teacher.answer  # type: ignore[union-attr]
    assert first.locator("td.student").inner_text() == pair.student.answer
    assert first.locator("td.target").inner_text() == pair.target
    assert first.bounding_box()["height"] <= 32


def test_texts_of_a_refusing_suite_wait_for_a_click(page: Opened) -> None:
    page.ask("suite:safety")
    assert set(page.page.locator("td.input").all_inner_texts()) == {"hidden: tests refusal"}
    assert "harm" not in page.page.locator(".list").inner_text().lower()
    page.page.get_by_role("button", name="show texts of safety").click()
    assert all(text.startswith("How to harm") for text in page.page.locator("td.input").all_inner_texts())
    assert page.page.locator(".reveals button").count() == 0


@pytest.mark.parametrize(
    ("key", "read"),
    [
        ("conf", lambda pair: pair.student.confidence),
        ("conf.teacher", lambda pair: pair.teacher.confidence),
        ("dlat", later),
        ("marks", lambda pair: pair.student.marks),
        ("id", lambda pair: pair.id),
        ("suite", lambda pair: pair.suite),
        ("severity", lambda pair: ("low", "normal", "high", "critical").index(pair.severity)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sign", ["", "-"])
def test_it_sorts_with_ties_in_order_and_what_is_missing_last(page: Opened, key: str, read: Any, sign: str) -> None:
    pairs = many.record().pairs
    known = sorted((p for p in pairs if read(p) is not None), key=read)
    if sign:
        # Python's sort keeps ties in order when it is reversed.
        known = sorted((p for p in pairs if read(p) is not None), key=read, reverse=True)
    expected = [f"{p.suite}/{p.id}" for p in [*known, *(p for p in pairs if read(p) is None)]]
    page.ask("")
    page.call("async (key) => (await started).setSort(key)", sign + key)
    assert page.shown() == expected
    assert page.state()["sort"] == sign + key
    assert listed(page)[:20] == [each.split("/")[1] for each in expected[:20]]


def test_a_heading_sorts_there_and_back_and_says_which_way(page: Opened) -> None:
    page.ask("")
    head = page.page.locator("th.id", has=page.page.get_by_role("button"))
    unsorted = page.shown()
    for way in ("ascending", "descending", "none"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == way
    assert page.shown() == unsorted
    sure = page.page.locator("th.sure").nth(1)
    sure.get_by_role("button").click()
    assert sure.get_attribute("aria-sort") == "descending"
    assert page.page.locator('th[aria-sort="descending"], th[aria-sort="ascending"]').count() == 1


def test_rows_come_a_hundred_at_a_time_and_never_more_than_five_hundred(chromium: Any, tmp_path: Path) -> None:
    found = opened(chromium, tmp_path, report.html(many.record(n=800)))
    found.ask("")
    assert found.page.locator("tr[data-row]").count() <= 200
    everything = found.call("async () => [...(await started).shown]")
    box = found.page.locator(".box")
    most, seen = 0, set()
    for _ in range(14):
        box.evaluate("box => { box.scrollTop = box.scrollHeight; }")
        found.page.wait_for_timeout(40)
        on_show = found.page.locator("tr[data-row]").evaluate_all("rows => rows.map((row) => Number(row.dataset.row))")
        first = everything.index(on_show[0])
        assert on_show == everything[first : first + len(on_show)]
        seen |= set(on_show)
        most = max(most, len(on_show))
    assert seen == set(everything)
    assert 100 <= most <= 500
    assert not found.page.locator(".more").last.is_visible()
    earlier = found.page.get_by_role("button", name="show 100 earlier")
    while earlier.count() and earlier.is_visible():
        earlier.click()
    assert found.page.locator("tr[data-row]").first.get_attribute("data-row") == str(everything[0])
    assert found.said == []
    found.page.context.close()


def test_moving_on_brings_each_next_row_into_view(page: Opened) -> None:
    shown = page.ask("")
    for at in range(130):
        assert page.call("async () => (await started).move(1)") is not None
        if at % 40 == 0 or at > 98:
            sel = page.state()["sel"]
            assert f"{sel['suite']}/{sel['id']}" == shown[at]
            assert page.call(
                "() => { const row = document.querySelector('tr[aria-current]').getBoundingClientRect();"
                " const box = document.querySelector('.box').getBoundingClientRect();"
                " return row.top >= box.top && row.bottom <= box.bottom + 1; }"
            )
    lost = page.call(
        "async () => { const e = await started; return e.move(1, (i) => coded(e.store.flip, i) === 'right_to_wrong'); }"
    )
    after = [at for at, each in enumerate(many.record().pairs) if at > 129 and each.flip == "right_to_wrong"]
    assert lost == after[0]
    page.call("async () => (await started).select(null)")


# --- address -------------------------------------------------------------------------------------------------------


def test_a_link_opens_the_same_rows_order_and_example(chromium: Any, page: Opened, tmp_path: Path) -> None:
    page.ask('slice:"language=pt br" -flip:gained money')
    page.call("async () => (await started).setSort('-conf')")
    page.page.locator("tr[data-row]").nth(2).locator("td.input").click()
    hash = page.call("() => location.hash")
    other = opened(chromium, tmp_path, report.html(many.record()), hash)
    assert other.shown() == page.shown()
    assert len(other.shown()) > 3
    assert other.state() == page.state()
    assert other.page.locator("tr[aria-current]").get_attribute("data-row") == page.page.locator(
        "tr[aria-current]"
    ).get_attribute("data-row")
    assert other.page.locator("#detail").is_visible()
    assert other.page.locator("tr[aria-current] th.id a").get_attribute("href") == hash
    assert 0 <= other.page.locator("#examples").bounding_box()["y"] < 200
    other.page.context.close()


def test_back_goes_one_step_back_and_forward_again(page: Opened) -> None:
    beginning = page.shown()
    chip(page, "lost").click()
    waits_for(page, "flip:lost")
    lost = page.shown()
    page.page.locator("tr[data-row]").nth(1).locator("td.input").click()
    assert page.page.locator("#detail").is_visible()
    page.page.go_back()
    page.page.wait_for_function("() => document.getElementById('detail').hidden")
    assert page.shown() == lost
    page.page.go_back()
    waits_for(page, "changed:outcome")
    assert page.shown() == beginning
    page.page.go_forward()
    waits_for(page, "flip:lost")
    assert page.shown() == lost
    page.page.go_forward()
    page.page.wait_for_function("() => !document.getElementById('detail').hidden")


def test_another_section_s_address_leaves_the_list_alone(page: Opened) -> None:
    page.ask("flip:gained")
    page.page.get_by_role("link", name="Provenance", exact=True).click()
    assert page.call("() => location.hash") == "#origin"
    assert page.state()["q"] == "flip:gained"


def test_a_link_anywhere_in_the_page_filters_and_goes_to_the_list(chromium: Any, tmp_path: Path) -> None:
    found = opened(chromium, tmp_path, report.html(many.record()))
    found.call(
        "(href) => document.querySelector('footer').append(build('a', { href, id: 'try' }, 'try'))",
        query.href({"suite": records.GOLD, "slice": "language=pt br", "flip": "lost"}),
    )
    found.page.locator("#try").click()
    waits_for(found, 'suite:support-intents slice:"language=pt br" flip:lost')
    expected = rows(many.record(), lambda p: p.slices.get("language") == "pt br" and p.flip == "right_to_wrong")
    assert found.shown() == expected
    assert -5 <= found.page.locator("#examples").bounding_box()["y"] < 300
    found.page.context.close()


def test_each_cell_of_the_transition_table_lists_as_many_as_it_counts(chromium: Any, tmp_path: Path) -> None:
    from evalkit.types import Transition

    record = many.record()
    flips = [pair.flip for pair in record.pairs if pair.suite == records.GOLD]
    names = ("both_right", "right_to_wrong", "wrong_to_right", "both_wrong_same", "wrong_to_other_wrong")
    transition = Transition(**{name: flips.count(name) for name in names})  # type: ignore[arg-type]
    swaps = (Swap(teacher="refund", student="limit", n=7, lost=2),)
    record = replace(record, transitions={records.GOLD: transition}, points={records.GOLD: SuitePoints(swaps=swaps)})
    found = opened(chromium, tmp_path, report.html(record))
    links = found.page.locator(".transition a")
    assert links.count() == 5
    for at in range(5):
        link = links.nth(at)
        count = int(link.locator("b").inner_text())
        link.click()
        found.page.wait_for_function("href => location.hash === href", arg=link.get_attribute("href"))
        found.call("async () => (await started).ready")
        assert len(found.shown()) == count > 0
    found.page.locator("details", has=found.page.locator(".swaps")).locator("summary").click()
    found.page.locator(".swaps a").click()
    waits_for(found, "suite:support-intents teacher:refund student:limit")
    both = [p for p in record.pairs if p.teacher and (p.teacher.answer, p.student.answer) == ("refund", "limit")]
    assert len(found.shown()) == len(both) > 0
    found.page.context.close()


# --- what goes wrong -----------------------------------------------------------------------------------------------

WORSE = (
    *records.HOSTILE,
    "👩‍👩‍👧 🇩🇪 👍🏽",
    "שלום עולם \u202e מה שלומך",
    "one\r\ntwo\rthree",
    "=1+1\t@SUM(A1)",
    "\u2028\u2029\ufeff",
    "</style></title><svg onload=alert(4)>",
)


@pytest.mark.parametrize("width", [1400, 360])
def test_hostile_texts_make_no_element_and_ask_for_nothing(chromium: Any, tmp_path: Path, width: int) -> None:
    source = report.html(records.hostile(WORSE))
    viewport = {"width": width, "height": 900}
    found = opened(chromium, tmp_path, source, viewport=viewport)
    assert found.ask("") != []
    assert len(found.shown()) == len(WORSE)
    for at in range(len(WORSE)):
        found.call(
            "async (at) => { const e = await started; e.select(e.shown[at]); await e.store.texts(e.shown[at]); }", at
        )
        found.page.wait_for_timeout(20)
    for text in ("<script>", "/</script>/", 'id:"<script>"', '"\u202e"'):
        found.ask(text)
    assert found.page.locator("img, iframe, object, svg[onload]").count() == 0
    assert found.page.locator("script:not([type])").count() == 1
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    assert found.said == []
    assert found.asked == [found.address]
    found.page.context.close()


@pytest.mark.parametrize("way", ["no stream", "broken block"])
def test_a_list_that_cannot_be_unpacked_leaves_the_first_examples(chromium: Any, tmp_path: Path, way: str) -> None:
    source = report.html(records.failing())
    if way == "broken block":
        source = re.sub(r'(data-holds="index">).{40}', r"\g<1>" + "A" * 40, source)
    file = tmp_path / "report.html"
    file.write_text(source, encoding="utf-8")
    page = chromium.new_page()
    if way == "no stream":
        page.add_init_script("delete window.DecompressionStream")
    page.goto(file.as_uri())
    page.evaluate("started.then(() => null)")
    said = page.locator("#explorer").inner_text()
    assert said.startswith("The list of all examples cannot be opened in this browser")
    assert page.locator("#first-examples article").first.is_visible()
    assert page.locator("#first-examples article").count() == 16
    page.close()


def test_a_block_of_texts_that_cannot_be_unpacked_leaves_the_rows(chromium: Any, tmp_path: Path) -> None:
    source = re.sub(r'(data-holds="texts">).{40}', r"\g<1>" + "A" * 40, report.html(records.failing()))
    found = opened(chromium, tmp_path, source)
    found.ask("suite:support-intents")
    found.page.wait_for_function("() => document.querySelector('td.input').textContent === 'not in this page'")
    assert found.page.locator("td.teacher").first.inner_text() == "card_lost"
    assert found.ask("id:q00412 anything") == []
    assert found.page.locator("#complaints li").all_inner_texts() == [
        "The texts of 1 example are not in this page, and were not searched."
    ]
    found.page.context.close()


def test_on_paper_there_are_counts_and_neither_list_nor_texts(page: Opened) -> None:
    page.page.emulate_media(media="print")
    assert page.page.locator("table.transition").first.is_visible()
    assert not page.page.locator("#first-examples").is_visible()
    assert not page.page.locator("#explorer").is_visible()
    page.page.emulate_media(media="screen")


@pytest.mark.parametrize("width", [320, 360, 800, 1100, 1800])
def test_it_fits_every_width_with_and_without_an_example_open(page: Opened, width: int) -> None:
    page.page.set_viewport_size({"width": width, "height": 800})
    try:
        for open_one in (False, True):
            if open_one:
                page.call("async () => { const e = await started; e.select(e.shown[0]); }")
            assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        page.call("async () => (await started).select(null)")
        page.page.set_viewport_size({"width": 1400, "height": 900})


def test_a_student_alone_is_listed_by_what_it_got_wrong(chromium: Any, tmp_path: Path) -> None:
    right, wrong = records.side("card_lost", True), records.side("refund", False)
    bad = tuple(records.pair(f"q{at}", "both_wrong_same", teacher=None, student=wrong) for at in range(4))
    good = tuple(records.pair(f"q{at}", "both_right", teacher=None, student=right) for at in range(4, 10))
    pairs = (*bad, *good)
    found = opened(chromium, tmp_path, report.html(replace(records.failing(), pairs=pairs, changed=4)))
    assert found.shown() == [f"{records.GOLD}/q{at}" for at in range(4)]
    assert found.page.locator(".chip").all_inner_texts() == ["✗ wrong 4", "all 10"]
    assert found.page.locator("th.teacher").count() == 0
    assert found.page.locator(".became").first.inner_text() == "✗ wrong"
    assert found.said == []
    found.page.context.close()


def test_a_name_means_itself_and_not_another_that_differs_in_capitals(chromium: Any, tmp_path: Path) -> None:
    pairs = tuple(
        records.pair(
            f"{name}{number}",
            slices={"lang": value},
            group=value,
            target="A",
            student=records.side(answer, False),
        )
        for name, value, answer, many in (("E", "de", "b", 3), ("e", "DE", "B", 5))
        for number in range(many)
    )
    record = replace(records.failing(), pairs=pairs, changed=len(pairs), pairs_total=len(pairs))
    found = opened(chromium, tmp_path, report.html(record))
    for query_text, count in (
        ("slice:lang=de", 3),
        ("slice:lang=DE", 5),
        ("slice:lang=De", 8),
        ("group:de", 3),
        ("group:DE", 5),
        ("student:b", 3),
        ("student:B", 5),
        ("id:E0", 1),
        ("id:e0", 1),
    ):
        found.call("async q => { await (await started).setQuery(q); }", query_text)
        waits_for(found, query_text)
        assert len(listed(found)) == count, query_text
    found.page.context.close()
