"""An answer as pages show it: the large words, the bars, the warnings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from predictions.signature.answers import probability_bars, shown_value
from predictions.signature.fields import Field, Output, Signature
from predictions.values import Value
from predictions.web.numbers import exact_number, shown_number

LONG_VALUE = 60


@dataclass(frozen=True, slots=True)
class Bar:
    """One class with its probability; ``width`` is for the drawing and never localized."""

    label: str
    percent: str
    width: str
    is_top: bool


@dataclass(frozen=True, slots=True)
class NamedValue:
    """One output of a graph with several, or one input: a label, a text and a unit."""

    label: str
    text: str
    unit: str
    is_long: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What the panel draws: one large answer with its bars and what comes with it, or only named outputs."""

    question: str
    main: NamedValue | None
    bars: tuple[Bar, ...]
    others: tuple[NamedValue, ...]


def answer_view(signature: Signature, outputs: Mapping[str, Any]) -> AnswerView:
    """What a stored answer looks like under the signature it was given with."""
    output = signature.main_output
    if "label" in outputs:
        others = _score(outputs) + _raw(outputs)
        return AnswerView(
            output.shown,
            NamedValue(output.shown, str(outputs["label"]), ""),
            _bars(signature, outputs),
            others,
        )
    if "value" in outputs:
        return AnswerView(output.shown, _value(signature, outputs["value"]), (), _raw(outputs))
    named = outputs.get("outputs") or {}
    return AnswerView(output.shown, None, (), tuple(_named(signature, named)))


@dataclass(frozen=True, slots=True)
class Picture:
    """Inputs that were drawn: each cell as column, row and how dark it is, the last as text that is never localized."""

    rows: int
    columns: int
    cells: tuple[tuple[int, int, str], ...]


def picture_of(signature: Signature, values: Sequence[Value]) -> Picture | None:
    """The drawn picture of a case, None when its inputs are no picture."""
    drawing = signature.drawing
    if drawing is None or drawing.rows * drawing.columns != len(values):
        return None
    cells = tuple(
        (place % drawing.columns, place // drawing.columns, f"{min(max(value / drawing.maximum, 0), 1):.3f}")
        for place, value in enumerate(values)
        if isinstance(value, int | float) and value > 0
    )
    return Picture(drawing.rows, drawing.columns, cells)


def shown_case(
    signature: Signature, values: Iterable[Value]
) -> tuple[tuple[str, tuple[NamedValue, ...]], ...]:
    """The inputs of a case under their headings, in the page's order, as a person reads them."""
    by_name = dict(zip(signature.names, values, strict=False))
    groups: dict[str, list[NamedValue]] = {}
    for field in signature.shown_inputs:
        groups.setdefault(field.group, []).append(_shown_input(field, by_name.get(field.name)))
    return tuple((title, tuple(items)) for title, items in groups.items())


def _bars(signature: Signature, outputs: Mapping[str, Any]) -> tuple[Bar, ...]:
    answer = str(outputs["label"])
    return tuple(
        Bar(label, text, f"{max(min(share, 1.0), 0.0) * 100:.2f}%", label == answer)
        for label, share, text in probability_bars(signature, outputs)
    )


def _score(outputs: Mapping[str, Any]) -> tuple[NamedValue, ...]:
    score = outputs.get("score")
    return () if score is None else (NamedValue(_("Score"), shown_number(score), ""),)


def _raw(outputs: Mapping[str, Any]) -> tuple[NamedValue, ...]:
    """The model's own word, where the owner changes it."""
    raw = outputs.get("raw")
    if not isinstance(raw, str | int | float):
        return ()
    shown = shown_number(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else str(raw)
    return (NamedValue(_("The model itself says"), shown, ""),)


def _value(signature: Signature, value: Value) -> NamedValue:
    output = signature.main_output
    text = shown_value(signature, value)
    if isinstance(value, list):
        return NamedValue(output.shown, text, "", is_long=len(text) > LONG_VALUE)
    # The unit is set smaller than the number, so the two come apart again.
    return NamedValue(output.shown, text.removesuffix(output.unit).rstrip(), output.unit)


def _named(signature: Signature, values: Mapping[str, Any]) -> Iterable[NamedValue]:
    known = {output.name: output for output in signature.outputs}
    for name, value in values.items():
        yield _long(known.get(name, Output(name=name, kind="tensor")), value)


def _long(output: Output, value: Any) -> NamedValue:
    if isinstance(value, int | float | str):
        return NamedValue(output.shown, shown_number(value, output.decimals), output.unit, help=output.help)
    text = json.dumps(value, ensure_ascii=False)
    return NamedValue(output.shown, text, output.unit, is_long=len(text) > LONG_VALUE, help=output.help)


def _shown_input(field: Field, value: Value) -> NamedValue:
    if value is None:
        return NamedValue(field.shown, _("not given"), "")
    if field.kind == "boolean":
        return NamedValue(field.shown, _("Yes") if value else _("No"), "")
    for choice in field.choices:
        if choice.value == value:
            return NamedValue(field.shown, choice.shown, field.unit)
    if isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
        return NamedValue(field.shown, text, field.unit, is_long=len(text) > LONG_VALUE)
    return NamedValue(field.shown, exact_number(value), field.unit)
