"""Row ids that sort by time."""

from __future__ import annotations

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A UUIDv7: the newest row has the greatest id, so lists need no second index."""
    return uuid_utils.compat.uuid7()


def first_id(count: int) -> UUID:
    """An id that ``count`` (up to 65,536) cases asked together count on from: the last 16 bits number them.

    All of them share its millisecond, so they lie in the same part of the history.
    """
    made = uuid_utils.compat.uuid7()
    return made if count == 1 else UUID(int=made.int >> 16 << 16)
