"""A layer at work: from what people gave to the model's columns, row by row. Prepared once for each revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from predictions.errors import InvalidSignature, ModelFailed
from predictions.signature.expression_functions import Failed
from predictions.signature.expressions import Name
from predictions.signature.fields import Signature
from predictions.signature.layer import Made
from predictions.signature.layer_fits import Fit, fit_of
from predictions.signature.layer_order import in_order, sources_of
from predictions.signature.layer_rules import part_of
from predictions.signature.report import Report
from predictions.signature.wording import clean, either
from predictions.values import CheckedRow, Value

Rows = Sequence[Sequence[Value]]
DERIVED_FAILED = "derived_failed"
MOST_NAMED = 4
"""Fields that a message names."""


class CompiledLayer:
    """Makes the model's rows. Safe to share between threads."""

    __slots__ = ("_columns", "_fields", "_names", "_steps", "_uses", "signature")

    def __init__(self, signature: Signature) -> None:
        """Raises InvalidSignature, whose ``field`` names the column, where the layer does not fit fields or model."""
        layer = signature.layer
        if layer is None:
            raise InvalidSignature("This signature has no layer.")
        self.signature = signature
        self._fields = signature.inputs
        made, self._uses = in_order(signature)
        sources: dict[str, Name] = sources_of(signature)
        self._steps: list[tuple[int, Callable[[Sequence[Value]], Value], str]] = []
        self._names: list[str] = []
        fits: Mapping[str, Fit] = {item.name: fit_of(item) for item in layer.model_inputs}
        places: dict[str, int] = {}
        width = len(signature.inputs)
        for number, (item, is_column) in enumerate(made):
            part = _part(item, sources, signature)
            if is_column:
                fits[item.name].check(item, part.sort, signature)
                places[item.name] = width + number
            sources.setdefault(item.name, Name(width + number, part.sort))
            self._steps.append((width + number, part.run, item.name))
            self._names.append(item.name)
        self._columns = [(places[item.name], fits[item.name].made, item.name) for item in layer.columns]

    def row(self, values: Sequence[Value]) -> tuple[Value, ...]:
        """The model's columns for one checked case. Raises Failed, whose ``args`` are the column and why."""
        env: list[Value] = [*values, *[None] * len(self._steps)]
        name = ""
        try:
            for place, run, name in self._steps:  # noqa: B007
                env[place] = run(env)
            out = []
            for place, made, name in self._columns:  # noqa: B007
                out.append(made(env[place]))
        except Failed as error:
            raise Failed(name, str(error)) from None
        return tuple(out)

    def rows(self, rows: Rows) -> list[tuple[Value, ...]]:
        """The model's rows. Raises ModelFailed for the first that cannot be worked out; doors told of it before."""
        try:
            return [self.row(row) for row in rows]
        except Failed as error:
            name, why = error.args
            raise ModelFailed(self._message(name, why, ()), code=DERIVED_FAILED) from None

    def note(self, checked: Sequence[CheckedRow], report: Report, first: int) -> None:
        """Note in ``report`` every row that has no columns; ``first`` is the number of the first row."""
        for number, row in enumerate(checked, first):
            fault = self.fault(row.values)
            if fault is not None:
                report.row = number
                report.fail(fault[0], DERIVED_FAILED, fault[1])

    def fault(self, values: Sequence[Value]) -> tuple[str | None, str] | None:
        """The field to change and the sentence about it, when the columns of this case cannot be worked out."""
        try:
            self.row(values)
        except Failed as error:
            name, why = error.args
            places = self._uses[name]
            empty = [place for place in places if values[place] is None]
            field = self._fields[(empty or places)[0]].name if places else None
            return field, self._message(name, why, values)
        return None

    def _message(self, name: str, why: str, values: Sequence[Value]) -> str:
        places = self._uses[name]
        empty = [place for place in places if values and values[place] is None]
        shown = either([clean(self._fields[place].shown) for place in (empty or places)[:MOST_NAMED]])
        if empty:
            return f'"{clean(name)}" cannot be worked out: give a value for {shown}.'
        advice = f"; change {shown}" if shown else ""
        return f'"{clean(name)}" cannot be worked out: {why}{advice}.'


def _part(made: Made, sources: Mapping[str, Name], signature: Signature) -> Any:
    try:
        return part_of(made, sources, signature)
    except InvalidSignature as error:
        if error.field is not None:
            raise
        raise InvalidSignature(f"{clean(made.name)}: {error.message}", field=made.name) from None


def layer_of(signature: Signature) -> CompiledLayer | None:
    """The signature's layer ready to be used; None without one. Keep it: preparing takes longer than a row."""
    return None if signature.layer is None else CompiledLayer(signature)
