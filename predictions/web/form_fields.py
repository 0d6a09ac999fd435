"""The form of a signature: what each field looks like, with what was typed and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from django.utils.translation import gettext as _

from predictions.errors import RowError
from predictions.signature.fields import Field, Signature
from predictions.web.form_texts import NOT_GIVEN, field_text
from predictions.web.numbers import shown_number

MANY_FIELDS = 200
"""Above this a page of inputs serves nobody: one box takes the whole case."""
MANY_CELLS = 4_000
RADIO_CHOICES = 4
LONG_TEXT = 200
SHORT_LIST = 12

PREFIX = "in-"
OTHER = "other-"
"""Before the key of a field: the box for a value that is none of its choices. What is written there counts."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose."""

    value: str
    text: str
    is_chosen: bool
    id: str


@dataclass(frozen=True, slots=True)
class FormField:
    """One field as the template draws it. ``hints`` are read before the mistake, ``errors`` after it."""

    id: str
    key: str
    place: int
    label: str
    unit: str
    help: str
    hints: tuple[str, ...]
    is_optional: bool
    widget: str
    inputmode: str
    text: str
    options: tuple[Option, ...]
    errors: tuple[str, ...]
    rows: int
    is_code: bool

    @property
    def other_key(self) -> str:
        """The name of the box for another value."""
        return OTHER + self.key

    @property
    def other_text(self) -> str:
        """A typed value that is none of the choices."""
        return "" if any(option.is_chosen for option in self.options) else self.text

    @property
    def described_by(self) -> str:
        """Ids of the texts that explain the field, for screen readers."""
        parts = [f"{self.id}-error"] if self.errors else []
        if self.help or self.hints:
            parts.append(f"{self.id}-hint")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields under one heading; the first group may have none."""

    title: str
    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One fault for the list above the form; ``target`` is the id to jump to, empty when no field is meant."""

    target: str
    label: str
    message: str


def is_compact(signature: Signature) -> bool:
    """True when the case is pasted as a whole; what can be drawn has a field for each cell all the same."""
    return len(signature.inputs) > (MANY_CELLS if _is_drawn(signature) else MANY_FIELDS)


def cells_of(groups: Iterable[FieldGroup], signature: Signature) -> tuple[tuple[FormField, ...], ...]:
    """The fields of a picture row by row; empty when the inputs are none."""
    if not _is_drawn(signature) or signature.drawing is None:
        return ()
    fields = sorted((field for group in groups for field in group.fields), key=lambda field: field.place)
    width = signature.drawing.columns
    return tuple(tuple(fields[begin : begin + width]) for begin in range(0, len(fields), width))


def _is_drawn(signature: Signature) -> bool:
    drawing = signature.drawing
    return drawing is not None and drawing.rows * drawing.columns == len(signature.inputs)


def key_of(field: Field, index: int) -> str:
    """The name of the field in the form; its place stands in for a name that a form cannot carry."""
    return f"{PREFIX}{field.name}" if field.name.isprintable() else f"{PREFIX}#{index}"


def groups_of(
    signature: Signature, texts: Mapping[str, str], errors: Iterable[RowError] = ()
) -> tuple[FieldGroup, ...]:
    """The fields in the page's order, under their headings; ``texts`` by field name as they were typed."""
    places = {field.name: index for index, field in enumerate(signature.inputs)}
    faults: dict[str, list[str]] = {}
    for error in errors:
        if error.field is not None:
            faults.setdefault(error.field, []).append(error.message)
    grouped: dict[str, list[FormField]] = {}
    for field in signature.shown_inputs:
        drawn = _form_field(field, places[field.name], texts.get(field.name, ""), faults.get(field.name, ()))
        grouped.setdefault(field.group, []).append(drawn)
    return tuple(FieldGroup(title, tuple(fields)) for title, fields in grouped.items())


def summary_of(signature: Signature, errors: Iterable[RowError]) -> tuple[SummaryLine, ...]:
    """Every fault in the page's order, each with the field to jump to."""
    places = {field.name: index for index, field in enumerate(signature.inputs)}
    rank = {field.name: at for at, field in enumerate(signature.shown_inputs)}
    ordered = sorted(errors, key=lambda error: rank.get(error.field or "", -1))
    return tuple(
        SummaryLine(
            target=_focus_id(signature, places, error.field),
            label=signature.input(error.field).shown if error.field in places else "",
            message=error.message,
        )
        for error in ordered
    )


def _focus_id(signature: Signature, places: Mapping[str, int], name: str | None) -> str:
    if name is None or name not in places or is_compact(signature):
        return ""
    field = signature.inputs[places[name]]
    suffix = "-0" if _widget(field) == "radio" else ""
    return f"field-{places[name]}{suffix}"


def _form_field(field: Field, index: int, text: str, errors: Iterable[str]) -> FormField:
    html_id = f"field-{index}"
    widget = _widget(field)
    return FormField(
        id=html_id,
        key=key_of(field, index),
        place=index,
        label=field.shown,
        unit=field.unit,
        help=field.help,
        hints=tuple(_hints(field)),
        is_optional=may_be_left_out(field),
        widget=widget,
        inputmode={"number": "decimal", "integer": "numeric"}.get(field.kind, ""),
        text=text,
        options=tuple(_options(field, html_id, text)),
        errors=tuple(errors),
        rows=_rows(field),
        is_code=field.kind == "tensor",
    )


def may_be_left_out(field: Field) -> bool:
    """True when an empty field is a valid answer."""
    return not field.required


def _widget(field: Field) -> str:
    if field.kind == "boolean":
        return "radio"
    if field.kind == "choice" and field.unseen == "refuse":
        return "radio" if len(field.choices) <= RADIO_CHOICES else "select"
    if field.kind == "choice":
        return "open"
    if field.kind == "tensor" or (field.kind == "text" and field.max_length > LONG_TEXT):
        return "textarea"
    return "line"


def _options(field: Field, html_id: str, text: str) -> Iterable[Option]:
    pairs: list[tuple[str, str]] = []
    if field.kind == "boolean":
        pairs = [("true", _("Yes")), ("false", _("No"))]
    elif field.kind == "choice":
        pairs = [(field_text(field, choice.value), choice.shown) for choice in field.choices]
    if pairs and _widget(field) == "radio" and may_be_left_out(field):
        pairs.append((NOT_GIVEN, _("Not given")))
    for place, (value, shown) in enumerate(pairs):
        yield Option(value, shown, value == text, f"{html_id}-{place}")


def _rows(field: Field) -> int:
    size = prod(length or SHORT_LIST + 1 for length in field.shape)
    return 8 if field.kind == "tensor" and size > SHORT_LIST else 3


def _hints(field: Field) -> Iterable[str]:
    hard = range_text(field.minimum, field.maximum)
    soft = range_text(field.soft_minimum, field.soft_maximum)
    if soft:
        yield _("%(range)s in training") % {"range": soft}
    if hard:
        yield _("%(range)s allowed") % {"range": hard}
    if field.kind == "tensor":
        yield _("%(shape)s values as nested lists (JSON)") % {"shape": shape_text(field)}
    if field.default not in (None, ""):
        yield _("%(value)s when left empty") % {"value": _default(field)}


def _default(field: Field) -> str:
    wanted = field_text(field, field.default)
    shown = {field_text(field, choice.value): choice.shown for choice in field.choices}
    if field.kind == "boolean":
        shown = {"true": _("Yes"), "false": _("No")}
    return shown.get(wanted, wanted)


def range_text(low: float | None, high: float | None) -> str:
    """A range in words; empty when there is no limit."""
    if low is not None and high is not None:
        return _("%(low)s to %(high)s") % {"low": shown_number(low), "high": shown_number(high)}
    if low is not None:
        return _("%(low)s or more") % {"low": shown_number(low)}
    if high is not None:
        return _("%(high)s or less") % {"high": shown_number(high)}
    return ""


def shape_text(field: Field) -> str:
    """The shape of a tensor, as 3 × 224 × 224."""
    return " × ".join(_("any") if length is None else str(length) for length in field.shape) or "1"
