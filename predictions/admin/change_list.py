"""The reviewer's list: a queue read from the address, its filters as a plain form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import InvalidPage
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from predictions.admin import base
from predictions.admin.http import actor_of
from predictions.models import ModelVersion, Prediction
from predictions.selectors import ml_models, predictions, review_queue
from predictions.selectors.review_queue import Queue
from predictions.selectors.windows import Seen
from predictions.signature.fields import Signature
from predictions.values import Actor

MAX_CHOICES = 500

BANDS = [
    ("", _("Any probability")),
    ("under60", _("Under 60%")),
    ("60to80", _("60–80%")),
    ("80to95", _("80–95%")),
    ("over95", _("Over 95%")),
    ("boundary", _("Near the boundary")),
]
VERDICTS = [
    ("none", _("Not reviewed")),
    ("given", _("Reviewed")),
    ("confirmed", _("Confirmed")),
    ("overruled", _("Overruled")),
    ("any", _("Reviewed or not")),
]


@dataclass(frozen=True, slots=True)
class Tab:
    """A shortcut to a queue."""

    title: Any
    address: str
    is_active: bool


TABS: tuple[tuple[Any, Queue], ...] = (
    (_("To review"), Queue()),
    (_("Uncertain"), Queue(band="under60", order="uncertain")),
    (_("With warnings"), Queue(warnings="yes")),
    (_("Overruled"), Queue(verdict="overruled")),
    (_("All"), Queue(verdict="any")),
)


def tabs(queue: Queue) -> list[Tab]:
    """The shortcuts, for the ml_model that is looked at."""
    here = replace(queue, q="", older=None)
    aims = [(title, replace(aim, ml_model=queue.ml_model)) for title, aim in TABS]
    return [Tab(title, f"?{urlencode(aim.params)}", here == aim) for title, aim in aims]


class QueueForm(forms.Form):
    """The filters. Every one is also a part of the address, so a list can be sent to a colleague."""

    q = forms.CharField(label=_("Find"), required=False, max_length=200)
    ml_model = forms.ChoiceField(label=_("ML model"), required=False)
    verdict = forms.ChoiceField(label=_("Verdict"), required=False, choices=VERDICTS)
    band = forms.ChoiceField(label=_("Probability"), required=False, choices=BANDS)
    version = forms.ChoiceField(label=_("Version"), required=False)
    outcome = forms.CharField(label=_("Answer"), required=False, max_length=200)
    face = forms.ChoiceField(
        label=_("Through"), required=False, choices=[("", _("Any way")), *Prediction.Face.choices]
    )
    warnings = forms.ChoiceField(
        label=_("Warnings"),
        required=False,
        choices=[("", _("With or without")), ("yes", _("With warnings")), ("no", _("Without warnings"))],
    )
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    order = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[("newest", _("Newest first")), ("uncertain", _("Least certain first"))],
    )

    always_shown = ("q", "ml_model", "verdict", "band")

    def __init__(
        self, queue: Queue, ml_model_names: Iterable[tuple[str, str]], detail: MLModelDetail
    ) -> None:
        initial = {name: getattr(queue, name) for name in self.base_fields}
        super().__init__(initial=initial, auto_id="filter_%s", use_required_attribute=False)
        choose(self.fields["ml_model"], [("", _("All ML models")), *ml_model_names])
        versions = [(str(number), f"v{number}") for number in detail.versions]
        choose(self.fields["version"], [("", _("All versions")), *versions])
        if not versions and not queue.version:
            del self.fields["version"]
        elif queue.version and not versions:
            choose(self.fields["version"], [("", _("All versions")), (queue.version, f"v{queue.version}")])
        self.outcomes = detail.outcomes
        if self.outcomes:
            self.fields["outcome"].widget.attrs["list"] = "filter_outcomes"
        self.fields["q"].widget.attrs["placeholder"] = _("Id or answer")

    @property
    def main_fields(self) -> list[forms.BoundField]:
        """The filters that are always in view."""
        return [self[name] for name in self.always_shown if name in self.fields]

    @property
    def more_fields(self) -> list[forms.BoundField]:
        """The others."""
        return [self[name] for name in self.fields if name not in self.always_shown]

    @property
    def more_are_used(self) -> bool:
        """True when a filter out of view narrows the list."""
        return any(field.initial not in ("", None, "newest") for field in self.more_fields)


def choose(field: forms.Field, choices: list[tuple[str, Any]]) -> None:
    """Give a choice field its choices."""
    field.choices = choices  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class MLModelDetail:
    """What the filters offer once an ml_model is chosen."""

    versions: tuple[int, ...] = ()
    outcomes: tuple[str, ...] = ()


def ml_model_detail(slug: str) -> MLModelDetail:
    """Versions and classes of one ml_model: one query, none without a slug."""
    if not slug:
        return MLModelDetail()
    found = list(
        ModelVersion.objects.filter(ml_model__slug=slug)
        .order_by("-number")
        .values_list("number", "current_revision__document")[:MAX_CHOICES]
    )
    names: dict[str, None] = {}
    for _number, document in found[:5]:
        if document:
            classes = Signature.from_document(document).main_output.classes
            names.update(dict.fromkeys(str(item.shown) for item in classes[:MAX_CHOICES]))
    return MLModelDetail(tuple(number for number, _document in found), tuple(names))


class PredictionChangeList(ChangeList):  # type: ignore[misc]
    """A page of the queue that the address describes."""

    actor: Actor
    result_list: list[Prediction]
    queue: Queue = Queue()
    seen: Seen

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Prediction]:
        """What the list shows of an answer, without inputs and documents; ``seen`` says which ones it holds."""
        self.filter_specs: list[Any] = []
        self.has_filters = self.has_active_filters = False
        self.queue = Queue.parse(request.GET)
        self.actor = actor_of(request)
        self.seen = review_queue.look(self.queue, base.COUNT_CAP)
        return (
            predictions.for_lists(predictions.visible_to(self.actor))
            .select_related(None)
            .select_related("ml_model", "version", "user", "api_key")
            .defer("ml_model__card", "version__plan", "version__report")
            .annotate(
                unit=F("revision__document__outputs__0__unit"),
                decimals=F("revision__document__outputs__0__decimals"),
            )
        )

    def get_results(self, request: HttpRequest) -> None:
        """The rows of the page, looked up by their ids."""
        self.paginator = self.model_admin.get_paginator(request, self.seen.ids, self.list_per_page)
        try:
            ids = self.paginator.page(self.page_num).object_list
        except InvalidPage:
            raise IncorrectLookupParameters from None
        self.result_list = predictions.in_order(self.queryset.filter(pk__in=ids), ids)
        self.result_count = self.paginator.count
        self.full_result_count: int | None = None
        self.show_full_result_count = self.can_show_all = False
        self.show_admin_actions = True
        self.multi_page = self.result_count > self.list_per_page

    @property
    def filter_form(self) -> QueueForm:
        """The filters as they stand."""
        names = ml_models.visible_to(self.actor).order_by("name").values_list("slug", "name")[:MAX_CHOICES]
        return QueueForm(self.queue, names, ml_model_detail(self.queue.ml_model))

    @property
    def tabs(self) -> list[Tab]:
        """The shortcuts."""
        return tabs(self.queue)

    @property
    def query(self) -> str:
        """What was searched for."""
        return self.queue.q

    @query.setter
    def query(self, value: str) -> None:
        """The base class reads it from the address too; the queue has it already."""

    @property
    def searched_rows(self) -> int:
        """How many answers were looked through when there are more; 0 when all were."""
        return review_queue.looked_through(self.queue) if self.seen.end is not None else 0

    @property
    def searched_rows_text(self) -> str:
        """The same for reading."""
        return f"{self.searched_rows:,}"

    @property
    def is_plain_queue(self) -> bool:
        """True when nothing narrows the list but that it is still to be reviewed."""
        return replace(self.queue, order="newest") == Queue()

    @property
    def newest_address(self) -> str:
        """The same filters from the beginning."""
        return f"?{urlencode(replace(self.queue, older=None).params)}"

    @property
    def older_address(self) -> str:
        """Where the next window begins."""
        return self._address_before(self.seen.end)

    @property
    def beyond_address(self) -> str:
        """Where a list goes on whose count stopped at its cap; empty when it is in order of doubt."""
        if self.queue.order == "uncertain" or not self.result_list:
            return ""
        return self._address_before(self.result_list[-1].pk)

    def _address_before(self, row_id: UUID | None) -> str:
        just_older = None if row_id is None else UUID(int=row_id.int - 1)
        return f"?{urlencode(replace(self.queue, older=just_older).params)}"

    @property
    def queue_params(self) -> str:
        """The queue as a query part."""
        return urlencode(self.queue.params)
