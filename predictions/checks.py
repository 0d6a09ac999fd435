"""What must be true of the machine and the settings before the site may start."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

_RATE = re.compile(r"\d+/(s|sec|second|m|min|minute|h|hour|d|day)")

SHORTEST_TOKEN = 16
LAST_PORT = 65535


@register
def artifacts_can_be_written(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """The folder for model files exists and is writable, or can be made."""
    folder = Path(settings.ARTIFACTS_DIR)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            "The folder for model files cannot be written.",
            hint="Set ARTIFACTS_DIR to a folder that this account may write to.",
            id="predictions.E001",
        )
    ]


@register
def throttle_rates_can_be_read(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Every throttle rate is a number for a time, or a request would fail on it later."""
    names = ("THROTTLE_ANONYMOUS", "THROTTLE_KEY", "THROTTLE_USER")
    return [
        Error(f"{name} is not a rate.", hint="Write it like 120/min.", id="predictions.E002")
        for name in names
        if not _RATE.fullmatch(getattr(settings, name))
    ]


@register
def metrics_can_be_guarded(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """The token for Prometheus cannot be guessed, and the private port is one."""
    found: list[CheckMessage] = []
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < SHORTEST_TOKEN:
        found.append(
            Error(
                "METRICS_TOKEN is too short.",
                hint=f"Use at least {SHORTEST_TOKEN} random characters, or leave it empty.",
                id="predictions.E003",
            )
        )
    if settings.METRICS_PORT > LAST_PORT:
        found.append(
            Error("METRICS_PORT is not a port.", hint=f"Use 1 to {LAST_PORT}, or 0.", id="predictions.E004")
        )
    return found
