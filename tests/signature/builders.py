"""Small signatures for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from predictions.errors import DeskError, InvalidRows
from predictions.signature.fields import ClassName, Field, Kind, Output, Signature, Task
from predictions.signature.validation import Validator
from predictions.values import CheckedRow


def signature_of(*fields: Field, task: Task = "regression") -> Signature:
    return Signature(task=task, inputs=fields, outputs=(Output(name="answer", kind="number"),))


def classes_of(*names: ClassName, task: Task = "classification", probabilities: bool = True) -> Signature:
    output = Output(name="label", kind="class", classes=names, probabilities=probabilities)
    return Signature(task=task, inputs=(Field(name="x", kind="number"),), outputs=(output,))


def field_of(kind: Kind, **properties: Any) -> Field:
    return Field(name="mean_radius", kind=kind, label="Mean radius", **properties)


def check(field: Field, value: Any) -> CheckedRow:
    """The row of one field holding ``value`` as JSON."""
    return Validator(signature_of(field)).check_row({field.name: value})


def check_text(field: Field, text: str) -> CheckedRow:
    """The row of one field holding ``text`` from a form."""
    return Validator(signature_of(field)).check_texts({field.name: text})


def faults(call: Callable[[], object]) -> list[tuple[int, str | None, str]]:
    """Row, field and code of each fault that ``call`` raises."""
    with pytest.raises(InvalidRows) as raised:
        call()
    return [(error.row, error.field, error.code) for error in raised.value.errors]


def refusal(field: Field, value: Any) -> tuple[str, str]:
    """Code and message of the one fault of ``value`` as JSON."""
    with pytest.raises(InvalidRows) as raised:
        check(field, value)
    (error,) = raised.value.errors
    return error.code, error.message


def text_refusal(field: Field, text: str) -> tuple[str, str]:
    """Code and message of the one fault of ``text`` from a form."""
    with pytest.raises(InvalidRows) as raised:
        check_text(field, text)
    (error,) = raised.value.errors
    return error.code, error.message


def outcome(call: Callable[[], CheckedRow]) -> tuple[str, Any]:
    """What came of a check in a form that two faces can be compared by: the row, or field and code of each fault."""
    try:
        row = call()
    except InvalidRows as error:
        return "refused", [(fault.field, fault.code) for fault in error.errors]
    except DeskError as error:
        return "refused", error.code
    return "accepted", ([(type(value), value) for value in row.values], row.warnings)
