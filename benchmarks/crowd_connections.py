"""One kept-alive HTTP connection that never blocks while it waits for its answer."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from typing import Any

CONNECT_SECONDS = 5.0
LAST_CHUNK = b"\r\n0\r\n\r\n"
"""JSON has no raw line ends, so this is nothing but the end."""


class Connection:
    """At most one request under way. ``owner`` is whatever its user wants to find with it."""

    def __init__(self, address: tuple[str, int], requests: Iterator[bytes], owner: Any) -> None:
        self.owner = owner
        self.asked_at = 0.0
        self._address = address
        self._requests = requests
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._need = 0
        self._is_chunked = False

    @property
    def number(self) -> int:
        """The file number that epoll tells; -1 while there is no connection."""
        return -1 if self._socket is None else self._socket.fileno()

    def ask(self, poll: select.epoll, at: float) -> None:
        """Send the next request, which came at the moment ``at``. Raises OSError."""
        self.asked_at = at
        self._buffer, self._need = b"", 0
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=CONNECT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(self._socket.fileno(), select.EPOLLIN)
        # A request is a few kilobytes and nothing else is under way: the kernel takes it whole.
        self._socket.sendall(next(self._requests))

    def read(self) -> tuple[int, float | None, bool] | None:
        """Status, after how many seconds to come back (None when it does not say), whether the server closes.

        None before the end. Raises OSError when the server went away.
        """
        if self._socket is None:
            raise ConnectionResetError
        part = self._socket.recv(1 << 16)
        if not part:
            raise ConnectionResetError
        self._buffer += part
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        if not self._need:
            length = _length(self._buffer[:end].lower())
            self._need = end + 4 + (length or 0)
            self._is_chunked = length is None
        if len(self._buffer) < self._need or (self._is_chunked and not self._buffer.endswith(LAST_CHUNK)):
            return None
        status = int(self._buffer[9:12])
        if status < 300:
            return status, None, False
        head = self._buffer[:end].lower()
        return status, _wait(head), b"\r\nconnection: close" in head

    def close(self, poll: select.epoll) -> None:
        """Close; the next question opens another."""
        if self._socket is not None:
            poll.unregister(self._socket.fileno())
            self._socket.close()
            self._socket = None


def _wait(head: bytes) -> float | None:
    place = head.find(b"\r\nretry-after:")
    return None if place < 0 else float(head[place + 14 :].split(b"\r\n", 1)[0])


def _length(head: bytes) -> int | None:
    """What the head says of the body's length; None when it comes in chunks."""
    place = head.find(b"\r\ncontent-length:")
    if place >= 0:
        return int(head[place + 17 :].split(b"\r\n", 1)[0])
    if b"\r\ntransfer-encoding: chunked" not in head:
        raise ConnectionError("An answer without a length.")
    return None
