"""Calls made by the benchmark itself, one after the other or a few at a time; the load is wrk's."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from benchmarks.cases import Row
from benchmarks.contestants import Answer, Contestant

FIRST_ANSWER_SECONDS = 120.0


class RefusedError(Exception):
    """A server answered something else than 200."""


class Caller:
    """One kept-alive connection to a contestant."""

    def __init__(self, contestant: Contestant, seconds: float = 30.0) -> None:
        parts = urlsplit(contestant.url)
        self._path = parts.path
        self._headers = {"Content-Type": "application/json", **contestant.headers}
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)

    def post(self, body: bytes) -> bytes:
        """The body of the 200. Raises RefusedError, OSError, http.client.HTTPException."""
        self._connection.request("POST", self._path, body, self._headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RefusedError(f"{response.status}: {text[:300].decode(errors='replace')}")
        return text

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def first_answer(contestant: Contestant, row: Row, alive: Callable[[], None]) -> None:
    """Ask again and again until a case is answered. ``alive`` raises when waiting has become pointless."""
    until = time.monotonic() + FIRST_ANSWER_SECONDS
    body = contestant.body_of([row])
    while True:
        alive()
        caller = Caller(contestant, seconds=10.0)
        try:
            caller.post(body)
        except (RefusedError, OSError, http.client.HTTPException) as error:
            if time.monotonic() > until:
                raise RefusedError(f"{contestant.name} does not answer: {error}") from error
            time.sleep(0.02)
        else:
            return
        finally:
            caller.close()


def ask_all(contestant: Contestant, rows: Sequence[Row], *, callers: int) -> list[Answer]:
    """Every row in a request of its own, ``callers`` at a time so that servers group them; answers in row order."""
    places = iter(range(len(rows)))
    taking = threading.Lock()
    answers: dict[int, Answer] = {}

    def work() -> None:
        caller = Caller(contestant)
        try:
            while True:
                with taking:
                    place = next(places, None)
                if place is None:
                    return
                (answers[place],) = contestant.read(caller.post(contestant.body_of([rows[place]])))
        finally:
            caller.close()

    with ThreadPoolExecutor(callers) as pool:
        for done in [pool.submit(work) for _ in range(callers)]:
            done.result()
    return [answers[place] for place in range(len(rows))]


def one_after_the_other(contestant: Contestant, body: bytes, seconds: float) -> list[float]:
    """Send the same body for so long; seconds each request took. Raises RefusedError."""
    caller = Caller(contestant)
    try:
        caller.post(body)
        taken = []
        until = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < until:
            caller.post(body)
            taken.append(time.perf_counter() - begun)
    finally:
        caller.close()
    return taken
