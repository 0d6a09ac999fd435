"""Django on threads below an ASGI server: a2wsgi, and what a site needs that it has not.

That is a bound on who waits, a body that is whole or an error, an end to answers nobody reads any more, pieces large
enough to be worth a change of threads, and requests that WSGI has no words for.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import IO, Any
from wsgiref.util import FileWrapper

from a2wsgi import WSGIMiddleware

logger = logging.getLogger(__name__)

PLACES_PER_THREAD = 16
"""So many requests wait for each thread at most; whoever comes then hears that the site is busy, at once."""
STALLED_SECONDS = 60.0
"""A client that neither sends nor takes anything for so long, while a thread waits for that, is as good as gone."""
PIECE_BYTES = 65_536
"""An answer made line by line goes out in pieces of this size: each is a change of threads."""
PIECE_SECONDS = 0.2
"""What was made of it goes out after this long in any case, with the next line."""

_BUSY = b"This site is busy. Try again in a few seconds.\n"
_FAILED = b"This did not work. Try again in a moment.\n"
_NOT_ASCII = re.compile(rb"[^\x21-\x7e]")
_CLIENT = "modeldesk.client"

Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class OnThreads:
    """ASGI application: a WSGI one on threads, with a bound on how many requests wait for one."""

    def __init__(self, application: Any, threads: int) -> None:
        self._inner = WSGIMiddleware(_for_django(application), workers=threads)
        self.executor = self._inner.executor
        self.most = threads * PLACES_PER_THREAD
        self._here = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        if self._here >= self.most:
            await _say(send, 503, _BUSY, (b"retry-after", b"3"))
            return
        client = _Client(receive, send)
        self._here += 1
        try:
            await self._inner(_plain(scope, client), client.receive, client.send)
        except Exception:
            # Never let through: the server would write its text, which could quote a case.
            logger.exception("A request failed outside of Django's own care.")
            if not client.has_begun:
                await _say(send, 500, _FAILED)
                return
            client.has_broken_off = True
        finally:
            self._here -= 1
            client.leave()
            if client.is_cut_off:
                # The part of an upload that came is on disk until nothing refers to it, and its frames refer in a circle.
                self.executor.submit(gc.collect)
        if client.has_broken_off:
            # An end like any other would make what was sent look whole.
            raise BrokenOffError("An answer broke off.")


class BrokenOffError(Exception):
    """Has the server close a connection in the middle of an answer."""


async def _say(send: Send, status: int, text: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


class _Client:
    """The other end of one request."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._pieces = 0
        self._watch: asyncio.Task[None] | None = None
        self.is_gone = False
        self.is_cut_off = False
        self.has_begun = False
        self.has_broken_off = False

    async def receive(self) -> Message:
        """More of the body, or that its sender is gone, or as good as gone."""
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                message = await self._receive()
        except TimeoutError:
            self.is_cut_off = True
            return {"type": "http.disconnect"}
        if message["type"] == "http.disconnect":
            self.is_cut_off = self.is_gone = True
        return message

    async def send(self, message: Message) -> None:
        """More of the answer. Never raises: a thread would wait for ever for its piece to be taken."""
        if self.is_gone:
            return
        self.has_begun = True
        if self._pieces == 1 and message.get("more_body"):
            self._watch = asyncio.create_task(self._notice_its_end())
        self._pieces += message["type"] == "http.response.body"
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await self._send(message)
        except TimeoutError:
            self.is_gone = self.has_broken_off = True
        except Exception:
            # The server has no connection to send it over.
            self.is_gone = True

    def leave(self) -> None:
        """The request is over, or given up: what a thread still makes for it goes nowhere."""
        self.is_gone = True
        if self._watch is not None:
            self._watch.cancel()

    async def _notice_its_end(self) -> None:
        """The server sends into the void without a word, so a long answer would be made to its end for nobody."""
        while not self.is_gone:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.is_gone = True


def _plain(scope: Any, client: _Client) -> Any:
    """The request as a WSGI server would have it."""
    query = scope["query_string"]
    if _NOT_ASCII.search(query):
        query = _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], query)
    # Once "-" is "_", a name with "_" would pass for one that only a proxy of ours may write.
    headers = [pair for pair in scope["headers"] if b"_" not in pair[0]]
    return {**scope, "query_string": query, "headers": headers, _CLIENT: client}


def _for_django(application: Any) -> Any:
    """The WSGI application, with what its request and its answer lack below a2wsgi."""

    def called(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        client = environ["asgi.scope"][_CLIENT]
        environ["wsgi.input"] = _Body(environ["wsgi.input"], client)
        environ["wsgi.file_wrapper"] = _file_in_pieces
        return _Pieces(application(environ, start_response), client)

    return called


class _Body:
    """A body that broke off is an error, never a shorter body.

    It is raised here and not where it is noticed: through a future it would keep itself and all frames that it went
    through, with the file that an upload has on disk so far, until garbage is collected.
    """

    def __init__(self, body: Any, client: _Client) -> None:
        self._body = body
        self._client = client

    def read(self, size: int = -1) -> bytes:
        return self._whole(self._body.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._whole(self._body.readline(size))

    def _whole(self, piece: bytes) -> bytes:
        if self._client.is_cut_off:
            raise ConnectionResetError("The client went away before its request was complete.")
        return piece


def _file_in_pieces(file: IO[bytes], _size: int) -> FileWrapper:
    return FileWrapper(file, PIECE_BYTES)


class _Pieces:
    def __init__(self, answer: Any, client: _Client) -> None:
        self._answer = answer
        self._client = client

    def __iter__(self) -> Iterator[bytes]:
        held: list[bytes] = []
        size, since = 0, time.monotonic()
        for piece in self._answer:
            if self._client.is_gone:
                return
            held.append(piece)
            size += len(piece)
            if size >= PIECE_BYTES or time.monotonic() - since > PIECE_SECONDS:
                yield b"".join(held)
                held, size, since = [], 0, time.monotonic()
        if held:
            yield b"".join(held)

    def close(self) -> None:
        close = getattr(self._answer, "close", None)
        if close is not None:
            close()
