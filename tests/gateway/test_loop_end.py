"""A loop that ends takes the gateway's connections with it, whatever they say while they are closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import redis

from predictions.gateway import process
from predictions.gateway.loop_wire import LoopWire


def test_a_connection_that_fails_while_it_is_ended_does_not_begin_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails(_wire: LoopWire, _outgoing: object) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            # As a client does whose connection another task closed a moment before.
            raise redis.ConnectionError from None

    monkeypatch.setattr(LoopWire, "_transmit", fails)
    monkeypatch.setattr(process, "_current", None)

    async def main() -> None:
        process.adopt(asyncio.get_running_loop())
        await process.current()._wire.listening(10)

    assert ends(main)


def test_a_loop_ends_wherever_in_its_connecting_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_current", None)

    async def main(steps: int) -> None:
        process.adopt(asyncio.get_running_loop())
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.sleep(max(steps - 20, 0) / 5000)

    stuck = [steps for steps in range(60) if not ends(lambda: main(steps), seconds=4)]  # noqa: B023
    assert stuck == []


def ends(main: Callable[[], Coroutine[Any, Any, None]], *, seconds: float = 15) -> bool:
    """Whether the loop of a web process, whose tasks are all told to end at once, does."""
    running = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    running.start()
    running.join(seconds)
    return not running.is_alive()
