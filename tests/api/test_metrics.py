"""``/metrics``: who may read it, and that it says what happened."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as site
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from deploy_site import metrics as port
from predictions import timings
from predictions.models import Job
from predictions.services import jobs
from predictions.timings import keeping
from predictions.values import Actor, BuildRequest
from tests.api.conftest import Api, People, Shelf
from tests.support.sites import _free_port, wait_for
from tests.support.timings import recording

TOKEN = "a token that is long enough"
ROW = {"inputs": [{"x1": 1, "x2": 2, "x3": 3}]}


@pytest.fixture(autouse=True)
def _own_folder(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.METRICS_DIR = tmp_path / "metrics"
    with recording(settings.METRICS_DIR):
        yield


def scraped(api: Api) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels."""
    keeping.flush()
    response = api.get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def value(samples: dict[Any, float], name: str, **labels: str) -> float:
    return samples[f"modeldesk_{name}", tuple(sorted(labels.items()))]


@pytest.mark.parametrize(
    ("caller", "status"),
    [("anonymous", 401), ("visitor", 401), ("key", 403), ("user_key", 403), ("user", 403)],
)
def test_who_is_not_staff_is_refused(people: People, caller: str, status: int) -> None:
    assert people.all()[caller].get("/metrics").status_code == status


@pytest.mark.parametrize("caller", ["staff", "staff_key", "root"])
def test_staff_may_read(people: People, caller: str) -> None:
    assert scraped(people.all()[caller])


@pytest.mark.django_db
def test_the_token_opens_to_prometheus_and_only_this_address(settings: Settings) -> None:
    assert Api(TOKEN).get("/metrics").status_code == 401
    settings.METRICS_TOKEN = TOKEN
    assert scraped(Api(TOKEN))
    assert Api(TOKEN + "x").get("/metrics").status_code == 401
    assert Api().get("/metrics").status_code == 401
    assert Api(TOKEN).get("jobs").status_code == 401


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
        "text/plain",
        "text/html",
    ],
)
def test_there_is_one_format_whatever_is_accepted(people: People, accept: str) -> None:
    assert people.staff.get("/metrics", Accept=accept)["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.usefixtures("answering")
def test_answers_are_counted_and_timed_by_ml_model_and_face(people: People, shelf: Shelf) -> None:
    for caller in (people.key, people.user):  # through the lean lane, and the ordinary way
        assert caller.post("models/sum/predict", {"inputs": [[1, 2, 3], [4, 5, 6]]}).status_code == 200
    assert people.anonymous.post("/predict", {"input": [1, 2, 3]}).status_code == 200
    samples = scraped(people.staff)
    assert value(samples, "rows_total", ml_model="sum", face="api") == 4
    assert value(samples, "requests_total", ml_model="sum", face="api", outcome="ok") == 2
    assert value(samples, "requests_total", ml_model="sum", face="article", outcome="ok") == 1
    assert value(samples, "request_seconds_count", ml_model="sum", face="api") == 2
    for stage in ("admit", "parse", "validate", "render"):
        assert value(samples, "stage_seconds_sum", ml_model="sum", face="api", stage=stage) > 0, stage


@pytest.mark.usefixtures("answering")
def test_a_form_is_timed_as_well(people: People, shelf: Shelf) -> None:
    good = {"in-x1": "1", "in-x2": "2", "in-x3": "3"}
    assert people.user.client.post("/m/sum/", good).status_code == 302
    assert people.user.client.post("/m/sum/", good | {"in-x1": "one"}).status_code == 422
    samples = scraped(people.staff)
    for outcome in ("ok", "invalid_rows"):
        assert value(samples, "requests_total", ml_model="sum", face="form", outcome=outcome) == 1
    assert value(samples, "request_seconds_count", ml_model="sum", face="form") == 1


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize("caller", ["key", "user"])
def test_errors_are_counted_by_code_and_name_no_ml_model_that_is_none(
    people: People, shelf: Shelf, caller: str
) -> None:
    api = people.all()[caller]
    api.post("models/sum/predict", {"inputs": [{"x1": "one", "x2": 2, "x3": 3}]})
    api.post("models/anything-at-all/predict", ROW)
    api.post("models/sum/predict", b"{")
    samples = scraped(people.staff)
    assert value(samples, "requests_total", ml_model="sum", face="api", outcome="invalid_rows") == 1
    assert value(samples, "requests_total", ml_model="", face="api", outcome="not_found") == 1
    assert value(samples, "requests_total", ml_model="", face="api", outcome="invalid_json") == 1
    assert not any("anything-at-all" in str(key) for key in samples)


@pytest.mark.usefixtures("answering")
def test_other_addresses_are_not_answers(people: People, shelf: Shelf) -> None:
    people.user.get("jobs")
    people.anonymous.get("jobs")
    people.user.client.get("/m/sum/")
    assert not any(name == "modeldesk_requests_total" for name, _labels in scraped(people.staff))


@pytest.mark.usefixtures("answering")
def test_neither_cases_nor_callers_are_in_it(people: People, shelf: Shelf) -> None:
    people.user_key.post("models/sum/predict", {"inputs": [[987654321, 2, 3]]})
    people.key.post("models/loan/predict", {"inputs": [{"age": 20, "purpose": "nothing like it"}]})
    keeping.flush()
    text = people.staff.get("/metrics").content.decode()
    labels = {name for _block in re.findall(r"\{(.*)\}", text) for name in re.findall(r"(\w+)=", _block)}
    assert labels <= {"ml_model", "face", "stage", "outcome", "kind", "status", "queue", "le"}
    assert not re.search("987654321|nothing like it|partner|user", text)


def test_jobs_and_queues_are_as_they_are_now(people: People) -> None:
    actor = Actor(user_id=people.accounts["staff"].pk, is_staff=True)
    jobs.create(kind=Job.Kind.BUILD, name="New", request=BuildRequest(name="New"), actor=actor)
    client = redis.Redis.from_url(site.REDIS_URL)
    client.rpush("batch", "one", "two")
    try:
        samples = scraped(people.staff)
    finally:
        client.ltrim("batch", 2, -1)
    assert value(samples, "jobs", kind="build", status="queued") == 1
    assert value(samples, "jobs", kind="build", status="failed") == 0
    assert value(samples, "queue_messages", queue="batch") == 2


def test_what_cannot_be_asked_is_left_out(people: People, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    names = {name for name, _labels in scraped(people.staff)}
    assert "modeldesk_jobs" in names
    assert "modeldesk_queue_messages" not in names


@pytest.mark.django_db
def test_groups_and_gauges_reach_prometheus(people: People) -> None:
    timings.group(3, 40)
    timings.count("cache_lookups", "hit", by=2)
    timings.watch("rows_waiting", lambda: 17)
    samples = scraped(people.staff)
    assert value(samples, "group_rows_bucket", le="32.0") == 0
    assert value(samples, "group_rows_bucket", le="64.0") == 1
    assert value(samples, "group_rows_bucket", le="+Inf") == 1
    assert value(samples, "cache_lookups_total", outcome="hit") == 2
    assert value(samples, "rows_waiting") == 17


@pytest.mark.django_db(transaction=True)
def test_the_private_port_gives_the_same_and_nothing_else(settings: Settings) -> None:
    timings.count("cache_lookups", "hit", by=3)
    keeping.flush()
    settings.METRICS_PORT = _free_port()
    address = f"http://127.0.0.1:{settings.METRICS_PORT}"
    port.start()

    def answers() -> bytes:
        try:
            with urllib.request.urlopen(f"{address}/metrics", timeout=10) as response:
                content: bytes = response.read()
                return content
        except urllib.error.URLError:
            return b""

    text = wait_for(answers).decode()
    assert 'modeldesk_cache_lookups_total{outcome="hit"} 3.0' in text
    assert "modeldesk_jobs{" in text
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{address}/", timeout=10)
    port.stop()


def test_no_private_port_unless_it_is_set() -> None:
    port.start()
    assert port._server is None
