"""What commands beside the site know of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy_site import local


def test_commands_name_the_port_the_site_was_last_started_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "")
    assert local.last_port(tmp_path) == "8000"
    local.note_port(8123, tmp_path)
    assert os.environ["PORT"] == "8123"
    assert local.last_port(tmp_path) == "8123"
