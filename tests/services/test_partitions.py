from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from predictions import tasks
from predictions.models import Prediction, PredictionBlock
from predictions.models.ids import earliest_id, first_id
from predictions.selectors.history_parts import BLOCKS, HISTORY, parts
from predictions.services import partitions
from predictions.services.partitions import extend, month_after
from tests import factories
from tests.support.answers import stored


@pytest.fixture
def boundary() -> Iterator[datetime]:
    """Where the parts end that the migration made; what a test adds behind them goes away again."""
    end = parts()[-1].end
    yield end
    with connection.cursor() as cursor:
        for table in (HISTORY, BLOCKS):
            for part in parts(table):
                if part.end > end:
                    cursor.execute(f'DROP TABLE "{part.table}"')


def store_at(moment: datetime) -> UUID:
    begin = UUID(int=earliest_id(moment).int | first_id(2).int & ((1 << 80) - 1))
    return stored(factories.version(), 20, begin=begin)


@pytest.mark.django_db
def test_the_parts_of_both_tables_follow_each_other_from_the_beginning_on():
    for table in (HISTORY, BLOCKS):
        found = parts(table)
        assert found[0].first_id is None
        assert [part.end_id for part in found[:-1]] == [part.first_id for part in found[1:]]
        assert found[-1].end >= month_after(timezone.now(), 3)


@pytest.mark.django_db(transaction=True)
def test_months_are_made_ahead_and_only_once(boundary):
    now = boundary - timedelta(days=1)
    made = extend(2, now)
    months = [f"{month_after(boundary, number):%Y_%m}" for number in range(2)]
    assert made == [f"{table}_{month}" for table in (HISTORY, BLOCKS) for month in months]
    assert extend(2, now) == []
    assert parts()[-1].end == month_after(boundary, 2)
    assert parts(BLOCKS)[-1].end == month_after(boundary, 2)


@pytest.mark.django_db(transaction=True)
def test_new_parts_have_the_indexes_and_the_storage_of_the_others(boundary):
    extend(1, boundary - timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass", [parts()[-1].table])
        assert cursor.fetchone() == (5,)
        cursor.execute(
            "SELECT attstorage FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'content'",
            [parts(BLOCKS)[-1].table],
        )
        assert cursor.fetchone() == ("e",)


@pytest.mark.django_db(transaction=True)
def test_several_at_once_make_each_part_once(boundary):
    made: list[list[str]] = []

    def run() -> None:
        try:
            made.append(extend(4, boundary - timedelta(days=1)))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(names) for names in made) == [0, 0, 0, 8]
    assert parts()[-1].end == month_after(boundary, 4)


@pytest.mark.django_db(transaction=True)
def test_making_parts_waits_for_nobody_who_reads_or_writes(boundary):
    version = factories.version()
    with connection.copy().cursor() as other:
        other.execute("BEGIN")
        other.execute(f"SELECT count(*) FROM {HISTORY}")
        other.execute(f"LOCK TABLE {HISTORY} IN ROW EXCLUSIVE MODE")
        begun = time.monotonic()
        assert len(extend(1, boundary - timedelta(days=1))) == 2
        assert time.monotonic() - begun < 2
        other.execute("ROLLBACK")
        other.connection.close()
    assert version.pk


@pytest.mark.django_db(transaction=True)
def test_an_answer_for_whose_month_there_is_no_part_makes_it(boundary, monkeypatch):
    moment = boundary + timedelta(days=3)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    begin = store_at(moment)
    assert Prediction.objects.filter(pk__gte=begin).count() == 20
    assert PredictionBlock.objects.get().pk == begin
    assert parts()[-1].end == month_after(moment, partitions.MONTHS_AHEAD + 1)


@pytest.mark.django_db(transaction=True)
def test_an_id_of_a_distant_year_is_refused_and_makes_no_parts(boundary):
    before = parts()
    with pytest.raises(IntegrityError):
        store_at(datetime(2990, 1, 1, tzinfo=UTC))
    made = [part for part in parts() if part not in before]
    assert all(part.end <= month_after(timezone.now(), partitions.MONTHS_AHEAD + 1) for part in made)


@pytest.mark.django_db(transaction=True)
def test_the_daily_task_makes_the_months_ahead(boundary, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: boundary + timedelta(days=40))
    tasks.extend_history()
    assert parts()[-1].end == month_after(boundary + timedelta(days=40), partitions.MONTHS_AHEAD + 1)


def test_months_turn_with_the_year():
    assert month_after(datetime(2026, 12, 31, 23, 59, tzinfo=UTC), 1) == datetime(2027, 1, 1, tzinfo=UTC)
    assert month_after(datetime(2026, 11, 23, tzinfo=UTC), 14) == datetime(2028, 1, 1, tzinfo=UTC)
