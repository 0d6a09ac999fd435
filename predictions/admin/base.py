"""What the desk's lists and pages have in common."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
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
        found: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return found.values("pk")[:COUNT_CAP].count()

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
