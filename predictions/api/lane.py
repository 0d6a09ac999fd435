"""The lean lane: an ordinary predict call with a key is answered on the web server's event loop.

What decides is the same code as on the ordinary way: authentication, throttle, permission, body limits, validation,
errors. What is left out is what such a call has no use for: a thread of its own, Django's request cycle and its
signals, session, cookies, CSRF, locale, content negotiation. Whatever is not ordinary (another type, another Accept, no
key) takes the ordinary way, whose answer is the same. What a call needs of the database first is looked up on a
thread; one that has so much in it that others would wait for it goes through the same code on a thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAuthenticated, PermissionDenied, Throttled

from predictions import gateway, timings
from predictions.api import bodies
from predictions.api.actors import actor_of
from predictions.api.answers import Predict, answering_actor, encoded, encoded_on_loop
from predictions.api.authentication import ApiKeyAuthentication
from predictions.api.echoes import Echoes
from predictions.api.errors import problem_of
from predictions.api.throttles import Throttle
from predictions.errors import TryLater
from predictions.selectors import refreshing
from predictions.selectors.targets import live_target

BEFORE = "/api/v1/models/"
AFTER = "/predict"
ORDINARY_TYPES = frozenset({"application/json", "application/json; charset=utf-8"})
ORDINARY_ACCEPTS = frozenset({"", "*/*", "application/json"})
QUEUE_FULL = "queue_full"
LOOKERS = 2
"""Threads that look up what calls on the loop need, and never wait for an answer: a full house keeps nobody waiting."""
CONNECTIONS_GOOD_SECONDS = 1.0
"""How long a thread goes on without looking whether its database connections are old or broken."""
MOST_ON_THE_LOOP = 32_768
"""Bytes of a body; reading, checking and answering so many takes about a millisecond, in which others wait."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Environ = dict[str, Any]
_authentication = ApiKeyAuthentication()
_looked = threading.local()


class Reply(NamedTuple):
    """What goes back to the web server."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    code: str = ""


class Call:
    """As much of a request as the deciding code reads."""

    method = "POST"
    __slots__ = ("META", "auth", "body", "is_let_in", "slug", "user")

    def __init__(self, environ: Environ, slug: str) -> None:
        self.META = environ
        self.slug = slug
        self.body = b""
        self.is_let_in = False
        self.user: Any = None
        self.auth: Any = None

    def read(self) -> bytes:
        """The whole body."""
        return self.body


class LeanLane:
    """ASGI middleware: takes ordinary predict calls out of what goes to ``application``."""

    def __init__(self, application: Application, threads: Executor, most: int) -> None:
        """``threads`` are those that ``application`` has for what may wait; ``most`` calls are there at a time."""
        self._application = application
        self._threads = threads
        self._most = most
        self._on_threads = 0
        self._lookers = ThreadPoolExecutor(LOOKERS, "look-up")
        self._echoes = Echoes()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # The first of its process.
            self._loop = loop
            gateway.adopt(loop)
            refreshing.hand_to(self._refresh)
        said = self._echoes.of(scope)
        if said is not None:
            timings.count("requests", said.slug, Predict.face, QUEUE_FULL)
            for message in said.messages:
                await send(message)
            return
        call = call_of(scope) if scope["type"] == "http" else None
        if call is None:
            await self._application(scope, receive, send)
            return
        if not await _read(call, receive):
            return
        status, headers, body, code = await self._answered(call)
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        messages = (
            {"type": "http.response.start", "status": status, "headers": raw},
            {"type": "http.response.body", "body": body},
        )
        if code == QUEUE_FULL:
            self._echoes.keep(scope, call.slug, messages)
        for message in messages:
            await send(message)

    def _refresh(self, work: refreshing.Work) -> None:
        self._lookers.submit(_with_good_connections, work)

    async def _answered(self, call: Call) -> Reply:
        if len(call.body) <= MOST_ON_THE_LOOP:
            timings.begin()
            try:
                return await answered_on_loop(call)
            except SynchronousOnlyOperation:
                refusal = await self._looked_up(call)
            if refusal is not None:
                return refusal
            try:
                return await answered_on_loop(call)
            except SynchronousOnlyOperation:
                timings.put_aside()
        return await self._answered_on_thread(call)

    async def _looked_up(self, call: Call) -> Reply | None:
        """Have looked up what the call needs, while its caller waits as a coroutine, and holds no thread for long."""
        laps = timings.put_aside()
        try:
            async with asyncio.timeout(settings.PREDICT_DEADLINE_SECONDS):
                refusal = await asyncio.get_running_loop().run_in_executor(self._lookers, looked_up, call)
        except TimeoutError:
            timings.begin()
            refusal = _refused(call, _busy())
        timings.take_up(laps if refusal is None else None)
        return refusal

    async def _answered_on_thread(self, call: Call) -> Reply:
        if self._on_threads >= self._most:
            timings.begin()
            return _refused(call, _busy())
        self._on_threads += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, answered, call)
        finally:
            self._on_threads -= 1


def _busy() -> TryLater:
    return TryLater(
        _("This site is busy, so nothing was answered or stored. Try again in a few seconds."), retry_after=3
    )


def call_of(scope: Scope) -> Call | None:
    """An ordinary predict call without its body; None for everything else, of which nothing was read."""
    path: str = scope["path"]
    if not (path.startswith(BEFORE) and path.endswith(AFTER)) or scope["method"] != "POST":
        return None
    environ = environ_of(scope)
    slug = _slug_of(environ)
    if slug is None or _is_too_big(environ) or (settings.SECURE_SSL_REDIRECT and not _is_secure(environ)):
        return None
    return Call(environ, slug)


def environ_of(scope: Scope) -> Environ:
    """What the deciding code reads of a request, by the names WSGI has for it."""
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "wsgi.url_scheme": scope.get("scheme", "http"),
    }
    client = scope.get("client")
    if client is not None:
        environ["REMOTE_ADDR"] = client[0]
    for raw, value in scope["headers"]:
        name = _name_of(raw)
        if not name:
            continue
        text = value.decode("latin-1")
        environ[name] = f"{environ[name]},{text}" if name in environ else text
    return environ


@lru_cache(maxsize=256)
def _name_of(header: bytes) -> str:
    """Empty for one with "_" in it, which would pass for one that only a proxy of ours may write."""
    if b"_" in header:
        return ""
    name = header.decode("latin-1").upper().replace("-", "_")
    return name if name in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{name}"


async def _read(call: Call, receive: Receive) -> bool:
    """The whole body into the call; False when its sender went away."""
    pieces = []
    while (message := await receive())["type"] == "http.request":
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            call.body = b"".join(pieces)
            return True
    return False


def answered(call: Call) -> Reply:
    """The answer to a call, on a thread that may wait."""
    timings.begin()
    _look_at_connections()
    try:
        return _given(call, encoded(*_asked(call)))
    except Exception as error:
        close_old_connections()
        return _refused(call, error)


def looked_up(call: Any) -> Reply | None:
    """Have looked up what the call needs of database and Redis, on a thread; what refuses it already."""
    timings.begin()
    _look_at_connections()
    try:
        _admit(call)
        live_target(answering_actor(actor_of(call)), call.slug)
    except Exception as error:
        close_old_connections()
        return _refused(call, error)
    timings.put_aside()
    return None


async def answered_on_loop(call: Call) -> Reply:
    """The same without ever waiting but as a coroutine. Raises SynchronousOnlyOperation when it needs a query."""
    try:
        return _given(call, await encoded_on_loop(*_asked(call)))
    except SynchronousOnlyOperation:
        raise
    except Exception as error:
        return _refused(call, error)


def _asked(call: Any) -> tuple[Any, str, Any]:
    """Who asks, which ml_model, and what; raises what refuses it."""
    _admit(call)
    timings.mark(timings.ADMIT)
    data = bodies.JsonParser().parse(call, None, {"request": call})
    timings.mark(timings.PARSE)
    return actor_of(call), call.slug, data


def _admit(call: Any) -> None:
    if not call.is_let_in:
        _let_in(call)
        call.is_let_in = True


def _slug_of(environ: Environ) -> str | None:
    path: str = environ["PATH_INFO"]
    if not environ.get("HTTP_AUTHORIZATION", "").startswith("Bearer "):
        return None
    if environ.get("HTTP_ACCEPT", "").lower() not in ORDINARY_ACCEPTS:
        return None
    if environ.get("CONTENT_TYPE", "").lower() not in ORDINARY_TYPES or environ["SCRIPT_NAME"]:
        return None
    slug = path[len(BEFORE) : -len(AFTER)]
    return slug if slug.isascii() and slug.isprintable() and slug and "/" not in slug else None


def _is_too_big(environ: Environ) -> bool:
    """Whether the body is, or may be, more than is taken."""
    length = environ.get("CONTENT_LENGTH") or ""
    return not (length.isascii() and length.isdigit()) or int(length) > settings.MAX_REQUEST_BYTES


def _with_good_connections(work: refreshing.Work) -> None:
    _look_at_connections()
    work()


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


def _given(call: Call, body: bytes) -> Reply:
    return Reply(200, [("Content-Length", str(len(body))), *_headers(_is_secure(call.META))], body)


def _refused(call: Call, error: Exception) -> Reply:
    problem = problem_of(_with_header(error, call))
    timings.refused(problem.code, Predict.face)
    response = problem.response()
    response.headers.setdefault("Cache-Control", "no-store")
    for name, value in _security_headers(_is_secure(call.META)):
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Length", str(len(response.content)))
    return Reply(response.status_code, list(response.headers.items()), response.content, problem.code)


def _with_header(error: Exception, request: Any) -> Exception:
    """A 401 says how to sign in, as the framework's own cycle does."""
    if getattr(error, "status_code", None) == 401:
        error.auth_header = _authentication.authenticate_header(request)  # type: ignore[attr-defined]
    return error


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
