"""The API tab and the model card."""

from __future__ import annotations

import pytest
from django.test import Client

from predictions.models import MLModel
from tests.support.ml_models import LOAN, make_ml_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def loan() -> MLModel:
    return make_ml_model("loan", LOAN)


def page(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_the_api_tab_has_the_address_and_every_input(client: Client, loan: MLModel) -> None:
    text = page(client, "/m/loan/api/")
    assert "POST http://testserver/api/v1/models/loan/predict" in text
    for name in LOAN.names:
        assert f"<code>{name}</code>" in text
    assert "/api/v1/docs" in text


def test_the_card_shows_equation_source_licence_and_metrics(client: Client, loan: MLModel) -> None:
    loan.card = {
        "equation": "y = 2x + 0",
        "source": "Statlog",
        "source_url": "https://example.org/statlog",
        "license": "CC BY 4.0",
        "license_url": "javascript:alert(1)",
        "metrics": [{"name": "accuracy", "value": 0.75, "measured_on": "on 200 cases"}],
    }
    loan.save()
    text = page(client, "/m/loan/about/")
    for words in ("y = 2x + 0", 'href="https://example.org/statlog"', "CC BY 4.0", "75.0%", "on 200 cases"):
        assert words in text
    assert "javascript:" not in text


def test_a_card_without_metrics_asks_for_care(client: Client, loan: MLModel) -> None:
    assert "has not said how good" in page(client, "/m/loan/about/")


def test_the_card_of_a_demo_reads_in_full(client: Client, loan: MLModel) -> None:
    loan.card = {
        "source": "Statlog",
        "licence": "CC BY 4.0",
        "licence_url": "https://example.org/by",
        "intended_use": "To try this site.",
        "note": "Bad loans are over-represented.",
        "metrics": [{"name": "ROC AUC", "value": 0.79, "on": "5-fold cross-validation, all 1,000 cases"}],
    }
    loan.save()
    text = page(client, "/m/loan/about/")
    for words in (
        'href="https://example.org/by"',
        "To try this site.",
        "over-represented",
        "0.79",
        "5-fold cross-validation",
    ):
        assert words in text
