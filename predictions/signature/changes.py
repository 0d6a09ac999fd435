"""What differs between two states of a signature, in words for the revision history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from predictions.signature.fields import Choice, ClassName, Drawing, Field, Output, Signature
from predictions.signature.layer_words import layer_changes
from predictions.signature.wording import clean, quoted, tidy

_FIELD_WORDS = {
    "label": "label",
    "kind": "kind",
    "unit": "unit",
    "help": "help text",
    "group": "group",
    "order": "place on the page",
    "default": "default",
    "minimum": "minimum",
    "maximum": "maximum",
    "soft_minimum": "start of the training range",
    "soft_maximum": "end of the training range",
    "max_length": "longest text",
    "example": "example",
}
_OUTPUT_WORDS = {
    "label": "label",
    "unit": "unit",
    "help": "help text",
    "decimals": "decimals",
    "threshold": "threshold",
    "transform": "transform",
    "factor": "factor",
    "offset": "offset",
}
LONGEST_SHOWN = 40
MOST_CHOICES = 5


def changes_between(old: Signature, new: Signature) -> list[str]:
    """One sentence per change, inputs first, in the estimator's order. Empty when nothing differs."""
    before = {field.name: field for field in old.inputs}
    found: list[str] = []
    for field in new.inputs:
        if field.name in before:
            found += _field_changes(before[field.name], field)
        else:
            found.append(f"{field.name}: added.")
    kept = set(new.names)
    found += [f"{name}: removed." for name in old.names if name not in kept]
    outputs = {output.name: output for output in old.outputs}
    for output in new.outputs:
        if output.name in outputs:
            found += _output_changes(outputs[output.name], output)
        else:
            found.append(f"{output.name}: added.")
    names = {output.name for output in new.outputs}
    found += [f"{name}: removed." for name in outputs if name not in names]
    return found + layer_changes(old.layer, new.layer) + _drawing_changes(old.drawing, new.drawing)


def _field_changes(old: Field, new: Field) -> list[str]:
    found = _property_changes(old, new, _FIELD_WORDS)
    if old.required != new.required:
        found.append("must be given now." if new.required else "may be left out now.")
    if old.nullable != new.nullable:
        found.append("may be null now." if new.nullable else "cannot be null any more.")
    if old.unseen != new.unseen:
        refuses = new.unseen == "refuse"
        found.append(
            "an unknown choice is an error now." if refuses else "an unknown choice is a warning now."
        )
    found += _choice_changes(old.choices, new.choices)
    if (old.shape, old.element) != (new.shape, new.element):
        found.append("another shape.")
    return [f"{new.name}: {change}" for change in found]


def _property_changes(old: Field | Output, new: Field | Output, words: dict[str, str]) -> list[str]:
    found = []
    for key, word in words.items():
        was, now = getattr(old, key), getattr(new, key)
        if was != now or type(was) is not type(now):
            found.append(_change(word, was, now))
    return found


def _change(word: str, was: Any, now: Any) -> str:
    if was in ("", None):
        return f"{word} set to {_shown(now)}."
    if now in ("", None):
        return f"{word} {_shown(was)} taken away."
    return f"{word} changed from {_shown(was)} to {_shown(now)}."


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{clean(value, LONGEST_SHOWN)}"'
    if isinstance(value, float):
        return tidy(value, 15)
    return quoted(value)


def _choice_changes(old: Sequence[Choice], new: Sequence[Choice]) -> list[str]:
    was = {quoted(choice.value): choice.label for choice in old}
    now = {quoted(choice.value): choice.label for choice in new}
    found = _listed("choices added", [value for value in now if value not in was])
    found += _listed("choices removed", [value for value in was if value not in now])
    both = [value for value in now if value in was]
    found += _listed(
        "choices renamed", [_renamed(value, now[value]) for value in both if was[value] != now[value]]
    )
    if not found and list(was) != list(now):
        found.append("choices in another order.")
    return found


def _class_changes(old: Sequence[ClassName], new: Sequence[ClassName]) -> list[str]:
    was = {quoted(name.value): name.label for name in old}
    now = {quoted(name.value): name.label for name in new}
    if list(was) != list(now):
        return ["other classes."]
    return _listed(
        "classes renamed", [_renamed(value, now[value]) for value in now if was[value] != now[value]]
    )


def _renamed(value: str, label: str) -> str:
    return (
        f'{value} is called "{clean(label, LONGEST_SHOWN)}"' if label else f"{value} has no name of its own"
    )


def _listed(word: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    more = f" and {len(items) - MOST_CHOICES} more" if len(items) > MOST_CHOICES else ""
    return [f"{word}: {', '.join(items[:MOST_CHOICES])}{more}."]


def _output_changes(old: Output, new: Output) -> Iterable[str]:
    found = _property_changes(old, new, _OUTPUT_WORDS) + _class_changes(old.classes, new.classes)
    return [f"{new.name}: {change}" for change in found]


def _drawing_changes(old: Drawing | None, new: Drawing | None) -> list[str]:
    if old == new:
        return []
    if new is None:
        return ["The drawing pad was taken away."]
    return [f"The drawing pad has {new.rows} by {new.columns} cells from 0 to {tidy(new.maximum)}."]
