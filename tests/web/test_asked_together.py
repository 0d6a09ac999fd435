"""Cases asked together: one line of the history, each its own page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client

from predictions.models import Prediction, PredictionBlock, Review
from predictions.selectors import asks
from predictions.selectors.targets import Target, live_target
from predictions.values import Actor
from tests import factories
from tests.support.asked import GOOD, asked_together
from tests.support.ml_models import LOAN, SUM, make_ml_model

pytestmark = pytest.mark.django_db

Recorded = Callable[..., Prediction]
BAD = {"label": "bad", "probabilities": {"good": 0.25, "bad": 0.75}}
ROWS = [(20 + position, None, "car", True, f"note {position}") for position in range(20)]


@pytest.fixture
def account() -> User:
    return factories.user()


@pytest.fixture
def reader(account: User) -> Client:
    client = Client()
    client.force_login(account)
    return client


@pytest.fixture
def me(account: User) -> Actor:
    return factories.actor_for(account)


@pytest.fixture
def loan() -> Target:
    make_ml_model("loan", LOAN)
    return live_target(Actor(), "loan", fresh=True)


def lines(client: Client, query: str = "") -> list[tuple[UUID, int]]:
    response = client.get(f"/history/{query}")
    assert response.status_code == 200
    return [(line.row.pk, line.together) for line in response.context["lines"]]


def walked(client: Client, query: str, link: str) -> list[list[UUID]]:
    """Ids by page, following a link until there is none."""
    pages = []
    while True:
        response = client.get(f"/history/{query}")
        pages.append([line.row.pk for line in response.context["lines"]])
        query = response.context[link]
        if not query:
            return pages


class TestList:
    def test_many_cases_are_one_line_between_others(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        older = recorded(loan, ROWS[0], actor=me)
        ids = asked_together(loan, ROWS, actor=me)
        newer = recorded(loan, ROWS[0], actor=me)
        assert lines(reader) == [(newer.pk, 1), (ids[0], 20), (older.pk, 1)]
        text = reader.get("/history/").content.decode()
        assert "20 cases asked together" in text
        assert f"/history/?together={ids[0]}" in text

    def test_a_few_cases_stay_lines_of_their_own(self, reader: Client, me: Actor, loan: Target) -> None:
        ids = asked_together(loan, ROWS[:3], actor=me)
        assert lines(reader) == [(row_id, 1) for row_id in reversed(ids)]

    def test_pages_step_over_whole_asks_in_both_directions(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("predictions.web.views.history.PAGE_ROWS", 2)
        heads = []
        for _ in range(3):
            heads += [recorded(loan, ROWS[0], actor=me).pk, asked_together(loan, ROWS, actor=me)[0]]
        heads.reverse()
        pages = walked(reader, "", "older_url")
        assert pages == [heads[:2], heads[2:4], heads[4:]]
        last = reader.get(f"/history/?before={heads[3]}")
        newer = reader.get(f"/history/{last.context['newer_url']}")
        assert [line.row.pk for line in newer.context["lines"]] == heads[2:4]
        newest = reader.get(f"/history/{newer.context['newer_url']}")
        assert [line.row.pk for line in newest.context["lines"]] == heads[:2]
        assert newest.context["newer_url"] == ""

    def test_a_filter_of_one_ml_model_keeps_asks_together(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        make_ml_model("sum", SUM)
        recorded(live_target(Actor(), "sum", fresh=True), (1.0, 2.0, 3.0), actor=me)
        ids = asked_together(loan, ROWS, actor=me)
        assert lines(reader, "?ml_model=loan") == [(ids[0], 20)]

    def test_lines_of_an_ml_model_are_looked_for_in_steps(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asks, "FIRST_LINES", 2)
        monkeypatch.setattr(asks, "MORE_LINES", 2)
        wanted = recorded(loan, ROWS[0], actor=me)
        make_ml_model("sum", SUM)
        total = live_target(Actor(), "sum", fresh=True)
        for _ in range(2):
            recorded(total, (1.0, 2.0, 3.0), actor=me)
            asked_together(total, [(1.0, 2.0, 3.0)] * 16, actor=me)
        first = reader.get("/history/?ml_model=loan")
        assert "Nothing matches among the newest 2." in first.content.decode()
        assert walked(reader, "?ml_model=loan", "older_url")[-1] == [wanted.pk]

    def test_what_a_session_and_its_account_asked_is_one_list(
        self, client: Client, account: User, me: Actor, loan: Target
    ) -> None:
        client.post("/m/loan/", {})
        session = client.session
        visitor = UUID(int=7)
        session["visitor"] = str(visitor)
        session.save()
        before = asked_together(loan, ROWS, actor=Actor(visitor=visitor))
        client.force_login(account)
        session = client.session
        session["visitor"] = str(visitor)
        session.save()
        after = asked_together(loan, ROWS, actor=me)
        assert lines(client) == [(after[0], 20), (before[0], 20)]
        assert [row_id for row_id, _ in lines(client, "?outcome=good")] == [*after[::-1], *before[::-1]][:50]


class TestOpened:
    def test_cases_are_in_the_order_of_the_request(
        self, reader: Client, me: Actor, loan: Target, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("predictions.web.views.history.PAGE_ROWS", 8)
        asked_together(loan, ROWS, actor=me)
        ids = asked_together(loan, ROWS, actor=me)
        asked_together(loan, ROWS, actor=me)
        query = f"?together={ids[0]}"
        assert walked(reader, query, "older_url") == [ids[:8], ids[8:16], ids[16:]]
        last = reader.get(f"/history/{query}&after={ids[15]}")
        assert walked(reader, last.context["newer_url"], "newer_url") == [ids[8:16], ids[:8]]
        assert last.context["newest_url"] == query

    def test_filters_work_inside(self, reader: Client, me: Actor, loan: Target) -> None:
        outputs = [BAD if position == 5 else GOOD for position in range(20)]
        ids = asked_together(loan, ROWS, actor=me, outputs=outputs)
        assert lines(reader, f"?together={ids[0]}&outcome=bad") == [(ids[5], 1)]
        assert 'name="together"' in reader.get(f"/history/?together={ids[0]}").content.decode()

    def test_nobody_opens_what_others_asked(self, reader: Client, loan: Target) -> None:
        ids = asked_together(loan, ROWS, actor=factories.actor_for(factories.user()))
        text = reader.get(f"/history/?together={ids[0]}").content.decode()
        assert "asked together" not in text
        assert str(ids[1]) not in text


class TestOneOfThem:
    def test_it_is_found_by_id_outcome_and_verdict(self, reader: Client, me: Actor, loan: Target) -> None:
        outputs = [BAD if position == 5 else GOOD for position in range(20)]
        ids = asked_together(loan, ROWS, actor=me, outputs=outputs)
        Review.objects.create(
            prediction_id=ids[7], verdict="confirmed", reviewer=factories.user(is_staff=True)
        )
        assert lines(reader, f"?q={ids[11]}") == [(ids[11], 1)]
        assert lines(reader, "?outcome=bad") == [(ids[5], 1)]
        assert lines(reader, "?verdict=confirmed") == [(ids[7], 1)]

    def test_its_page_shows_its_own_case(self, reader: Client, me: Actor, loan: Target) -> None:
        ids = asked_together(loan, ROWS, actor=me, cached=(11,))
        text = reader.get(f"/predictions/{ids[11]}/").content.decode()
        assert "note 11" in text
        assert "an equal case that this version answered before" in text
        other = reader.get(f"/predictions/{ids[12]}/").content.decode()
        assert "note 12" in other
        assert "answered before" not in other

    def test_it_runs_again(self, reader: Client, me: Actor, loan: Target) -> None:
        ids = asked_together(loan, ROWS, actor=me)
        assert 'value="31"' in reader.get(f"/m/loan/?again={ids[11]}").content.decode()

    def test_exports_hold_every_case(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("predictions.web.views.history.CHUNK_ROWS", 7)
        ids = asked_together(loan, ROWS, actor=me)
        single = recorded(loan, ROWS[0], actor=me)
        table = exported(reader, "?ml_model=loan")
        assert [row["id"] for row in table] == [str(single.pk), *map(str, reversed(ids))]
        assert [row["input.note"] for row in table[1:]] == [
            f"note {number}" for number in reversed(range(20))
        ]
        inside = exported(reader, f"?together={ids[0]}")
        assert len(inside) == 20

    def test_a_month_that_went_during_an_export_is_left_out(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        single = recorded(loan, ROWS[0], actor=me)
        asked_together(loan, ROWS, actor=me)
        PredictionBlock.objects.all().delete()
        assert [row["id"] for row in exported(reader)] == [str(single.pk)]

    def test_one_that_was_purged_is_not_there_in_words(self, reader: Client, me: Actor, loan: Target) -> None:
        ids = asked_together(loan, ROWS, actor=me)
        Prediction.objects.all().delete()
        response = reader.get(f"/predictions/{ids[3]}/")
        assert response.status_code == 404
        assert "It may have been removed with its month." in response.content.decode()
        assert reader.get(f"/m/loan/?again={ids[3]}").status_code == 200
        assert lines(reader, f"?before={ids[3]}") == []


def exported(client: Client, query: str = "") -> list[dict[str, str]]:
    response: Any = client.get(f"/history/export.csv{query}")
    return list(csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig"), newline="")))
