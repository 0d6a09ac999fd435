"""Accounts and groups: Django's own, in the desk's clothes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Case, When
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from predictions.admin import cells
from predictions.services.roles import ABILITIES

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(BaseUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """People. Accounts with a history are switched off, not deleted."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_seen")
    list_filter = ("is_active", "is_staff", "groups")
    list_fullwidth = True
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "first_name", "last_name", "email")}),
        (gettext_lazy("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (gettext_lazy("Record"), {"fields": ("last_login", "date_joined")}),
    )

    @admin.display(description=gettext_lazy("last signed in"), ordering="last_login")
    def last_seen(self, row: User) -> SafeString | str:
        """When."""
        return cells.moment(row.last_login)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A handful of roles is quicker ticked than moved between lists."""
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        found = super().formfield_for_manytomany(db_field, request, **kwargs)
        if found is not None:
            found.help_text = gettext_lazy("Roles. A role without staff status has no effect.")
        return found

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: answers and verdicts name their people. "Active" takes an account's access away."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nobody but a superuser hands out rights, so that nobody can raise himself."""
        given = tuple(super().get_readonly_fields(request, obj))
        user: Any = request.user
        if user.is_superuser:
            return given
        return (*given, "is_superuser", "is_staff", "groups")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A superuser's account is changed by superusers only: a password is as good as the rights."""
        user: Any = request.user
        allowed = super().has_change_permission(request, obj)
        return bool(allowed and (user.is_superuser or obj is None or not (obj.is_superuser or obj.is_staff)))


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Roles: what their members may do."""

    list_fullwidth = True
    filter_horizontal = ()

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        """The permissions that mean something at this desk, in words, as boxes to tick."""
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        order = Case(*(When(codename=name, then=place) for place, name in enumerate(ABILITIES)))
        wanted = Permission.objects.filter(
            content_type__app_label__in=("predictions", "auth"), codename__in=ABILITIES
        )
        kwargs["queryset"] = wanted.order_by(order)
        found: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        found.label_from_instance = lambda permission: str(ABILITIES[permission.codename])
        found.help_text = ""
        return found

    def _only_superusers(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.is_active and user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers: a group is a bundle of rights."""
        return self._only_superusers(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers."""
        return self._only_superusers(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers."""
        return self._only_superusers(request)
