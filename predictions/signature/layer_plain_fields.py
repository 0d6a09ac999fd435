"""Fields and outputs as ``layer.yaml`` holds them: what differs from what the build found."""

from __future__ import annotations

from typing import Any

from predictions.signature.fields import ClassName, Field, Output
from predictions.signature.wording import text_of

Plain = dict[str, Any]

WORDS = ("label", "unit", "help", "group")
LIMITS = ("minimum", "maximum", "soft_minimum", "soft_maximum")
ALWAYS = (*WORDS, "order", *LIMITS, "choices", "unseen", "max_length", "shape", "element")
THEN = ("required", "nullable", "default", "example")
ONLY_FOR = {"choices": "choice", "unseen": "choice", "shape": "tensor", "element": "tensor"}


def plain_field(field: Field, start: Field | None, *, is_free: bool) -> Plain:
    """The properties that ``made_field`` (for a layer) or ``apply_edits`` need to make ``field`` from ``start``."""
    base = start or Field(name=field.name, kind=field.kind)
    is_another = start is None or field.kind != base.kind
    plain: Plain = {"kind": field.kind} if is_another else {}
    for key in (*ALWAYS, *THEN):
        if key in ONLY_FOR and field.kind != ONLY_FOR[key]:
            continue
        value, was = getattr(field, key), getattr(base, key)
        is_told = (
            start is not None and is_another and key in (*LIMITS, "choices", "unseen", "default", "example")
        )
        if is_told or _differs(value, was):
            plain[key] = _plain(key, value)
    if is_free or not (start is not None and is_another):
        return plain
    # An edit of a kind needs no limits where it cannot have any.
    return {
        key: value
        for key, value in plain.items()
        if key not in LIMITS or value is not None or field.kind in ("number", "integer")
    }


def _differs(value: Any, was: Any) -> bool:
    return bool(value != was) or repr(value) != repr(was)


def _plain(key: str, value: Any) -> Any:
    if key == "choices":
        return [
            {"value": choice.value, "label": choice.label} if choice.label else choice.value
            for choice in value
        ]
    return list(value) if key == "shape" else value


def plain_output(output: Output, was: Output | None) -> Plain:
    """The properties that ``apply_edits`` needs to make ``output`` from ``was``, or from one without any words."""
    base = was or Output(
        name=output.name, kind=output.kind, classes=tuple(ClassName(c.value) for c in output.classes)
    )
    plain: Plain = {
        key: getattr(output, key)
        for key in ("label", "unit", "help", "decimals", "threshold", "transform", "factor", "offset")
        if _differs(getattr(output, key), getattr(base, key))
    }
    if output.classes != base.classes:
        plain["classes"] = _plain_classes(output)
    return plain


def _plain_classes(output: Output) -> Any:
    by_text = {text_of(name.value): name.label for name in output.classes}
    if len(by_text) == len(output.classes):
        return by_text
    return [name.label for name in output.classes]
