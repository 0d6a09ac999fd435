"""A background run as lines on a terminal, as they happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from predictions.models import Job

PATIENCE_SECONDS = 5.0
NOBODY = (
    "No worker has taken it yet. It waits in the queue; start the site with script/server, "
    "or a worker of the build queue."
)


class Follower:
    """Writes what is new in a job's row since the last look."""

    def __init__(self, write: Callable[[str], Any], *, queue: str = "build") -> None:
        self._write = write
        self._queue = queue
        self._begun: set[tuple[int, int]] = set()
        self._ended: set[tuple[int, int]] = set()
        self._last_line = ""
        self._waiting_since: float | None = None
        self._told = False

    def look(self, job: Job, now: float) -> None:
        """Write new steps and lines of ``job``; ``now`` in seconds of any steady clock."""
        self._notice_idleness(job, now)
        for line in job.log:
            if line["at"] > self._last_line:
                self._last_line = line["at"]
                self._write(f"    {line['text']}")
        for place, step in enumerate(job.steps):
            self._show(step, (job.attempts, place))

    def _show(self, step: dict[str, Any], key: tuple[int, int]) -> None:
        if key not in self._begun:
            self._begun.add(key)
            self._write(f"  {step['name']} …")
        if step["status"] != "running" and key not in self._ended:
            self._ended.add(key)
            said = f": {step['message']}" if step["message"] else ""
            self._write(f"  {step['name']} {step['status']}{said}")

    def _notice_idleness(self, job: Job, now: float) -> None:
        if job.status != Job.Status.QUEUED:
            self._waiting_since = None
            return
        if self._waiting_since is None:
            self._waiting_since = now
        if not self._told and now - self._waiting_since >= PATIENCE_SECONDS:
            self._told = True
            self._write(NOBODY.replace("build queue", f"{self._queue} queue"))
