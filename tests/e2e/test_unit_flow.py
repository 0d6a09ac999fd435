"""Files that belong together, brought by the upload page: chosen at once or one after the other, listed, left out again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from predictions.models import Job, Source
from tests import factories
from tests.e2e.conftest import LAYOUTS
from tests.e2e.pages import fill, press_ask, sign_in, too_wide

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

DROP = """async ([text, name]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name));
    document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def house_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A model on scaled columns, its scaler, and rows, each in a file of its own."""
    folder = tmp_path_factory.mktemp("houses")
    random = np.random.default_rng(2)
    table = pd.DataFrame({"rooms": random.integers(1, 9, 90), "area": random.normal(90, 20, 90).round(1)})
    scaler = StandardScaler().fit(table)
    model = LinearRegression().fit(scaler.transform(table), table["rooms"] * 5 + table["area"] * 2)
    joblib.dump(model, folder / "houses.pkl")
    joblib.dump(scaler, folder / "scaler.pkl")
    table.to_csv(folder / "rows.csv", index=False)
    return folder / "houses.pkl", folder / "scaler.pkl", folder / "rows.csv"


def _chosen(page: Page) -> list[str]:
    return page.locator(".chosen-name").all_inner_texts()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_model_its_scaler_and_rows_become_one_form(
    site: str, new_page: Any, house_files: tuple[Path, Path, Path], layout: tuple[int, bool]
) -> None:
    width, javascript = layout
    page = new_page(width=width, javascript=javascript)
    sign_in(page, site, factories.user(is_staff=True))
    page.goto(f"{site}/bring/")
    box = page.get_by_label("Files", exact=True)
    if javascript:
        for file in house_files:
            box.set_input_files(file)
        assert _chosen(page) == ["houses.pkl", "scaler.pkl", "rows.csv"]
        assert page.locator(".chosen-role").all_inner_texts() == [
            "model or transformer",
            "model or transformer",
            "typical rows",
        ]
    else:
        box.set_input_files(list(house_files))
        expect(page.locator(".chosen")).to_be_hidden()
    assert too_wide(page) == []
    page.get_by_role("textbox", name="Name", exact=True).fill("Houses")
    page.get_by_label("Go live as soon as it is built").check()
    page.get_by_role("button", name="Upload and build").click()
    page.wait_for_url("**/jobs/*/")
    chain = page.get_by_role("region", name="Put together")
    expect(chain).to_be_visible(timeout=120_000)
    expect(chain.locator(".link-what")).to_have_text(["StandardScaler", "LinearRegression"])
    expect(chain.locator(".link-where")).to_have_text(["scaler.pkl", "houses.pkl"])
    expect(page.locator(".page-head")).to_contain_text("rows.csv")
    assert too_wide(page) == []
    page.goto(f"{site}/m/houses/")
    fill(page, rooms="4", area="80.5")
    expect(press_ask(page)).to_have_text(re.compile("181"))


def test_files_are_added_dropped_and_left_out(
    site: str, new_page: Any, house_files: tuple[Path, Path, Path]
) -> None:
    model, scaler, _rows = house_files
    page = new_page()
    sign_in(page, site, factories.user(is_staff=True))
    page.goto(f"{site}/bring/")
    box = page.get_by_label("Files", exact=True)
    box.set_input_files(model)
    box.set_input_files([model, scaler])
    assert _chosen(page) == ["houses.pkl", "scaler.pkl"]
    page.evaluate(DROP, ['["rooms", "area"]', "columns.json"])
    page.evaluate(DROP, ["", "<b>empty</b>.csv"])
    assert _chosen(page) == ["houses.pkl", "scaler.pkl", "columns.json", "<b>empty</b>.csv"]
    assert page.locator(".chosen-size").all_inner_texts()[-2:] == ["17 byte", "empty"]
    page.get_by_role("button", name="Leave out: <b>empty</b>.csv").click()
    expect(page.get_by_role("button", name="Leave out: columns.json")).to_be_focused()
    page.get_by_role("button", name="Leave out: houses.pkl").click()
    assert _chosen(page) == ["scaler.pkl", "columns.json"]
    page.get_by_role("textbox", name="Name", exact=True).fill("Parts")
    page.get_by_role("button", name="Upload and build").click()
    page.wait_for_url("**/jobs/*/")
    source = Source.objects.get()
    assert [source.filename, *source.files.values_list("filename", flat=True)] == [
        "scaler.pkl",
        "columns.json",
    ]
    expect(page.get_by_role("alert")).to_contain_text("nothing that predicts", timeout=60_000)
    assert Job.objects.get().error_code == "no_predict"
