"""One second chance for a database connection that died between two messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

Result = TypeVar("Result")


def retried(call: Callable[[], Result]) -> Result:
    """``call()``, and once more on a new connection when the old one was dead.

    Cheaper than asking the server before each message whether it is still there. ``call`` must be safe to repeat.
    Raises OperationalError or InterfaceError when the database stays away.
    """
    try:
        return call()
    except (OperationalError, InterfaceError):
        connection.close()
        return call()
