"""The form an owner edits fields and class names with: signature to texts, texts to edits."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from predictions.signature.fields import Field, Output, Signature
from predictions.values import Scalar

TEXTS = ("label", "unit", "help", "group")
LIMITS = ("minimum", "maximum", "soft_minimum", "soft_maximum")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One input as the editor shows it; ``index`` is its place in the estimator's order."""

    index: int
    field: Field
    texts: Mapping[str, str]
    required: bool
    warns_unseen: bool
    error: str = ""

    @property
    def has_limits(self) -> bool:
        return self.field.kind in ("number", "integer")

    @property
    def takes_words(self) -> bool:
        return self.field.kind in ("number", "integer")

    @property
    def has_choices(self) -> bool:
        return self.field.kind == "choice"


@dataclass(frozen=True, slots=True)
class OutputRow:
    """One output as the editor shows it."""

    index: int
    output: Output
    texts: Mapping[str, str]
    classes: tuple[tuple[str, str, str], ...]
    """Form key, estimator's value, owner's name of each class."""
    error: str = ""

    @property
    def takes_threshold(self) -> bool:
        return self.output.probabilities and len(self.output.classes) == 2

    @property
    def second_class(self) -> str:
        return str(self.output.classes[1].shown)


def field_rows(
    signature: Signature, posted: Mapping[str, str] | None, wrong: tuple[str, str] | None
) -> list[FieldRow]:
    """Rows in the order of the page; what was posted is kept. ``wrong``: name and message of the refused one."""
    rows = []
    for index, field in enumerate(signature.inputs):
        texts = _field_texts(field)
        if posted is not None:
            texts = {key: posted.get(_key("in", index, key), text) for key, text in texts.items()}
        rows.append(
            FieldRow(
                index=index,
                field=field,
                texts=texts,
                required=field.required if posted is None else _key("in", index, "required") in posted,
                warns_unseen=field.unseen == "warn"
                if posted is None
                else _key("in", index, "unseen") in posted,
                error=wrong[1] if wrong and wrong[0] == field.name else "",
            )
        )
    return sorted(rows, key=lambda row: row.field.order)


def output_rows(
    signature: Signature, posted: Mapping[str, str] | None, wrong: tuple[str, str] | None
) -> list[OutputRow]:
    """One row per output; what was posted is kept."""
    rows = []
    for index, output in enumerate(signature.outputs):
        texts = {
            "label": output.label,
            "unit": output.unit,
            "help": output.help,
            "decimals": _shown(output.decimals),
            **_change_texts(output),
        }
        classes = []
        for place, name in enumerate(output.classes):
            key = _key("out", index, f"class-{place}")
            classes.append(
                (key, str(name.value), name.label if posted is None else posted.get(key, name.label))
            )
        if posted is not None:
            texts = {key: posted.get(_key("out", index, key), text) for key, text in texts.items()}
        error = wrong[1] if wrong and wrong[0] == output.name else ""
        rows.append(OutputRow(index=index, output=output, texts=texts, classes=tuple(classes), error=error))
    return rows


def edits_from(signature: Signature, posted: Mapping[str, str]) -> dict[str, Any]:
    """What the posted form changes, as ``apply_edits`` takes it; untouched values are left out."""
    inputs = {}
    for index, field in enumerate(signature.inputs):
        changed = _field_edits(field, index, posted)
        if changed:
            inputs[field.name] = changed
    outputs = {}
    for index, output in enumerate(signature.outputs):
        changed = _output_edits(output, index, posted)
        if changed:
            outputs[output.name] = changed
    return {key: value for key, value in (("inputs", inputs), ("outputs", outputs)) if value}


def _field_edits(field: Field, index: int, posted: Mapping[str, str]) -> dict[str, Any]:
    before = _field_texts(field)
    after = {key: posted.get(_key("in", index, key), text).strip() for key, text in before.items()}
    edits: dict[str, Any] = {}
    for key, text in after.items():
        if text != before[key].strip():
            edits[key] = _edited(field, key, text)
    edits = _with_kind(field, edits)
    if f"in-{index}-label" not in posted:
        return edits
    required = _key("in", index, "required") in posted
    if required != field.required:
        edits["required"] = required
    unseen = "warn" if _key("in", index, "unseen") in posted else "refuse"
    if field.kind == "choice" and unseen != field.unseen:
        edits["unseen"] = unseen
    return edits


def _with_kind(field: Field, edits: dict[str, Any]) -> dict[str, Any]:
    """Words for the numbers of a field make it a choice; taking all of them away makes it a number again."""
    if "words" in edits:
        words = edits.pop("words")
        limits = {key: None for key in LIMITS if getattr(field, key) is not None}
        return {**edits, **limits, "kind": "choice", "choices": words}
    if edits.get("choices") == [] and field.base_kind is not None:
        return {**{key: value for key, value in edits.items() if key != "choices"}, "kind": field.base_kind}
    return edits


def _edited(field: Field, key: str, text: str) -> Any:
    if key in TEXTS:
        return text
    if key in ("choices", "words"):
        return _choices(field, text)
    if text == "":
        return None
    if key == "order":
        return _number(text, whole=True)
    if key in LIMITS:
        return _number(text)
    return _typed(field, text)


def _output_edits(output: Output, index: int, posted: Mapping[str, str]) -> dict[str, Any]:
    edits: dict[str, Any] = {}
    for key in ("label", "unit", "help"):
        text = posted.get(_key("out", index, key), getattr(output, key)).strip()
        if text != getattr(output, key):
            edits[key] = text
    decimals = posted.get(_key("out", index, "decimals"), _shown(output.decimals)).strip()
    if decimals != _shown(output.decimals):
        edits["decimals"] = _number(decimals, whole=True) if decimals else None
    for key, shown in _change_texts(output).items():
        text = posted.get(_key("out", index, key), shown).strip()
        if text != shown:
            edits[key] = text if key == "transform" else _number(text) if text else None
    before = [name.label for name in output.classes]
    after = [
        posted.get(_key("out", index, f"class-{place}"), label).strip() for place, label in enumerate(before)
    ]
    if after != before:
        edits["classes"] = after
    return edits


def _change_texts(output: Output) -> dict[str, str]:
    """What is done to the answer, as the editor shows it; nothing is empty."""
    return {
        "threshold": _shown(output.threshold),
        "transform": output.transform,
        "factor": "" if output.factor == 1 else _shown(output.factor),
        "offset": "" if output.offset == 0 else _shown(output.offset),
    }


def _field_texts(field: Field) -> dict[str, str]:
    texts = {key: str(getattr(field, key)) for key in TEXTS}
    texts["order"] = str(field.order)
    texts["default"] = _shown(field.default)
    if field.kind != "tensor":
        texts["example"] = _shown(field.example)
    if field.kind in ("number", "integer"):
        texts |= {key: _shown(getattr(field, key)) for key in LIMITS}
    if field.kind in ("number", "integer"):
        texts["words"] = ""
    if field.kind == "choice":
        texts["choices"] = "\n".join(
            f"{choice.value} = {choice.label}" if choice.label else str(choice.value)
            for choice in field.choices
        )
    return texts


def _choices(field: Field, text: str) -> list[dict[str, Scalar]]:
    """Lines ``value = label`` or ``value``; a value keeps the type it has now, a new one takes the others' type."""
    known = {str(choice.value): choice for choice in field.choices}
    kind = (
        type(field.choices[0].value)
        if field.choices
        else {"number": float, "integer": int}.get(field.kind, str)
    )
    choices = []
    for line in text.splitlines():
        value, _, label = line.partition(" = ")
        value, label = value.strip(), label.strip()
        if value:
            typed = known[value].value if value in known else _as(kind, value)
            choices.append({"value": typed, "label": label})
    return choices


def _as(kind: type, text: str) -> Scalar:
    with contextlib.suppress(ValueError):
        if kind in (int, float):
            number = float(text)
            return int(number) if number.is_integer() else number
    return text


def _typed(field: Field, text: str) -> Any:
    """A default as JSON would hold it; what does not fit goes on as text and is refused by the field itself."""
    if field.kind in ("number", "integer"):
        return _number(text, whole=field.kind == "integer")
    if field.kind == "boolean":
        return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}.get(
            text.lower(), text
        )
    if field.kind == "choice":
        return next(
            (choice.value for choice in field.choices if text in (str(choice.value), choice.label)), text
        )
    return text


def _number(text: str, *, whole: bool = False) -> Any:
    with contextlib.suppress(ValueError):
        return int(text) if whole else float(text)
    return text


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _key(side: str, index: int, name: str) -> str:
    return f"{side}-{index}-{name}"
