"""The callers whose every answer is looked at count what a server really said."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest

from benchmarks.crowd import BROKEN, Seen, Stream, Told, drive
from benchmarks.overload import check_rows
from benchmarks.rounds import LostRowsError
from benchmarks.scaling_outage import outage_of


class Server(ThreadingHTTPServer):
    """Counts what it is asked."""

    request_queue_size = 64
    daemon_threads = True

    def __init__(self, script: list[tuple[int, dict[str, str]]], seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.seconds = seconds
        self.asked = count()
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/predict"


class Handler(BaseHTTPRequestHandler):
    """Says what the script has next."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Server

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        status, headers = self.server.script[next(self.server.asked) % len(self.server.script)]
        time.sleep(self.server.seconds)
        if status == BROKEN:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Transfer-Encoding" in headers:
            self.end_headers()
            self.wfile.write(b'2\r\n{"\r\n')
            self.wfile.flush()
            time.sleep(0.01)
            self.wfile.write(b'2\r\n"}\r\n0\r\n\r\n')
        else:
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def serving(*script: tuple[int, dict[str, str]], seconds: float = 0.0) -> Iterator[Server]:
    with Server(list(script), seconds) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def asking(server: Server, connections: int, rate: float | None = None) -> Told:
    stream = Stream("all", [server.url], [b"[1]", b"[22]"], {"X-Who": "test"}, connections, rate)
    return drive([stream], 0.3)["all"]


def test_each_kind_of_answer_is_counted_and_nothing_is_asked_twice() -> None:
    script = [(200, {}), (503, {"Retry-After": "2"}), (429, {}), (200, {}), (500, {})]
    with serving(*script) as server:
        told = asking(server, 3)
    asked = len(server.bodies)
    assert len(told.seen) == asked > 10
    expected = [script[place % len(script)][0] for place in range(asked)]
    assert told.statuses == {status: expected.count(status) for status in set(expected)}
    assert told.without_retry_after == expected.count(429)
    assert set(server.bodies) == {b"[1]", b"[22]"}


def test_answers_in_pieces_are_read_to_their_end() -> None:
    with serving((200, {"Transfer-Encoding": "chunked"})) as server:
        told = asking(server, 2)
    assert told.answered == len(server.bodies) > 4


def test_a_connection_that_breaks_is_counted_and_another_made() -> None:
    with serving((200, {}), (BROKEN, {})) as server:
        told = asking(server, 1)
    assert told.statuses[BROKEN] >= 1
    assert told.answered >= 2


def test_without_a_server_it_goes_on_trying_and_counts() -> None:
    with serving((200, {})) as server:
        url = server.url
    told = drive([Stream("all", [url], [b"{}"], {}, 2)], 0.3)["all"]
    assert set(told.statuses) == {BROKEN}
    assert 2 <= len(told.seen) <= 20


@pytest.mark.parametrize("heeds", [True, False])
def test_who_heeds_a_refusal_comes_back_when_it_says(heeds: bool) -> None:
    with serving((503, {"Retry-After": "0.2"})) as server:
        stream = Stream("all", [server.url], [b"{}"], {}, 2, heeds=heeds)
        told = drive([stream], 0.3)["all"]
    assert (len(told.seen) == 4) is heeds


def test_arrivals_do_not_wait_for_answers() -> None:
    with serving((200, {}), seconds=0.2) as server:
        told = asking(server, 60, rate=100.0)
    assert len(told.seen) + told.held_back == pytest.approx(30, abs=2)
    assert told.held_back == 0


def test_arrivals_that_find_every_connection_busy_are_told() -> None:
    with serving((200, {}), seconds=0.2) as server:
        told = asking(server, 2, rate=100.0)
    assert len(told.seen) + told.held_back == pytest.approx(30, abs=2)
    assert told.held_back > 20


def test_time_counts_from_the_arrival() -> None:
    with serving((200, {}), seconds=0.1) as server:
        told = asking(server, 1, rate=10.0)
    assert 100 <= told.milliseconds(0.5) < 300


def seen(at: float, status: int, seconds: float = 0.1) -> Seen:
    return Seen(at, seconds, status, says_when=status == 503)


def test_latencies_are_those_of_the_answered() -> None:
    told = Told(seen=[seen(1, 200, 0.010), seen(1, 200, 0.030), seen(1, 429, 9.0)])
    assert told.milliseconds(0.5) == pytest.approx(30.0)
    assert told.milliseconds(0.0) == pytest.approx(10.0)


@pytest.mark.parametrize("rows", [1, 4], ids=["lost", "stored-though-nobody-was-told"])
def test_every_answer_must_be_a_row_and_only_what_broke_off_may_be_one_more(rows: int) -> None:
    told = Told(seen=[seen(1, 200), seen(1, 200), seen(1, BROKEN), seen(1, 503)])
    check_rows(told, 2)
    check_rows(told, 3)
    with pytest.raises(LostRowsError):
        check_rows(told, rows)


def test_an_outage_is_told_by_phase_and_by_second() -> None:
    told = Told(seen=[seen(0.5, 200), seen(9.9, 200), seen(15.0, 503), seen(31.0, 200), seen(62.0, 200)])
    outage = outage_of(told, rows=4)
    assert [phase.refused for phase in outage.phases] == [0, 1, 0]
    assert [phase.rate for phase in outage.phases] == pytest.approx([0.2, 0.0, 1 / 30])
    assert sum(outage.by_second) == 3
    assert (outage.answered, outage.rows) == (4, 4)
