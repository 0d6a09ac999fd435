"""Records of a file of cases against the signature, many at a time; doubtful ones one by one."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import msgspec
import numpy as np

from predictions.errors import InvalidRows
from predictions.services.score_columns import UNSETTLED, absent_value, column_of
from predictions.signature.case_records import plain_cells
from predictions.signature.checkers import quick_of
from predictions.signature.expression_functions import Failed
from predictions.signature.fields import Signature
from predictions.signature.layering import CompiledLayer, layer_of
from predictions.signature.validation import Validator
from predictions.values import CheckedRow, SoftWarning, Value

Array = np.ndarray[Any, Any]
Warnings = list[dict[str, str]]

_SIGNED_ZERO = re.compile(rb"-0(?![.0-9eE])")
"""JSON's -0 is a whole number, and so without a sign; everywhere else it is the float -0.0."""

_floats = msgspec.json.Decoder(list[float]).decode


@dataclass(slots=True)
class Checked:
    """What became of some records. ``rows``: the values of the accepted ones in signature order, a float64 table
    [n, inputs] where all are numbers. ``accepted`` and ``errors`` count in the records, ``warnings`` in ``rows``.
    ``model_rows``: the same rows as the estimator takes them, where a layer makes them others.
    ``shaped``: by record how to write one with another number of cells than the header, so that the answers stay
    below their names: missing cells are empty, what is too much joins the last cell.
    """

    rows: Sequence[Sequence[Value]] | Array
    accepted: Sequence[int]
    warnings: dict[int, Warnings] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    shaped: dict[int, str] = field(default_factory=dict)
    model_rows: Sequence[Sequence[Value]] | None = None


class Checker:
    """Prepared for the files of one header: ``places`` as in ``Layout``, ``width`` cells in each record."""

    def __init__(
        self, signature: Signature, places: Sequence[int | None], *, width: int, delimiter: str
    ) -> None:
        self._validator = Validator(signature)
        self._layer = layer_of(signature)
        self._names = signature.names
        self._places = tuple(places)
        self._width = width
        self._delimiter = delimiter
        self._separator = delimiter.encode()
        self._columns = [column_of(item) for item in signature.inputs]
        self._absent = [
            absent_value(item) if place is None else None
            for item, place in zip(signature.inputs, places, strict=True)
        ]
        quick = [quick_of(item) for item in signature.inputs]
        self._lows = np.array([item.low for item in quick], dtype=float)
        self._highs = np.array([item.high for item in quick], dtype=float)
        # All cells of all records as one JSON list only tells something when each of them is a number.
        self._is_table = (
            self._layer is None
            and None not in self._places
            and all(item.kind == "number" for item in signature.inputs)
        )
        self._in_order = self._places == tuple(range(width))

    def check(self, records: Sequence[bytes], cells: Sequence[list[str]] | None = None) -> Checked:
        """``cells`` where the records hold quotes and were read already."""
        table = self._table(records) if self._is_table and cells is None else None
        if table is not None:
            return self._checked_table(records, table)
        rows = [plain_cells(record, self._delimiter) for record in records] if cells is None else cells
        return self._checked_columns(rows)

    def _table(self, records: Sequence[bytes]) -> Array | None:
        separator, wanted = self._separator, self._width - 1
        if set(map(bytes.count, records, repeat(separator))) != {wanted}:
            return None
        joined = b",".join(records)
        if separator != b",":
            joined = joined.replace(separator, b",")
        try:
            flat = _floats(b"[%b]" % joined)
        except msgspec.DecodeError:
            return None
        if len(flat) != len(records) * self._width:
            return None
        table = np.array(flat).reshape(len(records), self._width)
        if not table.all() and b"-0" in joined and _SIGNED_ZERO.search(joined):
            return None
        return table if self._in_order else table[:, list(self._places)]  # type: ignore[index]

    def _checked_table(self, records: Sequence[bytes], table: Array) -> Checked:
        doubtful = np.flatnonzero(~((table >= self._lows) & (table <= self._highs)).all(axis=1)).tolist()
        cells = {place: plain_cells(records[place], self._delimiter) for place in doubtful}
        looked, errors = self._looked_at(cells)
        accepted: Sequence[int] = range(len(records))
        if errors:
            kept = np.ones(len(records), dtype=bool)
            kept[list(errors)] = False
            table, accepted = table[kept], np.flatnonzero(kept).tolist()
        return Checked(table, accepted, _warnings_of(looked, accepted), errors)

    def _checked_columns(self, rows: Sequence[list[str]]) -> Checked:
        width = self._width
        errors = {place: _wrong_width(len(row), width) for place, row in enumerate(rows) if len(row) != width}
        right = [place for place in range(len(rows)) if place not in errors] if errors else range(len(rows))
        shaped = {place: self._shaped(rows[place]) for place in errors}
        if not right:
            return Checked([], [], {}, errors, shaped)
        cells = list(zip(*(rows[place] for place in right), strict=True))
        columns: list[Sequence[Any]] = []
        unsettled: set[int] = set()
        for place, column, absent in zip(self._places, self._columns, self._absent, strict=True):
            if place is None:
                columns.append([absent] * len(right))
                unsettled.update(range(len(right)) if absent is UNSETTLED else ())
                continue
            values, open_cells = column(cells[place])
            columns.append(values)
            unsettled.update(open_cells)
        found: list[Sequence[Value]] = list(zip(*columns, strict=True))
        looked, faults = self._looked_at({right[place]: rows[right[place]] for place in sorted(unsettled)})
        errors |= faults
        kept = [place for place in range(len(right)) if right[place] not in faults]
        accepted = [right[place] for place in kept]
        values_of = [looked[right[place]].values if place in unsettled else found[place] for place in kept]
        if self._layer is not None:
            return self._layered(self._layer, values_of, accepted, looked, (errors, shaped))
        return Checked(values_of, accepted, _warnings_of(looked, accepted), errors, shaped)

    @staticmethod
    def _layered(
        layer: CompiledLayer,
        values_of: Sequence[Sequence[Value]],
        accepted: Sequence[int],
        looked: Mapping[int, CheckedRow],
        notes: tuple[dict[int, str], dict[int, str]],
    ) -> Checked:
        """The same with the model's rows; one that cannot be worked out is a fault."""
        errors, shaped = notes
        rows, kept, model_rows = [], [], []
        for place, values in zip(accepted, values_of, strict=True):
            try:
                model_rows.append(layer.row(values))
            except Failed:
                fault = layer.fault(values)
                errors[place] = fault[1] if fault else ""
                continue
            rows.append(values)
            kept.append(place)
        return Checked(rows, kept, _warnings_of(looked, kept), errors, shaped, model_rows)

    def _shaped(self, cells: Sequence[str]) -> str:
        last = self._width - 1
        row = [*cells, *[""] * (self._width - len(cells))]
        target = io.StringIO()
        writer = csv.writer(target, delimiter=self._delimiter, lineterminator="")
        writer.writerow([*row[:last], self._delimiter.join(row[last:])])
        return target.getvalue()

    def _looked_at(self, cells: Mapping[int, list[str]]) -> tuple[dict[int, CheckedRow], dict[int, str]]:
        """Rows that the validator judges: those it accepts, and the sentences about those it does not."""
        accepted: dict[int, CheckedRow] = {}
        errors: dict[int, str] = {}
        for place, row in cells.items():
            try:
                accepted[place] = self._judged(row)
            except InvalidRows as error:
                errors[place] = " ".join(fault.message for fault in error.errors)
        return accepted, errors

    def _judged(self, row: Sequence[str]) -> CheckedRow:
        if None not in self._places:
            return self._validator.check_cells([row[place] for place in self._places])  # type: ignore[index]
        given = zip(self._names, self._places, strict=True)
        return self._validator.check_texts({name: row[place] for name, place in given if place is not None})


def _warnings_of(looked: Mapping[int, CheckedRow], accepted: Sequence[int]) -> dict[int, Warnings]:
    """By number among the accepted rows."""
    warned = {place: row.warnings for place, row in looked.items() if row.warnings}
    if not warned:
        return {}
    numbers = {place: number for number, place in enumerate(accepted)}
    told = ((place, items) for place, items in sorted(warned.items()) if place in numbers)
    return {numbers[place]: [_told(item) for item in items] for place, items in told}


def _told(item: SoftWarning) -> dict[str, str]:
    # dataclasses.asdict() copies deeply, for ten times the time.
    return {"field": item.field, "code": item.code, "message": item.message}


def _wrong_width(cells: int, width: int) -> str:
    return (
        f"This line has {cells:,} cell{'' if cells == 1 else 's'} where the header has {width:,}; "
        "check its separators and quotes."
    )
