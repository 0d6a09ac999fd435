"""Finding the key that a request carries."""

from __future__ import annotations

import hmac
import threading
import time
from functools import partial
from hashlib import sha256

from predictions.models import ApiKey
from predictions.selectors import refreshing

FRESH_SECONDS = 1.0
"""How long what was looked up is good; a process that did not revoke a key may take it twice as long."""
_MOST_HELD = 10_000

_held: dict[bytes, tuple[float, float, ApiKey]] = {}
"""By digest: when somebody is to look again, when nobody takes it any more, the key."""
_lock = threading.Lock()


def find(text: str) -> ApiKey | None:
    """The usable key with exactly this text, or None. What was found is good for ``FRESH_SECONDS``.

    Keys are held by the digest of their text, so what is in memory opens nothing.
    """
    digest = sha256(text.encode(errors="replace")).digest()
    known = _fresh(digest, text)
    if known is not None:
        return known
    return _look(digest, text)


def _look(digest: bytes, text: str) -> ApiKey | None:
    row = _find(text)
    with _lock:
        if len(_held) >= _MOST_HELD:
            _held.clear()
        if row is None:
            _held.pop(digest, None)
        else:
            now = time.monotonic()
            _held[digest] = (now + FRESH_SECONDS, now + 2 * FRESH_SECONDS, row)
    return row


def _fresh(digest: bytes, text: str) -> ApiKey | None:
    """Of many callers who meet a stale key, one looks again while the others go on for a moment."""
    known = _held.get(digest)
    if known is None:
        return None
    now = time.monotonic()
    stale_at, ends_at, row = known
    if now < stale_at:
        return row
    if now >= ends_at:
        return None
    on_loop = refreshing.is_on_loop()
    if on_loop:
        refreshing.later(partial(_look, digest, text))
    with _lock:
        if _held.get(digest) is known:
            # Until its end at most, or it would be good for ever where nobody gets to look.
            _held[digest] = (ends_at, ends_at, row)
    return row if on_loop else None


def forget() -> None:
    """Look every key up again in this process: something about one of them changed."""
    with _lock:
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
