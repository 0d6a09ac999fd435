"""The front page."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from predictions.models import MLModel
from tests.support.ml_models import LOAN, SUM, make_ml_model
from tests.web.conftest import signed_in

pytestmark = pytest.mark.django_db


def page(client: Client, query: str = "") -> str:
    return client.get(f"/{query}").content.decode()


def test_a_card_says_what_is_answered_and_from_what(client: Client) -> None:
    make_ml_model("loan", LOAN)
    text = page(client)
    assert 'href="/m/loan/"' in text
    assert "risk: good, bad" in text
    assert "5 inputs" in text


def test_a_card_names_the_first_metric(client: Client) -> None:
    ml_model = make_ml_model("loan", LOAN)
    ml_model.versions.update(metrics=[{"name": "accuracy", "value": 0.76, "measured_on": "on 200 loans"}])
    text = page(client)
    assert "76.0%" in text
    assert "on 200 loans" in text


@pytest.mark.parametrize(("visibility", "shown"), [("public", True), ("members", False), ("private", False)])
def test_a_stranger_sees_only_public_ml_models(client: Client, visibility: str, shown: bool) -> None:
    make_ml_model("loan", LOAN, visibility=visibility)
    assert ("/m/loan/" in page(client)) is shown


def test_an_ml_model_without_a_live_version_is_not_offered(client: Client) -> None:
    make_ml_model("loan", LOAN, live=False)
    assert "/m/loan/" not in page(client)


def test_search_looks_at_names_and_descriptions(client: Client) -> None:
    make_ml_model("loan", LOAN)
    make_ml_model("sum", SUM)
    text = page(client, "?q=about+sum")
    assert "/m/sum/" in text
    assert "/m/loan/" not in text


def test_a_search_without_a_match_offers_the_whole_list(client: Client) -> None:
    make_ml_model("loan", LOAN)
    text = page(client, "?q=zebra")
    assert "Nothing matches “zebra”" in text
    assert "Show all" in text


def test_what_was_searched_for_is_escaped(client: Client) -> None:
    assert "<script>x" not in page(client, "?q=<script>x")


def test_names_and_descriptions_are_escaped(client: Client) -> None:
    make_ml_model("loan", LOAN)
    MLModel.objects.update(name="<img src=x>", description="<b>bold</b>")
    text = page(client)
    assert "<img src=x>" not in text
    assert "&lt;b&gt;bold" in text


def test_an_empty_site_asks_strangers_to_sign_in(client: Client) -> None:
    text = page(client)
    assert "Nothing is open to everyone" in text
    assert "/accounts/login/" in text


def test_an_empty_site_tells_staff_to_bring_a_model() -> None:
    text = page(signed_in(is_staff=True))
    assert "Bring the first model" in text
    assert 'class="button" href="/bring/"' in text


def test_an_empty_site_tells_members_whom_to_ask(member: Client) -> None:
    assert "No ML model has been shared with you" in page(member)


def test_many_ml_models_cost_no_more_queries(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        make_ml_model(f"loan-{number}", LOAN)
    with django_assert_max_num_queries(2):
        page(client)


def test_pages_allow_only_what_the_site_serves(client: Client) -> None:
    response = client.get("/")
    assert response["Content-Security-Policy"].startswith("default-src 'self'")
    assert "no-store" in response["Cache-Control"]
    assert "style=" not in response.content.decode()


def test_the_admin_keeps_its_own_headers() -> None:
    response = signed_in(is_staff=True, is_superuser=True).get("/admin/")
    assert "Content-Security-Policy" not in response
