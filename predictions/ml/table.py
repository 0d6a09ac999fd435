"""Read a sample CSV as people save it: any delimiter, encoding or kind of missing value."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from predictions.errors import BadModelFile
from predictions.portable import Literal, Value

ColumnKind = Literal["number", "integer", "boolean", "choice", "text", "empty"]

MISSING_WORDS = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "nat", "-nan", "1.#qnan"})
"""What pandas reads as missing (pandas.read_csv, na_values), compared without case."""

MOST_CHOICES = 50
MOST_BYTES = 64 * 2**20
INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
LEADING_ZERO = re.compile(r"[+-]?0\d+")
DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?")
TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Column:
    """One column: ``raw`` texts as in the file (None where missing) and ``values`` as ``kind`` says."""

    name: str
    kind: ColumnKind
    raw: tuple[str | None, ...]
    values: tuple[Value, ...]

    @property
    def present(self) -> list[Value]:
        """The values that are there."""
        return [value for value in self.values if value is not None]

    @property
    def missing(self) -> int:
        """How many are missing."""
        return self.values.count(None)

    @property
    def minimum(self) -> float | None:
        """Smallest number; None for columns of other kinds."""
        return min(self.present) if self.kind in ("number", "integer") else None

    @property
    def maximum(self) -> float | None:
        """Largest number; None for columns of other kinds."""
        return max(self.present) if self.kind in ("number", "integer") else None

    @property
    def categories(self) -> tuple[str, ...]:
        """Distinct texts in alphabetical order; empty unless ``kind`` is "choice"."""
        return tuple(sorted(set(self.present))) if self.kind == "choice" else ()


@dataclass(frozen=True)
class Table:
    """A sample: its columns by name, all of the same length."""

    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return len(self.columns[0].values)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in the file's order."""
        return tuple(column.name for column in self.columns)

    def find(self, name: str) -> Column | None:
        """The column of that name; failing that the only one whose name differs in spaces and case alone."""
        for column in self.columns:
            if column.name == name:
                return column
        close = [column for column in self.columns if _plain(column.name) == _plain(name)]
        return close[0] if len(close) == 1 else None

    @property
    def example(self) -> dict[str, Value]:
        """The first of the rows with the fewest missing values."""
        holes = [sum(column.values[row] is None for column in self.columns) for row in range(self.rows)]
        best = holes.index(min(holes))
        return {column.name: column.values[best] for column in self.columns}


def read_table(path: Path, *, max_rows: int = 2000) -> Table:
    """The first ``max_rows`` rows of a CSV. Raises BadModelFile ``bad_sample`` when it is not a table with a header."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES)
    text = _decoded(data)
    if not text.strip():
        raise _bad("The sample file is empty; bring a CSV with a header and at least one row.")
    delimiter = _delimiter(text)
    header, rows = _records(text, delimiter, max_rows)
    columns = []
    for place, name in enumerate(header):
        if name or any(row[place].strip() for row in rows):
            raw = [None if row[place].strip().lower() in MISSING_WORDS else row[place] for row in rows]
            columns.append(column_of(name or f"column_{place + 1}", raw, decimal_comma=delimiter != ","))
    if not columns:
        raise _bad("The sample file has no named columns; the first line must name them.")
    return Table(tuple(columns))


def _decoded(data: bytes) -> str:
    if b"\x00" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _bad("The sample is not a text file; save the table as CSV (UTF-8).")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) == MOST_BYTES and error.start > len(data) - 4:
            return data[: error.start].decode("utf-8-sig")
    return data.decode("cp1252", errors="replace")


def _delimiter(text: str) -> str:
    best, most = ",", 0
    for candidate in (",", ";", "\t", "|"):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=candidate)
        try:
            widths = {len(row) for row in islice(reader, 20) if row}
        except csv.Error:
            continue
        steady = min(widths, default=1) - 1
        if steady > most:
            best, most = candidate, steady
    return best


def _records(text: str, delimiter: str, max_rows: int) -> tuple[list[str], list[list[str]]]:
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        header = [name.lstrip("\ufeff") for name in next(reader)]
        rows = [row for row in islice(reader, max_rows) if any(cell.strip() for cell in row)]
    except (csv.Error, StopIteration) as error:
        raise _bad(
            "The sample cannot be read as a table; save it as CSV (UTF-8) with a header line."
        ) from error
    if not rows:
        raise _bad("The sample has a header but no rows; add at least one row.")
    for number, row in enumerate(rows, start=2):
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            raise _bad(
                f"Line {number} of the sample has more values than the header has names; correct that line."
            )
    twice = {name for name in header if name and header.count(name) > 1}
    if twice:
        raise _bad(f"The sample has two columns named {min(twice)!r}; rename one of them.")
    width = len(header)
    return header, [(row + [""] * width)[:width] for row in rows]


def column_of(name: str, raw: Sequence[str | None], *, decimal_comma: bool = False) -> Column:
    """Decide what a column holds from its texts and read them so."""
    there = [item.strip() for item in raw if item is not None]
    kind = _kind(there, decimal_comma)

    def value(item: str | None) -> Value:
        if item is None:
            return None
        if kind == "integer":
            return int(item)
        if kind == "number":
            return _number(item, decimal_comma)
        if kind == "boolean":
            return TRUTH[item.strip().lower()]
        return item

    return Column(name, kind, tuple(raw), tuple(value(item) for item in raw))


def _kind(there: Sequence[str], decimal_comma: bool) -> ColumnKind:
    if not there:
        return "empty"
    if all(item.lower() in TRUTH for item in there):
        return "boolean"
    if all(INTEGER.fullmatch(item) for item in there):
        return "integer"
    if not any(LEADING_ZERO.fullmatch(item) for item in there) and all(
        _number(item, decimal_comma) is not None for item in there
    ):
        return "number"
    distinct = len(set(there))
    few = distinct <= max(2, len(there) // 2)
    return "choice" if distinct <= MOST_CHOICES and few and max(map(len, there)) <= 100 else "text"


def _number(item: str, decimal_comma: bool) -> float | None:
    text = item.strip()
    if decimal_comma and DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        found = float(text)
    except ValueError:
        return None
    return found if found - found == 0 and "_" not in text else None


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _bad(message: str) -> BadModelFile:
    return BadModelFile(message, code="bad_sample")
