"""Looking again, on another thread, at what a coroutine goes on with meanwhile.

What selectors hold is good for a moment, and for as long again while somebody looks anew. A thread that finds it too old
looks by itself; a coroutine may not query, so it hands that over and goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import SynchronousOnlyOperation

logger = logging.getLogger(__name__)

Work = Callable[[], object]
_submit: Callable[[Work], Any] | None = None


def hand_to(submit: Callable[[Work], Any]) -> None:
    """From now on ``submit`` has this process's work done on threads that may query."""
    global _submit
    _submit = submit


def is_on_loop() -> bool:
    """Whether the calling thread runs coroutines, and may not query."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def later(work: Work) -> None:
    """Have it done soon. Raises SynchronousOnlyOperation in a process that has no threads for it."""
    if _submit is None:
        raise SynchronousOnlyOperation("This needs a query, and nobody here could make it.")
    _submit(lambda: _do(work))


def _do(work: Work) -> None:
    try:
        work()
    except Exception as error:
        # Whoever needs it next looks again, and hears of what is wrong.
        logger.warning("What was to be looked up anew could not be (%s).", type(error).__name__)
