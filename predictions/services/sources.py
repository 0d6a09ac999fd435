"""Letting go of uploaded bytes that became nothing."""

from __future__ import annotations

from django.db import DatabaseError

from predictions import repository
from predictions.models import Source


def forget(source: Source) -> None:
    """Delete the bytes of a source that no version came from. The row stays: name, size, checksum, who and when."""
    if source.versions.exists():
        return
    keys = [source.key, source.sample_key]
    Source.objects.filter(pk=source.pk).update(key="", sample_key="")
    source.key = source.sample_key = ""
    for key in keys:
        repository.delete(key)


def forget_without_job(source: Source) -> None:
    """Forget a source that no job came to know. A database that is away does not tell, and the bytes stay."""
    try:
        if not source.jobs.exists():
            forget(source)
    except DatabaseError:
        return
