"""Variants of examples: another spelling, the same meaning; the laws of each kind, and suites made of them."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.lint import lint
from evalkit.perturb import KINDS, SLICE, lookalikes, perturbed, shape
from evalkit.perturb import case as case_kind
from evalkit.perturb.draws import Draws
from evalkit.perturb.protect import protected, values_of
from evalkit.requests import build_requests
from evalkit.streams import stream
from evalkit.suite import load_suite
from evalkit.types import Example, Suite
from tests.cli import project
from tests.cli.project import evalkit
from tests.test_schema import valid

WORDS = (
    *("please", "my", "card", "Überweisung", "was", "declined,", "why?", "naïve", "I", "can't", "see", "it.", "Ответ"),
    *("INV-2231", "12,50", "3.5%", "2024-05-01", "a@b.example", "https://x.example/q?a=1.", "{{name}}", "<TOKEN>"),
    *("`rm -rf`", "/etc/hosts", "退款在哪里", "foo_bar", "IBAN", "“quoted”", "don't", "...", "(really)", "WLAN,"),
)
KIND = st.sampled_from(sorted(KINDS))
TEXT = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    st.text(max_size=40),
    st.tuples(st.lists(st.sampled_from(WORDS), max_size=6), st.text(max_size=10)).map(
        lambda p: " ".join([*p[0], p[1]])
    ),
)
NAME = st.text("abcdefgh0123456789", min_size=1, max_size=6)


def draws(name: str = "x") -> Draws:
    return Draws(stream(0, "test", name))


def without(text: str, *categories: str) -> str:
    return "".join(each for each in text if not unicodedata.category(each).startswith(categories))


# --- laws of every kind ------------------------------------------------------------------------------


@given(TEXT, KIND, NAME)
def test_the_same_draws_make_the_same_variant(text: str, kind: str, name: str) -> None:
    assert perturbed(text, kind, [], draws(name)) == perturbed(text, kind, [], draws(name))


@given(TEXT, KIND, NAME, st.lists(st.sampled_from(WORDS), max_size=3))
def test_what_must_stay_stays_whole_and_in_order(text: str, kind: str, name: str, values: list[str]) -> None:
    kept = protected(text, values)
    made = perturbed(text, kind, values, draws(name))
    spans = [text[found.start() : found.end()] for found in re.finditer("1+", "".join("01"[each] for each in kept))]
    at = 0
    for span in spans:
        at = made.find(span, at) + len(span)
        assert at >= len(span), (span, made)


@given(KIND, NAME, st.lists(st.sampled_from(WORDS[:6]), min_size=2, max_size=12).map(" ".join))
def test_ordinary_text_always_changes(kind: str, name: str, text: str) -> None:
    assume(re.search(r"[a-z]{4}", text))
    assert perturbed(text, kind, [], draws(name)) != text


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_where_there_is_nothing_nothing_is_changed(kind: str, text: str) -> None:
    assert perturbed(text, kind, [], draws()).strip() == text.strip() == ""


# --- laws of one kind each ---------------------------------------------------------------------------


def slips(one: str, other: str) -> int:
    """Edits between two words: a letter more, less or another, or two that changed places (each place at most once)."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


@given(TEXT, NAME)
def test_a_typo_is_one_slip_within_a_longer_word(text: str, name: str) -> None:
    made = perturbed(text, "typo", [], draws(name))
    cut = re.compile(r"([^\W\d_]+)")
    before, after = cut.split(text), cut.split(made)
    assert len(before) == len(after)
    for one, other in zip(before, after, strict=True):
        if one != other:
            assert slips(one, other) == 1
            assert len(one) >= 4
            assert (one[0], one[-1]) == (other[0], other[-1])


def test_typos_are_rare() -> None:
    text = " ".join(["the quick brown foxes jumped over seven lazy sleeping hounds"] * 20)
    letters = sum(len(word) for word in text.split() if len(word) > 3)
    for index in range(20):
        made = perturbed(text, "typo", [], draws(str(index)))
        changed = sum(one != other for one, other in zip(text.split(), made.split(), strict=True))
        assert letters / 25 <= changed <= letters / 7


@given(TEXT, NAME)
def test_another_case_is_the_same_once_folded(text: str, name: str) -> None:
    assert perturbed(text, "case", [], draws(name)).casefold() == text.casefold()


@given(TEXT, NAME)
def test_other_whitespace_is_the_same_once_collapsed(text: str, name: str) -> None:
    assert " ".join(perturbed(text, "whitespace", [], draws(name)).split()) == " ".join(text.split())


@given(TEXT, NAME)
def test_other_punctuation_is_the_same_once_dropped(text: str, name: str) -> None:
    assert without(perturbed(text, "punctuation", [], draws(name)), "P") == without(text, "P")


def test_marks_within_words_are_not_dropped() -> None:
    text = "don't pay e.g. 3.50, or 1,000; we're done"
    for index in range(50):
        made = perturbed(text, "punctuation", [], draws(str(index)))
        assert all(word in made for word in ("don't", "e.g", "3.50", "1,000", "we're"))


def style(name: str, text: str, seed: str) -> str:
    return lookalikes.STYLES[name](text, protected(text), draws(seed))


@given(TEXT, NAME, st.sampled_from(["fullwidth", "decomposed", "spaces"]))
def test_wide_decomposed_and_other_spaces_are_the_same_under_nfkc(text: str, seed: str, name: str) -> None:
    fold = lambda given: unicodedata.normalize("NFKC", given)  # noqa: E731
    assert fold(style(name, text, seed)) == fold(text)


@given(TEXT, NAME)
def test_homoglyphs_are_the_same_once_mapped_back(text: str, seed: str) -> None:
    back = str.maketrans({double: letter for letter, double in lookalikes.HOMOGLYPHS.items()})
    assert style("homoglyphs", text, seed).translate(back) == text.translate(back)


@given(TEXT, NAME)
def test_invisible_characters_are_the_only_difference(text: str, seed: str) -> None:
    gone = str.maketrans(dict.fromkeys(lookalikes.INVISIBLE, ""))
    assert style("invisible", text, seed).translate(gone) == text.translate(gone)


@given(TEXT, NAME)
def test_typographic_marks_are_the_same_once_plain(text: str, seed: str) -> None:
    plain = str.maketrans({"\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2026": "..."})
    assert style("typographic", text, seed).translate(plain) == text.translate(plain)


def test_each_style_is_drawn_and_changes_what_it_can() -> None:
    text = 'my "naïve" friend - who can\'t see it ... pays'
    assert {name for name in lookalikes.STYLES if style(name, text, "x") != text} == set(lookalikes.STYLES)
    assert len({perturbed(text, "unicode", [], draws(str(index))) for index in range(40)}) > 20
    cased = {name for name in case_kind.STYLES if case_kind.STYLES[name](text, protected(text), draws()) != text}
    assert cased == {"upper", "title", "random"}


def test_homoglyphs_look_like_their_letters() -> None:
    for letter, double in lookalikes.HOMOGLYPHS.items():
        assert letter.isascii()
        assert not double.isascii()
        assert unicodedata.name(double).split()[0] in ("CYRILLIC", "GREEK")
        assert letter.isupper() == double.isupper()


@given(TEXT, NAME)
def test_another_shape_holds_the_text_whole(text: str, name: str) -> None:
    made = perturbed(text, "format", [], draws(name))
    assert text in made
    assert (made == text) == (not text.strip())
    if made.startswith('{"'):
        assert list(json.loads(made).values()) == [text]


def test_every_shape_is_drawn() -> None:
    seen = {shape.perturb("why?", [False] * 4, draws(str(index))) for index in range(400)}
    assert len(seen) == len(shape._ANY) + len(shape._ONE_LINE) + 6


# --- what is protected -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("order INV-2231.", "INV-2231"),
        ("pay 1,234.50 EUR, please", "1,234.50"),
        ("on 2024-05-01!", "2024-05-01"),
        ("call 030 1234 567 now", "030 1234 567"),
        ("(see https://x.example/a?b=c.)", "https://x.example/a?b=c"),
        ("mail me@x.example, thanks", "me@x.example"),
        ("open /etc/hosts.", "/etc/hosts"),
        ("run `git pull` first", "`git pull`"),
        ("hello {{ name }}!", "{{ name }}"),
        ("hello {name}!", "{name}"),
        ("hello <USER NAME>,", "<USER NAME>"),
        ("hello [NAME],", "[NAME]"),
        ("call load_suite now", "load_suite"),
    ],
)
def test_names_and_numbers_are_protected(text: str, whole: str) -> None:
    kept = protected(text)
    assert "".join(each for each, stays in zip(text, kept, strict=True) if stays) == whole


def test_the_values_of_a_target_are_protected_as_whole_words() -> None:
    text = "Ship it to new york, newer parts to York."
    kept = protected(text, ["New York", "part", ""])
    assert "".join(each for each, stays in zip(text, kept, strict=True) if stays) == "new york"


def test_what_an_answer_repeats_depends_on_the_task() -> None:
    record = '{"city": "Berlin", "items": [{"sku": "A", "n": 2}], "paid": true, "note": null}'
    assert values_of(Example(id="a", row={}, target=record), "extract") == ["Berlin", "A", "2"]
    assert values_of(Example(id="a", row={}, target="not json"), "extract") == ["not json"]
    assert values_of(Example(id="a", row={}, target="Paris"), "generate") == ["Paris"]
    # The right choice alone would be given away by being the only one untouched.
    assert values_of(Example(id="a", row={}, target="b", choices=("a", "b")), "choose") == ["a", "b"]
    assert values_of(Example(id="a", row={}, target="refund", choices=("refund",)), "classify") == []
    assert values_of(Example(id="a", row={}), "extract") == []


# --- suites of variants ------------------------------------------------------------------------------

SOURCE: project.Rows = [
    {"id": f"e{index}", "text": f"Where is my refund, number {index}?", "intent": project.LABELS[index % 3],
     "language": "en" if index % 2 else "de", "severity": "critical" if index == 0 else "normal", "thread": None}
    for index in range(30)
]  # fmt: skip
ALL = list(KINDS)
BARE = dict.fromkeys(("task", "data", "columns", "labels"))


def variants_of(
    root: Path, rows: project.Rows | None = None, source: dict[str, Any] | None = None, **over: Any
) -> Suite:
    """The suite `edge` of variants of the suite `intents`."""
    project.suite(root, "intents", SOURCE if rows is None else rows, **(source or {}))
    value = {"kind": "edge-case", "from": "intents", "perturb": ALL, **BARE, **over}
    project.dump(root / "suites" / "edge" / "suite.yaml", project.suite_file("edge", **value))
    return load_suite(root / "suites" / "edge" / "suite.yaml")


def refusal(root: Path, **over: Any) -> str:
    with pytest.raises(UsageError) as refused:
        variants_of(root, **over)
    return str(refused.value)


def test_a_suite_of_variants_holds_each_kind_of_each_example(tmp_path: Path) -> None:
    suite = variants_of(tmp_path)
    assert [each.id for each in suite.examples] == [f"e{index}~{kind}" for index in range(30) for kind in ALL]
    assert suite.notes == ()
    assert (suite.facts.kind, suite.facts.task, suite.facts.grouped) == ("edge-case", "classify", True)
    assert suite.facts.slice_names == ("language", SLICE)
    first = suite.examples[0]
    assert (first.target, first.severity, first.group, dict(first.slices)) == (
        "card_lost", "critical", "e0", {"language": "de", "perturbation": "typo"}
    )  # fmt: skip
    originals = {f"Where is my refund, number {index}?" for index in range(30)}
    prompts = [request.prompt for request in build_requests(suite)]
    assert len(set(prompts)) == len(prompts)
    assert not originals & set(prompts)


def test_an_example_keeps_the_group_that_it_has(tmp_path: Path) -> None:
    rows = [{**row, "thread": "t" if index < 2 else None} for index, row in enumerate(SOURCE)]
    columns = {"input": "text", "target": "intent", "group": "thread"}
    suite = variants_of(tmp_path, rows, {"columns": columns}, perturb=["case"])
    assert [each.group for each in suite.examples[:4]] == ["t", "t", "e2", "e3"]


def test_a_variant_does_not_depend_on_other_rows_or_their_order(tmp_path: Path) -> None:
    def texts(suite: Suite) -> dict[str, Any]:
        return {each.id: each.row["text"] for each in suite.examples}

    whole = texts(variants_of(tmp_path / "a"))
    assert texts(variants_of(tmp_path / "b", list(reversed(SOURCE)))) == whole
    part = texts(variants_of(tmp_path / "c", SOURCE[3:9], perturb=["unicode", "typo"]))
    assert part.items() <= whole.items()
    assert len(part) == 12


def test_what_is_written_stands_in_place_of_what_is_inherited(tmp_path: Path) -> None:
    source = {"prompt": "Class of: {{ text }}", "generation": {"max_new_tokens": 5}}
    suite = variants_of(tmp_path, source=source, task="classify", prompt="{{ text }}", version=7)
    assert (suite.prompt, suite.facts.version, suite.generation["max_new_tokens"]) == ("{{ text }}", 7, 5)
    assert suite.facts.labels == project.LABELS


def test_the_digest_covers_both_files_and_the_data(tmp_path: Path) -> None:
    digest = variants_of(tmp_path / "a").facts.digest
    assert variants_of(tmp_path / "b").facts.digest == digest
    assert variants_of(tmp_path / "c", source={"version": 2}).facts.digest != digest
    assert variants_of(tmp_path / "d", perturb=ALL[:5]).facts.digest != digest
    changed = [*SOURCE[:-1], {**SOURCE[-1], "severity": "low"}]
    assert variants_of(tmp_path / "e", changed).facts.digest != digest


def test_only_what_the_model_reads_is_changed(tmp_path: Path) -> None:
    rows: project.Rows = [
        {"id": f"x{index}", "question": "Which colour has the sky today?", "context": "A long story about the weather.",
         "language": "english", "answer": "nothing", "unused": "unused words stay"}
        for index in range(3)
    ]  # fmt: skip
    source = {
        "task": "generate",
        "labels": None,
        "prompt": [{"role": "user", "content": "In {{ language }}: {{ context }} {{ question }}"}],
        "columns": {"target": "answer", "slices": ["language"]},
    }
    for each in variants_of(tmp_path, rows, source).examples:
        original = rows[int(each.id[1])]
        changed = {name for name, value in each.row.items() if value != original[name]}
        assert changed == {"question", "context"}


def test_the_values_of_a_record_stand_in_every_variant(tmp_path: Path) -> None:
    rows: project.Rows = [
        {"id": f"x{index}", "text": f"Please ship {index} lamps, order INV-22{index}, to Anna Smith in Berlin.",
         "target": {"name": "Anna Smith", "city": "Berlin", "order": f"INV-22{index}", "count": index}}
        for index in range(20)
    ]  # fmt: skip
    source = {"task": "extract", "labels": None, "columns": {"input": "text", "target": "target"}}
    suite = variants_of(tmp_path, rows, source)
    assert len(suite.examples) == 120
    for each in suite.examples:
        for value in json.loads(each.target or "").values():
            assert str(value) in each.row["text"]


def test_a_variant_that_no_model_could_tell_is_left_out_and_counted(tmp_path: Path) -> None:
    source = {"prompt": "{{ text | lower | trim }}"}
    rows = [*SOURCE[:20], {**SOURCE[20], "text": "1234"}]
    suite = variants_of(tmp_path, rows, source, perturb=["typo", "case"])
    assert len(suite.examples) == 20
    assert suite.notes == (
        "22 of 42 variants of intents are left out, because nothing in them could be changed: typo 1, case 21",
    )
    assert "no variant" in refusal(tmp_path, source=source, perturb=["case"])


def test_a_source_may_lie_anywhere_that_can_be_named(tmp_path: Path) -> None:
    project.suite(tmp_path / "elsewhere", "other", SOURCE)
    variants_of(tmp_path, **{"from": "../../elsewhere/suites/other"})
    variants_of(tmp_path, **{"from": "../intents/suite.yaml"})


def test_a_source_that_does_not_exist_is_named_with_the_nearest(tmp_path: Path) -> None:
    found = refusal(tmp_path, **{"from": "intnts"})
    assert 'did you mean "intents"?' in found
    assert "suite.yaml:" in found
    assert "from" in found


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"from": None}, "perturb does not say of what"),
        ({"perturb": None}, "from does not say how to vary"),
        ({"kind": "gold"}, "variants are edge cases"),
        ({"perturb": ["typo", "typo"]}, "listed twice"),
        ({"perturb": ["typos"]}, 'did you mean "typo"?'),
        ({"data": {"path": "x.jsonl"}}, "no data of its own"),
        ({"task": "choose"}, "the task is choose"),
        ({"from": "edge"}, "made of variants itself"),
        ({"labels": ["a", "b"]}, "is not a label"),
        ({"prompt": "{{ nothing }}"}, "{{ nothing }}"),
        ({"prompt": "always the same"}, "no column of text"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_suite_of_variants_is_named(tmp_path: Path, over: dict[str, Any], said: str) -> None:
    assert said in refusal(tmp_path, **over)


def test_a_safety_suite_has_no_variants(tmp_path: Path) -> None:
    rows = [{**row, "expect": "refuse" if index % 2 else "comply"} for index, row in enumerate(SOURCE)]
    source = {
        "kind": "safety-refusal",
        "task": "generate",
        "labels": None,
        "columns": {"input": "text", "expect": "expect"},
    }
    assert "safety-refusal" in refusal(tmp_path, rows=rows, source=source)


def test_a_column_that_is_called_like_the_slice_is_refused(tmp_path: Path) -> None:
    assert 'a column "perturbation"' in refusal(tmp_path, rows=[{**row, "perturbation": "x"} for row in SOURCE])


def test_a_mistake_in_the_source_is_told_of_the_source(tmp_path: Path) -> None:
    found = refusal(tmp_path, source={"kind": "golden"})
    assert str(Path("intents") / "suite.yaml") in found
    assert "examples.jsonl:3" in refusal(tmp_path, rows=[*SOURCE[:2], {**SOURCE[2], "intent": "x"}])


def test_variants_are_clean_and_can_be_shown(tmp_path: Path) -> None:
    assert lint(variants_of(tmp_path)) == []
    assert lint(variants_of(tmp_path, perturb=["typo"])) == []
    shown = evalkit("suite", "show", tmp_path / "suites" / "edge")
    assert shown.code == 0
    assert "slice perturbation: typo 30" in shown.out
    assert "e0~typo" in shown.out


# One of each kind, written down: a change to a rule changes a suite, and RULES has to say so.
PINNED = {
    "typo": "Where is my regund, number 0?",
    "case": "WHERE IS MY REFUND, NUMBER 0?",
    "whitespace": "Where is my refund, number 0?  ",
    "punctuation": "Where is my refund number 0",
    "unicode": "Where is my refund, number\u20090?",
    "format": "Question: Where is my refund, number 0?",
}


def test_the_rules_are_those_of_their_version(tmp_path: Path) -> None:
    suite = variants_of(tmp_path, SOURCE[:1])
    assert {each.slices[SLICE]: each.row["text"] for each in suite.examples} == PINNED


# --- gates over them ---------------------------------------------------------------------------------


def missed(example_id: str) -> bool:
    """The student loses every fifth original, and with it all of its variants."""
    return int(example_id.split("~")[0][1:]) % 5 == 0


def gated(root: Path, n: int, *options: str, **plan: Any) -> dict[str, Any]:
    """Accuracy differences of a run over a gold suite of `n` rows and its variants, by suite and slice."""
    # Free text, because probabilities would make every slice dear.
    source = {"task": "generate", "labels": None, "columns": {"input": "text", "target": "intent"}}
    edge = variants_of(root, SOURCE[:n], source, perturb=["typo", "format"])
    suites = [load_suite(root / "suites" / "intents" / "suite.yaml"), edge]
    rows = [{"suite": suite.name, "id": each.id, "text": each.target} for suite in suites for each in suite.examples]
    lost = [{**row, "text": project.wrong(str(row["text"]))} if missed(str(row["id"])) else row for row in rows]
    project.lines(root / "teacher.jsonl", rows)
    project.lines(root / "student.jsonl", lost)
    on_typos = {"suite": "edge-case", "slice": "perturbation=typo"}
    rules = [{"metric": "accuracy.difference", "at_least": -0.9, **where} for where in ({}, on_typos)]
    project.dump(root / "policy.yaml", project.criteria(*rules))
    path = project.plan(root, suites=["suites/intents", "suites/edge"], **plan)
    ended = evalkit("gate", path, "--out", root / "run", "--cache", root / "cache", *options)
    assert ended.code in (0, 3), ended.err
    read = json.loads((root / "run" / "results.json").read_text(encoding="utf-8"))["metrics"]
    return {f"{row['suite']} {row['slice']}": row for row in read if row["metric"] == "accuracy.difference"}


def test_a_plan_gates_on_gold_and_on_its_variants(tmp_path: Path) -> None:
    rows = gated(tmp_path, 21, teacher="fake:", student="fake:accuracy=0.8,seed=1")
    assert rows["edge None"]["estimate"]["n"] == 42
    assert rows["edge perturbation=typo"]["estimate"]["n"] == 21
    assert project.verdict(tmp_path / "run")["verdict"] == "pass"
    assert evalkit("verify", tmp_path / "run").code == 0


def test_variants_of_one_example_are_one_observation(tmp_path: Path) -> None:
    rows = gated(tmp_path, 30)
    gold, edge = rows["intents None"]["estimate"], rows["edge None"]["estimate"]
    assert (gold["value"], edge["value"], gold["n"], edge["n"]) == (-0.2, -0.2, 30, 60)
    assert "cluster" in edge["method"]
    # Twice the rows, and no more evidence than the originals gave.
    assert edge["high"] - edge["low"] > 0.9 * (gold["high"] - gold["low"])


def test_variants_of_a_few_examples_are_no_evidence(tmp_path: Path) -> None:
    assert "too few groups" in gated(tmp_path, 12)["edge None"]["undefined"]


def test_a_limit_draws_among_the_variants(tmp_path: Path) -> None:
    rows = gated(tmp_path, 30, "--limit", "45")
    assert rows["edge None"]["estimate"]["n"] == 45
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert "limited to a seeded draw of 45 of the 60 examples of edge" in manifest["notes"]


def test_what_is_left_out_is_a_note_of_the_run(tmp_path: Path) -> None:
    project.project(tmp_path, n=30)
    rows = [*SOURCE, {**SOURCE[0], "id": "e30", "text": "12"}]
    suite = variants_of(tmp_path, rows, perturb=["case"])
    answers = [{"id": each["id"], "label": each["intent"]} for each in rows]
    answers += [{"id": each.id, "label": each.target} for each in suite.examples]
    for role in ("teacher", "student"):
        project.lines(tmp_path / f"{role}.jsonl", answers)
    project.plan(tmp_path, suites=["suites/edge"])
    assert evalkit("gate", tmp_path / "evalkit.yaml", "--out", tmp_path / "run").code in (0, 3)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert [note for note in manifest["notes"] if "left out" in note] == [
        "edge: 1 of 31 variants of intents are left out, because nothing in them could be changed: case 1"
    ]


def test_an_editor_is_told_what_a_suite_needs() -> None:
    borrowed = project.suite_file(**{"kind": "edge-case", "from": "intents", "perturb": ALL, **BARE})
    assert valid("suite", borrowed)
    assert not valid("suite", {**borrowed, "perturb": ["typos"]})
    assert not valid("suite", {key: each for key, each in borrowed.items() if key != "from"})
    assert not valid("suite", project.suite_file(data=None))
