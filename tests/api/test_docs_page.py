"""Swagger UI in a real browser, under the page's own Content-Security-Policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import factories

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.mark.usefixtures("worker")
def test_the_document_can_be_read_and_tried(page: Page, live_server: LiveServer) -> None:
    factories.sign_version(slug="sign")
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{live_server.url}/api/v1/docs")
    own = page.locator("#operations-predict-predict_sign")
    expect(own).to_be_visible(timeout=20_000)
    own.locator("button").first.click()
    own.get_by_role("button", name="Execute").click()
    answered = own.locator(".live-responses-table .response-col_status").last
    expect(answered).to_contain_text("200", timeout=20_000)
    expect(own.locator(".live-responses-table")).to_contain_text("probabilities")
    assert faults == []
