"""The same value gets the same answer through a form, a CSV file and JSON, and as its schema says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from predictions.errors import DeskError
from predictions.signature.fields import Field, Signature
from predictions.signature.schema import example_row, outputs_schema, request_schema, row_schema
from predictions.signature.validation import Validator
from predictions.signature.wording import text_of
from tests.signature.builders import outcome, signature_of
from tests.signature.strategies import (
    fields,
    json_values,
    likely_values,
    signatures,
    survives_as_text,
    wild_values,
)

MANY = settings(max_examples=200, deadline=None)
SOME = settings(max_examples=60, deadline=None)


@st.composite
def _field_and_value(draw: st.DrawFn) -> tuple[Field, Any]:
    field = draw(fields())
    return field, draw(st.one_of(likely_values(field), likely_values(field), wild_values))


@given(_field_and_value())
@MANY
def test_form_and_json_agree(pair: tuple[Field, Any]) -> None:
    field, value = pair
    assume(survives_as_text(field, value))
    validator = Validator(signature_of(field))
    by_json = outcome(lambda: validator.check_row({"x": value}))
    assert outcome(lambda: validator.check_texts({"x": text_of(value)})) == by_json
    assert outcome(lambda: validator.check_cells([text_of(value)])) == by_json


@given(fields())
@SOME
def test_an_absent_value_and_an_empty_text_agree(field: Field) -> None:
    assume(not field.nullable and all(choice.value != "" for choice in field.choices))
    validator = Validator(signature_of(field))
    by_json = outcome(lambda: validator.check_row({}))
    assert outcome(lambda: validator.check_texts({"x": ""})) == by_json
    assert outcome(lambda: validator.check_texts({})) == by_json
    assert outcome(lambda: validator.check_cells([""])) == by_json


@st.composite
def _case(draw: st.DrawFn) -> tuple[Signature, dict[str, Any]]:
    """A signature and a row with likely values, some absent, seldom an unknown one."""
    signature = draw(signatures())
    row = {
        field.name: draw(st.one_of(likely_values(field), likely_values(field), json_values))
        for field in signature.inputs
        if draw(st.integers(0, 5))
    }
    if not draw(st.integers(0, 9)):
        row["not an input"] = 1
    return signature, row


@given(_case())
@MANY
def test_a_csv_file_and_json_agree(case: tuple[Signature, dict[str, Any]]) -> None:
    signature, row = case
    row = {name: value for name, value in row.items() if name in signature.names}
    for field in signature.inputs:
        if field.name in row:
            assume(survives_as_text(field, row[field.name]))
        else:
            assume(not field.nullable and all(choice.value != "" for choice in field.choices))
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, signature.names, restval="")
    writer.writeheader()
    writer.writerow({name: text_of(value) for name, value in row.items()})
    target.seek(0)
    (line,) = csv.DictReader(target)
    validator = Validator(signature)
    by_json = outcome(lambda: validator.check_row(row))
    assert outcome(lambda: validator.check_texts(line)) == by_json
    assert outcome(lambda: validator.check_cells([line[name] for name in signature.names])) == by_json


@given(_case())
@MANY
def test_objects_and_lists_agree(case: tuple[Signature, dict[str, Any]]) -> None:
    signature, row = case
    assume(row.keys() == set(signature.names))
    validator = Validator(signature)
    by_name = outcome(lambda: validator.check_row(row))
    assert outcome(lambda: validator.check_row([row[name] for name in signature.names])) == by_name
    assert outcome(lambda: validator.check_row(dict(reversed(row.items())))) == by_name


def _agree_about_lengths(value: Any) -> bool:
    """False for ragged lists, which JSON Schema cannot refuse under an open dimension."""
    if not isinstance(value, list):
        return True
    shapes: set[str] = {json.dumps(_lengths(item)) for item in value}
    return len(shapes) < 2 and all(map(_agree_about_lengths, value))


def _lengths(value: Any) -> Any:
    return [_lengths(item) for item in value] if isinstance(value, list) else None


def _can_be_said(signature: Signature, row: dict[str, Any]) -> bool:
    tensors = [field.name for field in signature.inputs if field.kind == "tensor"]
    return all(_agree_about_lengths(row.get(name)) for name in tensors)


@given(_case())
@MANY
def test_schema_and_validator_agree_about_rows(case: tuple[Signature, dict[str, Any]]) -> None:
    signature, row = case
    assume(_can_be_said(signature, row))
    verdict = outcome(lambda: Validator(signature).check_row(row))[0]
    assert (verdict == "accepted") == Draft202012Validator(row_schema(signature)).is_valid(row)


@st.composite
def _payload(draw: st.DrawFn) -> tuple[Signature, Any]:
    signature, row = draw(_case())
    assume(_can_be_said(signature, row))
    line = [row.get(name) for name in signature.names]
    shapes: list[Any] = [
        row,
        line,
        [row],
        [line],
        [row, line],
        [line, line],
        [],
        None,
        [[]],
        [row, 1],
        "text",
    ]
    return signature, draw(st.sampled_from(shapes))


@given(_payload())
@MANY
def test_schema_and_validator_agree_about_payloads(case: tuple[Signature, Any]) -> None:
    signature, inputs = case
    try:
        Validator(signature).check_payload(inputs, max_rows=10)
        accepted = True
    except DeskError:
        accepted = False
    schema = Draft202012Validator(request_schema(signature, max_rows=10))
    assert accepted == schema.is_valid({"inputs": inputs})


@given(signatures())
@SOME
def test_schemas_are_json_schema(signature: Signature) -> None:
    for schema in (row_schema(signature), request_schema(signature), outputs_schema(signature)):
        Draft202012Validator.check_schema(json.loads(json.dumps(schema, allow_nan=False)))


@given(signatures(), wild_values)
@MANY
def test_nothing_but_an_error_for_people_comes_of_arbitrary_json(signature: Signature, inputs: Any) -> None:
    validator = Validator(signature)
    for payload in (
        inputs,
        [inputs],
        dict.fromkeys(signature.names, inputs),
        [inputs] * len(signature.names),
    ):
        for message in _messages(lambda payload=payload: validator.check_payload(payload, max_rows=3)):  # type: ignore[misc]
            assert message.endswith(".")
            assert "\n" not in message


def _messages(call: Callable[[], object]) -> list[str]:
    """What a person is told; nothing when the call succeeds."""
    try:
        call()
    except DeskError as error:
        return [error.message, *(fault.message for fault in getattr(error, "errors", ()))]
    return []


@given(
    signatures(), st.dictionaries(st.text(max_size=4), st.text(max_size=12), max_size=4), st.text(max_size=12)
)
@MANY
def test_nothing_but_an_error_for_people_comes_of_arbitrary_texts(
    signature: Signature, texts: dict[str, str], text: str
) -> None:
    validator = Validator(signature)
    for given_texts in (texts, dict.fromkeys(signature.names, text)):
        outcome(lambda given_texts=given_texts: validator.check_texts(given_texts))  # type: ignore[misc]


@given(signatures())
@SOME
def test_a_signature_survives_its_document(signature: Signature) -> None:
    document = json.loads(json.dumps(signature.to_document()))
    assert Signature.from_document(document) == signature


@given(signatures())
@SOME
def test_what_was_checked_is_accepted_again_unchanged(signature: Signature) -> None:
    row = example_row(signature)
    validator = Validator(signature)
    first = outcome(lambda: validator.check_row(row))
    assume(first[0] == "accepted")
    checked = validator.check_row(row)
    assert validator.check_row(list(checked.values)) == checked
