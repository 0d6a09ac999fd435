"""The end of a build: everything it made becomes rows in one transaction, or nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from predictions.errors import NotProven
from predictions.models import Environment, MLModel, ModelVersion, SignatureRevision, Source
from predictions.repository import Stored
from predictions.selectors.signatures import BUILT_SIGNATURE
from predictions.services import deployments, naming
from predictions.services.carrying import carried
from predictions.signature import layer_plain, layer_yaml
from predictions.signature.editing import apply_edits, changes_between
from predictions.signature.fields import Signature
from predictions.values import Actor, BuildRequest

LAYER_LOST = "layer_lost"
"""In the report of a version whose columns the layer of the version before does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build made, checked. ``artifact`` says where its bytes are stored."""

    signature: Signature
    runtime: str
    plan: Mapping[str, Any] | None
    artifact: Stored
    file_format: str
    report: Mapping[str, Any]
    libraries: Mapping[str, Any]
    metrics: list[Any]
    environment: Environment | None = None


def seal(
    *, built: Built, source: Source, request: BuildRequest, actor: Actor, slug: str = ""
) -> ModelVersion:
    """Write ml_model (new or the one of that name), version, first signature revision and, when asked, go live.

    A version that failed its proof is sealed but does not go live: that takes a reason, which nobody gave yet. Nor does one
    that could not keep the layer of the version before: it would answer something else to the same people.

    Call it inside a transaction. Two builds of one name get consecutive numbers: the ml_model's row is locked.
    Raises NotAllowed for another owner's ml_model, InvalidSignature for edits that do not fit.
    """
    ml_model = _locked_ml_model(request, actor, slug)
    if request.description.strip() and request.description.strip() != ml_model.description:
        ml_model.description = request.description.strip()
        ml_model.save(update_fields=["description"])
    newest = ml_model.versions.aggregate(number=Max("number"))["number"] or 0
    edited, notes = _edited(built.signature, _handing_down(ml_model), request)
    source.ml_model = ml_model
    source.format = built.file_format
    source.save(update_fields=["ml_model", "format"])
    version = ModelVersion.objects.create(
        ml_model=ml_model,
        number=newest + 1,
        source=source,
        runtime=built.runtime,
        artifact_key=built.artifact.key,
        artifact_sha256=built.artifact.sha256,
        artifact_size=built.artifact.size,
        environment=built.environment,
        plan=built.plan,
        report=_report(built, edited, notes),
        libraries=built.libraries,
        metrics=built.metrics,
        created_by_id=actor.user_id,
    )
    version.current_revision = SignatureRevision.objects.create(
        version=version,
        number=1,
        document=edited.to_document(),
        changes=[*notes, *changes_between(built.signature, edited)],
        created_by_id=actor.user_id,
    )
    version.save(update_fields=["current_revision"])
    if request.go_live and not notes:
        with suppress(NotProven):
            deployments.go_live(version=version, actor=actor)
    return version


def _handing_down(ml_model: MLModel) -> ModelVersion | None:
    """The newest version, but none that lost what it was handed down itself and that nobody edited since."""
    for version in ml_model.versions.select_related("current_revision").order_by("-number"):
        revision = version.current_revision
        if revision is not None and not (version.report.get(LAYER_LOST) and revision.number == 1):
            return version
    return None


def _edited(
    built: Signature, before: ModelVersion | None, request: BuildRequest
) -> tuple[Signature, list[str]]:
    """The signature with what the version before hands down and what was asked for; what could not be handed down."""
    signature = built
    notes: list[str] = []
    if before is not None and before.current_revision is not None:
        signature, notes = carried(Signature.from_document(before.current_revision.document), built)
    if request.layer:
        signature = layer_plain.applied(signature, layer_yaml.read(request.layer), built)
        notes = []
    return (apply_edits(signature, request.signature_edits) if request.signature_edits else signature), notes


def _report(built: Built, edited: Signature, notes: list[str]) -> dict[str, Any]:
    """The report of the build; with the signature as it was found where the first revision is another."""
    report = dict(built.report)
    if notes:
        report |= {"notes": [*report.get("notes", []), *notes], LAYER_LOST: True}
    if edited != built.signature:
        report[BUILT_SIGNATURE] = built.signature.to_document()
    return report


def _locked_ml_model(request: BuildRequest, actor: Actor, slug: str) -> MLModel:
    for candidate in (slug,) if slug else naming.slugs_for(request.name):
        found = MLModel.objects.filter(slug=slug).first() if slug else naming.find(request.name)
        if found is None:
            found = _created(request, actor, candidate)
        if found is None:
            # Somebody made one of that slug just now: of the same name, then it is found; else the next slug is tried.
            found = MLModel.objects.filter(slug=slug).first() if slug else naming.find(request.name)
        if found is not None:
            locked = MLModel.objects.select_for_update().get(pk=found.pk)
            naming.require_owner(actor=actor, ml_model=locked)
            return locked
    raise AssertionError("the second slug of a name belongs to that name alone")


def _created(request: BuildRequest, actor: Actor, slug: str) -> MLModel | None:
    try:
        with transaction.atomic():
            return MLModel.objects.create(
                slug=slug,
                name=request.name.strip(),
                description=request.description.strip(),
                visibility=request.visibility,
                owner_id=actor.user_id,
                is_default=request.is_default and not MLModel.objects.filter(is_default=True).exists(),
                card=dict(request.card),
            )
    except IntegrityError:
        return None
