"""Row ids that sort by time."""

from __future__ import annotations

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A UUIDv7: the newest row has the greatest id, so lists need no second index."""
    return uuid_utils.compat.uuid7()
