"""A gateway on an event loop beside the test's thread, and a Redis to break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from predictions import gateway
from predictions.gateway.loop_wire import LoopWire
from predictions.selectors.targets import Target
from predictions.services import inference
from predictions.values import Actor
from tests import factories
from tests.support.loops import Asked, Beside, adopted
from tests.support.own_redis import OwnRedis
from tests.support.sites import wait_for


@pytest.fixture
def beside() -> Iterator[Beside]:
    """A running event loop, as a web process has one."""
    made = Beside()
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(run_folder: Path) -> Iterator[OwnRedis]:
    made = OwnRedis(run_folder / "redis-to-break")
    yield made
    made.stop()


@pytest.fixture
def own_redis(server: OwnRedis, settings: Settings) -> OwnRedis:
    server.start()
    server.client.flushall()
    settings.REDIS_URL = server.url
    return server


@pytest.fixture
def wire(own_redis: OwnRedis, beside: Beside, monkeypatch: pytest.MonkeyPatch) -> LoopWire:
    """That of this process's gateway, connected."""
    made = adopted(beside, monkeypatch)
    wait_for(lambda: made.is_listening)
    return made


@pytest.fixture
def target() -> Iterator[Target]:
    inference.registry.cache_clear()
    yield factories.target(factories.version())
    inference.registry().close()
    inference.registry.cache_clear()


@pytest.fixture
def ask(beside: Beside, target: Target) -> Callable[..., Asked]:
    """Ask for twice a value, or for as many ``rows`` of it, on the loop."""

    def ask(value: float, *, seconds: float = 5.0, rows: int = 1, of: Target = target) -> Asked:
        checked = of.validator.check_payload([[value]] * rows, max_rows=rows)
        actor = Actor(visitor=uuid4())
        return Asked(
            beside,
            gateway.answer_on_loop(target=of, rows=checked, actor=actor, face="api", seconds=seconds),
        )

    return ask
