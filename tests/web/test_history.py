"""What one asked so far: the list, one of it, and the spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from predictions.models import MLModel, Prediction
from predictions.selectors.targets import Target, live_target
from predictions.values import Actor, RawAnswer
from tests import factories
from tests.support.ml_models import LOAN, SUM, make_ml_model
from tests.web.conftest import FakeGateway, judge, signed_in

pytestmark = pytest.mark.django_db

Recorded = Callable[..., Prediction]
VALUES = (40, None, "car", True, "note")
GOOD = RawAnswer(class_index=0, probabilities=(0.9, 0.1))


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


def listed(client: Client, query: str = "") -> str:
    return client.get(f"/history/{query}").content.decode()


def shown(response: Any) -> list[str]:
    return [str(line.row.pk) for line in response.context["lines"]]


def table(client: Client, query: str = "") -> list[dict[str, str]]:
    response = client.get(f"/history/export.csv{query}")
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


class TestList:
    def test_own_answers_are_listed_and_others_are_not(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        mine = recorded(loan, VALUES, actor=me)
        theirs = recorded(loan, VALUES, actor=factories.actor_for(factories.user()))
        text = listed(reader)
        assert str(mine.pk) in text
        assert str(theirs.pk) not in text

    def test_even_staff_see_only_their_own_answers_here(self, loan: Target, recorded: Recorded) -> None:
        theirs = recorded(loan, VALUES, actor=factories.actor_for(factories.user()))
        assert str(theirs.pk) not in listed(signed_in(is_staff=True, is_superuser=True))

    def test_strangers_share_no_history(self, client: Client, loan: Target, recorded: Recorded) -> None:
        theirs = recorded(loan, VALUES, actor=Actor(visitor=uuid4()))
        assert str(theirs.pk) not in listed(client)

    def test_what_a_visitor_asked_stays_after_signing_in(
        self, client: Client, account: User, loan: Target, answers: FakeGateway
    ) -> None:
        client.post("/m/loan/", {"in-age": "40", "in-purpose": "car"})
        row = Prediction.objects.get()
        client.post("/accounts/login/", {"username": account.username, "password": "correct horse 7"})
        assert str(row.pk) in listed(client)
        client.post("/accounts/logout/")
        assert str(row.pk) not in listed(client)

    def test_a_verdict_and_the_right_answer_are_shown(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        judge(recorded(loan, VALUES, actor=me), "overruled", reason="seen", outcome="excellent")
        text = listed(reader)
        assert 'badge bad">overruled' in text
        assert "excellent" in text

    def test_pages_follow_one_another_without_gaps_or_repeats(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("predictions.web.views.history.PAGE_ROWS", 3)
        rows = [str(recorded(loan, VALUES, actor=me).pk) for _ in range(7)][::-1]
        seen, query = [], ""
        while True:
            response = reader.get(f"/history/{query}")
            seen += shown(response)
            if not response.context["older_url"]:
                break
            query = response.context["older_url"]
        assert seen == rows
        newer = reader.get(f"/history/{response.context['newer_url']}")
        assert shown(newer) == rows[3:6]

    def test_long_lists_cost_no_more_queries(
        self,
        reader: Client,
        me: Actor,
        loan: Target,
        recorded: Recorded,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for _ in range(20):
            judge(recorded(loan, VALUES, actor=me), "confirmed")
        # The session, its account, the ml_models to filter by, the lines of these months and those before, the rows.
        with django_assert_num_queries(6):
            listed(reader)

    def test_an_outcome_is_escaped(self, reader: Client, me: Actor, loan: Target, recorded: Recorded) -> None:
        recorded(loan, VALUES, actor=me, outcome="<script>x</script>")
        assert "<script>x" not in listed(reader)

    def test_an_empty_history_leads_to_the_ml_models(self, reader: Client) -> None:
        assert "Nothing asked yet" in listed(reader)


class TestFilters:
    @pytest.fixture
    def rows(self, me: Actor, loan: Target, recorded: Recorded) -> dict[str, Prediction]:
        make_ml_model("sum", SUM)
        total = live_target(Actor(), "sum", fresh=True)
        old = datetime.now(UTC) - timedelta(days=10)
        found = {
            "bad": recorded(loan, VALUES, actor=me),
            "good": recorded(loan, VALUES, actor=me, raw=GOOD, created_at=old),
            "sum": recorded(total, (1.0, 2.0, 3.0), actor=me, raw=RawAnswer(value=6.0)),
        }
        judge(found["bad"], "confirmed")
        judge(found["bad"], "overruled", reason="no")
        judge(found["good"], "confirmed")
        return found

    @pytest.mark.parametrize(
        ("query", "kept"),
        [
            ("?ml_model=sum", {"sum"}),
            ("?ml_model=loan", {"bad", "good"}),
            ("?outcome=good", {"good"}),
            ("?q=oo", {"good"}),
            ("?verdict=overruled", {"bad"}),
            ("?verdict=confirmed", {"good"}),
            ("?verdict=none", {"sum"}),
            (f"?since={datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}", {"bad", "sum"}),
            (f"?until={datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}", {"good"}),
            ("?ml_model=loan&verdict=confirmed", {"good"}),
            ("?q=zebra", set()),
        ],
    )
    def test_a_filter_keeps_what_matches(
        self, reader: Client, rows: dict[str, Prediction], query: str, kept: set[str]
    ) -> None:
        found = shown(reader.get(f"/history/{query}"))
        assert {name for name, row in rows.items() if str(row.pk) in found} == kept
        assert len(found) == len(kept)
        assert len(table(reader, query)) == len(kept)

    def test_an_id_finds_its_row(self, reader: Client, rows: dict[str, Prediction]) -> None:
        assert shown(reader.get(f"/history/?q={rows['sum'].pk}")) == [str(rows["sum"].pk)]

    def test_days_count_in_the_readers_zone(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        late = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
        row = recorded(loan, VALUES, actor=me, created_at=late)
        assert str(row.pk) in listed(reader, "?since=2026-11-01&until=2026-11-01")
        assert str(row.pk) not in listed(reader, "?since=2026-11-01&until=2026-11-01&tz=Asia/Shanghai")
        assert str(row.pk) in listed(reader, "?since=2026-11-02&until=2026-11-02&tz=Asia/Shanghai")

    @pytest.mark.parametrize(
        "query",
        [
            "?since=soon",
            "?verdict=x",
            "?ml_model=x",
            "?tz=../etc",
            "?before=x",
            "?q=%00",
            "?until=9999-12-31",
        ],
    )
    def test_a_mistyped_address_is_no_error(self, reader: Client, query: str) -> None:
        assert reader.get(f"/history/{query}").status_code == 200

    def test_days_the_wrong_way_round_are_told(self, reader: Client) -> None:
        assert "before the first one" in listed(reader, "?since=2026-11-02&until=2026-11-01")

    def test_the_export_link_carries_the_filters(self, reader: Client, rows: dict[str, Prediction]) -> None:
        response = reader.get("/history/?ml_model=loan&outcome=good")
        assert response.context["export_url"] == "/history/export.csv?ml_model=loan&outcome=good"


class TestExport:
    def test_one_ml_model_gives_a_column_per_input(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        row = recorded(loan, VALUES, actor=me)
        judge(row, "overruled", reason="seen", outcome="good")
        (line,) = table(reader, "?ml_model=loan")
        assert line["id"] == str(row.pk)
        assert (line["input.age"], line["input.income"], line["input.owner"]) == ("40", "", "true")
        assert (line["outcome"], line["score"]) == ("bad", "0.75")
        assert (line["verdict"], line["right_answer"], line["review_reason"]) == ("overruled", "good", "seen")

    def test_several_ml_models_share_a_column_of_inputs(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        recorded(loan, VALUES, actor=me)
        (line,) = table(reader)
        assert line["inputs"] == '[40,null,"car",true,"note"]'

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1"])
    def test_no_cell_is_taken_for_a_formula(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded, text: str
    ) -> None:
        recorded(loan, (40, None, "car", True, text), actor=me, outcome=text.strip())
        (line,) = table(reader, "?ml_model=loan")
        assert line["input.note"] == f"'{text}"
        assert line["outcome"] == f"'{text.strip()}"

    def test_negative_numbers_stay_numbers(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        recorded(loan, (40, -2.5, "car", True, ""), actor=me)
        (line,) = table(reader, "?ml_model=loan")
        assert line["input.income"] == "-2.5"

    def test_nobody_exports_what_others_asked(self, client: Client, loan: Target, recorded: Recorded) -> None:
        recorded(loan, VALUES, actor=Actor(visitor=uuid4()))
        recorded(loan, VALUES, actor=factories.actor_for(factories.user()))
        assert table(client) == []

    def test_long_exports_cost_no_more_queries(
        self,
        reader: Client,
        me: Actor,
        loan: Target,
        recorded: Recorded,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for _ in range(10):
            recorded(loan, VALUES, actor=me)
        # The session, its account, the ml_models to filter by, the revisions, the ml_model, the ids, whether older
        # ones are left, the rows.
        with django_assert_max_num_queries(8):
            assert len(table(reader, "?ml_model=loan")) == 10


class TestOne:
    def test_the_case_reads_with_labels_units_and_choices(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        row = recorded(loan, VALUES, actor=me)
        text = reader.get(f"/predictions/{row.pk}/").content.decode()
        for words in ("Age", "40", "years", "not given", "A car", "Yes", "bad", "75%", "signature revision"):
            assert words in text

    @pytest.mark.parametrize("asker", ["visitor", "user"])
    def test_an_answer_of_somebody_else_is_not_there(
        self, client: Client, member: Client, loan: Target, recorded: Recorded, asker: str
    ) -> None:
        actor = Actor(visitor=uuid4()) if asker == "visitor" else factories.actor_for(factories.user())
        row = recorded(loan, VALUES, actor=actor)
        assert client.get(f"/predictions/{row.pk}/").status_code == 404
        assert member.get(f"/predictions/{row.pk}/").status_code == 404

    def test_a_verdict_comes_with_its_reason_and_the_right_answer(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        row = recorded(loan, VALUES, actor=me)
        judge(row, "overruled", reason="<b>Income</b> was wrong", outcome="good")
        text = reader.get(f"/predictions/{row.pk}/").content.decode()
        assert "A reviewer overruled this answer" in text
        assert "&lt;b&gt;Income" in text
        assert "<strong>good</strong>" in text

    def test_run_again_fills_the_form(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        row = recorded(loan, VALUES, actor=me)
        assert f"/m/loan/?again={row.pk}" in reader.get(f"/predictions/{row.pk}/").content.decode()
        text = reader.get(f"/m/loan/?again={row.pk}").content.decode()
        assert 'value="40"' in text
        assert "Stored as" not in text

    def test_a_resting_ml_model_cannot_be_run_again(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        row = recorded(loan, VALUES, actor=me)
        MLModel.objects.get(slug="loan").deployments.all().delete()
        text = reader.get(f"/predictions/{row.pk}/").content.decode()
        assert "Run again" not in text

    def test_answers_outlive_the_right_to_ask(
        self, reader: Client, me: Actor, loan: Target, recorded: Recorded
    ) -> None:
        row = recorded(loan, VALUES, actor=me)
        MLModel.objects.update(visibility="private")
        assert reader.get(f"/predictions/{row.pk}/").status_code == 200
        assert str(row.pk) in listed(reader, "?ml_model=loan")
