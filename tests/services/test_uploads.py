"""Taking in files: whole, from those who may, under names that do no harm."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from predictions import repository
from predictions.errors import BadModelFile, NotAllowed, TooLarge
from predictions.models import Source, SourceFile
from predictions.services import sources, uploads
from predictions.services.sorting import Upload
from predictions.values import Actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Actor:
    return Actor(user_id=User.objects.create_user("owner", is_staff=True).pk, is_staff=True)


def nothing_is_left(folder: Path) -> bool:
    return not Source.objects.exists() and not [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_stored_unchanged_with_its_checksum(staff: Actor, artifacts_dir: Path) -> None:
    source = uploads.receive(actor=staff, stream=io.BytesIO(b"model"), filename="a.joblib", declared_size=5)
    source.refresh_from_db()
    assert (source.filename, source.size) == ("a.joblib", 5)
    assert source.sha256 == hashlib.sha256(b"model").hexdigest()
    assert source.uploaded_by_id == staff.user_id
    assert source.format == Source.Format.UNKNOWN
    assert repository.read_verified(source.key, source.sha256) == b"model"


def test_a_sample_is_stored_beside_it(staff: Actor, artifacts_dir: Path) -> None:
    source = uploads.receive(
        actor=staff,
        stream=io.BytesIO(b"model"),
        filename="a.joblib",
        sample_stream=io.BytesIO(b"x\n1\n"),
        sample_filename="C:\\data\\rows.csv",
    )
    assert source.sample_filename == "rows.csv"
    with repository.local_copy(source.sample_key, None) as path:
        assert path.read_bytes() == b"x\n1\n"


@pytest.mark.parametrize("actor", [Actor(), Actor(user_id=1), Actor(api_key_id=1)])
def test_only_staff_may_bring_files(actor: Actor, artifacts_dir: Path) -> None:
    with pytest.raises(NotAllowed):
        uploads.receive(actor=actor, stream=io.BytesIO(b"model"), filename="a.joblib")
    assert nothing_is_left(artifacts_dir)


def test_an_empty_file_is_refused(staff: Actor, artifacts_dir: Path) -> None:
    with pytest.raises(BadModelFile) as caught:
        uploads.receive(actor=staff, stream=io.BytesIO(b""), filename="a.joblib")
    assert caught.value.code == "empty"
    assert nothing_is_left(artifacts_dir)


def test_an_upload_that_stopped_early_is_refused(staff: Actor, artifacts_dir: Path) -> None:
    with pytest.raises(BadModelFile, match="5 of 1,000 bytes") as caught:
        uploads.receive(actor=staff, stream=io.BytesIO(b"model"), filename="a.joblib", declared_size=1000)
    assert caught.value.code == "truncated_upload"
    assert nothing_is_left(artifacts_dir)


def test_two_gigabytes_are_refused_before_they_are_read(
    staff: Actor, artifacts_dir: Path, settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 500_000_000
    stream = io.BytesIO(b"model")
    with pytest.raises(TooLarge, match="500 MB") as caught:
        uploads.receive(actor=staff, stream=stream, filename="a.joblib", declared_size=2 << 30)
    assert caught.value.code == "file_too_large"
    assert stream.tell() == 0
    assert nothing_is_left(artifacts_dir)


def test_more_bytes_than_promised_and_allowed_are_refused(
    staff: Actor, artifacts_dir: Path, settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 2_000_000
    with pytest.raises(TooLarge):
        uploads.receive(
            actor=staff, stream=io.BytesIO(bytes(3_000_000)), filename="a.joblib", declared_size=10
        )
    assert nothing_is_left(artifacts_dir)


def test_a_bad_sample_takes_the_file_with_it(staff: Actor, artifacts_dir: Path) -> None:
    with pytest.raises(BadModelFile) as caught:
        uploads.receive(
            actor=staff, stream=io.BytesIO(b"model"), filename="a.joblib", sample_stream=io.BytesIO(b"")
        )
    assert caught.value.code == "empty_sample"
    assert nothing_is_left(artifacts_dir)


def test_a_failing_row_leaves_no_bytes(artifacts_dir: Path) -> None:
    nobody = Actor(user_id=None, is_superuser=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Source.objects, "create", _fail)
        with pytest.raises(RuntimeError):
            uploads.receive(actor=nobody, stream=io.BytesIO(b"model"), filename="a.joblib")
    assert nothing_is_left(artifacts_dir)


def _fail(**columns: object) -> Source:
    raise RuntimeError


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("model.joblib", "model.joblib"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\model.pkl", "model.pkl"),
        ("/", "model"),
        ("", "model"),
        ("..", "model"),
        ("a\x00b\nc\r.pkl", "abc.pkl"),
        ("Kredit 🏦 größer.joblib", "Kredit 🏦 größer.joblib"),
        ("模型.onnx", "模型.onnx"),
        ("gnp.\u202ebilboj", "gnp.bilboj"),
        ("bad\ud800.pkl", "bad.pkl"),
        ("x" * 400 + ".joblib", "x" * 248 + ".joblib"),
        ("x" * 400, "x" * 255),
        ("'; drop table--.pkl", "'; drop table--.pkl"),
    ],
)
def test_names_of_files_are_made_harmless(sent: str, kept: str) -> None:
    assert uploads.clean_filename(sent) == kept


def test_files_that_belong_together_are_one_source_with_their_rows(staff: Actor, artifacts_dir: Path) -> None:
    more = [Upload(io.BytesIO(b"x\n1\n"), "rows.csv"), Upload(io.BytesIO(b"\x80scaler"), "dir/scaler.pkl", 7)]
    source = uploads.receive(actor=staff, stream=io.BytesIO(b'["x"]'), filename="names.json", more=more)
    found: list[Source | SourceFile] = [source, *source.files.all()]
    assert [(one.filename, one.size) for one in found] == [("scaler.pkl", 7), ("names.json", 5)]
    assert [repository.read_verified(one.key, one.sha256) for one in found] == [b"\x80scaler", b'["x"]']
    assert source.sample_filename == "rows.csv"
    sources.forget(source)
    assert not [path for path in artifacts_dir.rglob("*") if path.is_file()]
    assert {one.key for one in Source.objects.get().files.all()} == {""}


@pytest.mark.parametrize("declared", [True, False])
def test_files_are_together_no_larger_than_one_may_be(
    staff: Actor, artifacts_dir: Path, settings: Settings, declared: bool
) -> None:
    settings.MAX_UPLOAD_BYTES = 2_000_000
    size = 1_500_000
    more = [Upload(io.BytesIO(bytes(size)), "b.pkl", size if declared else None)]
    with pytest.raises(TooLarge, match="together larger than the 2 MB") as caught:
        uploads.receive(actor=staff, stream=io.BytesIO(bytes(size)), filename="a.pkl", more=more)
    assert caught.value.code == "file_too_large"
    assert nothing_is_left(artifacts_dir)


@pytest.mark.parametrize(
    ("upload", "code", "words"),
    [
        (Upload(io.BytesIO(b""), "b.pkl"), "empty", r"^b\.pkl is empty"),
        (Upload(io.BytesIO(b""), "b.csv"), "empty_sample", "sample file is empty"),
        (Upload(io.BytesIO(b"\x80b"), "b.pkl", 90), "truncated_upload", "2 of 90 bytes"),
        (Upload(io.BytesIO(b"a\n1\n"), "b.csv", 90), "truncated_upload", "4 of 90 bytes"),
    ],
)
def test_one_bad_file_of_several_takes_the_others_with_it(
    staff: Actor, artifacts_dir: Path, upload: Upload, code: str, words: str
) -> None:
    upload.stream.seek(0)
    with pytest.raises(BadModelFile, match=words) as caught:
        uploads.receive(actor=staff, stream=io.BytesIO(b"\x80model"), filename="a.pkl", more=[upload])
    assert caught.value.code == code
    assert nothing_is_left(artifacts_dir)


def test_more_files_than_make_sense_are_refused(staff: Actor, artifacts_dir: Path) -> None:
    more = [Upload(io.BytesIO(b"\x80m"), f"{number}.pkl") for number in range(uploads.MOST_FILES)]
    with pytest.raises(TooLarge, match=f"{uploads.MOST_FILES + 1} files") as caught:
        uploads.receive(actor=staff, stream=io.BytesIO(b"\x80model"), filename="a.pkl", more=more)
    assert caught.value.code == "too_many_files"
    assert nothing_is_left(artifacts_dir)
