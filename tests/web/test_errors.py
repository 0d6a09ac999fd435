"""Pages for when something is wrong."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.test import Client, RequestFactory

from predictions.web import errors
from tests.support.ml_models import LOAN, make_ml_model


def test_a_missing_page_is_plain_and_helpful(db: None, client: Client) -> None:
    response = client.get("/nowhere/")
    text = response.content.decode()
    assert response.status_code == 404
    assert "There is nothing here for you" in text
    assert 'href="/"' in text
    assert "Content-Security-Policy" in response


@pytest.mark.parametrize("view", [errors.bad_request, errors.permission_denied, errors.page_not_found])
def test_no_error_page_repeats_what_went_wrong_inside(view: object) -> None:
    request = RequestFactory().get("/secret-path/")
    for exception in (SuspiciousOperation("inner"), PermissionDenied("inner"), Http404("inner")):
        text = view(request, exception).content.decode()  # type: ignore[operator]
        assert "inner" not in text
        assert "secret-path" not in text


def test_the_page_for_our_own_faults_asks_the_database_nothing(rf: RequestFactory) -> None:
    # Without a database mark, any query fails the test.
    response = errors.server_error(rf.get("/m/loan/"))
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.content.decode()


@pytest.mark.parametrize("path", ["/api/v1/models", "/predict", "/health/ready"])
def test_programs_get_problems_not_pages(rf: RequestFactory, path: str) -> None:
    response = errors.server_error(rf.get(path))
    assert response["Content-Type"] == "application/problem+json"
    assert json.loads(response.content)["status"] == 500


@pytest.mark.parametrize("path", ["/predictions/abc/", "/predict-me/"])
def test_people_get_pages_where_addresses_begin_alike(rf: RequestFactory, path: str) -> None:
    assert errors.page_not_found(rf.get(path))["Content-Type"].startswith("text/html")


def test_a_form_from_before_signing_in_again_is_told_to_have_expired(db: None) -> None:
    make_ml_model("loan", LOAN)
    response = Client(enforce_csrf_checks=True).post("/m/loan/", {"in-age": "40"})
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()


def test_an_unhandled_fault_is_answered_with_that_page(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("inner")

    monkeypatch.setattr("predictions.web.views.start.cards.cards", broken)
    response = Client(raise_request_exception=False).get("/")
    assert response.status_code == 500
    assert "inner" not in response.content.decode()
