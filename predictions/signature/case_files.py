"""Files of cases: which column is which input, and what is wrong with the file as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from predictions.errors import BadCaseFile
from predictions.signature.case_records import MAX_CELL
from predictions.signature.fields import Signature
from predictions.signature.suggestions import suggestion
from predictions.signature.wording import clean

DELIMITERS = (",", ";", "\t")
HEAD_BYTES = 1 << 20
"""A header is looked for in as many bytes from the beginning."""
BOM = b"\xef\xbb\xbf"
MAX_NAMED = 10
MAX_HINTS = 5

TAKE_TEMPLATE = "take the CSV template to see what it should look like"


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read the records of a file.

    ``places``: by input of the signature the number of its cell, None for an optional input without a column.
    ``body``: bytes before the first record. ``carried``: columns that are no inputs.
    """

    delimiter: str
    columns: tuple[str, ...]
    places: tuple[int | None, ...]
    body: int

    @property
    def carried(self) -> tuple[str, ...]:
        """Columns that are no inputs; they come back in the result as they are."""
        used = {place for place in self.places if place is not None}
        return tuple(name for place, name in enumerate(self.columns) if place not in used)


def layout_of(head: bytes, signature: Signature) -> Layout:
    """Read the header out of a file's first ``HEAD_BYTES``. Columns may stand in any order.

    Raises BadCaseFile that names the columns which are missing, twice there, or look like a misspelt input.
    """
    text = _text_of(head)
    delimiter, columns, length = _header_of(text, signature)
    skipped = len(BOM) if head.startswith(BOM) else 0
    return Layout(delimiter, columns, places_of(columns, signature), skipped + len(text[:length].encode()))


def places_of(columns: Sequence[str], signature: Signature) -> tuple[int | None, ...]:
    """By input of the signature the number of its column. Raises BadCaseFile."""
    found: dict[str, int] = {}
    known = set(signature.names)
    for place, column in enumerate(columns):
        name = column if column in known else column.strip()
        if name in known and name in found:
            raise _bad(f'The column "{clean(name)}" is there twice; keep one of the two.', "duplicate_column")
        found.setdefault(name, place)
    _check_names(found, signature)
    return tuple(found.get(name) for name in signature.names)


def _check_names(found: dict[str, int], signature: Signature) -> None:
    missing = [field.name for field in signature.inputs if field.required and field.name not in found]
    absent = [name for name in signature.names if name not in found]
    others = [name for name in found if name not in set(signature.names)]
    hints = _hints(others, absent)
    if missing:
        raise _bad(_missing_message(missing, hints, len(absent) == len(signature.inputs)), "missing_columns")
    if hints:
        wrong, meant = next(iter(hints.items()))
        raise _bad(
            f'There is no input "{clean(wrong)}"; rename the column "{clean(meant)}" if you meant that, '
            "or remove it.",
            "unknown_columns",
        )


def _hints(others: Sequence[str], absent: Sequence[str]) -> dict[str, str]:
    """By column that is no input the absent input it may have been meant for."""
    hints: dict[str, str] = {}
    for name in others[:MAX_HINTS] if absent else ():
        meant = suggestion(name, absent) if name else None
        if meant is not None:
            hints[name] = meant
    return hints


def _missing_message(missing: Sequence[str], hints: dict[str, str], is_none_there: bool) -> str:
    if is_none_there:
        return f"The first line must name the columns ({_listed(missing)}); {TAKE_TEMPLATE}."
    plural = "s" if len(missing) > 1 else ""
    message = f"The file has no column{plural} {_listed(missing)}; add {'them' if plural else 'it'}"
    for wrong, meant in hints.items():
        if meant in missing:
            return f'{message}, or rename "{clean(wrong)}" if that is "{clean(meant)}".'
    return f"{message}, or {TAKE_TEMPLATE}."


def _listed(names: Sequence[str]) -> str:
    shown = [f'"{clean(name)}"' for name in names[:MAX_NAMED]]
    if len(names) > MAX_NAMED:
        shown.append(f"and {len(names) - MAX_NAMED} more")
    return ", ".join(shown)


def _text_of(head: bytes) -> str:
    if not head.strip(b"\x00 \r\n\t" + BOM):
        raise _bad("The file is empty; bring a CSV with a header and rows.", "empty_file")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:4096]:
        raise not_utf8(1)
    whole = head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1]
    try:
        text = whole.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise not_utf8(whole.count(b"\n", 0, error.start) + 1) from None
    if "\r" in text and "\n" not in text:
        raise _bad(
            "The lines of this file end as on very old computers; save it again as CSV (UTF-8).", "line_ends"
        )
    if not text:
        raise _bad("The first line is too long to be a header; bring a CSV with a header.", "no_header")
    return text


def not_utf8(line: int) -> BadCaseFile:
    """The error for bytes that are no UTF-8, counted in lines from 1."""
    return _bad(f"Line {line:,} is not UTF-8 text; save the file as CSV with UTF-8 encoding.", "not_utf8")


def _header_of(text: str, signature: Signature) -> tuple[str, tuple[str, ...], int]:
    """(delimiter, names, characters up to the first record); the delimiter that finds most inputs wins."""
    known = set(signature.names)
    best: tuple[tuple[int, int], str, tuple[str, ...], int] | None = None
    for delimiter in DELIMITERS:
        names, length = _first_record(text, delimiter)
        rank = (len({name.strip() for name in names} & known), len(names))
        if best is None or rank > best[0]:
            best = (rank, delimiter, names, length)
    if best is None or not best[2]:
        raise _bad(f"The first line must name the columns; {TAKE_TEMPLATE}.", "no_header")
    return best[1:]


def _first_record(text: str, delimiter: str) -> tuple[tuple[str, ...], int]:
    source = _Counted(text)
    csv.field_size_limit(MAX_CELL)
    try:
        for cells in csv.reader(source, delimiter=delimiter):
            if any(cell.strip() for cell in cells):
                return tuple(cells), source.taken
    except csv.Error:
        return (), 0
    return (), 0


class _Counted:
    """Lines of a text, and how many characters of them were taken."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="\n")
        self.taken = 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken += len(line)
        return line


def _bad(message: str, code: str) -> BadCaseFile:
    return BadCaseFile(message, code=code, field="file")
