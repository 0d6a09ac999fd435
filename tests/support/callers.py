"""Many people asking at once, and the question whether each of them, and nobody else, got what is theirs."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from django.db import connection

from predictions import gateway
from predictions.errors import DeskError
from predictions.models import Prediction
from predictions.selectors.targets import Target
from predictions.values import Actor, GivenAnswer

_values = itertools.count(1)


def new_values(count: int) -> list[float]:
    """Numbers that no other case of this test run has: a row's input says whose it is."""
    return [float(next(_values)) for _ in range(count)]


@dataclass(eq=False)
class Caller:
    """One ask, in a thread of its own like a request of the web server."""

    target: Target
    factor: float
    actor: Actor
    values: Sequence[float]
    seconds: float
    given: list[GivenAnswer] | None = None
    refused: DeskError | None = None
    broken: BaseException | None = None
    took: float = 0.0
    went_away: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Self:
        """Ask; the answer comes in its own time."""
        threading.Thread(target=self._ask, daemon=True).start()
        return self

    @property
    def is_waiting(self) -> bool:
        """Neither answered nor refused yet."""
        return not self.ended.is_set()

    def finish(self) -> None:
        """Wait for the end, which must come soon after the deadline at the latest."""
        assert self.ended.wait(self.seconds + 10), "a caller was forgotten"

    @property
    def fails(self) -> bool:
        """Whether the ml_model cannot answer one of its values."""
        return min(self.values) < 0

    def _ask(self) -> None:
        with self._noting():
            self.given = gateway.answer(**self._what())
        connection.close()
        self.ended.set()

    def _what(self) -> dict[str, Any]:
        rows = self.target.validator.check_payload([[value] for value in self.values], max_rows=100_000)
        return {
            "target": self.target,
            "rows": rows,
            "actor": self.actor,
            "face": "api",
            "seconds": self.seconds,
        }

    @contextmanager
    def _noting(self) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        except DeskError as error:
            self.refused = error
        except asyncio.CancelledError:
            self.went_away = True
        except BaseException as error:
            self.broken = error
        finally:
            self.took = time.monotonic() - begun


@dataclass(eq=False)
class LoopCaller(Caller):
    """The same as a coroutine of ``loop``, which runs on another thread. Its client may go away."""

    loop: asyncio.AbstractEventLoop = None  # type: ignore[assignment] # there is none by default
    task: asyncio.Task[None] | None = None

    def start(self) -> Self:
        """Ask; the answer comes in its own time."""
        self.loop.call_soon_threadsafe(self._begin)
        return self

    def go_away(self) -> None:
        """Whatever it waits for, nobody wants it any more."""
        self.loop.call_soon_threadsafe(self._cancel)

    def _begin(self) -> None:
        self.task = self.loop.create_task(self._ask_on_loop())
        self.task.add_done_callback(lambda task: self._end(task))

    def _cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def _end(self, task: asyncio.Task[None]) -> None:
        # One that is cancelled before it begins never gets to note it.
        self.went_away = self.went_away or task.cancelled()
        self.ended.set()

    async def _ask_on_loop(self) -> None:
        with self._noting():
            self.given = await gateway.answer_on_loop(**self._what())


def check(callers: Sequence[Caller]) -> None:
    """Everybody has exactly their own, in order, and it is what the history says; the refused left nothing behind.

    What somebody asked who went away is there whole or not at all.
    """
    for caller in callers:
        caller.finish()
    assert [caller.broken for caller in callers if caller.broken is not None] == []
    stored = _stored_of(callers)
    for caller in callers:
        if caller.given is not None:
            _check_answered(caller, stored)
        late = f"{type(caller).__name__} of {caller.seconds} s went on for {caller.took:.1f} s"
        assert caller.took < caller.seconds + 2.0, late
    wanted = {answer.id for caller in callers for answer in caller.given or ()}
    for caller in callers:
        if caller.went_away:
            wanted |= _left_behind(caller, stored)
    assert {row.pk for row in stored.values()} == wanted, (
        "a row that nobody was told of, or an answer without one"
    )


def _check_answered(caller: Caller, stored: dict[Any, Prediction]) -> None:
    assert caller.given is not None
    assert not caller.fails, "an answer to what the ml_model cannot answer"
    answers = [answer.outputs["value"] for answer in caller.given]
    assert answers == [caller.factor * value for value in caller.values]
    for value, answer in zip(caller.values, caller.given, strict=True):
        assert (stored[value].pk, stored[value].outputs) == (answer.id, answer.outputs)
        _check_whose(caller, stored[value])


def _left_behind(caller: Caller, stored: dict[Any, Prediction]) -> set[UUID]:
    rows = [stored[value] for value in caller.values if value in stored]
    assert len(rows) in {0, len(caller.values)}, "a part of what somebody asked"
    for row in rows:
        _check_whose(caller, row)
    return {row.pk for row in rows}


def _check_whose(caller: Caller, row: Prediction) -> None:
    assert (row.ml_model_id, row.version_id) == (caller.target.ml_model_id, caller.target.version_id)
    actor = caller.actor
    assert (row.user_id, row.api_key_id, row.visitor) == (actor.user_id, actor.api_key_id, actor.visitor)


def _stored_of(callers: Sequence[Caller]) -> dict[Any, Prediction]:
    """What the history has of their cases, by the value that was asked; a case stored twice is a failure."""
    asked = {value for caller in callers for value in caller.values}
    found: dict[Any, Prediction] = {}
    for row in _rows_of({caller.target.ml_model_id for caller in callers}):
        (value,) = row.inputs
        if value in asked:
            assert value not in found, "a case was stored twice"
            found[value] = row
    return found


def _rows_of(ml_models: Iterable[int]) -> Iterable[Prediction]:
    return Prediction.objects.filter(ml_model_id__in=list(ml_models)).order_by("id")
