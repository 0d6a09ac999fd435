"""Refuses bodies that are too big before anything reads them."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from predictions import timings
from predictions.web import errors

UPLOAD_PATHS = ("/bring/", "/api/v1/models", "/admin/predictions/")
SCORE_PATH = re.compile(r"/m/[^/]+/file/|/api/v1/models/[^/]+/files")
MULTIPART_OVERHEAD = 1_000_000
"""Bytes that the fields and boundaries around a file may take."""


class BodyLimit:
    """Middleware: 413 by the declared length, so that a 2 GB upload costs neither disk nor time."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # As the first of ours it is where a request's time begins, through whichever door it goes.
        timings.begin()
        limit = _limit(request)
        if _declared(request) > limit:
            return errors.too_large(request, limit)
        return self._get_response(request)


def _limit(request: HttpRequest) -> int:
    if request.content_type == "multipart/form-data" and SCORE_PATH.fullmatch(request.path):
        limit = settings.MAX_SCORE_FILE_BYTES if _says_who(request) else settings.MAX_REQUEST_BYTES
        return int(limit) + MULTIPART_OVERHEAD
    is_upload = request.path.startswith(UPLOAD_PATHS) and request.content_type == "multipart/form-data"
    return settings.MAX_UPLOAD_BYTES + MULTIPART_OVERHEAD if is_upload else settings.MAX_REQUEST_BYTES


def _says_who(request: HttpRequest) -> bool:
    """Strangers may not score files, so theirs are not read to find that out."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES or "HTTP_AUTHORIZATION" in request.META


def _declared(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdigit() else 0
