"""The limits this site is set to."""

from __future__ import annotations

from django.conf import settings

from predictions.sandbox.limits import Limits


def build_limits() -> Limits:
    """For opening and converting an uploaded file."""
    return Limits(
        memory_bytes=settings.SANDBOX_MEMORY_BYTES,
        cpu_seconds=settings.SANDBOX_CPU_SECONDS,
        wall_seconds=settings.SANDBOX_WALL_SECONDS,
        file_bytes=settings.SANDBOX_FILE_BYTES,
        processes=settings.SANDBOX_PROCESSES,
    )


def growth_bytes() -> int:
    """By how much a process that serves a version may grow before a fresh one takes its place."""
    found: int = settings.NATIVE_GROWTH_MB * 1_000_000
    return found


def serving_limits() -> Limits:
    """For a version that its original library answers; ``wall_seconds`` bounds one call."""
    return Limits(
        memory_bytes=settings.SANDBOX_MEMORY_BYTES,
        cpu_seconds=None,
        wall_seconds=settings.NATIVE_PREDICT_SECONDS,
        file_bytes=settings.SANDBOX_FILE_BYTES,
        processes=settings.SANDBOX_PROCESSES,
    )
