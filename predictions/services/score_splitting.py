"""Where a file of cases may be cut: pieces of whole records, whatever stands inside quotes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from predictions.errors import BadCaseFile
from predictions.signature.case_files import not_utf8
from predictions.signature.case_records import MAX_CELL, lines_of, quoted_records

CHUNK_BYTES = 1 << 16
PIECE_BYTES = 4 << 20
PIECE_ROWS = 16_384
LEAST_PIECES = 32
"""A file is cut into about as many pieces, if it is not tiny, so that several workers have something to take."""
_LEAST_CHUNK = 1 << 15
_END = "the file ended before this line"


class Span(NamedTuple):
    """Bytes from ``begin`` to before ``end`` that hold ``rows`` records, less than 65,536 of them."""

    begin: int
    end: int
    rows: int


def spans(
    stream: BinaryIO, *, begin: int, size: int, delimiter: str, look: Callable[[], object]
) -> Iterator[Span]:
    """Cut a file of ``size`` bytes into pieces, from byte ``begin`` on. Blank lines are no records.

    ``look`` is called after each chunk; what it raises ends the scan. Raises BadCaseFile for bytes that are no UTF-8
    (``not_utf8``) and for a quote that is never closed (``open_quote``).
    """
    share = max((size - begin) // LEAST_PIECES, _LEAST_CHUNK)
    piece_bytes = min(PIECE_BYTES, share)
    place, start, rows = begin, begin, 0
    for length, found in _chunks(stream, begin, min(CHUNK_BYTES, share), delimiter):
        place += length
        rows += found
        if rows >= PIECE_ROWS or place - start >= piece_bytes:
            yield Span(start, place, rows)
            start, rows = place, 0
        look()
    if place > start:
        yield Span(start, place, rows)


def _chunks(stream: BinaryIO, begin: int, chunk_bytes: int, delimiter: str) -> Iterator[tuple[int, int]]:
    """Runs of whole records: (bytes, records)."""
    stream.seek(0)
    line = stream.read(begin).count(b"\n") + 1
    while chunk := stream.read(chunk_bytes):
        if not chunk.endswith(b"\n"):
            chunk += stream.readline()
        if b'"' in chunk:
            length, rows, lines = _quoted(chunk, stream, delimiter, line)
        else:
            _require_utf8(chunk, line)
            length, rows, lines = len(chunk), _count_plain(chunk), chunk.count(b"\n")
        line += lines
        yield length, rows


def _count_plain(chunk: bytes) -> int:
    """How many lines of a chunk are not blank."""
    ends = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
    if b"\n\n" not in chunk and b"\n\r\n" not in chunk and chunk[:1] not in (b"\n", b"\r"):
        return ends
    return sum(1 for line in chunk.split(b"\n") if line not in (b"", b"\r"))


def _require_utf8(chunk: bytes, line: int) -> None:
    if chunk.isascii():
        return
    try:
        chunk.decode()
    except UnicodeDecodeError as error:
        raise not_utf8(line + chunk.count(b"\n", 0, error.start)) from None


def _quoted(chunk: bytes, stream: BinaryIO, delimiter: str, line: int) -> tuple[int, int, int]:
    """The reader that will read them counts the records; the last one may go on behind the chunk.

    (bytes, records, lines).
    """
    length = rows = lines = 0
    try:
        for cells, record in quoted_records(_lines_from(chunk, stream), delimiter):
            if cells == [_END]:
                break
            if cells and cells[-1].endswith(_END):
                raise _open_quote(line + lines)
            length += len(record)
            lines += record.count(b"\n")
            rows += bool(cells)
            if length >= len(chunk):
                break
    except csv.Error:
        raise _open_quote(line + lines) from None
    except UnicodeDecodeError:
        raise not_utf8(line + lines) from None
    return length, rows, lines


def _lines_from(chunk: bytes, stream: BinaryIO) -> Iterator[bytes]:
    yield from lines_of(chunk)
    while more := stream.readline(MAX_CELL):
        yield more
    # Inside quotes this becomes a part of the last cell.
    yield _END.encode()


def _open_quote(line: int) -> BadCaseFile:
    return BadCaseFile(
        f"A quote that is opened in line {line:,} is never closed; close or remove it.",
        code="open_quote",
        field="file",
    )
