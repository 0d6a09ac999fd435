"""Row ids that sort by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import uuid_utils.compat

POSITION_BITS = 16
"""The last bits of an id number the cases of one ask (`values.MAX_ROWS_OF_AN_ASK`)."""

_POSITIONS = (1 << POSITION_BITS) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> UUID:
    """A UUIDv7: the newest row has the greatest id, so lists need no second index."""
    return uuid_utils.compat.uuid7()


def first_id(count: int) -> UUID:
    """An id that ``count`` (up to 65,536) cases asked together count on from: the last 16 bits number them.

    All of them share its millisecond, so they lie in the same part of the history.
    """
    made = uuid_utils.compat.uuid7()
    return made if count == 1 else UUID(int=made.int >> POSITION_BITS << POSITION_BITS)


def place_of(case_id: UUID) -> tuple[UUID, int]:
    """Where a case lies that is kept in a block: the block's id and the case's position in it."""
    number = case_id.int
    return UUID(int=number & ~_POSITIONS), number & _POSITIONS


def begins_block(case_id: UUID) -> bool:
    """True for an id that a block may carry: its cases can be counted on from it."""
    return not case_id.int & _POSITIONS


def earliest_id(moment: datetime) -> UUID:
    """The smallest id made at ``moment`` or later."""
    return UUID(int=max((moment - _EPOCH) // timedelta(milliseconds=1), 0) << 80)


def moment_of(case_id: UUID) -> datetime:
    """When an id was made, to the millisecond. Raises OverflowError for one that no clock gave."""
    return _EPOCH + timedelta(milliseconds=case_id.int >> 80)
