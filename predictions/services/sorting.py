"""Which of the files that came together is the model's, and which holds typical rows. Their first bytes tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from predictions.errors import BadModelFile

HEAD = 1 << 15
_LINES = 6
_TABLES = (".csv", ".tsv")
_MARKS = (b",", b";", b"\t")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x7f]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way in. ``declared_size``: how many bytes its sender promised."""

    stream: BinaryIO
    filename: str
    declared_size: int | None = None


def sorted_out(given: Sequence[Upload], sample: Upload | None = None) -> tuple[list[Upload], Upload | None]:
    """The files that make the unit, lists of names last, and the table of typical rows among them.

    A single file is taken for the model's, whatever it is: the scan says it better. ``sample``: rows that were named as
    such. Raises BadModelFile (``several_samples``, ``no_model_file``).
    """
    if len(given) == 1:
        return list(given), sample
    heads = [(upload, _head(upload.stream)) for upload in given]
    tables = [upload for upload, head in heads if _is_table(upload.filename, head)]
    rest = [(upload, head) for upload, head in heads if upload not in tables]
    samples = [*tables, *([sample] if sample else [])]
    if not rest:
        raise BadModelFile(
            f"{_names(tables)} are tables of rows. Bring the trained model together with one of them.",
            code="no_model_file",
        )
    if len(samples) > 1:
        raise BadModelFile(
            f"{_names(samples)} are tables of rows; bring the one with typical cases beside the model.",
            code="several_samples",
        )
    # A list of names is no model: the first file is the one that a version is shown with.
    files = sorted(rest, key=lambda found: _is_list(*found))
    return [upload for upload, _head_ in files], samples[0] if samples else None


def chain_of(text: str) -> list[str]:
    """The names of files out of a text with commas between them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _head(stream: BinaryIO) -> bytes:
    head = stream.read(HEAD)
    stream.seek(0)
    return head


def _is_table(filename: str, head: bytes) -> bool:
    """Is it a CSV by what is in it, or by its name where the bytes do not speak against it?"""
    if head.startswith(_UTF16):
        return filename.lower().endswith(_TABLES)
    if _NO_TEXT.search(head):
        return False
    if filename.lower().endswith(_TABLES):
        return True
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"[", b"{", b"<"):
        return False
    lines = text.splitlines()
    lines = lines[:-1] if len(head) == HEAD else lines
    return len(lines) > 1 and any(
        all(line.count(mark) == lines[0].count(mark) > 0 for line in lines[:_LINES]) for mark in _MARKS
    )


def _is_list(upload: Upload, head: bytes) -> bool:
    """Is it a short text, such as column names as JSON?"""
    named = upload.filename.lower().endswith((".json", ".txt"))
    return not _NO_TEXT.search(head) and (named or head.lstrip()[:1] in (b"[", b"{"))


def _names(uploads: Sequence[Upload]) -> str:
    shown = [upload.filename[:100] for upload in uploads[:5]]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
