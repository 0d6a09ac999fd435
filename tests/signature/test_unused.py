"""Inputs that the estimator lists and never looks at take whatever a table holds there."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from predictions.signature.fields import Choice, Field, Output, Signature
from predictions.signature.schema import row_schema
from predictions.signature.validation import Validator

SIGNATURE = Signature(
    task="regression",
    inputs=(
        Field(name="age", kind="number"),
        Field(name="id", kind="number", required=False, nullable=True, used=False),
        Field(
            name="town", kind="choice", choices=(Choice("Bonn"),), required=False, nullable=True, used=False
        ),
    ),
    outputs=(Output(name="value", kind="number"),),
)


@pytest.mark.parametrize("value", ["A-17", 3, 2.5, True, None])
def test_any_scalar_is_taken_without_a_warning(value: Any) -> None:
    row = Validator(SIGNATURE).check_row({"age": 1.5, "id": value, "town": value})
    assert (row.values, row.warnings) == ((1.5, value, value), ())
    assert Draft202012Validator(row_schema(SIGNATURE)).is_valid({"age": 1.5, "id": value, "town": value})


@pytest.mark.parametrize("value", [[1], {"a": 1}, float("nan"), "x" * 5000, "a\x00"])
def test_what_cannot_be_stored_is_forgotten(value: Any) -> None:
    assert Validator(SIGNATURE).check_row({"age": 1.5, "id": value}).values == (1.5, None, None)


def test_texts_of_a_file_are_taken_too() -> None:
    row = Validator(SIGNATURE).check_texts({"age": "1.5", "id": "A-17", "town": "Köln"})
    assert (row.values, row.warnings) == ((1.5, "A-17", "Köln"), ())
