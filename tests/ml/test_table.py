from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.errors import BadModelFile
from predictions.ml.table import column_of, read_table


def table_from(data: bytes, tmp_path: Path, **more: Any) -> Any:
    path = tmp_path / "sample.csv"
    path.write_bytes(data)
    return read_table(path, **more)


def test_columns_get_the_kind_their_texts_show(tmp_path: Path) -> None:
    rows = [
        f"{n},{n / 4},{'yes' if n % 2 else 'no'},{n % 2 == 0},00{n},words number {n} here" for n in range(10)
    ]
    table = table_from(("count,size,answer,member,zip,note\n" + "\n".join(rows)).encode(), tmp_path)
    kinds = {column.name: column.kind for column in table.columns}
    assert kinds == {
        "count": "integer",
        "size": "number",
        "answer": "choice",
        "member": "boolean",
        "zip": "text",
        "note": "text",
    }
    assert table.find("answer").categories == ("no", "yes")
    assert (table.find("size").minimum, table.find("size").maximum) == (0.0, 2.25)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_delimiter_and_encoding_are_found(delimiter: str, encoding: str, tmp_path: Path) -> None:
    text = delimiter.join(["name", "größe"]) + "\n" + delimiter.join(["Zoë", "3"]) + "\n"
    table = table_from(text.encode(encoding), tmp_path)
    assert table.names == ("name", "größe")
    assert table.find("name").values == ("Zoë",)
    assert table.find("größe").values == (3,)


def test_quoted_values_may_hold_delimiters_and_line_breaks(tmp_path: Path) -> None:
    table = table_from(b'a,b\n"one, two","three\nfour"\n"say ""hi""",x\n', tmp_path)
    assert table.find("a").values == ("one, two", 'say "hi"')
    assert table.find("b").values == ("three\nfour", "x")


def test_missing_values_are_none_and_leave_the_kind_alone(tmp_path: Path) -> None:
    table = table_from(b"a,b\n1,\nNA,x\n3,nan\n,y\n5,x\n", tmp_path)
    assert table.find("a").values == (1, None, 3, None, 5)
    assert (table.find("a").kind, table.find("a").missing, table.find("b").missing) == ("integer", 2, 2)


def test_a_decimal_comma_is_read_where_the_comma_does_not_separate(tmp_path: Path) -> None:
    assert table_from(b"a;b\n1,5;x\n2,25;y\n", tmp_path).find("a").values == (1.5, 2.25)


def test_only_the_first_rows_are_read(tmp_path: Path) -> None:
    data = "a\n" + "\n".join(str(number) for number in range(100))
    assert table_from(data.encode(), tmp_path, max_rows=7).rows == 7


def test_the_example_is_a_row_without_gaps_when_there_is_one(tmp_path: Path) -> None:
    assert table_from(b"a,b\n1,\n2,x\n3,y\n", tmp_path).example == {"a": 2, "b": "x"}


def test_a_name_is_found_despite_spaces_and_case_but_not_when_two_fit(tmp_path: Path) -> None:
    table = table_from(b" Age ,size,Size \n1,2,3\n", tmp_path)
    assert table.find("age").values == (1,)
    assert table.find("SIZE") is None
    assert table.find("size").values == (2,)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"  \n \n", "empty"),
        (b"a,b,c\n", "no rows"),
        (b"a,b\n1,2,3\n", "Line 2"),
        (b"a,a\n1,2\n", "two columns"),
        (b"\x89PNG\r\n\x00\x00\x00\x00", "not a text file"),
        (b"PK\x03\x04\x00\x00\x00\x00 a spreadsheet", "not a text file"),
    ],
)
def test_what_is_no_table_is_refused_in_words(data: bytes, word: str, tmp_path: Path) -> None:
    with pytest.raises(BadModelFile) as caught:
        table_from(data, tmp_path)
    assert caught.value.code == "bad_sample"
    assert word in caught.value.message
    assert str(tmp_path) not in caught.value.message


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_table_that_python_writes_is_read_back(tmp_path_factory: Any, rows: list[list[str]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([["first column", "second column"], *rows])
    path = tmp_path_factory.mktemp("csv") / "sample.csv"
    path.write_text(buffer.getvalue(), encoding="utf-8", newline="")
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    if not kept:
        with pytest.raises(BadModelFile):
            read_table(path)
        return
    table = read_table(path)
    assert table.rows == len(kept)
    for place, column in enumerate(table.columns):
        for row, raw in zip(kept, column.raw, strict=True):
            assert raw is None or raw == row[place]


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=20)
)
def test_numbers_survive_being_written_as_text(numbers: list[float | None]) -> None:
    column = column_of("x", [None if number is None else repr(number) for number in numbers])
    assert list(column.values) == numbers
