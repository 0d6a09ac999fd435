"""What an owner may change about a signature. What the estimator needs stays: names, order, value types, classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from predictions.errors import InvalidRows, InvalidSignature
from predictions.signature.answers import labels_of
from predictions.signature.changes import changes_between
from predictions.signature.choices import key_of
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
from predictions.signature.fields import Choice, ClassName, Drawing, Field, Kind, Output, Signature
from predictions.signature.validation import Validator
from predictions.signature.wording import clean, quoted, text_of, tidy
from predictions.values import Value

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
    name with any of label, unit, help, decimals, classes (labels in class order, or by class value); ``drawing``.
    None takes a limit, default, example or text away.

    Raises InvalidSignature, whose ``field`` names the input or output, for edits that contradict each other or the
    estimator. Only edited fields are checked.
    """
    if not isinstance(edits, Mapping):
        raise InvalidSignature("Send the edits as an object.")
    for key in edits:
        if key not in ("inputs", "outputs", "drawing"):
            raise InvalidSignature(f'"{clean(str(key))}" cannot be edited; edit inputs, outputs or drawing.')
    inputs = _by_name(edits.get("inputs"), signature.names, "input")
    outputs = _by_name(edits.get("outputs"), [output.name for output in signature.outputs], "output")
    edited = replace(
        signature,
        inputs=tuple(_edited_field(field, inputs.get(field.name)) for field in signature.inputs),
        outputs=tuple(_edited_output(output, outputs.get(output.name)) for output in signature.outputs),
    )
    if outputs:
        _check_class_labels(edited)
    if "drawing" in edits:
        edited = replace(edited, drawing=_drawing(edited, edits["drawing"]))
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
    _check_limits(edited)
    _check_choices(field, edited)
    return _with_checked_values(edited, is_example_given="example" in edits)


def _with_kind(field: Field, kind: Any) -> Field:
    if kind == field.kind:
        return field
    base = field.base_kind or field.kind
    if kind != base and kind not in NARROWER.get(base, ()):
        message = f"{field.shown} cannot become {clean(str(kind))}: the ML model takes {_kind(base)}."
        refuse(field.name, message)
    if kind == "boolean" and not _is_zero_or_one(field):
        message = f"{field.shown} cannot become yes or no: its training data had other values than 0 and 1."
        refuse(field.name, message)
    changed = replace(field, kind=kind, base_kind=None if kind == base else base)
    if not {kind, field.kind} <= {"number", "integer"}:
        changed = replace(changed, minimum=None, maximum=None, soft_minimum=None, soft_maximum=None)
    return changed if kind == "choice" else replace(changed, choices=(), unseen="refuse")


def _kind(kind: Kind) -> str:
    return {
        "number": "a number",
        "integer": "a whole number",
        "boolean": "yes or no",
        "choice": "a choice",
    }.get(kind, f"a {kind}")


def _is_zero_or_one(field: Field) -> bool:
    if field.kind == "choice":
        return all(choice.value in (0, 1) for choice in field.choices)
    low, high = field.soft_minimum, field.soft_maximum
    return (low is None or low in (0, 1)) and (high is None or high in (0, 1))


def _check_limits(field: Field) -> None:
    low, high, soft_low, soft_high = field.minimum, field.maximum, field.soft_minimum, field.soft_maximum
    if all(number is None for number in (low, high, soft_low, soft_high)):
        return
    if not _has_limits(field):
        refuse(field.name, f"{field.shown} is not a number, so it cannot have limits; take them away.")
    _check_order(field, low, high, "{name} cannot be at least {low} and at most {high}")
    _check_order(field, soft_low, soft_high, "The training range of {name} cannot go from {low} to {high}")
    for least, most in ((low, soft_low), (low, soft_high), (soft_low, high), (soft_high, high)):
        _check_order(
            field, least, most, "The training range of {name} is not inside its limits: {low}, {high}"
        )
    if field.kind == "integer" and low is not None and high is not None and -(-low // 1) > high // 1:
        refuse(field.name, f"There is no whole number between the limits of {field.shown}; widen them.")


def _has_limits(field: Field) -> bool:
    if field.kind == "tensor":
        return field.element in ("float", "integer")
    return field.kind in ("number", "integer")


def _check_order(field: Field, low: float | None, high: float | None, message: str) -> None:
    if low is not None and high is not None and low > high:
        text = message.format(name=field.shown, low=tidy(low, 15), high=tidy(high, 15))
        refuse(field.name, f"{text}; change one of them.")


def _check_choices(before: Field, field: Field) -> None:
    if field.kind != "choice":
        if field.choices:
            refuse(field.name, f"{field.shown} has no choices, because it takes {_kind(field.kind)}.")
        return
    if not field.choices and field.unseen == "refuse":
        refuse(field.name, f"{field.shown} needs at least one choice.")
    if field.choices == before.choices and before.kind == "choice":
        return
    _check_choice_types(before, field)
    twice = _twice(key_of(choice.value) for choice in field.choices)
    twice = twice or _twice(text_of(choice.value) for choice in field.choices)
    if twice is not None:
        value = twice[1] if isinstance(twice, tuple) else twice
        refuse(field.name, f"{field.shown} has the choice {quoted(value)} twice; remove one.")
    label = _twice(str(choice.shown) for choice in field.choices)
    if label is not None:
        refuse(field.name, f'Two choices of {field.shown} are called "{clean(str(label))}"; rename one.')


def _check_choice_types(before: Field, field: Field) -> None:
    """Choices have the types that the estimator knows: those of the choices before, or of the kind they narrow."""
    base = field.base_kind or field.kind
    known = {_type_name(choice) for choice in before.choices} or {"text", "number", "boolean"}
    wanted = {"number": {"number"}, "integer": {"number"}, "text": {"text"}}.get(base, known)
    whole = base == "integer" or (base == "choice" and _are_whole(before.choices))
    names = {"number": "whole numbers" if whole else "numbers", "text": "texts", "boolean": "true or false"}
    for choice in field.choices:
        if _type_name(choice) not in wanted or (whole and not _are_whole([choice])):
            allowed = " or ".join(names[name] for name in sorted(wanted))
            message = f"The choices of {field.shown} must be {allowed}; {quoted(choice.value)} is not."
            refuse(field.name, message)


def _are_whole(choices: Sequence[Choice]) -> bool:
    """False when a choice is a number with a fraction, and for no choices."""
    fractions = (isinstance(choice.value, float) and not choice.value.is_integer() for choice in choices)
    return bool(choices) and not any(fractions)


def _type_name(choice: Choice) -> str:
    key = key_of(choice.value)
    return key[0] if key else ""


def _twice(keys: Iterable[Hashable]) -> Any:
    """The first key that comes twice, or None."""
    return next((key for key, count in Counter(keys).items() if count > 1), None)


def _with_checked_values(field: Field, *, is_example_given: bool) -> Field:
    """The field with its default and example as its own check gives them back; an old example that fails goes."""
    if field.default is not None:
        field = replace(field, default=_checked(field, field.default, "default"))
    elif not field.required and not field.nullable:
        refuse(
            field.name,
            f"{field.shown} needs a default when it may be left out; give one or require the field.",
        )
    if field.example is not None:
        try:
            field = replace(field, example=_checked(field, field.example, "example"))
        except InvalidSignature:
            if is_example_given:
                raise
            field = replace(field, example=None)
    return field


def _checked(field: Field, value: Value, what: str) -> Value:
    bare = replace(field, required=True, nullable=False, default=None)
    alone = Signature(task="other", inputs=(bare,), outputs=())
    try:
        return Validator(alone).check_row([value]).values[0]
    except InvalidRows as error:
        message = f"The {what} of {field.shown} does not fit the field: {error.errors[0].message}"
        raise InvalidSignature(message, field=field.name) from None


def _edited_output(output: Output, edits: Mapping[str, Any] | None) -> Output:
    if not edits:
        return output
    changes = {
        str(key): cleaned(output.name, str(key), value, OUTPUT_CLEANERS) for key, value in edits.items()
    }
    if "classes" in changes:
        changes["classes"] = _classes(output, changes["classes"])
    return replace(output, **changes)


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
    twice = _twice(str(label) for label in labels_of(signature))
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
