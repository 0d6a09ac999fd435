"""What the JSON Schema of a signature says, and the example case."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from predictions.signature.fields import Choice, Field, Signature
from predictions.signature.schema import example_row, field_schema, list_schema, request_schema, row_schema
from predictions.signature.validation import Validator
from tests.signature.builders import field_of, signature_of
from tests.signature.strategies import signatures


def test_a_number_field_is_described_with_unit_help_and_range() -> None:
    field = field_of(
        "number", unit="mm", help="Mean of ten cells", soft_minimum=7, soft_maximum=28, minimum=0
    )
    assert field_schema(field) == {
        "type": "number",
        "format": "double",
        "minimum": 0,
        "title": "Mean radius",
        "description": "Mean of ten cells. In mm. "
        "The training data went from 7 mm to 28 mm; a value outside gives a warning.",
    }


def test_null_is_one_of_the_types() -> None:
    assert field_schema(field_of("number", nullable=True))["type"] == ["number", "null"]
    choice = field_schema(field_of("choice", nullable=True, choices=(Choice("a"),)))
    assert (choice["type"], choice["enum"]) == (["string", "null"], ["a", None])


def test_default_and_example_are_shown() -> None:
    schema = field_schema(field_of("integer", required=False, default=3, example=5))
    assert (schema["default"], schema["examples"]) == (3, [5])


def test_choices_are_an_enumeration_with_their_labels() -> None:
    schema = field_schema(field_of("choice", choices=(Choice("C", "Cherbourg"), Choice("Q"))))
    assert schema["enum"] == ["C", "Q"]
    assert schema["description"] == "C = Cherbourg."


def test_unseen_choices_are_allowed_where_they_only_warn() -> None:
    field = field_of("choice", choices=(Choice("C"),), unseen="warn", max_length=5)
    schema = Draft202012Validator(field_schema(field))
    assert schema.is_valid("C")
    assert schema.is_valid("X")
    assert not schema.is_valid("too long")
    assert schema.is_valid(5)
    assert not schema.is_valid(True)


def test_only_required_fields_must_be_there_and_no_others_may() -> None:
    signature = signature_of(
        Field(name="a", kind="number"), Field(name="b", kind="text", required=False, default="x")
    )
    schema = row_schema(signature)
    assert schema["required"] == ["a"]
    assert schema["additionalProperties"] is False


def test_a_tensor_is_nested_arrays() -> None:
    schema = field_schema(field_of("tensor", shape=(2, None), element="integer", minimum=0, maximum=16))
    assert (schema["minItems"], schema["maxItems"]) == (2, 2)
    inner = schema["items"]
    assert inner["minItems"] == 1
    assert "maxItems" not in inner
    assert (inner["items"]["type"], inner["items"]["minimum"], inner["items"]["maximum"]) == (
        "integer",
        0,
        16,
    )


def test_a_list_has_every_place_filled() -> None:
    signature = signature_of(Field(name="a", kind="number"), Field(name="b", kind="boolean"))
    schema = Draft202012Validator(list_schema(signature))
    assert schema.is_valid([1, True])
    assert not schema.is_valid([1])
    assert not schema.is_valid([1, True, 2])
    assert not schema.is_valid([1, "yes"])


def test_the_request_schema_has_a_valid_example_and_the_row_limit() -> None:
    signature = signature_of(Field(name="a", kind="number"))
    schema = request_schema(signature, max_rows=2)
    Draft202012Validator(schema).validate(schema["examples"][0])
    assert not Draft202012Validator(schema).is_valid({"inputs": [{"a": 1}] * 3})
    assert not Draft202012Validator(schema).is_valid({})


def test_a_large_example_is_left_out_of_the_schema() -> None:
    signature = signature_of(Field(name="picture", kind="tensor", shape=(3, 224, 224)))
    assert "examples" not in request_schema(signature)
    assert Validator(signature).check_row(example_row(signature))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (field_of("number", example=2.5, default=1.0), 2.5),
        (field_of("number", required=False, default=1.0), 1.0),
        (field_of("number", soft_minimum=6.981, soft_maximum=28.11), 17.55),
        (field_of("integer", minimum=18, maximum=99), 58),
        (field_of("integer", minimum=18), 18),
        (field_of("number", maximum=-3), -3),
        (field_of("integer", minimum=1.2, maximum=2.9), 2),
        (field_of("boolean"), True),
        (field_of("choice", choices=(Choice("b"), Choice("a"))), "b"),
        (field_of("text"), "Some text"),
        (field_of("text", max_length=4), "Some"),
        (field_of("tensor", shape=(2, None)), [[0.0], [0.0]]),
        (field_of("tensor", shape=(2,), element="text"), ["text", "text"]),
        (field_of("number", minimum=0, maximum=1, example=7), 0.5),
    ],
)
def test_an_example_is_the_owners_or_made_from_the_limits(field: Field, value: Any) -> None:
    assert example_row(signature_of(field)) == {"mean_radius": value}


@given(signatures())
@settings(max_examples=100, deadline=None)
def test_an_example_is_always_accepted(signature: Signature) -> None:
    possible = [field for field in signature.inputs if not _is_impossible(field)]
    Validator(signature_of(*possible)).check_row(example_row(signature_of(*possible)))


def _is_impossible(field: Field) -> bool:
    """True for whole numbers where the limits leave none."""
    is_whole = field.kind == "integer" or (field.kind == "tensor" and field.element == "integer")
    low, high = field.minimum, field.maximum
    return is_whole and low is not None and high is not None and -(-low // 1) > high // 1
