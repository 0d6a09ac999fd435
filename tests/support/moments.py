"""Ids as the clock made them at another time."""

from __future__ import annotations

import random
from datetime import datetime
from uuid import UUID


def id_at(moment: datetime) -> UUID:
    """A UUIDv7 of that millisecond."""
    head = int(moment.timestamp() * 1000) << 80
    return UUID(int=head | 7 << 76 | 2 << 62 | random.getrandbits(62))


def block_id_at(moment: datetime) -> UUID:
    """The first id of cases asked together in that millisecond."""
    return UUID(int=id_at(moment).int >> 16 << 16)
