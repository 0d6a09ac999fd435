"""Whole rows: names, missing values, defaults, order of faults."""

from __future__ import annotations

import pytest

from predictions.errors import InvalidRows
from predictions.signature.fields import Choice, Field
from predictions.signature.validation import MAX_FAULTS, MAX_WARNINGS, Validator
from predictions.values import CheckedRow
from tests.signature.builders import faults, signature_of

SIGNATURE = signature_of(
    Field(name="mean radius", kind="number", soft_maximum=30),
    Field(name="age", kind="integer", nullable=True),
    Field(name="sex", kind="choice", choices=(Choice("f"), Choice("m")), required=False, default="f"),
    Field(name="note", kind="text", required=False),
)
VALIDATOR = Validator(SIGNATURE)
FULL = {"mean radius": 12.5, "age": 40, "sex": "m", "note": "ok"}


def _messages(row: object) -> list[str]:
    with pytest.raises(InvalidRows) as raised:
        VALIDATOR.check_payload(row, max_rows=10)
    return [error.message for error in raised.value.errors]


def test_values_come_in_signature_order_whatever_the_order_given() -> None:
    expected = CheckedRow((12.5, 40, "m", "ok"))
    assert VALIDATOR.check_row(FULL) == expected
    assert VALIDATOR.check_row(dict(reversed(FULL.items()))) == expected
    assert VALIDATOR.check_row([12.5, 40, "m", "ok"]) == expected
    assert VALIDATOR.check_row((12.5, 40, "m", "ok")) == expected


def test_absent_optional_values_take_their_default_or_null() -> None:
    assert VALIDATOR.check_row({"mean radius": 1.0, "age": None}).values == (1.0, None, "f", None)


def test_null_is_not_the_same_as_absent() -> None:
    assert faults(lambda: VALIDATOR.check_row(FULL | {"sex": None})) == [(0, "sex", "null")]
    row = {name: value for name, value in FULL.items() if name != "age"}
    assert faults(lambda: VALIDATOR.check_row(row)) == [(0, "age", "missing")]


def test_a_missing_value_is_asked_for_by_its_label() -> None:
    assert _messages({"age": 3}) == ["Give a value for mean radius."]


def test_an_unknown_name_gets_the_missing_one_suggested() -> None:
    messages = _messages({"mean_radius": 12.5, "age": 40})
    assert messages == [
        "Give a value for mean radius.",
        'There is no input "mean_radius"; write "mean radius" if you meant that.',
    ]


def test_an_unknown_name_like_a_given_one_is_to_be_removed() -> None:
    assert _messages(FULL | {"Age": 3}) == ['There is no input "Age"; remove it, "age" is already given.']


def test_an_unknown_name_like_nothing_is_to_be_removed_or_corrected() -> None:
    assert _messages(FULL | {"zzzz": 3}) == ['There is no input "zzzz"; remove it or correct its name.']


def test_unknown_names_are_repeated_safely() -> None:
    with pytest.raises(InvalidRows) as raised:
        VALIDATOR.check_row(FULL | {"a\nb" + "x" * 500: 3})
    (error,) = raised.value.errors
    assert error.code == "unknown_feature"
    assert error.field is not None
    assert len(error.field) == 60
    assert "\n" not in error.message


def test_faults_come_row_by_row_in_the_order_of_the_fields() -> None:
    rows = [FULL, {"age": "x", "zzzz": 1}, FULL | {"age": 1.5, "mean radius": True}]
    assert faults(lambda: VALIDATOR.check_payload(rows, max_rows=10)) == [
        (1, "mean radius", "missing"),
        (1, "age", "not_a_number"),
        (1, "zzzz", "unknown_feature"),
        (2, "mean radius", "not_a_number"),
        (2, "age", "not_an_integer"),
    ]


def test_faults_stop_at_a_hundred() -> None:
    rows = [{"age": "x"}] * 5000
    found = faults(lambda: VALIDATOR.check_payload(rows, max_rows=5000))
    assert len(found) == MAX_FAULTS
    assert found[-1] == (49, "age", "not_a_number")


def test_one_faulty_row_fails_all() -> None:
    assert faults(lambda: VALIDATOR.check_payload([FULL, {}, FULL], max_rows=10)) == [
        (1, "mean radius", "missing"),
        (1, "age", "missing"),
    ]


def test_a_row_is_numbered_as_its_caller_says() -> None:
    assert faults(lambda: VALIDATOR.check_row({}, 7))[0] == (7, "mean radius", "missing")
    assert faults(lambda: VALIDATOR.check_texts({}, 7))[0] == (7, "mean radius", "missing")


@pytest.mark.parametrize("line", [[1.0], [12.5, 40, "m", "ok", 1]])
def test_a_list_of_another_length_names_both_lengths(line: list[object]) -> None:
    with pytest.raises(InvalidRows) as raised:
        VALIDATOR.check_row(line)
    (error,) = raised.value.errors
    assert (error.field, error.code) == (None, "wrong_length")
    assert error.message == f"Give 4 values in the order of the inputs; {len(line)} came."


def test_warnings_belong_to_their_row() -> None:
    rows = VALIDATOR.check_payload([FULL, FULL | {"mean radius": 40}, FULL], max_rows=10)
    assert [[warning.code for warning in row.warnings] for row in rows] == [[], ["above_training_range"], []]


def test_warnings_of_one_row_are_bounded() -> None:
    wide = signature_of(*(Field(name=f"x{n}", kind="number", soft_maximum=1) for n in range(500)))
    assert len(Validator(wide).check_row([2.0] * 500).warnings) == MAX_WARNINGS


def test_texts_give_the_same_row_as_json() -> None:
    texts = {"mean radius": "12.5", "age": "40", "sex": "m", "note": "ok"}
    assert VALIDATOR.check_texts(texts) == VALIDATOR.check_row(FULL)
    assert VALIDATOR.check_cells(list(texts.values())) == VALIDATOR.check_row(FULL)


def test_an_empty_text_is_null_where_allowed_and_else_not_given() -> None:
    row = VALIDATOR.check_texts({"mean radius": "1", "age": "", "sex": " ", "note": ""})
    assert row.values == (1.0, None, "f", None)
    assert faults(lambda: VALIDATOR.check_texts({"mean radius": " ", "age": "1"})) == [
        (0, "mean radius", "missing")
    ]


def test_texts_of_unknown_columns_are_refused_like_json() -> None:
    texts = {"mean radius": "1", "age": "1", "weight": "3"}
    assert faults(lambda: VALIDATOR.check_texts(texts)) == [(0, "weight", "unknown_feature")]


def test_cells_a_short_csv_line_does_not_have_are_empty() -> None:
    texts = {"mean radius": "1", "age": None, "sex": None, "note": None}
    assert VALIDATOR.check_texts(texts).values == (1.0, None, "f", None)  # type: ignore[arg-type]
    assert VALIDATOR.check_cells(["1", None, None, None]).values == (1.0, None, "f", None)  # type: ignore[list-item]


def test_a_csv_line_of_another_length_is_refused() -> None:
    assert faults(lambda: VALIDATOR.check_cells(["1", "2"], 3)) == [(3, None, "wrong_length")]


def test_a_signature_with_one_input_reads_names_and_lists() -> None:
    validator = Validator(signature_of(Field(name="x", kind="number")))
    assert validator.check_row({"x": 1}).values == (1.0,)
    assert validator.check_row([1]).values == (1.0,)
    assert faults(lambda: validator.check_row({"y": 1})) == [(0, "x", "missing"), (0, "y", "unknown_feature")]
    assert faults(lambda: validator.check_row({"x": 1, "y": 1})) == [(0, "y", "unknown_feature")]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("1_0", "not_a_number"),
        ("nan", "not_finite"),
        ("1e400", "not_finite"),
        ("1" + "0" * 400, "out_of_range"),
        ("", "missing"),
        ("x", "not_a_number"),
        ("2", "above_maximum"),
    ],
)
def test_a_line_of_numbers_only_is_checked_like_any_other(cell: str, code: str) -> None:
    numbers = Validator(
        signature_of(Field(name="a", kind="number"), Field(name="b", kind="number", maximum=1))
    )
    assert numbers.check_cells([" 5 ", "1"]).values == (5.0, 1.0)
    assert numbers.check_cells(["1e308", "-1e308"]).values == (1e308, -1e308)
    assert faults(lambda: numbers.check_cells(["1", cell])) == [(0, "b", code)]
    assert faults(lambda: numbers.check_texts({"a": "1", "b": cell})) == [(0, "b", code)]


def test_null_where_a_value_is_expected_is_accepted_with_a_warning() -> None:
    field = Field(name="age", kind="number", label="Age", required=True, nullable=True)
    checks = Validator(signature_of(field))
    for row in (checks.check_row({"age": None}), checks.check_row([None]), checks.check_texts({"age": ""})):
        assert row.values == (None,)
        assert [warning.code for warning in row.warnings] == ["missing_value"]
    with pytest.raises(InvalidRows):
        checks.check_row({})


def test_null_where_values_are_often_missing_needs_no_warning() -> None:
    field = Field(name="age", kind="number", required=False, nullable=True)
    checks = Validator(signature_of(field))
    assert checks.check_row({"age": None}).warnings == ()
    assert checks.check_row({}).values == (None,)
