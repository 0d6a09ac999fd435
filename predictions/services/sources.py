"""Letting go of uploaded bytes that became nothing."""

from __future__ import annotations

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
