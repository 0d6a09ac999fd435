"""Keys for programs: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.asyncio import async_unsafe

from predictions.errors import DeskError
from predictions.models import ApiKey
from predictions.selectors import api_keys as selectors

LAST_USED_STEP = timedelta(minutes=1)
"""``last_used_at`` moves at most this often, so that a busy key does not write on each call."""


def create(*, name: str, user: User | None = None, created_by: User | None = None) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which cannot be shown again. Raises DeskError for an empty name."""
    if not name.strip():
        raise DeskError("Give the key a name that says who uses it.", code="name_missing", field="name")
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    row = ApiKey.objects.create(
        name=name.strip()[:120], prefix=prefix, secret_sha256=digest(secret), user=user, created_by=created_by
    )
    return row, f"md_{prefix}_{secret}"


def revoke(*, key: ApiKey) -> None:
    """Refuse the key from now on (elsewhere within a second); its history stays."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        selectors.forget()


def note_use(*, key: ApiKey) -> None:
    """Remember that the key was used, coarsely."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_STEP:
        _write_use(key, now)


# Before the first statement: a coroutine, which may not query, must not leave the key looking noted.
@async_unsafe
def _write_use(key: ApiKey, now: datetime) -> None:
    key.last_used_at = now
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def digest(secret: str) -> str:
    """SHA-256 in hex; enough for 256 random bits, and cheap enough for each call."""
    return hashlib.sha256(secret.encode()).hexdigest()
