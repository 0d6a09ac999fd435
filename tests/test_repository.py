"""Artifact bytes: whole or not there at all, private, and checked when read."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from django.core.files.storage import storages
from pytest_django.fixtures import Settings

from predictions import repository
from predictions.errors import TooLarge
from predictions.repository import DamagedArtifact, Stored


def stored(content: bytes = b"bytes of a file") -> Stored:
    return repository.store(io.BytesIO(content), kind="sources", max_bytes=1 << 20)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_stored_is_read_again(artifacts_dir: Path) -> None:
    where = stored(b"content")
    assert (where.size, where.sha256) == (7, hashlib.sha256(b"content").hexdigest())
    assert repository.read_verified(where.key, where.sha256) == b"content"
    with repository.local_copy(where.key, where.sha256) as path:
        assert path.read_bytes() == b"content"
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()


def test_each_storing_gets_its_own_key(artifacts_dir: Path) -> None:
    assert stored().key != stored().key


def test_stored_files_and_folders_are_private(artifacts_dir: Path) -> None:
    path = artifacts_dir / stored().key
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700


def test_too_many_bytes_are_refused_and_nothing_is_left(artifacts_dir: Path) -> None:
    with pytest.raises(TooLarge, match="2 MB") as caught:
        repository.store(io.BytesIO(bytes(3_000_000)), kind="sources", max_bytes=2_000_000)
    assert caught.value.code == "file_too_large"
    assert files_in(artifacts_dir) == []


def test_a_stream_that_breaks_leaves_nothing(artifacts_dir: Path) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise ConnectionResetError
            return super().read(10)

    with pytest.raises(ConnectionResetError):
        repository.store(Breaking(bytes(100)), kind="sources", max_bytes=1 << 20)
    assert files_in(artifacts_dir) == []


def test_exactly_the_limit_is_accepted(artifacts_dir: Path) -> None:
    assert repository.store(io.BytesIO(bytes(100)), kind="samples", max_bytes=100).size == 100


def test_changed_bytes_are_not_given_out(artifacts_dir: Path) -> None:
    where = stored()
    (artifacts_dir / where.key).write_bytes(b"other bytes")
    with pytest.raises(DamagedArtifact) as caught:
        repository.read_verified(where.key, where.sha256)
    assert caught.value.code == "artifact_damaged"
    with pytest.raises(DamagedArtifact), repository.local_copy(where.key, where.sha256):
        pass


def test_missing_bytes_are_a_clear_error(artifacts_dir: Path) -> None:
    where = stored()
    repository.delete(where.key)
    with pytest.raises(DamagedArtifact):
        repository.read_verified(where.key, where.sha256)


def test_deleting_twice_or_nothing_does_no_harm(artifacts_dir: Path) -> None:
    where = stored()
    repository.delete(where.key)
    repository.delete(where.key)
    repository.delete("")
    assert files_in(artifacts_dir) == []


@pytest.mark.parametrize("key", ["../secret_key", "/etc/passwd", "sources/../../x", "sources/ab/name.joblib"])
def test_only_keys_of_our_own_making_are_read_or_deleted(artifacts_dir: Path, key: str) -> None:
    with pytest.raises(DamagedArtifact):
        repository.read_verified(key, "0" * 64)
    with pytest.raises(DamagedArtifact):
        repository.delete(key)


def test_a_storage_that_is_no_folder_works_too(settings: Settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    where = stored(b"content")
    assert storages["default"].exists(where.key)
    assert repository.read_verified(where.key, where.sha256) == b"content"
    with repository.local_copy(where.key, where.sha256) as path:
        assert path.read_bytes() == b"content"
    repository.delete(where.key)
    assert not storages["default"].exists(where.key)
