"""Parts of the site are not there: it says so in words, stores nothing half, and goes on by itself afterwards."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
import requests

from deploy_site.embedded import postgres, valkey
from tests.e2e.hostile_files import line, tree_that_never_ends
from tests.support.servers import ROOT
from tests.support.sites import Site, wait_for

pytestmark = pytest.mark.e2e

PATIENCE_SECONDS = 20
SLUG = "outage-line"
PREDICT = f"/api/v1/models/{SLUG}/predict"


def bring(site: Site, name: str, content: bytes) -> str:
    """Upload a file; returns the id of its job."""
    fields = {"name": name, "live": "true", "visibility": "public"}
    response = site.call("POST", "/api/v1/models", data=fields, files={"file": ("a.joblib", content)})
    assert response.status_code == 202, response.text
    job: str = response.json()["id"]
    return job


def status_of(site: Site, job: str) -> str:
    """queued, running, ..."""
    ((status,),) = site.rows("SELECT status FROM predictions_job WHERE id = %s", job)
    return str(status)


@pytest.fixture(scope="module")
def site(own_site: Site) -> Site:
    """The site with a live public ml_model."""
    job = bring(own_site, "Outage line", line())
    wait_for(lambda: status_of(own_site, job) == "succeeded", 120)
    return own_site


def ask_api(site: Site, value: float) -> requests.Response:
    """One case through the API."""
    return site.call("POST", PREDICT, json={"inputs": [[value, 5.0]]})


def ask_form(site: Site, session: requests.Session, value: float) -> requests.Response:
    """The same case through the form, as a browser sends it that opened the page before."""
    token = next(cookie.value for cookie in session.cookies if cookie.name.endswith("csrf"))
    document = site.call("GET", f"/api/v1/models/{SLUG}").json() if not NAMES else {}
    NAMES.extend(field["name"] for field in document.get("inputs", []))
    fields = {f"in-{name}": text for name, text in zip(NAMES, (str(value), "5"), strict=True)}
    data = {**fields, "csrfmiddlewaretoken": token or ""}
    return session.post(f"{site.url}/m/{SLUG}/", data=data, timeout=60)


NAMES: list[str] = []


@pytest.fixture
def form(site: Site) -> requests.Session:
    """A visitor's browser with the page open."""
    session = requests.Session()
    session.get(f"{site.url}/m/{SLUG}/", timeout=30)
    assert ask_form(site, session, 0.5).status_code == 200
    return session


def stored(site: Site) -> int:
    """How many answers there are."""
    ((count,),) = site.rows("SELECT count(*) FROM predictions_prediction")
    return int(count)


@contextmanager
def stopped(group: int) -> Iterator[None]:
    """The processes of a group hang for the length of the block."""
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def require_sorry(response: requests.Response, *, says: str) -> None:
    """503 with Retry-After and a sentence for people, on a page or as problem+json."""
    assert response.status_code == 503, response.text[:500]
    assert int(response.headers["Retry-After"]) > 0
    assert re.search(says, response.text, re.IGNORECASE), response.text[-2000:]
    assert response.elapsed.total_seconds() < PATIENCE_SECONDS
    if "json" in response.headers["Content-Type"]:
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["code"]
    for secret in ("Traceback", "psycopg2", "OperationalError", "redis.", "kombu", str(ROOT)):
        assert secret not in response.text


def require_well_again(site: Site, form: requests.Session, before: int) -> None:
    """Both faces answer, each answer is one row, and no row came from what was refused."""
    site.wait_until_ready()
    answers = wait_for(lambda: [one] if (one := ask_api(site, 7.0)).status_code == 200 else [], 30)
    assert answers[0].json()["predictions"][0]["value"] == pytest.approx(14.0)
    response = ask_form(site, form, 8.0)
    assert response.status_code == 200
    assert "16" in response.text
    time.sleep(1.0)
    found = site.rows(
        "SELECT own FROM predictions_prediction ORDER BY id DESC LIMIT %s", stored(site) - before
    )
    assert [inputs[0] for ((inputs, _outputs, _warnings),) in found] == [8.0, 7.0]


def test_workers_that_hang(site: Site, form: requests.Session) -> None:
    before = stored(site)
    with stopped(site.process("interactive").group):
        require_sorry(ask_api(site, -1.0), says="no worker answered in time")
        response = ask_form(site, form, -2.0)
        require_sorry(response, says="no worker answered in time")
        assert 'value="-2.0"' in response.text, "what was typed is still in the form"
        ready = requests.get(f"{site.url}/health/ready", timeout=30)
        assert (ready.status_code, ready.json()["parts"]["worker"]) == (503, "down")
        assert requests.get(f"{site.url}/health/live", timeout=10).status_code == 200
        assert requests.get(site.url, timeout=10).status_code == 200
    require_well_again(site, form, before)


def test_a_worker_that_is_killed(site: Site, form: requests.Session) -> None:
    before = stored(site)
    process = site.process("interactive")
    process.stop()
    require_sorry(ask_api(site, -1.0), says="no worker answered in time")
    require_sorry(ask_form(site, form, -2.0), says="no worker answered in time")
    process.start()
    require_well_again(site, form, before)


def test_redis_away(site: Site, form: requests.Session) -> None:
    before = stored(site)
    home = site.folder / "redis"
    valkey.stop(home)
    try:
        require_sorry(ask_api(site, -1.0), says="queue")
        require_sorry(ask_form(site, form, -2.0), says="queue")
        assert requests.get(site.url, timeout=30).status_code == 200
        ready = requests.get(f"{site.url}/health/ready", timeout=30)
        assert (ready.status_code, ready.json()["parts"]["queue"]) == (503, "down")
        # What is to be done later is written down and done later.
        job = bring(site, "Brought meanwhile", line())
        assert status_of(site, job) == "queued"
    finally:
        valkey.ensure(home)
    require_well_again(site, form, before)

    def done() -> bool:
        sweep(site)
        return status_of(site, job) == "succeeded"

    wait_for(done, 60)


def sweep(site: Site) -> None:
    """What beat asks for every few seconds."""
    site.run("-c", "from deploy_site.celery import app; app.send_task('predictions.tasks.sweep_jobs')")


def test_postgresql_away(site: Site, form: requests.Session) -> None:
    before = stored(site)
    home = site.folder / "postgres"
    postgres.stop(home)
    try:
        require_sorry(ask_api(site, -1.0), says="database|moment")
        require_sorry(ask_form(site, form, -2.0), says="database|moment")
        page = requests.get(f"{site.url}/m/{SLUG}/", timeout=30)
        assert page.status_code == 503
        ready = requests.get(f"{site.url}/health/ready", timeout=30)
        assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "down")
        assert requests.get(f"{site.url}/health/live", timeout=10).status_code == 200
        upload = site.call(
            "POST", "/api/v1/models", data={"name": "No"}, files={"file": ("a.joblib", line())}
        )
        require_sorry(upload, says="database|moment")
    finally:
        postgres.ensure(home)
    require_well_again(site, form, before)
    assert site.leftovers() == []


def test_postgresql_restarts_under_load(site: Site, form: requests.Session) -> None:
    """Whoever got an answer finds its row; whoever was refused finds none, and could have tried again."""
    given: list[tuple[str, float]] = []
    refused: list[float] = []
    other: list[str] = []
    done = threading.Event()

    def keep_asking(first: int) -> None:
        value = 1000.0 * first
        while not done.is_set():
            value += 1.0
            response = ask_api(site, value)
            if response.status_code == 200:
                given.append((response.json()["predictions"][0]["id"], value))
            elif response.status_code == 503:
                refused.append(value)
            else:
                other.append(response.text[:300])

    threads = [threading.Thread(target=keep_asking, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    postgres.stop(site.folder / "postgres")
    time.sleep(1.5)
    postgres.ensure(site.folder / "postgres")
    before = len(given)
    wait_for(lambda: len(given) > before + 20, 30)
    done.set()
    for thread in threads:
        thread.join()
    assert other == []
    assert refused
    found = {str(row): own[0][0] for row, own in site.rows("SELECT id, own FROM predictions_prediction")}
    assert [value for row, value in given if found.get(row) != value] == []
    assert set(refused).isdisjoint(found.values())


def test_a_build_goes_on_when_its_worker_is_killed(site: Site) -> None:
    job = bring(site, "Outlives its worker", tree_that_never_ends())
    wait_for(lambda: steps_of(site, job)[-1:] == ["inspect"] or steps_of(site, job)[-1:] == ["open"], 60)
    process = site.process("background")
    children = descendants(process.group)
    os.killpg(process.group, signal.SIGKILL)
    process.stop()
    wait_for(lambda: not any(child.is_running() and child.status() != "zombie" for child in children), 20)
    assert status_of(site, job) == "running"
    process.start()
    other = bring(site, "Brought afterwards", line())

    def over() -> bool:
        sweep(site)
        return status_of(site, job) == "failed"

    wait_for(over, 90)
    ((attempts, log, code),) = site.rows(
        "SELECT attempts, log, error_code FROM predictions_job WHERE id = %s", job
    )
    assert attempts == 2
    assert code == "too_slow"
    assert "another one begins again" in " ".join(entry["text"] for entry in log)
    wait_for(lambda: status_of(site, other) == "succeeded", 60)
    wait_for(lambda: not any("process" in left or "modeldesk-run" in left for left in site.leftovers()), 20)
    for copy in site.temporary.glob("modeldesk-copy-*"):
        # Nobody can tidy up after itself when it is killed like this; other tests look at this folder too.
        copy.unlink()


def steps_of(site: Site, job: str) -> list[str]:
    """The names of the steps so far."""
    ((steps,),) = site.rows("SELECT steps FROM predictions_job WHERE id = %s", job)
    return [str(step["name"]) for step in steps]


def descendants(pid: int) -> list[psutil.Process]:
    """Every process below one."""
    return psutil.Process(pid).children(recursive=True)
