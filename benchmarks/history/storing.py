"""Storing answers into both histories, as a worker does: many callers of one row, and one of a thousand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.history.databases import Database
from benchmarks.history.measuring import Figure, in_turn
from benchmarks.history.people import People
from predictions.models.ids import first_id
from predictions.services.storing import Answered, store
from predictions.values import Ask, Group

ROW: list[Any] = [0.5, 1.25, 3.5, 4.0, 17.0, 2.5, 8.0, 0.0, 1.0, 9.5, 11.0, 3.25]
OUTPUTS = {"label": "good", "probabilities": {"good": 0.7, "bad": 0.3}}
SIZES = {
    "store one answer": (1, 1),
    "store 64 callers' answers": (64, 1),
    "store 1,000 cases of one": (1, 1_000),
}


def group(people: People, callers: int, cases: int) -> tuple[Group, list[Answered]]:
    """A group of that shape, answered."""
    now = time.time()
    asks = [
        Ask(
            number=number,
            first_id=first_id(cases),
            rows=[ROW] * cases,
            warnings=[[]] * cases,
            face="api",
            deadline=now + 10,
            api_key_id=people.columns["other_key"],
        )
        for number in range(callers)
    ]
    columns = people.columns
    made = Group(
        id=1,
        reply_to="",
        ml_model_id=columns["ml_models"][0],
        version_id=columns["versions"][0],
        revision_id=columns["revisions"][0],
        sent_at=now,
        asks=asks,
    )
    return made, [Answered(ask, [OUTPUTS] * cases) for ask in asks]


def measured(small: Database, large: Database, people: People, rounds: int) -> list[Figure]:
    """Each shape of group, stored into both."""

    def call_of(callers: int, cases: int) -> Callable[[], None]:
        def call() -> None:
            made, answered = group(people, callers, cases)
            store(group=made, answered=answered, now=time.time())

        return call

    return [in_turn(name, small, large, [call_of(*shape)] * 2, rounds) for name, shape in SIZES.items()]
