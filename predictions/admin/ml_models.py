"""ML models: what they say of themselves, which version answers, and bringing a new one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from predictions import dispatch
from predictions.admin import cells, reports
from predictions.admin.base import DeskAdmin
from predictions.admin.bring import BringForm
from predictions.admin.http import site_address
from predictions.errors import DeskError, TryLater
from predictions.models import Deployment, MLModel, ModelVersion
from predictions.selectors import desk, ml_models, proofs
from predictions.selectors.desk import RECENT_CAP, Counted
from predictions.services import deployments
from predictions.services import ml_models as ml_model_services
from predictions.services.sorting import Upload, chain_of
from predictions.values import BuildRequest


@admin.register(MLModel)
class MLModelAdmin(DeskAdmin):
    """Owners edit what theirs say of themselves; versions come from builds, never from here."""

    list_display = ("name", "live", "visible_to", "recent_answers", "owned_by", "created")
    list_select_related = ("owner",)
    search_fields = ("name", "slug")
    search_help_text = gettext_lazy("Name")
    ordering = ("name",)
    sortable_by = ("name",)
    fields = ("name", "description", "visibility")
    actions = None
    change_list_template = "admin/predictions/mlmodel/change_list.html"
    change_form_outer_after_template = "admin/predictions/mlmodel/versions.html"

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses, and the two things that are done to an ml_model as a whole."""
        wrap = self.admin_site.admin_view
        own = [
            path("<path:object_id>/go-live/", wrap(self.go_live_view), name="predictions_mlmodel_go_live"),
            path(
                "<path:object_id>/take-down/", wrap(self.take_down_view), name="predictions_mlmodel_take_down"
            ),
        ]
        return own + super().get_urls()  # type: ignore[no-any-return]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MLModel]:
        """Visible ones with their live version and recent use."""
        return desk.ml_models_with_use(self.actor(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may bring a file."""
        return super().has_add_permission(request) and ml_models.may_bring(self.actor(request))

    def has_change_permission(self, request: HttpRequest, obj: MLModel | None = None) -> bool:
        """The owner and superusers, when they hold Django's permission too."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or ml_models.may_manage(self.actor(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: MLModel | None = None) -> bool:
        """Never: its answers are history. It can be taken down or made private."""
        return False

    # --- List ---------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("live"))
    def live(self, row: Any) -> SafeString:
        """Which version answers."""
        if row.live_number is None:
            return cells.badge(_("not live"), "warn")
        return cells.badge(f"v{row.live_number}", "good")

    @admin.display(description=gettext_lazy("visible to"))
    def visible_to(self, row: MLModel) -> str:
        """Who may use it."""
        return str(MLModel.Visibility(row.visibility).label)

    @admin.display(description=gettext_lazy("answers in 7 days"))
    def recent_answers(self, row: Any) -> SafeString:
        """How much it is used, counted no further than needed."""
        address = f"{reverse('admin:predictions_prediction_changelist')}?ml_model={row.slug}&verdict=any"
        return format_html('<a href="{}">{}</a>', address, Counted(row.recent, RECENT_CAP))

    @admin.display(description=gettext_lazy("owner"))
    def owned_by(self, row: MLModel) -> str:
        """Whose it is."""
        return row.owner.get_username() if row.owner else cells.NOTHING

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, row: MLModel) -> SafeString | str:
        """Since when."""
        return cells.moment(row.created_at)

    # --- Bring a file -------------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A file becomes an ml_model, or the next version of one: through a build, which is followed from here."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form, status = BringForm(initial={"name": request.GET.get("name", "")}), 200
        if request.method == "POST":
            form, status = BringForm(request.POST, request.FILES), 422
            if form.is_valid():
                try:
                    job = self._start(request, form)
                except DeskError as error:
                    form.add_error(error.field if error.field in form.fields else "file", error.message)
                    status = 503 if isinstance(error, TryLater) else 422
                else:
                    self.message_user(request, _("The file is here. Its build begins now."), messages.SUCCESS)
                    return HttpResponseRedirect(reverse("admin:predictions_job_change", args=(job.pk,)))
        context = {"title": _("Bring a model"), "form": form}
        return self.render_page(request, "admin/predictions/mlmodel/bring.html", context, status)

    def _start(self, request: HttpRequest, form: BringForm) -> Any:
        data = form.cleaned_data
        first, *more = data["file"]
        return dispatch.build(
            actor=self.actor(request),
            request=BuildRequest(
                name=data["name"],
                description=data["description"],
                go_live=data["go_live"],
                visibility=data["visibility"],
                chain=chain_of(data["chain"]),
            ),
            stream=first,
            filename=first.name,
            declared_size=first.size,
            more=[Upload(file, file.name, file.size) for file in more],
        )

    # --- One ml_model -------------------------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What it says of itself, its versions, and what was live when."""
        context = dict(extra_context or {})
        if request.method == "GET" and (found := self._found(request, object_id)):
            context |= self._context(request, found)
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """One or two sentences need no page-high box."""
        found = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "description" and found is not None:
            found.widget.attrs["rows"] = 3
        return found

    def save_model(
        self, request: HttpRequest, obj: MLModel, form: forms.ModelForm[MLModel], change: bool
    ) -> None:
        """Through the service, which knows who may; the slug stays."""
        data = {name: form.cleaned_data[name] for name in self.fields}
        ml_model_services.describe(ml_model=obj, actor=self.actor(request), **data)

    def _context(self, request: HttpRequest, ml_model: MLModel) -> dict[str, Any]:
        history = Deployment.objects.filter(ml_model=ml_model).select_related("version", "started_by")[:20]
        found = ml_models.with_checks(ml_models.versions(ml_model)).defer(
            "report", "plan", "libraries", "current_revision__document"
        )
        return {
            "show_save_and_add_another": False,
            "versions": [
                (
                    version,
                    cells.moment(version.created_at),
                    reports.metrics(version.metrics)[:1],
                    _failed(version),
                )
                for version in found
            ],
            "deployments": cells.deployments(history),
            "may_manage": self.has_change_permission(request, ml_model),
            "site_page": site_address("ml_model", ml_model.slug),
            "versions_page": site_address("versions", ml_model.slug),
        }

    def go_live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let a version answer: a newer one, or an older one again."""
        ml_model = self._managed(request, object_id)
        if isinstance(ml_model, HttpResponse):
            return ml_model
        number = request.POST.get("version", "")
        version = self._version(ml_model, number)
        if version is None:
            self.message_user(request, _("Choose one of the versions below."), messages.ERROR)
            return self._back(ml_model)
        try:
            reason = request.POST.get("reason", "")
            dispatch.go_live(version=version, actor=self.actor(request), reason=reason)
        except DeskError as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            text = _("Version %(number)s of %(name)s answers from now on.")
            self.message_user(request, text % {"number": number, "name": ml_model.name}, messages.SUCCESS)
        return self._back(ml_model)

    def take_down_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Stop answering; nothing is deleted."""
        ml_model = self._managed(request, object_id)
        if isinstance(ml_model, HttpResponse):
            return ml_model
        try:
            deployments.take_down(ml_model=ml_model, actor=self.actor(request))
        except DeskError as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            text = _("%(name)s no longer answers. Any version can go live again.")
            self.message_user(request, text % {"name": ml_model.name}, messages.SUCCESS)
        return self._back(ml_model)

    def _managed(self, request: HttpRequest, object_id: str) -> MLModel | HttpResponse:
        """The ml_model, for whoever may manage it; else the answer to give instead."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        found = self._found(request, object_id)
        if found is None:
            if not self.has_view_or_change_permission(request):
                raise PermissionDenied
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        if not self.has_change_permission(request, found):
            raise PermissionDenied
        return found

    def _found(self, request: HttpRequest, object_id: str) -> MLModel | None:
        if not object_id.isascii() or not object_id.isdigit() or len(object_id) > 18:
            return None
        return self.get_queryset(request).filter(pk=int(object_id)).first()

    def _version(self, ml_model: MLModel, number: str) -> ModelVersion | None:
        if not number.isascii() or not number.isdigit() or len(number) > 9:
            return None
        return ml_model.versions.filter(number=int(number)).first()

    def _back(self, ml_model: MLModel) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:predictions_mlmodel_change", args=(ml_model.pk,)))


def _failed(version: Any) -> str:
    """Which checks failed, in words, by the annotation ``checks``."""
    return proofs.in_words([check for check in proofs.listed(version.checks) if check.verdict == "failed"])
