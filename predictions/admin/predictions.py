"""The review desk: recorded answers to look at, judge and take along; never to change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from predictions.admin import cells, exports, verdicts
from predictions.admin.base import ReadOnlyAdmin
from predictions.admin.change_list import PredictionChangeList
from predictions.admin.http import may_review
from predictions.errors import DeskError
from predictions.models import MLModel, Prediction
from predictions.selectors import predictions, review_queue
from predictions.selectors.review_queue import Queue
from predictions.services import reviews


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    """Answers, newest first or least certain first, with verdicts beside them."""

    list_display = (
        "answered",
        "ml_model_version",
        "answer",
        "probability",
        "asked",
        "with_warnings",
        "verdict",
    )
    list_display_links = ("answered",)
    sortable_by = ()
    list_select_related = False
    list_disable_select_all = True
    actions = ("confirm_selected", "overrule_selected", "export_selected")
    change_list_template = "admin/predictions/prediction/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses, a verdict, and the whole list as CSV."""
        wrap = self.admin_site.admin_view
        own = [
            path("export/", wrap(self.export_view), name="predictions_prediction_export"),
            path("<path:object_id>/verdict/", wrap(self.verdict_view), name="predictions_prediction_verdict"),
        ]
        return own + super().get_urls()  # type: ignore[no-any-return]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        """Every answer with its verdict."""
        return predictions.visible_to(self.actor(request))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PredictionChangeList]:
        """A list that reads the queue from the address."""
        return PredictionChangeList

    def has_review_permission(self, request: HttpRequest) -> bool:
        """For actions: may this account judge?"""
        return may_review(request)

    # --- List ---------------------------------------------------------------------------------------------

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; a whole id goes straight to its answer."""
        if request.method == "GET" and (found := self._whole_id(request)):
            return HttpResponseRedirect(reverse("admin:predictions_prediction_change", args=(found,)))
        context = {"title": _("Review"), "may_judge": may_review(request), **(extra_context or {})}
        return super().changelist_view(request, context)  # type: ignore[no-any-return]

    def _whole_id(self, request: HttpRequest) -> UUID | None:
        ids = review_queue.Queue.parse(request.GET).id_range
        if ids is None or ids[0] != ids[1] or not self.has_view_permission(request):
            return None
        return ids[0] if self.get_queryset(request).filter(pk=ids[0]).exists() else None

    @admin.display(description=gettext_lazy("answered"))
    def answered(self, row: Prediction) -> SafeString | str:
        """When."""
        return cells.moment(row.created_at)

    @admin.display(description=gettext_lazy("ML model"))
    def ml_model_version(self, row: Prediction) -> str:
        """Which version of what answered."""
        return f"{row.ml_model.name} v{row.version.number}"

    @admin.display(description=gettext_lazy("answer"))
    def answer(self, row: Prediction) -> SafeString:
        """What it said."""
        return cells.answer(row)

    @admin.display(description=gettext_lazy("probability"))
    def probability(self, row: Prediction) -> SafeString:
        """How sure it was."""
        return cells.probability(row)

    @admin.display(description=gettext_lazy("asked by"))
    def asked(self, row: Prediction) -> SafeString:
        """Who asked, and how."""
        return cells.asked(row)

    @admin.display(description=gettext_lazy("warnings"))
    def with_warnings(self, row: Any) -> SafeString:
        """Whether warnings came with it."""
        return cells.warning_badge(row.has_warnings)

    @admin.display(description=gettext_lazy("verdict"))
    def verdict(self, row: Any) -> SafeString:
        """What the newest review says."""
        return cells.verdict_badge(row.verdict)

    # --- Actions ------------------------------------------------------------------------------------------

    def response_action(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> Any:
        """Act on the rows that were ticked, looked up by id: a verdict may have moved them out of the filter."""
        chosen = [
            found for text in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME) if (found := _uuid(text))
        ]
        post = request.POST.copy()
        post.setlist(helpers.ACTION_CHECKBOX_NAME, [str(found) for found in chosen[: self.list_per_page]])
        # Verdicts are for what the reviewer has seen, so "all pages" does not exist here.
        post["select_across"] = "0"
        request.POST = post  # type: ignore[assignment]
        return super().response_action(request, self.get_queryset(request))

    @admin.action(description=gettext_lazy("Confirm"), permissions=["review"])
    def confirm_selected(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        """Say of each that it stands."""
        given = reviews.confirm(predictions=list(queryset), actor=self.actor(request))
        self._say_how_many(request, len(given), overruled=False)

    @admin.action(description=gettext_lazy("Overrule with reason"), permissions=["review"])
    def overrule_selected(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> HttpResponse | None:
        """Ask for the reason, then say of each that it was wrong."""
        chosen = list(queryset)
        form = verdicts.OverruleForm.for_rows(chosen, request.POST if "apply" in request.POST else None)
        if form.is_bound and form.is_valid():
            try:
                given = reviews.overrule(predictions=chosen, actor=self.actor(request), **form.cleaned_data)
            except DeskError as error:
                form.add_error(None, error.message)
            else:
                self._say_how_many(request, len(given), overruled=True)
                return None
        context = {
            "title": _("Overrule answers"),
            "form": form,
            "chosen": chosen,
            "action_name": "overrule_selected",
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "back": request.get_full_path(),
        }
        status = 422 if form.is_bound else 200
        return self.render_page(request, "admin/predictions/prediction/overrule.html", context, status)

    @admin.action(description=gettext_lazy("Export CSV"), permissions=["view"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> HttpResponseBase:
        """The ticked rows as a spreadsheet."""
        chosen = queryset.order_by("-pk").values_list("pk", "ml_model_id")
        ids, ml_models = [pk for pk, _ml_model in chosen], {ml_model for _pk, ml_model in chosen}
        return exports.csv_response([ids], "answers.csv", ml_models.pop() if len(ml_models) == 1 else None)

    def _say_how_many(self, request: HttpRequest, count: int, *, overruled: bool) -> None:
        if overruled:
            text = ngettext("%(count)s answer overruled.", "%(count)s answers overruled.", count)
        else:
            text = ngettext("%(count)s answer confirmed.", "%(count)s answers confirmed.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Everything the list's filters find, as a spreadsheet."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        queue = Queue.parse(request.GET)
        pieces = review_queue.pieces(queue, exports.CHUNK_ROWS)
        ml_model = MLModel.objects.filter(slug=queue.ml_model).first() if queue.ml_model else None
        return exports.csv_response(pieces, exports.file_name(queue), ml_model.pk if ml_model else None)

    # --- One answer ---------------------------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One answer as one would read it, with the verdict to give. Nothing is changed from here."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        prediction = self._found(request, object_id)
        if prediction is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        return self._page(request, prediction, verdicts.OverruleForm.for_rows([prediction]))

    def verdict_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take a verdict and go on to the next answer without one."""
        if not may_review(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        prediction = self._found(request, object_id)
        if prediction is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        form = verdicts.OverruleForm.for_rows([prediction], request.POST)
        try:
            done = verdicts.give(prediction, form, request.POST.get("verdict", ""), self.actor(request))
        except DeskError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
            done = ""
        if not done:
            return self._page(request, prediction, form, status=422)
        return self._after_verdict(request, prediction, done)

    def _found(self, request: HttpRequest, object_id: str) -> Prediction | None:
        pk = _uuid(object_id)
        if pk is None:
            return None
        related = ("ml_model", "version", "revision", "user", "api_key")
        return self.get_queryset(request).select_related(*related).filter(pk=pk).first()

    def _page(
        self, request: HttpRequest, prediction: Prediction, form: verdicts.OverruleForm, status: int = 200
    ) -> HttpResponse:
        context = verdicts.page_context(prediction, form, _queue(request), may_judge=may_review(request))
        context["original"] = prediction
        return self.render_page(request, "admin/predictions/prediction/change_form.html", context, status)

    def _after_verdict(self, request: HttpRequest, prediction: Prediction, done: str) -> HttpResponse:
        self.message_user(request, done, messages.SUCCESS)
        queue = _queue(request)
        stays = "stay" in request.POST
        onward = prediction.pk if stays else review_queue.next_to_review(queue, prediction)
        if onward is not None:
            return HttpResponseRedirect(verdicts.page_address(onward, queue))
        self.message_user(request, _("Nothing is left to review in this list."), messages.INFO)
        return HttpResponseRedirect(verdicts.list_address(queue))


def _queue(request: HttpRequest) -> Queue:
    """The list the reader came from, as the theme carries it along."""
    return Queue.parse(QueryDict(request.GET.get("_changelist_filters", "")))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
