"""Where a request's time goes is noted stage by stage, and cheaply."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from predictions import timings
from predictions.timings import keeping
from predictions.timings.definitions import MOST_NAMES, OTHERS
from predictions.timings.sums import Adder, Laps, Sums
from tests.support.timings import recording

Read = Callable[[], Sums]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Read]:
    with recording(tmp_path / "metrics") as read:
        yield read


def stages(sums: Sums, ml_model: str = "iris", face: str = "api") -> dict[str, float]:
    """Seconds by stage."""
    return {stage: sums.histograms["stage_seconds"][ml_model, face, stage].sum for stage in timings.STAGES}


def test_time_goes_to_the_stage_marked_at_its_end(read: Read) -> None:
    timings.begin()
    time.sleep(0.02)
    timings.mark(timings.PARSE)
    timings.about("iris", "api")
    time.sleep(0.04)
    timings.mark(timings.VALIDATE)
    timings.finish(3)
    sums = read()
    found = stages(sums)
    assert 0.02 <= found["parse"] < 0.04 <= found["validate"]
    assert found["queue"] == found["infer"] == 0
    whole = sums.histograms["request_seconds"]["iris", "api"]
    assert (whole.count, whole.sum) == (1, pytest.approx(sum(found.values())))
    assert sums.counters["rows"]["iris", "api"] == 3
    assert sums.counters["requests"]["iris", "api", "ok"] == 1


def test_a_workers_answer_is_split_as_the_worker_says(read: Read) -> None:
    timings.begin()
    timings.about("iris", "api")
    time.sleep(0.02)  # until the message is sent
    sent_at = time.monotonic()
    time.sleep(0.08)
    timings.answered(sent_at, 0.01, 0.02, 0.03)
    timings.finish(1)
    found = stages(read())
    assert found["infer"] == pytest.approx(0.02)
    assert found["insert"] == pytest.approx(0.03)
    assert 0.03 <= found["queue"] < 0.045
    assert 0.02 - 0.001 <= found["reply"] < 0.06


@pytest.mark.parametrize("waited", [-5.0, 5.0])
def test_clocks_that_differ_do_not_make_time(read: Read, waited: float) -> None:
    timings.begin()
    timings.about("iris", "api")
    sent_at = time.monotonic()
    time.sleep(0.02)
    timings.answered(sent_at, waited, 0.005, 0.005)
    timings.finish(1)
    sums = read()
    found = stages(sums)
    assert min(found.values()) >= 0
    assert sum(found.values()) == pytest.approx(sums.histograms["request_seconds"]["iris", "api"].sum)


def test_what_was_refused_counts_by_its_code_and_not_as_answered(read: Read) -> None:
    timings.begin()
    timings.refused("not_found", "api")
    timings.begin()
    timings.about("iris", "api")
    timings.refused("invalid_rows")
    timings.finish(1)
    sums = read()
    assert sums.counters["requests"] == {("", "api", "not_found"): 1, ("iris", "api", "invalid_rows"): 1}
    assert sums.histograms == {}


def test_marks_outside_of_a_request_mean_nothing(read: Read) -> None:
    timings.mark(timings.PARSE)
    timings.about("iris", "api")
    timings.answered(0.0, 0.0, 0.0, 0.0)
    timings.finish(1)
    timings.refused("error")
    assert read() == Sums()


def test_threads_do_not_see_each_others_requests(read: Read) -> None:
    def request(number: int) -> None:
        for _ in range(200):
            timings.begin()
            timings.about(f"model-{number}", "api")
            timings.mark(timings.PARSE)
            timings.finish(number)

    threads = [threading.Thread(target=request, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = read().counters["rows"]
    assert rows == {(f"model-{number}", "api"): 200.0 * number for number in range(1, 9)}


def test_groups_counts_and_what_is_so_many_now(read: Read) -> None:
    timings.group(3, 40)
    timings.count("cache_lookups", "hit", by=7)
    timings.watch("rows_waiting", lambda: 5)
    timings.watch("rows_waiting", lambda: 6)
    sums = read()
    assert sums.histograms["group_requests"][()].sum == 3
    assert sums.histograms["group_rows"][()].sum == 40
    assert sums.counters["cache_lookups"]["hit",] == 7
    assert sums.gauges["rows_waiting"][()] == 11


def test_labels_are_bounded_whatever_is_asked() -> None:
    adder = Adder()
    adder.add(Laps(0.0, 0.1, ml_model=f"model-{number}", face="api") for number in range(MOST_NAMES + 50))
    names = {labels[0] for labels in adder.sums.counters["rows"]}
    assert len(names) == MOST_NAMES + 1
    assert adder.sums.counters["requests"][OTHERS, "api", "ok"] == 50


def test_a_request_is_noted_in_microseconds(read: Read) -> None:
    """Generous: a busy machine is no news. `tests/timings` is not a benchmark; a hundredfold slower is a mistake."""

    def once() -> None:
        timings.begin()
        timings.mark(timings.ADMIT)
        timings.mark(timings.PARSE)
        timings.about("iris", "api")
        timings.mark(timings.VALIDATE)
        timings.answered(0.0, 0.0, 0.0, 0.0)
        timings.finish(1)

    best = 1.0
    for _ in range(20):
        begun = time.perf_counter()
        for _ in range(200):
            once()
        best = min(best, (time.perf_counter() - begun) / 200)
    assert best < 30e-6


def test_notes_are_added_up_and_written_without_anybody_asking(tmp_path: Path) -> None:
    with recording(tmp_path):
        timings.count("cache_lookups", "miss")
        until = time.monotonic() + 10
        while not list(tmp_path.glob("*.sums")) and time.monotonic() < until:
            time.sleep(0.05)
        assert list(tmp_path.glob("*.sums"))


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the recorder logged; threads of other tests may log too."""
    return [record.levelname for record in caplog.records if record.name.startswith("predictions.timings")]


def test_a_folder_that_cannot_be_written_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with recording(tmp_path / "file" / "metrics"):
        timings.count("cache_lookups", "miss")
        until = time.monotonic() + 10
        while not told(caplog) and time.monotonic() < until:
            time.sleep(0.05)
        timings.count("cache_lookups", "miss")
        keeping.flush()
        assert told(caplog) == ["ERROR"]
