"""An event loop as the web server has one, on a thread of its own beside the test's."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from django.db import connections

from predictions import gateway
from predictions.errors import DeskError
from predictions.gateway import process
from predictions.gateway.loop_wire import LoopWire
from predictions.gateway.process import ProcessGateway
from predictions.values import GivenAnswer

T = TypeVar("T")


class Beside:
    """A running loop. ``lost`` are exceptions that nobody heard of."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.lost: list[dict[str, Any]] = []
        # It says so when another thread does what only the loop's may.
        self.loop.set_debug(True)
        self.loop.slow_callback_duration = 5.0
        self.loop.set_exception_handler(lambda _, context: self.lost.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, name="loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        """Have a coroutine of the loop done, from the test's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        """End what runs there; whatever was lost, or a query that others had to wait for, is a failure."""
        queried = self.run(self._end())
        gc.collect()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()
        assert self.lost == [], [repr(each) for each in self.lost]
        assert not queried, "a query on the loop's thread"

    async def _end(self) -> bool:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # Their threads hold connections to the database.
        await self.loop.shutdown_default_executor()
        return any(each.connection is not None for each in connections.all(initialized_only=True))


class Asked:
    """A coroutine on the loop beside the test."""

    def __init__(self, beside: Beside, work: Coroutine[Any, Any, list[GivenAnswer]]) -> None:
        self._begun = time.monotonic()
        self._done = asyncio.run_coroutine_threadsafe(work, beside.loop)

    @property
    def is_waiting(self) -> bool:
        return not self._done.done()

    def value(self) -> float:
        """What was answered."""
        (given,) = self._done.result(15)
        value: float = given.outputs["value"]
        return value

    def refusal(self) -> str:
        """The code of what was said instead."""
        with pytest.raises(DeskError) as refused:
            self._done.result(15)
        return refused.value.code

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun


def adopted(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> LoopWire:
    """Give this process a gateway on the loop, for the length of the test."""
    # Put back at the end of the test, also what ``adopt`` sets.
    monkeypatch.setattr(process, "_current", None)

    async def adopt() -> ProcessGateway:
        gateway.adopt(asyncio.get_running_loop())
        return process.current()

    made = beside.run(adopt())._wire
    assert isinstance(made, LoopWire)
    return made
