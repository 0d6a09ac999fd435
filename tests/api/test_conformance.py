"""Schemathesis holds the running site to its own API document: data that fits it, and data that does not."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from deploy_site.wsgi import application
from predictions.models import Prediction
from predictions.selectors.targets import live_target
from predictions.services import reviews
from predictions.values import Actor
from tests import factories
from tests.api.conftest import People

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]

# Uploads start builds that outlive this test; tests/api/test_ml_models.py has them.
LEFT_OUT = {("POST", "/api/v1/models")}
GENERAL = "/api/v1/models/{slug}/predict"
"""Its body depends on the slug; each ml_model has an address of its own that says it precisely."""
EXAMPLES = 8
REFUSALS = [400, 404, 405, 406, 411, 413, 415, 422]
CONFIG = {"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}}


@pytest.fixture
def _content(people: People) -> None:
    """Something to find behind most addresses."""
    owner = people.accounts["staff"]
    line = factories.version(slug="line", owner=owner, is_default=True)
    factories.sign_version(slug="sign", owner=owner)
    answers = people.staff_key.post("models/line/predict", {"inputs": [[1], [2.5], [99]]}).json()
    actor = Actor(user_id=owner.pk, is_staff=True)
    row = Prediction.objects.get(pk=answers["predictions"][0]["id"])
    reviews.confirm(predictions=[row], actor=actor)
    assert live_target(actor, "line").version_id == line.pk


@pytest.mark.usefixtures("_content")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_site_keeps_to_its_document(people: People, mode: GenerationMode) -> None:
    headers = people.staff_key.headers
    schema = schemathesis.openapi.from_wsgi(
        "/api/v1/openapi.json", application, config=SchemathesisConfig.from_dict(CONFIG), headers=headers
    )
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        name = (operation.method.upper(), operation.path)
        if name in LEFT_OUT:
            continue
        tried.add(name)
        _try(operation, mode, headers)
    assert ("POST", "/api/v1/models/sign/predict") in tried
    assert len(tried) >= 14


def _try(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    loose = operation.path == GENERAL

    @seed(20261123)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        response = case.call(headers=headers)
        left_out = [checks.ignored_auth, *([checks.positive_data_acceptance] if loose else [])]
        case.validate_response(response, excluded_checks=left_out)

    if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
        return  # nothing in it can be wrong
    run()
