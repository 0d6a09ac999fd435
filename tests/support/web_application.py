"""The site's ASGI application on an event loop of a test's own, with a look at which ways its predict calls took."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django.db
import pytest

from deploy_site import asgi
from predictions.api import lane
from predictions.gateway import process
from predictions.selectors import api_keys as known_keys
from predictions.selectors import refreshing
from tests.support.asgi import close_connections_of, predict_call

application = asgi.application


@contextmanager
def noted_ways() -> Iterator[list[str]]:
    """Which ways calls took, in order; queries on the loop are refused as they are outside of tests."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE", raising=False)
    monkeypatch.setattr(lane, "close_old_connections", django.db.close_old_connections)
    known_keys.forget()
    taken: list[str] = []
    on_loop, on_thread = lane.answered_on_loop, lane.answered

    async def noted_on_loop(call: lane.Call) -> lane.Reply:
        reply = await on_loop(call)
        taken.append("loop")
        return reply

    def noted_on_thread(call: lane.Call) -> lane.Reply:
        taken.append("thread")
        return on_thread(call)

    monkeypatch.setattr(lane, "answered_on_loop", noted_on_loop)
    monkeypatch.setattr(lane, "answered", noted_on_thread)
    try:
        yield taken
    finally:
        monkeypatch.undo()
        # Of loops that are over.
        process._current = refreshing._submit = None
        close_connections_of(asgi._on_threads.executor)
        close_connections_of(application._lookers)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    """What comes of it, on a loop of its own."""

    async def bounded() -> Any:
        async with asyncio.timeout(30):
            return await main()

    return asyncio.run(bounded())


async def warm(slug: str, inputs: Any, key: str) -> None:
    """Have the key and the ml_model known, so that what follows needs no query."""
    for _ in range(2):
        reply = await predict_call(slug, inputs, key).through(application)
        assert reply.status == 200, reply.body
