"""Answers: from a runtime's numbers to named outputs, and from those to what pages and lists show."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from predictions.signature.fields import ClassName, Output, Signature
from predictions.signature.transforms import changer_of
from predictions.signature.wording import clean, tidy, with_unit
from predictions.values import RawAnswer, Scalar, Value

Outputs = dict[str, Any]

OUTCOME_LENGTH = 200
SHOWN_BARS = 10
GROUPED_FROM = 10_000
"""Whole thousands are set apart from here on: 214,500 but 8200."""
_OUTLIER_NAMES: dict[Scalar, str] = {-1: "anomaly", 1: "normal"}


def outputs_of(signature: Signature, raw: RawAnswer) -> Outputs:
    """One answer with names, as it is stored and sent; only what JSON can hold (NaN and infinity become null).

    Classification: ``label`` and, where the estimator has them, ``probabilities`` by label in class order.
    Regression: ``value``, a list when there are several targets. Outlier: ``label`` normal or anomaly, and ``score``.
    Clustering: ``label`` and, where there are any, ``probabilities``. Other: ``outputs`` by name. Where the signature
    changes answers, ``raw`` holds the label or value as the estimator gave it.
    """
    return namer_of(signature)(raw)


def namer_of(signature: Signature) -> Callable[[RawAnswer], Outputs]:
    """``outputs_of`` prepared for many answers of one signature."""
    if not signature.changes_answers:
        return _plain_namer_of(signature)
    name, changed = _plain_namer_of(signature), changer_of(signature)
    return lambda raw: {**name(changed(raw)), "raw": _raw_of(name(raw))}


def _raw_of(outputs: Outputs) -> Value:
    return next((outputs[key] for key in ("label", "value", "outputs") if key in outputs), None)


def _plain_namer_of(signature: Signature) -> Callable[[RawAnswer], Outputs]:
    labels = (
        tuple(_label_of(signature, value) for value in signature.main_output.classes)
        if signature.outputs
        else ()
    )
    keys = tuple(str(label) for label in labels)

    def name(raw: RawAnswer) -> Outputs:
        outputs: Outputs = {}
        if raw.class_index is not None:
            outputs["label"] = (
                labels[raw.class_index] if 0 <= raw.class_index < len(labels) else raw.class_index
            )
        if raw.probabilities is not None:
            shares = zip(keys, raw.probabilities, strict=False)
            outputs["probabilities"] = {key: _finite(share) for key, share in shares}
        if raw.value is not None or (signature.task == "regression" and raw.outputs is None):
            outputs["score" if "label" in outputs else "value"] = json_safe(raw.value)
        if raw.outputs is not None:
            outputs["outputs"] = json_safe(raw.outputs)
        return outputs

    return name


def _label_of(signature: Signature, name: ClassName) -> Scalar:
    if signature.task == "outlier" and not name.label and not isinstance(name.value, bool):
        return _OUTLIER_NAMES.get(name.value, name.value)
    return name.shown


def labels_of(signature: Signature) -> tuple[Scalar, ...]:
    """What ``label`` may be in this signature's answers, in class order."""
    if not signature.outputs:
        return ()
    return tuple(_label_of(signature, name) for name in signature.main_output.classes)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def json_safe(value: Value) -> Value:
    """The value with NaN and infinity as null, tuples as lists and keys as texts."""
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    return value


def outcome_of(outputs: Mapping[str, Any]) -> str:
    """The answer in a few words, for lists and filters: the label, or the number rounded; 200 characters at most."""
    if "label" in outputs:
        return clean(_words(outputs["label"]), OUTCOME_LENGTH)
    if "value" in outputs:
        return clean(_words(outputs["value"]), OUTCOME_LENGTH)
    named = outputs.get("outputs") or {}
    if len(named) == 1:
        return clean(_words(next(iter(named.values()))), OUTCOME_LENGTH)
    parts = (f"{name}: {_words(value)}" for name, value in list(named.items())[:10])
    return clean("; ".join(parts), OUTCOME_LENGTH)


def _words(value: Value) -> str:
    """A value in words, cut early: nothing longer than an outcome is ever put together."""
    if isinstance(value, list | tuple):
        return _list_in_words(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, int | float):
        return tidy(value)
    return str(value) if isinstance(value, str) else type(value).__name__


def _list_in_words(values: Sequence[Value]) -> str:
    if len(values) == 1:
        return _words(values[0])
    if any(isinstance(value, list | tuple) for value in values[:1]):
        return f"{len(values)} lists"
    shown = ", ".join(_words(value) for value in values[:10])
    return f"{shown}, …" if len(values) > 10 else shown


def score_of(outputs: Mapping[str, Any]) -> float | None:
    """One number to sort and filter by: the highest probability, else the outlier score, else the value."""
    return score_and_margin(outputs)[0]


def score_and_margin(outputs: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The score, and how far the highest probability lies above the next (0 where there is none).

    The margin is None without probabilities.
    """
    shares = outputs.get("probabilities")
    if shares:
        return _top_two(shares.values())
    for key in ("score", "value"):
        number = outputs.get(key)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return float(number), None
    return None, None


def _top_two(shares: Collection[Any]) -> tuple[float | None, float | None]:
    try:
        known = sorted(shares)
    except TypeError:
        # One of them is missing.
        known = []
    if len(known) < 2:
        known = sorted(share for share in shares if share is not None)
    if len(known) > 1:
        return known[-1], known[-1] - known[-2]
    return (known[0], known[0]) if known else (None, None)


def shown_value(signature: Signature, value: Value) -> str:
    """A number of the answer for a page: decimals and unit as the owner set them. A list gives them one by one."""
    if isinstance(value, list | tuple):
        outputs = (
            signature.outputs
            if len(signature.outputs) == len(value)
            else [signature.main_output] * len(value)
        )
        return ", ".join(
            _shown_target(output, item, len(signature.outputs) > 1)
            for output, item in zip(outputs, value, strict=True)
        )
    return _shown_number(signature.main_output, value)


def _shown_target(output: Output, value: Value, is_named: bool) -> str:
    shown = _shown_number(output, value)
    return f"{output.shown} {shown}" if is_named else shown


def _shown_number(output: Output, value: Value) -> str:
    if value is None:
        return "no value"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return with_unit(_grouped(value, output.decimals), output.unit)


def _grouped(number: float, decimals: int | None) -> str:
    if decimals is not None:
        text = f"{number:,.{decimals}f}" if abs(number) >= GROUPED_FROM else f"{number:.{decimals}f}"
        return text[1:] if text.startswith("-") and not any(digit in "123456789" for digit in text) else text
    text = tidy(number)
    if "e" in text or abs(number) < GROUPED_FROM:
        return text
    whole, point, fraction = text.partition(".")
    return f"{int(whole):,}{point}{fraction}"


def percent(share: float) -> str:
    """A probability for people; never 0% or 100% where that is not so."""
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share * 100:.1f}".removesuffix(".0") + "%"


def probability_bars(signature: Signature, outputs: Mapping[str, Any]) -> list[tuple[str, float, str]]:
    """Label, probability and its text, most probable first (ties in class order); beyond ten the rest is one bar."""
    del signature
    shares = outputs.get("probabilities") or {}
    known = [(label, float(share)) for label, share in shares.items() if share is not None]
    known.sort(key=lambda pair: -pair[1])
    bars = known
    if len(known) > SHOWN_BARS + 1:
        rest = known[SHOWN_BARS:]
        bars = [*known[:SHOWN_BARS], (f"{len(rest)} others", math.fsum(share for _, share in rest))]
    return [(label, share, percent(share)) for label, share in bars]
