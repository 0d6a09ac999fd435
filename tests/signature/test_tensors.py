"""Tensor fields: nested lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.signature.builders import check, check_text, field_of, refusal, text_refusal

GRID = field_of("tensor", shape=(2, 3))
OPEN = field_of("tensor", shape=(None, 2))


def test_a_tensor_of_the_right_shape_becomes_floats() -> None:
    (value,) = check(GRID, [[1, 2, 3], [4, 5.5, 6]]).values
    assert value == [[1.0, 2.0, 3.0], [4.0, 5.5, 6.0]]
    assert {type(item) for line in value for item in line} == {float}


def test_a_tensor_in_a_form_is_json() -> None:
    assert check_text(GRID, " [[1,2,3],[4,5,6]] ").values == ([[1, 2, 3], [4, 5, 6]],)
    assert text_refusal(GRID, "1, 2, 3")[0] == "wrong_shape"


@pytest.mark.parametrize(
    "value",
    [
        [],
        [[1, 2, 3]],
        [[1, 2], [3, 4]],
        [[1, 2, 3], [4, 5]],
        [1, 2],
        [[[1, 2, 3], [4, 5, 6]]],
        1.5,
        "text",
        {"a": 1},
        [[1, 2, [3]], [4, 5, 6]],
    ],
)
def test_another_shape_is_refused_on_every_face(value: Any) -> None:
    assert refusal(GRID, value)[0] == "wrong_shape"
    text = value if isinstance(value, str) else json.dumps(value)
    assert text_refusal(GRID, text)[0] == "wrong_shape"


def test_the_message_names_the_shape_and_the_place() -> None:
    wanted = "Mean radius must be nested lists of shape 2 x 3; a list of 1 stands where 2 should be"
    assert refusal(GRID, [[1, 2, 3]])[1] == f"{wanted} (the shape given is 1 x 3)."
    wanted = (
        "Mean radius must be nested lists of shape any x 2; a list of 0 stands where one or more should be"
    )
    assert refusal(OPEN, [])[1] == f"{wanted} (the shape given is 0)."


@pytest.mark.parametrize("value", [[[1, 2, 3], [4, 5]], [[1, 2, 3], 4], [[1, 2, [3]], [4, 5, 6]], 1.5])
def test_a_value_without_one_shape_is_not_said_to_have_one(value: Any) -> None:
    assert "the shape given" not in refusal(GRID, value)[1]


def test_an_open_dimension_takes_any_length_but_one_length() -> None:
    assert check(OPEN, [[1, 2]] * 7).values == ([[1.0, 2.0]] * 7,)
    ragged = field_of("tensor", shape=(None, None))
    assert refusal(ragged, [[1, 2], [3]])[0] == "wrong_shape"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ("1", "not_a_number"),
        (True, "not_a_number"),
        (None, "null"),
        (float("nan"), "not_finite"),
        (float("inf"), "not_finite"),
        (10**400, "out_of_range"),
    ],
)
def test_a_wrong_element_is_told_by_its_kind(item: Any, code: str) -> None:
    assert refusal(GRID, [[1, 2, 3], [4, item, 6]])[0] == code


def test_whole_number_elements_take_whole_floats() -> None:
    field = field_of("tensor", shape=(2,), element="integer")
    (value,) = check(field, [1, 2.0]).values
    assert [type(item) for item in value] == [int, int]
    assert refusal(field, [1, 2.5])[0] == "not_an_integer"
    assert refusal(field, [1, 2**63])[0] == "out_of_range"
    assert refusal(field, [1, float("nan")])[0] == "not_finite"
    assert refusal(field, [1, True])[0] == "not_a_number"


def test_boolean_elements_become_truth() -> None:
    field = field_of("tensor", shape=(3,), element="boolean")
    assert check(field, [True, 0, 1]).values == ([True, False, True],)
    assert refusal(field, [True, 2, 1])[0] == "not_a_boolean"
    assert refusal(field, [True, "yes", 1])[0] == "not_a_boolean"


def test_text_elements_are_checked_one_by_one() -> None:
    field = field_of("tensor", shape=(None,), element="text", max_length=3)
    assert check(field, ["abc", ""]).values == (["abc", ""],)
    assert refusal(field, ["abcd"])[0] == "too_long"
    assert refusal(field, ["a\x00"])[0] == "bad_text"
    assert refusal(field, [1])[0] == "not_a_text"


def test_limits_hold_for_every_element() -> None:
    field = field_of("tensor", shape=(3,), minimum=0, maximum=255, soft_maximum=16, unit="lux")
    assert refusal(field, [0, -1, 5]) == (
        "below_minimum",
        "Mean radius must be 0 lux or more; -1 lux was given.",
    )
    assert refusal(field, [0, 256, 5])[0] == "above_maximum"
    (warning,) = check(field, [0, 20, 5]).warnings
    assert warning.code == "above_training_range"
    assert warning.message == "Mean radius holds 20 lux; the training data went up to 16 lux."


def test_a_tensor_without_dimensions_is_one_value() -> None:
    field = field_of("tensor", shape=())
    assert check(field, 2).values == (2.0,)
    assert refusal(field, [2])[0] == "wrong_shape"


def test_a_nullable_tensor_may_be_null_as_a_whole() -> None:
    field = field_of("tensor", shape=(2,), nullable=True)
    assert check(field, None).values == (None,)
    assert check_text(field, "").values == (None,)
    assert refusal(field, [1, None])[0] == "null"


def test_the_number_of_elements_is_bounded() -> None:
    field = field_of("tensor", shape=(None,))
    assert refusal(field, [0.0] * 1_000_001)[0] == "too_many_elements"


def test_deep_nesting_is_refused_without_following_it() -> None:
    value: Any = 1
    for _ in range(5000):
        value = [value]
    assert refusal(field_of("tensor", shape=(1, 1)), value)[0] == "wrong_shape"
    assert text_refusal(field_of("tensor", shape=(1, 1)), "[" * 100_000)[0] == "wrong_shape"
