"""An ml_model that does not answer keeps only its own callers waiting.

Its process hangs (a signal, no busy core), and more callers ask it than there are threads in the web process and in the
worker together. What others get meanwhile is the test; nothing here depends on how fast the machine is.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import psutil
import pytest
import requests
from sklearn.datasets import load_iris
from sklearn.semi_supervised import LabelPropagation

from tests.e2e.hostile_files import line
from tests.support.sites import Site, wait_for

pytestmark = pytest.mark.e2e

ROWS, KINDS = load_iris(return_X_y=True)
SLOW, FAST = "hanging-neighbor", "quick-neighbor"
CALLERS = 48
"""Three times the web process's 16 threads and twelve times the worker's 4."""


def bring(site: Site, name: str, content: bytes) -> None:
    """Upload a file and wait until it is live."""
    fields = {"name": name, "live": "true", "visibility": "public"}
    response = site.call("POST", "/api/v1/models", data=fields, files={"file": ("a.joblib", content)})
    assert response.status_code == 202, response.text
    job = response.json()["id"]

    def over() -> bool:
        ((status,),) = site.rows("SELECT status FROM predictions_job WHERE id = %s", job)
        assert status not in ("failed", "cancelled")
        return bool(status == "succeeded")

    wait_for(over, 120)


@pytest.fixture(scope="module")
def site(own_site: Site) -> Site:
    """The site with a line, and with one that is served by its own library."""
    stream = io.BytesIO()
    joblib.dump(LabelPropagation().fit(ROWS, KINDS), stream)
    bring(own_site, "Hanging neighbor", stream.getvalue())
    bring(own_site, "Quick neighbor", line())
    # Starting its process may take longer than a caller waits.
    wait_for(lambda: ask_slow(own_site, 0).status_code == 200)
    assert ask_fast(own_site, 1.0).status_code == 200
    return own_site


def ask_slow(site: Site, place: int) -> requests.Response:
    """One case of the one that will hang."""
    return site.call("POST", f"/api/v1/models/{SLOW}/predict", json={"inputs": [ROWS[place].tolist()]})


def ask_fast(site: Site, value: float) -> requests.Response:
    """One case of the other."""
    return site.call("POST", f"/api/v1/models/{FAST}/predict", json={"inputs": [[value, 5.0]]})


@contextmanager
def hanging(site: Site) -> Iterator[None]:
    """The confined process that serves the one hangs for the length of the block."""
    below = psutil.Process(site.process("interactive").group).children(recursive=True)
    servers = [one for one in below if any("launcher.py" in part for part in one.cmdline())]
    # The confined one has no process below it.
    confined = [one for one in servers if not one.children()]
    assert confined
    for one in confined:
        one.suspend()
    try:
        yield
    finally:
        for one in confined:
            one.resume()


def count(site: Site, slug: str) -> int:
    """How many answers one has given."""
    ((found,),) = site.rows(
        "SELECT count(*) FROM predictions_prediction JOIN predictions_mlmodel m ON m.id = ml_model_id WHERE m.slug = %s",
        slug,
    )
    return int(found)


def test_others_are_answered_while_every_caller_of_one_waits(site: Site) -> None:
    before = count(site, SLOW), count(site, FAST)
    ended: list[Any] = []
    callers = [
        threading.Thread(target=lambda place=place: ended.append(ask_slow(site, place % len(ROWS))))
        for place in range(CALLERS)
    ]
    with hanging(site):
        for caller in callers:
            caller.start()
        time.sleep(0.5)
        waiting = sum(caller.is_alive() for caller in callers)
        answers = [ask_fast(site, float(value)) for value in range(3, 8)]
        page = requests.get(f"{site.url}/m/{FAST}/", timeout=30)
    for caller in callers:
        caller.join()
    assert [answer.status_code for answer in answers] == [200] * 5
    assert [answer.json()["predictions"][0]["value"] for answer in answers] == pytest.approx(
        [2.0 * value for value in range(3, 8)]
    )
    assert page.status_code == 200
    assert waiting, "nobody waited for the one that hung: this test has shown nothing"
    assert {answer.status_code for answer in ended} <= {200, 429, 503}
    for answer in ended:
        assert answer.status_code == 200 or int(answer.headers["Retry-After"]) > 0
    answered = sum(answer.status_code == 200 for answer in ended)
    assert count(site, SLOW) - before[0] == answered
    assert count(site, FAST) - before[1] >= 5
    wait_for(lambda: ask_slow(site, 1).status_code == 200, 30)
