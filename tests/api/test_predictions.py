"""``/api/v1/predictions``: the history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from predictions.models import Prediction
from predictions.selectors import windows
from predictions.selectors.targets import live_target
from predictions.services import reviews
from predictions.values import Actor
from tests.api.conftest import VISITOR, People, Shelf, local_answer, problem
from tests.support.asked import asked_together
from tests.support.moments import id_at

ROOT = Actor(is_superuser=True)
BY_CALLER = ("user", "key", "visitor")


@pytest.fixture
def rows(people: People, shelf: Shelf) -> dict[str, Prediction]:
    """One answer each of a user, a key and a browser session."""
    actors = {
        "user": Actor(user_id=people.accounts["user"].pk),
        "key": Actor(api_key_id=people.keys["key"].pk),
        "visitor": Actor(visitor=VISITOR),
    }
    return {name: _answer("sum", {"x1": 1, "x2": 2, "x3": 50}, actor) for name, actor in actors.items()}


def _answer(slug: str, row: dict[str, Any], actor: Actor) -> Prediction:
    target = live_target(ROOT, slug)
    (given,) = local_answer(target=target, rows=[target.validator.check_row(row)], actor=actor, face="api")
    return Prediction.objects.get(pk=given.id)


@pytest.mark.parametrize("caller", BY_CALLER)
def test_everybody_finds_their_own(people: People, rows: dict[str, Prediction], caller: str) -> None:
    found = people.all()[caller].get("predictions").json()
    assert [row["id"] for row in found["results"]] == [str(rows[caller].pk)]
    assert found["next"] is None


def test_a_key_of_an_account_finds_the_account_s(people: People, rows: dict[str, Prediction]) -> None:
    found = people.user_key.get("predictions").json()["results"]
    assert [row["id"] for row in found] == [str(rows["user"].pk)]


@pytest.mark.parametrize("caller", ["other_user", "other_key", "user", "key", "visitor"])
@pytest.mark.parametrize("owner", BY_CALLER)
def test_nobody_finds_what_is_somebody_else_s(
    people: People, rows: dict[str, Prediction], caller: str, owner: str
) -> None:
    api = people.all()[caller]
    response = api.get(f"predictions/{rows[owner].pk}")
    if caller == owner:
        assert response.status_code == 200
    else:
        problem(response, 404, "not_found")


def test_a_caller_without_a_history_is_asked_who_they_are(
    people: People, rows: dict[str, Prediction]
) -> None:
    problem(people.anonymous.get("predictions"), 401, "not_authenticated")
    problem(people.anonymous.get(f"predictions/{rows['visitor'].pk}"), 401, "not_authenticated")


@pytest.mark.parametrize("caller", ["staff", "staff_key", "root"])
def test_staff_open_every_answer_but_list_their_own(
    people: People, rows: dict[str, Prediction], caller: str
) -> None:
    api = people.all()[caller]
    assert api.get(f"predictions/{rows['key'].pk}").status_code == 200
    assert api.get("predictions").json()["results"] == []


def test_an_answer_holds_its_case_by_name_and_what_was_said(
    people: People, rows: dict[str, Prediction]
) -> None:
    body = people.key.get(f"predictions/{rows['key'].pk}").json()
    assert body["inputs"] == {"x1": 1, "x2": 2, "x3": 50}
    assert body["outputs"] == {"value": 53.0}
    assert (body["model"], body["version"], body["signature_revision"], body["face"]) == ("sum", 1, 1, "api")
    assert body["review"] is None
    assert body["link"] == f"http://testserver/api/v1/predictions/{rows['key'].pk}"


def test_a_reviewer_s_verdict_is_seen_by_who_asked(people: People, rows: dict[str, Prediction]) -> None:
    actor = Actor(user_id=people.accounts["staff"].pk, is_staff=True)
    reviews.overrule(predictions=[rows["key"]], actor=actor, reason="Wrong unit.", outcome="54")
    verdict = {"verdict": "overruled", "outcome": "54", "reason": "Wrong unit."}
    assert people.key.get(f"predictions/{rows['key'].pk}").json()["review"] == verdict
    assert people.key.get("predictions").json()["results"][0]["review"] == verdict


def test_filters_narrow_the_list(people: People, shelf: Shelf) -> None:
    actor = Actor(api_key_id=people.keys["key"].pk)
    days = (1, 2, 3)
    for day in days:
        row = _answer("sum", {"x1": day, "x2": 0, "x3": 0}, actor)
        moment = datetime(2026, 11, day, 12, tzinfo=UTC)
        Prediction.objects.filter(pk=row.pk).update(created_at=moment, id=id_at(moment))
    _answer("loan", {"age": 40, "purpose": "car"}, actor)

    def outcomes(**query: str) -> list[str]:
        return [row["outcome"] for row in people.key.get("predictions", query).json()["results"]]

    three, two, one = outcomes(model="sum")
    assert outcomes(model="loan") == ["good"]
    assert outcomes(model="none") == []
    assert outcomes(outcome=two) == [two]
    assert outcomes(**{"from": "2026-11-02", "to": "2026-11-02"}) == [two]
    assert outcomes(**{"from": "2026-11-02T12:00:00Z", "to": "2026-11-03T11:59:59Z"}) == [two]
    assert outcomes(to="2026-11-02T12:00:00+01:00") == [one]
    assert outcomes(**{"from": "2026-11-03", "model": "sum"}) == [three]


@pytest.mark.parametrize("query", [{"from": "yesterday"}, {"to": "2026-13-01"}, {"outcome": "\x00"}])
def test_a_filter_that_cannot_be_read_names_itself(people: People, query: dict[str, str]) -> None:
    document = problem(people.key.get("predictions", query), 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == list(query)


def test_pages_go_on_by_key_without_counting(
    people: People, shelf: Shelf, django_assert_max_num_queries: Any
) -> None:
    actor = Actor(api_key_id=people.keys["key"].pk)
    ids = [str(_answer("sum", {"x1": 1, "x2": 2, "x3": number}, actor).pk) for number in range(5)]
    people.key.get("models")
    found: list[str] = []
    following: str | None = "predictions?limit=2&model=sum"
    # A page: the ml_model, the ids, whether older ones are left, the rows.
    with django_assert_max_num_queries(4 * 3):
        while following:
            body = people.key.get(following).json()
            found += [row["id"] for row in body["results"]]
            following = body["next"].removeprefix("http://testserver") if body["next"] else None
    assert found == ids[::-1]


def test_cases_asked_together_are_entries_of_their_own(people: People, shelf: Shelf) -> None:
    actor = Actor(api_key_id=people.keys["key"].pk)
    target = live_target(ROOT, "sum")
    rows = [(float(number), 2.0, 3.0) for number in range(20)]
    outputs = [{"value": number + 5.0} for number in range(20)]
    ids = asked_together(target, rows, actor=actor, outputs=outputs, cached=(4,))
    listed = people.key.get("predictions", {"limit": "500"}).json()
    assert [row["id"] for row in listed["results"]] == [str(row_id) for row_id in reversed(ids)]
    body = people.key.get(f"predictions/{ids[4]}").json()
    assert body["inputs"] == {"x1": 4.0, "x2": 2.0, "x3": 3.0}
    assert (body["outputs"], body["cached"]) == ({"value": 9.0}, True)
    assert people.key.get(f"predictions/{ids[5]}").json()["cached"] is False


def test_a_filter_that_finds_little_goes_on_page_by_page(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "FIRST_ROWS", 2)
    monkeypatch.setattr(windows, "MORE_ROWS", 3)
    actor = Actor(api_key_id=people.keys["key"].pk)
    ids = [str(_answer("sum", {"x1": number, "x2": 0, "x3": 0}, actor).pk) for number in range(9)]
    pages: list[list[str]] = []
    following: str | None = f"predictions?outcome={Prediction.objects.get(pk=ids[1]).outcome}"
    while following:
        body = people.key.get(following).json()
        pages.append([row["id"] for row in body["results"]])
        following = body["next"].removeprefix("http://testserver") if body["next"] else None
    assert pages == [[], [], [ids[1]], []]


def test_a_case_that_was_purged_is_not_there_in_words(people: People, rows: dict[str, Prediction]) -> None:
    Prediction.objects.all().delete()
    document = problem(people.key.get(f"predictions/{rows['key'].pk}"), 404, "not_found")
    assert "removed with its month" in document["detail"]
