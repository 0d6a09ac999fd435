"""Texts of a form or a CSV file, turned into the values that JSON would carry."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from predictions.signature.bounds import LARGEST
from predictions.signature.choices import choice_reader, read_boolean
from predictions.signature.fields import Field
from predictions.signature.numerals import read_numeral
from predictions.values import Value


class _Absent:
    """No value was given for a field that cannot be null."""


ABSENT: Final = _Absent()

Reader = Callable[[str], Value]


def reader_of(field: Field) -> Reader:
    """A function from a text to a value, null or ABSENT. What cannot be read stays a text for the checker to refuse."""
    makers: dict[str, Callable[[Field], Reader]] = {
        "number": _number_reader,
        "integer": _integer_reader,
        "boolean": _boolean_reader,
        "choice": _choice_reader,
        "text": _text_reader,
        "tensor": _tensor_reader,
    }
    return makers[field.kind](field)


def _empty_of(field: Field) -> Value:
    """What an empty text means: null where null is allowed, else not given."""
    return None if field.nullable else ABSENT


def _number_reader(field: Field) -> Reader:
    careful = _careful_reader(field)

    def read(text: str) -> Value:
        try:
            number = float(text)
        except ValueError:
            return careful(text)
        if -LARGEST <= number <= LARGEST and "_" not in text:
            return number
        return careful(text)

    return read


def _integer_reader(field: Field) -> Reader:
    careful = _careful_reader(field)

    def read(text: str) -> Value:
        if "_" in text:
            return careful(text)
        try:
            return int(text)
        except ValueError:
            return careful(text)

    return read


def _careful_reader(field: Field) -> Reader:
    empty = _empty_of(field)

    def read(text: str) -> Value:
        if not text.strip():
            return empty
        number = read_numeral(text)
        return text if number is None else number

    return read


def _boolean_reader(field: Field) -> Reader:
    empty = _empty_of(field)

    def read(text: str) -> Value:
        if not text.strip():
            return empty
        answer = read_boolean(text)
        return text if answer is None else answer

    return read


def _choice_reader(field: Field) -> Reader:
    empty = _empty_of(field)
    read_choice = choice_reader(field)
    blank = {
        choice.value for choice in field.choices if isinstance(choice.value, str) and not choice.value.strip()
    }

    def read(text: str) -> Value:
        return read_choice(text) if text.strip() or text in blank else empty

    return read


def _text_reader(field: Field) -> Reader:
    empty = _empty_of(field)

    def read(text: str) -> Value:
        return text or empty

    return read


def _tensor_reader(field: Field) -> Reader:
    empty = _empty_of(field)

    def read(text: str) -> Value:
        if not text.strip():
            return empty
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text

    return read
