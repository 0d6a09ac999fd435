"""Answers as a worker stores them: cases asked together, in one block from 16 on."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from predictions.models.ids import first_id
from predictions.selectors.targets import Target
from predictions.services.storing import Answered, store
from predictions.values import Actor, Ask, Group
from tests.support.moments import block_id_at

GOOD = {"label": "good", "probabilities": {"good": 0.75, "bad": 0.25}}


def asked_together(
    target: Target,
    rows: Sequence[Sequence[Any]],
    *,
    actor: Actor,
    outputs: Sequence[dict[str, Any]] | None = None,
    at: datetime | None = None,
    cached: Collection[int] = (),
) -> list[UUID]:
    """Store one ask with these rows (values in the signature's order); its ids in order."""
    now = at.timestamp() if at is not None else time.time()
    ask = Ask(
        number=1,
        first_id=first_id(len(rows)) if at is None else block_id_at(at),
        rows=[list(row) for row in rows],
        warnings=[[]] * len(rows),
        face="api",
        deadline=now + 10,
        user_id=actor.user_id,
        api_key_id=actor.api_key_id,
        visitor=actor.visitor,
    )
    group = Group(
        id=1,
        reply_to="",
        ml_model_id=target.ml_model_id,
        version_id=target.version_id,
        revision_id=target.revision_id,
        sent_at=now,
        asks=[ask],
    )
    answered = Answered(ask, list(outputs or [GOOD] * len(rows)), cached)
    store(group=group, answered=[answered], now=now)
    return ask.ids
