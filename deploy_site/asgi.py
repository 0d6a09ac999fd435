"""The application that the web server runs: predict calls on its event loop, everything else on threads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from a2wsgi import WSGIMiddleware
from django.conf import settings

from deploy_site.wsgi import application as django_application

# Only once Django is set up may its apps be imported.
from predictions.api.lane import LeanLane

PLACES_PER_THREAD = 16
"""So many requests wait for each thread at most; whoever comes then hears that the site is busy, at once."""

_BUSY = b"This site is busy. Try again in a few seconds.\n"
_BUSY_HEADERS = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", str(len(_BUSY)).encode()),
    (b"cache-control", b"no-store"),
    (b"retry-after", b"3"),
]

Receive = Callable[[], Awaitable[Any]]


class OnThreads:
    """Django on its threads, with a bound on how many requests wait for one."""

    def __init__(self, application: Any, threads: int) -> None:
        self._inner = WSGIMiddleware(application, workers=threads)
        self.executor = self._inner.executor
        self._most = threads * PLACES_PER_THREAD
        self._here = 0

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        if self._here >= self._most:
            await send({"type": "http.response.start", "status": 503, "headers": _BUSY_HEADERS})
            await send({"type": "http.response.body", "body": _BUSY})
            return
        self._here += 1
        try:
            await self._inner(scope, _complete(receive), send)
        finally:
            self._here -= 1


def _complete(receive: Receive) -> Receive:
    """A body that broke off is an error, never a shorter body."""

    async def received() -> Any:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("The client went away before its request was complete.")
        return message

    return received


_on_threads = OnThreads(django_application, settings.WEB_THREADS)
application = LeanLane(_on_threads, _on_threads.executor)
