"""Finding the Pythons of a machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from predictions.environments import interpreters
from predictions.environments.interpreters import candidates, found_among, own


def fake(path: Path, says: str) -> Path:
    """A program that answers like a Python."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    interpreters.installed.cache_clear()
    interpreters._version_of.cache_clear()


def test_the_sites_own_comes_first_and_is_not_that_of_its_environment() -> None:
    first = own()
    assert first.version == sys.version_info[:3]
    assert not str(first.path).startswith(sys.prefix)
    assert found_among([])[0] == first


def test_each_minor_version_once_the_newest_patch_of_it(tmp_path: Path) -> None:
    older = fake(tmp_path / "a", "echo 3 8 1 cpython")
    newer = fake(tmp_path / "b", "echo 3 8 18 cpython")
    found = found_among([older, newer, older])
    assert [(one.named, one.path) for one in found[1:]] == [("3.8", newer)]


def test_what_is_no_cpython_or_does_not_start_is_passed_over(tmp_path: Path) -> None:
    broken = [
        fake(tmp_path / "pypy", "echo 3 8 18 pypy"),
        fake(tmp_path / "old", "echo 2 7 18 cpython"),
        fake(tmp_path / "fails", "echo 3 8 18 cpython; exit 1"),
        fake(tmp_path / "talks", "echo hello"),
        tmp_path / "missing",
    ]
    not_allowed = fake(tmp_path / "closed", "echo 3 8 18 cpython")
    not_allowed.chmod(0o644)
    assert len(found_among([*broken, not_allowed])) == 1


def test_a_second_python_of_the_sites_own_version_does_not_replace_it(tmp_path: Path) -> None:
    version = " ".join(str(part) for part in (*sys.version_info[:2], 99))
    twin = fake(tmp_path / "twin", f"echo {version} cpython")
    assert found_among([twin]) == (own(),)


def test_path_pyenv_and_uv_are_looked_through_and_shims_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = fake(tmp_path / "bin" / "python3.9", "echo 3 9 5 cpython")
    shim = fake(tmp_path / "shims" / "python3.8", "sleep 5")
    pyenv = fake(tmp_path / ".pyenv" / "versions" / "3.8.18" / "bin" / "python3", "echo 3 8 18 cpython")
    by_uv = fake(
        tmp_path / ".local" / "share" / "uv" / "python" / "cpython-3.10" / "bin" / "python3",
        "echo 3 10 2 cpython",
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{shim.parent}:{on_path.parent}")
    found = candidates()
    assert {on_path, pyenv, by_uv} <= set(found)
    assert shim not in found


def test_the_settings_may_name_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "candidates", list)
    more = fake(tmp_path / "python", "echo 3 7 16 cpython")
    assert [one.named for one in interpreters.installed((str(more),))] == [own().named, "3.7"]
