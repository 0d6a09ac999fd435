"""Looking through a bounded number of answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from predictions.models import MLModel, Prediction
from predictions.selectors import windows
from predictions.selectors.windows import Seen
from tests.support.ml_models import SUM, make_ml_model
from tests.support.moments import id_at

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def ml_model(db: None) -> MLModel:
    return make_ml_model("sum", SUM)


@pytest.fixture
def answers(ml_model: MLModel) -> Callable[[str], list[UUID]]:
    """``answers("aba")`` stores one answer per letter, its outcome, a second apart; their ids, the oldest first."""
    version = ml_model.versions.get()

    def make(outcomes: str) -> list[UUID]:
        ids = [id_at(NOW + timedelta(seconds=place)) for place in range(len(outcomes))]
        for place, (row_id, outcome) in enumerate(zip(ids, outcomes, strict=True)):
            row = Prediction(
                id=row_id,
                ml_model=ml_model,
                version=version,
                revision=version.current_revision,
                outcome=outcome,
                score=place % 3,
                face="api",
                created_at=NOW,
                duration_ms=1,
            )
            row.inputs, row.outputs = [1, 2, 3], {"value": 1.0}
            row.save(force_insert=True)
        return ids

    return make


ALL = windows.everything()
B = Q(outcome="b")


class TestLook:
    def test_stops_when_enough_are_found(self, answers: Callable[[str], list[UUID]]) -> None:
        ids = answers("bbbbbb")
        assert windows.look(ALL, B, limit=2, rows=4) == Seen((ids[5], ids[4]))

    def test_says_where_it_stopped_when_the_window_is_used_up(
        self, answers: Callable[[str], list[UUID]]
    ) -> None:
        ids = answers("babaab")
        assert windows.look(ALL, B, limit=3, rows=4) == Seen((ids[5], ids[2]), ids[2])

    def test_says_nothing_more_when_all_were_looked_at(self, answers: Callable[[str], list[UUID]]) -> None:
        ids = answers("bab")
        assert windows.look(ALL, B, limit=3, rows=4) == Seen((ids[2], ids[0]))

    def test_goes_the_other_way_as_well(self, answers: Callable[[str], list[UUID]]) -> None:
        ids = answers("abaabb")
        assert windows.look(ALL, B, limit=2, rows=4, ascending=True) == Seen((ids[1],), ids[3])

    def test_without_a_condition_there_is_no_window(self, answers: Callable[[str], list[UUID]]) -> None:
        ids = answers("abcdef")
        assert windows.look(ALL, None, limit=6, rows=4) == Seen(tuple(reversed(ids)))

    def test_the_least_certain_of_the_window_come_first(self, answers: Callable[[str], list[UUID]]) -> None:
        ids = answers("bbbbbb")
        found = windows.least_certain(ALL, B, limit=3, rows=4)
        assert found == Seen((ids[3], ids[4], ids[5]), ids[2])

    def test_it_reads_no_more_rows_than_a_window(self, answers: Callable[[str], list[UUID]]) -> None:
        answers("aaaaaaaaaa")
        with CaptureQueriesContext(connection) as asked:
            windows.look(ALL, B, limit=5, rows=4)
        with connection.cursor() as cursor:
            cursor.execute(
                "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + asked[0]["sql"].replace("%", "%%"), []
            )
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "actual rows=4.00" in plan
        assert "actual rows=10.00" not in plan


@given(
    outcomes=st.lists(st.tuples(st.booleans(), st.sampled_from("ab")), max_size=30),
    limit=st.integers(1, 6),
    window=st.integers(1, 6),
    ascending=st.booleans(),
)
def test_two_sources_are_walked_without_gaps_or_repeats(
    outcomes: list[tuple[bool, str]], limit: int, window: int, ascending: bool
) -> None:
    """``merged`` against a list in memory: each number is in one source or the other, and fits or not."""
    numbered = [(UUID(int=1 + place), *one) for place, one in enumerate(outcomes)]

    def part(mine: bool, beyond: UUID | None) -> Seen:
        rows = [row for row in numbered if row[1] is mine]
        rows = [
            row for row in rows if beyond is None or ((row[0] > beyond) if ascending else (row[0] < beyond))
        ]
        rows.sort(reverse=not ascending)
        looked = rows[:window]
        fitting = [row_id for row_id, _mine, outcome in looked if outcome == "b"]
        if len(fitting) >= limit:
            return Seen(tuple(fitting[:limit]))
        return Seen(tuple(fitting), looked[-1][0] if len(looked) == window else None)

    walked: list[UUID] = []
    beyond: UUID | None = None
    while True:
        seen = windows.merged([part(True, beyond), part(False, beyond)], limit=limit, ascending=ascending)
        walked += seen.ids
        if len(seen.ids) < limit and seen.end is None:
            break
        beyond = seen.end or seen.ids[-1]
    wanted = [row_id for row_id, _mine, outcome in numbered if outcome == "b"]
    assert walked == (wanted if ascending else wanted[::-1])
