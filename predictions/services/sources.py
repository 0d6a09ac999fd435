"""Letting go of uploaded bytes that became nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db import DatabaseError

from predictions import repository
from predictions.models import Source
from predictions.sandbox import StoredFile


def forget(source: Source) -> None:
    """Delete the bytes of a source that no version came from. The row stays: name, size, checksum, who and when."""
    if source.versions.exists():
        return
    keys = [source.key, source.sample_key, source.code_key, *source.files.values_list("key", flat=True)]
    Source.objects.filter(pk=source.pk).update(key="", sample_key="", code_key="")
    source.files.update(key="")
    source.key = source.sample_key = source.code_key = ""
    for key in keys:
        repository.delete(key)


def forget_without_job(source: Source) -> None:
    """Forget a source that no job came to know. A database that is away does not tell, and the bytes stay."""
    try:
        if not source.jobs.exists():
            forget(source)
    except DatabaseError:
        return


def stored_files(source: Source) -> list[StoredFile]:
    """Every file of a unit as it is stored, the first one first. One query."""
    first = StoredFile(source.filename, source.key, source.sha256, source.format)
    more = [
        StoredFile(file.filename, file.key, file.sha256, file.format)
        for file in source.files.order_by("place")
    ]
    return distinct([first, *more])


def distinct(files: Sequence[StoredFile]) -> list[StoredFile]:
    """The same files with names that tell them apart: two of one name get their places."""
    names = [file.name for file in files]
    return [
        replace(file, name=f"{file.name} ({place + 1})") if names.count(file.name) > 1 else file
        for place, file in enumerate(files)
    ]
