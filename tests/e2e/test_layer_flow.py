"""What the author's app did around an ml_model, said on the fields' page by its owner, with the answer beside it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from predictions.models import ModelVersion, Prediction
from predictions.signature.fields import Field, Output, Signature
from tests import factories
from tests.e2e.pages import sign_in, too_wide
from tests.support import insurance

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

COLUMNS = {
    "age": "",
    "smoker": '{map: smoking, values: {"yes": 1, "no": 0}}',
    "age_smoker": 'age if smoking == "yes" else 0',
    "bmi": "{standardise: raw_bmi, mean: 26, deviation: 5.5}",
    "bmi_class": "{bins: raw_bmi, edges: [null, 18.5, 25, null], results: [0, 1, 2], right_closed: false}",
    "region_south": "{one_hot: region, equals: south}",
    "region_west": "{one_hot: region, equals: west}",
    "weekend": "weekday(since) >= 5",
}
FIELDS = {
    "smoking": ("choice", "yes\nno"),
    "height": ("number", ""),
    "weight": ("number", ""),
    "region": ("choice", "north\nsouth\nwest"),
    "since": ("text", ""),
}


@pytest.fixture
def owner() -> Any:
    return factories.user(is_staff=True)


@pytest.fixture
def version(owner: Any) -> ModelVersion:
    fields = tuple(Field(name=name, kind="number", example=1.0) for name in insurance.COLUMNS)
    built = Signature(task="regression", inputs=fields, outputs=(Output(name="charge", kind="number"),))
    return factories.version(
        signature=built,
        onnx=insurance.onnx(),
        plan=insurance.plan(),
        owner=owner,
        slug="charge",
        name="Charge",
    )


def say_fields(page: Page, names: list[str]) -> None:
    """Two rows are there at a time; saving brings the next two."""
    for index, name in enumerate(names):
        kind, choices = FIELDS[name]
        page.locator(f"#new-{index}-name").fill(name)
        page.locator(f"#new-{index}-kind").select_option(kind)
        page.locator(f"#new-{index}-choices").fill(choices)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save as a new revision").click()
    expect(page.locator(".messages")).to_contain_text("Saved as signature revision")


@pytest.mark.parametrize(
    ("width", "javascript", "dark"),
    [(1280, True, False), (1280, True, True), (360, True, False), (360, False, False)],
    ids=["wide", "wide-dark", "narrow", "narrow-without-javascript"],
)
def test_an_owner_says_what_the_authors_app_did(
    site: str, new_page: Any, owner: Any, version: ModelVersion, width: int, javascript: bool, dark: bool
) -> None:
    page = new_page(width=width, javascript=javascript, dark=dark)
    sign_in(page, site, owner)
    page.goto(f"{site}/m/charge/versions/1/fields/")
    assert too_wide(page) == []
    names = list(FIELDS)
    for some in (names[:2], names[2:4], names[4:]):
        say_fields(page, some)
        save(page)
    for index, name in enumerate(insurance.COLUMNS):
        box = page.locator(f"#col-{index}")
        if not box.is_visible():
            page.locator("details:has(#col-0) > summary").click()
        box.fill(COLUMNS[name])
    page.locator("details:has(#der-0-name) > summary").click()
    page.locator("#der-0-name").fill("raw_bmi")
    page.locator("#der-0-rule").fill("weight / height ** 2")
    page.locator("#out-0-transform").select_option("expm1")
    page.locator("#out-0-factor").fill("0.8")
    if javascript:
        expect(page.locator("#preview")).to_contain_text("cannot be worked out")
    save(page)
    version.refresh_from_db()
    signature = Signature.from_document(version.current_revision.document)
    assert set(signature.names) == {"age", *FIELDS}
    for name, example in (("height", "1.7"), ("weight", "60.5"), ("since", "2024-05-04")):
        place = signature.names.index(name)
        page.locator(f"details:has(#in-{place}-label) > summary").click()
        page.locator(f"#in-{place}-example").fill(example)
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(page.locator("#preview")).to_contain_text("Answer to the example, stored nowhere")
    expect(page.locator("#preview")).to_contain_text("The model itself says")
    assert too_wide(page) == []
    assert not Prediction.objects.exists()
    save(page)
    page.goto(f"{site}/m/charge/")
    case = insurance.CASES[0]
    for name in ("age", "height", "weight"):
        page.get_by_role("textbox", name=name, exact=True).fill(str(case[name]))
    page.get_by_role("textbox", name="since", exact=True).fill(case["since"])
    page.get_by_role("group", name="smoking").get_by_label(case["smoker"]).check()
    page.get_by_role("group", name="region").get_by_label(case["region"]).check()
    page.get_by_role("button", name="Get the answer").click()
    expect(page.locator("#answer .value")).to_be_visible()
    row = Prediction.objects.get()
    assert row.outputs["value"] == pytest.approx(insurance.authors_answer(case), rel=1e-9)
    assert too_wide(page) == []
