"""What the demo's models are taught and what they are asked: other phrasings, the same words, the same every time."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from evalkit.demo import mail_phrases, prompt_phrases
from evalkit.demo.lessons import lessons
from evalkit.demo.lexicon import DEEDS, MAIL_WORDS, REFUSAL, SUPPLIERS
from evalkit.demo.mails import CATEGORIES, INSTRUCTION, RARE, mails
from evalkit.demo.prompts import questions
from evalkit.demo.sizes import FULL
from evalkit.demo.suites import MAILS, SAFETY, TEMPLATES, mail_rows, write_suites
from evalkit.files import digest_tree
from evalkit.grammar import Rules, sentences
from evalkit.lint import lint
from evalkit.requests import build_requests, prompt_text
from evalkit.scoring.refusal import detect
from evalkit.suite import load_suite

GRAMMARS = {
    "mails": (mail_phrases.LESSON_PHRASES, mail_phrases.SUITE_PHRASES, [*CATEGORIES, *SUPPLIERS]),
    "prompts": (prompt_phrases.LESSON_PHRASES, prompt_phrases.SUITE_PHRASES, []),
}
each_grammar = pytest.mark.parametrize("name", sorted(GRAMMARS))


def phrases(rules: Rules) -> set[str]:
    """All that a grammar says by itself, without the words that fill its slots and the marks between them."""
    every = {each for start in rules for each in sentences({**MAIL_WORDS, **rules}, start) if each not in words()}
    bare = (re.sub(r"\{\w+\}", "_", each).casefold().strip() for each in every)
    return {each for each in bare if re.search(r"[a-z]", each)}


def words() -> set[str]:
    return {each for alternatives in MAIL_WORDS.values() for each in alternatives}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suites")
    write_suites(folder, 0, FULL)
    return folder


# --- other phrasings ---------------------------------------------------------------------------------


@each_grammar
def test_no_phrase_of_a_suite_is_in_a_lesson(name: str) -> None:
    lesson, suite, _ = GRAMMARS[name]
    assert len(phrases(suite)) > 40
    assert phrases(lesson) & phrases(suite) == set()


@each_grammar
def test_lessons_and_suite_have_the_same_rules(name: str) -> None:
    lesson, suite, _ = GRAMMARS[name]
    assert set(suite) <= set(lesson)


def test_shared_words_are_no_sentences() -> None:
    assert all(len(each.split()) <= 4 for each in words())
    assert not any(re.search(r"[.?!]", each) for each in words())


def test_no_text_of_a_suite_is_a_lesson() -> None:
    taught = {each.prompt for each in lessons(3000, 1000, 0)}
    asked = {INSTRUCTION + each.text for each in mails("suite", 1000, 0)}
    asked |= {each.text for each in questions("suite", 200, 0)}
    assert taught & asked == set()


# --- right answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["lessons", "suite"])
def test_a_mail_names_its_supplier_and_nobody_else_unless_it_says_so(split: str) -> None:
    for each in mails(split, 600, 1):  # type: ignore[arg-type]
        named = [code for code in SUPPLIERS if code in each.text]
        assert each.supplier in named
        assert len(named) == (2 if each.mentions in ("another supplier", "both") else 1)
        assert json.loads(each.answer) == {"category": each.category, "supplier": each.supplier}
        for other in set(named) - {each.supplier}:
            assert f"not {other}" in each.text


@pytest.mark.parametrize("split", ["lessons", "suite"])
def test_texts_are_filled_whole_and_begin_as_sentences_do(split: str) -> None:
    texts = [each.text for each in mails(split, 400, 2)]  # type: ignore[arg-type]
    texts += [each.text for each in questions(split, 150, 2)]  # type: ignore[arg-type]
    for text in texts:
        assert not re.search(r"[{}]|  |\s$| [.,?]", text)
        assert not re.search(r"\ba [aeio]|\ban [^aeio]", text)
        assert all(line[0] in "#" or line[0].isupper() or line[0].isdigit() for line in text.split("\n") if line)


def test_a_harmful_question_has_a_harmless_twin_on_the_same_deed() -> None:
    by_twin: dict[str, list[object]] = {}
    for each in questions("suite", 300, 3):
        deed = next(deed for deeds, _ in DEEDS.values() for deed in deeds if deed in each.text)
        by_twin.setdefault(each.twin, []).append((each.expect, each.topic, deed))
    for one, two in by_twin.values():
        assert {one[0], two[0]} == {"refuse", "comply"}  # type: ignore[index]
        assert one[1:] == two[1:]  # type: ignore[index]


def test_the_detector_reads_the_right_answers_as_they_are_meant() -> None:
    assert detect(REFUSAL).word == "refused"
    assert {detect(answer).word for _, answer in DEEDS.values()} == {"complied"}


# --- the suites --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [MAILS, SAFETY])
def test_a_suite_is_clean(written: Path, name: str) -> None:
    assert lint(load_suite(written / name / "suite.yaml")) == []


def test_the_suites_are_as_large_as_they_say(written: Path) -> None:
    gold, safety = (load_suite(written / name / "suite.yaml") for name in (MAILS, SAFETY))
    assert len(gold.examples) >= 2000
    categories = Counter(each.slices["category"] for each in gold.examples)
    assert set(categories) == set(CATEGORIES)
    assert sum(categories[each] for each in RARE) < 0.2 * len(gold.examples)
    assert min(categories.values()) >= 100  # fewer are too small for the policy's criterion on categories
    assert set(gold.facts.slice_names) == {"category", "length", "mentions"}
    assert min(Counter(each.slices["length"] for each in gold.examples).values()) >= 100
    expected = Counter(each.expect for each in safety.examples)
    assert expected["refuse"] == expected["comply"] >= 200
    assert len({each.severity for each in (*gold.examples, *safety.examples)}) == 4


def test_a_model_is_asked_in_the_words_of_its_lessons(written: Path) -> None:
    gold = load_suite(written / MAILS / "suite.yaml")
    for request, example in zip(build_requests(gold), gold.examples, strict=True):
        assert prompt_text(request.prompt) == INSTRUCTION + example.row["mail"]


def test_the_seed_decides_what_is_written(written: Path, tmp_path: Path) -> None:
    write_suites(tmp_path / "same", 0, FULL)
    write_suites(tmp_path / "other", 1, FULL)
    assert digest_tree(tmp_path / "same") == digest_tree(written) != digest_tree(tmp_path / "other")
    assert lessons(300, 50, 0) == lessons(300, 50, 0) != lessons(300, 50, 1)


def test_every_template_is_used_and_in_the_package() -> None:
    names = {path.name for path in TEMPLATES.glob("*.yaml")}
    assert names == {"demo-mails.yaml", "demo-safety.yaml", "policy.yaml", "plan.yaml"}


def test_the_starter_holds_examples_of_the_demo_with_its_default_seed() -> None:
    starter = Path(__file__).resolve().parents[2] / "evalkit" / "starter" / "files" / "examples.jsonl"
    rows = [json.loads(line) for line in starter.read_text(encoding="utf-8").splitlines()]
    today = {row["id"]: row for row in mail_rows(FULL.suite_mails, 0)}
    assert len(rows) == 600
    assert [row for row in rows if today.get(row["id"]) != row] == [], "run scripts/make-starter on a new demo"
