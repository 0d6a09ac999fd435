"""One web process's gateway: its lanes, its reply channel, and who sends the next message."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from predictions import timings
from predictions.errors import DeskError, ModelFailed, TooManyRequests, TryLater
from predictions.gateway.lanes import PATIENCE_SECONDS, Batch, Key, Lane, Waiter
from predictions.gateway.loop_wire import LoopWire
from predictions.gateway.tiers import COLD
from predictions.gateway.waiters import LoopWaiter, Patience, ThreadWaiter
from predictions.gateway.wire import Wire
from predictions.values import Group, GroupReply

logger = logging.getLogger(__name__)

LANE_IDLE_SECONDS = 600
SUBSCRIBE_SECONDS = 2.0
KEPT_FOR_THE_FAST = 4
"""One of so many threads of the web process never waits for a slow ml_model."""


class ProcessGateway:
    """Lets callers go on once their rows are committed, and sends them in as few messages as waiting allows.

    Threads and coroutines go in the same lanes. With a ``loop`` replies come in there, which costs a coroutine no
    change of threads at all; without one, on a thread of the wire's own.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._ids = itertools.count(1)
        self._patient = 0
        self._lock = threading.Lock()
        self._lanes: dict[Key, Lane] = {}
        self._under_way: dict[int, Batch] = {}
        self._wire = (
            Wire(self._on_reply) if loop is None else LoopWire(loop, self._on_reply, self._on_refused)
        )

    def next_id(self) -> int:
        """A number no other ask or message of this process has."""
        return next(self._ids)

    async def call_on_loop(self, key: Key, waiter: LoopWaiter) -> None:
        """As ``call``, for a coroutine of the loop this gateway was made with. Raises TryLater, TooManyRequests."""
        if not self._wire.is_listening:
            await self._wire.listening(SUBSCRIBE_SECONDS)
        lane = self._lane(key)
        batch = lane.join(waiter)
        if batch is not None:
            self._publish(batch)
        patience = Patience(
            waiter, push=lambda: self._push(lane, waiter), give_up=lambda: self._give_up(lane, waiter)
        )
        patience.begin(is_sent=batch is not None)
        try:
            await waiter.future
        except asyncio.CancelledError:
            self._give_up(lane, waiter)
            raise
        finally:
            patience.end()

    def call(self, key: Key, waiter: ThreadWaiter) -> None:
        """Send and block until answered, failed or past the deadline; the outcome is in ``waiter``.

        Raises TryLater, TooManyRequests.
        """
        self._wire.ensure_listening(SUBSCRIBE_SECONDS)
        lane = self._lane(key)
        if lane.is_fast:
            self._call(lane, waiter)
            return
        with self._place_for_patience(lane):
            self._call(lane, waiter)

    def _call(self, lane: Lane, waiter: ThreadWaiter) -> None:
        batch = lane.join(waiter)
        if batch is not None:
            self._publish(batch)
        elif waiter.wait(PATIENCE_SECONDS):
            return
        else:
            self._push(lane, waiter)
        if not waiter.wait():
            self._give_up(lane, waiter)

    def _push(self, lane: Lane, waiter: Waiter) -> None:
        """The caller waited long enough for company."""
        batch = lane.push(waiter)
        if batch is not None:
            self._publish(batch)

    @contextmanager
    def _place_for_patience(self, lane: Lane) -> Iterator[None]:
        """Keep some of the process's threads for callers of fast ml_models. Raises TooManyRequests."""
        most = settings.WEB_THREADS - max(1, settings.WEB_THREADS // KEPT_FOR_THE_FAST)
        with self._lock:
            if self._patient >= most and not lane.is_new:
                raise TooManyRequests(
                    "Many cases are waiting for slow ML models already. Try again in a moment.",
                    code="queue_full",
                    retry_after=2,
                )
            self._patient += 1
        try:
            yield
        finally:
            with self._lock:
                self._patient -= 1

    def call_alone(self, key: Key, waiter: ThreadWaiter, draft: dict[str, Any] | None = None) -> None:
        """As ``call``, but outside every lane and storing nothing: for health probes, and trials of a ``draft``."""
        self._wire.ensure_listening(SUBSCRIBE_SECONDS)
        lane = Lane(key, next_id=self.next_id, max_rows=waiter.rows, max_waiting=waiter.rows)
        batch = lane.join(waiter)
        if batch is not None:
            self._publish(batch, store=False, draft=draft)
        if not waiter.wait():
            self._give_up(lane, waiter)

    def waiting_rows(self) -> int:
        """Rows of callers that are not sent yet."""
        return sum(lane.waiting_rows for lane in list(self._lanes.values()))

    def _lane(self, key: Key) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            with self._lock:
                self._drop_idle_lanes()
                lane = self._lanes.setdefault(
                    key,
                    Lane(
                        key,
                        next_id=self.next_id,
                        max_rows=settings.GATEWAY_MAX_ROWS_PER_MESSAGE,
                        max_waiting=settings.GATEWAY_MAX_WAITING_ROWS,
                    ),
                )
        return lane

    def _drop_idle_lanes(self) -> None:
        long_ago = time.monotonic() - LANE_IDLE_SECONDS
        for key, lane in list(self._lanes.items()):
            if lane.is_idle and lane.last_used < long_ago:
                del self._lanes[key]

    def _publish(self, batch: Batch, *, store: bool = True, draft: dict[str, Any] | None = None) -> None:
        """Send one batch; when the queue refuses it, its callers hear so and the next batch is tried."""
        following: Batch | None = batch
        while following is not None:
            current = following
            self._under_way[current.id] = current
            try:
                self._wire.send(
                    self._group(current, store=store, draft=draft), current.deadline, current.tier.queue
                )
            except Exception as error:
                # Whatever it was: a batch that stays under way would block its lane for good.
                if self._under_way.pop(current.id, None) is None:
                    # It arrived all the same and is answered, or everybody left: the lane is free already.
                    return
                _, following = current.lane.finish(current.id)
                current.fail(_sending_failed(error))
            else:
                if store:
                    timings.group(len(current.waiters), sum(one.rows for one in current.waiters.values()))
                return

    def _group(self, batch: Batch, *, store: bool, draft: dict[str, Any] | None) -> Group:
        key = batch.lane.key
        return Group(
            id=batch.id,
            reply_to=self._wire.channel,
            ml_model_id=key.ml_model_id,
            version_id=key.version_id,
            revision_id=key.revision_id,
            sent_at=time.time(),
            asks=[waiter.ask for waiter in batch.waiters.values()],
            store=store,
            may_load=batch.tier is COLD,
            draft=draft,
        )

    def _on_reply(self, reply: GroupReply) -> None:
        batch = self._under_way.pop(reply.id, None)
        if batch is None:
            return
        # A group of which nobody was waited for any more says nothing about its runtime.
        _, following = batch.lane.finish(reply.id, reply.inferred or None)
        times = (batch.sent_at, reply.waited, reply.inferred, reply.stored)
        for part in reply.replies:
            waiter = batch.waiters.get(part.number)
            if waiter is None:
                continue
            waiter.times = times
            waiter.reply, waiter.answered_at = part, reply.answered_at
            if part.error_code:
                waiter.error = _error_of(part.error_code, part.error_message)
            waiter.wake()
        if following is not None:
            self._publish(following)

    def _on_refused(self, batch_id: int, error: DeskError) -> None:
        """The queue did not take a message."""
        batch = self._under_way.pop(batch_id, None)
        if batch is None:
            return
        _, following = batch.lane.finish(batch_id)
        batch.fail(error)
        if following is not None:
            self._publish(following)

    def _give_up(self, lane: Lane, waiter: Waiter) -> None:
        """Nobody answered in time: free the lane for those behind."""
        # Whoever leaves after it must not take it for one who still waits, or nobody would free the lane.
        waiter.deadline = 0.0
        lane.leave(waiter)
        if waiter.group_id is None:
            return
        batch = self._under_way.get(waiter.group_id)
        if batch is not None and batch.is_awaited_besides(waiter):
            return
        self._under_way.pop(waiter.group_id, None)
        _, following = lane.finish(waiter.group_id)
        if following is not None:
            self._publish(following)
        self._wire.forget_expired()


def _sending_failed(error: Exception) -> DeskError:
    if isinstance(error, DeskError):
        return error
    # Its text could quote a case.
    logger.error("A group could not be sent: %s.", type(error).__name__)
    return TryLater("These values could not be handed to a worker, so nothing was answered or stored.")


def _error_of(code: str, message: str) -> DeskError:
    return ModelFailed(message) if code == ModelFailed.code else TryLater(message, code=code)


_current: tuple[int, ProcessGateway] | None = None
_making = threading.Lock()


def current() -> ProcessGateway:
    """This process's gateway. Threads and loops do not survive a fork, so a forked child gets its own."""
    held = _current
    if held is not None and held[0] == os.getpid():
        return held[1]
    with _making:
        held = _current
        return held[1] if held is not None and held[0] == os.getpid() else _settle(ProcessGateway())


def adopt(loop: asyncio.AbstractEventLoop) -> None:
    """From now on this process's gateway lives on ``loop``, which threads of the process may call it from too."""
    with _making:
        _settle(ProcessGateway(loop))


def _settle(made: ProcessGateway) -> ProcessGateway:
    global _current
    _current = (os.getpid(), made)
    timings.watch("rows_waiting", made.waiting_rows)
    return made
