"""The model card as pages show it. Owners write cards freely, so every entry may be absent or odd."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from predictions.signature.fields import Choice, Field, Signature
from predictions.signature.wording import with_unit
from predictions.web.form_fields import range_text, shape_text

MAX_CLASSES_NAMED = 4
MAX_CHOICES_LISTED = 30
BRIEF = 40

TEXTS = {
    "task": ("task", "question"),
    "source": ("source", "data", "dataset"),
    "license": ("license", "licence"),
    "attribution": ("attribution", "citation"),
    "intended_use": ("intended_use", "use"),
    "limits": ("limits", "limitations", "caveats", "out_of_scope"),
    "equation": ("equation",),
    "note": ("note",),
    "title": ("title",),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """How good it is: a name, a number with what it means, and what it was measured on."""

    name: str
    value: str
    measured_on: str
    help: str = ""

    @property
    def brief_note(self) -> str:
        """What it was measured on, where that is short enough for a card."""
        return self.measured_on if len(self.measured_on) <= BRIEF else ""


def metric_lines(*sources: Any) -> list[Metric]:
    """Metrics out of a version's list, or else out of the card's; the first is the one that matters most."""
    for source in sources:
        listed = source.get("metrics") if isinstance(source, Mapping) else source
        if isinstance(listed, Mapping):
            listed = [{"name": name, "value": value} for name, value in listed.items()]
        if isinstance(listed, Sequence) and not isinstance(listed, str) and listed:
            return [_metric(item) for item in listed if isinstance(item, Mapping) and "value" in item]
    return []


def card_texts(card: Mapping[str, Any]) -> dict[str, str]:
    """The entries of the card that are texts, by the name the page uses."""
    found: dict[str, str] = {}
    for name, keys in TEXTS.items():
        for key in keys:
            value = card.get(key)
            if isinstance(value, list) and all(isinstance(part, str) for part in value):
                value = "\n".join(value)
            if isinstance(value, str) and value.strip():
                found[name] = value.strip()
                break
    return found


def license_link(card: Mapping[str, Any]) -> str:
    """Where the license can be read, in either spelling of the word."""
    return safe_link(card.get("license_url") or card.get("licence_url"))


def safe_link(address: Any) -> str:
    """The address when it leads to a web page; an empty text for anything that could run in the reader's browser."""
    if not isinstance(address, str):
        return ""
    try:
        return address if urlsplit(address).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def question_of(task: str | None, outputs: Sequence[Mapping[str, Any]]) -> str:
    """What it answers, in a few words: the classes by name, or the value with its unit."""
    if not outputs:
        return ""
    output = outputs[0]
    label = str(output.get("label") or output["name"].replace("_", " "))
    classes = [str(item.get("label") or item["value"]) for item in output.get("classes", ())]
    if classes:
        named = ", ".join(classes[:MAX_CLASSES_NAMED])
        if len(classes) > MAX_CLASSES_NAMED:
            named = _("%(named)s and %(count)s more") % {
                "named": named,
                "count": len(classes) - MAX_CLASSES_NAMED,
            }
        return _("%(label)s: %(classes)s") % {"label": label, "classes": named}
    unit = output.get("unit")
    return f"{label} ({unit})" if unit else label


def task_text(signature: Signature) -> str:
    """The kind of task in words."""
    return {
        "classification": _("Sorts a case into one of its classes"),
        "regression": _("Estimates a number"),
        "outlier": _("Tells usual cases from unusual ones"),
        "clustering": _("Puts a case into a group of similar ones"),
    }.get(signature.task, _("Computes its outputs from its inputs"))


def _metric(item: Mapping[str, Any]) -> Metric:
    raw = item["value"]
    name = str(item.get("label") or item.get("name") or "").replace("_", " ")
    return Metric(
        name=name[:1].upper() + name[1:],
        value=_figure(raw, item),
        measured_on=str(item.get("measured_on") or item.get("on") or item.get("note") or ""),
        help=str(item.get("help") or ""),
    )


def _figure(raw: Any, item: Mapping[str, Any]) -> str:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return str(raw)
    unit = str(item.get("unit") or "")
    if unit == "%" or (not unit and "accuracy" in str(item.get("name", "")).lower() and 0 <= raw <= 1):
        share = raw if unit == "%" else raw * 100
        return f"{number_format(share, 1)}%"
    short = float(f"{raw:.4g}")
    text = number_format(int(short) if short.is_integer() and abs(short) < 1e15 else short)
    return f"{text} {unit}" if unit else text


@dataclass(frozen=True, slots=True)
class InputLine:
    """One input in the table of the API and About tabs."""

    name: str
    label: str
    kind: str
    requirement: str
    allowed: str
    training: str
    choices: tuple[str, ...]
    choices_left: int
    help: str


def input_lines(signature: Signature) -> list[InputLine]:
    """Every input in the page's order."""
    return [_input_line(field) for field in signature.shown_inputs]


def parity_text(report: Any) -> str:
    """How the served artifact compared with the original library, in one sentence; empty when nothing was compared."""
    parity = report.get("parity") if isinstance(report, Mapping) else None
    if not isinstance(parity, Mapping) or not isinstance(parity.get("rows"), int):
        return ""
    count = number_format(parity["rows"])
    if parity.get("verdict") != "equal":
        return _("Differed on some of %(count)s compared rows; the original itself answers.") % {
            "count": count
        }
    largest = parity.get("largest_difference")
    if not largest:
        return _("The same answer on all %(count)s compared rows.") % {"count": count}
    return _("The same answer on all %(count)s compared rows; largest difference %(largest)s.") % {
        "count": count,
        "largest": f"{largest:.1e}",
    }


def _input_line(field: Field) -> InputLine:
    listed = field.choices[:MAX_CHOICES_LISTED]
    return InputLine(
        name=field.name,
        label=field.shown,
        kind=_kind(field),
        requirement=_requirement(field),
        allowed=_range(field.minimum, field.maximum, field.unit),
        training=_range(field.soft_minimum, field.soft_maximum, field.unit),
        choices=tuple(_choice(choice) for choice in listed),
        choices_left=len(field.choices) - len(listed),
        help=field.help,
    )


def _kind(field: Field) -> str:
    words = {
        "number": _("number"),
        "integer": _("whole number"),
        "boolean": _("true or false"),
        "choice": _("one of"),
        "text": _("text"),
    }
    if field.kind == "tensor":
        return _("tensor of %(shape)s") % {"shape": shape_text(field)}
    return words[field.kind]


def _requirement(field: Field) -> str:
    if field.nullable and field.required:
        return _("required, may be null")
    if field.required:
        return _("required")
    return _("optional")


def _choice(choice: Choice) -> str:
    value = json.dumps(choice.value, ensure_ascii=False)
    return f"{value} ({choice.label})" if choice.label and choice.label != str(choice.value) else value


def _range(low: float | None, high: float | None, unit: str) -> str:
    text = range_text(low, high)
    return with_unit(text, unit) if text else ""
