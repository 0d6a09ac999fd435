"""Changes that need a table to themselves, without anybody queueing up behind them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection, transaction

from predictions.errors import TryLater

LOCK_TIMEOUT_MS = 100
"""How long an answer may be held up: while a change waits for a table, all who come after it wait as well."""

LOCK_SECONDS = 600.0
_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
_NOT_FREE = ("55P03", "40P01")
"""PostgreSQL's lock_not_available and deadlock_detected: nothing was done, and it may work in a moment."""


def shortly(change: Callable[[Any], None]) -> None:
    """Run ``change(cursor)`` in a transaction that gives up a lock it does not get at once, until it got all of them.

    Raises TryLater when somebody kept a table for ``LOCK_SECONDS``.
    """
    until = time.monotonic() + LOCK_SECONDS
    pause = _PAUSE
    while True:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                change(cursor)
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", "") not in _NOT_FREE:
                raise
            if time.monotonic() > until:
                raise TryLater(
                    "Something has been reading the history for a long time, a backup perhaps. Run this again when it is done.",
                    code="history_in_use",
                    retry_after=60,
                ) from None
        else:
            return
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
