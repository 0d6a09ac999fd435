"""Writing JSON, fast and legal: what JSON has no number for becomes null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from rest_framework.renderers import BaseRenderer


def _plain(value: Any) -> Any:
    return str(value)  # lazy translations and the like


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode(data: Any) -> bytes:
    """JSON in UTF-8; NaN and infinite numbers as null, UUIDs and times as text."""
    return _encoder.encode(data)


class JsonRenderer(BaseRenderer):
    """``application/json``."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The body of a response; empty without data."""
        return b"" if data is None else encode(data)


class CsvRenderer(BaseRenderer):
    """Lets callers ask for ``text/csv`` where a file is sent; problems on the way are JSON as everywhere."""

    media_type = "text/csv"
    format = "csv"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Never more than what is no file: as JSON."""
        return encode(data)
