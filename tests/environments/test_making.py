"""Environments on disk, made by the real uv: once, shared, whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import uv

from predictions.environments import EnvironmentFailed, Maker, MakingStopped, Recipe, making
from predictions.environments.interpreters import own
from predictions.environments.making import STAMP, checksum_of
from predictions.environments.tools import Uv, explained, kept
from predictions.errors import BadModelFile

SMALL = Recipe(own(), ("msgpack>=1",), "0.0")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("environments")


@pytest.fixture(scope="module")
def maker(home: Path) -> Maker:
    return Maker(home, uv=uv.find_uv_bin(), seconds=120)


@pytest.fixture
def broken_uv(tmp_path: Path) -> Callable[[str], Maker]:
    """A maker whose uv does what a line of shell says."""

    def make(line: str, **more: float) -> Maker:
        program = tmp_path / "uv"
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
        return Maker(tmp_path / "home", uv=str(program), **more)  # type: ignore[arg-type]

    return make


def test_it_is_made_of_the_recipe_and_found_again(maker: Maker, home: Path) -> None:
    said: list[str] = []
    first = maker.ensure(SMALL, say=said.append)
    assert len(said) == 1
    assert said[0].startswith("Making an environment with scikit-learn 0.0 on Python 3.")
    assert first.lock.startswith("msgpack==")
    assert subprocess.run([first.python, "-c", "import msgpack"], cwd=home).returncode == 0
    assert maker.size_of(first.checksum) > 10_000
    again = maker.ensure(SMALL, say=said.append)
    assert (again.checksum, again.made, len(said)) == (first.checksum, False, 1)
    assert maker.find(first.checksum) == first.python


def test_two_recipes_with_one_lock_share_one_environment(maker: Maker) -> None:
    other = replace(SMALL, requirements=("msgpack>=1.0",))
    assert other.key != SMALL.key
    assert maker.ensure(other).checksum == maker.ensure(SMALL).checksum


def test_the_same_lock_on_another_python_is_another_environment() -> None:
    assert checksum_of("msgpack==1", "3.11") != checksum_of("msgpack==1", "3.12")


def test_many_who_want_it_at_once_make_it_once(tmp_path: Path) -> None:
    """Makers of their own, as several workers have."""
    found: list[bool] = []

    def want() -> None:
        found.append(Maker(tmp_path, uv=uv.find_uv_bin(), seconds=120).ensure(SMALL).made)

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, False, False, True]
    assert len(list((tmp_path / "envs").iterdir())) == 1


def test_what_was_removed_comes_back_the_same(maker: Maker) -> None:
    first = maker.ensure(SMALL)
    maker.remove(first.checksum)
    assert maker.find(first.checksum) is None
    assert not first.folder.exists()
    maker.remove(first.checksum)
    again = maker.from_lock(first.lock, SMALL.interpreter, "0.0")
    assert (again.checksum, again.lock) == (first.checksum, first.lock)
    assert again.python.exists()


def test_half_an_environment_is_none_and_is_made_anew(maker: Maker) -> None:
    first = maker.ensure(SMALL)
    (first.folder / STAMP).unlink()
    (first.folder / "bin" / "python").unlink()
    assert maker.find(first.checksum) is None
    again = maker.ensure(SMALL)
    assert again.made
    assert again.python.exists()


def test_strangers_may_read_all_of_it(maker: Maker) -> None:
    folder = maker.ensure(SMALL).folder
    closed = []
    for inside, folders, files in os.walk(folder):
        for name in (*folders, *files):
            mode = Path(inside, name).lstat().st_mode
            wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
            if mode & wanted != wanted:
                closed.append(name)
    assert closed == []


def test_modules_are_compiled_beforehand(maker: Maker) -> None:
    folder = maker.ensure(SMALL).folder
    assert list(folder.rglob("msgpack/__pycache__/fallback.*.pyc"))


def test_what_does_not_start_is_told_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As lightgbm does where the system lacks the library for threads that its wheels expect."""
    monkeypatch.setattr(making, "modules_of", lambda lock: ["msgpack", "a_module_that_lacks"])
    with pytest.raises(EnvironmentFailed, match="do not start on this machine"):
        Maker(tmp_path, uv=uv.find_uv_bin(), seconds=120).ensure(SMALL)
    assert "a_module_that_lacks" in caplog.text
    assert not list(tmp_path.rglob(STAMP))


def test_what_the_confined_process_loads_is_tried() -> None:
    lock = "imbalanced-learn==0.12.0\nmsgpack==1.0.0 ; python_version > '3'\nscikit-learn==1.3.2\nsix==1.0\n"
    assert making.modules_of(lock) == ["sys", "sklearn", "msgpack", "imblearn"]


def test_a_release_that_is_not_there_is_the_files_trouble(maker: Maker) -> None:
    with pytest.raises(BadModelFile) as caught:
        maker.ensure(replace(SMALL, requirements=("msgpack==77.7",)))
    assert caught.value.code == "environment_impossible"
    assert "ONNX" in caught.value.message


def test_nothing_is_built_from_source(maker: Maker) -> None:
    """An sdist runs its author's code where it is built: only wheels are taken."""
    with pytest.raises(BadModelFile) as caught:
        maker.ensure(replace(SMALL, requirements=("scikit-learn==0.13",)))
    assert caught.value.code == "environment_impossible"


def test_without_the_index_the_operator_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    offline = Maker(tmp_path / "home", uv=uv.find_uv_bin(), is_offline=True)
    with pytest.raises(EnvironmentFailed, match="manage prepare_environments"):
        offline.ensure(SMALL)
    assert not list((tmp_path / "home").rglob(STAMP))


def test_an_index_that_does_not_answer_is_told_from_one_without_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(EnvironmentFailed, match="does not answer"):
        Maker(tmp_path / "home", uv=uv.find_uv_bin()).ensure(SMALL)


def test_what_takes_too_long_is_ended(broken_uv: Callable[..., Maker]) -> None:
    begun = time.monotonic()
    with pytest.raises(EnvironmentFailed, match="too long"):
        broken_uv("sleep 60", seconds=0.3).ensure(SMALL)
    assert time.monotonic() - begun < 20


def test_who_does_not_want_it_any_more_does_not_wait(broken_uv: Callable[..., Maker]) -> None:
    begun = time.monotonic()
    with pytest.raises(MakingStopped):
        broken_uv("sleep 60").ensure(SMALL, should_stop=lambda: True)
    assert time.monotonic() - begun < 20


def test_a_failure_leaves_nothing_and_no_word_of_uv(
    broken_uv: Callable[..., Maker], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(EnvironmentFailed) as caught:
        broken_uv("echo no room left on /secret/device >&2; exit 2").ensure(SMALL)
    assert "secret" not in caught.value.message
    assert "no room left" in caplog.text
    assert not list((tmp_path / "home").rglob("envs/*"))


def test_uv_is_told_how_to_reach_the_index_and_no_secret_of_the_site() -> None:
    groups: list[dict[str, str]] = [
        {"UV_INDEX_URL": "a", "UV_DEFAULT_INDEX": "b", "UV_INDEX_MINE_PASSWORD": "c", "HTTPS_PROXY": "d"},
        {"DATABASE_URL": "e", "SECRET_KEY": "f", "VIRTUAL_ENV": "g", "UV_PYTHON": "h", "PYTHONPATH": "i"},
        {"HOME": "j", "UV_CACHE_DIR": "k", "UV_CONSTRAINT": "l"},
    ]
    variables = dict(item for group in groups for item in group.items())
    assert set(kept(variables).values()) == set("abcdjk")


def test_an_account_without_a_home_keeps_what_was_fetched_beside_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = tmp_path / "file"
    nowhere.touch()
    for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    variables = {}
    for home in (nowhere / "home", tmp_path):
        monkeypatch.setenv("HOME", str(home))
        made = Uv("uv", spare_cache=tmp_path / "spare")
        variables[home] = made._variables.get("UV_CACHE_DIR")
    assert variables == {nowhere / "home": str(tmp_path / "spare"), tmp_path: None}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("error: Failed to fetch: `https://index.example/simple/numpy/`", "environment_failed"),
        (
            "Because numpy==1 has no wheels with a matching Python ABI tag, No solution found",
            "environment_impossible",
        ),
        ("error: No space left on device", "environment_failed"),
    ],
)
def test_what_uv_says_becomes_one_sentence_and_a_code(said: str, code: str) -> None:
    error = explained(said)
    assert error.code == code
    assert "index.example" not in error.message
