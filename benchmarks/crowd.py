"""Callers whose every answer is looked at: who is refused, how, and how long those waited who were not.

One thread and epoll, so that it takes little from the servers beside it. wrk takes less, but tells one latency for
refusals and answers together, and knows no arrivals that do not wait for answers.
"""

from __future__ import annotations

import heapq
import math
import select
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from urllib.parse import urlsplit

from benchmarks.crowd_connections import Connection

BROKEN = 0
GRACE_SECONDS = 15.0
"""How long answers may still come after the last question; more than the site's own deadline of 10 seconds."""
TICK_SECONDS = 0.05
REST_SECONDS = 0.1
"""Before a connection that broke is tried again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: when it ended (seconds from the start), how long it took, its status (BROKEN without one)."""

    at: float
    seconds: float
    status: int
    says_when: bool


@dataclass(frozen=True)
class Stream:
    """Who asks what.

    Without a ``rate`` every connection asks again as soon as it has its answer, be it a refusal; when it ``heeds`` them,
    not before the time that a refusal names. With a rate, so many come a
    second whether or not others wait, over up to ``connections`` connections; their time counts from when they came.
    """

    name: str
    urls: Sequence[str]
    bodies: Sequence[bytes]
    headers: Mapping[str, str]
    connections: int
    rate: float | None = None
    heeds: bool = False

    def requests(self, url: str) -> list[bytes]:
        """The bytes of each request."""
        parts = urlsplit(url)
        lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/json"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in self.headers.items())])
        return [f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body for body in self.bodies]


@dataclass
class Told:
    """What one stream saw. ``held_back``: arrivals that found every connection busy and were never sent."""

    seen: list[Seen] = field(default_factory=list)
    held_back: int = 0

    @property
    def answered(self) -> int:
        """How many 2xx."""
        return sum(200 <= one.status < 300 for one in self.seen)

    @property
    def statuses(self) -> Counter[int]:
        """How many of each status."""
        return Counter(one.status for one in self.seen)

    @property
    def without_retry_after(self) -> int:
        """Refusals (429, 503) that do not say when to come back."""
        return sum(one.status in (429, 503) and not one.says_when for one in self.seen)

    def rate(self, seconds: float) -> float:
        """2xx that ended within the window of so many seconds, per second."""
        return sum(200 <= one.status < 300 and one.at <= seconds for one in self.seen) / seconds

    def milliseconds(self, share: float) -> float:
        """The latency below which this share of the 2xx lies; NaN without one."""
        return _share_of([one.seconds for one in self.seen if 200 <= one.status < 300], share)

    def refused_milliseconds(self, share: float) -> float:
        """The same of the refusals (429, 503)."""
        return _share_of([one.seconds for one in self.seen if one.status in (429, 503)], share)

    @property
    def longest(self) -> float:
        """Seconds that the one who waited longest waited, for whatever; NaN without one."""
        return max((one.seconds for one in self.seen), default=math.nan)


def _share_of(seconds: list[float], share: float) -> float:
    took = sorted(seconds)
    return took[min(int(len(took) * share), len(took) - 1)] * 1000 if took else math.nan


def drive(
    streams: Sequence[Stream], seconds: float, meanwhile: Callable[[float], None] | None = None
) -> dict[str, Told]:
    """Ask for so many seconds, then wait for what is under way; what each stream saw, by name.

    ``meanwhile`` is called every now and then (at least each TICK_SECONDS) with the seconds since the start.
    """
    driver = _Driver(streams, seconds)
    try:
        driver.run(meanwhile)
    finally:
        driver.close()
    return driver.told


class _Line:
    """The connections of one stream and those of them that are free."""

    def __init__(self, stream: Stream, told: Told) -> None:
        self.told = told
        self.heeds = stream.heeds
        self.step = 1 / stream.rate if stream.rate else None
        places = [(urlsplit(url), cycle(stream.requests(url))) for url in stream.urls]
        self.connections = [
            Connection((parts.hostname or "", parts.port or 80), requests, self)
            for parts, requests in islice(cycle(places), stream.connections)
        ]
        self.free = self.connections[::-1]


class _Driver:
    """All connections of all streams in one loop. ``_due``: what happens next, by time."""

    def __init__(self, streams: Sequence[Stream], seconds: float) -> None:
        self.told = {stream.name: Told() for stream in streams}
        self._lines = [_Line(stream, self.told[stream.name]) for stream in streams]
        self._seconds = seconds
        self._poll = select.epoll()
        self._busy: dict[int, Connection] = {}
        self._order = count()
        self._due: list[tuple[float, int, _Line]] = []
        self._begun = 0.0
        for line in self._lines:
            for _ in line.connections if line.step is None else (0,):
                self._plan(0.0, line)

    def run(self, meanwhile: Callable[[float], None] | None) -> None:
        """See ``drive``."""
        self._begun = time.perf_counter()
        while (now := self._now()) < self._seconds + GRACE_SECONDS:
            if now >= self._seconds and not self._busy:
                break
            self._begin_what_is_due(now)
            self._hear()
            if meanwhile is not None:
                meanwhile(now)
        for connection in list(self._busy.values()):
            self._end(connection, BROKEN, wait=None, closes=True)

    def close(self) -> None:
        """Close every connection."""
        for line in self._lines:
            for connection in line.connections:
                connection.close(self._poll)
        self._poll.close()

    def _now(self) -> float:
        return time.perf_counter() - self._begun

    def _plan(self, at: float, line: _Line) -> None:
        heapq.heappush(self._due, (at, next(self._order), line))

    def _begin_what_is_due(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            at, _, line = heapq.heappop(self._due)
            if at >= self._seconds:
                continue
            if line.step is not None:
                self._plan(at + line.step, line)
            if line.free:
                self._ask(line.free.pop(), at)
            else:
                line.told.held_back += 1

    def _ask(self, connection: Connection, at: float) -> None:
        try:
            connection.ask(self._poll, at)
        except OSError:
            self._end(connection, BROKEN, wait=None, closes=True)
        else:
            self._busy[connection.number] = connection

    def _hear(self) -> None:
        pause = TICK_SECONDS
        if self._due:
            pause = min(pause, max(self._due[0][0] - self._now(), 0.0))
        for number, _ in self._poll.poll(pause):
            connection = self._busy.get(number)
            if connection is None:
                continue
            try:
                found = connection.read()
            except OSError:
                found = (BROKEN, None, True)
            if found is not None:
                self._end(connection, found[0], wait=found[1], closes=found[2])

    def _end(self, connection: Connection, status: int, *, wait: float | None, closes: bool) -> None:
        now = self._now()
        line: _Line = connection.owner
        line.told.seen.append(Seen(now, now - connection.asked_at, status, wait is not None))
        self._busy.pop(connection.number, None)
        if closes:
            connection.close(self._poll)
        line.free.append(connection)
        if line.step is None:
            rest = REST_SECONDS if status == BROKEN else 0.0
            self._plan(now + (max(rest, wait or 0.0) if line.heeds else rest), line)
