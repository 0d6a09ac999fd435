"""An ASGI server of a few lines: requests to an application on an event loop, one or many at once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.db import connections


@dataclass
class Reply:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    is_complete: bool = False

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)

    def json(self) -> Any:
        """The value of the body."""
        return json.loads(self.body)


class Exchange:
    """One request: its body in ``pieces``, then a client that stays.

    With ``leaves`` it goes away and with ``stalls`` it sends no more before the body is complete.
    """

    def __init__(
        self,
        method: str,
        path: str,
        *pieces: bytes,
        headers: dict[str, str] | None = None,
        query: bytes = b"",
        leaves: bool = False,
        stalls: bool = False,
    ) -> None:
        self.reply = Reply()
        self.gone = asyncio.Event()
        self._pieces = list(pieces) or [b""]
        self._leaves = leaves
        self._is_cut = leaves or stalls
        named = {"host": "testserver", **{name.lower(): value for name, value in (headers or {}).items()}}
        if not leaves and "transfer-encoding" not in named:
            named.setdefault("content-length", str(sum(map(len, self._pieces))))
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("testserver", 80),
        }

    async def through(self, application: Any) -> Reply:
        """What the application answers."""
        await application(self.scope, self._receive, self._send)
        return self.reply

    async def _receive(self) -> dict[str, Any]:
        if self._pieces:
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or self._is_cut}
        if not self._leaves:
            await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        # A server gives the loop to others here.
        await asyncio.sleep(0)
        if message["type"] == "http.response.start":
            assert not self.reply.status, "an answer begins once"
            self.reply.status = message["status"]
            self.reply.headers = {
                name.decode(): value.decode("latin-1") for name, value in message["headers"]
            }
            return
        assert self.reply.status, "an answer begins with its headers"
        assert not self.reply.is_complete, "nothing comes after the end"
        self.reply.pieces.append(message.get("body", b""))
        self.reply.is_complete = not message.get("more_body", False)


def predict_call(slug: str, inputs: Any, key: str, **headers: str) -> Exchange:
    """An ordinary predict call. ``inputs`` that are bytes are the whole body."""
    body = inputs if isinstance(inputs, bytes) else json.dumps({"inputs": inputs}).encode()
    named = {"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
    return Exchange("POST", f"/api/v1/models/{slug}/predict", body, headers=named)


async def all_of(application: Any, exchanges: Sequence[Exchange]) -> list[Reply]:
    """The replies to requests that are under way at the same time."""
    return await asyncio.gather(*(one.through(application) for one in exchanges))


def close_connections_of(executor: ThreadPoolExecutor) -> None:
    """Let each of its threads close its database connections: nobody else may."""
    count = len(executor._threads)
    together = threading.Barrier(count + 1)

    def close() -> None:
        together.wait(30)
        connections.close_all()

    ended = [executor.submit(close) for _ in range(count)]
    together.wait(30)
    for one in ended:
        one.result(30)
