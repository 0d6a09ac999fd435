"""One recorded case in words: what went in, what came out, what may have been right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from predictions.signature.answers import labels_of, outcome_of, probability_bars, shown_value
from predictions.signature.fields import Field, Signature
from predictions.signature.wording import json_text, tidy, with_unit

MAX_SHOWN = 2_000


@dataclass(frozen=True, slots=True)
class ShownInput:
    """One input as a person reads it. ``mark`` says in words what is unusual about the value."""

    name: str
    label: str
    value: str
    training: str
    mark: str
    is_missing: bool
    is_long: bool


@dataclass(frozen=True, slots=True)
class InputGroup:
    """Inputs that the owner grouped under one heading; ``title`` is empty for those without."""

    title: str
    inputs: tuple[ShownInput, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One class with its probability: ``width`` in percent for the picture, ``percent`` for reading."""

    label: str
    width: str
    percent: str
    is_answer: bool


def input_groups(
    signature: Signature, values: Sequence[Any], warnings: Sequence[Mapping[str, Any]]
) -> list[InputGroup]:
    """Every input of the case in the order of the page, under the owner's headings."""
    by_name = dict(zip(signature.names, values, strict=False))
    warned = {str(item.get("field", "")) for item in warnings}
    groups: dict[str, list[ShownInput]] = {}
    for field in signature.shown_inputs:
        shown = _shown_input(field, by_name.get(field.name), is_warned=field.name in warned)
        groups.setdefault(field.group, []).append(shown)
    return [InputGroup(title, tuple(inputs)) for title, inputs in groups.items()]


def bars(signature: Signature, outputs: Mapping[str, Any]) -> list[Bar]:
    """Probabilities, most probable first; of many classes the rest is one bar."""
    label = str(outputs.get("label", ""))
    return [
        Bar(str(name), width(share), text, str(name) == label)
        for name, share, text in probability_bars(signature, outputs)
    ]


def width(share: float | None) -> str:
    """A probability as a CSS length, whatever the reader's language does to decimal points."""
    clipped = min(max(share or 0.0, 0.0), 1.0)
    return f"{clipped * 100:.1f}%"


def answer_text(signature: Signature, outputs: Mapping[str, Any], outcome: str) -> str:
    """The answer in a few words: the class, or the value with its unit and the owner's decimals."""
    return shown_value(signature, outputs["value"]) if "value" in outputs else outcome


def named_outputs(signature: Signature, outputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an ml_model says beside or instead of a class or a value: each output by its label, as text."""
    labels = {item.name: item.shown for item in signature.outputs}
    named = dict(outputs.get("outputs") or {})
    if "label" in outputs and "score" in outputs:
        named["score"] = outputs["score"]
    return [(labels.get(str(name), str(name)), _clipped(json_text(value))) for name, value in named.items()]


def drawing_rows(signature: Signature, values: Sequence[Any]) -> list[list[str]]:
    """The picture that was drawn: rows of ink between 0 and 1; empty when the inputs are no picture."""
    drawing = signature.drawing
    if drawing is None or len(values) != drawing.rows * drawing.columns or drawing.maximum <= 0:
        return []
    ink = [_ink(value, drawing.maximum) for value in values]
    return [ink[row * drawing.columns : (row + 1) * drawing.columns] for row in range(drawing.rows)]


def class_names(signature: Signature) -> list[str]:
    """The classes as outcomes name them; empty when the answer is not a class."""
    return [outcome_of({"label": label}) for label in labels_of(signature)]


def _shown_input(field: Field, value: Any, *, is_warned: bool) -> ShownInput:
    text = _value_text(field, value)
    return ShownInput(
        name=field.name,
        label=field.shown,
        value=_clipped(text),
        training=_training(field),
        mark=_mark(field, value, is_warned=is_warned),
        is_missing=value is None,
        is_long=len(text) > 60,
    )


def _value_text(field: Field, value: Any) -> str:
    if value is None:
        return _("not given")
    for choice in field.choices:
        if choice.value == value and isinstance(choice.value, bool) == isinstance(value, bool):
            return choice.shown
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return with_unit(tidy(value, 15), field.unit)
    return value if isinstance(value, str) else json_text(value)


def _training(field: Field) -> str:
    low, high = field.soft_minimum, field.soft_maximum
    if low is not None and high is not None:
        return with_unit(f"{tidy(low)} – {tidy(high)}", field.unit)
    if low is not None:
        return _("from %(limit)s") % {"limit": with_unit(tidy(low), field.unit)}
    if high is not None:
        return _("up to %(limit)s") % {"limit": with_unit(tidy(high), field.unit)}
    return ""


def _mark(field: Field, value: Any, *, is_warned: bool) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if field.soft_minimum is not None and value < field.soft_minimum:
            return _("below training")
        if field.soft_maximum is not None and value > field.soft_maximum:
            return _("above training")
    if value is not None and field.choices and not any(choice.value == value for choice in field.choices):
        return _("not in training")
    return _("see warning") if is_warned else ""


def _ink(value: Any, maximum: float) -> str:
    number = value if isinstance(value, int | float) else 0.0
    return f"{min(max(number / maximum, 0.0), 1.0):.3f}"


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
