"""The lean lane: an ordinary predict call with a key goes straight to the answer.

What decides is the same code as on the ordinary way: authentication, throttle, permission, body limits, validation,
errors. What is left out is what such a call has no use for: session, cookies, CSRF, locale, content negotiation.
Whatever is not ordinary (another type, another Accept, no key) takes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import NotAuthenticated, PermissionDenied, Throttled

from predictions.api import bodies
from predictions.api.actors import actor_of
from predictions.api.answers import Predict, respond
from predictions.api.authentication import ApiKeyAuthentication
from predictions.api.errors import problem_of
from predictions.api.throttles import Throttle

BEFORE = "/api/v1/models/"
AFTER = "/predict"
ORDINARY_TYPES = frozenset({"application/json", "application/json; charset=utf-8"})
ORDINARY_ACCEPTS = frozenset({"", "*/*", "application/json"})

_authentication = ApiKeyAuthentication()


class LeanLane:
    """Middleware: takes ordinary predict calls out of the row of middlewares behind it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        slug = _slug_of(request)
        return self._get_response(request) if slug is None else _answer(request, slug)


def _slug_of(request: HttpRequest) -> str | None:
    path, meta = request.path_info, request.META
    if request.method != "POST" or not (path.startswith(BEFORE) and path.endswith(AFTER)):
        return None
    if not meta.get("HTTP_AUTHORIZATION", "").startswith("Bearer "):
        return None
    if meta.get("HTTP_ACCEPT", "").lower() not in ORDINARY_ACCEPTS:
        return None
    if meta.get("CONTENT_TYPE", "").lower() not in ORDINARY_TYPES:
        return None
    slug = path[len(BEFORE) : -len(AFTER)]
    return slug if slug and "/" not in slug and "\x00" not in slug else None


def _answer(request: Any, slug: str) -> HttpResponseBase:
    response: HttpResponseBase
    try:
        _let_in(request)
        data = bodies.JsonParser().parse(request, None, {"request": request})
        response = respond(actor_of(request), slug, data)
    except Exception as error:
        response = problem_of(_with_header(error, request)).response()
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _let_in(request: Any) -> None:
    """Size, key, permission and rate, in the order of the ordinary way. Raises what it raises."""
    bodies.check_size(request, settings.MAX_REQUEST_BYTES)
    found = _authentication.authenticate(request)
    if found is None:
        raise NotAuthenticated
    request.user, request.auth = found
    view, throttle = Predict(), Throttle()
    if not Predict.opened_to["POST"]().has_permission(request, view):
        raise PermissionDenied
    if not throttle.allow_request(request, view):
        raise Throttled(throttle.wait())


def _with_header(error: Exception, request: Any) -> Exception:
    """A 401 says how to sign in, as the framework's own cycle does."""
    if getattr(error, "status_code", None) == 401:
        error.auth_header = _authentication.authenticate_header(request)  # type: ignore[attr-defined]
    return error
