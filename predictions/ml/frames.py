"""Rows in signature order to what the original estimator takes: a frame, an array or a list of texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Sequence

import numpy as np
import pandas as pd

from predictions.portable import Value, pairs
from predictions.signature.fields import Field

Rows = Sequence[Sequence[Value]]
MISSING = float("nan")


def to_texts(rows: Rows) -> list[str]:
    """One text per row; a missing one is empty."""
    return ["" if row[0] is None else str(row[0]) for row in rows]


def to_frame(
    rows: Rows,
    fields: Sequence[Field],
    names: Sequence[str],
    markers: Mapping[int, Any],
    categories: Mapping[int, Sequence[Any]] | None = None,
) -> pd.DataFrame:
    """A frame with the estimator's own column names and a dtype per kind: float64, int64, bool, or object for texts.

    ``categories``: by place, the categories of columns that were of pandas' category dtype in training.
    """
    if all(field.kind == "number" for field in fields) and not markers and not categories:
        return pd.DataFrame(
            np.array(rows, dtype=np.float64).reshape(len(rows), len(fields)), columns=list(names)
        )
    columns = {
        name: _column([row[place] for row in rows], field, markers.get(place, MISSING))
        if place not in (categories or {})
        else pd.Categorical([row[place] for row in rows], categories=list((categories or {})[place]))
        for place, (name, field) in enumerate(pairs(names, fields))
    }
    return pd.DataFrame(columns, columns=list(names))


def to_array(rows: Rows, fields: Sequence[Field], markers: Mapping[int, Any]) -> np.ndarray[Any, Any]:
    """[n, k] float64, or object as soon as one column holds texts."""
    if not any(_is_textual(field) for field in fields):
        table = np.array(rows, dtype=np.float64).reshape(len(rows), len(fields))
        for place, marker in markers.items():
            if isinstance(marker, (int, float)):
                table[np.isnan(table[:, place]), place] = marker
        return table
    table = np.empty((len(rows), len(fields)), dtype=object)
    for at, row in enumerate(rows):
        for place, value in enumerate(row):
            table[at, place] = markers.get(place, MISSING) if value is None else value
    return table


def _is_textual(field: Field) -> bool:
    return field.kind == "text" or any(isinstance(choice.value, str) for choice in field.choices)


def _column(values: list[Value], field: Field, marker: Any) -> np.ndarray[Any, Any]:
    full = None not in values
    if field.kind == "number":
        return _floats(values, marker)
    if (
        field.kind in ("integer", "choice")
        and not _is_textual(field)
        and all(type(value) is int for value in values)
    ):
        return np.array(values, dtype=np.int64)
    if field.kind == "boolean" and full:
        return np.array(values, dtype=bool)
    numeric = field.kind == "integer" or (field.kind == "choice" and not _is_textual(field))
    if numeric and all(value is None or isinstance(value, (int, float)) for value in values):
        return _floats(values, marker)
    held = np.empty(len(values), dtype=object)
    held[:] = [marker if value is None else value for value in values]
    return held


def _floats(values: list[Value], marker: Any) -> np.ndarray[Any, Any]:
    column = np.array(values, dtype=np.float64)
    if isinstance(marker, (int, float)) and marker == marker:
        column[np.isnan(column)] = marker
    return column
