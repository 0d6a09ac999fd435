"""The sidebar, ordered by work, and the theme's other questions. The settings name these functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from predictions.admin.change_list import TABS
from predictions.admin.http import actor_of
from predictions.selectors import desk
from predictions.selectors.review_queue import Queue

ICONS = ("rate_review", "help", "warning", "gavel", "history")


def stylesheet(request: HttpRequest) -> str:
    """The desk's own style sheet."""
    return static("admin_desk/desk.css")


def script(request: HttpRequest) -> str:
    """The desk's own script."""
    return static("admin_desk/desk.js")


def icon(request: HttpRequest) -> str:
    """The site's mark."""
    return static("img/mark.svg")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar, with only what this account may open."""
    groups = [_review(request), _ml_models(request), _people(request), _site()]
    return [group for group in groups if group["items"]]


def _review(request: HttpRequest) -> dict[str, Any]:
    items = []
    if _may(request, "view_prediction"):
        address = reverse("admin:predictions_prediction_changelist")
        here = _queue_here(request, address)
        for (title, aim), icon in zip(TABS, ICONS, strict=True):
            query = f"?{urlencode(aim.params)}" if aim.params else ""
            items.append({"title": str(title), "icon": icon, "link": address + query, "active": here == aim})
        waiting = desk.to_review()
        if waiting.number:
            items[0] |= {"badge": str(waiting), "badge_variant": "primary"}
    if _may(request, "view_review"):
        items.append(_item(request, _("Verdicts"), "fact_check", "predictions_review"))
    return {"title": _("Review"), "separator": False, "items": items}


def _ml_models(request: HttpRequest) -> dict[str, Any]:
    wanted = [
        (_("ML models"), "category", "mlmodel"),
        (_("Versions"), "layers", "modelversion"),
        (_("Uploaded files"), "draft", "source"),
    ]
    items = [
        _item(request, title, icon, f"predictions_{name}")
        for title, icon, name in wanted
        if _may(request, f"view_{name}")
    ]
    if _may(request, "view_environment"):
        items.append(_item(request, _("Environments"), "deployed_code", "predictions_environment"))
    if _may(request, "view_job"):
        jobs = _item(request, _("Jobs"), "manufacturing", "predictions_job")
        failed = desk.failed_jobs(actor_of(request))
        if failed.number:
            jobs |= {"badge": str(failed), "badge_variant": "danger"}
        items.append(jobs)
    return {"title": _("ML models"), "separator": True, "items": items}


def _people(request: HttpRequest) -> dict[str, Any]:
    wanted = [
        (_("API keys"), "key", "predictions", "apikey"),
        (_("Accounts"), "person", "auth", "user"),
        (_("Groups"), "group", "auth", "group"),
    ]
    items = [
        _item(request, title, icon, f"{app}_{name}")
        for title, icon, app, name in wanted
        if _may(request, f"view_{name}", app)
    ]
    return {"title": _("People and programs"), "separator": True, "items": items}


def _site() -> dict[str, Any]:
    """The way back, also for who has no script to open the theme's menu with."""
    item = {"title": _("Open the site"), "icon": "arrow_back", "link": "/", "active": False}
    return {"title": "", "separator": True, "items": [item]}


def _item(request: HttpRequest, title: str, icon: str, name: str) -> dict[str, Any]:
    address = reverse(f"admin:{name}_changelist")
    return {"title": title, "icon": icon, "link": address, "active": request.path.startswith(address)}


def _may(request: HttpRequest, permission: str, app: str = "predictions") -> bool:
    user: Any = request.user
    return bool(user.has_perm(f"{app}.{permission}"))


def _queue_here(request: HttpRequest, address: str) -> Queue | None:
    """The queue that is on the page, or that the answer on the page was opened from."""
    if not request.path.startswith(address):
        return None
    params = request.GET
    if request.path != address:
        params = type(params)(request.GET.get("_changelist_filters", ""))
    return replace(Queue.parse(params), ml_model="", q="", older=None)
