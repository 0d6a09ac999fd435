"""Cases asked together at the desk: each of them is listed, judged and exported like any other."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client

from predictions.models import MLModel, Prediction
from predictions.selectors import review_queue
from predictions.selectors.review_queue import Queue
from predictions.selectors.targets import live_target
from predictions.values import Actor
from tests.admin.conftest import LIST, confirm, loan, overrule, page_of
from tests.support.asked import asked_together

ROWS = [(20 + position, None, "car", True, f"note {position}") for position in range(20)]


@pytest.fixture
def ids(loans: MLModel) -> list[UUID]:
    """Twenty cases, the third of them uncertain, the fourth taken from an equal one."""
    outputs = [loan(0.52 if position == 2 else 0.9) for position in range(20)]
    target = live_target(Actor(is_staff=True), "loans", fresh=True)
    return asked_together(target, ROWS, actor=Actor(), outputs=outputs, cached=(3,))


def listed(client: Client, query: str = "") -> list[UUID]:
    return [row.pk for row in client.get(f"{LIST}{query}").context["cl"].result_list]


def test_each_is_in_the_queue_and_in_its_filters(desk: Client, ids: list[UUID]) -> None:
    assert listed(desk) == ids[::-1]
    assert listed(desk, "?band=boundary") == [ids[2]]
    assert listed(desk, "?order=uncertain")[0] == ids[2]
    assert listed(desk, f"?q={str(ids[0])[:13]}") == ids[::-1]


def test_its_page_shows_its_own_case(desk: Client, ids: list[UUID]) -> None:
    text = desk.get(page_of(Prediction.objects.get(pk=ids[3]))).content.decode()
    assert "note 3" in text
    assert "an equal case that this version answered before" in text
    assert "answered before" not in desk.get(page_of(Prediction.objects.get(pk=ids[4]))).content.decode()


def test_a_verdict_leads_on_to_the_next_of_them(desk: Client, ids: list[UUID]) -> None:
    response = desk.post(f"{LIST}{ids[7]}/verdict/", {"verdict": "confirmed"})
    assert response["Location"].startswith(f"{LIST}{ids[6]}/change/")
    assert listed(desk, "?verdict=confirmed") == [ids[7]]


def test_the_export_holds_each_case(desk: Client, ids: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictions.admin.exports.CHUNK_ROWS", 6)
    response: Any = desk.get(f"{LIST}export/?ml_model=loans")
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    table = list(csv.DictReader(io.StringIO(text)))
    assert [row["id"] for row in table] == [str(row_id) for row_id in reversed(ids)]
    assert [row["input.note"] for row in table] == [f"note {number}" for number in reversed(range(20))]


def test_reviewed_ones_are_looked_through_in_steps(
    desk: Client, reviewer: User, ids: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_queue, "REVIEWED_ROWS", 2)
    rows = [Prediction.objects.get(pk=row_id) for row_id in ids[:5]]
    overrule(rows[0], reviewer)
    for row in rows[1:]:
        confirm(row, reviewer)
    confirm(rows[4], reviewer)
    first = desk.get(f"{LIST}?verdict=overruled")
    assert list(first.context["cl"].result_list) == []
    assert "The newest 2 answers were looked through." in first.content.decode()
    assert sorted(walked(Queue(verdict="overruled"))) == [ids[0]]
    assert walked(Queue(verdict="confirmed", face="api")) == ids[4:0:-1]
    assert walked(Queue(verdict="given")) == ids[4::-1]


def walked(queue: Queue) -> list[UUID]:
    return [row_id for piece in review_queue.pieces(queue, 3) for row_id in piece]


def test_neighbors_of_reviewed_ones(reviewer: User, ids: list[UUID]) -> None:
    rows = [Prediction.objects.get(pk=row_id) for row_id in ids[:5]]
    for row in rows:
        confirm(row, reviewer)
    queue = Queue(verdict="confirmed")
    assert review_queue.neighbor(queue, rows[2], forward=True) == ids[1]
    assert review_queue.neighbor(queue, rows[2], forward=False) == ids[3]
    uncertain = Queue(verdict="confirmed", order="uncertain")
    assert review_queue.neighbor(uncertain, rows[2], forward=True) == ids[4]
    assert review_queue.neighbor(uncertain, rows[2], forward=False) is None
    assert review_queue.neighbor(uncertain, rows[4], forward=False) == ids[2]
