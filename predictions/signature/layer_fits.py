"""Whether what a layer makes is what the model takes: once for its rules, and for each case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from predictions.errors import InvalidSignature
from predictions.signature.bounds import INT64_HIGH, INT64_LOW
from predictions.signature.choices import Kinds, key_of
from predictions.signature.expression_functions import Failed, Sort
from predictions.signature.fields import Field, Signature
from predictions.signature.layer import Expression, Made, MinMax, Standardise, Take, ValueMap
from predictions.signature.layer_order import sort_of_field
from predictions.signature.layer_rules import results_of
from predictions.signature.wording import clean, quoted
from predictions.values import Value

Cast = Callable[[Value], Value]

_TAKEN = {"number": "numbers", "text": "texts", "truth": "true or false"}


class Fit:
    """One column of the model. ``made`` gives a result as the runtime takes it, or raises Failed."""

    __slots__ = ("_field", "made")

    def __init__(self, field: Field, made: Cast) -> None:
        self._field = field
        self.made = made

    def check(self, made: Made, sort: Sort, signature: Signature) -> None:
        """Raises InvalidSignature where the rule can give what the model does not take."""
        wanted = sort_of_field(self._field)
        if "any" not in (wanted, sort) and (wanted == "text") != (sort == "text"):
            raise self._wrong(f"the model takes {_TAKEN[wanted]} here, and this gives {_TAKEN[sort]}")
        for value in results_of(made):
            try:
                self.made(value)
            except Failed as error:
                raise self._wrong(str(error)) from None
        source = None if isinstance(made.rule, Expression) else getattr(made.rule, "of", None)
        field = next((item for item in signature.inputs if item.name == source), None)
        if field is not None:
            self._check_source(made, field)

    def _check_source(self, made: Made, field: Field) -> None:
        takes_missing = self._field.nullable or self._field.may_be_missing
        if (
            isinstance(made.rule, Take | ValueMap | Standardise | MinMax)
            and field.nullable
            and not takes_missing
        ):
            name = clean(field.shown)
            raise self._wrong(
                f"{name} may be left empty, and the model needs a value; require {name}, "
                f"or make the column by coalesce({_written(field.name)}, …)"
            )
        if not isinstance(made.rule, Take):
            return
        if (field.kind == "tensor" or self._field.kind == "tensor") and field.shape != self._field.shape:
            raise self._wrong("the model takes lists of another shape here")
        for choice in field.choices if field.kind == "choice" else ():
            try:
                self.made(choice.value)
            except Failed as error:
                raise self._wrong(f"of {clean(field.shown)}, {error}") from None

    def _wrong(self, message: str) -> InvalidSignature:
        name = self._field.name
        return InvalidSignature(f"{clean(name)}: {message}.", field=name)


def _written(name: str) -> str:
    return clean(name) if name.isidentifier() else f"`{clean(name)}`"


def fit_of(field: Field) -> Fit:
    """What checks and casts the values of one column of the model."""
    casts: dict[str, Cast] = {
        "number": _as_number,
        "integer": _as_whole,
        "boolean": _as_truth,
        "text": _as_text,
        "tensor": lambda value: value,
    }
    cast = _choice_cast(field) if field.kind == "choice" else casts[field.kind]
    takes_missing = field.nullable or field.may_be_missing

    def made(value: Value) -> Value:
        if value is not None:
            return cast(value)
        if takes_missing:
            return None
        raise Failed("it has no value, and the model needs one")

    return Fit(field, made)


def _as_number(value: Any) -> Value:
    if isinstance(value, int | float):
        return float(value)
    raise Failed(f"the model takes a number, and {quoted(value)} is none")


def _as_whole(value: Any) -> Value:
    if isinstance(value, int | float) and value == int(value) and INT64_LOW <= value <= INT64_HIGH:
        return int(value)
    raise Failed(f"the model takes a whole number, and {quoted(value)} is none")


def _as_truth(value: Any) -> Value:
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    raise Failed(f"the model takes true or false, and {quoted(value)} is neither")


def _as_text(value: Any) -> Value:
    if isinstance(value, str) and value:
        return value
    raise Failed(f"the model takes a text, and {quoted(value)} is none")


def _choice_cast(field: Field) -> Cast:
    known = {key_of(choice.value): choice.value for choice in field.choices}
    kinds = Kinds(field.choices)
    if kinds.booleans and not kinds.numbers:
        known |= {("number", int(truth)): truth for truth in (True, False) if ("boolean", truth) in known}
    elif kinds.numbers and not kinds.booleans:
        known |= {
            ("boolean", truth): known[key]
            for truth in (True, False)
            if (key := ("number", int(truth))) in known
        }
    accepts_others = field.unseen == "warn"

    def cast(value: Value) -> Value:
        key = key_of(value)
        if key in known:
            return known[key]
        is_alike = kinds.texts if isinstance(value, str) else kinds.numbers
        if accepts_others and is_alike and key is not None:
            return value
        raise Failed(f"the model does not know {quoted(value)}")

    return cast
