"""Whose word a command acts on."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from predictions.values import Actor


def owner(name: str | None, flag: str = "--owner") -> User:
    """The staff account of that name, or the only superuser when none is named. Raises CommandError."""
    if name is None:
        return _only_superuser(flag)
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise CommandError(f"There is no open account “{name}”.")
    if not (found.is_staff or found.is_superuser):
        raise CommandError(f"Only staff accounts own ML models; make “{name}” one in the admin first.")
    return found


def actor_of(account: User) -> Actor:
    """The account as services know it."""
    return Actor(user_id=account.pk, is_staff=account.is_staff, is_superuser=account.is_superuser)


def _only_superuser(flag: str) -> User:
    found = list(User.objects.filter(is_superuser=True, is_active=True).order_by("pk")[:2])
    if not found:
        raise CommandError("Nobody could own it yet. Make an admin first: script/manage createsuperuser")
    if len(found) > 1:
        raise CommandError(f"Say whose it is: {flag} USERNAME (this site has several admins).")
    return found[0]
