"""A signature as lines of a table."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from predictions.signature.fields import Field, Output, Signature
from predictions.signature.wording import quoted, tidy, with_unit

SHOWN_CHOICES = 12
KINDS = {
    "number": gettext_lazy("number"),
    "integer": gettext_lazy("whole number"),
    "boolean": gettext_lazy("yes or no"),
    "choice": gettext_lazy("choice"),
    "text": gettext_lazy("text"),
    "tensor": gettext_lazy("array"),
    "class": gettext_lazy("class"),
}


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One input: what it is called, what it takes."""

    name: str
    label: str
    kind: str
    allows: str
    when_absent: str


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One output: what it is called, what it says."""

    label: str
    kind: str
    says: str


def field_lines(signature: Signature) -> list[FieldLine]:
    """Every input in the order of the page."""
    return [
        FieldLine(
            name=field.name,
            label=field.shown,
            kind=str(KINDS.get(field.kind, field.kind)),
            allows=_allows(field),
            when_absent=_when_absent(field),
        )
        for field in signature.shown_inputs
    ]


def output_lines(signature: Signature) -> list[OutputLine]:
    """Every output."""
    return [
        OutputLine(item.shown, str(KINDS.get(item.kind, item.kind)), _says(item))
        for item in signature.outputs
    ]


def _allows(field: Field) -> str:
    if field.choices:
        return _some([choice.shown for choice in field.choices])
    parts = []
    hard = _range(field.minimum, field.maximum, field.unit)
    soft = _range(field.soft_minimum, field.soft_maximum, field.unit)
    if hard:
        parts.append(hard)
    if soft:
        parts.append(_("seen in training: %(range)s") % {"range": soft})
    if field.shape:
        parts.append(" × ".join("?" if size is None else str(size) for size in field.shape))
    return "; ".join(parts) or field.unit


def _when_absent(field: Field) -> str:
    if field.default is not None:
        return _("%(value)s is taken") % {"value": quoted(field.default)}
    if field.required:
        return _("required, may be empty") if field.nullable else _("required")
    return _("may be left out")


def _says(output: Output) -> str:
    if output.classes:
        return _some([str(name.shown) for name in output.classes])
    return output.unit


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN_CHOICES
    shown = ", ".join(names[:SHOWN_CHOICES])
    return _("%(names)s and %(count)s more") % {"names": shown, "count": more} if more > 0 else shown


def _range(low: float | None, high: float | None, unit: str) -> str:
    if low is not None and high is not None:
        return with_unit(f"{tidy(low)} – {tidy(high)}", unit)
    if low is not None:
        return _("from %(limit)s") % {"limit": with_unit(tidy(low), unit)}
    if high is not None:
        return _("up to %(limit)s") % {"limit": with_unit(tidy(high), unit)}
    return ""
