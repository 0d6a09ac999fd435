"""Keys for programs: made here, shown once, revoked here; their secret is never seen again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from predictions.admin import cells
from predictions.admin.base import PageAdmin
from predictions.errors import DeskError
from predictions.models import ApiKey
from predictions.services import api_keys


class ApiKeyForm(forms.Form):
    """Who uses the key, and for whom it acts."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Who or what uses it, such as Northwind billing."),
        error_messages={"required": gettext_lazy("Give the key a name that says who uses it.")},
    )
    account = forms.CharField(
        label=gettext_lazy("Acts for account"),
        required=False,
        max_length=150,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "A user name. Leave it empty for a program of its own, with a history of its own."
        ),
    )

    use_required_attribute = False

    def clean_account(self) -> User | None:
        """The account of that name."""
        name = self.cleaned_data["account"].strip()
        if not name:
            return None
        found = User.objects.filter(username=name, is_active=True).first()
        if found is None:
            raise forms.ValidationError(_("There is no active account of that name."))
        return found


@admin.register(ApiKey)
class ApiKeyAdmin(PageAdmin):
    """Names and beginnings of keys; nothing of a key can be edited but that it ends."""

    list_display = ("name", "begins_with", "acts_for", "made", "used", "state")
    list_select_related = ("user",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "prefix")
    search_help_text = gettext_lazy("Name or beginning")
    sortable_by = ()
    page_template = "admin/predictions/apikey/change_form.html"
    change_list_template = "admin/predictions/apikey/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses, and revoking."""
        wrap = self.admin_site.admin_view
        own = [path("<path:object_id>/revoke/", wrap(self.revoke_view), name="predictions_apikey_revoke")]
        return own + super().get_urls()  # type: ignore[no-any-return]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Without the hash: no page has a use for it."""
        return (
            ApiKey.objects.select_related("user", "created_by").defer("secret_sha256").order_by("name", "-pk")
        )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever holds Django's permission to add one."""
        user: Any = request.user
        return bool(user.has_perm("predictions.add_apikey"))

    def may_revoke(self, request: HttpRequest) -> bool:
        """Whoever holds Django's permission to change one: revoking is the only change."""
        user: Any = request.user
        return bool(user.has_perms(("predictions.view_apikey", "predictions.change_apikey")))

    @admin.display(description=gettext_lazy("begins with"))
    def begins_with(self, row: ApiKey) -> str:
        """The part that is not secret."""
        return f"md_{row.prefix}_…"

    @admin.display(description=gettext_lazy("acts for"))
    def acts_for(self, row: ApiKey) -> str:
        """Whose history it writes."""
        return row.user.get_username() if row.user else _("itself")

    @admin.display(description=gettext_lazy("created"))
    def made(self, row: ApiKey) -> SafeString | str:
        """When."""
        return cells.moment(row.created_at)

    @admin.display(description=gettext_lazy("last used"))
    def used(self, row: ApiKey) -> SafeString | str:
        """When, to the minute."""
        return cells.moment(row.last_used_at)

    @admin.display(description=gettext_lazy("status"))
    def state(self, row: ApiKey) -> SafeString:
        """Whether it still opens anything."""
        return cells.badge(_("revoked"), "bad") if row.revoked_at else cells.badge(_("valid"), "good")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Make a key. The answer to the form is the only page that ever shows it: it is stored nowhere on its way."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form, status = ApiKeyForm(), 200
        if request.method == "POST":
            form, status = ApiKeyForm(request.POST), 422
            if form.is_valid():
                try:
                    return self._made(request, form)
                except DeskError as error:
                    form.add_error(error.field if error.field in form.fields else None, error.message)
        context = {"title": _("New API key"), "form": form}
        return self.render_page(request, "admin/predictions/apikey/add.html", context, status)

    def _made(self, request: HttpRequest, form: ApiKeyForm) -> HttpResponse:
        maker: Any = request.user
        account = form.cleaned_data["account"]
        if account is not None and (account.is_superuser or account.is_staff) and not maker.is_superuser:
            form.add_error("account", _("Only a superuser can make a key that acts for a staff account."))
            context = {"title": _("New API key"), "form": form}
            return self.render_page(request, "admin/predictions/apikey/add.html", context, 422)
        key, text = api_keys.create(name=form.cleaned_data["name"], user=account, created_by=maker)
        context = {"title": _("New API key"), "key": key, "secret": text}
        return self.render_page(request, "admin/predictions/apikey/made.html", context)

    def page_context(self, request: HttpRequest, found: Any) -> dict[str, Any]:
        """Everything but the key."""
        return {
            "key": found,
            "badge": self.state(found),
            "begins_with": self.begins_with(found),
            "acts_for": self.acts_for(found),
            "made": cells.moment(found.created_at),
            "used": cells.moment(found.last_used_at),
            "revoked": cells.moment(found.revoked_at),
            "may_revoke": self.may_revoke(request) and found.revoked_at is None,
        }

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Refuse the key from now on."""
        if not self.may_revoke(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        key = self.get_object(request, object_id)
        if key is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        api_keys.revoke(key=key)
        text = _("The key %(name)s is refused from now on. What it asked stays in the history.")
        self.message_user(request, text % {"name": key.name}, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:predictions_apikey_changelist"))
