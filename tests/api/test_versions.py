"""``/api/v1/models/{slug}/versions``"""

from __future__ import annotations

from typing import Any

import pytest

from predictions.models import Deployment
from predictions.selectors import ml_models
from tests.api.conftest import People, Shelf, problem
from tests.support.ml_models import SUM, add_version, failed_proof


def test_the_owner_sees_all_versions_newest_first(people: People, shelf: Shelf) -> None:
    add_version(shelf.public, SUM)
    rows = people.staff.get("models/sum/versions").json()["results"]
    assert [(row["number"], row["live"]) for row in rows] == [(2, False), (1, True)]
    assert {"sha256", "runtime", "filename", "format", "size", "report", "libraries", "metrics"} <= set(
        rows[0]
    )


def test_versions_come_in_pages(people: People, shelf: Shelf) -> None:
    add_version(shelf.public, SUM)
    first = people.root.get("models/sum/versions", {"limit": 1}).json()
    second = people.root.get(first["next"].removeprefix("http://testserver")).json()
    assert [row["number"] for page in (first, second) for row in page["results"]] == [2, 1]
    assert second["next"] is None


@pytest.mark.parametrize("caller", ["staff", "staff_key", "root"])
def test_the_owner_goes_live_and_back(people: People, shelf: Shelf, caller: str) -> None:
    add_version(shelf.public, SUM)
    api = people.all()[caller]
    for number in (2, 1, 1):
        response = api.post(f"models/sum/versions/{number}/live")
        assert response.status_code == 200
        assert (response.json()["number"], response.json()["live"]) == (number, True)
        live = ml_models.live_version(shelf.public)
        assert live is not None
        assert live.number == number


@pytest.mark.parametrize(
    ("caller", "slug", "status", "code"),
    [
        ("anonymous", "sum", 401, "not_authenticated"),
        ("user", "sum", 403, "not_allowed"),
        ("key", "sum", 403, "not_allowed"),
        ("user", "secret", 404, "not_found"),
        ("key", "secret", 404, "not_found"),
    ],
)
def test_others_change_nothing(
    people: People, shelf: Shelf, caller: str, slug: str, status: int, code: str
) -> None:
    api = people.all()[caller]
    problem(api.get(f"models/{slug}/versions"), status, code)
    problem(api.post(f"models/{slug}/versions/1/live"), status, code)


def test_a_version_that_is_none_is_not_found(people: People, shelf: Shelf) -> None:
    for number in (0, 99, 10**12):
        problem(people.root.post(f"models/sum/versions/{number}/live"), 404, "not_found")


def test_a_version_that_failed_its_proof_takes_a_reason(people: People, shelf: Shelf) -> None:
    add_version(shelf.public, SUM, report={"proof": failed_proof("finite")})
    for body in (None, {}, {"reason": ""}, {"reason": "123"}):
        document = problem(people.staff.post("models/sum/versions/2/live", body), 409, "not_proven")
        assert document["failed_checks"] == ["finite"]
        assert "Finite numbers" in document["detail"]
    empty = people.staff.client.generic("POST", "/api/v1/models/sum/versions/2/live")
    assert empty.status_code == 409
    assert people.staff.get("models/sum/versions").json()["results"][0]["live"] is False
    response = people.staff.post("models/sum/versions/2/live", {"reason": "Until the next file comes."})
    assert (response.status_code, response.json()["live"]) == (200, True)
    row = Deployment.objects.get(ml_model=shelf.public, ended_at=None)
    assert (row.reason, row.overridden) == ("Until the next file comes.", ["finite"])
    assert row.started_by == people.accounts["staff"]


@pytest.mark.parametrize("body", [{"reason": ["a"]}, {"reason": "a" * 2001}, {"reason": "a\x00b"}, []])
def test_a_reason_that_is_no_text_is_refused(people: People, shelf: Shelf, body: Any) -> None:
    add_version(shelf.public, SUM)
    problem(people.staff.post("models/sum/versions/2/live", body), 400, "invalid_request")
