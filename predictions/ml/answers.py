"""What a runtime computed (arrays for many rows) to one ``RawAnswer`` per row. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from predictions.errors import ModelFailed
from predictions.portable import RawAnswer, pairs
from predictions.signature.fields import Output

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]
else:
    # NumPy before 1.22 has no types in brackets.
    Array = np.ndarray

MANY = 64
"""From this many rows on one look by NumPy is cheaper than a look at each number."""

TIE = 1e-6
"""Shares this close are equal but for float32 rounding; the first class wins, as with ``argmax`` on exact shares."""


class UnlistedClass(ModelFailed):
    """An answer names a class that the signature does not list."""


class Columns(NamedTuple):
    """Answers of many rows side by side: each array has one entry per row, in order. All numbers are finite.

    ``places``: index of the class [n]; ``shares``: probabilities in the order of the classes [n, k]; ``values``: [n]
    or [n, k] of a regressor. What an estimator does not give is None.
    """

    places: Array | None = None
    shares: Array | None = None
    values: Array | None = None


class ClassLookup:
    """From what an artifact calls a class (its own value, or the same as text) to its place in ``classes``."""

    def __init__(self, output: Output) -> None:
        self.values = [item.value for item in output.classes]
        self._places: dict[Any, int] = {}
        for place, value in enumerate(self.values):
            self._places.setdefault(value, place)
        self._as_text = {str(value): place for place, value in enumerate(self.values)}

    def place(self, label: Any) -> int:
        """Index of ``label``. Raises UnlistedClass for a class the signature does not list."""
        try:
            return self._places[label]
        except (KeyError, TypeError):
            found = self._as_text.get(str(label))
        if found is None:
            raise UnlistedClass(
                "The answer names a class that this version does not list; build the file again."
            )
        return found


def class_answers(
    labels: Array | None, probabilities: Any, lookup: ClassLookup, scores: Array | None = None
) -> list[RawAnswer]:
    """Answers of a classifier. ``labels``: n values, or None to take the most probable class.

    ``probabilities``: [n, k] in the order of the classes, [n] or [n, 1] for the second of two classes, a list of n
    mappings from class to probability, or None. A row whose probabilities are not all finite has none.
    ``scores``: one number per row beside the class (how usual a case is), or None.
    """
    shares = _shares(probabilities, lookup)
    if labels is None:
        places = _most_probable(shares)
    else:
        places = [lookup.place(label) for label in labels.reshape(-1).tolist()]
    if scores is not None:
        return [
            RawAnswer(class_index=place, value=answer.value)
            for place, answer in pairs(places, value_answers(scores))
        ]
    if shares is None:
        return [RawAnswer(class_index=place) for place in places]
    if len(shares) != len(places):
        raise ModelFailed("The artifact gave another number of answers than rows; build the file again.")
    return [RawAnswer(class_index=place, probabilities=row) for place, row in pairs(places, shares)]


def _most_probable(shares: list[tuple[float, ...] | None] | None) -> list[int]:
    if shares is None or None in shares:
        raise ModelFailed("The artifact gives neither a class nor finite probabilities; check the inputs.")
    table = np.array(shares)
    places: list[int] = (table >= table.max(axis=1, keepdims=True) - TIE).argmax(axis=1).tolist()
    return places


def _shares(probabilities: Any, lookup: ClassLookup) -> list[tuple[float, ...] | None] | None:
    if probabilities is None:
        return None
    if isinstance(probabilities, list):
        rows = [_from_mapping(item, lookup) for item in probabilities]
        return [row if all(map(math.isfinite, row)) else None for row in rows]
    table = probabilities.reshape(len(probabilities), -1)
    if table.shape[1] == 1 and len(lookup.values) == 2:
        table = np.hstack([1 - table, table])
    rows = [tuple(row) for row in table.tolist()]
    if len(rows) >= MANY and np.isfinite(table).all():
        return list(rows)
    return [row if all(map(math.isfinite, row)) else None for row in rows]


def _from_mapping(shares: Mapping[Any, float], lookup: ClassLookup) -> tuple[float, ...]:
    placed = [0.0] * len(lookup.values)
    for label, share in shares.items():
        placed[lookup.place(label)] = float(share)
    return tuple(placed)


def value_answers(values: Array) -> list[RawAnswer]:
    """Answers of a regressor: [n] or [n, 1] gives one number per row, [n, k] a list of k. Not finite becomes None."""
    table = np.asarray(values).reshape(len(values), -1)
    if table.shape[1] == 1:
        return [RawAnswer(value=_finite(value)) for value in table[:, 0].tolist()]
    if np.isfinite(table).all():
        return [RawAnswer(value=row) for row in table.tolist()]
    return [RawAnswer(value=[_finite(item) for item in row]) for row in table.tolist()]  # type: ignore[misc]


def class_columns(labels: Array | None, probabilities: Any, lookup: ClassLookup) -> Columns | None:
    """As ``class_answers``, side by side; None where not every row has the same plain form."""
    if labels is None or isinstance(probabilities, list):
        return None
    flat = labels.reshape(-1)
    known = {label: lookup.place(label) for label in set(flat.tolist())}
    places = np.array([known[label] for label in flat.tolist()], dtype=np.int64)
    if probabilities is None:
        return Columns(places=places)
    shares = np.asarray(probabilities, dtype=np.float64).reshape(len(probabilities), -1)
    if len(shares) != len(places) or shares.shape[1] != len(lookup.values) or not np.isfinite(shares).all():
        return None
    return Columns(places=places, shares=shares)


def value_columns(values: Array) -> Columns | None:
    """As ``value_answers``, side by side; None when a number is not finite."""
    table = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    if not np.isfinite(table).all():
        return None
    return Columns(values=table[:, 0] if table.shape[1] == 1 else table)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def named_answers(outputs: Mapping[str, Any], rows: int) -> list[RawAnswer]:
    """Answers of any other artifact: each output cut along its first axis, as JSON-safe nested lists."""
    cut = {name: _per_row(value, rows) for name, value in outputs.items()}
    return [RawAnswer(outputs={name: parts[place] for name, parts in cut.items()}) for place in range(rows)]


def _per_row(value: Any, rows: int) -> Sequence[Any]:
    parts = json_safe(value)
    if isinstance(parts, list) and len(parts) == rows:
        return parts
    if rows == 1:
        return [parts]
    raise ModelFailed("The artifact gave another number of answers than rows; build the file again.")


def json_safe(value: Any) -> Any:
    """Nested lists, mappings with text keys, and scalars that JSON can hold; NaN and infinity become None."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "iubUO" or (value.dtype.kind == "f" and np.isfinite(value).all()):
            return value.tolist()
        return json_safe(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    if isinstance(value, np.generic):
        return json_safe(value.item())
    if isinstance(value, float):
        return _finite(value)
    return value
