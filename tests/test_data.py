"""Rows out of files: what they hold is what was written, and a bad line is named."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.data import read_hub, read_rows, text_of
from evalkit.errors import UsageError


def rows(path: Path, content: str | bytes) -> list[dict[str, object]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_rows(path).rows


def refusal(path: Path, content: str | bytes) -> str:
    with pytest.raises(UsageError) as refused:
        rows(path, content)
    return str(refused.value)


# --- CSV ---------------------------------------------------------------------------------------------


def test_csv_cells_are_text_and_nothing_is_guessed(tmp_path: Path) -> None:
    read = rows(tmp_path / "a.csv", "id,label,n\n007,NA,1.0\nnan,null,\n")
    assert read == [{"id": "007", "label": "NA", "n": "1.0"}, {"id": "nan", "label": "null", "n": ""}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_line_ends_and_a_byte_order_mark(tmp_path: Path, end: str, mark: bytes) -> None:
    text = end.join(["id,text", "", "1,größe 😀", '2,"a, ""b"""', "", ""])
    assert rows(tmp_path / "a.csv", mark + text.encode()) == [
        {"id": "1", "text": "größe 😀"},
        {"id": "2", "text": 'a, "b"'},
    ]


def test_csv_rows_stand_where_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows(path, 'id,text\n1,"two\nlines"\n\n2,x\n')
    read = read_rows(path)
    assert read.rows[0]["text"] == "two\nlines"
    assert str(read.place(0, "text")) == f"{path}:2 › text"
    assert "a.csv:4" in refusal(path, 'id,text\n1,"two\nlines"\n2\n3,x\n')


def test_csv_huge_cells_are_read(tmp_path: Path) -> None:
    assert rows(tmp_path / "a.csv", "id,text\n1," + "x" * 1_000_000 + "\n")[0]["text"] == "x" * 1_000_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,text\n1\n", "a.csv:2"),
        ("id,text\n1,2,3\n", "the row has 3 cells, the header 2"),
        ("id,text\n\n1\n", "a.csv:3"),
        ('id,text\n1,"a"b\n', "this is not CSV"),
        ('id,text\n1,2\n3,"open\n', "a.csv:3"),
        ("id,id\n1,2\n", 'two columns are called "id"'),
        (b"id,text\n1,\xff\n", "a.csv:2"),
    ],
)
def test_csv_mistakes_are_named(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert said in refusal(tmp_path / "a.csv", content)


@pytest.mark.parametrize("content", ["", "id,text\n", "\n\n"])
def test_csv_without_rows_has_none(tmp_path: Path, content: str) -> None:
    assert rows(tmp_path / "a.csv", content) == []


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2), max_size=5))
def test_csv_gives_back_what_the_csv_module_wrote(tmp_path_factory: pytest.TempPathFactory, cells: list) -> None:  # type: ignore[type-arg]
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["id", "text"], *cells])
    assert [list(row.values()) for row in read_rows(path).rows] == cells


# --- JSONL -------------------------------------------------------------------------------------------


def test_jsonl_blank_lines_and_windows_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert rows(path, b'\xef\xbb\xbf{"id": 1}\r\n\r\n  \n{"id": "\\u2028\xe2\x80\xa8"}') == [
        {"id": 1},
        {"id": "\u2028\u2028"},
    ]
    assert str(read_rows(path).place(1)) == f"{path}:4"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": 1', "expecting"),
        ("[1]", "not an object"),
        ("1", "not an object"),
        ('{"id": NaN}', "holds NaN, which is not JSON"),
        ('{"id": -Infinity}', "holds -Infinity"),
        ('{"id": ' + "1" * 5000 + "}", "thousands of digits"),
        ('{"id": ' + "[" * 100_000 + "}", "nested too deeply"),
        ("{'id': 1}", "expecting property name"),
    ],
)
def test_jsonl_mistakes_are_named(tmp_path: Path, line: str, said: str) -> None:
    found = refusal(tmp_path / "a.jsonl", f'{{"id": 0}}\n{line}\n')
    assert said in found
    assert "a.jsonl:2" in found
    assert len(found) < 600


def test_jsonl_that_is_not_utf8_says_on_which_line(tmp_path: Path) -> None:
    content = b'{"id": 1}\n' * 20_000 + b'{"id": "\xff"}\n'
    assert "a.jsonl:20001" in refusal(tmp_path / "a.jsonl", content)


def test_jsonl_of_bad_lines_stops_counting_them_out(tmp_path: Path) -> None:
    found = refusal(tmp_path / "a.jsonl", "{\n" * 1000)
    assert found.count("error:") == 21
    assert "and 980 more" in found


@given(st.binary())
def test_jsonl_of_any_bytes_is_rows_or_a_complaint(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(content)
    try:
        read = read_rows(path)
    except UsageError as error:
        refused = error
    else:
        assert all(isinstance(row, dict) for row in read.rows)
        return
    assert all(each.place for each in refused.complaints)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=4), st.booleans())
def test_jsonl_gives_back_what_json_wrote(
    tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, object]], ascii_only: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.jsonl"
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in written)
    try:
        path.write_text(text, encoding="utf-8")
    except UnicodeEncodeError:
        return
    assert read_rows(path).rows == written


# --- Parquet, the hub, paths -------------------------------------------------------------------------


def test_parquet_rows_are_counted_from_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{"id": "a", "choices": ["x", "y"]}, {"id": None}]), path)
    read = read_rows(path)
    assert read.rows == [{"id": "a", "choices": ["x", "y"]}, {"id": None, "choices": None}]
    assert str(read.place(1, "id")) == f"{path} › row 2 › id"
    assert str(read.place(1)) == f"{path} › row 2"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 nonsense PAR1", b'{"id": 1}\n'])
def test_parquet_that_is_none_is_a_complaint(tmp_path: Path, content: bytes) -> None:
    assert "not a Parquet file" in refusal(tmp_path / "a.parquet", content)


@pytest.mark.parametrize("name", ["a.json", "a.tsv", "a", "a.jsonl.gz"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    assert ".parquet" in refusal(tmp_path / name, "")


def test_a_file_that_is_not_there_has_a_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "examples.jsonl").touch()
    with pytest.raises(UsageError, match=r'did you mean "examples.jsonl"'):
        read_rows(tmp_path / "example.jsonl")
    with pytest.raises(UsageError, match="relative to that file"):
        read_rows(tmp_path / "nowhere" / "a.jsonl")


def test_a_hub_dataset_out_of_reach_is_a_complaint() -> None:
    with pytest.raises(UsageError) as refused:
        read_hub("org/name", "test", "abc")
    assert "hub:org/name@abc/test" in str(refused.value)
    assert "use a local file" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", None),
        (" ", " "),
        ("NA", "NA"),
        (0, "0"),
        (7.0, "7.0"),
        (True, "true"),
        (float("nan"), None),
        (float("inf"), None),
        ([1, "é"], '[1, "é"]'),
        ({"b": 1, "a": None}, '{"a": null, "b": 1}'),
    ],
)
def test_a_cell_as_text(value: object, text: str | None) -> None:
    assert text_of(value) == text
