"""The calls doors make: answer these rows, or only see whether a worker answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from predictions import timings
from predictions.errors import TryLater
from predictions.gateway import process
from predictions.gateway.lanes import Key, Waiter
from predictions.gateway.waiters import LoopWaiter, ThreadWaiter
from predictions.models import Prediction
from predictions.models.ids import first_id
from predictions.selectors import blocks
from predictions.selectors.targets import Target
from predictions.signature.fields import Signature
from predictions.signature.schema import example_row
from predictions.values import Actor, Ask, AskReply, CheckedRow, Face, GivenAnswer

TRIAL_SECONDS = 8.0
STORE_MARGIN_SECONDS = 0.5
"""A worker that has not begun to store this long before the caller leaves lets go, so that no late row appears."""


def answer(
    *, target: Target, rows: Sequence[CheckedRow], actor: Actor, face: Face, seconds: float | None = None
) -> list[GivenAnswer]:
    """Answer validated rows, in order; every answer returned is a committed prediction row.

    Waits ``seconds`` (default ``PREDICT_DEADLINE_SECONDS``). Raises TryLater (queue or workers cannot answer in
    time), TooManyRequests (too many rows wait already), ModelFailed (the estimator raised on these rows);
    after each of these nothing is stored.
    """
    gateway = process.current()
    waiter = ThreadWaiter.of(*_ask(gateway, rows, actor, face, seconds))
    gateway.call(_key(target), waiter)
    if waiter.error is not None:
        raise waiter.error
    given = None if waiter.reply is None else (waiter.reply, waiter.answered_at)
    return _given(waiter, rows, *(given or _committed(waiter.ask)))


async def answer_on_loop(
    *, target: Target, rows: Sequence[CheckedRow], actor: Actor, face: Face, seconds: float | None = None
) -> list[GivenAnswer]:
    """As ``answer``, for a coroutine of the loop that ``adopt`` was given."""
    gateway = process.current()
    waiter = LoopWaiter.of(*_ask(gateway, rows, actor, face, seconds))
    laps = timings.put_aside()
    try:
        await gateway.call_on_loop(_key(target), waiter)
    finally:
        timings.take_up(laps)
    if waiter.error is not None:
        raise waiter.error
    given = None if waiter.reply is None else (waiter.reply, waiter.answered_at)
    if given is None:
        laps = timings.put_aside()
        try:
            given = await asyncio.to_thread(_committed_elsewhere, waiter.ask)
        finally:
            timings.take_up(laps)
    return _given(waiter, rows, *given)


def _ask(
    gateway: process.ProcessGateway,
    rows: Sequence[CheckedRow],
    actor: Actor,
    face: Face,
    seconds: float | None,
) -> tuple[Ask, float]:
    """The ask, and when its caller leaves."""
    deadline = time.time() + (settings.PREDICT_DEADLINE_SECONDS if seconds is None else seconds)
    ask = Ask(
        number=gateway.next_id(),
        first_id=first_id(len(rows)),
        rows=[list(row.values) for row in rows],
        warnings=[[asdict(warning) for warning in row.warnings] for row in rows],
        face=face,
        deadline=deadline - STORE_MARGIN_SECONDS,
        user_id=actor.user_id,
        api_key_id=actor.api_key_id,
        visitor=actor.visitor,
    )
    return ask, deadline


def _given(
    waiter: Waiter, rows: Sequence[CheckedRow], reply: AskReply, answered_at: float
) -> list[GivenAnswer]:
    timings.answered(*waiter.times)
    moment = datetime.fromtimestamp(answered_at, UTC)
    return [
        GivenAnswer(id=row_id, outputs=outputs, warnings=row.warnings, created_at=moment)
        for row_id, outputs, row in zip(waiter.ask.ids, reply.outputs, rows, strict=True)
    ]


def probe(target: Target, *, seconds: float = 3.0) -> float:
    """Have a worker answer the example row without storing it. Returns seconds taken. Raises TryLater, ModelFailed."""
    gateway = process.current()
    row = target.validator.check_row(example_row(target.signature))
    begun = time.time()
    ask = Ask(
        number=gateway.next_id(),
        first_id=first_id(1),
        rows=[list(row.values)],
        warnings=[[]],
        face="api",
        deadline=begun + seconds,
    )
    waiter = ThreadWaiter.of(ask, begun + seconds)
    gateway.call_alone(_key(target), waiter)
    if waiter.error is not None:
        raise waiter.error
    if waiter.reply is None:
        raise late()
    return time.time() - begun


def trial(*, key: Key, draft: Signature, row: CheckedRow, seconds: float = TRIAL_SECONDS) -> dict[str, Any]:
    """What a version would answer to one row under a signature that is not stored; nothing of it is kept.

    ``key`` names the version and any of its revisions; who may edit it has to be asked before. Raises TryLater,
    ModelFailed.
    """
    gateway = process.current()
    deadline = time.time() + seconds
    ask = Ask(
        number=gateway.next_id(),
        first_id=first_id(1),
        rows=[list(row.values)],
        warnings=[[]],
        face="form",
        deadline=deadline,
    )
    waiter = ThreadWaiter.of(ask, deadline)
    gateway.call_alone(key, waiter, draft.to_document())
    if waiter.error is not None:
        raise waiter.error
    if waiter.reply is None:
        raise late()
    return waiter.reply.outputs[0]


def late() -> TryLater:
    """The error for a caller whose deadline passed."""
    return TryLater(
        "No worker answered in time, so nothing was stored. Try again in a moment.",
        code="deadline_passed",
        retry_after=5,
    )


def _key(target: Target) -> Key:
    return Key(target.ml_model_id, target.version_id, target.revision_id)


def _committed_elsewhere(ask: Ask) -> tuple[AskReply, float]:
    """The same on a thread that is nobody's, and keeps no connection for a case this rare."""
    try:
        return _committed(ask)
    finally:
        connection.close()


def _committed(ask: Ask) -> tuple[AskReply, float]:
    """The reply got lost, but the rows may be there, and the row is the truth. Raises TryLater."""
    ids = ask.ids
    try:
        stored = Prediction.objects.in_bulk(ids)
        blocks.fill(stored.values())
    except (DatabaseError, InterfaceError) as error:
        raise late() from error
    if len(stored) != len(ids):
        raise late()
    outputs = [stored[row_id].outputs for row_id in ids]
    return AskReply(number=ask.number, outputs=outputs), stored[ask.first_id].created_at.timestamp()
