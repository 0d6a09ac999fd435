"""A month of the large history is purged while answers are stored: how long did the slowest of them wait?"""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from django.db import connection

from benchmarks.history.databases import Database
from benchmarks.history.people import People
from benchmarks.history.storing import group
from predictions.selectors import history_parts
from predictions.services import locks, purging
from predictions.services.storing import store
from predictions.values import Actor


def measured(people: People) -> str:
    """Purge the oldest month; what happened to the answers stored meanwhile, in a sentence."""
    months = [part for part in history_parts.parts() if part.begin is not None]
    oldest = next((part for part in months if history_parts.rows_before(part, part.end_id)), None)
    if oldest is None or oldest.begin is None:
        return "There is no month to purge."
    before = (oldest.begin + timedelta(days=32)).replace(day=1)
    name = str(connection.settings_dict["NAME"])
    stop, waits, failures = threading.Event(), list[float](), list[str]()
    writers = [threading.Thread(target=_write, args=(name, people, stop, waits, failures)) for _ in range(2)]
    for writer in writers:
        writer.start()
    time.sleep(0.5)
    begun = time.perf_counter()
    try:
        actor = Actor(user_id=people.columns["reviewer"], is_staff=True, is_superuser=True)
        done = purging.purge(before=before, actor=actor)
        seconds = time.perf_counter() - begun
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    return (
        f"Purged {done.answers:,} answers and {done.reviews:,} reviews in {seconds:.1f} s. Meanwhile {len(waits):,} answers "
        f"were stored, the slowest in {max(waits) * 1000:.0f} ms (a lock is waited for {locks.LOCK_TIMEOUT_MS} ms), "
        f"{len(failures)} failed{': ' + failures[0] if failures else ''}."
    )


def _write(name: str, people: People, stop: threading.Event, waits: list[float], failures: list[str]) -> None:
    database = Database(name)
    with database.used():
        while not stop.is_set():
            made, answered = group(people, 1, 1)
            begun = time.perf_counter()
            try:
                store(group=made, answered=answered, now=time.time())
            except Exception as error:
                failures.append(type(error).__name__)
            waits.append(time.perf_counter() - begun)
    database.close()
