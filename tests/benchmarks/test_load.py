"""What wrk says is read right."""

from __future__ import annotations

import pytest

from benchmarks.load import Load, LoadError, command, parse, write_bodies
from tests.benchmarks.builders import contestant

SAID = (
    "Running 3s test @ http://127.0.0.1:1/\n"
    'RESULT {"requests":100,"microseconds":2000000,"bytes":5,"connect":1,"read":2,"write":3,"timeout":4,'
    '"status":10,"mean":5.5,"p50":5000,"p90":7500,"p99":9250,"max":12000}\n'
)


def test_refused_requests_are_no_answers() -> None:
    load = parse(SAID)
    assert (load.answered, load.refused, load.rate) == (90, 10, 45.0)


def test_every_fault_counts_as_an_error() -> None:
    assert parse(SAID).errors == 10 + 1 + 2 + 3 + 4


def test_latencies_come_in_milliseconds() -> None:
    load = parse(SAID)
    assert (load.p50, load.p90, load.p99, load.longest) == (5.0, 7.5, 9.25, 12.0)


def test_output_without_a_result_is_an_error() -> None:
    with pytest.raises(LoadError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_the_command_carries_the_key_and_the_bodies(tmp_path) -> None:
    bodies = write_bodies([b'{"a": 1}', b'{"a": 2}'], tmp_path / "bodies")
    said = command(contestant(headers={"Authorization": "Bearer k"}), bodies, connections=16, seconds=3)
    assert said[said.index("--duration") + 1] == "3s"
    assert said[said.index("--connections") + 1] == "16"
    assert said[said.index("-H") + 1] == "Authorization: Bearer k"
    assert said[-1] == str(bodies)


def test_each_body_is_one_line(tmp_path) -> None:
    bodies = [b'{"a": 1}', b'{"a": 2}']
    assert write_bodies(bodies, tmp_path / "bodies").read_bytes().splitlines() == bodies


def test_a_rate_is_answers_over_the_measured_time() -> None:
    assert Load(4.0, 100, 0, 0, 1, 1, 1, 1).rate == 25.0
