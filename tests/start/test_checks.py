"""System checks speak before a visitor does."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from predictions import checks


def test_a_folder_that_can_be_made_is_fine(settings: Settings, tmp_path: Path) -> None:
    settings.ARTIFACTS_DIR = tmp_path / "not" / "yet"
    assert checks.artifacts_can_be_written(None) == []


def test_a_file_in_the_place_of_the_folder_is_not(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    settings.ARTIFACTS_DIR = tmp_path / "taken"
    [error] = checks.artifacts_can_be_written(None)
    assert "ARTIFACTS_DIR" in str(error.hint)


@pytest.mark.parametrize("rate", ["", "120", "many/min", "120/fortnight", "-1/min"])
def test_a_rate_that_is_none_is_named(settings: Settings, rate: str) -> None:
    assert checks.throttle_rates_can_be_read(None) == []
    settings.THROTTLE_USER = rate
    [error] = checks.throttle_rates_can_be_read(None)
    assert "THROTTLE_USER" in error.msg


def test_a_token_or_port_for_metrics_that_is_none_is_named(settings: Settings) -> None:
    assert checks.metrics_can_be_guarded(None) == []
    settings.METRICS_TOKEN, settings.METRICS_PORT = "short", 70_000
    assert [error.id for error in checks.metrics_can_be_guarded(None)] == [
        "predictions.E003",
        "predictions.E004",
    ]
