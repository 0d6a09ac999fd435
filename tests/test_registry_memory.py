"""The registry's bound on memory: with toys that say what they weigh, and with what really runs."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.semi_supervised import LabelPropagation

from predictions.ml import memory
from predictions.ml.plan import Feed, Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.registry import WEIGH_SECONDS, Registry
from predictions.sandbox import Limits, NativeServer
from predictions.signature.fields import ClassName, Field, Output, Signature
from predictions.values import RawAnswer

MEGABYTE = 1_000_000


class Weighty:
    def __init__(self, version_id: int, weight: int) -> None:
        self.version_id = version_id
        self.weight = weight
        self.closed = False

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[RawAnswer]:
        assert not self.closed, "used after it was closed"
        return [RawAnswer(value=float(self.version_id)) for _ in rows]

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True

    def memory_bytes(self) -> int:
        assert not self.closed, "weighed after it was closed"
        return self.weight


def registry_of(
    max_bytes: int, weight: Callable[[int], int] = lambda _: 10, **more: Any
) -> tuple[Registry, list[Weighty]]:
    loaded: list[Weighty] = []

    def load(version_id: int) -> Weighty:
        loaded.append(Weighty(version_id, weight(version_id)))
        return loaded[-1]

    return Registry(load=load, limit=100, max_bytes=max_bytes, **more), loaded


def use(registry: Registry, version_id: int) -> None:
    with registry.lease(version_id) as runtime:
        assert runtime.predict([[1]])[0].value == version_id


def test_beyond_the_bound_the_least_recently_used_leaves_and_comes_back() -> None:
    registry, loaded = registry_of(30)
    for version_id in (1, 2, 3, 1, 4):
        use(registry, version_id)
    assert registry.loaded() == [3, 1, 4]
    assert [toy.version_id for toy in loaded if toy.closed] == [2]
    assert registry.memory_bytes() == 30
    use(registry, 2)
    assert registry.loaded() == [1, 4, 2]


def test_a_large_one_takes_the_place_of_many_small_ones() -> None:
    registry, _ = registry_of(30, lambda version_id: 25 if version_id == 9 else 5)
    for version_id in (1, 2, 3, 4, 9):
        use(registry, version_id)
    assert registry.loaded() == [4, 9]


def test_one_larger_than_the_bound_answers_until_another_is_asked_for() -> None:
    registry, loaded = registry_of(30, lambda version_id: 99 if version_id == 1 else 5)
    for version_id in (2, 1, 1, 1):
        use(registry, version_id)
    assert registry.loaded() == [1]
    assert len(loaded) == 2
    use(registry, 2)
    assert registry.loaded() == [2]


def test_one_in_use_leaves_the_books_at_once_and_memory_with_its_last_user() -> None:
    registry, loaded = registry_of(15)
    with registry.lease(1) as runtime:
        use(registry, 1)
        use(registry, 2)
        assert registry.loaded() == [2]
        assert registry.memory_bytes() == 10
        assert not loaded[0].closed
        runtime.predict([[1]])
    assert loaded[0].closed
    assert registry.memory_bytes() == 10


def test_one_that_grows_is_weighed_again() -> None:
    now = [0.0]
    registry, loaded = registry_of(30, clock=lambda: now[0])
    use(registry, 1)
    use(registry, 2)
    loaded[1].weight = 25
    use(registry, 2)
    assert registry.loaded() == [1, 2]
    now[0] += WEIGH_SECONDS
    use(registry, 2)
    assert registry.loaded() == [2]
    assert registry.memory_bytes() == 25


def test_closing_empties_the_books() -> None:
    registry, loaded = registry_of(100)
    use(registry, 1)
    use(registry, 2)
    registry.close()
    assert registry.memory_bytes() == 0
    assert all(toy.closed for toy in loaded)


def test_threads_that_push_each_other_out_never_use_what_is_closed() -> None:
    registry, loaded = registry_of(35, lambda version_id: version_id)
    wrong: list[BaseException] = []

    def call(seed: int) -> None:
        choice = random.Random(seed)
        try:
            for _ in range(400):
                use(registry, choice.randint(1, 20))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    still = [toy.version_id for toy in loaded if not toy.closed]
    assert sorted(still) == sorted(registry.loaded())
    assert sum(still) == registry.memory_bytes() <= 35


TABLE = np.random.default_rng(0).normal(size=(4_000, 10))
KINDS = (TABLE[:, 0] * TABLE[:, 1] > 0).astype(int)
SIGNATURE = Signature(
    task="classification",
    inputs=tuple(Field(name=f"x{place}", kind="number") for place in range(10)),
    outputs=(Output(name="kind", kind="class", classes=(ClassName(0), ClassName(1)), probabilities=True),),
)
PLAN = Plan(
    feeds=(Feed("X", "float32", "matrix", tuple(range(10))),),
    label_output="label",
    probability_output="probabilities",
    outputs=("label", "probabilities"),
)


@pytest.fixture(scope="module")
def forest() -> bytes:
    estimator = RandomForestClassifier(60, random_state=0).fit(TABLE, KINDS)
    graph = to_onnx(estimator, TABLE[:1].astype(np.float32), options={"zipmap": False})
    data: bytes = graph.SerializeToString()
    return data


def test_a_loaded_graph_knows_by_how_much_it_made_the_process_grow(forest: bytes) -> None:
    runtime = OnnxRuntime(forest, PLAN, SIGNATURE)
    assert len(forest) < runtime.memory_bytes() < 30 * len(forest)
    runtime.close()


def test_graphs_that_leave_give_their_memory_back(forest: bytes) -> None:
    """Three times the bound goes through; the process must not grow by what left."""
    bound = 6 * memory.LIKELY_GROWTH * len(forest)
    registry = Registry(load=lambda _: OnnxRuntime(forest, PLAN, SIGNATURE), limit=100, max_bytes=bound)
    answers = []
    begin = memory.resident_bytes()
    for version_id in (*range(24), 0):
        with registry.lease(version_id) as runtime:
            answers.append(runtime.predict(TABLE[:3].tolist()))
        assert registry.memory_bytes() <= bound
    assert 2 <= len(registry.loaded()) < 20
    assert answers[0] == answers[-1]
    held = memory.resident_bytes() - begin
    assert held < bound + 4 * memory.LIKELY_GROWTH * len(forest)
    registry.close()
    assert memory.resident_bytes() - begin < held / 2


def test_the_processes_of_native_runtimes_count_and_end(tmp_path: Path) -> None:
    file = tmp_path / "spread.joblib"
    joblib.dump(LabelPropagation().fit(TABLE[:100], KINDS[:100]), file)
    limits = Limits(memory_bytes=4 << 30, cpu_seconds=None, wall_seconds=60, file_bytes=1 << 30, processes=64)

    def load(_: int) -> NativeServer:
        return NativeServer(file, "joblib", SIGNATURE.to_document(), limits)

    registry = Registry(load=load, limit=100, max_bytes=MEGABYTE)
    answers = []
    for version_id in (1, 2, 1):
        with registry.lease(version_id) as runtime:
            assert isinstance(runtime, NativeServer)
            answers.append(runtime.predict(TABLE[:3].tolist()))
            taken = runtime.memory_bytes()
        # scikit-learn alone is more than the bound: one at a time.
        assert taken > 40 * MEGABYTE
        assert registry.loaded() == [version_id]
        assert registry.memory_bytes() >= 40 * MEGABYTE
    assert answers[0] == answers[1] == answers[2]
    with registry.lease(1) as runtime:
        assert isinstance(runtime, NativeServer)
        registry.close()
        assert runtime.memory_bytes() > 0
    assert runtime.memory_bytes() == 0
