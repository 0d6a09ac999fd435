"""Fields that people give and a layer turns into what the estimator takes: free in kind, choices and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from predictions.signature.bounds import MAX_ELEMENTS
from predictions.signature.edit_values import FIELD_CLEANERS, Clean, cleaned, refuse
from predictions.signature.field_checks import check_choices, check_limits, with_checked_values
from predictions.signature.fields import Field
from predictions.signature.wording import clean, either

KINDS = ("number", "integer", "boolean", "choice", "text", "tensor")
ELEMENTS = ("float", "integer", "boolean", "text")
MOST_DIMENSIONS = 8
MAX_NAME = 200


def _shape(name: str, value: Any) -> tuple[int | None, ...]:
    sizes = value if isinstance(value, list | tuple) else [False]
    known = all(size is None or (type(size) is int and 0 < size <= MAX_ELEMENTS) for size in sizes)
    if not known or len(sizes) > MOST_DIMENSIONS:
        refuse(name, f"The shape of {clean(name)} must be a list of sizes, null for any.")
    return tuple(sizes)


def _one_of(key: str, allowed: tuple[str, ...]) -> Clean:
    def clean_word(name: str, value: Any) -> str:
        if value not in allowed:
            refuse(name, f"The {key} of {clean(name)} must be {either(allowed)}.")
        return str(value)

    return clean_word


CLEANERS: dict[str, Clean] = {
    **FIELD_CLEANERS,
    "kind": _one_of("kind", KINDS),
    "shape": _shape,
    "element": _one_of("element", ELEMENTS),
}


def made_field(name: str, properties: Mapping[str, Any], start: Field | None = None) -> Field:
    """A field of a layer: ``start``, or an empty one, with ``properties`` as ``apply_edits`` takes them.

    Raises InvalidSignature, whose ``field`` is ``name``, for properties that contradict each other.
    """
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        refuse(name, f"A field needs a name of {MAX_NAME} printable characters at most.")
    if start is None and "kind" not in properties:
        refuse(name, f"Say of which kind {clean(name)} is: {either(KINDS)}.")
    changes = {str(key): cleaned(name, str(key), value, CLEANERS) for key, value in properties.items()}
    before = start or Field(name=name, kind=changes["kind"])
    field = _with_kind(before, changes.pop("kind", before.kind))
    field = replace(field, **changes, base_kind=None, may_be_missing=False)
    check_limits(field)
    if field.choices != before.choices or field.kind != before.kind or start is None:
        check_choices(Field(name=name, kind=field.kind), field)
    return with_checked_values(field, is_example_given="example" in properties)


def _with_kind(field: Field, kind: Any) -> Field:
    if kind == field.kind:
        return field
    changed = replace(field, kind=kind, choices=(), unseen="refuse", shape=(), default=None)
    if not {kind, field.kind} <= {"number", "integer"}:
        changed = replace(changed, minimum=None, maximum=None, soft_minimum=None, soft_maximum=None)
    return changed
