"""Keys, their card and its switch, and the theme: each does what the card says, and nothing while somebody types."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.report import page as written
from tests.report import records, spoken

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
KEPT = "navigator.clipboard.writeText = async (text) => { window.copied = text; };"
# What a browser does that keeps nothing for files.
NOTHING_KEPT = (
    "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
)
TEMPLATES = Path(written.__file__).parent / "templates"


def selected(page: Any) -> str | None:
    found: str | None = page.evaluate(
        "async () => { const e = await started; return e.store.id[e.selected()] ?? null; }"
    )
    return found


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_j_and_k_walk_through_the_list(opened: Open) -> None:
    page = opened(spoken.everything())
    for key, id in (("j", "m0"), ("j", "m1"), ("j", "m2"), ("k", "m1"), ("k", "m0"), ("k", "m0")):
        press(page, key)
        assert selected(page) == id


def test_n_and_p_walk_through_what_was_lost(opened: Open) -> None:
    page = opened(spoken.everything())
    lost = ["m0", "q1", "l1", "l2", "o1#2", "o2#2", "s0-refuse"]
    for id in lost:
        press(page, "n")
        assert selected(page) == id
    press(page, "n")
    assert selected(page) == "s0-refuse"
    assert page.locator("#told").inner_text() == "No lost example below this one in the list."
    for id in reversed(lost[:-1]):
        press(page, "p")
        assert selected(page) == id
    press(page, "p")
    assert page.locator("#told").inner_text() == "No lost example above this one in the list."


@pytest.mark.parametrize("key", ["Enter", "o"])
def test_enter_and_o_open_the_first_and_then_go_to_the_open_one(opened: Open, key: str) -> None:
    page = opened(spoken.everything(), "#examples?q=suite:letters")
    press(page, key)
    assert selected(page) == "l1"
    page.locator("#query").focus()
    page.evaluate("document.activeElement.blur()")
    press(page, key)
    assert selected(page) == "l1"
    assert page.evaluate("document.activeElement.matches('#detail h3')")


def test_enter_on_a_button_is_the_buttons(opened: Open) -> None:
    page = opened(spoken.everything(), before=KEPT)
    page.locator(".take [data-does=link]").focus()
    press(page, "Enter")
    page.wait_for_function("window.copied")
    assert selected(page) is None


def test_escape_closes_and_then_clears_the_filter(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=suite:letters")
    press(page, "j", "Escape")
    assert selected(page) is None
    assert page.evaluate("async () => (await started).state.q") == "suite:letters"
    press(page, "Escape")
    assert page.evaluate("async () => (await started).state.q") == ""


def test_a_slash_goes_to_the_filter_and_leaves_no_slash_there(opened: Open) -> None:
    page = opened(spoken.everything())
    press(page, "/")
    assert page.evaluate("document.activeElement.id") == "query"
    assert page.locator("#query").input_value() == ""


def test_d_goes_through_the_ways_to_compare(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=&sel=letters/l1")
    for view in ("inline", "raw", "side"):
        press(page, "d")
        assert page.evaluate("async () => (await started).state.view") == view
        assert page.locator("#detail .switch [aria-pressed=true]").get_attribute("data-does") == f"view-{view}"


def test_y_copies_the_link_and_c_the_examples(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=suite:letters", before=KEPT)
    press(page, "y")
    page.wait_for_function("window.copied === location.href")
    press(page, "c")
    page.wait_for_function("window.copied.split('\\n').length === 4")


def test_numbers_go_to_sections_and_leave_the_address(opened: Open) -> None:
    page = opened(spoken.everything(), "#examples?q=suite:letters")
    links = page.locator('nav[aria-label="Sections"] a').evaluate_all("all => all.map(each => each.hash.slice(1))")
    assert len(links) > 3
    for number, id in enumerate(links[:9], 1):
        press(page, str(number))
        assert page.evaluate("document.activeElement.id") == id
        assert page.evaluate("location.hash") == "#examples?q=suite:letters"
        top = page.evaluate("document.activeElement.getBoundingClientRect().top")
        assert 0 <= top < 900


def test_t_goes_through_the_themes_and_the_visit_remembers(opened: Open) -> None:
    page = opened(spoken.everything(), color_scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(17, 20, 24)"
    button = page.locator("#theme")
    assert (button.inner_text(), page.evaluate(colour)) == ("◐ Theme: auto", light)
    press(page, "t")
    assert (button.inner_text(), page.evaluate(colour)) == ("○ Theme: light", light)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) == light
    button.click()
    page.emulate_media(color_scheme="light")
    assert (button.inner_text(), page.evaluate(colour)) == ("● Theme: dark", dark)
    # Chosen before anything of the body is there: nothing can have been painted in other colours.
    page.add_init_script(
        "new MutationObserver((_, watch) => { if (!document.body) return; watch.disconnect();"
        " window.first = document.documentElement.dataset.theme; })"
        ".observe(document, { childList: true, subtree: true })"
    )
    page.reload()
    page.wait_for_selector("#theme")
    assert page.evaluate("first") == "dark"
    assert page.evaluate(colour) == dark
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    press(page, "t")
    assert page.evaluate("[document.documentElement.dataset.theme, localStorage.length]") == [None, 0]


def test_paper_is_white_whatever_the_theme(opened: Open) -> None:
    page = opened(spoken.everything(), color_scheme="dark")
    press(page, "t", "t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.emulate_media(media="print", color_scheme="dark")
    ink = "getComputedStyle(document.documentElement).getPropertyValue('--ink')"
    assert page.evaluate(ink) == "#000000"


def test_where_nothing_is_kept_theme_and_switch_work_for_the_visit(opened: Open) -> None:
    page = opened(spoken.everything(), before=NOTHING_KEPT)
    press(page, "t")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    press(page, "?")
    page.get_by_role("switch").click()
    press(page, "Escape", "j")
    assert selected(page) is None


def test_the_card_lists_every_key_and_holds_the_focus(opened: Open) -> None:
    page = opened(spoken.everything())
    page.locator("#show-keys").focus()
    page.locator("#show-keys").click()
    card = page.get_by_role("dialog", name="Keys")
    keys = card.locator("kbd").all_inner_texts()
    assert sorted(keys) == sorted([*"jknpody/c", "Enter", "Esc", "1", "9", "t", "?"])
    bound = page.evaluate("Object.keys(EXAMPLE_KEYS)")
    assert set(bound) <= set(keys)
    for _ in range(6):
        press(page, "Tab")
        # Between its last and its first button the focus may pass the browser's own, and nothing else of the page.
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    press(page, "j")
    assert selected(page) is None
    press(page, "Escape")
    assert card.count() == 0
    assert page.evaluate("document.activeElement.id") == "show-keys"
    press(page, "?")
    card.get_by_role("button", name="Close").click()
    assert card.count() == 0
    press(page, "?")
    page.mouse.click(5, 5)
    assert card.count() == 0


def test_the_switch_turns_single_keys_off_and_is_remembered(opened: Open) -> None:
    page = opened(spoken.everything())
    press(page, "?")
    switch = page.get_by_role("switch", name="Single keys")
    assert switch.get_attribute("aria-checked") == "true"
    switch.click()
    assert switch.get_attribute("aria-checked") == "false"
    press(page, "Escape")
    for _ in range(2):
        press(page, "j", "t", "?", "/")
        assert selected(page) is None
        assert page.evaluate("document.documentElement.dataset.theme") is None
        assert page.get_by_role("dialog").count() == 0
        page.reload()
        page.wait_for_selector("html.exploring", state="attached")
    page.locator("#show-keys").click()
    page.get_by_role("switch").click()
    press(page, "Escape", "j")
    assert selected(page) == "m0"


def test_nothing_happens_while_typing(opened: Open) -> None:
    page = opened(spoken.everything())
    page.locator("#query").click()
    page.keyboard.type("jkno pdyct?/19")
    assert page.locator("#query").input_value() == "jkno pdyct?/19"
    assert selected(page) is None
    assert page.evaluate("document.documentElement.dataset.theme") is None
    assert page.get_by_role("dialog").count() == 0
    page.locator("select").first.focus()
    press(page, "j", "t")
    assert selected(page) is None
    assert page.evaluate("document.documentElement.dataset.theme") is None


@pytest.mark.parametrize("held", ["Control", "Alt", "Meta"])
def test_nothing_happens_with_another_key_held(opened: Open, held: str) -> None:
    page = opened(spoken.everything())
    events = """([key, held]) => document.body.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, [held]: true }))"""
    for key in "jnot?1/":
        unhandled = page.evaluate(events, [key, {"Control": "ctrlKey", "Alt": "altKey", "Meta": "metaKey"}[held]])
        assert unhandled
    assert selected(page) is None
    assert page.evaluate("document.documentElement.dataset.theme") is None


def test_a_page_without_examples_has_its_own_keys_only(chromium: Any, tmp_path: Path) -> None:
    from evalkit import report

    file = tmp_path / "report.html"
    file.write_text(report.html(records.broken()), encoding="utf-8")
    page = chromium.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    press(page, "j", "c", "y", "Enter", "Escape", "t", "?")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.locator("dialog h3").all_inner_texts() == ["Page"]
    assert errors == []
    page.close()


@pytest.mark.parametrize("width", [1400, 360])
def test_what_can_be_pressed_has_a_name_and_is_large_enough(opened: Open, width: int) -> None:
    page = opened(spoken.everything(), "#examples?q=&sel=letters/l1", viewport={"width": width, "height": 800})
    page.evaluate("showCard()")
    boxes = page.evaluate(
        "[...document.querySelectorAll('.page-tools button, .take button, dialog button')]"
        ".map(each => [each.getAttribute('aria-label') ?? each.textContent.trim(),"
        " each.offsetWidth, each.offsetHeight])"
    )
    assert len(boxes) >= 9
    assert all(name for name, _, _ in boxes)
    assert [each for each in boxes if each[1] < 24 or each[2] < 24] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_less_motion_is_none(opened: Open) -> None:
    page = opened(spoken.everything(), before=KEPT, reduced_motion="reduce")
    press(page, "y")
    page.wait_for_selector("#told.on")
    assert page.evaluate("getComputedStyle(document.querySelector('#told')).transitionDuration") in ("0s", "0s, 0s")
    assert page.locator("#told").get_attribute("role") == "status"


def test_dark_is_the_same_whoever_asks_for_it() -> None:
    """The colours are written twice, for the system's wish and for the reader's: both must say the same."""
    sheet = (TEMPLATES / "style" / "page.css").read_text(encoding="utf-8")
    blocks = [
        dict(re.findall(r"(--[a-z-]+): ([^;]+);", found))
        for found in re.findall(
            r":root(?::not\(\[data-theme=\"light\"\]\)|\[data-theme=\"dark\"\]) \{(.*?)\}", sheet, re.S
        )
    ]
    assert len(blocks) == 2
    assert blocks[0] == blocks[1]
    light = dict(re.findall(r"(--[a-z-]+): ([^;]+);", sheet[: sheet.index("@media")]))
    assert blocks[0].keys() == light.keys()


def test_no_two_files_of_the_script_use_one_name() -> None:
    """They share one scope, in which a second function of a name silently takes the first one's place."""
    names = Counter(
        name
        for file in written._SCRIPT
        for name in re.findall(
            r"^(?:async )?(?:function|const|let|class) (\w+)",
            (TEMPLATES / "script" / f"{file}.js").read_text(encoding="utf-8"),
            re.M,
        )
    )
    assert [name for name, count in names.items() if count > 1] == []
