"""A case that shows how a signature is used."""

from __future__ import annotations

from math import ceil, floor

from predictions.errors import DeskError
from predictions.signature.bounds import INT64_HIGH, INT64_LOW
from predictions.signature.fields import Field, Output, Signature
from predictions.signature.validation import Validator
from predictions.values import Scalar, Value


def example_row(signature: Signature) -> dict[str, Value]:
    """A case that the signature accepts: each field's example, else its default, else one made from its limits.

    Null only for a field that accepts no value at all, such as a whole number between 0.2 and 0.8.
    """
    return {field.name: _example_of(field) for field in signature.inputs}


def _example_of(field: Field) -> Value:
    for value in (field.example, field.default, _made_example(field)):
        if value is not None and _is_accepted(field, value):
            return value
    return None


def _is_accepted(field: Field, value: Value) -> bool:
    output = Output(name="answer", kind="number")
    alone = Signature(task="other", inputs=(field,), outputs=(output,))
    try:
        Validator(alone).check_row([value])
    except DeskError:
        return False
    return True


def _made_example(field: Field) -> Value:
    if field.kind in ("number", "integer"):
        return _middle(field, whole=field.kind == "integer")
    if field.kind == "choice":
        return field.choices[0].value if field.choices else "example"
    if field.kind == "tensor":
        return _tensor_of(field, _element_example(field))
    return True if field.kind == "boolean" else "Some text"[: max(field.max_length, 1)]


def _middle(field: Field, *, whole: bool) -> float:
    """About the middle of both ranges, but inside the hard limits also where the two exclude each other."""
    lows = [low for low in (field.minimum, field.soft_minimum) if low is not None]
    highs = [high for high in (field.maximum, field.soft_maximum) if high is not None]
    if lows and highs:
        middle = max(lows) / 2 + min(highs) / 2
    else:
        middle = max([0, *lows]) if lows else min([0, *highs])
    if whole:
        return _clamped(round(middle), _ceiling(field.minimum), _floor(field.maximum))
    short = float(f"{middle:.4g}")
    is_inside = all(low <= short for low in lows) and all(short <= high for high in highs)
    return _clamped(short if is_inside else middle, field.minimum, field.maximum)


def _clamped(number: float, low: float | None, high: float | None) -> float:
    if low is not None and number < low:
        return low
    return high if high is not None and number > high else number


def _ceiling(number: float | None) -> int:
    return INT64_LOW if number is None else max(ceil(number), INT64_LOW)


def _floor(number: float | None) -> int:
    return INT64_HIGH if number is None else min(floor(number), INT64_HIGH)


def _element_example(field: Field) -> Scalar:
    if field.element == "text":
        return "text"[: max(field.max_length, 1)]
    if field.element == "boolean":
        return False
    return _middle(field, whole=field.element == "integer")


def _tensor_of(field: Field, element: Scalar) -> Value:
    value: Value = element
    for size in reversed(field.shape):
        value = [value] * (1 if size is None else size)
    return value
