"""One case on its way through the page of an ml_model: what is in the form, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import HttpRequest, QueryDict

from predictions import gateway, timings
from predictions.errors import (
    DeskError,
    InvalidRequest,
    InvalidRows,
    NotFound,
    RowError,
    TooManyRequests,
    TryLater,
)
from predictions.models import Prediction
from predictions.selectors import predictions
from predictions.selectors.targets import Target
from predictions.signature.fields import Signature
from predictions.signature.schema import example_row
from predictions.values import Actor
from predictions.web.form_fields import OTHER, is_compact, key_of
from predictions.web.form_texts import BOX, box_of, read_box, texts_of


@dataclass(frozen=True, slots=True)
class Case:
    """``texts`` as typed, by field name; ``box`` where the case is pasted whole; ``prediction`` once answered."""

    texts: Mapping[str, str] = field(default_factory=dict)
    box: str = ""
    errors: tuple[RowError, ...] = ()
    trouble: DeskError | None = None
    prediction: UUID | None = None

    @property
    def status(self) -> int:
        """What the page answers with."""
        if self.errors or isinstance(self.trouble, InvalidRequest):
            return 422
        if isinstance(self.trouble, TooManyRequests):
            return 429
        if isinstance(self.trouble, TryLater):
            return 503
        return 200 if self.trouble is None else 502


def submitted(request: HttpRequest, target: Target, actor: Actor) -> Case:
    """Check what the form sent and, when it is right, get the answer. Never raises for what people type."""
    timings.mark(timings.ADMIT)
    timings.about(target.slug, "form")
    case = _typed(target.signature, request.POST)
    timings.mark(timings.PARSE)
    if case.trouble:
        timings.refused(case.trouble.code)
        return case
    try:
        checked = target.validator.check_texts(case.texts)
        timings.mark(timings.VALIDATE)
        answers = gateway.answer(target=target, rows=[checked], actor=actor, face="form")
    except DeskError as error:
        timings.refused(error.code)
        if isinstance(error, InvalidRows):
            return Case(case.texts, case.box, errors=error.errors)
        return Case(case.texts, case.box, trouble=error)
    return Case(case.texts, case.box, prediction=answers[0].id)


def prefilled(request: HttpRequest, target: Target, actor: Actor) -> Case:
    """What a link to the page asks for: the example, or a recorded case (``again``, or ``prediction`` with its answer).

    A recorded case that the reader may not see is as good as none.
    """
    signature = target.signature
    wanted = request.GET.get("prediction") or request.GET.get("again")
    row = _recorded(actor, target, wanted) if wanted else None
    if row is not None:
        texts = texts_of(signature, recorded_values(row))
        shown = row.pk if request.GET.get("prediction") else None
        return Case(texts, _boxed(signature, texts), prediction=shown)
    if request.GET.get("example"):
        texts = texts_of(signature, example_row(signature))
        return Case(texts, _boxed(signature, texts))
    return Case()


def recorded_values(row: Prediction) -> dict[str, Any]:
    """The inputs of a row by name, under the revision it was answered with."""
    return dict(zip(signature_of(row).names, row.inputs, strict=False))


def signature_of(row: Prediction) -> Signature:
    """The signature a row was answered with."""
    return Signature.from_document(row.revision.document)


def _recorded(actor: Actor, target: Target, wanted: str) -> Prediction | None:
    try:
        row = predictions.get(actor, UUID(wanted))
    except (ValueError, NotFound):
        return None
    return row if row.ml_model_id == target.ml_model_id else None


def _typed(signature: Signature, posted: QueryDict) -> Case:
    if not is_compact(signature):
        texts = {
            item.name: _text_of(posted, key_of(item, index)) for index, item in enumerate(signature.inputs)
        }
        return Case(texts)
    box = posted.get(BOX, "")
    try:
        return Case(read_box(signature, box), box)
    except InvalidRequest as error:
        return Case({}, box, trouble=error)


def _text_of(posted: QueryDict, key: str) -> str:
    other = posted.get(OTHER + key, "")
    return (other if other.strip() else posted.get(key, "")).replace("\r\n", "\n")


def _boxed(signature: Signature, texts: Mapping[str, str]) -> str:
    return box_of(signature, texts) if is_compact(signature) else ""
