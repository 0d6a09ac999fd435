"""The reviewer's list: what each filter keeps, how it is searched, what it costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from predictions.admin import cells
from predictions.models import MLModel, Prediction
from predictions.selectors import review_queue, windows
from predictions.services import api_keys
from tests.admin.conftest import LIST, confirm, loan, overrule, page_of
from tests.support.ml_models import LOAN, add_version

Record = Callable[..., Prediction]


def listed(client: Client, **params: object) -> list[Prediction]:
    """The rows of the list at that address, in order."""
    response = client.get(f"{LIST}?{urlencode(params)}")
    assert response.status_code == 200, response
    return list(response.context["cl"].result_list)


def test_begins_with_what_nobody_has_judged_newest_first(
    desk: Client, reviewer: User, several: list[Prediction]
) -> None:
    confirm(several[1], reviewer)
    overrule(several[3], reviewer)
    assert listed(desk) == [several[0], several[2], several[4]]


def test_keeps_one_ml_model(desk: Client, loans: MLModel, sums: MLModel, answer: Record) -> None:
    answer(loans, loan(0.9))
    kept = answer(sums, {"value": 6.0})
    assert listed(desk, ml_model="sums") == [kept]


def test_keeps_one_version(desk: Client, loans: MLModel, answer: Record) -> None:
    answer(loans, loan(0.9))
    kept = answer(loans, loan(0.9), version=add_version(loans, LOAN))
    assert listed(desk, ml_model="loans", version=2) == [kept]


def test_keeps_one_outcome_in_any_case(desk: Client, loans: MLModel, answer: Record) -> None:
    answer(loans, loan(0.9, "good"))
    kept = answer(loans, loan(0.9, "bad"))
    assert listed(desk, outcome="BAD") == [kept]


@pytest.mark.parametrize(
    ("band", "shares"),
    [
        ("under60", [0.52, 0.58]),
        ("60to80", [0.6, 0.7]),
        ("80to95", [0.8, 0.95]),
        ("over95", [0.97]),
        ("boundary", [0.52]),
    ],
)
def test_keeps_a_band_of_probability(
    desk: Client, loans: MLModel, answer: Record, band: str, shares: list[float]
) -> None:
    for share in (0.52, 0.58, 0.6, 0.7, 0.8, 0.95, 0.97):
        answer(loans, loan(share))
    assert sorted(row.score or 0 for row in listed(desk, band=band)) == shares


def test_boundary_compares_the_two_best_of_many_classes(desk: Client, loans: MLModel, answer: Record) -> None:
    near = answer(loans, {"label": "a", "probabilities": {"a": 0.40, "b": 0.35, "c": 0.25}})
    answer(loans, {"label": "a", "probabilities": {"a": 0.50, "b": 0.25, "c": 0.25}})
    without_one = answer(loans, {"label": "a", "probabilities": {"a": 0.40, "b": 0.35, "c": None}})
    assert listed(desk, band="boundary") == [without_one, near]


def test_numbers_between_0_and_1_are_not_probabilities(desk: Client, sums: MLModel, answer: Record) -> None:
    answer(sums, {"value": 0.3})
    assert listed(desk, band="under60") == []
    assert listed(desk, order="uncertain") == []


def test_keeps_one_face(desk: Client, loans: MLModel, answer: Record) -> None:
    answer(loans, loan(0.9))
    kept = answer(loans, loan(0.9), face="api")
    assert listed(desk, face="api") == [kept]


def test_keeps_by_verdict_and_the_newest_one_counts(
    desk: Client, reviewer: User, several: list[Prediction]
) -> None:
    overrule(several[0], reviewer)
    confirm(several[0], reviewer)
    overrule(several[1], reviewer)
    assert listed(desk, verdict="confirmed") == [several[0]]
    assert listed(desk, verdict="overruled") == [several[1]]
    assert listed(desk, verdict="given") == several[:2]
    assert listed(desk, verdict="any") == several


def test_keeps_by_day(desk: Client, loans: MLModel, answer: Record) -> None:
    today = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    days = [answer(loans, loan(0.9), at=today - timedelta(days=back)) for back in range(4)]
    day = [(today - timedelta(days=back)).date() for back in range(4)]
    assert listed(desk, since=day[2]) == days[:3]
    assert listed(desk, until=day[2]) == days[2:]
    assert listed(desk, since=day[2], until=day[1]) == days[1:3]


def test_keeps_those_with_or_without_warnings(desk: Client, loans: MLModel, answer: Record) -> None:
    plain = answer(loans, loan(0.9))
    warned = answer(loans, loan(0.9), warnings=[{"field": "age", "code": "x", "message": "Age is unusual."}])
    assert listed(desk, warnings="yes") == [warned]
    assert listed(desk, warnings="no") == [plain]


def test_least_certain_first(desk: Client, several: list[Prediction]) -> None:
    assert [row.score for row in listed(desk, order="uncertain")] == [0.52, 0.58, 0.7, 0.9, 0.97]


def test_filters_work_together(desk: Client, loans: MLModel, sums: MLModel, answer: Record) -> None:
    answer(sums, {"value": 6.0}, face="api")
    answer(loans, loan(0.55), face="form")
    kept = answer(loans, loan(0.55), face="api")
    assert listed(desk, ml_model="loans", band="under60", face="api", outcome="good") == [kept]


@pytest.mark.parametrize(
    "query",
    [
        "band=nonsense",
        "version=abc",
        "version=99999999999999999999",
        "since=yesterday",
        "since=0001-01-01",
        "until=9999-12-31",
        "older=nonsense",
        "verdict=%27%3B--",
        "unknown__lookup=1",
        "outcome=%00",
        "q=%00",
        "o=1.2",
    ],
)
def test_what_cannot_be_read_filters_nothing(desk: Client, several: list[Prediction], query: str) -> None:
    response = desk.get(f"{LIST}?{query}")
    assert response.status_code == 200
    assert list(response.context["cl"].result_list) == several


def test_a_page_beyond_the_last_leads_back(
    desk: Client, several: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("predictions.admin.predictions.PredictionAdmin.list_per_page", 2)
    assert desk.get(f"{LIST}?p=7").status_code == 302


# --- Search -----------------------------------------------------------------------------------------------


def test_a_whole_id_opens_its_answer_whatever_its_verdict(
    desk: Client, reviewer: User, several: list[Prediction]
) -> None:
    confirm(several[2], reviewer)
    response = desk.get(f"{LIST}?q={several[2].pk}")
    assert response.status_code == 302
    assert response["Location"] == page_of(several[2])


@pytest.mark.parametrize("length", [8, 13, 14, 30])
def test_the_beginning_of_an_id_finds_it(
    desk: Client, reviewer: User, loans: MLModel, answer: Record, length: int
) -> None:
    answer(loans, loan(0.9), at=timezone.now() - timedelta(days=3))
    wanted = answer(loans, loan(0.9))
    confirm(wanted, reviewer)
    assert listed(desk, q=str(wanted.pk)[:length].upper()) == [wanted]


def test_an_unknown_id_finds_nothing(desk: Client, several: list[Prediction]) -> None:
    assert listed(desk, q=uuid4()) == []


def test_other_words_are_looked_for_among_answers(desk: Client, loans: MLModel, answer: Record) -> None:
    answer(loans, loan(0.9, "good"))
    kept = answer(loans, loan(0.9, "bad"))
    assert listed(desk, q="Bad") == [kept]


def test_search_by_id_reads_a_range_of_the_primary_key(several: list[Prediction]) -> None:
    with CaptureQueriesContext(connection) as found:
        review_queue.count_up_to(review_queue.Queue.parse({"q": str(several[0].pk)[:8]}), 5)
    (sql,) = [query["sql"] for query in found]
    assert "LIKE" not in sql.upper()
    assert '"id" >=' in sql


# --- Tabs and cells ---------------------------------------------------------------------------------------


def test_tabs_are_shortcuts_that_keep_the_ml_model(
    desk: Client, reviewer: User, loans: MLModel, sums: MLModel, answer: Record
) -> None:
    answer(sums, {"value": 1.0})
    sure = answer(loans, loan(0.97))
    unsure = answer(loans, loan(0.52))
    wrong = answer(loans, loan(0.9))
    overrule(wrong, reviewer)
    tabs = desk.get(f"{LIST}?ml_model=loans").context["cl"].tabs
    found = {str(tab.title): list(desk.get(LIST + tab.address).context["cl"].result_list) for tab in tabs}
    assert found == {
        "To review": [unsure, sure],
        "Uncertain": [unsure],
        "With warnings": [],
        "Overruled": [wrong],
        "All": [wrong, unsure, sure],
    }
    assert [tab.is_active for tab in tabs] == [True, False, False, False, False]


def test_a_row_says_when_what_how_sure_who_and_how_it_was_judged(
    desk: Client, reviewer: User, loans: MLModel, answer: Record
) -> None:
    key, _text = api_keys.create(name="Northwind")
    warning = {"field": "age", "code": "above_training", "message": "Age is above training."}
    row = answer(loans, loan(0.731), api_key=key, face="api", warnings=[warning])
    overrule(row, reviewer)
    body = desk.get(f"{LIST}?verdict=any").content.decode()
    for text in (
        "Loans v1",
        "good",
        "73.1%",
        "width:73.1%",
        "key Northwind",
        "API",
        "warnings</span>",
        "overruled",
    ):
        assert text in body
    assert f'datetime="{row.created_at.isoformat()}"' in body


def test_a_number_is_listed_with_its_unit_and_without_a_bar(
    desk: Client, answer: Record, sums: MLModel
) -> None:
    revision = sums.versions.get().current_revision
    assert revision is not None
    revision.document["outputs"][0] |= {"unit": "cm", "decimals": 2}
    revision.save()
    answer(sums, {"value": 6.0})
    body = desk.get(LIST).content.decode()
    assert "6.00 cm" in body
    assert "desk-mini-bar" not in body


def test_the_choices_of_outcomes_are_the_classes_of_the_ml_model(
    desk: Client, several: list[Prediction]
) -> None:
    body = desk.get(f"{LIST}?ml_model=loans").content.decode()
    assert '<option value="good"></option><option value="bad"></option>' in body


def test_what_people_wrote_is_never_markup(desk: Client, loans: MLModel, answer: Record) -> None:
    evil = "<script>alert(1)</script>"
    MLModel.objects.filter(pk=loans.pk).update(name=evil)
    user = User.objects.create_user("<b>x</b>")
    answer(loans, {"label": evil, "probabilities": {evil: 0.9}}, user=user)
    body = desk.get(f"{LIST}?ml_model=loans&q={evil}&outcome={evil}").content.decode()
    body += desk.get(f"{LIST}?verdict=any").content.decode()
    assert evil not in body
    assert "<b>x</b>" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


# --- Cost -------------------------------------------------------------------------------------------------


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as found:
        assert client.get(address).status_code == 200
    return len(found)


@pytest.mark.parametrize(
    "query", ["", "?verdict=any", "?ml_model=loans&band=under60&order=uncertain", "?q=good"]
)
def test_the_list_asks_as_often_for_one_row_as_for_a_page(
    desk: Client, reviewer: User, loans: MLModel, answer: Record, query: str
) -> None:
    answer(loans, loan(0.55))
    for_one = queries(desk, LIST + query)
    for place in range(30):
        user = User.objects.create_user(f"asker{place}")
        overrule(answer(loans, loan(0.55), user=user, version=add_version(loans, LOAN)), reviewer)
        answer(loans, loan(0.55), user=user)
    assert queries(desk, LIST + query) == for_one
    assert for_one <= 16


def test_nothing_counts_the_whole_table(desk: Client, several: list[Prediction]) -> None:
    with CaptureQueriesContext(connection) as found:
        desk.get(LIST)
    asked = [query["sql"] for query in found if "predictions_prediction" in query["sql"]]
    assert asked
    assert not [sql for sql in asked if "COUNT(" in sql]


def test_the_list_does_not_load_inputs_and_documents(desk: Client, several: list[Prediction]) -> None:
    with CaptureQueriesContext(connection) as found:
        desk.get(LIST)
    pages = [query["sql"] for query in found if "duration_ms" in query["sql"]]
    assert len(pages) == 1
    assert '"predictions_prediction"."inputs"' not in pages[0]
    assert '"document",' not in pages[0]


def test_a_count_stops_at_its_cap(
    desk: Client, several: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("predictions.admin.base.COUNT_CAP", 4)
    monkeypatch.setattr("predictions.admin.predictions.PredictionAdmin.list_per_page", 2)
    response = desk.get(f"{LIST}?p=2")
    assert "4 or more" in response.content.decode()
    older = response.context["cl"].beyond_address
    assert older.replace("&", "&amp;") in response.content.decode()
    assert list(desk.get(LIST + older).context["cl"].result_list) == several[4:]


def test_filters_look_through_a_window_and_say_so(
    desk: Client, several: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_queue, "WINDOW_ROWS", 2)
    monkeypatch.setattr(windows, "MORE_ROWS", 2)
    response = desk.get(f"{LIST}?outcome=good")
    assert list(response.context["cl"].result_list) == several[:2]
    assert "The newest 2 answers were looked through." in response.content.decode()
    older = desk.get(LIST + response.context["cl"].older_address)
    assert list(older.context["cl"].result_list) == several[2:4]
    last = desk.get(LIST + older.context["cl"].older_address)
    assert list(last.context["cl"].result_list) == several[4:]
    assert "were looked through" not in last.content.decode()


def test_lists_that_an_index_serves_need_no_window(
    desk: Client, several: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_queue, "WINDOW_ROWS", 2)
    monkeypatch.setattr(windows, "MORE_ROWS", 2)
    assert listed(desk, verdict="any", ml_model="loans") == several


def test_warnings_are_named_and_their_absence_is_no_fault(
    desk: Client, loans: MLModel, answer: Record
) -> None:
    for warnings in ([], [{"field": "age", "code": "x", "message": "Age is unusual."}]):
        answer(loans, loan(0.9), warnings=warnings)
    page = desk.get(LIST, {"verdict": "any"}).content.decode()
    shown = re.findall(r'<td class="[^"]*field-with_warnings[^"]*"[^>]*>(.*?)</td>', page, re.DOTALL)
    assert [re.sub(r"<[^>]*>", "", cell).strip() for cell in shown] == ["warnings", cells.NOTHING]
