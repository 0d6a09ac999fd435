"""Cases from any face, checked against the signature: the same value gets the same answer and the same error.

Prepared once per signature and shared by threads; nothing of a request stays in a Validator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from operator import itemgetter
from typing import Any

from predictions.errors import InvalidRequest, InvalidRows, TooLarge
from predictions.signature.checkers import checker_of, missing_message, quick_of
from predictions.signature.fields import Field, Signature
from predictions.signature.layering import layer_of
from predictions.signature.report import MAX_FAULTS, MAX_WARNINGS, Report
from predictions.signature.suggestions import suggestion
from predictions.signature.texts import ABSENT, reader_of
from predictions.signature.wording import clean
from predictions.values import CheckedRow, Value

__all__ = ["MAX_FAULTS", "MAX_WARNINGS", "Validator"]

MAX_LABEL = 120
"""A name that a message repeats is one printable line of this length."""

Row = Mapping[str, Value] | Sequence[Value]


class Validator:
    """Checks cases against one signature. Safe to share between threads."""

    __slots__ = (
        "_all_numbers",
        "_checks",
        "_fields",
        "_highs",
        "_kinds",
        "_layer",
        "_lows",
        "_names",
        "_order",
        "_pick",
        "_places",
        "_readers",
        "signature",
    )

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._layer = layer_of(signature)
        self._fields = tuple(
            replace(field, label=clean(field.shown, MAX_LABEL)) for field in signature.inputs
        )
        self._names = signature.names
        self._order = tuple(range(len(self._names)))
        self._places = {name: place for place, name in enumerate(self._names)}
        quick = [quick_of(field) for field in self._fields]
        self._kinds: tuple[Any, ...] = tuple(item.kind for item in quick)
        self._lows = tuple(item.low for item in quick)
        self._highs = tuple(item.high for item in quick)
        self._all_numbers = all(field.kind == "number" for field in self._fields)
        self._checks = tuple(checker_of(field) for field in self._fields)
        self._readers = tuple(reader_of(field) for field in self._fields)
        self._pick = itemgetter(*self._names) if len(self._names) > 1 else None

    def check_payload(self, inputs: object, *, max_rows: int) -> list[CheckedRow]:
        """What a partner sent as ``inputs``, as rows.

        Takes a list of objects by feature name, one such object, a list of lists in signature order, or one flat list
        in signature order. A list is one flat row when its first item is a value of the first field and not a row: a
        scalar or null, or nested lists exactly as deep as that field's tensor. A list of scalars is therefore always one
        row, also where the signature has a single input; several rows are ``[[1], [2]]``.

        Raises InvalidRequest (``no_rows``, ``invalid_request``), TooLarge (``too_many_rows``), and InvalidRows with
        every fault of every row in order, MAX_FAULTS at most.
        """
        rows = self._rows_of(inputs)
        if len(rows) > max_rows:
            limit = "one row" if max_rows == 1 else f"{max_rows:,} rows"
            raise TooLarge(
                f"{len(rows):,} rows were sent; send {limit} at most in one request.", code="too_many_rows"
            )
        report = Report()
        checked = []
        for place, row in enumerate(rows):
            report.row = place
            checked.append(self._checked(row, report))
        return self._done(checked, report)

    def check_row(self, values: Row, row: int = 0) -> CheckedRow:
        """One case, by feature name or in signature order. ``row`` is its number in errors. Raises InvalidRows."""
        report = Report(row)
        return self._done([self._checked(values, report)], report)[0]

    def check_texts(self, texts: Mapping[str, str], row: int = 0) -> CheckedRow:
        """One case as texts by feature name, from a form or a CSV line. Raises InvalidRows.

        An empty text is null for a nullable field and not given for any other. ``row`` is the case's number in errors.
        """
        report = Report(row)
        if len(texts) == len(self._names):
            try:
                cells = self._picked(texts)
            except KeyError:
                pass
            else:
                return self._done([self._checked_cells(cells, report)], report)[0]
        return self._done([self._partial(self._read(texts), report)], report)[0]

    def check_cells(self, cells: Sequence[str], row: int = 0) -> CheckedRow:
        """One case as texts in signature order: a CSV line whose columns are in place. Raises InvalidRows."""
        report = Report(row)
        if len(cells) != len(self._names):
            self._wrong_length(len(cells), report)
            raise InvalidRows(report.errors)
        return self._done([self._checked_cells(cells, report)], report)[0]

    def _done(self, checked: list[CheckedRow], report: Report) -> list[CheckedRow]:
        if self._layer is not None and not report.errors:
            self._layer.note(checked, report, report.row - len(checked) + 1)
        if report.errors:
            raise InvalidRows(report.errors)
        return checked

    def _rows_of(self, inputs: object) -> Sequence[Any]:
        if isinstance(inputs, Mapping):
            return [inputs]
        if inputs is None or (isinstance(inputs, list | tuple) and not inputs):
            raise InvalidRequest(
                'Send at least one row: {"inputs": [{"feature": value, …}]}.', code="no_rows", field="inputs"
            )
        if not isinstance(inputs, list | tuple):
            raise InvalidRequest(
                "Send the inputs as a list of rows, each an object by feature name.", field="inputs"
            )
        return [inputs] if self._is_flat(inputs) else inputs

    def _is_flat(self, inputs: Sequence[Any]) -> bool:
        first = inputs[0]
        if not isinstance(first, list | tuple | Mapping):
            return True
        rank = len(self._fields[0].shape) if self._fields and self._fields[0].kind == "tensor" else 0
        return rank > 0 and _depth_of(first, rank + 1) == rank

    def _picked(self, row: Mapping[str, Any]) -> Sequence[Any]:
        if self._pick is not None:
            picked: tuple[Any, ...] = self._pick(row)
            return picked
        return [row[name] for name in self._names]

    def _checked(self, row: Any, report: Report) -> CheckedRow:
        kind = type(row)
        if kind is dict and len(row) == len(self._names):
            try:
                return self._complete(self._picked(row), report)
            except KeyError:
                return self._partial(row, report)
        if kind is list or kind is tuple:
            if len(row) == len(self._names):
                return self._complete(row, report)
            return self._wrong_length(len(row), report)
        if isinstance(row, Mapping):
            return self._partial(row, report)
        raise InvalidRequest(
            f"Row {report.row + 1} is neither an object by feature name nor a list of values; send each row as one.",
            field="inputs",
        )

    def _complete(self, values: Sequence[Any], report: Report) -> CheckedRow:
        out = list(values)
        for place, value, kind, low, high in zip(
            self._order, values, self._kinds, self._lows, self._highs, strict=False
        ):
            if type(value) is not kind or not low <= value <= high:
                out[place] = self._checks[place](value, report)
        return CheckedRow(tuple(out), report.take_warnings())

    def _checked_cells(self, cells: Sequence[str], report: Report) -> CheckedRow:
        numbers = self._numbers(cells)
        if numbers is not None:
            return self._complete(numbers, report)
        try:
            values = [read(cell) for read, cell in zip(self._readers, cells, strict=True)]
        except (TypeError, AttributeError):
            return self._partial(self._read(dict(zip(self._names, cells, strict=True))), report)
        if ABSENT in values:
            given = zip(self._names, values, strict=True)
            return self._partial({name: value for name, value in given if value is not ABSENT}, report)
        return self._complete(values, report)

    def _numbers(self, cells: Sequence[str]) -> list[float] | None:
        """All cells as floats where every field is a number and every cell plainly one; None asks for a closer look."""
        if not self._all_numbers:
            return None
        try:
            values = list(map(float, cells))
            plain = "_" not in "".join(cells)
        except (ValueError, TypeError):
            return None
        return values if plain and isfinite(sum(values)) else None

    def _read(self, texts: Mapping[str, Any]) -> dict[str, Value]:
        """Values by name, unknown names as they are. A cell that a short CSV line does not have (None) is empty."""
        values: dict[str, Value] = {}
        for name, text in texts.items():
            place = self._places.get(name)
            if place is None:
                values[name] = text
                continue
            value = self._readers[place](text if isinstance(text, str) else "")
            if value is not ABSENT:
                values[name] = value
        return values

    def _partial(self, row: Mapping[str, Any], report: Report) -> CheckedRow:
        """A row with absent or unknown names, field by field so that faults come in the fields' order."""
        out: list[Value] = []
        absent = [field.name for field in self._fields if field.name not in row]
        for field, check in zip(self._fields, self._checks, strict=True):
            if field.name in row:
                out.append(check(row[field.name], report))
            else:
                out.append(_absent_value(field, check, report))
        if len(row) + len(absent) > len(self._fields):
            self._tell_unknown(row, absent, report)
        return CheckedRow(tuple(out), report.take_warnings())

    def _tell_unknown(self, row: Mapping[str, Any], absent: Sequence[str], report: Report) -> None:
        for name in row:
            if name not in self._places:
                shown = clean(str(name))
                hint = self._hint(str(name), absent, report)
                report.fail(shown, "unknown_feature", f'There is no input "{shown}"; {hint}.')

    def _hint(self, name: str, absent: Sequence[str], report: Report) -> str:
        if report.suggestions_left <= 0:
            return "remove it or correct its name"
        report.suggestions_left -= 1
        meant = suggestion(name, absent)
        if meant is not None:
            return f'write "{clean(meant)}" if you meant that'
        meant = suggestion(name, self._names)
        return f'remove it, "{clean(meant)}" is already given' if meant else "remove it or correct its name"

    def _wrong_length(self, length: int, report: Report) -> CheckedRow:
        wanted = len(self._names)
        message = (
            f"Give {wanted} value{'' if wanted == 1 else 's'} in the order of the inputs; {length} came."
        )
        if wanted == 1 and length > 1:
            message = f"Give 1 value for each row; {length} came. Write several rows as a list of lists."
        report.fail(None, "wrong_length", message)
        return CheckedRow(())


def _absent_value(field: Field, check: Any, report: Report) -> Value:
    if field.required:
        report.fail(field.name, "missing", missing_message(field))
        return None
    return None if field.default is None else check(field.default, report)


def _depth_of(value: Any, most: int) -> int:
    """How deeply lists are nested along the first elements; one more than can be when null comes first.

    Null is never an element of a tensor, so it tells a row with a missing value from a tensor.
    """
    depth = 0
    while isinstance(value, list | tuple) and value and depth < most:
        value = value[0]
        depth += 1
    if isinstance(value, list | tuple) and not value:
        depth += 1
    return most if value is None and depth else depth
