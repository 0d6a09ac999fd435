"""The first account of a new site: made without a password, opened once through a signed link."""

from __future__ import annotations

import hmac
from hashlib import sha256

from django.contrib.auth.models import User
from django.core import signing
from django.db import connection, transaction

from predictions.errors import NotFound

LINK_HOURS = 24
SALT = "modeldesk.welcome"
LOCK_NUMBER = 0x4D44_4653


@transaction.atomic
def unopened_admin() -> User | None:
    """The local admin nobody has opened yet, made when the site has no superuser; None once one has a password."""
    with connection.cursor() as cursor:
        # Two starts at once must not make two admins.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_NUMBER])
    superusers = list(User.objects.filter(is_superuser=True).order_by("-is_active", "pk"))
    if any(user.has_usable_password() for user in superusers):
        return None
    if superusers:
        return superusers[0]
    admin = User(username=_free_username(), is_staff=True, is_superuser=True)
    admin.set_unusable_password()
    admin.save()
    return admin


def link_token(user: User) -> str:
    """The secret of a one-time link: good for ``LINK_HOURS`` and until a password is set."""
    return signing.dumps([user.pk, _state(user)], salt=SALT)


def opened_by(token: str) -> User:
    """The account a link opens. Raises NotFound when it is forged, too old or already used."""
    try:
        user_id, state = signing.loads(token, salt=SALT, max_age=LINK_HOURS * 3600)
    except (signing.BadSignature, ValueError, TypeError):
        raise _spent() from None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or user.has_usable_password() or not hmac.compare_digest(state, _state(user)):
        raise _spent()
    return user


@transaction.atomic
def open_account(*, token: str, password: str) -> User:
    """Set the first password of the account; of two people with the same link only one succeeds.

    The password is checked by the form. Raises NotFound for a spent link.
    """
    user = User.objects.select_for_update().get(pk=opened_by(token).pk)
    if user.has_usable_password():
        raise _spent()
    user.set_password(password)
    user.save(update_fields=["password"])
    return user


def _state(user: User) -> str:
    # An unusable password is random, so a reset account has other links than it had before.
    return sha256(user.password.encode()).hexdigest()[:24]


def _free_username() -> str:
    names = ["admin", *(f"admin{number}" for number in range(2, 100))]
    taken = set(User.objects.filter(username__in=names).values_list("username", flat=True))
    return next(name for name in names if name not in taken)


def _spent() -> NotFound:
    return NotFound(
        "This link was used already or is older than a day. Start the site again to get a new one."
    )
