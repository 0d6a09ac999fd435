"""Every verdict ever given, to read: who said what of which answer, and why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from predictions.admin import cells
from predictions.admin.base import PageAdmin
from predictions.models import Review
from predictions.selectors import blocks


@admin.register(Review)
class ReviewAdmin(PageAdmin):
    """Newest first; a verdict opens the answer it is about."""

    list_display = ("given", "said", "about", "right_answer", "why", "by")
    list_display_links = ("given",)
    list_filter = (("verdict", admin.ChoicesFieldListFilter),)
    search_fields = ("reviewer__username",)
    search_help_text = gettext_lazy("Reviewer")
    sortable_by = ()
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        """With what they are about."""
        related = ("reviewer", "prediction__ml_model", "prediction__version")
        heavy = (
            *(f"prediction__{name}" for name in blocks.IN_THE_ROW),
            "prediction__version__report",
            "prediction__version__plan",
        )
        return Review.objects.select_related(*related).defer(*heavy).order_by("-pk")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The answer that was judged."""
        if request.method == "GET" and self.has_view_permission(request):
            found = self.get_object(request, object_id)
            if found is not None:
                return HttpResponseRedirect(
                    reverse("admin:predictions_prediction_change", args=(found.prediction_id,))
                )
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description=gettext_lazy("given"))
    def given(self, row: Review) -> SafeString | str:
        """When."""
        return cells.moment(row.created_at)

    @admin.display(description=gettext_lazy("verdict"))
    def said(self, row: Review) -> SafeString:
        """What."""
        return cells.verdict_badge(row.verdict)

    @admin.display(description=gettext_lazy("about"))
    def about(self, row: Review) -> str:
        """Which answer."""
        asked = row.prediction
        return f"{asked.ml_model.name} v{asked.version.number}: {asked.outcome}"

    @admin.display(description=gettext_lazy("right answer"))
    def right_answer(self, row: Review) -> str:
        """What would have been right."""
        return row.outcome or cells.NOTHING

    @admin.display(description=gettext_lazy("reason"))
    def why(self, row: Review) -> str:
        """Why."""
        return row.reason if len(row.reason) < 80 else f"{row.reason[:78]}…"

    @admin.display(description=gettext_lazy("reviewer"))
    def by(self, row: Review) -> str:
        """Who."""
        return row.reviewer.get_username()
