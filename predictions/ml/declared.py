"""What somebody wrote down about a model's columns beside it (an MLflow signature): names, types, which are needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from predictions.signature.fields import Field, Kind

KINDS: dict[str, Kind] = {
    "boolean": "boolean",
    "integer": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "string": "text",
}
"""MLflow's column types in the signature's words; others (binary, datetime, arrays) say nothing here."""


@dataclass(frozen=True)
class DeclaredColumn:
    """``kind`` is None where the type says nothing about how a form asks for it."""

    name: str
    kind: Kind | None
    required: bool


def declared_columns(schema: Any) -> tuple[DeclaredColumn, ...]:
    """Columns of an MLflow schema (JSON text or the list itself); empty when they have no names, or for tensors."""
    try:
        listed = json.loads(schema) if isinstance(schema, str) else schema
    except (ValueError, RecursionError):
        return ()
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        return ()
    columns = tuple(
        DeclaredColumn(
            name=item["name"],
            kind=KINDS.get(item.get("type", "")) if isinstance(item.get("type"), str) else None,
            required=item.get("required") is not False and item.get("optional") is not True,
        )
        for item in listed
        if isinstance(item.get("name"), str) and item.get("type") != "tensor"
    )
    names = {column.name for column in columns}
    return columns if len(columns) == len(listed) == len(names) else ()


def from_documents(documents: Sequence[Any]) -> tuple[DeclaredColumn, ...]:
    """Columns as ``dataclasses.asdict`` wrote them."""
    return tuple(DeclaredColumn(item["name"], item["kind"], item["required"]) for item in documents)


def declared_names(columns: Sequence[DeclaredColumn], width: int | None) -> list[str] | None:
    """The names when their count fits, or when nothing says how many there are."""
    fits = columns and width in (None, len(columns))
    return [column.name for column in columns] if fits else None


def with_declared(field: Field, columns: Sequence[DeclaredColumn]) -> Field:
    """A field with the type that its column was declared with, where the field itself knows no better."""
    column = next((item for item in columns if item.name == field.name), None)
    if column is None or column.kind is None or field.kind != "number":
        return field
    whole = all(end is None or float(end).is_integer() for end in (field.soft_minimum, field.soft_maximum))
    return replace(field, kind="integer") if column.kind == "integer" and whole else field
