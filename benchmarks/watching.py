"""What a site uses while it is under load: memory of its web processes, and what waits in Redis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psutil
import redis

from benchmarks.processes import proportional_bytes

LOOK_SECONDS = 0.2
MEMORY_SECONDS = 2.0
"""Adding up the pages of a process takes milliseconds of a core that the site should have."""


class Watch:
    """Call it often with the seconds since the start; it looks now and then and keeps the greatest it saw.

    ``most_memory`` is that of one process.
    """

    def __init__(self, redis_url: str, web: Callable[[], Sequence[psutil.Process]]) -> None:
        self.longest_queue = 0
        self.most_memory = 0
        self._client = redis.Redis.from_url(redis_url)
        self._web = web
        self._next_look = 0.0
        self._next_memory = 0.0

    def __call__(self, now: float) -> None:
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self.longest_queue = max(self.longest_queue, self.queued())
        if now >= self._next_memory:
            self._next_memory = now + MEMORY_SECONDS
            each = (proportional_bytes([process]) for process in self._web())
            self.most_memory = max(self.most_memory, *each)

    def queued(self) -> int:
        """Messages in all queues now; Celery keeps each as a list of Redis."""
        names = self._client.scan_iter(count=1000, _type="list")
        return sum(int(self._client.llen(name)) for name in names)

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()
