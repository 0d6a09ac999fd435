"""Archives that were made to trick: none writes outside its folder, follows a link or fills the disk."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from predictions.errors import BadModelFile
from predictions.ml.packs import Bounds, kind_of, unpack, visible
from tests.ml.mlflow_folders import tarred, zipped

PLAIN = {"folder/a.txt": b"first", "folder/inner/b.txt": b"second", "c": b""}


def refused(path: Path, folder: Path, bounds: Bounds | None = None) -> BadModelFile:
    folder.mkdir(exist_ok=True)
    with pytest.raises(BadModelFile) as caught:
        unpack(path, folder, bounds or Bounds())
    return caught.value


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_every_ordinary_file_comes_out(mode: str, tmp_path: Path) -> None:
    path = zipped(PLAIN, tmp_path / "p") if mode == "zip" else tarred(PLAIN, tmp_path / "p", mode)
    (tmp_path / "out").mkdir()
    found = unpack(path, tmp_path / "out")
    assert {name: file.read_bytes() for name, file in found.items()} == PLAIN
    assert kind_of(path) == ("zip" if mode == "zip" else "tar")


def test_what_systems_leave_behind_is_not_seen() -> None:
    names = ["a", "__MACOSX/a", ".git/config", "b/.DS_Store", "b/__pycache__/c.pyc", "b/c"]
    assert visible(dict.fromkeys(names, Path())) == ("a", "b/c")


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "/etc/out.txt", "a/../../out.txt", "..\\out.txt", "c:out.txt", "a//b", "a\nb", "a\u202eb", "x" * 300, "/".join("a" * 600)],
)  # fmt: skip
def test_no_name_leads_out(name: str, tmp_path: Path) -> None:
    files = {name: b"x", "fine.txt": b"x"}
    assert refused(zipped(files, tmp_path / "p.zip"), tmp_path / "deep1").code == "bad_archive"
    assert refused(tarred(files, tmp_path / "p.tar"), tmp_path / "deep2").code == "bad_archive"
    assert not list(tmp_path.rglob("*out.txt"))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "p", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert refused(tmp_path / "p", tmp_path / "out").code == "bad_archive"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(kind: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "p", "w:gz") as archive:
        info = tarfile.TarInfo("thing")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    assert refused(tmp_path / "p", tmp_path / "out").code == "bad_archive"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_cannot_be_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "folder").symlink_to(outside)
    (tmp_path / "out" / "file").symlink_to(outside / "made")
    with pytest.raises(BadModelFile):
        unpack(zipped({"file": b"x"}, tmp_path / "p"), tmp_path / "out")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_run_of_zeros_is_a_bomb(make: object, tmp_path: Path) -> None:
    path = make({"model.pkl": b"\0" * (80 << 20)}, tmp_path / "p")  # type: ignore[operator]
    assert path.stat().st_size < 1 << 20
    assert refused(path, tmp_path / "out").code == "decompression_bomb"


def test_many_small_bombs_are_added_up(tmp_path: Path) -> None:
    path = zipped({f"part{number}": b"\0" * (1 << 20) for number in range(100)}, tmp_path / "p")
    assert refused(path, tmp_path / "out").code == "decompression_bomb"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_size_that_is_a_lie_writes_no_more_than_it_says(tmp_path: Path) -> None:
    path = zipped({"a": b"x" * 5000}, tmp_path / "p")
    data = bytearray(path.read_bytes())
    for place in (data.find(b"PK\x01\x02") + 24, 22):
        data[place : place + 4] = struct.pack("<I", 10)
    path.write_bytes(data)
    assert refused(path, tmp_path / "out").code in ("truncated", "bad_archive")
    assert sum(file.stat().st_size for file in (tmp_path / "out").rglob("*") if file.is_file()) <= 10


def test_a_hundred_thousand_entries_are_not_even_listed(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    begun = time.process_time()
    error = refused(path, tmp_path / "out")
    assert (error.code, time.process_time() - begun < 0.5) == ("bad_archive", True)
    assert "5,000" in error.message


@pytest.mark.parametrize("make", [zipped, tarred])
def test_the_bound_on_entries_counts(make: object, tmp_path: Path) -> None:
    path = make({str(number): b"" for number in range(30)}, tmp_path / "p")  # type: ignore[operator]
    assert refused(path, tmp_path / "out", Bounds(entries=29)).code == "bad_archive"


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p", "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", "2")
    assert refused(tmp_path / "p", tmp_path / "out").code == "bad_archive"
    path = tarred({"a": b"1", "a/b": b"2"}, tmp_path / "t")
    assert refused(path, tmp_path / "out2").code == "bad_archive"


def test_a_password_is_asked_away(tmp_path: Path) -> None:
    path = zipped({"a": b"x"}, tmp_path / "p")
    data = bytearray(path.read_bytes())
    for place in (data.find(b"PK\x01\x02") + 8, 6):
        data[place] |= 1
    path.write_bytes(data)
    error = refused(path, tmp_path / "out")
    assert (error.code, "password" in error.message) == ("bad_archive", True)


def test_a_cut_archive_says_so(tmp_path: Path) -> None:
    noise = bytes(range(256)) * 4000
    for number, mode in enumerate(("w", "w:gz")):
        whole = tarred({"a": noise, "b": noise}, tmp_path / "whole", mode).read_bytes()
        (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
        assert refused(tmp_path / "cut", tmp_path / f"out{number}").code == "truncated"


def test_a_damaged_member_says_so(tmp_path: Path) -> None:
    path = zipped({"a": bytes(range(256)) * 40}, tmp_path / "p", compression=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[5000] ^= 0xFF
    path.write_bytes(data)
    assert refused(path, tmp_path / "out").code == "truncated"


def test_an_empty_zip_holds_nothing(tmp_path: Path) -> None:
    stream = io.BytesIO()
    zipfile.ZipFile(stream, "w").close()
    (tmp_path / "p").write_bytes(stream.getvalue())
    (tmp_path / "out").mkdir()
    assert (kind_of(tmp_path / "p"), unpack(tmp_path / "p", tmp_path / "out")) == ("zip", {})
