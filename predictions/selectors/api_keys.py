"""Finding the key that a request carries."""

from __future__ import annotations

import hmac
from hashlib import sha256

from predictions.models import ApiKey


def find(text: str) -> ApiKey | None:
    """The usable key with exactly this text, or None; compared in constant time."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != "md" or not parts[1].isalnum():
        return None
    row = ApiKey.objects.select_related("user").filter(prefix=parts[1], revoked_at=None).first()
    if row is None:
        return None
    if not hmac.compare_digest(row.secret_sha256, sha256(parts[2].encode()).hexdigest()):
        return None
    if row.user is not None and not row.user.is_active:
        return None
    return row
