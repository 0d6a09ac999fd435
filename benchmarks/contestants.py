"""What the load and the checks need to know of a server, whoever made it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psutil

from benchmarks.cases import Row


@dataclass(frozen=True)
class Answer:
    """One answered case. ``id`` only where the server keeps a history."""

    label: int
    probabilities: tuple[float, ...]
    id: str | None = None


@dataclass(frozen=True)
class Contestant:
    """A running server and how to talk to it about one estimator."""

    name: str
    url: str
    settings: str
    body_of: Callable[[Sequence[Row]], bytes]
    answers_in: Callable[[Any], list[Answer]]
    processes: Callable[[], Mapping[str, list[psutil.Process]]]
    start_seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)
    count_rows: Callable[[], int] | None = None

    def started_in(self, seconds: float) -> Contestant:
        """The same with the time from its start to its first answer."""
        return replace(self, start_seconds=seconds)

    def read(self, body: bytes) -> list[Answer]:
        """The answers in the body of a 200."""
        return self.answers_in(json.loads(body))


def by_probability(shares: Sequence[Sequence[float]]) -> list[Answer]:
    """Answers of a server that gives probabilities only: the label is the likeliest class, as in scikit-learn."""
    return [Answer(max(range(len(row)), key=row.__getitem__), tuple(row)) for row in shares]


def rows_under(name: str) -> Callable[[Sequence[Row]], bytes]:
    """``{name: [[…], …]}``, the body most servers take."""

    def body_of(rows: Sequence[Row]) -> bytes:
        return json.dumps({name: [list(row) for row in rows]}).encode()

    return body_of
