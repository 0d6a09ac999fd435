"""Answers in the history, written as a worker writes them."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from predictions.models import ModelVersion
from predictions.models.ids import first_id
from predictions.services.storing import Answered, store
from predictions.values import Ask, Group


def stored(version: ModelVersion, count: int = 1, *, begin: UUID | None = None, **asker: Any) -> UUID:
    """``count`` answers asked together; returns the id of the first. ``asker``: ``user_id``, ``api_key_id``, ``visitor``."""
    assert version.current_revision_id is not None
    now = time.time()
    ask = Ask(
        number=1,
        first_id=begin or first_id(count),
        rows=[[1.0]] * count,
        warnings=[[]] * count,
        face="api",
        deadline=now + 5,
        **asker,
    )
    group = Group(
        id=1,
        reply_to="nobody",
        ml_model_id=version.ml_model_id,
        version_id=version.pk,
        revision_id=version.current_revision_id,
        sent_at=now,
        asks=[ask],
    )
    store(group=group, answered=[Answered(ask, [{"value": 2.0}] * count)], now=now)
    return ask.first_id
