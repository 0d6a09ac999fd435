"""Many people asking at once, and the question whether each of them, and nobody else, got what is theirs."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def start(self) -> Caller:
        """Ask; the answer comes in its own time."""
        self.thread.start()
        return self

    def finish(self) -> None:
        """Wait for the end, which must come soon after the deadline at the latest."""
        self.thread.join(self.seconds + 10)
        assert not self.thread.is_alive(), "a caller was forgotten"

    @property
    def fails(self) -> bool:
        """Whether the ml_model cannot answer one of its values."""
        return min(self.values) < 0

    def _ask(self) -> None:
        rows = self.target.validator.check_payload([[value] for value in self.values], max_rows=5000)
        begun = time.monotonic()
        try:
            self.given = gateway.answer(
                target=self.target, rows=rows, actor=self.actor, face="api", seconds=self.seconds
            )
        except DeskError as error:
            self.refused = error
        except BaseException as error:
            self.broken = error
        finally:
            self.took = time.monotonic() - begun
            connection.close()


def check(callers: Sequence[Caller]) -> None:
    """Everybody has exactly their own, in order, and it is what the history says; the refused left nothing behind."""
    for caller in callers:
        caller.finish()
    assert [caller.broken for caller in callers if caller.broken is not None] == []
    stored = _stored_of(callers)
    for caller in callers:
        if caller.given is not None:
            _check_answered(caller, stored)
        assert caller.took < caller.seconds + 2.0, "whoever gives up does so at the deadline"
    wanted = {answer.id for caller in callers for answer in caller.given or ()}
    assert {row.pk for row in stored.values()} == wanted, (
        "a row that nobody was told of, or an answer without one"
    )


def _check_answered(caller: Caller, stored: dict[Any, Prediction]) -> None:
    assert caller.given is not None
    assert not caller.fails, "an answer to what the ml_model cannot answer"
    answers = [answer.outputs["value"] for answer in caller.given]
    assert answers == [caller.factor * value for value in caller.values]
    for value, answer in zip(caller.values, caller.given, strict=True):
        row = stored[value]
        assert (row.pk, row.outputs) == (answer.id, answer.outputs)
        assert (row.ml_model_id, row.version_id) == (caller.target.ml_model_id, caller.target.version_id)
        assert (row.user_id, row.api_key_id, row.visitor) == (
            caller.actor.user_id,
            caller.actor.api_key_id,
            caller.actor.visitor,
        )


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
