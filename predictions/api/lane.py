"""The lean lane: an ordinary predict call with a key goes from the web server straight to the answer.

What decides is the same code as on the ordinary way: authentication, throttle, permission, body limits, validation,
errors. What is left out is what such a call has no use for: Django's request cycle and its signals, session, cookies,
CSRF, locale, content negotiation. Whatever is not ordinary (another type, another Accept, no key) takes the ordinary
way, whose answer is the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.middleware.security import SecurityMiddleware
from rest_framework.exceptions import NotAuthenticated, PermissionDenied, Throttled

from predictions import timings
from predictions.api import bodies
from predictions.api.actors import actor_of
from predictions.api.answers import Predict, encoded
from predictions.api.authentication import ApiKeyAuthentication
from predictions.api.errors import problem_of
from predictions.api.throttles import Throttle

BEFORE = "/api/v1/models/"
AFTER = "/predict"
ORDINARY_TYPES = frozenset({"application/json", "application/json; charset=utf-8"})
ORDINARY_ACCEPTS = frozenset({"", "*/*", "application/json"})
CONNECTIONS_GOOD_SECONDS = 1.0
"""How long a thread goes on without looking whether its database connections are old or broken."""

Environ = dict[str, Any]
_authentication = ApiKeyAuthentication()
_looked = threading.local()


class Reply(NamedTuple):
    """What goes back to the web server."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Call:
    """As much of a request as the deciding code reads."""

    method = "POST"
    __slots__ = ("META", "auth", "user")

    def __init__(self, environ: Environ) -> None:
        self.META = environ
        self.user: Any = None
        self.auth: Any = None

    def read(self) -> bytes:
        """The whole body. Raises UnreadablePostError."""
        try:
            body: bytes = self.META["wsgi.input"].read()
        except OSError as error:
            raise UnreadablePostError(*error.args) from error
        return body


class LeanLane:
    """WSGI middleware: takes ordinary predict calls out of what goes to ``application``."""

    def __init__(self, application: Callable[[Environ, Any], Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        reply = answered(environ)
        if reply is None:
            return self._application(environ, start_response)
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", reply.headers)
        # A list goes out in one piece; any other iterable costs the web server a write per item.
        return [reply.body]


def answered(environ: Environ) -> Reply | None:
    """The answer to an ordinary predict call; None for everything else, of which nothing was read."""
    slug = _slug_of(environ)
    if slug is None:
        return None
    is_secure = _is_secure(environ)
    if (settings.SECURE_SSL_REDIRECT and not is_secure) or _is_too_big(environ):
        return None
    timings.begin()
    _look_at_connections()
    call: Any = Call(environ)
    try:
        _let_in(call)
        timings.mark(timings.ADMIT)
        data = bodies.JsonParser().parse(call, None, {"request": call})
        timings.mark(timings.PARSE)
        body = encoded(actor_of(call), slug, data)
        return Reply(200, [("Content-Length", str(len(body))), *_headers(is_secure)], body)
    except Exception as error:
        close_old_connections()
        problem = problem_of(_with_header(error, call))
        timings.refused(problem.code, Predict.face)
        return _refusal(problem.response(), is_secure)


def _slug_of(environ: Environ) -> str | None:
    path: str = environ["PATH_INFO"]
    if not (path.startswith(BEFORE) and path.endswith(AFTER)) or environ["REQUEST_METHOD"] != "POST":
        return None
    if not environ.get("HTTP_AUTHORIZATION", "").startswith("Bearer "):
        return None
    if environ.get("HTTP_ACCEPT", "").lower() not in ORDINARY_ACCEPTS:
        return None
    if environ.get("CONTENT_TYPE", "").lower() not in ORDINARY_TYPES or environ.get("SCRIPT_NAME"):
        return None
    slug = path[len(BEFORE) : -len(AFTER)]
    return slug if slug.isascii() and slug.isprintable() and slug and "/" not in slug else None


def _is_too_big(environ: Environ) -> bool:
    length = environ.get("CONTENT_LENGTH") or ""
    return length.isdigit() and int(length) > settings.MAX_REQUEST_BYTES


def _look_at_connections() -> None:
    """Now and then what Django does before and after each request of the ordinary way."""
    now = time.monotonic()
    if now - getattr(_looked, "at", 0.0) > CONNECTIONS_GOOD_SECONDS:
        _looked.at = now
        close_old_connections()


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


def _refusal(response: HttpResponse, is_secure: bool) -> Reply:
    response.headers.setdefault("Cache-Control", "no-store")
    for name, value in _security_headers(is_secure):
        response.headers.setdefault(name, value)
    return Reply(response.status_code, list(response.headers.items()), response.content)


def _is_secure(environ: Environ) -> bool:
    trusted = settings.SECURE_PROXY_SSL_HEADER
    if trusted:
        said = environ.get(trusted[0])
        if said is not None:
            return bool(said.partition(",")[0].strip() == trusted[1])
    return bool(environ.get("wsgi.url_scheme") == "https")


def _headers(is_secure: bool) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/json"),
        ("Cache-Control", "no-store"),
        *_security_headers(is_secure),
    ]


@lru_cache(maxsize=2)
def _security_headers(is_secure: bool) -> tuple[tuple[str, str], ...]:
    """What Django's own middleware adds to every answer of this site."""
    request, response = HttpRequest(), HttpResponse()
    request._get_scheme = lambda: "https" if is_secure else "http"  # type: ignore[attr-defined] # noqa: SLF001
    del response.headers["Content-Type"]
    SecurityMiddleware(lambda _: response).process_response(request, response)
    return tuple(response.headers.items())
