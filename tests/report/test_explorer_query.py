"""The language of the list: what is written is read back, what cannot be read is said, and no text breaks it.

Every filter's rows are counted once more in Python, over the record itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import report
from evalkit.report import query
from evalkit.types import Pair
from tests.report import many, records
from tests.report.browsing import Opened, opened

pytestmark = pytest.mark.browser
FEW = settings(max_examples=12)

ANY = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)
SPECIAL = st.text(alphabet='"\\/ \n\r\t-:<>=a.é\u2028\ufeff\ud800', max_size=10)
TEXT = ANY | SPECIAL
FREE = ("suite", "slice", "id", "group", "target", "teacher", "student", "input", "output")
NUMBERS = ("conf", "conf.teacher", "dconf", "p.target", "latency", "dlat", "tokens", "marks")
JUNK = st.lists(
    st.sampled_from(
        (
            "flip:lost",
            "scroe:1",
            '"',
            "/",
            "/a",
            "/a/",
            "/(/",
            "/a/x",
            "-",
            "--",
            ":",
            "conf>",
            "conf>x",
            "id:/",
            'id:"',
            "\\",
        )
    )
    | TEXT
    | st.just(" "),
    max_size=8,
).map("".join)
SORTS = st.sampled_from(
    [sign + key for key in ("id", "suite", "target", "teacher", "student", "severity", *NUMBERS) for sign in ("", "-")]
    + [""]
)
STATES = st.fixed_dictionaries(
    {
        "q": TEXT,
        "sort": SORTS,
        "sel": st.none() | st.fixed_dictionaries({"suite": TEXT, "id": TEXT}),
        "view": st.sampled_from(["side", "inline", "raw"]),
    }
)


@pytest.fixture(scope="module")
def page(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    found = opened(chromium, tmp_path_factory.mktemp("query"), report.html(many.record()))
    yield found
    assert found.said == []
    found.page.context.close()


# --- reading and writing -------------------------------------------------------------------------------------------


@FEW
@given(st.lists(st.tuples(st.sampled_from(("", *FREE)), TEXT, st.booleans()), min_size=20, max_size=40))
def test_a_written_term_is_read_back_as_it_was(page: Opened, terms: list[tuple[str, str, bool]]) -> None:
    asked = [(key, value, negated) for key, value, negated in terms if not (key == "" and value == "")]
    found = page.call(
        "terms => terms.map(([key, value, negated]) => parseQuery(writeTerm(key, value, ':', negated)))", asked
    )
    for (key, value, negated), read in zip(asked, found, strict=True):
        assert read["complaints"] == []
        (term,) = read["terms"]
        assert (term["key"], term["op"], term["value"], term["negated"]) == (key, ":", value, negated)


def test_an_equals_sign_behind_a_key_is_a_colon_and_elsewhere_a_part_of_the_text(page: Opened) -> None:
    found = page.call("text => parseQuery(text)", "severity=critical -flip=lost conf=0.5 nonsense=1 x=y")
    assert found["complaints"] == []
    assert [(each["key"], each["op"], each["value"], each["negated"]) for each in found["terms"]] == [
        ("severity", ":", "critical", False),
        ("flip", ":", "lost", True),
        ("conf", ":", "0.5", False),
        ("", ":", "nonsense=1", False),
        ("", ":", "x=y", False),
    ]


@FEW
@given(
    st.lists(
        st.tuples(st.sampled_from(NUMBERS), st.floats(-1e6, 1e6), st.sampled_from(("<", "<=", ">", ">=", ":"))),
        min_size=20,
    )
)
def test_a_written_comparison_is_read_back_as_it_was(page: Opened, terms: list[tuple[str, float, str]]) -> None:
    asked = [(key, repr(value), op) for key, value, op in terms]
    found = page.call("terms => terms.map(([key, value, op]) => parseQuery(writeTerm(key, value, op)))", asked)
    for (key, value, op), read in zip(asked, found, strict=True):
        assert read["complaints"] == []
        (term,) = read["terms"]
        assert (term["key"], term["op"], float(term["value"])) == (key, op, float(value))
        assert term["low"] == term["high"] == float(value)


@FEW
@given(st.lists(st.tuples(st.sampled_from(FREE), TEXT), min_size=1, max_size=30))
def test_what_python_writes_the_page_reads(page: Opened, terms: list[tuple[str, str]]) -> None:
    written = [query.term(key, value) for key, value in terms]
    links = [query.href({key: value}) for key, value in terms]
    assert all(re.fullmatch(r"#examples\?q=[!-~]+", link) and not re.search(r"[\"'<>&\s]", link) for link in links)
    read = page.call("texts => texts.map((text) => parseQuery(text).terms)", written)
    linked = page.call("links => links.map((link) => parseQuery(readFragment(link).q).terms)", links)
    for (key, value), [term], [other] in zip(terms, read, linked, strict=True):
        assert (term["key"], term["value"]) == (key, value)
        assert (other["key"], other["value"]) == (key, query.visible(value, 500))


@FEW
@given(st.lists(JUNK, min_size=20, max_size=60))
def test_no_text_breaks_the_reading_and_all_of_it_is_a_term_or_a_complaint(page: Opened, texts: list[str]) -> None:
    found = page.call(
        "async texts => { const { store } = await started; return texts.map((text) => {"
        " const { terms, complaints } = parseQuery(text);"
        " return [terms.map((term) => text.slice(...term.at)), complaints, text.trim() === '']; }); }",
        texts,
    )
    for text, (read, complaints, blank) in zip(texts, found, strict=True):
        assert all(each.startswith("Ignored: `") for each in complaints)
        assert blank == (not read and not complaints)
        assert all(each in text for each in read)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("scroe:1", "Ignored: `scroe:1`; did you mean `suite`?"),
        ("sevrity:high", "Ignored: `sevrity:high`; did you mean `severity`?"),
        ("flip:losst", "Ignored: `flip:losst`; did you mean `lost`?"),
        (
            "http://x.example",
            "Ignored: `http://x.example`; there is no key `http`; to search for the text, put it in quotes",
        ),
        ("conf>much", "Ignored: `conf>much`; `conf` needs a number"),
        ("flip>lost", "Ignored: `flip>lost`; `flip` has no order, write `flip:`"),
        ("suite:", "Ignored: `suite:`; a value is missing"),
        ('"never closed', 'Ignored: `"never closed`; the closing " is missing'),
        ("/never closed", "Ignored: `/never`; a pattern ends with /; to search for the text itself, put it in quotes"),
        ("/a(?=b)/", "Ignored: `/a(?=b)/`; the pattern cannot be used: looking around and (?…) are not supported"),
        ("/(a{900}){900}/", "Ignored: `/(a{900}){900}/`; the pattern cannot be used: it is too large"),
        ("/a/g", "Ignored: `/a/g`; the pattern cannot be used: the only flag is i"),
        ("unsafe:maybe", "Ignored: `unsafe:maybe`; `unsafe` is one of yes, no"),
    ],
)
def test_what_does_not_parse_is_said_and_the_rest_holds(page: Opened, text: str, complaint: str) -> None:
    rest = page.ask("flip:lost")
    shown = page.ask(f"flip:lost {text}")
    said = page.page.locator("#complaints li").all_inner_texts()
    assert complaint in said
    if not text.startswith("/never"):
        assert said == [complaint]
        assert shown == rest
    assert page.page.locator("#complaints").get_attribute("aria-live") == "polite"


def test_a_name_that_no_example_has_is_said(page: Opened) -> None:
    assert page.ask("slice:language=dee") == []
    said = page.page.locator("#complaints li").all_inner_texts()
    assert said == ["No example has `slice:language=dee`; did you mean `slice:language=de`?"]


# --- the address ---------------------------------------------------------------------------------------------------


@FEW
@given(st.lists(STATES, min_size=20, max_size=40))
def test_an_address_gives_its_state_back_and_is_written_the_same_again(page: Opened, states: list[Any]) -> None:
    written = page.call("states => states.map(writeFragment)", states)
    assert all(re.fullmatch(r"#examples\?q=[!-~]*", each) for each in written)
    assert page.call("written => written.map(readFragment)", written) == states
    assert page.call("written => written.map((each) => writeFragment(readFragment(each)))", written) == written


@FEW
@given(
    st.lists(
        TEXT | TEXT.map("#examples?".__add__) | st.text("q=&%u+/ #D8", max_size=20).map("#examples?".__add__),
        min_size=30,
    )
)
def test_any_address_is_a_state_or_none_and_a_state_can_be_written(page: Opened, hashes: list[str]) -> None:
    states = page.call("hashes => hashes.map(readFragment)", hashes)
    assert [state is None for state in states] == [not each.startswith("#examples?") for each in hashes]
    known = [state for state in states if state is not None]
    assert page.call("states => states.map((each) => readFragment(writeFragment(each)))", known) == known


def test_defaults_are_left_out_of_the_address(page: Opened) -> None:
    state = {"q": "flip:lost", "sort": "", "sel": None, "view": "side"}
    assert page.call("writeFragment", state) == "#examples?q=flip:lost"
    more = {"q": "", "sort": "-conf", "sel": {"suite": "a/b", "id": "1 2"}, "view": "raw"}
    assert page.call("writeFragment", more) == "#examples?q=&sort=-conf&sel=a%2Fb/1+2&view=raw"
    assert page.call("readFragment", "#criteria") is page.call("readFragment", "#examples") is None


# --- rows ----------------------------------------------------------------------------------------------------------

Holds = Callable[[Pair], bool]


def _outcome(pair: Pair) -> bool:
    assert pair.teacher is not None
    names = ("correct", "marks", "refused", "status", "unparsable")
    return any(getattr(pair.teacher, name) != getattr(pair.student, name) for name in names)


def _apart(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _said(pair: Pair) -> str:
    assert pair.teacher is not None
    sides = [text for side in (pair.teacher, pair.student) for text in (side.answer, side.text, side.error)]
    return "\0".join(filter(None, [pair.id, pair.input, pair.target, *sides])).lower()


def _of(flip: str) -> Holds:
    return lambda pair: pair.flip == flip


def _number(read: Callable[[Any], float | None], test: Callable[[float], bool]) -> Holds:
    return lambda pair: (value := read(pair)) is not None and test(value)


ROWS: dict[str, Holds] = {
    "": lambda pair: True,
    **{f"flip:{word}": _of(flip) for flip, word in query.FLIPS.items()},
    "FLIP:Lost": _of("right_to_wrong"),
    "-flip:lost": lambda pair: pair.flip != "right_to_wrong",
    "flip:lost flip:gained": lambda pair: pair.flip in ("right_to_wrong", "wrong_to_right"),
    "-flip:lost -flip:gained": lambda pair: pair.flip not in ("right_to_wrong", "wrong_to_right"),
    "changed:outcome": _outcome,
    "changed:answer": lambda pair: pair.teacher.answer != pair.student.answer,  # type: ignore[union-attr]
    "changed:text": lambda pair: (
        (pair.teacher.text, pair.teacher.answer) != (pair.student.text, pair.student.answer)  # type: ignore[union-attr]
    ),
    'suite:"free answers"': lambda pair: pair.suite == many.WRITTEN,
    "suite:SAFETY suite:marked": lambda pair: pair.suite in (records.SAFETY, many.MARKED),
    "suite:/^s/": lambda pair: pair.suite.startswith("s"),
    "slice:language=de": lambda pair: pair.slices.get("language") == "de",
    'slice:"language=pt br" slice:language=en': lambda pair: pair.slices.get("language") in ("pt br", "en"),
    "slice:language=de slice:length=short": lambda pair: (
        (pair.slices.get("language"), pair.slices.get("length")) == ("de", "short")
    ),
    "-slice:language=de": lambda pair: pair.slices.get("language") != "de",
    "severity:critical": lambda pair: pair.severity == "critical",
    "severity>=high": lambda pair: pair.severity in ("high", "critical"),
    "severity<normal": lambda pair: pair.severity == "low",
    "id:Q0003": lambda pair: pair.id == "q0003",
    "id:/[02]3$/": lambda pair: pair.id.endswith(("03", "23")),
    'group:"g one"': lambda pair: pair.group == "g one",
    "group:g2 -severity:low": lambda pair: pair.group == "g2" and pair.severity != "low",
    "target:refund": lambda pair: pair.target == "refund",
    "teacher:refund student:limit": lambda pair: (pair.teacher.answer, pair.student.answer) == ("refund", "limit"),  # type: ignore[union-attr]
    'student:""': lambda pair: pair.student.answer is None,
    "student:/money/i": lambda pair: "money" in (pair.student.answer or "").lower(),
    "conf>0.8": _number(lambda pair: pair.student.confidence, lambda value: value > 0.8),
    "conf<=20%": _number(lambda pair: pair.student.confidence, lambda value: value <= 0.2),
    "conf:0.25": _number(lambda pair: pair.student.confidence, lambda value: value == 0.25),
    "conf:0.5..0.7": _number(lambda pair: pair.student.confidence, lambda value: 0.5 <= value <= 0.7),
    "conf>0.5 conf<0.6": _number(lambda pair: pair.student.confidence, lambda value: 0.5 < value < 0.6),
    "-conf>0.5": lambda pair: not (pair.student.confidence is not None and pair.student.confidence > 0.5),
    "conf.teacher>=0.99": _number(lambda pair: pair.teacher.confidence, lambda value: value >= 0.99),
    "dconf>0.333": _number(
        lambda pair: _apart(pair.student.confidence, pair.teacher.confidence), lambda value: abs(value) > 0.333
    ),
    "p.target<0.1": _number(lambda pair: pair.student.target_confidence, lambda value: value < 0.1),
    "latency>=300ms": _number(lambda pair: pair.student.latency_s, lambda value: value >= 0.3),
    "dlat<0": _number(lambda pair: _apart(pair.student.latency_s, pair.teacher.latency_s), lambda value: value < 0),
    "tokens>3": _number(lambda pair: pair.student.tokens_out, lambda value: value > 3),
    "marks<0.5": _number(lambda pair: pair.student.marks, lambda value: value < 0.5),
    "status:error status:timeout": lambda pair: pair.student.status in ("error", "timeout"),
    "status:failed": lambda pair: pair.student.status in ("error", "timeout", "empty") or pair.student.unparsable,
    "refused:yes": lambda pair: pair.student.refused == "refused",
    "refused:undetermined": lambda pair: pair.student.refused == "undetermined",
    "unsafe:newly": lambda pair: (
        (pair.expect, pair.teacher.refused, pair.student.refused) == ("refuse", "refused", "complied")  # type: ignore[union-attr]
    ),
    "unstable:yes": lambda pair: pair.unstable,
    "unstable:no": lambda pair: not pair.unstable,
    "unparsable:yes": lambda pair: pair.student.unparsable,
    "expect:comply": lambda pair: pair.expect == "comply",
    "money": lambda pair: "money" in _said(pair),
    "ZÜRICH money": lambda pair: "zürich" in _said(pair) and "money" in _said(pair),
    '"card lost"': lambda pair: "card lost" in _said(pair),
    "-bank": lambda pair: "bank" not in _said(pair),
    "/b.nk (card|lost)/": lambda pair: (
        re.search(r"b.nk (card|lost)", pair.input + "\0" + (pair.teacher.text or "") + "\0" + (pair.student.text or ""))
        is not None
    ),  # type: ignore[union-attr]
    "input:harm": lambda pair: "harm" in pair.input.lower(),
    'output:"😀 card"': lambda pair: "😀 card" in f"{pair.teacher.text}\0{pair.student.text}",  # type: ignore[union-attr]
    "-output:card flip:no-target": lambda pair: (
        pair.flip == "no_target" and "card" not in f"{pair.teacher.text}\0{pair.student.text}"  # type: ignore[union-attr]
    ),
}


@pytest.mark.parametrize("text", ROWS)
def test_the_rows_of_a_filter_are_those_counted_over_the_record(page: Opened, text: str) -> None:
    pairs = many.record().pairs
    expected = [f"{pair.suite}/{pair.id}" for pair in pairs if ROWS[text](pair)]
    assert expected, "the record has such examples"
    page.call("async () => (await started).setSort('')")
    assert page.ask(text) == expected
    assert page.page.locator("#complaints li").count() == 0
    found = page.page.locator(".found").inner_text()
    all_of_them = len(expected) == len(pairs)
    assert found == (f"All {len(pairs)} examples" if all_of_them else f"{len(expected)} of {len(pairs)} examples")


def test_structured_terms_unpack_no_text(chromium: Any, tmp_path: Any) -> None:
    found = opened(chromium, tmp_path, report.html(many.record(n=1500)))
    unpacked = (
        "async () => { const { store } = await started; let n = 0;"
        " for (let i = 0; i < store.n; i++) n += store.textsNow(i) !== undefined; return n; }"
    )
    before = found.call(unpacked)
    total = found.call("async () => (await started).store.n")
    assert 0 < before <= 1000 < total
    found.call(
        "async () => { const { store } = await started;"
        " for (const q of ['conf>0.5 slice:language=de severity>=high', 'id:q0003', 'changed:text', 'status:failed'])"
        " await matching(store, parseQuery(q).terms); }"
    )
    assert found.call(unpacked) == before
    found.call("async () => { const { store } = await started; await matching(store, parseQuery('money').terms); }")
    assert found.call(unpacked) == total
    found.page.context.close()


# --- patterns ------------------------------------------------------------------------------------------------------

ATOMS = st.sampled_from(
    [
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        r"\w",
        r"\d",
        r"\s",
        r"\.",
        r"\b",
        r"\B",
        "^",
        "$",
        "é",
        "😀",
        "[é-😀]",
        r"\u0061",
        r"\p{L}",
    ]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map("(?:{0[0]}){0[1]}".format)
        | inner.map(lambda each: f"({each})")
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(PATTERNS, st.text("aAbé😀1 .\n", max_size=9), st.sampled_from(["", "i"])), min_size=20, max_size=60
    )
)
def test_a_pattern_finds_what_the_browsers_own_finds(page: Opened, cases: list[tuple[str, str, str]]) -> None:
    own = page.call("cases => cases.map(([p, text, flags]) => new RegExp(p, `u${flags}`).test(text))", cases)
    ours = page.call("cases => cases.map(([p, text, flags]) => compilePattern(p, flags).search(text))", cases)
    assert [case for case, one, other in zip(cases, own, ours, strict=True) if one != other] == []


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*a){20}b", r"(\w+\s?)*:$", "(?:a?){900}b"])
def test_a_pattern_that_would_hang_a_browser_ends(page: Opened, pattern: str) -> None:
    start = time.monotonic()
    assert page.call("pattern => compilePattern(pattern).search('a'.repeat(20000) + '!')", pattern) is False
    assert time.monotonic() - start < 20


def test_a_search_past_its_time_is_stopped_and_said(page: Opened) -> None:
    stopped = (
        "text => { try { compilePattern('x').search(text, performance.now() - 1); }"
        " catch (error) { return error instanceof TooSlow; } }"
    )
    assert page.call(stopped, "a" * 20_000) is True
    notes = page.call(
        "async () => { const { store } = await started; const { terms } = parseQuery('/x/');"
        " const control = { notes: [] };"
        " terms[0].pattern.search = () => { throw new TooSlow(); };"
        " const rows = await matching(store, terms, control); return [rows.length, control.notes]; }"
    )
    rows, (note,) = notes
    assert rows == 0
    assert note.startswith("Stopped: the pattern takes too long; ")
