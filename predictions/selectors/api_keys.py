"""Finding the key that a request carries."""

from __future__ import annotations

import hmac
import time
from functools import partial
from hashlib import sha256

from predictions.models import ApiKey
from predictions.selectors import refreshing

FRESH_SECONDS = 1.0
"""How long what was looked up is good; a process that did not revoke a key may take it twice as long."""
_MOST_HELD = 10_000

_held: refreshing.Held[bytes, ApiKey] = refreshing.Held(
    lambda: FRESH_SECONDS, lambda: time.monotonic(), _MOST_HELD
)


def find(text: str) -> ApiKey | None:
    """The usable key with exactly this text, or None. What was found is good for ``FRESH_SECONDS``.

    Keys are held by the digest of their text, so what is in memory opens nothing.
    """
    digest = sha256(text.encode(errors="replace")).digest()
    look = partial(_look, digest, text)
    known = _held.get(digest, look)
    return look() if known is None else known


def _look(digest: bytes, text: str) -> ApiKey | None:
    row = _find(text)
    if row is None:
        _held.drop(digest)
    else:
        _held.put(digest, row)
    return row


def forget() -> None:
    """Look every key up again in this process: something about one of them changed."""
    _held.clear()


def _find(text: str) -> ApiKey | None:
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != "md" or not parts[1].isalnum():
        return None
    row = ApiKey.objects.select_related("user").filter(prefix=parts[1], revoked_at=None).first()
    if row is None:
        return None
    # Compared in constant time, though the digest of 256 random bits tells a clock nothing.
    if not hmac.compare_digest(row.secret_sha256, sha256(parts[2].encode(errors="replace")).hexdigest()):
        return None
    if row.user is not None and not row.user.is_active:
        return None
    return row
