"""Environments of other scikit-learn releases: what is in them, who uses them, how much room they take."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from predictions.admin import cells
from predictions.admin.base import PageAdmin
from predictions.errors import DeskError
from predictions.models import Environment
from predictions.selectors import environments, ml_models
from predictions.services import environments as environment_services


@admin.register(Environment)
class EnvironmentAdmin(PageAdmin):
    """Made by builds and by ``manage prepare_environments``; here one reads and removes them."""

    list_display = ("what", "state", "libraries", "size_on_disk", "uses", "made", "used")
    list_display_links = ("what",)
    list_filter = ("python",)
    search_fields = ("sklearn", "checksum")
    search_help_text = gettext_lazy("scikit-learn release or checksum")
    sortable_by = ()
    ordering = ("-sklearn", "-pk")
    page_template = "admin/predictions/environment/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses, and removing."""
        wrap = self.admin_site.admin_view
        own = [
            path("<path:object_id>/remove/", wrap(self.remove_view), name="predictions_environment_remove")
        ]
        return own + super().get_urls()  # type: ignore[no-any-return]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Environment]:
        """All of them; they hold nothing of anybody's."""
        return environments.all_of_them()

    @admin.display(description=gettext_lazy("environment"))
    def what(self, row: Environment) -> str:
        """scikit-learn and Python."""
        return str(row)

    @admin.display(description=gettext_lazy("on disk"))
    def state(self, row: Environment) -> SafeString:
        """Whether its files are there."""
        return state_badge(row)

    @admin.display(description=gettext_lazy("with"))
    def libraries(self, row: Environment) -> str:
        """The libraries beside scikit-learn that files asked for."""
        return ", ".join(environment_services.libraries_of(row)) or cells.NOTHING

    @admin.display(description=gettext_lazy("size"))
    def size_on_disk(self, row: Environment) -> str:
        """How much room it takes; files shared with the cache count whole."""
        return cells.NOTHING if row.removed_at else filesizeformat(row.size)

    @admin.display(description=gettext_lazy("versions"))
    def uses(self, row: Any) -> str:
        """How many versions were made in it."""
        return str(row.uses)

    @admin.display(description=gettext_lazy("made"))
    def made(self, row: Environment) -> SafeString | str:
        """When."""
        return cells.moment(row.made_at)

    @admin.display(description=gettext_lazy("last asked for"))
    def used(self, row: Environment) -> SafeString | str:
        """When a build or a runtime last wanted it."""
        return cells.moment(row.used_at)

    def page_context(self, request: HttpRequest, found: Any) -> dict[str, Any]:
        """Its packages, the versions made in it as far as one may see them, and whether one may remove it."""
        visible = ml_models.visible_to(self.actor(request))
        return {
            "environment": found,
            "badge": state_badge(found),
            "packages": environment_services.packages_of(found),
            "versions": environments.users_of(found).filter(ml_model__in=visible),
            "uses": found.uses,
            "made": cells.moment(found.made_at),
            "used": cells.moment(found.used_at),
            "may_remove": self._may_remove(request) and not found.removed_at,
        }

    def remove_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Delete its files; its row stays while a version was made in it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self._may_remove(request):
            raise PermissionDenied
        found = self.get_object(request, object_id)
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        try:
            environment_services.remove(found)
        except DeskError as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            self.message_user(request, _("The environment was removed."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:predictions_environment_changelist"))

    def _may_remove(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(self.has_view_permission(request) and user.has_perm("predictions.delete_environment"))


def state_badge(row: Environment) -> SafeString:
    """Whether its files are there."""
    return cells.badge(_("removed"), "quiet") if row.removed_at else cells.badge(_("ready"), "good")
