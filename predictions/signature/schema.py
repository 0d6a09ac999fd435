"""JSON Schema 2020-12 (as in OpenAPI 3.1) of a signature's rows, requests and answers.

What the schema of a row accepts, the validator accepts, and the other way round, except for what JSON Schema cannot
say: lists under an open dimension agree in length, the total size of a tensor, numbers beyond a 64-bit float, and what a
layer cannot work out. The label of a choice is accepted for its value, too, and not part of the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from predictions.signature.answers import labels_of
from predictions.signature.bounds import INT64_HIGH, INT64_LOW
from predictions.signature.choices import Kinds
from predictions.signature.examples import example_row
from predictions.signature.fields import Element, Field, Output, Signature
from predictions.signature.wording import limit, text_of
from predictions.values import Scalar

__all__ = [
    "example_row",
    "field_schema",
    "list_schema",
    "outputs_schema",
    "prediction_schema",
    "request_schema",
    "response_schema",
    "row_schema",
]

Schema = dict[str, Any]

TEXT_PATTERN = "^[^\\u0000]*$"
MAX_DESCRIBED = 20
MAX_ELEMENTS_SHOWN = 1_000
"""A request of more elements is not put into the schema as an example."""


def row_schema(signature: Signature) -> Schema:
    """One case as an object by feature name."""
    schema: Schema = {
        "type": "object",
        "properties": {field.name: field_schema(field) for field in signature.inputs},
        "required": [field.name for field in signature.inputs if field.required],
        "additionalProperties": False,
    }
    if not schema["required"]:
        del schema["required"]
    return schema


def list_schema(signature: Signature) -> Schema:
    """One case as a list in signature order; every place must be filled, with null where it is allowed."""
    size = len(signature.inputs)
    return {
        "type": "array",
        "prefixItems": [field_schema(field) for field in signature.inputs],
        "items": False,
        "minItems": size,
        "maxItems": size,
    }


def request_schema(signature: Signature, *, max_rows: int | None = None) -> Schema:
    """The body of a predict request: ``inputs`` as rows (objects or lists), one object, or one flat list."""
    row, line = row_schema(signature), list_schema(signature)
    rows: Schema = {
        "type": "array",
        "description": "One row per case, each an object by feature name or a list in signature order.",
        "items": {"anyOf": [row, line]},
        "minItems": 1,
    }
    if max_rows is not None:
        rows["maxItems"] = max_rows
    schema: Schema = {
        "type": "object",
        "properties": {"inputs": {"anyOf": [rows, row, line]}},
        "required": ["inputs"],
    }
    if sum(prod(size or 1 for size in field.shape) for field in signature.inputs) <= MAX_ELEMENTS_SHOWN:
        schema["examples"] = [{"inputs": [example_row(signature)]}]
    return schema


def response_schema(signature: Signature) -> Schema:
    """The body of a 200: which ml_model and version answered, and one prediction per row in order."""
    return {
        "type": "object",
        "properties": {
            "model": {"type": "string", "description": "Short name of the ML model."},
            "version": {
                "type": "integer",
                "minimum": 1,
                "description": "Number of the version that answered.",
            },
            "predictions": {"type": "array", "minItems": 1, "items": prediction_schema(signature)},
        },
        "required": ["model", "version", "predictions"],
    }


def prediction_schema(signature: Signature) -> Schema:
    """One answer: its id, the named outputs, and warnings about accepted values."""
    outputs = outputs_schema(signature)
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid", "description": "The stored prediction."},
            **outputs["properties"],
            "warnings": {"type": "array", "items": _warning_schema()},
        },
        "required": ["id", *outputs["required"], "warnings"],
    }


def _warning_schema() -> Schema:
    return {
        "type": "object",
        "properties": {
            "field": {"type": "string"},
            "code": {"type": "string"},
            "message": {"type": "string"},
        },
        "required": ["field", "code", "message"],
    }


def outputs_schema(signature: Signature) -> Schema:
    """What ``outputs_of`` gives for this signature."""
    schema = _task_schema(signature)
    if signature.changes_answers:
        schema["properties"]["raw"] = {"description": "What the ML model itself says, before it is changed."}
        schema["required"] = [*schema["required"], "raw"]
    return schema


def _task_schema(signature: Signature) -> Schema:
    properties: Schema
    if signature.task in ("classification", "outlier", "clustering"):
        properties = {"label": _label_schema(signature)}
        required = ["label"]
        if signature.main_output.probabilities:
            properties["probabilities"] = _probabilities_schema(signature)
        if signature.task != "classification":
            properties["score"] = {"type": ["number", "null"]}
    elif signature.task == "regression":
        properties = {"value": _value_schema(signature)}
        required = ["value"]
    else:
        properties = {"outputs": _named_schema(signature)}
        required = ["outputs"]
    return {"type": "object", "properties": properties, "required": required}


def _label_schema(signature: Signature) -> Schema:
    output = signature.main_output
    labels = list(labels_of(signature))
    schema: Schema = {"type": _types_of(labels), "enum": labels} if labels else {}
    return _described(schema, output.label, output.help)


def _probabilities_schema(signature: Signature) -> Schema:
    names = [str(label) for label in labels_of(signature)]
    share = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    return {
        "type": "object",
        "description": "How probable each class is.",
        "properties": dict.fromkeys(names, share),
        "required": names,
        "additionalProperties": False,
    }


def _value_schema(signature: Signature) -> Schema:
    outputs = signature.outputs
    if len(outputs) > 1:
        items = [_number_output(output) for output in outputs]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
    output = outputs[0]
    if output.shape:
        size = output.shape[-1]
        exact = {} if size is None else {"minItems": size, "maxItems": size}
        return _described(
            {"type": "array", "items": {"type": ["number", "null"]}, **exact}, output.label, output.help
        )
    return _number_output(output)


def _number_output(output: Output) -> Schema:
    unit = f"In {output.unit}." if output.unit else ""
    return _described({"type": ["number", "null"]}, output.label, unit, output.help)


def _named_schema(signature: Signature) -> Schema:
    names = [output.name for output in signature.outputs]
    properties = {output.name: _described({}, output.label, output.help) for output in signature.outputs}
    return {"type": "object", "properties": properties, "required": names}


def _types_of(values: Sequence[Scalar]) -> str | list[str]:
    types = sorted({_type_of(value) for value in values})
    return types[0] if len(types) == 1 else types


def _type_of(value: Scalar | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def _described(schema: Schema, *sentences: str) -> Schema:
    text = " ".join(_sentence(sentence) for sentence in sentences if sentence)
    return {**schema, "description": text} if text else schema


def _sentence(text: str) -> str:
    stripped = text.strip()
    return stripped if stripped.endswith((".", "!", "?", "。")) else f"{stripped}."


def field_schema(field: Field) -> Schema:
    """One input's value."""
    makers: dict[str, Callable[[Field], Schema]] = {
        "number": _number_schema,
        "integer": _integer_schema,
        "boolean": _boolean_schema,
        "choice": _choice_schema,
        "text": _text_schema,
        "tensor": _tensor_schema,
    }
    schema = makers[field.kind](field) if field.used else {}
    if field.nullable:
        schema = _or_null(schema)
    schema = _described(schema, *_sentences(field))
    if field.label:
        schema["title"] = field.label
    if field.default is not None:
        schema["default"] = field.default
    if field.example is not None:
        schema["examples"] = [field.example]
    return schema


def _or_null(schema: Schema) -> Schema:
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema = {**schema, "type": [*types, "null"]}
    if "anyOf" in schema:
        schema = {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return schema


def _sentences(field: Field) -> list[str]:
    found = [field.help, f"In {field.unit}." if field.unit else ""]
    if field.soft_minimum is not None and field.soft_maximum is not None:
        low, high = limit(field.soft_minimum, field), limit(field.soft_maximum, field)
        found.append(f"The training data went from {low} to {high}; a value outside gives a warning.")
    if field.kind == "choice":
        found.append(_choices_sentence(field))
    return found


def _choices_sentence(field: Field) -> str:
    named = [f"{text_of(choice.value)} = {choice.label}" for choice in field.choices if choice.label]
    more = ", …" if len(named) > MAX_DESCRIBED else ""
    sentences = [f"{', '.join(named[:MAX_DESCRIBED])}{more}."] if named else []
    if field.unseen == "warn":
        known = ", ".join(text_of(choice.value) for choice in field.choices[:MAX_DESCRIBED])
        sentences.append(f"Known from training: {known or 'nothing'}; another value gives a warning.")
    return " ".join(sentences)


def _limits(field: Field) -> Schema:
    schema: Schema = {}
    if field.minimum is not None:
        schema["minimum"] = field.minimum
    if field.maximum is not None:
        schema["maximum"] = field.maximum
    return schema


def _boolean_schema(field: Field) -> Schema:
    del field
    return {"type": ["boolean", "integer"], "enum": [True, False, 0, 1]}


def _number_schema(field: Field) -> Schema:
    return {"type": "number", "format": "double", **_limits(field)}


def _integer_schema(field: Field) -> Schema:
    low = INT64_LOW if field.minimum is None else max(INT64_LOW, field.minimum)
    high = INT64_HIGH if field.maximum is None else min(INT64_HIGH, field.maximum)
    return {"type": "integer", "format": "int64", "minimum": low, "maximum": high}


def _text_schema(field: Field) -> Schema:
    schema: Schema = {"type": "string", "maxLength": field.max_length, "pattern": TEXT_PATTERN}
    if field.required and not field.nullable:
        schema["minLength"] = 1
    return schema


def _choice_schema(field: Field) -> Schema:
    values = [choice.value for choice in field.choices]
    kinds = Kinds(field.choices)
    if kinds.booleans and not kinds.numbers:
        values += [int(value) for value in values if isinstance(value, bool)]
    if field.unseen == "refuse":
        return {"type": _types_of(values), "enum": values} if values else {"not": {}}
    known: list[Schema] = [{"enum": values}] if values else []
    return {"anyOf": [*known, *_unseen_schemas(field, kinds)]}


def _unseen_schemas(field: Field, kinds: Kinds) -> list[Schema]:
    schemas: list[Schema] = []
    if kinds.texts:
        schemas.append(
            {"type": "string", "minLength": 1, "maxLength": field.max_length, "pattern": TEXT_PATTERN}
        )
    if kinds.texts and not kinds.numbers and not kinds.booleans:
        # Taken as the text that one would write for it.
        schemas.append({"type": "number"})
    if kinds.numbers and kinds.whole:
        schemas.append({"type": "integer", "minimum": INT64_LOW, "maximum": INT64_HIGH})
    elif kinds.numbers:
        schemas.append({"type": "number"})
    return schemas


def _tensor_schema(field: Field) -> Schema:
    schema = _element_schema(field)
    for size in reversed(field.shape):
        schema = {"type": "array", "items": schema, "minItems": 1 if size is None else size}
        if size is not None:
            schema["maxItems"] = size
    return schema


def _element_schema(field: Field) -> Schema:
    schemas: dict[Element, Schema] = {
        "float": _number_schema(field),
        "integer": _integer_schema(field),
        "boolean": _boolean_schema(field),
        "text": {"type": "string", "maxLength": field.max_length, "pattern": TEXT_PATTERN},
    }
    return schemas[field.element]
