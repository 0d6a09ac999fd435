"""Where the time of requests goes: recorded for about a microsecond each, read by the profile and by Prometheus.

A request's laps are kept by the thread that answers it, so nothing is handed from room to room::

    begin()                        # the site gets the request
    mark(ADMIT)                    # everything since the last mark was this
    mark(PARSE)
    about("iris", "api")           # as soon as it is known; what is refused before counts without a name
    mark(VALIDATE)
    answered(sent_at, waited, inferred, stored)    # in the caller's thread, once its reply is there
    finish(rows)                   # the body is made: the rest was rendering, and all of it the total

or ``refused(code)`` instead of ``finish``. A coroutine keeps its laps while others go on: ``put_aside``, ``take_up``. ``group(...)`` for each message, ``count(...)`` for what else happens, and
``watch(...)`` for what is so many at the moment. None of them raises, waits or takes a lock.
"""

from __future__ import annotations

from predictions.timings.definitions import ADMIT, PARSE, RENDER, STAGES, VALIDATE
from predictions.timings.recording import (
    about,
    answered,
    begin,
    count,
    finish,
    group,
    mark,
    put_aside,
    refused,
    take_up,
    watch,
)

__all__ = [
    "ADMIT",
    "PARSE",
    "RENDER",
    "STAGES",
    "VALIDATE",
    "about",
    "answered",
    "begin",
    "count",
    "finish",
    "group",
    "mark",
    "put_aside",
    "refused",
    "take_up",
    "watch",
]
