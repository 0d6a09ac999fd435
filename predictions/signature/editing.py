"""What an owner may change about a signature. What the estimator needs stays: names, order, value types, classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from predictions.errors import InvalidSignature
from predictions.signature.answers import labels_of
from predictions.signature.changes import changes_between
from predictions.signature.edit_values import (
    FIELD_CLEANERS,
    LONGEST,
    OUTPUT_CLEANERS,
    cleaned,
    number_cleaner,
    refuse,
    text_cleaner,
    whole_cleaner,
)
from predictions.signature.field_checks import (
    check_choices,
    check_limits,
    kind_in_words,
    twice_in,
    with_checked_values,
)
from predictions.signature.field_making import made_field
from predictions.signature.fields import ClassName, Drawing, Field, Kind, Output, Signature
from predictions.signature.layering import layer_of
from predictions.signature.wording import clean, quoted, text_of

__all__ = ["LONGEST", "apply_edits", "changes_between"]

NARROWER: dict[Kind, tuple[Kind, ...]] = {
    "number": ("integer", "boolean", "choice"),
    "integer": ("number", "boolean", "choice"),
    "text": ("choice",),
}
"""What an owner may make of the kind that the build found; the estimator still gets values of its own type."""

WORDS = {"label", "unit", "help", "group", "order"}
"""Edits that cannot contradict anything."""

MOST_CELLS = 100_000


def apply_edits(signature: Signature, edits: Mapping[str, Any]) -> Signature:
    """The signature with an owner's edits; everything not mentioned stays.

    ``edits``: ``inputs`` by name with any of label, unit, help, group, order, default, minimum, maximum, soft_minimum,
    soft_maximum, choices (``[{"value", "label"}]``), required, nullable, unseen, max_length, example, kind; ``outputs`` by
    name with any of label, unit, help, decimals, classes (labels in class order, or by class value), threshold,
    transform, factor, offset; ``drawing``. None takes a limit, default, example or text away.

    Raises InvalidSignature, whose ``field`` names the input or output, for edits that contradict each other or the
    estimator. Only edited fields are checked, and the layer where there is one: its fields are people's, so they are
    free in what the estimator is not.
    """
    if not isinstance(edits, Mapping):
        raise InvalidSignature("Send the edits as an object.")
    for key in edits:
        if key not in ("inputs", "outputs", "drawing"):
            raise InvalidSignature(f'"{clean(str(key))}" cannot be edited; edit inputs, outputs or drawing.')
    inputs = _by_name(edits.get("inputs"), signature.names, "input")
    outputs = _by_name(edits.get("outputs"), [output.name for output in signature.outputs], "output")
    edit = _edited_field if signature.layer is None else _edited_freely
    edited = replace(
        signature,
        inputs=tuple(edit(field, inputs.get(field.name)) for field in signature.inputs),
        outputs=tuple(_edited_output(output, outputs.get(output.name)) for output in signature.outputs),
    )
    if outputs:
        _check_class_labels(edited)
    if "drawing" in edits:
        edited = replace(edited, drawing=_drawing(edited, edits["drawing"]))
    layer_of(edited)
    return edited


def _by_name(edits: Any, names: Iterable[str], what: str) -> Mapping[str, Mapping[str, Any]]:
    if edits is None:
        return {}
    if not isinstance(edits, Mapping):
        raise InvalidSignature(f"Send the edits of the {what}s as an object by name.")
    known = set(names)
    for name, changes in edits.items():
        if name not in known:
            refuse(str(name), f'There is no {what} "{clean(str(name))}"; names cannot be edited.')
        if not isinstance(changes, Mapping):
            refuse(str(name), f"Send the edits of {clean(str(name))} as an object.")
    return edits


def _edited_field(field: Field, edits: Mapping[str, Any] | None) -> Field:
    if not edits:
        return field
    changes = {str(key): cleaned(field.name, str(key), value, FIELD_CLEANERS) for key, value in edits.items()}
    edited = _with_kind(field, changes.pop("kind", field.kind))
    edited = replace(edited, **changes)
    if field.nullable and not edited.nullable:
        edited = replace(edited, may_be_missing=True)
    if edited.nullable:
        if not (field.nullable or field.may_be_missing):
            refuse(field.name, f"{edited.shown} cannot be null: this ML model does not take it as missing.")
        edited = replace(edited, may_be_missing=False)
    if edits.keys() <= WORDS:
        return edited
    check_limits(edited)
    check_choices(field, edited)
    return with_checked_values(edited, is_example_given="example" in edits)


def _edited_freely(field: Field, edits: Mapping[str, Any] | None) -> Field:
    return made_field(field.name, edits, field) if edits else field


def _with_kind(field: Field, kind: Any) -> Field:
    if kind == field.kind:
        return field
    base = field.base_kind or field.kind
    if kind != base and kind not in NARROWER.get(base, ()):
        message = f"{field.shown} cannot become {clean(str(kind))}: the ML model takes {kind_in_words(base)}."
        refuse(field.name, message)
    if kind == "boolean" and not _is_zero_or_one(field):
        message = f"{field.shown} cannot become yes or no: its training data had other values than 0 and 1."
        refuse(field.name, message)
    changed = replace(field, kind=kind, base_kind=None if kind == base else base)
    if not {kind, field.kind} <= {"number", "integer"}:
        changed = replace(changed, minimum=None, maximum=None, soft_minimum=None, soft_maximum=None)
    return changed if kind == "choice" else replace(changed, choices=(), unseen="refuse")


def _is_zero_or_one(field: Field) -> bool:
    if field.kind == "choice":
        return all(choice.value in (0, 1) for choice in field.choices)
    low, high = field.soft_minimum, field.soft_maximum
    return (low is None or low in (0, 1)) and (high is None or high in (0, 1))


def _edited_output(output: Output, edits: Mapping[str, Any] | None) -> Output:
    if not edits:
        return output
    changes = {
        str(key): cleaned(output.name, str(key), value, OUTPUT_CLEANERS) for key, value in edits.items()
    }
    if "classes" in changes:
        changes["classes"] = _classes(output, changes["classes"])
    edited = replace(output, **changes)
    _check_changes(edited)
    return edited


def _check_changes(output: Output) -> None:
    if output.threshold is not None and not (output.probabilities and len(output.classes) == 2):
        refuse(output.name, f"A threshold needs two classes with probabilities; {output.shown} has none.")
    if output.kind == "class" and (output.transform or (output.factor, output.offset) != (1.0, 0.0)):
        refuse(output.name, f"{output.shown} is a class and no number, so it cannot be transformed.")


def _classes(output: Output, labels: Any) -> tuple[ClassName, ...]:
    clean_label = text_cleaner("label")
    if isinstance(labels, Mapping):
        known = {text_of(name.value): name for name in output.classes} | {
            str(name.value): name for name in output.classes
        }
        wanted = {
            known[text].value: label for key, label in labels.items() if (text := _key_text(key)) in known
        }
        for key in labels:
            if _key_text(key) not in known:
                refuse(
                    output.name, f"{output.shown} has no class {quoted(key)}; classes can be renamed only."
                )
        return tuple(
            replace(name, label=clean_label(output.name, wanted.get(name.value, name.label)))
            for name in output.classes
        )
    if not isinstance(labels, Sequence) or isinstance(labels, str) or len(labels) != len(output.classes):
        refuse(output.name, f"Give {len(output.classes)} class names for {output.shown}, one for each class.")
    return tuple(
        replace(name, label=clean_label(output.name, label))
        for name, label in zip(output.classes, labels, strict=True)
    )


def _key_text(key: Any) -> str:
    return key if isinstance(key, str) else text_of(key)


def _check_class_labels(signature: Signature) -> None:
    twice = twice_in(str(label) for label in labels_of(signature))
    if twice is not None:
        refuse(signature.main_output.name, f'Two classes are called "{clean(twice)}"; rename one.')


def _drawing(signature: Signature, drawing: Any) -> Drawing | None:
    if drawing is None:
        return None
    if not isinstance(drawing, Mapping) or drawing.keys() != {"rows", "columns", "maximum"}:
        raise InvalidSignature("A drawing pad needs its rows, columns and maximum.", field="drawing")
    size = whole_cleaner("size", 1, MOST_CELLS, empty=0)
    rows, columns = size("drawing", drawing["rows"]), size("drawing", drawing["columns"])
    maximum = number_cleaner("maximum")("drawing", drawing["maximum"])
    if rows * columns != len(signature.inputs):
        message = f"A drawing pad of {rows} by {columns} cells does not fit {len(signature.inputs)} inputs."
        raise InvalidSignature(message, field="drawing")
    if any(field.kind not in ("number", "integer") for field in signature.inputs):
        raise InvalidSignature("A drawing pad needs inputs that are all numbers.", field="drawing")
    if maximum is None or maximum <= 0:
        raise InvalidSignature("The maximum of a drawing pad must be above 0.", field="drawing")
    return Drawing(rows, columns, maximum)
