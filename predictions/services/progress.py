"""What a running job tells into its row, and whether it should go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import close_old_connections, connection

from predictions.models import Job
from predictions.sandbox import Stopped
from predictions.services import jobs

_ASK_SECONDS = 1.0
_BEAT_SECONDS = 5.0


_IN_SANDBOX = ("scan", "open", "inspect", "convert", "parity", "prove")


class Progress:
    """Steps and log lines of one job. Every write raises Lost once another worker has the job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._asked = 0.0
        self._stop = False

    def begin(self, name: str) -> None:
        """Start a step. Raises Stopped when somebody asked for the job to stop."""
        self.check()
        jobs.start_step(self.job, name)

    def done(self, message: str) -> None:
        """End the running step with its outcome, which the log gets too."""
        jobs.finish_step(self.job, message)
        jobs.add_log(self.job, message)

    def hear(self, event: dict[str, Any]) -> None:
        """What the sandbox says of a step is its outcome; the next one runs from then on."""
        name, message = event["step"], event["message"]
        if name not in _IN_SANDBOX or not self._reached(name):
            jobs.add_log(self.job, message)
            return
        self.done(message)
        place = _IN_SANDBOX.index(name) + 1
        if place < len(_IN_SANDBOX):
            jobs.start_step(self.job, _IN_SANDBOX[place])

    def _reached(self, name: str) -> bool:
        """Whether ``name`` runs now; a step that was passed over gives its place to a later one."""
        running = self.job.steps[-1] if self.job.steps else None
        if running is None or running["status"] != "running" or running["name"] not in _IN_SANDBOX:
            return False
        if _IN_SANDBOX.index(running["name"]) > _IN_SANDBOX.index(name):
            return False
        if running["name"] != name:
            jobs.rename_step(self.job, name)
        return True

    def leave_sandbox(self) -> None:
        """Drop the step that was expected but did not come, as when there is nothing to compare."""
        jobs.drop_running_step(self.job)

    def should_stop(self) -> bool:
        """Asked often; looks into the row, and says that this worker lives, about once a second."""
        if time.monotonic() - self._asked >= _ASK_SECONDS:
            self._asked = time.monotonic()
            self._stop = jobs.heartbeat(self.job)
        return self._stop

    def check(self) -> None:
        """Raise Stopped when somebody asked for the job to stop, Lost when it is not ours any more."""
        if jobs.heartbeat(self.job):
            raise Stopped("The job was cancelled.")

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Keep the job alive from a second thread while this one computes."""
        done = threading.Event()

        def beat() -> None:
            close_old_connections()
            try:
                while not done.wait(_BEAT_SECONDS):
                    jobs.heartbeat(self.job)
            except jobs.Lost:
                return
            finally:
                connection.close()

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
