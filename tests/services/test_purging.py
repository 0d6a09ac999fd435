"""Whole months leave the history; what stays is untouched, and nobody who asks notices."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection, transaction

from predictions.errors import Conflict, InvalidRequest, NotAllowed, TryLater
from predictions.models import Prediction, PredictionBlock, Review
from predictions.selectors import history_parts
from predictions.selectors.targets import Target, live_target
from predictions.services import locks, purging
from predictions.services.purging import month_of
from predictions.values import Actor
from tests import factories
from tests.support.asked import asked_together
from tests.support.ml_models import LOAN, make_ml_model
from tests.support.months import months_since

ROW = (40, None, "car", True, "")
MONTHS = [datetime(2026, month, 15, tzinfo=UTC) for month in (7, 8, 9, 10)]
NOVEMBER = datetime(2026, 11, 23, tzinfo=UTC)


class TestMonthOf:
    def test_a_month_is_its_beginning(self) -> None:
        assert month_of("2026-10", now=NOVEMBER) == datetime(2026, 10, 1, tzinfo=UTC)
        assert month_of("2026-11", now=NOVEMBER) == datetime(2026, 11, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text", ["2026-10-15", "2026", "2026-13", "2026-00", "10-2026", "1812-01", "", "last"]
    )
    def test_a_part_of_a_month_is_refused_in_words(self, text: str) -> None:
        with pytest.raises(InvalidRequest, match="whole months"):
            month_of(text, now=NOVEMBER)

    def test_a_month_that_is_not_over_stays(self) -> None:
        with pytest.raises(InvalidRequest, match="The latest you can write is 2026-11"):
            month_of("2026-12", now=NOVEMBER)


@pytest.fixture
def admin(db: None) -> Actor:
    return factories.actor_for(factories.user(is_staff=True, is_superuser=True))


@pytest.fixture
def loan(db: None) -> Target:
    make_ml_model("loan", LOAN)
    return live_target(Actor(), "loan", fresh=True)


@pytest.fixture
def months(db: None) -> Iterator[None]:
    with months_since(datetime(2026, 7, 1, tzinfo=UTC)):
        yield


@pytest.fixture
def ids(months: None, loan: Target) -> dict[int, list[UUID]]:
    """By month 20 cases in a block and one of its own, two of them reviewed."""
    found = {}
    reviewer = User.objects.create_user("rita")
    for moment in MONTHS:
        together = asked_together(loan, [ROW] * 20, actor=Actor(), at=moment)
        found[moment.month] = [*together, *asked_together(loan, [ROW], actor=Actor(), at=moment)]
        for row_id in (together[3], found[moment.month][-1]):
            Review.objects.create(prediction_id=row_id, verdict="confirmed", reviewer=reviewer)
    return found


SEPTEMBER = datetime(2026, 9, 1, tzinfo=UTC)


class TestPurge:
    def test_the_months_before_leave_with_their_reviews_and_blocks(
        self, ids: dict[int, list[UUID]], admin: Actor
    ) -> None:
        done = purging.purge(before=SEPTEMBER, actor=admin)
        assert (done.answers, done.reviews) == (42, 4)
        assert set(Prediction.objects.values_list("pk", flat=True)) == {*ids[9], *ids[10]}
        assert set(PredictionBlock.objects.values_list("pk", flat=True)) == {ids[9][0], ids[10][0]}
        assert set(Review.objects.values_list("prediction_id", flat=True)) == {
            row_id for month in (9, 10) for row_id in (ids[month][3], ids[month][-1])
        }
        assert Prediction.objects.get(pk=ids[9][5]).inputs == list(ROW)

    def test_their_tables_are_gone(self, ids: dict[int, list[UUID]], admin: Actor) -> None:
        purging.purge(before=SEPTEMBER, actor=admin)
        for parent in (history_parts.HISTORY, history_parts.BLOCKS):
            assert min(part.begin or part.end for part in history_parts.parts(parent)) == SEPTEMBER
            assert history_parts.detached(parent, purging.MARK) == []

    def test_a_plan_says_what_would_leave_and_removes_nothing(self, ids: dict[int, list[UUID]]) -> None:
        wanted = purging.plan(SEPTEMBER)
        assert [(one.title, one.answers) for one in wanted.going if one.answers] == [
            ("July 2026", 21),
            ("August 2026", 21),
        ]
        assert wanted.reviews == 4
        assert Prediction.objects.count() == 84

    def test_of_a_part_that_stays_only_the_older_rows_leave(
        self, loan: Target, admin: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(purging, "ROWS_AT_ONCE", 8)
        old = asked_together(loan, [ROW] * 20, actor=Actor(), at=MONTHS[0])
        kept = asked_together(loan, [ROW] * 20, actor=Actor(), at=MONTHS[2])
        tables = [part.table for part in history_parts.parts()]
        assert purging.purge(before=SEPTEMBER, actor=admin).answers == len(old)
        assert [part.table for part in history_parts.parts()] == tables
        assert set(Prediction.objects.values_list("pk", flat=True)) == set(kept)
        assert PredictionBlock.objects.count() == 1

    def test_it_is_written_down_who_removed_what(self, ids: dict[int, list[UUID]], admin: Actor) -> None:
        purging.purge(before=SEPTEMBER, actor=admin)
        entry = LogEntry.objects.get()
        assert entry.user_id == admin.user_id
        assert entry.object_repr == "Answers before 2026-09"
        assert "42 answers and 4 reviews" in entry.get_change_message()

    def test_once_more_finds_nothing(self, ids: dict[int, list[UUID]], admin: Actor) -> None:
        purging.purge(before=SEPTEMBER, actor=admin)
        assert purging.purge(before=SEPTEMBER, actor=admin).answers == 0
        assert LogEntry.objects.count() == 1

    @pytest.mark.parametrize("columns", [{}, {"is_staff": True}])
    def test_only_admins_may(self, ids: dict[int, list[UUID]], columns: dict[str, bool]) -> None:
        with pytest.raises(NotAllowed):
            purging.purge(before=SEPTEMBER, actor=factories.actor_for(factories.user(**columns)))
        assert Prediction.objects.count() == 84

    def test_an_interrupted_purge_is_finished_by_the_next(
        self, ids: dict[int, list[UUID]], admin: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(purging, "_drop", _fail)
            with pytest.raises(RuntimeError, match="power"):
                purging.purge(before=SEPTEMBER, actor=admin)
        assert history_parts.detached(history_parts.HISTORY, purging.MARK)
        purging.purge(before=SEPTEMBER, actor=admin)
        assert history_parts.detached(history_parts.HISTORY, purging.MARK) == []
        assert Prediction.objects.count() == 42


def _fail(table: str) -> None:
    raise RuntimeError("power cut")


@pytest.mark.django_db(transaction=True)
class TestMeanwhile:
    def test_answers_are_stored_without_a_failure_or_a_long_wait(
        self, ids: dict[int, list[UUID]], admin: Actor, loan: Target
    ) -> None:
        stop, waits, failures, stored = threading.Event(), list[float](), list[Exception](), list[UUID]()

        def write() -> None:
            while not stop.is_set():
                begun = time.perf_counter()
                try:
                    stored.extend(asked_together(loan, [ROW] * 16, actor=Actor()))
                except Exception as error:
                    failures.append(error)
                waits.append(time.perf_counter() - begun)
            connection.close()

        writers = [threading.Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        try:
            while len(waits) < 10:
                time.sleep(0.01)
            purging.purge(before=SEPTEMBER, actor=admin)
            count = len(waits)
            while len(waits) < count + 5:
                time.sleep(0.01)
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        assert failures == []
        assert not Prediction.objects.filter(pk__in=ids[7] + ids[8]).exists()
        assert Prediction.objects.filter(pk__in=stored).count() == len(stored)
        # What a lock may hold up, and what a busy machine adds to it.
        assert max(waits) < locks.LOCK_TIMEOUT_MS / 1000 + 0.9

    def test_a_long_reader_is_not_disturbed_and_holds_nobody_up(
        self, ids: dict[int, list[UUID]], admin: Actor, loan: Target, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locks, "LOCK_SECONDS", 1.0)
        reading, done = threading.Event(), threading.Event()
        seen: list[int] = []

        def read() -> None:
            with transaction.atomic():
                Prediction.objects.first()
                reading.set()
                done.wait(30)
                seen.append(Prediction.objects.filter(pk__in=ids[7]).count())
            connection.close()

        reader = threading.Thread(target=read)
        reader.start()
        waits = []
        try:
            assert reading.wait(10)
            purge = _InThread(admin)
            while purge.is_alive():
                begun = time.perf_counter()
                asked_together(loan, [ROW], actor=Actor())
                waits.append(time.perf_counter() - begun)
            assert isinstance(purge.error, TryLater)
        finally:
            done.set()
            reader.join()
        assert seen == [21]
        assert max(waits) < locks.LOCK_TIMEOUT_MS / 1000 + 0.9
        assert purging.purge(before=SEPTEMBER, actor=admin).answers == 42

    def test_two_purges_at_once_are_one_too_many(self, ids: dict[int, list[UUID]], admin: Actor) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [purging._ONE_AT_A_TIME])
        try:
            purge = _InThread(admin)
            purge.join()
            assert isinstance(purge.error, Conflict)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [purging._ONE_AT_A_TIME])


class _InThread(threading.Thread):
    """A purge on a connection of its own, under way."""

    def __init__(self, admin: Actor) -> None:
        super().__init__()
        self.admin = admin
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            purging.purge(before=SEPTEMBER, actor=self.admin)
        except Exception as error:
            self.error = error
        finally:
            connection.close()
