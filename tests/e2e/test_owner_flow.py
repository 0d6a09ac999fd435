"""The owner's job: a file becomes a page and an API, its fields get words, versions go live and back."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import joblib
import pandas as pd
import pytest
from playwright.sync_api import expect

from predictions.models import Deployment, Job, MLModel, Prediction
from predictions.services import api_keys
from tests import factories
from tests.e2e.pages import ask, field, fill, press_ask, sign_in, too_wide

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


@pytest.mark.parametrize(
    ("width", "javascript"), [(1280, True), (360, False)], ids=["wide", "narrow-without-javascript"]
)
def test_a_file_is_brought_built_looked_at_and_goes_live(site, new_page, loan_files, width, javascript):
    file, sample = loan_files
    owner = factories.user(is_staff=True)
    page = new_page(width=width, javascript=javascript)
    sign_in(page, site, owner)
    page.get_by_role("link", name="Bring a model").first.click()
    page.get_by_label("Files").set_input_files([sample, file])
    page.get_by_role("textbox", name="Name", exact=True).fill("Loans")
    page.get_by_role("button", name="Upload and build").click()
    page.wait_for_url("**/jobs/*/")
    go_live = page.get_by_role("button", name="Go live with version 1")
    expect(go_live).to_be_visible(timeout=120_000)
    assert too_wide(page) == []
    steps = page.locator(".step[data-status=done]")
    expect(steps).to_have_count(8)
    expect(page.get_by_role("list", name="Log")).to_contain_text("SHA-256")
    job = Job.objects.get()
    assert (job.status, job.created_by) == ("succeeded", owner)
    page.get_by_role("link", name="Read the report").click()
    expect(page.get_by_role("region", name="Compared with the original library")).to_contain_text("rows")
    assert too_wide(page) == []
    page.goto(f"{site}/m/loans/")
    expect(page.locator("main")).to_contain_text("no live version")
    page.goto(f"{site}/jobs/{job.pk}/")
    go_live.click()
    expect(page.locator(".messages")).to_contain_text("Version 1 is live")
    assert MLModel.objects.get().slug == "loans"

    page.goto(f"{site}/m/loans/")
    estimator = joblib.load(file)
    for amount, purpose in ((6000, "house"), (1234.5, "car"), (77, "⛵")):
        fill(page, amount=str(amount))
        if purpose == "⛵":
            page.locator("summary", has_text="Another value").click()
            page.get_by_label("purpose: another value").fill(purpose)
        else:
            page.get_by_label("purpose", exact=True).select_option(purpose)
        page.get_by_role("button", name="Get the answer").click()
        expect(page.locator("#answer .answer:not([data-stale])")).to_be_visible()
        expected = estimator.predict_proba(pd.DataFrame([{"amount": amount, "purpose": purpose}]))[0]
        row = next(row for row in Prediction.objects.all() if row.inputs == [float(amount), purpose])
        assert row.outputs["probabilities"] == pytest.approx(dict(zip("01", expected, strict=True)), abs=1e-6)
        expect(page.locator("#answer")).to_contain_text(str(row.pk))
        assert ("purpose" in [warning["field"] for warning in row.warnings]) == (purpose == "⛵")
        assert too_wide(page) == []


def test_new_words_and_limits_show_in_the_form_and_leave_old_answers_alone(site, new_page):
    owner = factories.user(is_staff=True)
    version = factories.sign_version(slug="sign", owner=owner)
    page = new_page()
    sign_in(page, site, owner)
    ask(page, site, "sign", a="2", b="3")
    old = Prediction.objects.get()

    page.get_by_role("link", name="Versions").click()
    page.get_by_role("link", name="Edit fields").first.click()
    page.get_by_label("Name of class 1").fill("over the line")
    page.locator("summary", has_text="a").first.click()
    page.locator("#in-0-label").fill("Depth 📏")
    page.locator("#in-0-unit").fill("cm")
    page.locator("#in-0-help").fill("From the ground up.")
    page.locator("#in-0-maximum").fill("50")
    page.get_by_role("button", name="Save as a new revision").click()
    expect(page.locator("main")).to_contain_text("Depth 📏")
    version.refresh_from_db()
    assert version.current_revision.number == 2

    page.goto(f"{site}/m/sign/")
    box = field(page, "Depth 📏")
    expect(page.locator(".field", has=box)).to_contain_text("cm")
    expect(page.locator(".field", has=box)).to_contain_text("From the ground up.")
    box.fill("60")
    field(page, "b").fill("1")
    page.get_by_role("button", name="Get the answer").click()
    expect(page.locator(".field.invalid .error")).to_contain_text("50")
    field(page, "Depth 📏").fill("40")
    expect(press_ask(page)).to_have_text("over the line")
    new = Prediction.objects.exclude(pk=old.pk).get()
    assert (new.revision.number, new.outputs["label"]) == (2, "over the line")
    old.refresh_from_db()
    assert (old.revision.number, old.outputs["label"], old.inputs) == (1, "above", [2.0, 3.0])
    page.goto(f"{site}/predictions/{old.pk}/")
    expect(page.locator("main")).to_contain_text("above")
    expect(page.locator("main")).not_to_contain_text("Depth")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
def test_an_earlier_version_is_live_again_after_one_click(site, new_page, javascript):
    owner = factories.user(is_staff=True)
    first = factories.version(slug="line", name="A line", owner=owner)
    second = factories.version(ml_model=first.ml_model)
    page = new_page(javascript=javascript)
    sign_in(page, site, owner)
    ask(page, site, "line", x="3")
    page.goto(f"{site}/m/line/versions/")
    page.get_by_role("button", name="Go live with version 1").click()
    expect(page.locator(".messages")).to_contain_text("Version 1 is live")
    ask(page, site, "line", x="4")
    assert [(row.version, row.inputs) for row in Prediction.objects.order_by("created_at")] == [
        (second, [3.0]),
        (first, [4.0]),
    ]
    assert Deployment.objects.get(ended_at=None).version == first


def test_the_curl_text_of_the_page_works_in_a_shell_with_a_key(site, new_page):
    owner = factories.user(is_staff=True)
    factories.sign_version(slug="sign", owner=owner, visibility="members")
    _key, secret = api_keys.create(name="partner", user=owner)
    page = new_page()
    sign_in(page, site, owner)
    page.goto(f"{site}/m/sign/api/")
    commands = [page.locator("pre", has_text="curl ").inner_text()]
    ask(page, site, "sign", a="-7.5", b="0.25")
    page.locator("#answer details.call summary").click()
    commands.append(page.locator("#answer pre", has_text="curl ").inner_text())
    for command, inputs in zip(commands, ([1.0, 1.0], [-7.5, 0.25]), strict=True):
        assert "YOUR_API_KEY" in command
        done = subprocess.run(
            ["sh", "-c", command.replace("YOUR_API_KEY", secret)], capture_output=True, timeout=60, check=True
        )
        body = json.loads(done.stdout)
        row = Prediction.objects.get(pk=body["predictions"][0]["id"])
        assert (row.face, row.inputs, row.api_key.name) == ("api", inputs, "partner")
        assert body["predictions"][0]["label"] == row.outputs["label"]
    refused = subprocess.run(["sh", "-c", commands[0]], capture_output=True, timeout=60, check=True)
    assert json.loads(refused.stdout)["status"] == 401


def test_the_python_text_of_the_page_is_a_program_that_works(site, new_page):
    factories.sign_version(slug="sign")
    page = new_page()
    page.goto(f"{site}/m/sign/api/")
    program = page.locator("pre", has_text="import requests").inner_text()
    _key, secret = api_keys.create(name="partner")
    done = subprocess.run(
        [sys.executable, "-c", program.replace("YOUR_API_KEY", secret)],
        capture_output=True,
        timeout=60,
        check=True,
        text=True,
    )
    answer = ast.literal_eval(done.stdout)
    assert (answer["label"], str(Prediction.objects.get().pk)) == ("above", answer["id"])
