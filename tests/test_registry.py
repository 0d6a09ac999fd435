from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from predictions.errors import ModelFailed
from predictions.registry import Registry
from predictions.values import RawAnswer


class Toy:
    def __init__(self, version_id: int) -> None:
        self.version_id = version_id
        self.closed = False

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[RawAnswer]:
        assert not self.closed, "used after it was closed"
        return [RawAnswer(value=float(self.version_id)) for _ in rows]

    def close(self) -> None:
        self.closed = True


def registry_of(limit: int) -> tuple[Registry, list[Toy]]:
    loaded: list[Toy] = []

    def load(version_id: int) -> Toy:
        loaded.append(Toy(version_id))
        return loaded[-1]

    return Registry(load=load, limit=limit), loaded


def use(registry: Registry, version_id: int) -> None:
    with registry.lease(version_id) as runtime:
        assert runtime.predict([[1]])[0].value == version_id


def test_a_runtime_is_loaded_once():
    registry, loaded = registry_of(4)
    for _ in range(3):
        use(registry, 7)
    assert len(loaded) == 1


def test_the_least_recently_used_leaves_first_and_comes_back():
    registry, loaded = registry_of(2)
    for version_id in (1, 2, 1, 3):
        use(registry, version_id)
    assert registry.loaded() == [1, 3]
    assert [toy.version_id for toy in loaded if toy.closed] == [2]
    use(registry, 2)
    assert registry.loaded() == [3, 2]


def test_a_runtime_in_use_is_closed_only_after_its_user_left():
    registry, loaded = registry_of(1)
    with registry.lease(1) as runtime:
        use(registry, 2)
        assert not loaded[0].closed
        runtime.predict([[1]])
    assert loaded[0].closed


def test_a_failed_load_is_tried_again_by_the_next_caller():
    attempts: list[int] = []

    def load(version_id: int) -> Toy:
        attempts.append(version_id)
        if len(attempts) == 1:
            raise ModelFailed("not yet")
        return Toy(version_id)

    registry = Registry(load=load, limit=2)
    with pytest.raises(ModelFailed), registry.lease(1):
        pass
    use(registry, 1)
    assert attempts == [1, 1]


def test_callers_at_once_load_one_runtime_between_them():
    registry, loaded = registry_of(2)
    gate = threading.Barrier(8)

    def call() -> None:
        gate.wait()
        use(registry, 5)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 1


def test_closing_drops_everything():
    registry, loaded = registry_of(3)
    use(registry, 1)
    use(registry, 2)
    registry.close()
    assert all(toy.closed for toy in loaded)
    assert registry.loaded() == []


def test_a_runtime_loaded_after_a_failed_load_is_closed_with_its_last_user():
    """Two wait for one load; it fails for the first and works for the second."""
    waiting, fail = threading.Event(), threading.Event()
    loaded: list[Toy] = []

    def load(version_id: int) -> Toy:
        if not waiting.is_set():
            waiting.set()
            fail.wait(10)
            raise ModelFailed("not yet")
        loaded.append(Toy(version_id))
        return loaded[-1]

    registry = Registry(load=load, limit=2)

    def first() -> None:
        with pytest.raises(ModelFailed), registry.lease(1):
            pass

    threads = [threading.Thread(target=first), threading.Thread(target=use, args=(registry, 1))]
    threads[0].start()
    assert waiting.wait(10)
    threads[1].start()
    while not any(held.users == 2 for held in registry._held.values()):
        threads[1].join(0.01)
    fail.set()
    for thread in threads:
        thread.join()
    assert [toy.closed for toy in loaded] == [True]
    assert registry.loaded() == []


def test_a_runtime_that_cannot_be_closed_does_not_stand_in_the_way():
    class Stuck(Toy):
        def close(self) -> None:
            raise OSError("no such process")

    loaded: list[Toy] = []

    def load(version_id: int) -> Toy:
        loaded.append(Stuck(version_id) if version_id == 1 else Toy(version_id))
        return loaded[-1]

    registry = Registry(load=load, limit=1)
    for version_id in (1, 2, 3):
        use(registry, version_id)
    assert registry.loaded() == [3]
    assert loaded[1].closed
