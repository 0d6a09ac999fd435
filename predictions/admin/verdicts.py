"""One answer at the desk: what its page shows, and giving a verdict on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self
from uuid import UUID

from django import forms
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from predictions.admin import cases, cells
from predictions.admin.change_list import TABS
from predictions.admin.http import site_address
from predictions.errors import DeskError
from predictions.models import Prediction, Review, SignatureRevision
from predictions.selectors import predictions, review_queue
from predictions.selectors.review_queue import Queue
from predictions.services import reviews
from predictions.signature.fields import Signature
from predictions.signature.numerals import read_numeral
from predictions.values import Actor


class OverruleForm(forms.Form):
    """Why an answer is wrong, and what would have been right where that is known."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=4_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        error_messages={"required": gettext_lazy("Write why the answer is overruled.")},
    )
    outcome = forms.CharField(
        label=gettext_lazy("Right answer, if you know it"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )

    is_number = False
    given: frozenset[str] = frozenset()

    @classmethod
    def for_rows(cls, rows: Sequence[Prediction], data: Mapping[str, Any] | None = None) -> Self:
        """The form for these answers: classes to choose from, a number, or free text."""
        form = cls(data, auto_id="overrule_%s", use_required_attribute=False)
        signatures = [Signature.from_document(document) for document in _documents(rows)]
        form.given = frozenset(row.outcome for row in rows)
        names = _common_classes(signatures)
        if names:
            # With several answers at once, what is right for one may be what another said.
            wrong = form.given if len(form.given) == 1 else frozenset()
            unknown = ("", _("I do not know"))
            choices = [unknown, *((name, name) for name in names if name not in wrong)]
            form.fields["outcome"] = forms.ChoiceField(
                label=form.fields["outcome"].label,
                choices=choices,
                required=False,
                widget=UnfoldAdminSelectWidget,
            )
        elif signatures and all(signature.task == "regression" for signature in signatures):
            form.is_number = True
            form.fields["outcome"].widget.attrs["inputmode"] = "decimal"
            form.fields["outcome"].help_text = signatures[0].main_output.unit
        return form

    def clean_outcome(self) -> str:
        """The right answer: a number where a number was answered, and not the one that is overruled."""
        text = str(self.cleaned_data["outcome"]).strip()
        if text and self.is_number and read_numeral(text) is None:
            raise forms.ValidationError(_("Write the right value as a number, such as 12.5."))
        if text and self.given == {text}:
            raise forms.ValidationError(_("That is the answer that was given. Confirm it instead."))
        return text


def give(prediction: Prediction, form: OverruleForm, verdict: str, actor: Actor) -> str:
    """Store a verdict and return what to tell the reviewer; empty when the form needs a correction.

    Raises DeskError.
    """
    if verdict == Review.Verdict.CONFIRMED:
        reviews.confirm(predictions=[prediction], actor=actor)
        return _("Confirmed: %(answer)s.") % {"answer": prediction.outcome}
    if verdict != Review.Verdict.OVERRULED:
        raise DeskError(_("Choose whether to confirm or to overrule the answer."), code="verdict_missing")
    if not form.is_valid():
        return ""
    reviews.overrule(predictions=[prediction], actor=actor, **form.cleaned_data)
    return _("Overruled: %(answer)s.") % {"answer": prediction.outcome}


def page_context(prediction: Any, form: OverruleForm, queue: Queue, *, may_judge: bool) -> dict[str, Any]:
    """What the page of one answer shows."""
    signature = Signature.from_document(prediction.revision.document)
    before = review_queue.neighbor(queue, prediction, forward=False)
    after = review_queue.neighbor(queue, prediction, forward=True)
    return {
        "title": _("Answer"),
        "prediction": prediction,
        "signature": signature,
        "answer": cases.answer_text(signature, prediction.outputs, prediction.outcome),
        "bars": cases.bars(signature, prediction.outputs),
        "outputs": cases.named_outputs(signature, prediction.outputs),
        "groups": cases.input_groups(signature, prediction.inputs, prediction.warnings),
        "drawing": cases.drawing_rows(signature, prediction.inputs),
        "asker": cells.asker(prediction),
        "answered": cells.moment(prediction.created_at),
        "verdict_badge": cells.verdict_badge(prediction.verdict),
        "reviews": [(item, cells.moment(item.created_at)) for item in predictions.reviews(prediction)],
        "form": form,
        "may_judge": may_judge,
        "verdict_address": _with_queue(
            reverse("admin:predictions_prediction_verdict", args=(prediction.pk,)), queue
        ),
        "site_page": site_address("prediction", prediction.pk),
        "queue_title": queue_title(queue),
        "queue_address": list_address(queue),
        "before": page_address(before, queue) if before else "",
        "after": page_address(after, queue) if after else "",
    }


def queue_title(queue: Queue) -> str:
    """What the list is called that the reviewer works through."""
    for title, aim in TABS:
        if aim == queue:
            return str(title)
    return _("Filtered list")


def list_address(queue: Queue) -> str:
    """Back to the list."""
    address = reverse("admin:predictions_prediction_changelist")
    return f"{address}?{urlencode(queue.params)}" if queue.params else address


def page_address(pk: UUID, queue: Queue) -> str:
    """The page of one answer, with the way back."""
    return _with_queue(reverse("admin:predictions_prediction_change", args=(pk,)), queue)


def _with_queue(address: str, queue: Queue) -> str:
    if not queue.params:
        return address
    return f"{address}?{urlencode({'_changelist_filters': urlencode(queue.params)})}"


def _documents(rows: Sequence[Prediction]) -> list[Any]:
    revisions = {row.revision_id for row in rows}
    loaded = SignatureRevision.objects.filter(pk__in=revisions)
    return list(loaded.values_list("document", flat=True))


def _common_classes(signatures: Sequence[Signature]) -> list[str]:
    """The classes that every one of the signatures answers with, in the first one's order."""
    if not signatures:
        return []
    names = [cases.class_names(signature) for signature in signatures]
    return [name for name in names[0] if all(name in others for others in names[1:])]
