"""Tensors: nested lists of one element type and a known rank."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from predictions.signature.bounds import BAD_TEXT, INT64_HIGH, INT64_LOW, MAX_ELEMENTS
from predictions.signature.fields import Field
from predictions.signature.report import Report
from predictions.signature.wording import given, limit, quoted
from predictions.values import Value

_Leaf = Callable[[list[Any]], list[Any]]
_MOST_DEPTH = 16


class _Fault(Exception):
    """The first thing wrong with a tensor; one message is enough for thousands of elements."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def tensor_checker(field: Field) -> Callable[[Value, Report], Value]:
    """The check of a tensor: its first fault is told; elements come back as the element type."""
    leaf = _leaf_of(field)

    def check(value: Value, report: Report) -> Value:
        try:
            checked, flat = _Walk(field, leaf).read(value)
        except _Fault as fault:
            report.fail(field.name, fault.code, f"{field.shown} {fault.message}{_given_shape(fault, value)}.")
            return None
        if flat:
            _check_limits(field, flat, report)
        return checked

    return check


def shape_text(field: Field) -> str:
    """The shape as people read it: ``3 x any x 2``."""
    return " x ".join("any" if size is None else str(size) for size in field.shape)


def _given_shape(fault: _Fault, value: Value) -> str:
    """The shape of what was given, where its shape is at fault and it has one."""
    if fault.code != "wrong_shape":
        return ""
    shape: list[str] = []
    items: list[Any] = [value]
    while items and all(isinstance(item, list | tuple) for item in items):
        lengths = {len(item) for item in items}
        if len(lengths) > 1 or len(shape) == _MOST_DEPTH:
            return ""
        shape.append(str(lengths.pop()))
        items = [inner for item in items for inner in item]
    plain = not any(isinstance(item, list | tuple | dict) for item in items)
    return f" (the shape given is {' x '.join(shape)})" if shape and plain else ""


class _Walk:
    """One pass through one value. Lists under an open dimension must agree in length, or nothing can stack them."""

    __slots__ = ("field", "flat", "leaf", "left", "sizes")

    def __init__(self, field: Field, leaf: _Leaf) -> None:
        self.field = field
        self.leaf = leaf
        self.sizes = list(field.shape)
        self.left = MAX_ELEMENTS
        self.flat: list[Any] = []

    def read(self, value: Value) -> tuple[Value, list[Any]]:
        if not self.sizes:
            checked = self._elements([value])
            return checked[0], self.flat
        return self._list(value, 0), self.flat

    def _list(self, value: Value, depth: int) -> list[Value]:
        if not isinstance(value, list | tuple):
            raise self._wrong_shape(f"{quoted(value)} stands where a list should")
        self._check_length(len(value), depth)
        if depth == len(self.sizes) - 1:
            return self._elements(list(value))
        return [self._list(item, depth + 1) for item in value]

    def _check_length(self, length: int, depth: int) -> None:
        wanted = self.sizes[depth]
        if wanted is None and length:
            self.sizes[depth] = wanted = length
        if length != wanted:
            raise self._wrong_shape(f"a list of {length} stands where {wanted or 'one or more'} should be")
        self.left -= length
        if self.left < 0:
            raise _Fault("too_many_elements", f"may hold {MAX_ELEMENTS:,} elements at most")

    def _elements(self, items: list[Any]) -> list[Any]:
        if any(isinstance(item, list | tuple | dict) for item in items):
            raise self._wrong_shape("it is nested too deeply")
        if None in items:
            raise _Fault("null", "cannot hold null; give a value for each element")
        checked = self.leaf(items)
        if self.field.element in ("float", "integer"):
            self.flat += checked
        return checked

    def _wrong_shape(self, found: str) -> _Fault:
        shape = shape_text(self.field)
        wanted = f"must be nested lists of shape {shape}" if shape else "must be one value, not a list"
        return _Fault("wrong_shape", f"{wanted}; {found}")


def _leaf_of(field: Field) -> _Leaf:
    leaves: dict[str, _Leaf] = {"float": _floats, "integer": _integers, "boolean": _booleans}
    if field.element != "text":
        return leaves[field.element]
    longest = field.max_length

    def texts(items: list[Any]) -> list[Any]:
        for item in items:
            if type(item) is not str:
                raise _Fault("not_a_text", f"must hold texts; {quoted(item)} is not one")
            if len(item) > longest:
                raise _Fault("too_long", f"may have {longest} characters at most in each element")
            if BAD_TEXT.search(item):
                raise _Fault("bad_text", "holds a character that cannot be stored; remove it from the text")
        return items

    return texts


def _floats(items: list[Any]) -> list[Any]:
    types = set(map(type, items))
    if not types <= {float, int}:
        raise _not_a_number(items, "numbers")
    try:
        numbers = items if types == {float} else [float(item) for item in items]
    except OverflowError:
        raise _Fault("out_of_range", "holds a larger number than can be held; give a smaller one") from None
    if not all(map(isfinite, numbers)):
        raise _not_finite()
    return numbers


def _integers(items: list[Any]) -> list[Any]:
    if not set(map(type, items)) <= {float, int}:
        raise _not_a_number(items, "whole numbers")
    if not all(isfinite(item) for item in items if type(item) is float):
        raise _not_finite()
    numbers = [int(item) for item in items]
    if numbers != items:
        odd = next(item for item, number in zip(items, numbers, strict=True) if item != number)
        raise _Fault("not_an_integer", f"must hold whole numbers; {quoted(odd)} is not one")
    if numbers and not (min(numbers) >= INT64_LOW and max(numbers) <= INT64_HIGH):
        raise _Fault("out_of_range", "holds a larger number than can be held; give a smaller one")
    return numbers


def _booleans(items: list[Any]) -> list[Any]:
    if not set(map(type, items)) <= {bool, int, float} or any(item not in (0, 1) for item in items):
        odd = next(item for item in items if type(item) not in (bool, int, float) or item not in (0, 1))
        raise _Fault("not_a_boolean", f"must hold true or false; {quoted(odd)} is neither")
    return [bool(item) for item in items]


def _not_a_number(items: list[Any], wanted: str) -> _Fault:
    odd = next(item for item in items if type(item) not in (int, float))
    return _Fault("not_a_number", f"must hold {wanted}; {quoted(odd)} is not one")


def _not_finite() -> _Fault:
    return _Fault("not_finite", "cannot hold NaN or infinity; give ordinary numbers")


def _check_limits(field: Field, flat: list[Any], report: Report) -> None:
    low, high = min(flat), max(flat)
    if field.minimum is not None and low < field.minimum:
        least = limit(field.minimum, field, low)
        report.fail(
            field.name,
            "below_minimum",
            f"{field.shown} must be {least} or more; {given(low, field)} was given.",
        )
    elif field.maximum is not None and high > field.maximum:
        most = limit(field.maximum, field, high)
        report.fail(
            field.name,
            "above_maximum",
            f"{field.shown} must be {most} or less; {given(high, field)} was given.",
        )
    else:
        _check_training_range(field, low, high, report)


def _check_training_range(field: Field, low: float, high: float, report: Report) -> None:
    if field.soft_minimum is not None and low < field.soft_minimum:
        least = limit(field.soft_minimum, field, low)
        message = f"{field.shown} holds {given(low, field)}; the training data started at {least}."
        report.warn(field.name, "below_training_range", message)
    if field.soft_maximum is not None and high > field.soft_maximum:
        most = limit(field.soft_maximum, field, high)
        message = f"{field.shown} holds {given(high, field)}; the training data went up to {most}."
        report.warn(field.name, "above_training_range", message)
