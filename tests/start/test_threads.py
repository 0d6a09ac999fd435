"""Django on threads below an ASGI server, with applications that do what Django seldom does."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from deploy_site import threads
from deploy_site.threads import BrokenOffError, OnThreads
from tests.support.asgi import Exchange, Reply, all_of

PLAIN = [("Content-Type", "text/plain")]


def run(main: Callable[[], Any]) -> Any:
    """What comes of it, soon."""

    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await main()

    return asyncio.run(bounded())


def says(pieces: Callable[[dict[str, Any]], Iterable[bytes]]) -> Any:
    """A WSGI application that answers with these pieces."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        return pieces(environ)

    return application


def environ_of(exchange: Exchange) -> dict[str, Any]:
    """What a WSGI application is told of a request."""
    seen: list[dict[str, Any]] = []

    def look(environ: dict[str, Any]) -> list[bytes]:
        seen.append(environ)
        return [b"ok"]

    reply = run(lambda: exchange.through(OnThreads(says(look), 1)))
    assert (reply.status, reply.body) == (200, b"ok")
    return seen[0]


def test_a_query_string_with_bytes_that_are_not_ascii_is_escaped() -> None:
    environ = environ_of(Exchange("GET", "/", query="q=ä&z=%FF".encode() + b"\xff"))
    assert environ["QUERY_STRING"] == "q=%C3%A4&z=%FF%FF"


def test_a_header_that_would_pass_for_one_of_the_proxys_is_left_out() -> None:
    forged = {"x_forwarded_for": "6.6.6.6", "x-forwarded-for": "1.2.3.4", "content_length": "9"}
    environ = environ_of(Exchange("GET", "/", headers=forged))
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.2.3.4"
    assert environ["CONTENT_LENGTH"] == "0"
    assert "HTTP_CONTENT_LENGTH" not in environ


@pytest.mark.parametrize("kind", ["websocket", "webtransport"])
def test_what_is_not_http_never_reaches_the_application(kind: str) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": f"{kind}.connect"}

    application = OnThreads(says(lambda _: pytest.fail("called")), 1)
    run(lambda: application({"type": kind, "path": "/"}, receive, send))
    assert [message["type"] for message in sent] in ([f"{kind}.close"], [])


def test_who_finds_every_place_taken_hears_it_at_once_and_places_come_free() -> None:
    going_on = threading.Event()
    application = OnThreads(says(lambda _: [str(going_on.wait(10)).encode()]), 1)

    async def main() -> tuple[list[Reply], list[Reply], Reply]:
        waiting = [asyncio.create_task(Exchange("GET", "/").through(application)) for _ in range(16)]
        await asyncio.sleep(0.05)
        turned_away = await all_of(application, [Exchange("GET", "/") for _ in range(3)])
        assert not any(task.done() for task in waiting)
        going_on.set()
        answered = await asyncio.gather(*waiting)
        return turned_away, answered, await Exchange("GET", "/").through(application)

    turned_away, answered, late = run(main)
    assert [(reply.status, reply.headers["retry-after"]) for reply in turned_away] == [(503, "3")] * 3
    assert all(int(reply.headers["content-length"]) == len(reply.body) > 0 for reply in turned_away)
    assert [reply.status for reply in (*answered, late)] == [200] * 17


def test_an_error_before_the_answer_begins_is_a_500_and_its_text_is_in_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(environ: Any, start_response: Any) -> Any:
        raise ValueError("the case 4711")

    with caplog.at_level(logging.INFO):
        reply = run(lambda: Exchange("GET", "/").through(OnThreads(fails, 1)))
    assert (reply.status, reply.is_complete) == (500, True)
    assert "4711" not in reply.body.decode()
    (record,) = caplog.records
    assert "4711" not in record.getMessage()
    assert record.exc_info


def test_an_error_in_the_middle_of_an_answer_breaks_it_off() -> None:
    closed: list[bool] = []

    def pieces(_: Any) -> Iterator[bytes]:
        try:
            yield b"x" * threads.PIECE_BYTES
            raise ValueError("the case 4711")
        finally:
            closed.append(True)

    exchange = Exchange("GET", "/")
    with pytest.raises(BrokenOffError) as caught:
        run(lambda: exchange.through(OnThreads(says(pieces), 1)))
    assert "4711" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert (exchange.reply.status, exchange.reply.is_complete) == (200, False)
    assert closed == [True]


def test_a_server_that_cannot_send_holds_no_thread() -> None:
    made: list[int] = []

    def pieces(_: Any) -> Iterator[bytes]:
        for number in range(100):
            made.append(number)
            yield b"x" * threads.PIECE_BYTES

    application = OnThreads(says(pieces), 1)

    async def send(message: Any) -> None:
        raise OSError("closed")

    async def main() -> Reply:
        exchange = Exchange("GET", "/")
        await application(exchange.scope, exchange._receive, send)
        return await Exchange("GET", "/").through(application)

    assert run(main).is_complete
    assert len(made) < 130


def test_an_answer_whose_reader_left_is_not_made_to_its_end() -> None:
    closed = threading.Event()
    made: list[int] = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            for number in range(2000):
                made.append(number)
                time.sleep(0.002)
                yield b"x" * threads.PIECE_BYTES

        def close(self) -> None:
            closed.set()

    async def main() -> None:
        exchange = Exchange("GET", "/")
        running = asyncio.create_task(exchange.through(OnThreads(says(lambda _: Pieces()), 1)))
        while len(exchange.reply.pieces) < 5:
            await asyncio.sleep(0.005)
        # A disconnect, as the server tells of it.
        exchange._leaves = True
        exchange.gone.set()
        await running

    run(main)
    assert closed.is_set()
    assert len(made) < 500


def test_a_reader_who_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "STALLED_SECONDS", 0.1)
    application = OnThreads(says(lambda _: (b"x" * threads.PIECE_BYTES for _ in range(100))), 1)
    exchange = Exchange("GET", "/")

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(60)

    with pytest.raises(BrokenOffError):
        run(lambda: application(exchange.scope, exchange._receive, send))
    assert run(lambda: Exchange("GET", "/").through(OnThreads(says(lambda _: [b"ok"]), 1))).body == b"ok"


def test_a_sender_who_sends_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "STALLED_SECONDS", 0.1)
    reply, error = read_all(Exchange("POST", "/", b"half", headers={"content-length": "8"}, stalls=True))
    assert isinstance(error, ConnectionResetError)
    assert reply.status == 200, "it is told what was wrong"


def test_a_body_that_broke_off_is_an_error() -> None:
    reply, error = read_all(Exchange("POST", "/", b"half", headers={"content-length": "8"}, leaves=True))
    assert isinstance(error, ConnectionResetError)
    assert reply.body == b"", "nobody is there to read it"


def test_a_body_in_pieces_is_read_whole() -> None:
    seen: list[bytes] = []

    def look(environ: dict[str, Any]) -> list[bytes]:
        body = environ["wsgi.input"]
        seen.extend([body.readline(), body.read(3), body.read()])
        return [b"ok"]

    pieces = (b"one\ntw", b"o", b"", b"-three" * 100_000)
    run(lambda: Exchange("POST", "/", *pieces).through(OnThreads(says(look), 1)))
    assert seen == [b"one\n", b"two", pieces[-1]]


def read_all(exchange: Exchange) -> tuple[Reply, Exception]:
    """The reply of an application that reads the body, and what reading raised."""
    raised: list[Exception] = []

    def look(environ: dict[str, Any]) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            raised.append(error)
        return [b"ok"]

    return run(lambda: exchange.through(OnThreads(says(look), 1))), raised[0]


def test_small_pieces_go_out_together_and_all_of_them() -> None:
    lines = [f"{number},{number * 2}\r\n".encode() for number in range(20_000)]
    reply = run(lambda: Exchange("GET", "/").through(OnThreads(says(lambda _: iter(lines)), 1)))
    assert reply.body == b"".join(lines)
    assert len(reply.pieces) < 10


def test_what_takes_time_is_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "PIECE_SECONDS", 0.01)

    def slow(_: Any) -> Iterator[bytes]:
        for _number in range(4):
            time.sleep(0.02)
            yield b"line\n"

    reply = run(lambda: Exchange("GET", "/").through(OnThreads(says(slow), 1)))
    assert [piece for piece in reply.pieces if piece] == [b"line\n"] * 4


def test_a_file_goes_out_in_large_pieces() -> None:
    content = b"0123456789" * 30_000
    application = OnThreads(says(lambda environ: environ["wsgi.file_wrapper"](io.BytesIO(content), 4096)), 1)
    reply = run(lambda: Exchange("GET", "/").through(application))
    assert reply.body == content
    assert len(reply.pieces) < 8
