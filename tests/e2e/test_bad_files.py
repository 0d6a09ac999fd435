"""Files nobody should bring: a clear message on every face, a log that says it too, and nothing left behind."""

from __future__ import annotations

import json
import os
import pickle
import random
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from sklearn.preprocessing import StandardScaler

from tests.e2e.conftest import MAX_UPLOAD_BYTES
from tests.e2e.hostile_files import (
    OTHER_VERSION,
    ROWS,
    dumped,
    greedy_graph,
    line,
    made_elsewhere,
    tree_that_never_ends,
)
from tests.sandbox.test_files import Calls, bomb
from tests.support.sites import Site, wait_for

pytestmark = pytest.mark.e2e

FACES = ("command line", "page", "api")
MARK = Path("/tmp/modeldesk-e2e-was-here")


@dataclass(frozen=True)
class Bad:
    """A file, and what must be said of it."""

    content: Callable[[], bytes]
    filename: str
    codes: tuple[str, ...]
    words: str


BAD = {
    "picture": Bad(lambda: b"\x89PNG\r\n\x1a\n" + bytes(500), "cat.joblib", ("not_a_model_file",), "picture"),
    "noise": Bad(
        lambda: random.Random(1).randbytes(5000), "noise.pkl", ("not_a_model_file",), "not a model file"
    ),
    "table": Bad(lambda: b"a,b\n1,2\n", "rows.csv", ("not_a_model_file", "no_model_file"), "model"),
    "empty": Bad(lambda: b"", "empty.joblib", ("empty",), "empty"),
    "command": Bad(
        lambda: pickle.dumps(Calls(os.system, f"touch {MARK}")),
        "a.pkl",
        ("dangerous_code",),
        "run|command|code",
    ),
    "bomb": Bad(lambda: bomb(8 << 30), "bomb.joblib", ("decompression_bomb",), "expands to far more"),
    "hundred gigabytes": Bad(
        lambda: pickle.dumps(Calls(bytearray, 100 << 30)),
        "big.pkl",
        ("too_much_memory",),
        "needs more than 2 GB",
    ),
    "greedy graph": Bad(greedy_graph, "greedy.onnx", ("too_much_memory",), "needs more than 2 GB"),
    "truncated": Bad(lambda: line()[:-40], "half.joblib", ("truncated",), "incomplete|cut|whole|again"),
    "no predict": Bad(lambda: dumped(StandardScaler().fit(ROWS)), "scaler.joblib", (), "predict"),
    "never ends": Bad(tree_that_never_ends, "circle.joblib", ("too_slow",), "not ready after"),
    "made elsewhere": Bad(
        made_elsewhere,
        "old.joblib",
        ("environment_impossible", "unknown_version"),
        rf"(?s)scikit-learn {re.escape(OTHER_VERSION)}.*newer",
    ),
    "emoji name": Bad(
        lambda: b"nothing \xf0\x9f\xa4\x96", "🤖 modèle.joblib", ("not_a_model_file",), "model"
    ),
    "too large": Bad(
        lambda: bytes(MAX_UPLOAD_BYTES + 1), "large.joblib", ("file_too_large", "too_large"), "MB|GB"
    ),
}
SLOW = ("never ends", "bomb")
DRIVER = """
import io, json, sys
import django
django.setup()
from django.core.management import CommandError, call_command
told = {}
for label, path in json.loads(sys.argv[1]).items():
    out = io.StringIO()
    try:
        call_command("deploy", path, name="Bad " + label + " by command", stdout=out)
        told[label] = ["accepted", out.getvalue()]
    except CommandError as error:
        told[label] = [str(error), out.getvalue()]
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Told:
    """What one face said of a file: its sentence, and the page or answer around it."""

    message: str
    around: str
    code: str = ""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All bad files, with the names people gave them."""
    found = {}
    for label, bad in BAD.items():
        found[label] = tmp_path_factory.mktemp("bad") / bad.filename
        found[label].write_bytes(bad.content())
    return found


def finished(site: Site, job: str) -> dict[str, Any]:
    """The job of that id, once it is over."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = site.call("GET", f"/api/v1/jobs/{job}").json()
        return found if found["status"] in ("succeeded", "failed", "cancelled") else None

    done: dict[str, Any] = wait_for(look, 180)
    return done


def by_api(site: Site, label: str, path: Path) -> Callable[[], Told]:
    """Send it to the API; the function returned waits for what becomes of it."""
    with path.open("rb") as file:
        response = site.call(
            "POST", "/api/v1/models", data={"name": f"Bad {label} by api"}, files={"file": (path.name, file)}
        )
    if response.status_code != 202:
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = response.json()
        return lambda: Told(problem["detail"], response.text, problem["code"])

    def told() -> Told:
        job = finished(site, response.json()["id"])
        assert job["status"] == "failed"
        return Told(job["error"]["message"], json.dumps(job), job["error"]["code"])

    return told


def by_page(site: Site, label: str, path: Path) -> Callable[[], Told]:
    """Send it with the upload page."""
    session = site.browser()
    fields = {"name": f"Bad {label} by page", "visibility": "private"}
    with path.open("rb") as file:
        response = site.submit(session, "/bring/", fields, files={"file": (path.name, file)})
    found = re.search(r"/jobs/([0-9a-f-]{36})/", response.url)
    if found is None:
        assert response.status_code in (413, 422)
        return lambda: Told(response.text, response.text)

    def told() -> Told:
        job = finished(site, found[1])
        page = session.get(response.url, timeout=30).text
        assert "It could not be built" in page
        return Told(page, page, job["error"]["code"])

    return told


@pytest.fixture(scope="module")
def told(own_site: Site, files: dict[str, Path]) -> dict[str, dict[str, Told]]:
    """What each face said of each file. Sent all at once, so that the workers do two at a time."""
    MARK.unlink(missing_ok=True)
    waiting: dict[str, dict[str, Callable[[], Told]]] = {}
    for label, path in files.items():
        waiting[label] = {"api": by_api(own_site, label, path)}
        if label not in SLOW:
            waiting[label]["page"] = by_page(own_site, label, path)
    paths = {label: str(path) for label, path in files.items() if label not in SLOW}
    by_command = json.loads(own_site.run("-c", DRIVER, json.dumps(paths)).stdout)
    found = {label: {face: wait() for face, wait in faces.items()} for label, faces in waiting.items()}
    for label, (message, out) in by_command.items():
        found[label]["command line"] = Told(message, out + message)
    return found


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("label", BAD)
def test_every_face_says_what_is_wrong_with_the_file(
    told: dict[str, dict[str, Told]], label: str, face: str
) -> None:
    if face not in told[label]:
        # Takes its whole allowance of time; the faces read the same row of the same job.
        assert label in SLOW
        face = "api"
    said, bad = told[label][face], BAD[label]
    assert re.search(bad.words, said.message), said.message[-1500:]
    if bad.codes and said.code:
        assert said.code in bad.codes
    if face != "page":
        assert "\n" not in said.message
        assert len(said.message) < 400
    for secret in ("Traceback", "/tmp/", "site-packages", "psycopg2", "Error("):
        assert secret not in said.message


def test_nothing_is_left_of_any_of_them(own_site: Site, told: dict[str, dict[str, Told]]) -> None:
    assert not MARK.exists()
    assert own_site.rows("SELECT name FROM predictions_mlmodel WHERE name LIKE 'Bad %%'") == []
    assert own_site.rows("SELECT filename FROM predictions_source WHERE key <> '' OR sample_key <> ''") == []
    assert own_site.rows("SELECT name FROM predictions_job WHERE status <> 'failed'") == []
    assert stored_files(own_site) == []
    wait_for(lambda: own_site.leftovers() == [], 20)
    for name in ("web", "interactive", "background"):
        assert "Traceback" not in own_site.log(name)


def test_the_log_of_a_job_tells_how_far_it_came(own_site: Site, told: dict[str, dict[str, Told]]) -> None:
    ((steps, log, error),) = own_site.rows(
        "SELECT steps, log, error_message FROM predictions_job WHERE name = 'Bad no predict by api'"
    )
    assert [step["status"] for step in steps][-1] == "failed"
    assert "predict" in steps[-1]["message"]
    assert "SHA-256" in log[0]["text"]
    assert "predict" in error


def half_sent(site: Site, path: str, headers: str, body: bytes) -> bytes:
    """Send a request that promises more than it brings, hang up for sending, and read the answer."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: localhost:{site.port}\r\n{headers}\r\n".encode() + body
        )
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


MULTIPART = "Content-Type: multipart/form-data; boundary=cut\r\n"
PART = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.joblib"\r\n\r\n'


@pytest.mark.parametrize("face", ["api", "page"])
def test_an_upload_that_breaks_off_leaves_nothing(
    own_site: Site, told: dict[str, dict[str, Told]], face: str
) -> None:
    before = own_site.rows("SELECT count(*) FROM predictions_source"), stored_files(own_site)
    if face == "api":
        path, who, fields = "/api/v1/models", f"Authorization: Bearer {own_site.key}\r\n", {"name": "Cut"}
    else:
        session = own_site.browser()
        session.get(f"{own_site.url}/bring/", timeout=30)
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
        token = next(cookie.value for cookie in session.cookies if cookie.name.endswith("csrf"))
        path, who = "/bring/", f"Cookie: {cookies}\r\n"
        fields = {"name": "Cut", "visibility": "private", "csrfmiddlewaretoken": str(token)}
    body = b"".join(
        f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    headers = f"{who}{MULTIPART}Content-Length: 5000000\r\n"
    answer = half_sent(own_site, path, headers, body + PART + line() + bytes(3_000_000))
    assert not re.match(rb"HTTP/1.1 (2|3)", answer), answer[:200]
    wait_for(lambda: own_site.leftovers() == [], 20)
    assert (own_site.rows("SELECT count(*) FROM predictions_source"), stored_files(own_site)) == before
    assert own_site.call("GET", "/api/v1/models").status_code == 200


def stored_files(site: Site) -> list[Path]:
    """All bytes the site keeps."""
    return [path for path in site.artifacts.rglob("*") if path.is_file()]


@pytest.mark.parametrize("path", ["/api/v1/models", "/bring/"])
def test_two_gigabytes_are_refused_by_their_promise(own_site: Site, path: str) -> None:
    headers = f"Authorization: Bearer {own_site.key}\r\n{MULTIPART}Content-Length: {2 << 30}\r\n"
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", own_site.port), timeout=30) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: localhost:{own_site.port}\r\n{headers}\r\n".encode() + PART
        )
        answer = connection.recv(65536).decode()
    assert time.monotonic() - began < 5
    assert answer.startswith("HTTP/1.1 413 ")
    assert own_site.leftovers() == []


def test_two_gigabytes_that_are_really_sent_cost_neither_memory_nor_disk(own_site: Site) -> None:
    size, chunk = 2 << 30, bytes(1 << 20)

    def stream() -> Any:
        yield PART
        for _ in range(size // len(chunk)):
            yield chunk
            assert own_site.leftovers() == []

    class Sized:
        def __init__(self) -> None:
            self.parts = stream()

        def __iter__(self) -> Any:
            return self.parts

        def __len__(self) -> int:
            return size + len(PART)

    try:
        response = own_site.call(
            "POST",
            "/api/v1/models",
            data=Sized(),
            headers={"Content-Type": "multipart/form-data; boundary=cut"},
        )
    except requests.ConnectionError:
        # The site hung up while it was still being sent to, which a client may see as this.
        pass
    else:
        assert response.status_code == 413
    assert own_site.leftovers() == []
    assert own_site.call("GET", "/api/v1/models").status_code == 200


def test_a_file_is_known_by_what_is_in_it_not_by_its_name(
    own_site: Site, told: dict[str, dict[str, Told]]
) -> None:
    for filename in ("model.csv", "🤖 модель.joblib", "x" * 300 + ".onnx", "no-ending"):
        response = own_site.call(
            "POST",
            "/api/v1/models",
            data={"name": f"Good {filename[:20]}"},
            files={"file": (filename, line())},
        )
        assert response.status_code == 202, response.text
        job = finished(own_site, response.json()["id"])
        assert job["status"] == "succeeded", job["error"]
    names = [name for (name,) in own_site.rows("SELECT filename FROM predictions_source WHERE key <> ''")]
    assert "🤖 модель.joblib" in names


def test_two_builds_of_one_name_at_once_become_two_versions(
    own_site: Site, told: dict[str, dict[str, Told]]
) -> None:
    jobs = []
    for name in ("Twins", "twins "):
        response = own_site.call(
            "POST",
            "/api/v1/models",
            data={"name": name, "live": "true"},
            files={"file": ("a.joblib", line())},
        )
        jobs.append(response.json()["id"])
    assert [finished(own_site, job)["status"] for job in jobs] == ["succeeded", "succeeded"]
    found = own_site.rows(
        "SELECT m.slug, v.number FROM predictions_modelversion v JOIN predictions_mlmodel m ON m.id = v.ml_model_id"
        " WHERE m.slug LIKE 'twins%%' ORDER BY v.number"
    )
    assert found == [("twins", 1), ("twins", 2)]
    live = own_site.rows(
        "SELECT count(*) FROM predictions_deployment d JOIN predictions_mlmodel m ON m.id = d.ml_model_id"
        " WHERE m.slug = 'twins' AND d.ended_at IS NULL"
    )
    assert live == [(1,)]
    assert own_site.call("POST", "/api/v1/models/twins/predict", json={"inputs": [[1, 2]]}).json()[
        "predictions"
    ][0]["value"] == pytest.approx(2.0)
