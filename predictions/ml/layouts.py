"""How the inputs of an estimator are grouped into the inputs of its graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from predictions.ml.anatomy import takes_texts
from predictions.ml.encoders import missing_markers
from predictions.ml.plan import Dtype, Feed
from predictions.ml.rewriting import columns_by_part
from predictions.signature.fields import Field, Signature


@dataclass(frozen=True, slots=True)
class Group:
    """Some inputs side by side: ``textual`` ones, or numbers; ``whole`` when all are whole and never missing."""

    name: str
    columns: tuple[int, ...]
    textual: bool
    whole: bool = False
    missing: float | None = None


@dataclass(frozen=True, slots=True)
class Layouts:
    """Groups in the order in which the graph takes them; ``order`` lists the input columns as they are fed."""

    groups: tuple[Group, ...]

    @property
    def order(self) -> list[int]:
        """Input columns in the order of the feeds."""
        return [column for group in self.groups for column in group.columns]

    def feeds(self, dtype: Dtype) -> tuple[Feed, ...]:
        """One feed per group with numbers as ``dtype``."""
        return tuple(
            Feed(
                group.name,
                "string" if group.textual else "int64" if group.whole else dtype,
                "matrix",
                group.columns,
                None if group.textual else group.missing,
            )
            for group in self.groups
        )


def feeds_for(estimator: Any, signature: Signature) -> list[Layouts]:
    """Layouts worth trying, the one with the fewest tensors first (each costs time at every answer)."""
    fields = signature.inputs
    if takes_texts(estimator):
        return [Layouts((Group("texts", (0,), textual=True),))]
    parts = columns_by_part(estimator)
    used = sorted({column for columns in parts for column in columns}) if parts else list(range(len(fields)))
    textual = [column for column in used if _is_textual(fields[column])]
    numeric = [column for column in used if not _is_textual(fields[column])]
    markers = missing_markers(estimator)
    marker = _shared_marker(markers, numeric)
    groups = []
    if numeric:
        groups.append(Group("numbers", tuple(numeric), textual=False, missing=marker))
    if textual:
        groups.append(Group("texts", tuple(textual), textual=True))
    separate = Layouts(tuple(_alone(column, fields[column], markers) for column in used))
    if len(groups) == 1:
        return [Layouts(tuple(groups))] + ([separate] if textual or _has_choices(fields) else [])
    split = any({*columns} & {*numeric} and {*columns} & {*textual} for columns in parts)
    return [Layouts(tuple(groups)), separate] if parts and not split else [separate]


def _alone(column: int, field: Field, markers: dict[int, Any]) -> Group:
    values = [choice.value for choice in field.choices]
    whole = field.kind in ("integer", "boolean") or (
        bool(values) and all(type(value) is int for value in values)
    )
    name = f"input_{column}"
    marker = markers.get(column)
    return Group(
        name,
        (column,),
        textual=_is_textual(field),
        whole=whole and not field.nullable,
        missing=float(marker) if isinstance(marker, int | float) else None,
    )


def _shared_marker(markers: dict[int, Any], columns: Sequence[int]) -> float | None:
    found = {markers[column] for column in columns if isinstance(markers.get(column), int | float)}
    return float(found.pop()) if len(found) == 1 else None


def _has_choices(fields: Sequence[Field]) -> bool:
    return any(field.choices for field in fields)


def _is_textual(field: Field) -> bool:
    return field.kind == "text" or any(isinstance(choice.value, str) for choice in field.choices)
