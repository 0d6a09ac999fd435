"""Answers of this worker process that were given before: by version, signature revision and exact input.

Private by construction: a key is a digest keyed with a secret of the process, never the input; the answers lie in the
memory of the worker only, and go with it. Those of a version that no longer answers are never asked for again and make
room for newer ones.
"""

from __future__ import annotations

import secrets
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
from django.conf import settings

from predictions import timings
from predictions.services.cache_worth import SHARE, Look, Worth
from predictions.values import Value

Outputs = dict[str, Any]
Rows = Sequence[Sequence[Value]]
Clock = Callable[[], float]

ENTRY_BYTES = 300
"""What one entry takes beside its answer, measured on CPython 3.11 (`tests/services/test_answer_cache.py`)."""
LARGEST_SHARE = 64
"""An answer larger than this part of the cache would push out too many others."""
MANY = 16
"""Groups from this size on are judged by themselves: in a large call a row costs a fraction of a single one."""
MOST_WORTHS = 1024

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


@dataclass(frozen=True, slots=True)
class Answers:
    """One answer per row, in order. ``cached``: positions of those that were given before."""

    outputs: list[Outputs]
    cached: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Lookup:
    """What was found: ``hits`` by position, ``misses`` as positions, and under which ``keys`` misses are learned.

    ``keys`` has an entry per row; None for a row that is not to be kept.
    """

    hits: dict[int, Outputs]
    misses: list[int]
    keys: list[bytes | None]


class AnswerCache:
    """Bounded by bytes, least recently used answers leave first. Safe between threads."""

    def __init__(
        self,
        max_bytes: int,
        *,
        work_clock: Clock = time.thread_time,
        wall_clock: Clock = time.perf_counter,
    ) -> None:
        """``max_bytes`` 0 keeps nothing. Clocks in seconds, for what this thread does and for what it waits for."""
        self._max_bytes = max_bytes
        self._clocks = (work_clock, wall_clock)
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0
        self._worths: OrderedDict[tuple[int, bool], Worth] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        """What is kept now, entries' own cost included."""
        return self._bytes

    def through(
        self,
        version_id: int,
        revision_id: int,
        rows: Rows,
        infer: Callable[[Rows], list[Outputs]],
        *,
        elsewhere: bool = False,
    ) -> Answers:
        """Answer rows from the cache where that pays, and the others with one call of ``infer``.

        ``infer`` gives one answer per row of what it gets. Raises whatever it raises; nothing is kept then.
        ``elsewhere``: it works in another process, so that its cost is waiting and not this thread's own work.
        """
        if not rows or not self._max_bytes:
            return Answers(infer(rows))
        worth = self._worth(version_id, len(rows))
        with self._lock:
            look = worth.look()
        if look is Look.NONE:
            return Answers(self._inferred(worth, rows, infer, elsewhere))
        work_clock = self._clocks[0]
        begun = work_clock()
        sample = _sample(rows)
        lookup = self.split(version_id, revision_id, rows, None if look is Look.ALL else sample)
        seconds = work_clock() - begun
        found: list[Outputs] = []
        if lookup.misses:
            asked = rows if not lookup.hits else [rows[position] for position in lookup.misses]
            found = self._inferred(worth, asked, infer, elsewhere)
        begun = work_clock()
        self.learn(lookup, found)
        seconds += work_clock() - begun
        looked = sum(key is not None for key in lookup.keys)
        _count("hit", len(lookup.hits))
        _count("miss", looked - len(lookup.hits))
        with self._lock:
            if looked:
                worth.looked_up(looked, len(lookup.hits), seconds)
            if sample:
                worth.sampled(len(sample), sum(position in lookup.hits for position in sample))
        return _joined(lookup, found, len(rows))

    def split(
        self, version_id: int, revision_id: int, rows: Rows, positions: Sequence[int] | None = None
    ) -> Lookup:
        """Look rows up, those at ``positions`` only where given; the others count as misses not to be kept."""
        keys: list[bytes | None] = [None] * len(rows)
        blank = blake2b(digest_size=16, key=self._secret, person=struct.pack(">qq", version_id, revision_id))
        for position in range(len(rows)) if positions is None else positions:
            hashed = blank.copy()
            hashed.update(_canonical(rows[position]))
            keys[position] = hashed.digest()
        found: dict[int, bytes] = {}
        with self._lock:
            for position, key in enumerate(keys):
                if key is not None and key in self._kept:
                    self._kept.move_to_end(key)
                    found[position] = self._kept[key]
        # Decoded anew for each caller: nobody can change what another gets.
        hits = {position: _decode(answer) for position, answer in found.items()}
        return Lookup(hits, [position for position in range(len(rows)) if position not in hits], keys)

    def learn(self, lookup: Lookup, outputs: Sequence[Outputs]) -> None:
        """Keep the answers to the misses of a look-up, in their order."""
        fresh: list[tuple[bytes, bytes]] = []
        for position, answer in zip(lookup.misses, outputs, strict=True):
            key = lookup.keys[position]
            encoded = None if key is None else _encoded(answer)
            if key is None or encoded is None or len(encoded) * LARGEST_SHARE > self._max_bytes:
                continue
            fresh.append((key, encoded))
        with self._lock:
            for key, encoded in fresh:
                self._keep(key, encoded)

    def _keep(self, key: bytes, encoded: bytes) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= len(before) + ENTRY_BYTES
        self._kept[key] = encoded
        self._bytes += len(encoded) + ENTRY_BYTES
        while self._bytes > self._max_bytes:
            _, leaving = self._kept.popitem(last=False)
            self._bytes -= len(leaving) + ENTRY_BYTES

    def _inferred(
        self, worth: Worth, rows: Rows, infer: Callable[[Rows], list[Outputs]], elsewhere: bool
    ) -> list[Outputs]:
        clock = self._clocks[elsewhere]
        begun = clock()
        outputs = infer(rows)
        seconds = clock() - begun
        with self._lock:
            worth.inferred(len(rows), seconds)
        return outputs

    def _worth(self, version_id: int, rows: int) -> Worth:
        name = (version_id, rows >= MANY)
        with self._lock:
            worth = self._worths.get(name)
            if worth is None:
                worth = self._worths[name] = Worth()
                if len(self._worths) > MOST_WORTHS:
                    self._worths.popitem(last=False)
        return worth


@lru_cache(maxsize=1)
def answer_cache() -> AnswerCache:
    """The cache of this worker process."""
    return AnswerCache(settings.ANSWER_CACHE_MB * 1_000_000)


def _count(outcome: str, rows: int) -> None:
    if rows:
        timings.count("cache_lookups", outcome, by=rows)


def _sample(rows: Rows) -> list[int]:
    """Positions of the rows that belong to the sample; the same input always or never does."""
    return [position for position, row in enumerate(rows) if _cheap_hash(row) % SHARE == 0]


def _cheap_hash(row: Sequence[Value]) -> int:
    try:
        return hash(tuple(row))
    except TypeError:
        # Lists within: a tensor or a sequence.
        return hash(_canonical(row))


def _canonical(row: Sequence[Value]) -> bytes:
    """The same bytes for the same values only: 1, 1.0, true and "1" differ, as do 0.0 and -0.0."""
    try:
        return _encode(row)
    except (OverflowError, TypeError, ValueError):
        # A whole number beyond 64 bits. The first byte of the other form is never this one.
        return b"\xc1" + repr(row).encode("utf-8", "backslashreplace")


def _encoded(answer: Outputs) -> bytes | None:
    try:
        return _encode(answer)
    except (OverflowError, TypeError, ValueError):
        return None


def _joined(lookup: Lookup, found: list[Outputs], count: int) -> Answers:
    if not lookup.hits:
        return Answers(found)
    inferred = dict(zip(lookup.misses, found, strict=True))
    hits = lookup.hits
    outputs = [hits[position] if position in hits else inferred[position] for position in range(count)]
    return Answers(outputs, frozenset(hits))
