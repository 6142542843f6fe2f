"""YAML that a user wrote: what is read, what is refused, and that nothing else can happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import Complaint, UsageError
from evalkit.plan import PlanFile
from evalkit.policy import PolicyFile
from evalkit.suite import SuiteFile
from evalkit.yamlfile import Document, parse, read, validated

HERE = Path("plan.yaml")


def data(text: str) -> object:
    return parse(f"key: {text}\n", HERE).data["key"]


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as refused:
        parse(text, HERE)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("+4", 4),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("00.5", "00.5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-12-31", "2026-12-31"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'no'", "no"),
        ('"1"', "1"),
        ("[a, 1, 'yes']", ["a", 1, "yes"]),
        ("{a: {b: [1]}}", {"a": {"b": [1]}}),
        ("NA", "NA"),
        ("y", "y"),
        ("N", "N"),
        ("=", "="),
    ],
)
def test_scalars_are_read_as_yaml_1_2_reads_them(text: str, value: object) -> None:
    read_back = data(text)
    assert read_back == value
    assert type(read_back) is type(value)


@pytest.mark.parametrize("word", ["yes", "No", "ON", "off"])
def test_words_that_are_booleans_elsewhere_are_refused(word: str) -> None:
    said = refusal(f"labels: [a, {word}]\n")
    assert f"a bare `{word}`" in said
    assert "plan.yaml:1 › labels[1]" in said
    assert f'"{word}" in quotes' in said
    assert data(f"'{word}'") == word


def test_a_key_may_be_such_a_word() -> None:
    assert parse("on: push\n7: x\n", HERE).data == {"on": "push", "7": "x"}


def test_all_complaints_come_at_once() -> None:
    assert refusal("a: no\nb: !foo 1\na: 2\n? [x]\n: y\n").count("error:") == 4


def test_a_repeated_key_names_both_lines() -> None:
    assert 'key "a" is given twice, first on line 1' in refusal("a: 1\nb: 2\na: 3\n")
    assert "plan.yaml:3" in refusal("a: 1\nb: 2\na: 3\n")


@pytest.mark.parametrize("tag", ["!foo", "!!python/object:os.system", "!!binary", "!!set"])
def test_tags_are_refused(tag: str) -> None:
    assert "is not allowed" in refusal(f"a: {tag} x\n")
    assert "is not allowed" in refusal(f"a: {tag} {{x: 1}}\n")


def test_an_alias_is_its_anchor_but_not_itself() -> None:
    assert parse("a: &x [1]\nb: *x\n", HERE).data == {"a": [1], "b": [1]}
    assert "contains itself" in refusal("a: &x [*x]\n")


def test_a_billion_laughs_end_early() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    assert "more than 100000 values" in refusal(laughs)


def test_brackets_without_end_are_refused() -> None:
    assert "nested too deeply" in refusal("a: " + "[" * 20_000)
    assert "nested too deeply" in refusal("a: " + "[" * 3000 + "]" * 3000)


def test_digits_without_end_are_no_crash() -> None:
    with pytest.raises(UsageError, match="finite number"):
        validated(parse(f"schema: evalkit/plan/v1\nseed: {'1' * 5000}\n", HERE), PlanFile)
    with pytest.raises(UsageError, match="is expected"):
        validated(parse(f"schema: evalkit/plan/v{'1' * 5000}\n", HERE), PlanFile)


def test_a_place_is_the_nearest_that_is_known() -> None:
    document = parse("a:\n  b:\n    - c: 1\n", HERE)
    assert str(document.place("a", "b", 0, "c")) == "plan.yaml:3 › a.b[0].c"
    assert str(document.place("a", "x")) == "plan.yaml:1 › a.x"
    assert str(document.place("z")) == "plan.yaml:1 › z"


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: '\xc3\xa9'\r\n")
    assert read(path).data == {"a": 1, "b": "é"}


@pytest.mark.parametrize("name", ["nowhere.yaml", "missing/plan.yaml", "."])
def test_what_cannot_be_read_is_a_complaint(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        read(tmp_path / name)


# --- nothing else can happen -------------------------------------------------------------------------

MODELS = [PlanFile, SuiteFile, PolicyFile]
SNIPPETS = st.sampled_from(
    """schema: evalkit/plan/v1
schema: evalkit/suite/v1
schema: evalkit/policy/v1
criteria:
- metric:
  - id:
student: recorded:x
suites: [a
labels: [a, b]
columns: {id: x
data: {path: x}
at_least: 1e999
&a [*a]
<<: *a
!!int x
? |
: >
\t""".splitlines(keepends=True)
)
# What a file could hold: YAML of our own keys with any value whatever.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def complaints(make: Callable[[], object]) -> tuple[Complaint, ...]:
    """What is said against it; nothing when it can be made. Any other exception is a failure."""
    try:
        make()
    except UsageError as refused:
        return refused.complaints or (Complaint(problem="", remedy=""),)
    return ()


def total(text: str) -> None:
    """Parse and validate as each kind of file: a model, or a complaint with something in it."""
    for model in MODELS:
        found = complaints(lambda model=model: validated(parse(text, HERE), model))
        assert all(each.problem and each.remedy and each.place for each in found)


@given(st.text())
def test_any_text_is_a_document_or_a_complaint(text: str) -> None:
    total(text)


@given(st.lists(SNIPPETS | st.text(max_size=4), max_size=25).map("".join))
def test_anything_like_yaml_is_a_document_or_a_complaint(text: str) -> None:
    total(text)


@given(st.sampled_from(MODELS), st.data())
def test_any_value_of_any_key_is_a_model_or_a_complaint(
    model: type[PlanFile | SuiteFile | PolicyFile], draw: st.DataObject
) -> None:
    schema = model.model_fields["schema_"].examples
    assert schema
    keys = st.sampled_from([name for name in model.model_fields if name != "schema_"])
    value = {"schema": schema[0], **draw.draw(st.dictionaries(keys, VALUES, max_size=5))}
    found = complaints(lambda: validated(Document(path=HERE, text="", data=value, places={}), model))
    assert all(each.problem and each.remedy for each in found)
