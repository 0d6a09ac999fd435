"""What a partner may send as inputs, and how its shape is read."""

from __future__ import annotations

from typing import Any

import pytest

from predictions.errors import InvalidRequest, TooLarge
from predictions.signature.fields import Field
from predictions.signature.validation import Validator
from tests.signature.builders import faults, signature_of

A_AND_B = Validator(signature_of(Field(name="a", kind="number"), Field(name="b", kind="number")))
ONE = Validator(signature_of(Field(name="a", kind="number", nullable=True)))
GRID = Validator(signature_of(Field(name="grid", kind="tensor", shape=(2, 2))))
SERIES = Validator(
    signature_of(
        Field(name="series", kind="tensor", shape=(None,), nullable=True), Field(name="b", kind="number")
    )
)


def _values(validator: Validator, inputs: Any) -> list[tuple[Any, ...]]:
    return [row.values for row in validator.check_payload(inputs, max_rows=10)]


@pytest.mark.parametrize(
    ("inputs", "rows"),
    [
        ([{"a": 1, "b": 2}, {"b": 4, "a": 3}], [(1, 2), (3, 4)]),
        ({"a": 1, "b": 2}, [(1, 2)]),
        ([[1, 2], [3, 4]], [(1, 2), (3, 4)]),
        ([1, 2], [(1, 2)]),
        ([{"a": 1, "b": 2}, [3, 4]], [(1, 2), (3, 4)]),
    ],
)
def test_objects_and_lists_are_read_as_rows(inputs: Any, rows: list[tuple[float, float]]) -> None:
    assert _values(A_AND_B, inputs) == rows


def test_a_flat_list_is_always_one_row() -> None:
    assert _values(ONE, [1]) == [(1.0,)]
    assert _values(ONE, [None]) == [(None,)]
    assert _values(ONE, [[1], [2]]) == [(1.0,), (2.0,)]
    assert faults(lambda: ONE.check_payload([1, 2], max_rows=10)) == [(0, None, "wrong_length")]


def test_a_tensor_alone_is_one_flat_row_and_in_lists_it_is_rows() -> None:
    grid = [[1, 2], [3, 4]]
    assert _values(GRID, [grid]) == [(grid,)]
    assert _values(GRID, [[grid], [grid]]) == [(grid,), (grid,)]
    assert _values(GRID, {"grid": grid}) == [(grid,)]
    assert _values(GRID, [{"grid": grid}]) == [(grid,)]


def test_a_flat_row_may_begin_with_a_tensor() -> None:
    assert _values(SERIES, [[1, 2, 3], 5]) == [([1, 2, 3], 5)]
    assert _values(SERIES, [[[1, 2, 3], 5]]) == [([1, 2, 3], 5)]
    assert _values(SERIES, [None, 5]) == [(None, 5)]
    assert _values(SERIES, [[None, 5], [[1], 6]]) == [(None, 5), ([1], 6)]


@pytest.mark.parametrize("inputs", [None, [], ()])
def test_no_rows_is_told_with_what_to_send(inputs: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        A_AND_B.check_payload(inputs, max_rows=10)
    assert raised.value.code == "no_rows"
    assert raised.value.field == "inputs"


@pytest.mark.parametrize("inputs", ["text", 5, True, 1.5])
def test_a_scalar_is_no_list_of_rows(inputs: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        A_AND_B.check_payload(inputs, max_rows=10)
    assert raised.value.code == "invalid_request"


def test_an_item_that_is_no_row_is_named_by_its_place() -> None:
    with pytest.raises(InvalidRequest) as raised:
        A_AND_B.check_payload([[1, 2], 3], max_rows=10)
    assert raised.value.message.startswith("Row 2 is neither an object")


def test_an_empty_object_is_a_row_without_values() -> None:
    assert faults(lambda: A_AND_B.check_payload({}, max_rows=10)) == [
        (0, "a", "missing"),
        (0, "b", "missing"),
    ]


def test_too_many_rows_are_refused_with_the_limit() -> None:
    with pytest.raises(TooLarge) as raised:
        A_AND_B.check_payload([[1, 2]] * 1001, max_rows=1000)
    assert raised.value.code == "too_many_rows"
    assert raised.value.message == "1,001 rows were sent; send 1,000 rows at most in one request."


def test_as_many_rows_as_allowed_pass() -> None:
    assert len(A_AND_B.check_payload([[1, 2]] * 1000, max_rows=1000)) == 1000


def test_a_flat_row_longer_than_the_row_limit_is_one_row() -> None:
    wide = Validator(signature_of(*(Field(name=f"x{n}", kind="number") for n in range(50))))
    assert len(wide.check_payload([1.0] * 50, max_rows=10)) == 1
