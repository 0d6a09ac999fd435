"""The desk in a real browser: keys, forms without scripts, narrow screens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from predictions.models import MLModel, Prediction, Review
from predictions.services import roles
from tests.admin.conftest import LIST, account, client_of, page_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def served(transactional_db: None, live_server: Any) -> str:
    """The site's address. Asked for before rows are made, so that the server sees them."""
    roles.make()
    return str(live_server.url)


@pytest.fixture
def open_page(served: str, browser: Browser, settings: Any) -> Iterator[Callable[..., Page]]:
    """``open_page(user, …)``: a browser signed in as that user; options as Playwright names them."""
    contexts = []

    def make(user: User, **options: Any) -> Page:
        context = browser.new_context(base_url=served, **options)
        contexts.append(context)
        session = client_of(user).cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": served}])
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def test_keys_judge_and_walk_the_queue(
    served: str, open_page: Callable[..., Page], several: list[Prediction], reviewer: User
) -> None:
    page = open_page(reviewer)
    page.goto(LIST)
    page.locator("#result_list tbody th a").first.click()
    expect(page.locator(".desk-id")).to_have_text(str(several[0].pk))
    page.keyboard.press("j")
    expect(page.locator(".desk-id")).to_have_text(str(several[1].pk))
    page.keyboard.press("k")
    expect(page.locator(".desk-id")).to_have_text(str(several[0].pk))
    page.keyboard.press("c")
    expect(page.locator(".desk-id")).to_have_text(str(several[1].pk))
    page.keyboard.press("o")
    expect(page.locator("#overrule_reason")).to_be_focused()
    page.keyboard.type("cojk: the payslip is forged")
    page.get_by_label("Right answer, if you know it").select_option("bad")
    page.get_by_role("button", name="Overrule and go on").click()
    expect(page.locator(".desk-id")).to_have_text(str(several[2].pk))
    given = {row.prediction_id: (row.verdict, row.reason, row.outcome) for row in Review.objects.all()}
    assert given == {
        several[0].pk: ("confirmed", "", ""),
        several[1].pk: ("overruled", "cojk: the payslip is forged", "bad"),
    }


def test_keys_can_be_switched_off(
    served: str, open_page: Callable[..., Page], several: list[Prediction], reviewer: User
) -> None:
    page = open_page(reviewer)
    page.goto(page_of(several[0]))
    page.get_by_role("button", name="Switch the keys off").click()
    page.keyboard.press("Tab")
    page.keyboard.press("c")
    page.keyboard.press("j")
    expect(page.get_by_role("button", name="Switch the keys on")).to_be_visible()
    expect(page.locator(".desk-id")).to_have_text(str(several[0].pk))
    assert not Review.objects.exists()


@pytest.mark.parametrize("width", [1280, 360])
def test_everything_works_without_scripts(
    served: str, open_page: Callable[..., Page], several: list[Prediction], reviewer: User, width: int
) -> None:
    page = open_page(reviewer, java_script_enabled=False, viewport={"width": width, "height": 800})
    page.goto(LIST)
    page.get_by_label("Probability").select_option("under60")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#result_list .data-row")).to_have_count(2)
    page.locator("#result_list tbody th a").first.click()
    page.get_by_text("Overrule…").click()
    page.get_by_role("button", name="Overrule and go on").click()
    expect(page.get_by_role("alert")).to_have_text("Write why the answer is overruled.")
    page.get_by_label("Reason").fill("Forged.")
    page.get_by_role("button", name="Overrule and go on").click()
    expect(page.locator(".desk-id")).to_have_text(str(several[4].pk))
    page.get_by_role("button", name="Confirm and go on").click()
    expect(page.locator(".desk-empty")).to_contain_text("No answer matches these filters.")
    page.goto(LIST)
    for box in page.locator("#result_list .action-select").all()[:2]:
        box.check()
    page.get_by_role("button", name="Confirm", exact=True).click()
    expect(page.locator("#result_list .data-row")).to_have_count(1)
    assert Review.objects.count() == 4


def test_no_page_is_wider_than_a_phone(
    served: str, open_page: Callable[..., Page], several: list[Prediction], loans: MLModel
) -> None:
    user = account(username="root", is_staff=True, is_superuser=True)
    page = open_page(user, viewport={"width": 360, "height": 800})
    version = loans.versions.get()
    for address in (
        "/admin/",
        LIST,
        page_of(several[0]),
        "/admin/predictions/mlmodel/",
        f"/admin/predictions/mlmodel/{loans.pk}/change/",
        "/admin/predictions/mlmodel/add/",
        f"/admin/predictions/modelversion/{version.pk}/change/",
        "/admin/predictions/job/",
        "/admin/predictions/apikey/add/",
        f"/admin/auth/user/{user.pk}/change/",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address


def test_times_are_shown_in_the_readers_zone(
    served: str, open_page: Callable[..., Page], several: list[Prediction], reviewer: User
) -> None:
    page = open_page(reviewer, timezone_id="Asia/Kolkata", locale="en-GB")
    page.goto(page_of(several[0]))
    shown = page.locator(".desk-facts time").first
    expected = page.evaluate(
        "iso => new Intl.DateTimeFormat('en-GB', {hour: 'numeric', minute: '2-digit', timeZone: 'Asia/Kolkata'}).format(new Date(iso))",
        several[0].created_at.isoformat(),
    )
    expect(shown).to_contain_text(expected)
    assert shown.get_attribute("title") == f"{several[0].created_at:%Y-%m-%d %H:%M:%S} UTC"


def test_nothing_is_fetched_from_elsewhere(
    served: str, open_page: Callable[..., Page], several: list[Prediction], reviewer: User
) -> None:
    page = open_page(reviewer)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for address in ("/admin/", LIST, page_of(several[0])):
        page.goto(address)
    assert [url for url in asked if not url.startswith((served, "data:", "blob:"))] == []
