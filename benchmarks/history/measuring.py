"""Asking for every page of both histories, in turn, and what it took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.test import Client

from benchmarks.history.databases import Database
from benchmarks.history.pages import Page
from benchmarks.history.people import People
from predictions.selectors.targets import shelf

BAR = 1.2
WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Taken:
    """Medians in milliseconds: by the clock, and of processor (this process and its PostgreSQL)."""

    clock: float
    processor: float


@dataclass(frozen=True, slots=True)
class Figure:
    """The same done in the small history and in the large one."""

    name: str
    small: Taken
    large: Taken

    @property
    def ratio(self) -> float:
        """Large to small, by the clock."""
        return self.large.clock / self.small.clock

    @property
    def processor_ratio(self) -> float:
        """The same of processor time, which other programs on the machine disturb less."""
        return self.large.processor / self.small.processor if self.small.processor else self.ratio


def in_turn(
    name: str, small: Database, large: Database, calls: Sequence[Callable[[], None]], rounds: int
) -> Figure:
    """Call each of two with its database, one after the other, the first of them in turn."""
    taken: list[list[tuple[float, float]]] = [[], []]
    both = list(enumerate(zip((small, large), calls, strict=True)))
    for turn in range(rounds + WARM_UP):
        for place, (database, call) in both if turn % 2 else both[::-1]:
            with database.used():
                once = _timed(call, database)
            if turn >= WARM_UP:
                taken[place].append(once)
    of_small, of_large = (
        Taken(*(statistics.median(column) for column in zip(*one, strict=True))) for one in taken
    )
    return Figure(name, of_small, of_large)


def measured(
    small: Database, large: Database, who: People, asked: Sequence[Page], rounds: int
) -> list[Figure]:
    """Every page."""
    clients = [clients_of(database, who) for database in (small, large)]
    return [
        in_turn(page.name, small, large, [call_of(one, page) for one in clients], rounds) for page in asked
    ]


def clients_of(database: Database, who: People) -> dict[str, Client]:
    """A browser for each account and a program for each key."""
    found = {name: Client(headers={"Authorization": f"Bearer {text}"}) for name, text in who.keys.items()}
    with database.used():
        for name in ("heavy", "gone", "rare", "bulk", "reviewer"):
            found[name] = Client()
            found[name].force_login(who.accounts[name])
    return found


def call_of(clients: dict[str, Client], page: Page) -> Callable[[], None]:
    """One request, with its answer looked at."""

    def call() -> None:
        shelf.clear()
        response = clients[page.who].get(page.address)
        if response.status_code != page.status:
            raise SystemExit(f"{page.name}: {response.status_code} instead of {page.status}")

    return call


def table(figures: Sequence[Figure]) -> list[str]:
    """Markdown; what is above the bar is marked."""
    lines = ["| | small, ms | large, ms | ratio | processor, ms | ratio |", "|---|---|---|---|---|---|"]
    for one in figures:
        ratios = [
            f"{ratio:.2f}" + (" **above**" if ratio > BAR else "")
            for ratio in (one.ratio, one.processor_ratio)
        ]
        lines.append(
            f"| {one.name} | {one.small.clock:.1f} | {one.large.clock:.1f} | {ratios[0]} "
            f"| {one.small.processor:.1f} → {one.large.processor:.1f} | {ratios[1]} |"
        )
    above = sum(one.ratio > BAR for one in figures)
    return [*lines, "", f"{above} of {len(figures)} above {BAR} times."]


def _timed(call: Callable[[], None], database: Database) -> tuple[float, float]:
    processor = database.processor_seconds()
    begun = time.perf_counter()
    call()
    clock = time.perf_counter() - begun
    return clock * 1000, (database.processor_seconds() - processor) * 1000
