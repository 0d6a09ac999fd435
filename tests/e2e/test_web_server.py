"""The web server itself, as the Procfile starts it: what comes over a socket, whole, broken off, slow or odd."""

from __future__ import annotations

import csv
import hashlib
import io
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.e2e.hostile_files import line
from tests.support.servers import ROOT
from tests.support.sites import Site, running_site, wait_for

pytestmark = pytest.mark.e2e

SLUG = "socket-line"
PREDICT = f"/api/v1/models/{SLUG}/predict"
FILE_BYTES = 100_000_000
THREADS = 4


@pytest.fixture(scope="module")
def site(run_folder: Path) -> Iterator[Site]:
    """A site with few threads, large uploads, and a live ml_model."""
    limits = {"WEB_THREADS": str(THREADS), "MAX_UPLOAD_BYTES": str(2 * FILE_BYTES), "THROTTLE_ANONYMOUS": ""}
    with running_site(run_folder / "face", **limits) as site:
        fields = {"name": "Socket line", "live": "true", "visibility": "public"}
        response = site.call("POST", "/api/v1/models", data=fields, files={"file": ("a.joblib", line())})
        assert response.status_code == 202, response.text
        wait_for(lambda: site.call("POST", PREDICT, json={"inputs": [[1.0, 5.0]]}).status_code == 200, 120)
        yield site


@contextmanager
def connected(site: Site) -> Iterator[socket.socket]:
    """A bare connection to the web server."""
    with closing(socket.create_connection(("localhost", site.port), timeout=20)) as connection:
        yield connection


def head_of(method: str, path: str, *lines: str) -> bytes:
    """The first lines of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode("latin-1")


def until_closed(connection: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    came = b""
    while piece := connection.recv(65_536):
        came += piece
    return came


def predict_head(site: Site, *lines: str) -> bytes:
    """The first lines of a predict call that ends its connection."""
    key = f"Authorization: Bearer {site.key}"
    return head_of("POST", PREDICT, key, "Content-Type: application/json", "Connection: close", *lines)


def answers(site: Site) -> int:
    """How many are stored."""
    ((count,),) = site.rows("SELECT count(*) FROM predictions_prediction")
    return int(count)


def web_memory(site: Site) -> int:
    """Bytes that the processes of the web server hold for themselves."""
    master = psutil.Process(site.process("web").group)
    return sum(one.memory_full_info().uss for one in [master, *master.children(recursive=True)])


@pytest.mark.parametrize(
    "path",
    ["/m/%FF%FE/", "/m/%C3%A4/?q=%FF", "/m/x/?q=\xe4\xff", "/history/?outcome=\xc3\xa4", "/api/v1/\xff"],
)
def test_bytes_that_are_no_text_are_an_ordinary_request(site: Site, path: str) -> None:
    with connected(site) as connection:
        connection.sendall(head_of("GET", path, "Connection: close"))
        status = int(until_closed(connection).split(b" ", 2)[1])
    assert status in (200, 400, 404)


def test_text_in_a_query_that_nobody_escaped_arrives(site: Site) -> None:
    with connected(site) as connection:
        path = f"/accounts/login/?next=/m/{SLUG}/\xc3\xa4"
        connection.sendall(head_of("GET", path, "Connection: close"))
        page = until_closed(connection)
    assert page.startswith(b"HTTP/1.1 200 ")
    assert f"/m/{SLUG}/ä".encode() in page


@pytest.mark.parametrize("path", ["/", f"/m/{SLUG}/", "/static/css/base.css", "/health/live"])
def test_a_head_has_the_headers_of_the_get_and_no_body(site: Site, path: str) -> None:
    path = an_address(path)
    whole = requests.get(site.url + path, headers={"Accept-Encoding": "identity"}, timeout=30)
    with connected(site) as connection:
        connection.sendall(head_of("HEAD", path, "Connection: close", "Accept-Encoding: identity"))
        top, _, body = until_closed(connection).partition(b"\r\n\r\n")
    assert whole.status_code == 200
    assert top.startswith(b"HTTP/1.1 200 ")
    assert body == b""
    assert f"content-type: {whole.headers['Content-Type']}".encode() in top


def an_address(path: str) -> str:
    """That of some file where a static one is meant."""
    if not path.startswith("/static/"):
        return path
    found = next((ROOT / "static" / "css").glob("*.css"))
    return f"/static/css/{found.name}"


def test_a_static_file_that_did_not_change_is_not_sent_again(site: Site) -> None:
    address = site.url + an_address("/static/")
    first = requests.get(address, timeout=30)
    file = next((ROOT / "static" / "css").glob("*.css"))
    assert first.content == file.read_bytes()
    known = {"If-Modified-Since": first.headers["Last-Modified"]}
    again = requests.get(address, headers=known, timeout=30)
    assert (again.status_code, again.content) == (304, b"")


def test_part_of_a_static_file_is_that_part(site: Site) -> None:
    file = next((ROOT / "static" / "css").glob("*.css"))
    part = requests.get(
        site.url + an_address("/static/"),
        headers={"Range": "bytes=10-99", "Accept-Encoding": "identity"},
        timeout=30,
    )
    assert (part.status_code, part.content) == (206, file.read_bytes()[10:100])


def test_a_body_of_unknown_length_is_refused_in_words(site: Site) -> None:
    before = answers(site)
    with connected(site) as connection:
        body = b'5\r\n{"inp\r\n10\r\nuts": [[1.0, 5]]}\r\n0\r\n\r\n'
        connection.sendall(predict_head(site, "Transfer-Encoding: chunked") + body)
        came = until_closed(connection)
    assert came.startswith(b"HTTP/1.1 411 ")
    assert b'"length_required"' in came
    assert answers(site) == before


def test_who_waits_for_100_continue_is_told_to_go_on(site: Site) -> None:
    body = b'{"inputs": [[3.0, 5.0]]}'
    with connected(site) as connection:
        connection.sendall(predict_head(site, "Expect: 100-continue", f"Content-Length: {len(body)}"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert until_closed(connection).startswith(b"HTTP/1.1 200 ")


def test_a_predict_call_that_breaks_off_stores_nothing(site: Site) -> None:
    before = answers(site)
    with connected(site) as connection:
        connection.sendall(predict_head(site, "Content-Length: 100") + b'{"inputs": [[1.0, 5.0]]}')
        time.sleep(0.2)
    time.sleep(0.5)
    assert answers(site) == before


def test_a_websocket_is_refused_and_the_site_goes_on(site: Site) -> None:
    lines = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    with connected(site) as connection:
        connection.sendall(head_of("GET", "/nothing/", *lines, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
        assert connection.recv(1000).startswith(b"HTTP/1.1 404 ")
    assert requests.get(f"{site.url}/health/live", timeout=10).status_code == 200


def form_of(content: Iterator[bytes], size: int) -> tuple[bytes, bytes, int]:
    """What stands before and after a file in a form, and the length of all."""
    before = (
        b'--edge\r\nContent-Disposition: form-data; name="name"\r\n\r\nBig\r\n'
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="big.joblib"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    after = b"\r\n--edge--\r\n"
    return before, after, len(before) + size + len(after)


def blocks() -> Iterator[bytes]:
    """The large file."""
    for number in range(FILE_BYTES // 100_000):
        yield hashlib.sha256(str(number).encode()).digest() * 3125


def upload_head(site: Site, length: int) -> bytes:
    """The first lines of an upload."""
    return head_of(
        "POST",
        "/api/v1/models",
        f"Authorization: Bearer {site.key}",
        "Content-Type: multipart/form-data; boundary=edge",
        f"Content-Length: {length}",
        "Connection: close",
    )


def test_a_large_upload_arrives_whole_and_the_web_server_does_not_grow(site: Site) -> None:
    digest = hashlib.sha256()
    before, after, length = form_of(blocks(), FILE_BYTES)
    memory = web_memory(site)
    most = memory
    with connected(site) as connection:
        connection.sendall(upload_head(site, length) + before)
        for number, block in enumerate(blocks()):
            digest.update(block)
            connection.sendall(block)
            if number % 50 == 0:
                most = max(most, web_memory(site))
        connection.sendall(after)
        came = until_closed(connection)
    assert came.startswith(b"HTTP/1.1 202 "), came
    assert most - memory < 25_000_000
    found = site.rows("SELECT size, sha256 FROM predictions_source ORDER BY id DESC LIMIT 1")
    assert found == [(FILE_BYTES, digest.hexdigest())]
    # It is no model, which a worker finds out; what it does meanwhile is no other test's.
    unfinished = "SELECT 1 FROM predictions_job WHERE status IN ('queued', 'running')"
    wait_for(lambda: not site.rows(unfinished), 60)


def test_an_upload_that_breaks_off_leaves_nothing(site: Site) -> None:
    def things() -> tuple[int, ...]:
        tables = ("predictions_source", "predictions_mlmodel", "predictions_job")
        return tuple(site.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables)

    wait_for(lambda: not site.leftovers(), 60)
    counted, files = things(), sorted(site.artifacts.rglob("*"))
    before, _, length = form_of(blocks(), FILE_BYTES)
    with connected(site) as connection:
        connection.sendall(upload_head(site, length) + before)
        for _, block in zip(range(80), blocks(), strict=False):
            connection.sendall(block)
    wait_for(lambda: not site.leftovers(), 10)
    assert (things(), sorted(site.artifacts.rglob("*"))) == (counted, files)
    assert "Traceback" not in site.log("web")


def fill_history(site: Site, rows: int) -> None:
    """So many more answers."""
    for _ in range(rows // 2000):
        inputs = [[float(value), 5.0] for value in range(2000)]
        assert site.call("POST", PREDICT, json={"inputs": inputs}).status_code == 200


def test_a_long_export_is_sent_whole_and_ends_with_its_reader(site: Site) -> None:
    fill_history(site, 20_000)
    browser = site.browser()
    whole = browser.get(f"{site.url}/history/export.csv", timeout=60)
    assert whole.status_code == 200
    assert len(list(csv.reader(io.StringIO(whole.text)))) == 1 + answers(site)
    # More readers than threads come, read a little and leave: their threads are free again.
    for _ in range(2 * THREADS):
        with browser.get(f"{site.url}/history/export.csv", stream=True, timeout=20) as response:
            assert next(response.iter_content(1000))
    assert requests.get(site.url, timeout=20).status_code == 200


def test_who_comes_when_every_place_is_taken_hears_it_at_once(site: Site) -> None:
    places = THREADS * 16
    kind = "Content-Type: application/x-www-form-urlencoded"
    # With a CSRF cookie, so that the body is waited for.
    lines = (kind, f"Cookie: modeldesk_csrf={'a' * 32}")
    # Known from here on, for two seconds.
    assert site.call("POST", PREDICT, json={"inputs": [[4.0, 5.0]]}).status_code == 200
    with _many_connections(site, places + 5) as connections:
        for connection in connections:
            connection.sendall(head_of("POST", "/accounts/login/", "Content-Length: 100", *lines))
            time.sleep(0.002)
        began = time.monotonic()
        turned_away = [connection.recv(2000) for connection in connections[places:]]
        assert time.monotonic() - began < 2
        for came in turned_away:
            assert came.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 3\r\n" in came.lower()
        # Predict calls of whom one knows need no thread, and stay known without one.
        for _ in range(25):
            answer = site.call("POST", PREDICT, json={"inputs": [[4.0, 5.0]]})
            assert answer.status_code == 200
            time.sleep(0.1)
    assert wait_for(lambda: requests.get(site.url, timeout=20).status_code == 200, 20)


@contextmanager
def _many_connections(site: Site, count: int) -> Iterator[list[socket.socket]]:
    made = [socket.create_connection(("localhost", site.port), timeout=20) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.close()
