"""One answer at the desk: what its page shows, giving a verdict, going on to the next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from predictions.models import MLModel, Prediction, Review
from predictions.signature.fields import Drawing, Field, Signature
from tests.admin.conftest import LIST, confirm, loan, overrule, page_of
from tests.support.ml_models import LOAN, make_ml_model

Record = Callable[..., Prediction]


def give(client: Client, row: Prediction, verdict: str, query: str = "", **data: str) -> Any:
    return client.post(f"{LIST}{row.pk}/verdict/{query}", {"verdict": verdict, **data})


def from_list(**params: str) -> str:
    """The query that carries the list along."""
    return "?" + urlencode({"_changelist_filters": urlencode(params)})


def test_shows_inputs_in_words_beside_the_answer(desk: Client, loans: MLModel, answer: Record) -> None:
    warning = {"field": "income", "code": "x", "message": "Income was never seen that high."}
    row = answer(loans, loan(0.731), inputs=[17, None, "car", True, "hm"], warnings=[warning])
    body = desk.get(page_of(row)).content.decode()
    for text in (
        "Age",
        "17 years",
        "not given",
        "A car",
        "yes",
        "hm",
        "good",
        "73.1%",
        "bad",
        "26.9%",
        warning["message"],
    ):
        assert text in body


def test_marks_values_outside_the_training_range(desk: Client, sums: MLModel, answer: Record) -> None:
    row = answer(sums, {"value": 6.0}, inputs=[12.5, 2.0, 3.0])
    body = desk.get(page_of(row)).content.decode()
    assert "12.5 cm" in body
    assert "0 – 10 cm" in body
    assert body.count("above training") == 1


def test_shows_a_drawing_as_a_picture(desk: Client, answer: Record) -> None:
    signature = Signature(
        task="classification",
        inputs=tuple(Field(name=f"p{place}", kind="number") for place in range(4)),
        outputs=LOAN.outputs,
        drawing=Drawing(rows=2, columns=2, maximum=16),
    )
    row = answer(make_ml_model("digits", signature), loan(0.9), inputs=[0, 16, 8, None])
    body = desk.get(page_of(row)).content.decode()
    assert [f"opacity:{ink}" in body for ink in ("0.000", "1.000", "0.500")] == [True, True, True]


def test_shows_the_fields_the_case_was_answered_under(desk: Client, loans: MLModel, answer: Record) -> None:
    row = answer(loans, loan(0.9))
    version = loans.versions.get()
    document = {**LOAN.to_document()}
    document["inputs"] = [{**item, "label": "Renamed"} for item in document["inputs"]]
    version.current_revision = version.revisions.create(number=2, document=document)
    version.save()
    body = desk.get(page_of(row)).content.decode()
    assert "Age" in body
    assert "Renamed" not in body


def test_what_came_in_is_never_markup(desk: Client, loans: MLModel, answer: Record, reviewer: User) -> None:
    evil = "<img src=x onerror=alert(1)>"
    warning = {"field": "note", "code": "x", "message": evil}
    row = answer(
        loans,
        {"label": evil, "probabilities": {evil: 1.0}},
        inputs=[1, 2, "car", True, evil],
        warnings=[warning],
    )
    overrule(row, reviewer, reason=evil, outcome=evil)
    body = desk.get(page_of(row)).content.decode()
    assert evil not in body
    assert body.count("&lt;img src=x onerror=alert(1)&gt;") >= 5


def test_page_costs_the_same_with_a_long_history(
    desk: Client, reviewer: User, several: list[Prediction]
) -> None:
    with CaptureQueriesContext(connection) as before:
        desk.get(page_of(several[2]))
    for _ in range(5):
        overrule(several[2], reviewer)
    with CaptureQueriesContext(connection) as after:
        desk.get(page_of(several[2]))
    assert len(after) == len(before)
    assert len(before) <= 18


def test_an_unknown_answer_leads_back(desk: Client) -> None:
    for wrong in ("00000000-0000-7000-8000-000000000000", "nonsense"):
        assert desk.get(f"{LIST}{wrong}/change/").status_code == 302


# --- Verdicts ---------------------------------------------------------------------------------------------


def test_confirming_stores_a_review_beside_the_row(
    desk: Client, reviewer: User, several: list[Prediction]
) -> None:
    before = Prediction.objects.values().get(pk=several[0].pk)
    give(desk, several[0], "confirmed")
    review = Review.objects.get()
    assert (review.prediction, review.verdict, review.reviewer) == (several[0], "confirmed", reviewer)
    assert Prediction.objects.values().get(pk=several[0].pk) == before


def test_overruling_keeps_reason_and_right_answer(desk: Client, several: list[Prediction]) -> None:
    give(desk, several[0], "overruled", reason="  The payslip is forged. ", outcome="bad")
    review = Review.objects.get()
    assert (review.verdict, review.reason, review.outcome) == ("overruled", "The payslip is forged.", "bad")


@pytest.mark.parametrize("reason", ["", "   "])
def test_overruling_without_a_reason_is_refused_with_the_form_open(
    desk: Client, several: list[Prediction], reason: str
) -> None:
    response = give(desk, several[0], "overruled", reason=reason, outcome="bad")
    body = response.content.decode()
    assert response.status_code == 422
    assert "Write why the answer is overruled." in body
    assert '<option value="bad" selected>' in body
    assert 'data-desk-open="o" open' in body
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    ("outcome", "message"), [("good", "Select a valid choice"), ("purple", "Select a valid choice")]
)
def test_the_right_answer_is_another_class(
    desk: Client, several: list[Prediction], outcome: str, message: str
) -> None:
    response = give(desk, several[0], "overruled", reason="No.", outcome=outcome)
    assert response.status_code == 422
    assert message in response.content.decode()
    assert not Review.objects.exists()


def test_the_right_value_is_a_number(desk: Client, sums: MLModel, answer: Record) -> None:
    row = answer(sums, {"value": 6.0})
    assert give(desk, row, "overruled", reason="No.", outcome="about seven").status_code == 422
    assert give(desk, row, "overruled", reason="No.", outcome="6").status_code == 422
    assert give(desk, row, "overruled", reason="No.", outcome="7.25").status_code == 302
    assert Review.objects.get().outcome == "7.25"


def test_any_other_verdict_is_refused(desk: Client, several: list[Prediction]) -> None:
    assert give(desk, several[0], "deleted").status_code == 422
    assert not Review.objects.exists()


def test_a_second_verdict_stands_beside_the_first(desk: Client, several: list[Prediction]) -> None:
    give(desk, several[0], "overruled", reason="No.")
    give(desk, several[0], "confirmed")
    assert [row.verdict for row in several[0].reviews.order_by("pk")] == ["overruled", "confirmed"]
    body = desk.get(page_of(several[0])).content.decode()
    assert "Judge it again" in body
    assert body.index("Confirmed") < body.index("Overruled</strong>")


# --- Going on ---------------------------------------------------------------------------------------------


def test_goes_on_to_the_next_unreviewed(desk: Client, reviewer: User, several: list[Prediction]) -> None:
    confirm(several[1], reviewer)
    assert give(desk, several[0], "confirmed")["Location"] == page_of(several[2])


def test_goes_on_within_the_list_it_was_opened_from(desk: Client, several: list[Prediction]) -> None:
    query = from_list(band="under60", order="uncertain")
    assert give(desk, several[0], "confirmed", query)["Location"] == page_of(several[4], query)


def test_comes_back_to_what_arrived_meanwhile(
    desk: Client, loans: MLModel, several: list[Prediction], answer: Record, reviewer: User
) -> None:
    for row in several[:4]:
        confirm(row, reviewer)
    newer = answer(loans, loan(0.9), at=timezone.now() + timedelta(seconds=1))
    assert give(desk, several[4], "confirmed")["Location"] == page_of(newer)


def test_ends_at_the_list_when_nothing_is_left(desk: Client, loans: MLModel, answer: Record) -> None:
    row = answer(loans, loan(0.9))
    response = desk.post(f"{LIST}{row.pk}/verdict/", {"verdict": "confirmed"}, follow=True)
    body = response.content.decode()
    assert response.redirect_chain[-1][0] == LIST
    assert "Nothing is left to review in this list." in body
    assert "Everything is reviewed." in body


def test_stays_when_asked_to(desk: Client, several: list[Prediction]) -> None:
    assert give(desk, several[0], "confirmed", stay="1")["Location"] == page_of(several[0])


def test_neighbors_follow_the_order_of_the_list(desk: Client, several: list[Prediction]) -> None:
    context = desk.get(page_of(several[1])).context
    assert (context["before"], context["after"]) == (page_of(several[0]), page_of(several[2]))
    query = from_list(order="uncertain")
    context = desk.get(page_of(several[4], query)).context
    assert (context["before"], context["after"]) == (page_of(several[0], query), page_of(several[1], query))
    context = desk.get(page_of(several[0], query)).context
    assert context["before"] == ""


def test_keys_are_offered_for_what_can_be_done(desk: Client, several: list[Prediction]) -> None:
    body = desk.get(page_of(several[1])).content.decode()
    for key in ("c", "j", "k"):
        assert f'data-desk-key="{key}"' in body
    assert 'data-desk-open="o"' in body


# --- Several at once --------------------------------------------------------------------------------------


def act(client: Client, rows: list[Prediction], action: str, **data: object) -> Any:
    ticked = [str(row.pk) for row in rows]
    return client.post(
        LIST, {"action": action, "index": "0", "select_across": "0", "_selected_action": ticked, **data}
    )


def test_confirms_the_ticked_ones(desk: Client, several: list[Prediction]) -> None:
    response = act(desk, several[:2], "confirm_selected")
    assert response.status_code == 302
    assert {row.prediction_id for row in Review.objects.all()} == {several[0].pk, several[1].pk}
    assert "2 answers confirmed." in desk.get(LIST).content.decode()


def test_never_judges_what_was_not_ticked(desk: Client, several: list[Prediction]) -> None:
    act(desk, several[:1], "confirm_selected", select_across="1")
    assert [row.prediction_id for row in Review.objects.all()] == [several[0].pk]


def test_asks_for_a_reason_before_overruling_several(desk: Client, several: list[Prediction]) -> None:
    response = act(desk, several[:2], "overrule_selected")
    body = response.content.decode()
    assert response.status_code == 200
    assert "Overrule 2 answers" in body
    assert body.count('name="_selected_action"') == 2
    assert not Review.objects.exists()


def test_overrules_several_for_one_reason(desk: Client, several: list[Prediction]) -> None:
    ticked = [str(row.pk) for row in several[:2]]
    data = {"action": "overrule_selected", "apply": "1", "_selected_action": ticked, "select_across": "0"}
    assert desk.post(LIST, {**data, "reason": ""}).status_code == 422
    assert not Review.objects.exists()
    response = desk.post(LIST, {**data, "reason": "Wrong unit.", "outcome": "bad"})
    assert response.status_code == 302
    assert {(row.verdict, row.reason, row.outcome) for row in Review.objects.all()} == {
        ("overruled", "Wrong unit.", "bad")
    }
    assert Review.objects.count() == 2


def test_several_ml_models_take_any_right_answer(
    desk: Client, loans: MLModel, sums: MLModel, answer: Record
) -> None:
    rows = [answer(loans, loan(0.9)), answer(sums, {"value": 6.0})]
    body = act(desk, rows, "overrule_selected").content.decode()
    assert '<select name="outcome"' not in body
    assert 'name="outcome"' in body


@pytest.mark.parametrize("ticked", [[], ["nonsense"], ["00000000-0000-7000-8000-000000000000"]])
def test_ticking_nothing_that_exists_does_nothing(
    desk: Client, several: list[Prediction], ticked: list[str]
) -> None:
    data = {"action": "confirm_selected", "index": "0", "_selected_action": ticked}
    assert desk.post(LIST, data).status_code == 302
    assert not Review.objects.exists()
