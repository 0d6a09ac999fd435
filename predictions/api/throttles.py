"""How often one caller may ask: counted in Redis for all processes, and here when Redis is away."""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.utils.asyncio import async_unsafe
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from predictions.models import ApiKey

if TYPE_CHECKING:  # the framework imports this module while it defines APIView
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BLOCKS_PER_WINDOW = 200
"""A process takes permits in blocks of 1/200 of the limit, so that a busy caller costs few trips to Redis."""
RETRY_REDIS_SECONDS = 5.0
"""After a failure, how long to count here alone before asking Redis again."""
MAX_HELD = 20_000


@lru_cache(maxsize=64)
def parse_rate(rate: str) -> tuple[int, int]:
    """``"120/min"`` as (120 requests, 60 seconds). Raises ValueError."""
    number, _slash, period = rate.partition("/")
    if not period or period[0] not in PERIODS:
        raise ValueError(f"a rate reads like 120/min, not {rate!r}")
    return int(number), PERIODS[period[0]]


class Counter:
    """Requests per caller in windows of fixed length, shared through ``store`` (Django's cache)."""

    def __init__(self, store: Any = cache, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._refilling = threading.Lock()
        self._permits: dict[str, int] = {}
        self._alone: dict[str, int] = {}
        self._alone_until = 0.0

    def take(self, caller: str, limit: int, seconds: int) -> float | None:
        """Count one request of ``caller``. None when it may go on, else seconds until it may again.

        Raises SynchronousOnlyOperation on an event loop when Redis must be asked first; nothing is counted then.
        """
        now = self._clock()
        window = int(now // seconds)
        name = f"throttle:{caller}:{seconds}:{window}"
        if self._held(name):
            return None
        block = max(1, limit // BLOCKS_PER_WINDOW)
        return None if self._refilled(name, block, limit, seconds) else (window + 1) * seconds - now

    def _held(self, name: str) -> bool:
        """Use up a permit of those this process has already."""
        with self._lock:
            left = self._permits.get(name, 0)
            if left > 0:
                self._permits[name] = left - 1
            return left > 0

    # A Redis that hangs must not hold up a loop: there Django's guard has the caller come again on a thread.
    @async_unsafe
    def _refilled(self, name: str, block: int, limit: int, seconds: int) -> bool:
        # Of callers who come at once, one takes a block that is enough for all of them.
        with self._refilling if block > 1 else nullcontext():
            if block > 1 and self._held(name):
                return True
            taken = self._taken(name, block, seconds)
            granted = min(block, limit - (taken - block))
            if granted > 1:
                self._hold(name, granted - 1)
            return granted > 0

    def forget(self) -> None:
        """Start over in this process."""
        with self._lock:
            self._permits.clear()
            self._alone.clear()
            self._alone_until = 0.0

    def _taken(self, name: str, block: int, seconds: int) -> int:
        """Add ``block`` to what was taken in this window and return the sum."""
        if self._clock() >= self._alone_until:
            try:
                return self._taken_together(name, block, seconds)
            except (RedisError, OSError):
                # Finding that out took a while.
                self._alone_until = self._clock() + RETRY_REDIS_SECONDS
                logger.warning("Redis does not answer; requests are counted in each process alone.")
        with self._lock:
            if len(self._alone) > MAX_HELD:
                self._alone.clear()
            self._alone[name] = self._alone.get(name, 0) + block
            return self._alone[name]

    def _taken_together(self, name: str, block: int, seconds: int) -> int:
        try:
            return int(self._store.incr(name, block))
        except ValueError:  # the first of its window
            self._store.add(name, 0, timeout=seconds + 5)
            return int(self._store.incr(name, block))

    def _hold(self, name: str, permits: int) -> None:
        with self._lock:
            if len(self._permits) > MAX_HELD:
                self._permits.clear()
            self._permits[name] = self._permits.get(name, 0) + permits


counter = Counter()


class Throttle(BaseThrottle):
    """The rates of settings: per key, per account, or per address of callers who are neither."""

    def __init__(self) -> None:
        self._wait: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """True when the caller may go on; ``wait`` then says nothing."""
        kind, caller = caller_of(request, self.get_ident)
        rate = api_settings.DEFAULT_THROTTLE_RATES.get(kind)
        if not rate:
            return True
        self._wait = counter.take(f"{kind}:{caller}", *parse_rate(str(rate)))
        return self._wait is None

    def wait(self) -> float | None:
        """Seconds until the next window."""
        return self._wait


def caller_of(request: Request, address_of: Callable[[Request], str]) -> tuple[str, str]:
    """(kind of caller, its name in the counters). ``address_of`` is asked where nothing better names the caller."""
    if isinstance(request.auth, ApiKey):
        return "key", str(request.auth.pk)
    if request.user.is_authenticated:
        return "user", str(request.user.pk)
    return "anonymous", network_of(address_of(request))


def network_of(address: str) -> str:
    """An IPv4 address itself; of an IPv6 address the /64 that one household or machine owns."""
    try:
        known = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return address.rpartition(":")[0] or address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False).network_address)
