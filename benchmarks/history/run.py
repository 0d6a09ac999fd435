"""Fill both histories, ask for every page of both in turn, store answers into both, and purge a month."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection, reset_queries

from benchmarks.history import databases, pages, people, plans, purging, rows, storing
from benchmarks.history.databases import Database
from benchmarks.history.measuring import BAR, call_of, clients_of, measured, table
from benchmarks.history.pages import Page
from benchmarks.history.people import People
from predictions.models import Prediction, PredictionBlock

SMALL, LARGE = "history_small", "history_large"
MONTHS = 14


def main(arguments: Sequence[str]) -> int:
    """``ROWS ROUNDS ONLY [again]``; see ``__main__``."""
    count, rounds, only = int(arguments[0]), int(arguments[1]), arguments[2]
    now = datetime.now(UTC)
    again = "again" in arguments[3:]
    small, large, who = found() if again else filled(count, now)
    asked = [page for page in pages.pages(ids(small, large), now) if only in page.name]
    figures = measured(small, large, who, asked, rounds)
    if not only:
        figures += storing.measured(small, large, who, rounds * 4)
    print("\n".join(table(figures)))
    wrong = examined(large, who, asked)
    print("\n".join(wrong) or "No statement reads a whole part or more rows than a window.")
    if not only:
        with large.used():
            print(purging.measured(who))
    return 1 if wrong or any(one.ratio > BAR for one in figures) else 0


def filled(count: int, now: datetime) -> tuple[Database, Database, People]:
    """Both histories: the last hour in both, and in the large one all the months before it."""
    hour = now - timedelta(hours=1)
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(MONTHS):
        first = (first - timedelta(days=1)).replace(day=1)
    small = databases.make(SMALL)
    databases.migrate(small)
    with small.used():
        who = people.make(now)
        rows.arrange(first)
        rows.of_one(who, "rare", 13, first, hour)
        # What the pages of months ago show, so that both histories show as much.
        rows.of_one(who, "heavy", 60, now - timedelta(days=100), now - timedelta(days=91))
        rows.of_one(who, "gone", 60, now - timedelta(days=40), now - timedelta(days=35))
        rows.singles(who, 2_000, now - timedelta(days=120), now - timedelta(days=91), "months ago")
        rows.seldom(who, 30)
        rows.singles(who, 6_000, hour, now - timedelta(minutes=1), "new")
        rows.blocks(who, 120, 16, hour, now - timedelta(minutes=30), "new")
        rows.reviews(who, 0.2, hour, now)
        rows.settle()
    small.close()
    large = databases.make(LARGE, SMALL)
    begun = time.monotonic()
    with large.used():
        rows.singles(who, count - count // rows.IN_BLOCKS, first, hour, "old")
        asks = max(count // rows.IN_BLOCKS // rows.BLOCK_ROWS, 1)
        rows.blocks(who, asks, rows.BLOCK_ROWS, first, hour, "old")
        rows.blocks(who, 110, 200, now - timedelta(minutes=30), now - timedelta(minutes=5), "bulk")
        rows.reviews(who, min(3_000 / count, 0.5), first, hour)
        rows.settle()
    print(f"{count:,} rows over {MONTHS} months, made in {time.monotonic() - begun:.0f} s.", flush=True)
    return small, large, who


def found() -> tuple[Database, Database, People]:
    """What an earlier run left; its keys cannot be known again, so they are made anew."""
    small, large = Database(SMALL), Database(LARGE)
    with small.used():
        who = people.known()
    with large.used():
        people.adopt(who)
    return small, large, who


def ids(small: Database, large: Database) -> dict[str, UUID]:
    """Cases that both histories hold."""
    with large.used():  # where an earlier run removed a month
        old = Prediction.objects.filter(user__username="rare").order_by("pk").first()
    with small.used():
        newest = Prediction.objects.filter(user__username="heavy").order_by("-pk").first()
        block = PredictionBlock.objects.order_by("pk").filter(rows=16).first()
        if newest is None or old is None or block is None:
            raise SystemExit("The small history is not as it was made; leave out --again.")
        first = block.pk if Prediction.objects.filter(pk=block.pk, user__username="bulk") else _next(block.pk)
        return {"single": newest.pk, "old": old.pk, "first": first, "in_block": UUID(int=first.int + 3)}


def _next(block_id: UUID) -> UUID:
    following = PredictionBlock.objects.filter(pk__gt=block_id).order_by("pk")
    return following.values_list("pk", flat=True)[0]


def examined(large: Database, who: People, asked: Sequence[Page]) -> list[str]:
    """What is wrong with the statements behind the pages, in words."""
    clients = clients_of(large, who)
    wrong: dict[str, str] = {}
    with large.used() as wrapper:
        for page in asked:
            wrapper.force_debug_cursor = True
            reset_queries()
            call_of(clients, page)()
            statements = [query["sql"] or "" for query in connection.queries]
            wrapper.force_debug_cursor = False
            for one in plans.findings(statements):
                wrong.setdefault(one.statement, f"{page.name}: {one.words}: {one.statement[:1500]}")
    return list(wrong.values())


if __name__ == "__main__":
    sys.exit("Run python -m benchmarks.history.")
