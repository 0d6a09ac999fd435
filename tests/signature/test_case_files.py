"""Headers of files of cases: any order, any of three delimiters, and a word for everything that is wrong."""

from __future__ import annotations

import pytest

from predictions.errors import BadCaseFile
from predictions.signature.case_files import HEAD_BYTES, layout_of
from predictions.signature.fields import Field, Output, Signature

SIGNATURE = Signature(
    task="regression",
    inputs=(
        Field(name="age", kind="number"),
        Field(name="net income", kind="number"),
        Field(name="town", kind="text", required=False),
    ),
    outputs=(Output(name="y", kind="number"),),
)


@pytest.mark.parametrize(
    ("text", "delimiter", "places"),
    [
        ("age,net income,town\n", ",", (0, 1, 2)),
        ("town;id;net income;age\r\n", ";", (3, 2, 0)),
        ("net income\tage\n", "\t", (1, 0, None)),
        ("\ufeffage,net income\n1,2\n", ",", (0, 1, None)),
        ('"age","net income","a note, with a comma"\n', ",", (0, 1, None)),
        ("\n\n age , net income \n", ",", (0, 1, None)),
        ("age,net income", ",", (0, 1, None)),
    ],
)
def test_columns_are_found_in_any_order(text: str, delimiter: str, places: tuple[int | None, ...]) -> None:
    layout = layout_of(text.encode(), SIGNATURE)
    assert (layout.delimiter, layout.places) == (delimiter, places)
    assert text.encode()[layout.body :] in (b"", b"1,2\n")


def test_a_header_may_have_line_breaks_in_quotes() -> None:
    layout = layout_of(b'"a long\nname",age,net income\n1,2,3\n', SIGNATURE)
    assert layout.columns == ("a long\nname", "age", "net income")
    assert layout.carried == ("a long\nname",)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            "age,town\n",
            "missing_columns",
            'The file has no column "net income"; add it, or take the CSV template',
        ),
        ("age,netincome\n", "missing_columns", 'or rename "netincome" if that is "net income".'),
        ("town\n", "missing_columns", 'no columns "age", "net income"; add them'),
        ("1,2,3\n4,5,6\n", "missing_columns", 'The first line must name the columns ("age", "net income")'),
        ("age,net income,Town\n", "unknown_columns", 'There is no input "Town"; rename the column "town"'),
        ("age,net income,age\n", "duplicate_column", 'The column "age" is there twice'),
        ("", "empty_file", "The file is empty"),
        ("\n \r\n", "empty_file", "The file is empty"),
        ("age,net income\r1,2\r", "line_ends", "save it again"),
    ],
)
def test_what_is_wrong_with_a_header_is_named(text: str, code: str, said: str) -> None:
    with pytest.raises(BadCaseFile) as caught:
        layout_of(text.encode(), SIGNATURE)
    assert caught.value.code == code
    assert said in caught.value.message


def test_other_encodings_are_told() -> None:
    for data in ("age,net income\n1,2\n".encode("utf-16"), b"age,net income\n\xfc,2\n"):
        with pytest.raises(BadCaseFile) as caught:
            layout_of(data, SIGNATURE)
        assert caught.value.code == "not_utf8"


def test_a_character_that_ends_behind_what_was_read_is_no_fault() -> None:
    head = b"age,net income\n" + b"1,2\n" * (HEAD_BYTES // 4)
    assert layout_of(head[: HEAD_BYTES - 1] + "é".encode()[:1], SIGNATURE).places == (0, 1, None)


def test_a_first_line_without_end_is_no_header() -> None:
    with pytest.raises(BadCaseFile) as caught:
        layout_of(b"x" * HEAD_BYTES, SIGNATURE)
    assert caught.value.code == "no_header"
