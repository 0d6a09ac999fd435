"""What a person does on pages: find a field, sign in, ask."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

PASSWORD = "correct horse 7"


def sign_in(page: Page, site: str, account: Any) -> None:
    """Through the sign-in page."""
    page.goto(f"{site}/accounts/login/")
    page.get_by_label("Username").fill(account.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def field(page: Page, label: str) -> Locator:
    """The box whose label is exactly this."""
    return page.get_by_role("textbox", name=label, exact=True)


def fill(page: Page, **values: str) -> None:
    """Type into boxes by label."""
    for label, value in values.items():
        field(page, label).fill(value)


def press_ask(page: Page) -> Locator:
    """Press the button, wait for the answer and return its value."""
    page.get_by_role("button", name="Get the answer").click()
    value = page.locator("#answer .value")
    expect(value).to_be_visible()
    return value


def ask(page: Page, site: str, slug: str, **values: str) -> Locator:
    """Open the page of an ml_model, fill it in and get the answer."""
    page.goto(f"{site}/m/{slug}/")
    fill(page, **values)
    return press_ask(page)


def overrule(desk: Page, *, reason: str, right: str) -> None:
    """Overrule the answer whose page at the desk is open, and stay there."""
    desk.get_by_text(re.compile("^Overrule…")).click()
    desk.get_by_label("Reason").fill(reason)
    desk.get_by_label(re.compile("Right answer")).select_option(right)
    desk.get_by_role("button", name="Overrule and stay here").click()
    expect(desk.get_by_role("region", name="Verdicts")).to_contain_text(reason)


def too_wide(page: Page) -> list[str]:
    """What makes the page scroll sideways; empty when nothing does. Works without the page's own JavaScript."""
    return page.evaluate(
        """() => {
            const root = document.documentElement;
            if (root.scrollWidth <= root.clientWidth) return [];
            const reaches = (element) => element.getBoundingClientRect().right > root.clientWidth + 0.5;
            return ["page", ...[...document.querySelectorAll("body *")].filter(reaches).slice(0, 8)
                .map((element) => `${element.tagName}.${element.className}`)];
        }"""
    )
