"""Keys and sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from predictions.models import ApiKey
from predictions.selectors import api_keys as known_keys
from predictions.services import api_keys
from tests.api.conftest import Api, People, Shelf, problem

pytestmark = pytest.mark.django_db


def test_a_key_is_known(people: People, shelf: Shelf) -> None:
    slugs = [row["slug"] for row in people.key.get("models").json()["results"]]
    assert slugs == ["loan", "sum"]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer md_00000000_nothing",
        "Bearer something",
        "bearer md__",
        "Bearer md_a_b c",
        "Bearer ü",
    ],
)
def test_an_unknown_key_is_refused_even_where_anybody_may_come(
    people: People, shelf: Shelf, header: str
) -> None:
    response = people.anonymous.get("models", Authorization=header)
    problem(response, 401, "invalid_key")
    assert response["WWW-Authenticate"] == 'Bearer realm="Model Desk"'


def test_a_key_without_its_scheme_is_told_how_to_write_it(people: People) -> None:
    text = people.key.headers["Authorization"].removeprefix("Bearer ")
    assert (
        "Bearer" in problem(people.anonymous.get("models", Authorization=text), 401, "invalid_key")["detail"]
    )


def test_the_scheme_may_be_written_in_small_letters(people: People, shelf: Shelf) -> None:
    text = people.key.headers["Authorization"].replace("Bearer", "bearer")
    assert people.anonymous.get("predictions", Authorization=text).status_code == 200


def test_another_scheme_is_not_ours_to_judge(people: People, shelf: Shelf) -> None:
    assert people.anonymous.get("models", Authorization="Basic dXNlcjpwYXNz").status_code == 200


def test_a_revoked_key_is_refused_from_the_next_call_on(people: People) -> None:
    assert people.key.get("predictions").status_code == 200
    api_keys.revoke(key=people.keys["key"])
    problem(people.key.get("predictions"), 401, "invalid_key")


def test_a_key_of_a_closed_account_is_refused(people: People) -> None:
    people.accounts["user"].is_active = False
    people.accounts["user"].save()
    problem(people.user_key.get("predictions"), 401, "invalid_key")


def test_use_is_noted_at_most_once_a_minute(people: People) -> None:
    people.key.get("models")
    first = ApiKey.objects.get(pk=people.keys["key"].pk).last_used_at
    assert first is not None
    people.key.get("models")
    assert ApiKey.objects.get(pk=people.keys["key"].pk).last_used_at == first
    ApiKey.objects.filter(pk=people.keys["key"].pk).update(last_used_at=timezone.now() - timedelta(minutes=2))
    known_keys.forget()
    people.key.get("models")
    again = ApiKey.objects.get(pk=people.keys["key"].pk).last_used_at
    assert again is not None
    assert again >= first


def test_a_key_wins_over_a_session(people: People, shelf: Shelf) -> None:
    both = Api(people.key.headers["Authorization"].removeprefix("Bearer "), user=people.accounts["staff"])
    slugs = [row["slug"] for row in both.get("models").json()["results"]]
    assert "secret" not in slugs


def test_a_key_of_a_staff_account_may_do_what_the_account_may(people: People, shelf: Shelf) -> None:
    assert people.staff_key.get("models/secret/versions").status_code == 200
