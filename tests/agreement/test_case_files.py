"""A file of cases, looked at by columns, against the signature's validator, row by row: same values, same words."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from predictions.errors import InvalidRows
from predictions.services.score_checking import Checker
from predictions.signature.case_records import lines_of, plain_records, quoted_records
from predictions.signature.fields import Choice, Field, Output, Signature
from predictions.signature.validation import Validator
from predictions.signature.wording import text_of
from tests.signature.strategies import likely_values, signatures, wild_values

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NUMERALS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.integers().map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        [
            "",
            " ",
            "-0",
            "-0.0",
            "0",
            "00",
            "+5",
            "5.",
            ".5",
            "1e5",
            "1E+5",
            "1e999",
            "-1e400",
            "1e-400",
            "1_000",
            "1,5",
            "1 000",
            "null",
            "true",
            "NaN",
            "nan",
            "inf",
            "Infinity",
            "0x10",
            "[1]",
            "5 ",
            "\t5",
            "\uff15",
            "\u22123",
            "9007199254740993",
            "123456789012345678901234567890",
            "0.1e1",
            "1" + "0" * 400,
            "[",
            "]",
            "1]",
            "{}",
            "2.2250738585072011e-308",
            "179769313486231580793e289",
            "5\x0b",
            "\u20095",
            "1e",
            "e1",
            "--1",
            "'5",
        ]
    ),
    st.text(max_size=4),
)


def numbers(kind: Any, **limits: Any) -> Signature:
    fields = tuple(Field(name=f"x{place}", kind=kind, **limits) for place in range(3))
    return Signature(task="regression", inputs=fields, outputs=(Output(name="y", kind="number"),))


def storable(text: str) -> bool:
    """Whether a UTF-8 file can hold it as one cell; a lone carriage return is read as a space."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\r" not in text and "\x00" not in text


def written(rows: list[list[str]], delimiter: str) -> bytes:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return target.getvalue().encode()


def by_file(signature: Signature, rows: list[list[str]], delimiter: str = ",") -> list[Any]:
    """What a worker makes of each row: ("ok", values, warnings) or ("error", sentences)."""
    data = written(rows, delimiter)
    width = len(signature.inputs)
    checker = Checker(signature, range(width), width=width, delimiter=delimiter)
    if b'"' in data:
        found = list(quoted_records(lines_of(data), delimiter))
        checked = checker.check([record for _, record in found], [cells for cells, _ in found])
    else:
        checked = checker.check(plain_records(data))
    said: list[Any] = [("error", checked.errors.get(place)) for place in range(len(rows))]
    values = checked.rows.tolist() if isinstance(checked.rows, np.ndarray) else checked.rows
    assert len(values) == len(checked.accepted)
    for number, place in enumerate(checked.accepted):
        assert place not in checked.errors
        said[place] = ("ok", list(values[number]), checked.warnings.get(number, []))
    return said


def by_row(signature: Signature, rows: list[list[str]]) -> list[Any]:
    validator = Validator(signature)
    said: list[Any] = []
    for row in rows:
        try:
            checked = validator.check_cells(row)
        except InvalidRows as error:
            said.append(("error", " ".join(fault.message for fault in error.errors)))
        else:
            said.append(("ok", list(checked.values), [asdict(item) for item in checked.warnings]))
    return said


@st.composite
def files(draw: st.DrawFn) -> tuple[Signature, list[list[str]], str]:
    signature = draw(signatures())
    cell = {
        field.name: st.one_of(likely_values(field), likely_values(field), wild_values).map(text_of)
        for field in signature.inputs
    }
    row = st.tuples(*(cell[field.name].filter(storable) for field in signature.inputs)).map(list)
    # One empty cell alone in a line is a blank line, which is no record.
    rows = draw(st.lists(row.filter(lambda cells: cells != [""]), min_size=1, max_size=6))
    return signature, rows, draw(st.sampled_from([",", ";", "\t"]))


@given(case=files())
@MANY
def test_any_file_is_read_as_its_rows_are(case: tuple[Signature, list[list[str]], str]) -> None:
    signature, rows, delimiter = case
    assert repr(by_file(signature, rows, delimiter)) == repr(by_row(signature, rows))


@pytest.mark.parametrize("kind", ["number", "integer"])
@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"minimum": -5, "maximum": 1e6, "soft_minimum": 0, "soft_maximum": 100},
        {"nullable": True},
        {"nullable": True, "required": False},
        {"required": False, "default": 3},
    ],
    ids=["free", "limits", "nullable", "missing", "default"],
)
@given(
    rows=st.lists(st.lists(NUMERALS.filter(storable), min_size=3, max_size=3), min_size=1, max_size=8),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
@example(rows=[["-0", "-0.0", "0"]], delimiter=",")
@example(rows=[["1,5", "2", "3"], ["4", "5", "6"]], delimiter=";")
@example(rows=[["1", "", "3"], ["", "5", "null"]], delimiter=",")
@MANY
def test_numbers_are_read_as_the_validator_reads_them(
    kind: Any, limits: dict[str, Any], rows: list[list[str]], delimiter: str
) -> None:
    signature = numbers(kind, **limits)
    assert repr(by_file(signature, rows, delimiter)) == repr(by_row(signature, rows))


def test_lines_with_too_few_or_too_many_cells_are_told_and_shift_nobody() -> None:
    signature = numbers("number")
    checker = Checker(signature, (0, 1, 2), width=3, delimiter=",")
    checked = checker.check([b"1,2,3", b"1,2", b"1,2,3,4", b"4,5,6"])
    assert list(checked.accepted) == [0, 3]
    assert [list(row) for row in checked.rows] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert "has 2 cells where the header has 3" in checked.errors[1]
    assert "has 4 cells where the header has 3" in checked.errors[2]


def test_columns_in_another_order_and_columns_that_are_no_inputs() -> None:
    signature = numbers("number")
    checker = Checker(signature, (3, 0, 1), width=4, delimiter=",")
    for records in ([b"1,2,9,3", b"4,5,9,6"], [b"1,2,word,3", b"4,5,word,6"]):
        assert [list(row) for row in checker.check(records).rows] == [[3.0, 1.0, 2.0], [6.0, 4.0, 5.0]]


def test_an_optional_input_without_a_column_has_its_default() -> None:
    inputs = (
        Field(name="a", kind="number"),
        Field(name="b", kind="choice", choices=(Choice("car"), Choice("tv")), required=False, default="tv"),
        Field(name="c", kind="number", required=False, nullable=True),
    )
    signature = Signature(task="regression", inputs=inputs, outputs=(Output(name="y", kind="number"),))
    checked = Checker(signature, (0, None, None), width=1, delimiter=",").check([b"1", b"x", b"2"])
    assert [list(row) for row in checked.rows] == [[1.0, "tv", None], [2.0, "tv", None]]
    assert list(checked.errors) == [1]
