"""A browser in front of the site, real workers behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deploy_site.supervisor import Supervisor
from tests.support.sites import Site, running_site

MAX_UPLOAD_BYTES = 12_000_000

LAYOUTS = [
    pytest.param((1280, True), id="wide"),
    pytest.param((1280, False), id="wide-without-javascript"),
    pytest.param((360, True), id="narrow"),
    pytest.param((360, False), id="narrow-without-javascript"),
]


@pytest.fixture
def site(live_server: LiveServer, worker: Supervisor) -> str:
    """The address of the site, with workers running."""
    return live_server.url


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Any]:
    """Opens a page in a browser session of its own; fails the test when a page reports an error of its script."""
    contexts, faults = [], []

    def make(*, width: int = 1280, javascript: bool = True, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="session")
def loan_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A pipeline with categories as people save it, and the CSV they trained on."""
    folder = tmp_path_factory.mktemp("loan")
    table = pd.DataFrame(
        {
            "amount": [1000.0, 2500.0, 800.0, 6000.0, 4200.0, 300.0, 7000.0, 1500.0] * 10,
            "purpose": ["car", "car", "radio", "house", "house", "radio", "house", "car"] * 10,
            "paid_back": [1, 1, 1, 0, 0, 1, 0, 1] * 10,
        }
    )
    columns = make_column_transformer(
        (StandardScaler(), ["amount"]), (OneHotEncoder(handle_unknown="ignore"), ["purpose"])
    )
    estimator = make_pipeline(columns, LogisticRegression())
    estimator.fit(table[["amount", "purpose"]], table["paid_back"])
    joblib.dump(estimator, folder / "loan.joblib")
    table.to_csv(folder / "loan.csv", index=False)
    return folder / "loan.joblib", folder / "loan.csv"


@pytest.fixture(scope="session")
def own_site(run_folder: Path) -> Iterator[Site]:
    """A site of its own with small limits, for tests that stop parts of it and bring files nobody should."""
    limits = {
        "MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
        "SANDBOX_CPU_SECONDS": "10",
        "SANDBOX_WALL_SECONDS": "60",
        "SANDBOX_MEMORY_BYTES": str(2 << 30),
        "PREDICT_DEADLINE_SECONDS": "3",
        "JOB_STALE_SECONDS": "6",
    }
    with running_site(run_folder / "site", **limits) as site:
        yield site
