"""One column of a file of cases at a time: which cells are plainly right, and what they stand for.

A cell that is not settled here is no fault yet: its row goes to the signature's validator, which has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from predictions.signature.checkers import checker_of, quick_of
from predictions.signature.fields import Field
from predictions.signature.report import Report
from predictions.signature.texts import ABSENT, reader_of
from predictions.values import Value

_MAX_KNOWN = 20_000

_floats = msgspec.json.Decoder(list[float]).decode
_integers = msgspec.json.Decoder(list[int]).decode


class _Unsettled:
    """A cell that the validator has to look at."""


UNSETTLED: Final = _Unsettled()

Column = Callable[[Sequence[str]], tuple[Sequence[Any], list[int]]]
"""From the cells of one input to its values and the numbers of the cells that are not settled."""


def column_of(field: Field) -> Column:
    """The reader of one input's cells. What it settles is what ``Validator.check_cells`` makes of the same text."""
    settle = _Settled(field)
    if field.kind not in ("number", "integer"):
        return settle.column
    decode = _floats if field.kind == "number" else _integers
    _kind, low, high = quick_of(field)
    empty_is_null = field.nullable and not field.required

    def column(cells: Sequence[str]) -> tuple[Sequence[Any], list[int]]:
        empty = [place for place, cell in enumerate(cells) if not cell] if "" in cells else []
        values = _decoded(decode, cells)
        if values is None:
            return settle.column(cells)
        unsettled = (
            []
            if low <= min(values) and max(values) <= high
            else [place for place, value in enumerate(values) if not low <= value <= high]
        )
        for place in empty:
            values[place] = None
        if not empty:
            return values, unsettled
        given = [place for place in unsettled if values[place] is not None]
        return values, given if empty_is_null else sorted({*given, *empty})

    return column


def _decoded(decode: Callable[[str], list[Any]], cells: Sequence[str]) -> list[Any] | None:
    """All cells at once as one JSON list, an empty one as 0: what JSON takes for a number, float() takes for the same.

    None when one of them is no such number, or holds a comma.
    """
    texts = [cell or "0" for cell in cells] if "" in cells else cells
    try:
        values = decode(f"[{','.join(texts)}]")
    except msgspec.DecodeError:
        return None
    if len(values) != len(cells):
        return None
    # JSON's -0 is a whole number, and so without a sign; everywhere else it is the float -0.0.
    return None if decode is _floats and 0.0 in values and any("-0" in cell for cell in cells) else values


def absent_value(field: Field) -> Value:
    """The value of an input that was not given; UNSETTLED when the validator must decide."""
    if field.required:
        return UNSETTLED
    return None if field.default is None else _Settled(field).checked(field.default)


class _Settled:
    """Any cell by the signature's own reader and checker; what is seen again is known."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._read = reader_of(field)
        self._check = checker_of(field)
        self._known: dict[str, Any] = {}

    def column(self, cells: Sequence[str]) -> tuple[Sequence[Any], list[int]]:
        """See ``Column``."""
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        known = self._known
        values = []
        for cell in cells:
            if cell not in known:
                known[cell] = self.settled(cell)
            values.append(known[cell])
        return values, [place for place, value in enumerate(values) if value is UNSETTLED]

    def settled(self, cell: str) -> Value:
        """The value, or UNSETTLED for whatever would need a word."""
        value = self._read(cell)
        return absent_value(self._field) if value is ABSENT else self.checked(value)

    def checked(self, value: Value) -> Value:
        """The value as the estimator gets it, or UNSETTLED."""
        report = Report()
        found = self._check(value, report)
        return UNSETTLED if report.errors or report.warnings else found
