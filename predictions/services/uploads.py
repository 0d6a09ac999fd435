"""Taking in a model file as it is. Nothing here looks into it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction

from predictions import repository
from predictions.errors import BadModelFile, NotAllowed, TooLarge
from predictions.models import Source, SourceFile
from predictions.repository import Stored
from predictions.services import code_packages
from predictions.services.code_packages import CodeFile
from predictions.values import Actor

MOST_FILES = 10
"""Of one unit: a model, what stands before it, and what is told about it."""

_MAX_FILENAME = 255
# Control characters, lone surrogates, and the marks that turn the direction of text around.
_DROPPED = ("Cc", "Cs")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


@dataclass(frozen=True, slots=True)
class Upload:
    """One more file of a unit on its way in."""

    stream: BinaryIO
    filename: str
    declared_size: int | None = None


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

    ``declared_size`` is how many bytes the sender promised. ``more``: further files of the same unit. Nothing is left behind when this raises:
    NotAllowed for all but staff (for ``code``: but administrators), BadModelFile (``empty``, ``truncated_upload``), TooLarge (``file_too_large``).
    """
    if not (actor.is_staff or actor.is_superuser):
        raise NotAllowed("Only staff can bring model files; ask an administrator for that permission.")
    if code is not None:
        code_packages.require_allowed(actor, code)
    if declared_size is not None and declared_size > settings.MAX_UPLOAD_BYTES:
        raise TooLarge(
            f"The file is larger than the {settings.MAX_UPLOAD_BYTES / 1e6:,.0f} MB this site accepts; "
            "bring a smaller one.",
            code="file_too_large",
        )
    if len(more) >= MOST_FILES:
        raise TooLarge(
            f"{len(more) + 1} files were brought; bring {MOST_FILES} at most, or one Pipeline.",
            code="too_many_files",
        )
    keys: list[str] = []
    try:
        stored = _store(stream, kind="sources", keys=keys)
        _require_whole(stored.size, declared_size)
        sample = _store(sample_stream, kind="samples", keys=keys) if sample_stream is not None else None
        _require_rows(sample)
        stored_code = code_packages.store(code, keys=keys) if code is not None else None
        extra = [(upload, _store(upload.stream, kind="sources", keys=keys)) for upload in more]
        for upload, found in extra:
            _require_whole(found.size, upload.declared_size)
        return _written(
            extra,
            filename=clean_filename(filename),
            key=stored.key,
            size=stored.size,
            sha256=stored.sha256,
            sample_filename=clean_filename(sample_filename or "sample.csv") if sample else "",
            sample_key=sample.key if sample else "",
            uploaded_by_id=actor.user_id,
            **code_packages.columns(code, stored_code, clean_filename(code.filename) if code else "", actor),
        )
    except BaseException:
        for key in keys:
            repository.delete(key)
        raise


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


def _store(stream: BinaryIO, *, kind: repository.Kind, keys: list[str]) -> Stored:
    stored = repository.store(stream, kind=kind, max_bytes=settings.MAX_UPLOAD_BYTES)
    keys.append(stored.key)
    return stored


def _require_rows(sample: Stored | None) -> None:
    if sample is not None and sample.size == 0:
        raise BadModelFile(
            "The sample file is empty; bring a CSV with a header and rows.", code="empty_sample"
        )


def _require_whole(size: int, declared_size: int | None) -> None:
    if declared_size is not None and size != declared_size:
        raise BadModelFile(
            f"The upload stopped after {size:,} of {declared_size:,} bytes; send the file again.",
            code="truncated_upload",
        )
    if size == 0:
        raise BadModelFile("The file is empty; bring a saved model.", code="empty")
