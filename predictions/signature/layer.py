"""What stands between people's fields and the model's columns: for each column the one rule that makes it.

Plain data, also under old Pythons; ``layering`` turns it into code, ``layer_checks`` says whether it fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from predictions.portable import Scalar

if TYPE_CHECKING:
    from predictions.signature.fields import Field

OTHERS = ("refuse", "pass", "missing", "default")
"""What a value map does with a value that it does not list."""

OUTSIDE = ("missing", "refuse")
"""What bins do with a number outside of all edges."""


@dataclass(frozen=True)
class Take:
    """The value of a field, derived value or column as it is."""

    of: str


@dataclass(frozen=True)
class ValueMap:
    """Another value for each given one: ``pairs`` of given and sent. ``default`` counts for others "default"."""

    of: str
    pairs: tuple[tuple[Scalar, Scalar], ...]
    others: str = "refuse"
    default: Scalar = 0


@dataclass(frozen=True)
class OneHot:
    """1 when the value is one of ``equals``, else 0, also for a missing one; the other way round for ``rest``."""

    of: str
    equals: tuple[Scalar, ...]
    rest: bool = False


@dataclass(frozen=True)
class Expression:
    """A calculation, as ``expressions`` reads it."""

    text: str


@dataclass(frozen=True)
class Bins:
    """``results[n]`` for a number between ``edges[n]`` and ``edges[n + 1]``; None as first or last edge is no limit.

    ``right_closed``: a number on an edge belongs below it, and on the lowest one nowhere but for ``include_lowest``.
    """

    of: str
    edges: tuple[float | None, ...]
    results: tuple[Scalar, ...]
    right_closed: bool = True
    include_lowest: bool = False
    outside: str = "missing"


@dataclass(frozen=True)
class Constant:
    """The same value for every case."""

    value: Scalar


@dataclass(frozen=True)
class Standardise:
    """(value - mean) / deviation."""

    of: str
    mean: float
    deviation: float


@dataclass(frozen=True)
class MinMax:
    """(value - minimum) / (maximum - minimum)."""

    of: str
    minimum: float
    maximum: float


Rule = Union[Take, ValueMap, OneHot, Expression, Bins, Constant, Standardise, MinMax]

RULES: dict[str, type[Any]] = {
    "take": Take,
    "map": ValueMap,
    "one_hot": OneHot,
    "expression": Expression,
    "bins": Bins,
    "constant": Constant,
    "standardise": Standardise,
    "min_max": MinMax,
}
NAMES: dict[type[Any], str] = {kind: name for name, kind in RULES.items()}


@dataclass(frozen=True)
class Made:
    """A column of the model, or a derived value that several columns use, and how it is made."""

    name: str
    rule: Rule


@dataclass(frozen=True)
class Layer:
    """``model_inputs``: the fields as the build found them, in the model's order. ``columns``: the same names and order."""

    model_inputs: tuple[Field, ...]
    columns: tuple[Made, ...]
    derived: tuple[Made, ...] = ()


def made_document(made: Made) -> dict[str, Any]:
    """A column's rule as JSON holds it, what is as usual left out."""
    rule = made.rule
    kind = type(rule)
    document: dict[str, Any] = {"name": made.name, "rule": NAMES[kind]}
    for key, spec in kind.__dataclass_fields__.items():
        value = getattr(rule, key)
        if value != spec.default or type(value) is not type(spec.default):
            document[key] = _listed(value)
    return document


def made_of(document: Mapping[str, Any]) -> Made:
    """Inverse of ``made_document``. Raises ValueError for a rule that this code does not know."""
    known = dict(document)
    name, kind = known.pop("name"), known.pop("rule")
    if kind not in RULES:
        raise ValueError(f"unknown rule {kind!r}")
    return Made(name, RULES[kind](**{key: _tupled(value) for key, value in known.items()}))


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value
