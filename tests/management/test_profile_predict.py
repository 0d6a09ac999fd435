"""``manage profile_predict``: from what was recorded, and of requests that it makes itself."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from predictions import timings
from predictions.models import ApiKey, ModelVersion, Prediction, PredictionBlock
from predictions.services import reviews, trials
from predictions.services.trials import Trial
from predictions.timings import keeping, profile
from predictions.timings.sums import Adder, Laps, Sums
from predictions.values import Actor
from tests import factories
from tests.support.ml_models import SUM, make_ml_model
from tests.support.timings import recording

STAGES = [*timings.STAGES, "other", "total"]


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    settings.METRICS_DIR = tmp_path / "metrics"
    with recording(settings.METRICS_DIR):
        yield settings.METRICS_DIR


def printed(*arguments: Any) -> str:
    out = io.StringIO()
    call_command("profile_predict", *map(str, arguments), stdout=out)
    return out.getvalue()


def table(text: str) -> dict[str, list[str]]:
    """The cells of the table by stage."""
    rows = [line.split(None, 6) for line in text.splitlines() if line]
    return {row[0]: row[1:] for row in rows if row[0] in STAGES}


def answered(trial: Trial) -> Prediction:
    """A row as the worker would store it for this key."""
    version = ModelVersion.objects.order_by("pk")[0]
    return Prediction.objects.create(
        ml_model=version.ml_model,
        version=version,
        revision=version.revisions.get(),
        own='[[1.0, 2.0, 3.0], {"value": 6.0}, []]',
        outcome="6",
        face="api",
        api_key=trial.key,
        created_at=timezone.now(),
        duration_ms=1.0,
    )


def recorded(*requests: Laps) -> Sums:
    adder = Adder()
    adder.add(requests)
    return adder.sums


def request(*seconds: float, total: float, ml_model: str = "iris", face: str = "api") -> Laps:
    """A request with so much for each of the first stages."""
    stages = [*seconds, *[0.0] * (len(timings.STAGES) - len(seconds))]
    return Laps(0.0, total, stages, ml_model, face, 1)


def test_stages_and_the_rest_add_up_to_the_total() -> None:
    sums = recorded(request(0.001, 0.002, 0.003, total=0.008), request(0.003, 0.002, 0.001, total=0.010))
    lines = {line.stage: line for line in profile.lines(sums)}
    assert list(lines) == STAGES
    assert lines["admit"].mean == pytest.approx(0.002)
    assert lines["other"].mean == pytest.approx(0.003)
    assert lines["other"].p50 is None
    assert lines["total"].mean == pytest.approx(0.009)
    assert lines["parse"].p50 == pytest.approx(0.002, rel=0.25)
    assert sum(line.share for line in lines.values()) == pytest.approx(2)  # the total has all of it once more
    assert {line.count for line in lines.values()} == {2}


def test_a_profile_is_of_one_ml_model_and_face_and_leaves_out_what_was_before() -> None:
    earlier = request(0.5, total=0.5)
    others = [request(0.1, total=0.1, ml_model="other"), request(0.1, total=0.1, face="form")]
    before = recorded(earlier, *others)
    now = recorded(earlier, *others, *others, request(0.002, total=0.004))
    lines = {line.stage: line for line in profile.lines(now, ml_model="iris", face="api", before=before)}
    assert lines["total"].count == 1
    assert lines["total"].mean == pytest.approx(0.004)
    assert lines["admit"].share == pytest.approx(0.5)
    assert profile.lines(before, ml_model="iris", face="api", before=before) == []


@pytest.mark.django_db
def test_what_was_recorded_is_shown_without_asking_anybody(folder: Path) -> None:
    make_ml_model("iris", SUM)
    for ml_model in ("iris", "iris", "other"):
        timings.begin()
        timings.about(ml_model, "api")
        timings.mark(timings.PARSE)
        timings.finish(1)
    keeping.flush()
    assert table(printed("--recorded"))["total"][0] == "3"
    assert table(printed("iris", "--recorded"))["total"][0] == "2"
    assert list(table(printed("--recorded"))) == STAGES


@pytest.mark.django_db
def test_nothing_recorded_is_said(folder: Path) -> None:
    with pytest.raises(CommandError, match="Nothing was recorded"):
        printed("--recorded")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no ML model"),
        ([], "no live ML model"),
        (["--requests", "0"], "at least 1"),
        (["idle"], "no live version"),
        (["sum", "--rows", "1000000"], "at most"),
        (["sum", "--url", "http://127.0.0.1:1"], "Nobody answers at http://127.0.0.1:1"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, arguments: list[str], words: str) -> None:
    if arguments[:1] == ["sum"]:
        make_ml_model("sum", SUM)
    if arguments[:1] == ["idle"]:
        make_ml_model("idle", SUM, live=False)
    with pytest.raises(CommandError, match=words):
        printed(*arguments)
    assert not ApiKey.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.e2e
@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("rows", "requests"), [(1, 12), (20, 3)])
def test_its_own_requests_are_measured_and_leave_nothing_behind(
    live_server: Any, rows: int, requests: int
) -> None:
    target = factories.target(factories.sign_version())
    text = printed(
        target.slug,
        *("--url", live_server.url, "--requests", requests, "--rows", rows, "--concurrency", 2),
    )
    cells = table(text)
    assert list(cells) == STAGES
    assert {row[0] for row in cells.values()} == {str(requests)}
    total = float(cells["total"][1])
    assert total > 0
    assert sum(float(cells[stage][1]) for stage in STAGES[:-1]) == pytest.approx(total, abs=0.01)
    for stage in ("admit", "parse", "validate", "queue", "infer", "insert", "reply", "render"):
        assert float(cells[stage][1]) > 0, stage
    assert abs(float(cells["other"][4].split("%")[0])) < 5
    assert f"{requests} requests" in text
    assert not Prediction.objects.exists()
    assert not PredictionBlock.objects.exists()
    assert not ApiKey.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.e2e
@pytest.mark.usefixtures("worker")
def test_a_site_that_records_elsewhere_is_told_apart(
    live_server: Any, settings: Settings, tmp_path: Path
) -> None:
    target = factories.target(factories.sign_version())
    settings.METRICS_DIR = tmp_path / "elsewhere"
    with pytest.raises(CommandError, match="recorded it elsewhere"):
        printed(target.slug, "--url", live_server.url, "--requests", 2)
    assert not Prediction.objects.exists()
    shutil.rmtree(settings.METRICS_DIR)


@pytest.mark.django_db
def test_a_private_ml_model_is_asked_as_its_owner(folder: Path) -> None:
    owner = User.objects.create_user("ada")
    ml_model = make_ml_model("secret", SUM, visibility="private", owner=owner)
    assert trials.begin(ml_model).key.user == owner
    nobodys = make_ml_model("nobodys", SUM, visibility="private")
    with pytest.raises(CommandError, match="private and has no owner"):
        printed(nobodys.slug)


@pytest.mark.django_db
def test_the_end_of_a_trial_takes_its_own_answers_only() -> None:
    trial, other = trials.begin(make_ml_model("sum", SUM)), trials.begin(make_ml_model("two", SUM))
    kept = [answered(other)]
    for _ in range(3):
        answered(trial)
    assert trials.end(trial) == 3
    assert list(Prediction.objects.all()) == kept
    assert list(ApiKey.objects.all()) == [other.key]


@pytest.mark.django_db
def test_an_answer_that_was_reviewed_meanwhile_stays_with_its_key() -> None:
    trial = trials.begin(make_ml_model("sum", SUM))
    staff = User.objects.create_user("staff", is_staff=True)
    answer = answered(trial)
    reviews.confirm(predictions=[answer], actor=Actor(user_id=staff.pk, is_staff=True))
    assert trials.end(trial) == 0
    assert Prediction.objects.get() == answer
    assert ApiKey.objects.get().revoked_at is not None
