"""Own code beside a model file: who may bring it, what is written down, and that only its own version runs it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User

from predictions import repository
from predictions.errors import BadModelFile, DeskError, NotAllowed, TooLarge
from predictions.models import Job, Source
from predictions.sandbox import NativeServer
from predictions.selectors import ml_models
from predictions.services import builds, code_packages, inference, jobs, sources, uploads
from predictions.services.code_packages import CodeFile
from predictions.signature.fields import Signature
from predictions.values import Actor, BuildRequest
from tests.ml.estimators import IRIS
from tests.ml.mlflow_folders import folder_of, zipped
from tests.support.own_code import WHEEL, file_of, package_of

pytestmark = pytest.mark.django_db
PACKAGE = package_of(WHEEL)


@pytest.fixture
def admin() -> Actor:
    return Actor(user_id=User.objects.create_superuser("root").pk, is_staff=True, is_superuser=True)


def staff(*codenames: str) -> Actor:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return Actor(user_id=user.pk, is_staff=True)


def received(actor: Actor, package: bytes = PACKAGE, main_module: str = "", data: bytes = b"model") -> Source:
    code = CodeFile(stream=io.BytesIO(package), filename="../feat\u202eures.whl", main_module=main_module)
    return uploads.receive(actor=actor, stream=io.BytesIO(data), filename="m.pkl", code=code)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_admin_and_whoever_is_permitted_may_bring_code(admin: Actor, artifacts_dir: Path) -> None:
    source = received(admin, main_module="features.steps")
    assert (source.code_filename, source.code_main_module) == ("features.whl", "features.steps")
    assert source.code_allowed_by_id == admin.user_id
    assert repository.read_verified(source.code_key, source.code_sha256) == PACKAGE
    permitted = staff("add_code_package")
    assert received(permitted).code_allowed_by_id == permitted.user_id
    assert "allowed by root" in code_packages.sentence(source)


def test_nobody_else_may_and_nothing_is_kept(artifacts_dir: Path) -> None:
    for actor in (staff("add_mlmodel", "add_source"), Actor(), Actor(user_id=10**6, is_staff=True)):
        assert not ml_models.may_bring_code(actor)
        with pytest.raises(NotAllowed):
            received(actor)
    closed = User.objects.create_superuser("closed", is_active=False)
    assert not ml_models.may_bring_code(Actor(user_id=closed.pk, is_staff=True))
    assert (files_in(artifacts_dir), Source.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("package", "module", "code"),
    [(b"", "", "empty_code"), (PACKAGE, "no module", "bad_main_module"), (PACKAGE, "a/../b", "bad_main_module"), (b"x" * 2000, "", "file_too_large")],
)  # fmt: skip
def test_what_is_no_package_is_refused(
    package: bytes, module: str, code: str, admin: Actor, artifacts_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_packages, "MAX_BYTES", 1500)
    with pytest.raises((BadModelFile, TooLarge)) as caught:
        received(admin, package, module)
    error: DeskError = caught.value
    assert error.code == code
    assert (files_in(artifacts_dir), Source.objects.count()) == ([], 0)


def test_a_build_that_failed_lets_go_of_the_code(admin: Actor, artifacts_dir: Path) -> None:
    source = received(admin)
    sources.forget(source)
    assert (files_in(artifacts_dir), Source.objects.get().code_key) == ([], "")
    assert Source.objects.get().code_sha256 == source.code_sha256


def test_a_version_answers_with_its_own_code(admin: Actor, artifacts_dir: Path) -> None:
    data, expected = file_of("features.steps")
    source = received(admin, data=data)
    request = BuildRequest(name="Own", go_live=True)
    job = jobs.create(kind=Job.Kind.BUILD, name="Own", request=request, source=source, actor=admin)
    builds.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.error_message) == ("succeeded", "")
    version = job.version
    assert version is not None
    assert version.runtime == "native"
    assert "allowed by root" in version.report["notes"][0]
    assert any("allowed by root" in str(line) for line in job.log)
    server = inference._load(version.pk)
    assert isinstance(server, NativeServer)
    try:
        assert [answer.class_index for answer in server.predict(IRIS.tolist())] == expected
    finally:
        server.close()


def test_a_model_in_an_archive_answers_from_the_file_inside(
    admin: Actor, artifacts_dir: Path, tmp_path: Path
) -> None:
    data, expected = file_of("features.steps")
    columns = [{"type": "double", "name": name} for name in ("sl", "sw", "pl", "pw")]
    folder = {**folder_of(None, {"data": [[5.1, 3.5, 1.4, 0.2]]}, columns=columns), "model/model.pkl": data}
    packed = zipped(folder, tmp_path / "folder.zip").read_bytes()
    source = received(admin, data=packed)
    job = jobs.create(
        kind=Job.Kind.BUILD, name="In", request=BuildRequest(name="In"), source=source, actor=admin
    )
    builds.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.error_message) == ("succeeded", "")
    version = job.version
    assert version is not None
    assert (version.runtime, version.artifact_key != version.source.key) == ("native", True)
    assert repository.read_verified(version.artifact_key, version.artifact_sha256) == data
    assert repository.read_verified(version.source.key, version.source.sha256) == packed
    assert version.report["scan"]["archive"]["model"] == "model/model.pkl"
    assert any("model.pkl was taken as the model" in note for note in version.report["notes"])
    signature = Signature.from_document(version.current_revision.document)
    assert signature.names == ("sl", "sw", "pl", "pw")
    server = inference._load(version.pk)
    try:
        assert [answer.class_index for answer in server.predict(IRIS.tolist())] == expected
    finally:
        server.close()


def test_the_same_file_without_code_is_refused_by_name(admin: Actor, artifacts_dir: Path) -> None:
    source = uploads.receive(actor=admin, stream=io.BytesIO(file_of("features.steps")[0]), filename="m.pkl")
    job = jobs.create(
        kind=Job.Kind.BUILD, name="Own", request=BuildRequest(name="Own"), source=source, actor=admin
    )
    builds.run(job.pk)
    job.refresh_from_db()
    assert job.status == "failed"
    assert "features.steps.Twice" in job.error_message
