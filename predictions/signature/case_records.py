"""The records of a file of cases. A line ends at a line feed, a record at the end of a line outside quotes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

MAX_CELL = 10_000_000
"""Characters in one cell; a quote that is never closed would make the rest of the file one cell."""


def quoted_records(lines: Iterable[bytes], delimiter: str) -> Iterator[tuple[list[str], bytes]]:
    """Cells and bytes of each record, read line by line and no further than asked; no cells for a blank line.

    Raises csv.Error for a cell of more than ``MAX_CELL`` characters, UnicodeDecodeError.
    """
    csv.field_size_limit(MAX_CELL)
    taken: list[bytes] = []

    def texts() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield _smooth(line.decode())

    for cells in csv.reader(texts(), delimiter=delimiter):
        record = b"".join(taken)
        taken.clear()
        yield cells, record


def plain_records(data: bytes) -> list[bytes]:
    """The records of bytes without quotes, without their line ends; blank lines are none."""
    lines = data.split(b"\n")
    if b"\r" in data:
        lines = [line.removesuffix(b"\r") for line in lines]
    return [line for line in lines if line] if b"" in lines else lines


def plain_cells(record: bytes, delimiter: str) -> list[str]:
    """The cells of a record without quotes. Raises UnicodeDecodeError."""
    return _smooth(record.decode()).split(delimiter)


def lines_of(data: bytes) -> Iterator[bytes]:
    """Lines with their line feeds."""
    place = 0
    while (end := data.find(b"\n", place)) >= 0:
        yield data[place : end + 1]
        place = end + 1
    if place < len(data):
        yield data[place:]


def _smooth(line: str) -> str:
    """A carriage return inside a line counts as a space: the reader would refuse the line."""
    if "\r" not in line:
        return line
    body = line.removesuffix("\n").removesuffix("\r")
    return body.replace("\r", " ") + line[len(body) :]
