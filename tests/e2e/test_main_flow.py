"""The main job: a person gets an answer, a reviewer judges it, the person sees the verdict."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from predictions.models import Prediction
from tests import factories
from tests.e2e.conftest import LAYOUTS
from tests.e2e.pages import ask, field, fill, overrule, press_ask, sign_in, too_wide

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_form_answer_history_review_and_verdict(site, new_page, layout):
    width, javascript = layout
    version = factories.sign_version(name="Sign of a sum", slug="sign")
    person, reviewer = factories.user(), factories.user(is_staff=True, is_superuser=True)

    page = new_page(width=width, javascript=javascript)
    sign_in(page, site, person)
    page.goto(site)
    assert too_wide(page) == []
    page.get_by_role("link", name="Sign of a sum").first.click()
    fill(page, a="2", b="3")
    expect(press_ask(page)).to_have_text("above")
    expect(field(page, "a")).to_have_value("2")
    expect(field(page, "b")).to_have_value("3")
    assert too_wide(page) == []
    row = Prediction.objects.get()
    assert (row.user, row.face, row.version, row.inputs) == (person, "form", version, [2.0, 3.0])
    expected = factories.sign_estimator().predict_proba([[2.0, 3.0]])[0]
    assert row.outputs["probabilities"] == pytest.approx(
        dict(zip(["below", "above"], expected, strict=True)), abs=1e-6
    )
    bars = page.locator("#answer .bar")
    expect(bars).to_have_count(2)
    expect(page.locator("#answer .bar.top")).to_contain_text("above")
    expect(page.locator("#answer")).to_contain_text(str(row.pk))

    page.get_by_role("link", name="History").click()
    expect(page.locator("main")).to_contain_text("above")
    assert too_wide(page) == []

    desk = new_page(width=width, javascript=javascript)
    sign_in(desk, site, reviewer)
    desk.goto(f"{site}/admin/predictions/prediction/")
    assert too_wide(desk) == []
    desk.locator(f"a[href*='{row.pk}']").first.click()
    expect(desk.get_by_role("heading", name="What went in")).to_be_visible()
    expect(desk.locator(".desk-answer-big")).to_have_text("above")
    assert too_wide(desk) == []
    overrule(desk, reason="The sum was misread.", right="below")
    review = row.reviews.get()
    assert (review.verdict, review.reason, review.outcome, review.reviewer) == (
        "overruled",
        "The sum was misread.",
        "below",
        reviewer,
    )

    page.goto(f"{site}/history/")
    expect(page.locator("main")).to_contain_text("overruled", ignore_case=True)
    page.locator(f"main a[href*='/predictions/{row.pk}/']").first.click()
    verdict = page.locator(".notice", has_text="overruled")
    expect(verdict).to_contain_text("The sum was misread.")
    expect(verdict).to_contain_text("below")
    assert too_wide(page) == []
    row.refresh_from_db()
    assert row.outputs["label"] == "above", "a verdict stands beside the row, never over it"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_errors_stand_at_the_field_and_keep_what_was_typed(site, new_page, layout):
    width, javascript = layout
    version = factories.sign_version(slug="sign")
    page = new_page(width=width, javascript=javascript)
    page.goto(f"{site}/m/{version.ml_model.slug}/")
    fill(page, a="much", b="3")
    page.get_by_role("button", name="Get the answer").click()
    wrong = page.locator(".field.invalid")
    expect(wrong).to_have_count(1)
    expect(wrong.locator(".error")).to_contain_text("number")
    box = wrong.get_by_role("textbox")
    expect(box).to_have_value("much")
    expect(box).to_have_attribute("aria-invalid", "true")
    described = box.get_attribute("aria-describedby") or ""
    assert wrong.locator(".error").get_attribute("id") in described.split()
    expect(field(page, "b")).to_have_value("3")
    assert too_wide(page) == []
    assert not Prediction.objects.exists()
    # A value outside of what is allowed is told with the range; the right one is then answered.
    field(page, "a").fill("101")
    page.get_by_role("button", name="Get the answer").click()
    expect(page.locator(".field.invalid .error")).to_contain_text("100")
    field(page, "a").fill("-9")
    expect(press_ask(page)).to_have_text("below")
    expect(page.locator(".field.invalid")).to_have_count(0)
    assert Prediction.objects.get().inputs == [-9.0, 3.0]


def test_a_value_outside_of_the_training_range_is_answered_with_a_warning(site, new_page):
    version = factories.version(slug="line", name="A line")
    page = new_page()
    expect(ask(page, site, version.ml_model.slug, x="9")).to_contain_text("18")
    expect(page.locator("#answer .answer-warnings")).to_contain_text("x")
    assert [warning["field"] for warning in Prediction.objects.get().warnings] == ["x"]


def test_a_visitor_sees_only_what_was_done_in_that_browser(site, new_page):
    version = factories.sign_version(slug="sign")
    first, second = new_page(), new_page()
    ask(first, site, version.ml_model.slug, a="2", b="3")
    row = Prediction.objects.get()
    first.goto(f"{site}/history/")
    expect(first.locator("main")).to_contain_text("above")
    second.goto(f"{site}/history/")
    expect(second.locator("main")).not_to_contain_text("above")
    for address in (f"/predictions/{row.pk}/", f"/m/sign/?prediction={row.pk}", f"/m/sign/?again={row.pk}"):
        response = second.goto(f"{site}{address}")
        assert response is not None
        assert response.status == 404 if address.startswith("/predictions") else response.status == 200
        assert str(row.pk) not in second.locator("main").inner_text()
    expect(field(second, "a")).to_have_value("")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
def test_two_presses_give_one_answer(site, new_page, javascript):
    version = factories.sign_version(slug="sign")
    page = new_page(javascript=javascript)
    page.goto(f"{site}/m/{version.ml_model.slug}/")
    fill(page, a="2", b="3")
    page.get_by_role("button", name="Get the answer").dblclick()
    expect(page.locator("#answer .value")).to_be_visible()
    page.wait_for_load_state("networkidle")
    if javascript:
        assert Prediction.objects.count() == 1
    else:
        # A browser without JavaScript may send a form twice; each answer is then one row, never half of one.
        assert Prediction.objects.count() in (1, 2)
        assert all(row.outputs["label"] == "above" for row in Prediction.objects.all())


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
def test_fill_an_example_then_answer(site, new_page, javascript):
    version = factories.sign_version(slug="sign")
    page = new_page(javascript=javascript)
    page.goto(f"{site}/m/{version.ml_model.slug}/")
    page.get_by_role("link", name="Fill an example").click()
    expect(field(page, "a")).to_have_value("1")
    expect(press_ask(page)).to_have_text("above")


def test_an_answer_beside_changed_inputs_says_so(site, new_page):
    version = factories.sign_version(slug="sign")
    page = new_page()
    ask(page, site, version.ml_model.slug, a="2", b="3")
    expect(page.locator("#answer .stale")).to_be_hidden()
    field(page, "a").fill("-9")
    expect(page.locator("#answer .stale")).to_be_visible()
    expect(press_ask(page)).to_have_text("below")


def test_the_keyboard_alone_is_enough(site, new_page):
    factories.sign_version(slug="sign", name="Sign of a sum")
    page = new_page()
    page.goto(site)
    press_tab_until(page, "Skip to the content")
    page.keyboard.press("Enter")
    press_tab_until(page, "Sign of a sum")
    page.keyboard.press("Enter")
    page.wait_for_url("**/m/sign/")
    focus_field(page, "a")
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    expect(field(page, "b")).to_be_focused()
    page.keyboard.type("nothing")
    page.keyboard.press("Enter")
    # The list of faults gets the focus, and its link leads to the field.
    expect(page.locator("[data-focus]")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(field(page, "b")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page.locator("#answer .value")).to_have_text("above")
    assert Prediction.objects.get().inputs == [2.0, 3.0]


def press_tab_until(page, words):
    """Tab on until what has the focus contains these words."""
    for _ in range(25):
        page.keyboard.press("Tab")
        if words in page.evaluate("document.activeElement.innerText || ''"):
            return
    pytest.fail(f"The keyboard does not reach “{words}”.")


def focus_field(page, label):
    """Tab on until the field of this label has the focus."""
    wanted = field(page, label).get_attribute("id")
    for _ in range(25):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == wanted:
            return
    pytest.fail(f"The keyboard does not reach the field {label}.")


def test_a_recorded_case_is_run_again(site, new_page):
    version = factories.sign_version(slug="sign")
    page = new_page()
    ask(page, site, version.ml_model.slug, a="2", b="3")
    page.goto(f"{site}/predictions/{Prediction.objects.get().pk}/")
    page.get_by_role("link", name="Run again").click()
    expect(field(page, "a")).to_have_value("2")
    press_ask(page)
    assert [row.inputs for row in Prediction.objects.all()] == [[2.0, 3.0], [2.0, 3.0]]
