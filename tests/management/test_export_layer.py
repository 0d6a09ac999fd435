"""``manage export_layer`` and ``manage deploy --layer``: the next file gets what the one before was given."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction

from predictions.errors import InvalidSignature
from predictions.models import Job, ModelVersion, Source
from predictions.repository import Stored
from predictions.selectors import ml_models
from predictions.services import builds, sealing
from predictions.signature.fields import Choice, Output, Signature
from predictions.signature.layer_plain import applied, plain_of
from predictions.signature.layer_yaml import read, written
from predictions.values import Actor, BuildRequest
from tests.support import insurance

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


def found_in_the_file() -> Signature:
    """What a build finds: numbers by name, and nothing of what they mean."""
    signature = insurance.signature().for_runtime()
    return Signature(
        task="regression", inputs=signature.inputs, outputs=(Output(name="charge", kind="number"),)
    )


def sealed(root: User, *, name: str = "Charge", found: Signature | None = None, **wish: Any) -> ModelVersion:
    source = Source.objects.create(filename="a.joblib", key="sources/00/" + "0" * 32, size=1, sha256="0" * 64)
    built = sealing.Built(
        signature=found or found_in_the_file(),
        runtime="onnx",
        plan={},
        artifact=Stored("artifacts/00/" + "0" * 32, "0" * 64, 1),
        file_format="joblib",
        report={},
        libraries={},
        metrics=[],
    )
    with transaction.atomic():
        return sealing.seal(
            built=built,
            source=source,
            request=BuildRequest(name=name, **wish),
            actor=Actor(user_id=root.pk, is_staff=True, is_superuser=True),
        )


def exported(*arguments: Any) -> str:
    out = io.StringIO()
    call_command("export_layer", *map(str, arguments), stdout=out)
    return out.getvalue()


def signature_of(version: ModelVersion) -> Signature:
    assert version.current_revision is not None
    return Signature.from_document(version.current_revision.document)


def test_what_was_edited_goes_to_the_next_file(root: User, tmp_path: Path) -> None:
    text = exported_layer()
    first = sealed(root, layer=text)
    assert signature_of(first) == insurance.signature()
    path = tmp_path / "layer.yaml"
    said = exported("charge", "-o", path)
    assert f"--layer {path}" in said
    again = sealed(root, name="Another", layer=path.read_text())
    assert signature_of(again) == insurance.signature()
    assert exported("another").splitlines()[3:] == path.read_text().splitlines()[3:]


def exported_layer() -> str:
    return written(plain_of(insurance.signature(), found_in_the_file()))


def test_an_earlier_version_keeps_what_it_had(root: User) -> None:
    sealed(root, layer=exported_layer())
    second = sealed(root)
    assert signature_of(second) == insurance.signature()
    assert second.report["signature"] == found_in_the_file().to_document()
    sealed(root, layer="fields:\n  age: {label: Years}\n")
    assert read(exported("Charge", "--version-number", 2)) == plain_of(
        insurance.signature(), found_in_the_file()
    )
    third = read(exported("Charge", "--version-number", 3))
    assert third["fields"]["age"]["label"] == "Years"
    assert applied(found_in_the_file(), third).layer == insurance.signature().layer


def test_a_layer_that_no_longer_fits_is_told(root: User) -> None:
    sealed(root, layer=exported_layer())
    signature = found_in_the_file()
    fewer = Signature(task="regression", inputs=signature.inputs[:-1], outputs=signature.outputs)
    version = sealed(root, found=fewer)
    assert signature_of(version) == fewer
    note = "The layer of the version before was not kept: the columns differ in weekend."
    assert version.current_revision.changes == [note]
    assert version.report["notes"] == [note]


def test_a_layer_with_a_mistake_leaves_no_version(root: User) -> None:
    with pytest.raises(InvalidSignature, match="no field or column"):
        sealed(root, layer="columns:\n  age: agee * 2\n")
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [(["nobody"], "There is no ML model"), (["charge", "--version-number", "7"], "no such version")],
)
def test_what_is_not_there_is_said(root: User, arguments: list[str], part: str) -> None:
    sealed(root)
    with pytest.raises(CommandError, match=part):
        exported(*arguments)


def test_a_file_that_cannot_be_written_is_said(root: User, tmp_path: Path) -> None:
    sealed(root)
    with pytest.raises(CommandError, match="cannot be written"):
        exported("charge", "-o", tmp_path / "none" / "layer.yaml")


def deployed(file: Path, layer: Path) -> None:
    call_command("deploy", str(file), "--name", "Sum", "--layer", str(layer), stdout=io.StringIO())


def test_deploy_takes_a_layer_along(root: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, layer = tmp_path / "a.joblib", tmp_path / "layer.yaml"
    file.write_bytes(b"some bytes")
    layer.write_text("fields:\n  age: {label: Alter 🎂}\n", encoding="utf-8")

    def followed(command: Any, job: Job) -> Job:
        raise CommandError("seen")

    monkeypatch.setattr("predictions.management.commands.deploy.Command._follow", followed)
    with pytest.raises(CommandError, match="seen"):
        deployed(file, layer)
    assert builds.request_of(Job.objects.get()).layer == layer.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "part"),
    [("a: [", "The layer file, line"), ("- 1", "by name")],
)
def test_deploy_refuses_an_unreadable_layer_at_once(root: User, tmp_path: Path, text: str, part: str) -> None:
    file, layer = tmp_path / "a.joblib", tmp_path / "layer.yaml"
    file.write_bytes(b"some bytes")
    layer.write_text(text)
    with pytest.raises(CommandError, match=part):
        deployed(file, layer)
    with pytest.raises(CommandError, match="There is no file"):
        deployed(file, tmp_path / "none.yaml")
    assert not Job.objects.exists()


def test_a_version_that_lost_its_layer_does_not_go_live(root: User) -> None:
    first = sealed(root, layer=exported_layer(), go_live=True)
    found = found_in_the_file()
    fewer = Signature(task="regression", inputs=found.inputs[:-1], outputs=found.outputs)
    sealed(root, found=fewer, go_live=True)
    assert ml_models.live_version(first.ml_model) == first
    third = sealed(root, go_live=True)
    assert signature_of(third) == insurance.signature()
    assert ml_models.live_version(first.ml_model) == third


def test_words_for_numbers_are_kept_with_the_next_file(root: User) -> None:
    sealed(root, layer="value_maps: {smoker: {'yes': 1, 'no': 0}}\n")
    field = signature_of(sealed(root)).input("smoker")
    assert field.choices == (Choice(1, "yes"), Choice(0, "no"))
