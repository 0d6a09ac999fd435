"""What happens to a runtime's answers before people get them: a threshold, an inverse transform, a factor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from predictions.signature.fields import Output, Signature
from predictions.values import RawAnswer, Value

_WORK: Mapping[str, Callable[[float], float]] = {
    "": lambda x: x,
    "exp": math.exp,
    "expm1": math.expm1,
    "exp10": lambda x: 10.0**x,
    "square": lambda x: x * x,
}


def changer_of(signature: Signature) -> Callable[[RawAnswer], RawAnswer]:
    """A function from the estimator's answer to the one that is given; a number that grows too large is missing."""
    threshold = signature.main_output.threshold
    changers = [_number_changer(output) for output in signature.outputs]
    names = [output.name for output in signature.outputs]

    def change(raw: RawAnswer) -> RawAnswer:
        if raw.class_index is not None:
            return raw if threshold is None else _decided(raw, threshold)
        if raw.outputs is not None:
            given = raw.outputs
            found = {
                name: work(given[name]) for name, work in zip(names, changers, strict=True) if name in given
            }
            return RawAnswer(outputs={**given, **found})
        value: Any = raw.value
        if isinstance(value, list | tuple) and len(value) == len(changers):
            return RawAnswer(value=[work(item) for work, item in zip(changers, value, strict=True)])
        return RawAnswer(value=changers[0](value))

    return change


def _decided(raw: RawAnswer, threshold: float) -> RawAnswer:
    shares = raw.probabilities
    if shares is None or len(shares) != 2:
        return raw
    return RawAnswer(class_index=int(shares[1] >= threshold), probabilities=shares)


def _number_changer(output: Output) -> Callable[[Value], Value]:
    work, factor, offset = _WORK[output.transform], output.factor, output.offset

    def change(value: Value) -> Value:
        if isinstance(value, list | tuple):
            return [change(item) for item in value]
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        try:
            found = work(value)
            found = found * factor + offset
        except OverflowError:
            return None
        return found if math.isfinite(found) else None

    return change
