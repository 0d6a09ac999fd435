"""What rooms call. Everything here only notes; ``keeping`` adds up, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from predictions.timings import keeping
from predictions.timings.definitions import INFER, INSERT, METRICS, QUEUE, RENDER, REPLY
from predictions.timings.sums import Counted, Grouped, Laps


class _Here(threading.local):
    laps: Laps | None = None


_here = _Here()


def begin() -> None:
    """This thread begins with a request; one that was never finished is forgotten."""
    now = monotonic()
    _here.laps = Laps(now, now)


def put_aside() -> Laps | None:
    """What the thread has of its request, before a coroutine lets others go on there, or another thread does."""
    laps, _here.laps = _here.laps, None
    return laps


def take_up(laps: Laps | None) -> None:
    """Go on with what was put aside."""
    _here.laps = laps


def about(ml_model: str, face: str) -> None:
    """What is asked, and through which door. ``ml_model`` is the slug of one that exists."""
    laps = _here.laps
    if laps is not None:
        laps.ml_model, laps.face = ml_model, face


def mark(stage: int) -> None:
    """The time since the last mark was this stage."""
    laps = _here.laps
    if laps is not None:
        now = monotonic()
        laps.stages[stage] += now - laps.last
        laps.last = now


def answered(sent_at: float, waited: float, inferred: float, stored: float) -> None:
    """The time since the last mark was spent on a worker's answer.

    ``sent_at`` by ``time.monotonic``: when its message was made; the others in seconds as ``GroupReply`` has them.
    The clocks of two machines differ, and ``waited`` with them; the stages add up to the time spent all the same.
    """
    laps = _here.laps
    if laps is None:
        return
    now = monotonic()
    left = now - laps.last
    queued = max(sent_at - laps.last, 0.0) + max(waited, 0.0)
    for stage, seconds in ((INFER, inferred), (INSERT, stored), (QUEUE, queued)):
        taken = min(seconds, left)
        laps.stages[stage] += taken
        left -= taken
    laps.stages[REPLY] += left
    laps.last = now


def finish(rows: int) -> None:
    """The request is answered with so many cases; the time since the last mark was rendering."""
    laps = _here.laps
    if laps is None:
        return
    _here.laps = None
    now = monotonic()
    laps.stages[RENDER] += now - laps.last
    laps.last = now
    laps.rows = rows
    keeping.note(laps)


def refused(code: str, face: str = "") -> None:
    """The request ends with this error code. ``face`` in case ``about`` was not reached."""
    laps = _here.laps
    if laps is None:
        return
    _here.laps = None
    count("requests", laps.ml_model, laps.face or face, code)


def group(requests: int, rows: int) -> None:
    """A message with so many requests and cases goes to a worker."""
    keeping.note(Grouped(requests, rows))


def count(name: str, *labels: str, by: float = 1.0) -> None:
    """``name`` of METRICS happened, with a value for each of its labels: ``count("cache_lookups", "hit")``."""
    keeping.note(Counted(METRICS[name], labels, by))


def watch(name: str, look: Callable[[], float]) -> None:
    """``look`` says how many ``name`` of METRICS there are in this process now; asked about once a second."""
    keeping.watch(METRICS[name], look)
