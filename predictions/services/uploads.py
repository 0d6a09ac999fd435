"""Taking in a model file as it is. Nothing here looks into it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction

from predictions import repository
from predictions.errors import BadModelFile, NotAllowed, TooLarge
from predictions.models import Source, SourceFile
from predictions.repository import Stored
from predictions.services import code_packages
from predictions.services.code_packages import CodeFile
from predictions.services.sorting import Upload, sorted_out
from predictions.values import Actor

MOST_FILES = 10
"""Of one unit: a model, what stands before it, and what is told about it."""

_MAX_FILENAME = 255
# Control characters, lone surrogates, and the marks that turn the direction of text around.
_DROPPED = ("Cc", "Cs")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def receive(
    *,
    actor: Actor,
    stream: BinaryIO,
    filename: str,
    declared_size: int | None = None,
    sample_stream: BinaryIO | None = None,
    sample_filename: str = "",
    more: Sequence[Upload] = (),
    code: CodeFile | None = None,
) -> Source:
    """Store a model file, those that belong to it, and the sample and own code beside them, unchanged with checksums.

    ``declared_size`` is how many bytes the sender promised. ``more``: further files of the same unit; a table of rows
    among them is the sample. Nothing is left behind when this raises: NotAllowed for all but staff (for ``code``: but
    administrators), BadModelFile (``empty``, ``truncated_upload``, ``several_samples``, ``no_model_file``), TooLarge
    (``file_too_large``, ``too_many_files``).
    """
    if not (actor.is_staff or actor.is_superuser):
        raise NotAllowed("Only staff can bring model files; ask an administrator for that permission.")
    if code is not None:
        code_packages.require_allowed(actor, code)
    given = [Upload(stream, filename, declared_size), *more]
    _require_small(given)
    named = Upload(sample_stream, sample_filename or "sample.csv") if sample_stream is not None else None
    files, rows = sorted_out(given, named)
    if len(files) > MOST_FILES:
        raise TooLarge(
            f"{len(files)} files were brought; bring {MOST_FILES} at most, or one Pipeline.",
            code="too_many_files",
        )
    keys: list[str] = []
    try:
        stored = _stored(files, keys)
        sample = _sample(rows, keys) if rows is not None else None
        stored_code = code_packages.store(code, keys=keys) if code is not None else None
        return _written(
            list(zip(files[1:], stored[1:], strict=True)),
            filename=clean_filename(files[0].filename),
            key=stored[0].key,
            size=stored[0].size,
            sha256=stored[0].sha256,
            sample_filename=clean_filename(rows.filename) if rows else "",
            sample_key=sample.key if sample else "",
            uploaded_by_id=actor.user_id,
            **code_packages.columns(code, stored_code, clean_filename(code.filename) if code else "", actor),
        )
    except BaseException:
        for key in keys:
            repository.delete(key)
        raise


def _require_small(given: Sequence[Upload]) -> None:
    """Refuse by what is promised, before any of it is read. Raises TooLarge."""
    if sum(upload.declared_size or 0 for upload in given) > settings.MAX_UPLOAD_BYTES:
        raise _too_large(len(given))


def _too_large(count: int) -> TooLarge:
    what = "The file is" if count == 1 else "The files are together"
    return TooLarge(
        f"{what} larger than the {settings.MAX_UPLOAD_BYTES / 1e6:,.0f} MB this site accepts; "
        "bring a smaller one.",
        code="file_too_large",
    )


def _stored(files: Sequence[Upload], keys: list[str]) -> list[Stored]:
    """Every file of the unit, together no larger than one may be."""
    stored: list[Stored] = []
    left = settings.MAX_UPLOAD_BYTES
    for upload in files:
        try:
            stored.append(_store(upload.stream, kind="sources", keys=keys, max_bytes=left))
        except TooLarge:
            # What is left for one of several is not what the site accepts.
            raise _too_large(len(files)) from None
        _require_whole(stored[-1].size, upload, alone=len(files) == 1)
        left -= stored[-1].size
    return stored


def _sample(rows: Upload, keys: list[str]) -> Stored:
    stored = _store(rows.stream, kind="samples", keys=keys, max_bytes=settings.MAX_UPLOAD_BYTES)
    if stored.size == 0:
        raise BadModelFile(
            "The sample file is empty; bring a CSV with a header and rows.", code="empty_sample"
        )
    _require_whole(stored.size, rows, alone=False)
    return stored


@transaction.atomic
def _written(extra: Sequence[tuple[Upload, Stored]], **fields: Any) -> Source:
    source = Source.objects.create(**fields)
    for place, (upload, stored) in enumerate(extra, start=1):
        SourceFile.objects.create(
            source=source,
            place=place,
            filename=clean_filename(upload.filename),
            key=stored.key,
            size=stored.size,
            sha256=stored.sha256,
        )
    return source


def clean_filename(filename: str) -> str:
    """The last part of a name a browser or program sent, printable and at most 255 characters with its ending."""
    last = filename.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept: Callable[[str], bool] = lambda letter: (  # noqa: E731 - reads better than a function of its own
        letter not in _TURNING and unicodedata.category(letter) not in _DROPPED
    )
    name = unicodedata.normalize("NFC", "".join(filter(kept, last))).strip()
    if name in ("", ".", ".."):
        return "model"
    stem, dot, ending = name.rpartition(".")
    if len(name) > _MAX_FILENAME and dot and len(ending) <= 16:
        return f"{stem[: _MAX_FILENAME - len(ending) - 1]}.{ending}"
    return name[:_MAX_FILENAME]


def _store(stream: BinaryIO, *, kind: repository.Kind, keys: list[str], max_bytes: int) -> Stored:
    stored = repository.store(stream, kind=kind, max_bytes=max_bytes)
    keys.append(stored.key)
    return stored


def _require_whole(size: int, upload: Upload, *, alone: bool) -> None:
    if upload.declared_size is not None and size != upload.declared_size:
        raise BadModelFile(
            f"The upload stopped after {size:,} of {upload.declared_size:,} bytes; send the file again.",
            code="truncated_upload",
        )
    if size == 0:
        name = "The file" if alone else clean_filename(upload.filename)
        raise BadModelFile(f"{name} is empty; bring a saved model.", code="empty")
