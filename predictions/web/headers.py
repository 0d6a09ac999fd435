"""Headers of every page of this room: what a browser may load, and that case data stays out of caches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
OWN_ROOMS = ("predictions.web.", "django.contrib.auth.views")

Response = TypeVar("Response", bound=HttpResponseBase)


def add_page_headers(response: Response) -> Response:
    """Allow only what this site serves, and forbid caches to keep the page."""
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    if "Cache-Control" not in response.headers:
        add_never_cache_headers(response)
    return response


class PageHeaders:
    """Middleware: puts the headers on pages of this room; admin and the API document keep their own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        match = request.resolver_match
        if match is not None and _module(match.func).startswith(OWN_ROOMS):
            add_page_headers(response)
        return response


def _module(view: Any) -> str:
    return str(getattr(getattr(view, "view_class", view), "__module__", ""))
