"""What the desk's lists and pages have in common."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from predictions.admin.http import actor_of
from predictions.values import Actor

COUNT_CAP = 1_000


class CappedPaginator(Paginator[Any]):
    """Counts no further than ``COUNT_CAP`` rows: the cost of a page does not grow with the table."""

    template_name = "admin/desk/pagination.html"

    @cached_property
    def count(self) -> int:
        """Rows found, at most ``COUNT_CAP``."""
        if isinstance(self.object_list, QuerySet):
            return self.object_list.values("pk")[:COUNT_CAP].count()
        return len(self.object_list)

    @property
    def is_capped(self) -> bool:
        """True when there are at least that many, and maybe more."""
        return self.count >= COUNT_CAP


class DeskAdmin(ModelAdmin):  # type: ignore[misc]
    """A list that stays fast, a page that says what may be done."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_max_show_all = 0
    compressed_fields = True
    list_fullwidth = True

    def actor(self, request: HttpRequest) -> Actor:
        """Who is at the desk."""
        return actor_of(request)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list; its header names what was found by itself, so the theme need not."""
        found = super().get_changelist_instance(request)
        found.full_result_count = found.result_count
        return found

    def render_page(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> TemplateResponse:
        """A page of the desk's own inside the theme's frame."""
        request.current_app = self.admin_site.name
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "desk_admin": self}
        response = TemplateResponse(request, template, {**frame, **context}, status=status)
        add_never_cache_headers(response)
        return response


class ReadOnlyAdmin(DeskAdmin):
    """Rows that nobody adds, changes or deletes here, whatever his permissions."""

    actions_on_top = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The room's own actions, without deleting."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class PageAdmin(ReadOnlyAdmin):
    """A read-only row with a page of its own instead of a form."""

    page_template = ""
    actions = None

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The row, as one would read it."""
        if not self.has_view_permission(request) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        found = self.get_object(request, object_id)
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        context = {"title": str(found), "original": found, **self.page_context(request, found)}
        return self.render_page(request, self.page_template, context)

    def page_context(self, request: HttpRequest, found: Any) -> dict[str, Any]:
        """What the page shows."""
        return {}
