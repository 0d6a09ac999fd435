"""Recorded answers as a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from predictions.admin import exports
from predictions.models import MLModel, Prediction
from predictions.selectors import spreadsheets
from predictions.signature.fields import Field
from tests.admin.conftest import LIST, loan, overrule
from tests.support.ml_models import SUM, add_version

Record = Callable[..., Prediction]


def table(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def exported(client: Client, query: str = "") -> list[dict[str, str]]:
    response = client.get(f"{LIST}export/{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return table(response)


def test_one_ml_model_has_a_column_per_input(desk: Client, reviewer: User, several: list[Prediction]) -> None:
    overrule(several[0], reviewer, reason="Forged.", outcome="bad")
    rows = exported(desk, "?ml_model=loans&verdict=any")
    assert [row["id"] for row in rows] == [str(row.pk) for row in several]
    first = rows[0]
    assert first["input.age"] == "40"
    assert first["input.income"] == "52000.0"
    assert first["input.owner"] == "true"
    assert (first["answer"], first["score"]) == ("good", "0.52")
    assert (first["verdict"], first["right_answer"], first["reason"]) == ("overruled", "bad", "Forged.")
    assert rows[1]["verdict"] == ""


def test_several_ml_models_share_a_column_of_json(
    desk: Client, loans: MLModel, sums: MLModel, answer: Record
) -> None:
    answer(loans, loan(0.9))
    answer(sums, {"value": 6.0})
    rows = exported(desk)
    assert [row["inputs"] for row in rows] == ["[1.0,2.0,3.0]", '[40,52000.0,"car",true,""]']
    assert rows[0]["outputs"] == '{"value":6.0}'


def test_versions_with_other_inputs_keep_their_columns_apart(
    desk: Client, sums: MLModel, answer: Record
) -> None:
    answer(sums, {"value": 6.0}, inputs=[1.0, None, 3.0])
    inputs = (Field(name="x1", kind="number"), Field(name="x9", kind="number"))
    second = add_version(sums, SUM.with_inputs(inputs))
    answer(sums, {"value": 6.0}, version=second, inputs=[7.0, 9.0])
    newest, oldest = exported(desk, "?ml_model=sums")
    assert [newest[f"input.{name}"] for name in ("x1", "x2", "x3", "x9")] == ["7.0", "", "", "9.0"]
    assert [oldest[f"input.{name}"] for name in ("x1", "x2", "x3", "x9")] == ["1.0", "", "3.0", ""]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "=1"])
def test_no_cell_is_a_formula(
    desk: Client, reviewer: User, loans: MLModel, answer: Record, text: str
) -> None:
    asker = User.objects.create_user("=asker")
    warning = {"field": "age", "code": "x", "message": text}
    row = answer(
        loans,
        {"label": text, "probabilities": {text: 0.9}},
        inputs=[1, -2.5, "car", True, text],
        user=asker,
        warnings=[warning],
    )
    overrule(row, reviewer, reason=f"{text.strip()} is wrong", outcome=text.strip())
    cells = exported(desk, "?ml_model=loans&verdict=any")[0]
    assert [value for value in cells.values() if value.startswith(("=", "+", "@", "\t", "\r"))] == []
    assert cells["input.note"].startswith("'")
    assert cells["input.income"] == "-2.5"
    assert cells["asked_by"] == "'=asker"


def test_names_of_inputs_are_no_formulas_either() -> None:
    assert spreadsheets.safe("=x") == "'=x"
    assert spreadsheets.safe(-3.5) == -3.5


def test_the_ticked_ones_only(desk: Client, several: list[Prediction]) -> None:
    ticked = [str(row.pk) for row in several[1:3]]
    data = {"action": "export_selected", "index": "0", "_selected_action": ticked}
    response = desk.post(LIST, data)
    assert response["Content-Disposition"] == 'attachment; filename="answers.csv"'
    rows = table(response)
    assert [row["id"] for row in rows] == ticked
    assert "input.age" in rows[0]


def test_the_whole_list_is_read_in_pieces(
    desk: Client, several: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "CHUNK_ROWS", 2)
    response = desk.get(f"{LIST}export/?outcome=good")
    with CaptureQueriesContext(connection) as found:
        rows = table(response)
    assert [row["id"] for row in rows] == [str(row.pk) for row in several]
    read = [query["sql"] for query in found if "duration_ms" in query["sql"]]
    assert len(read) == 3


def test_the_file_is_named_after_the_ml_model(desk: Client, several: list[Prediction]) -> None:
    named = desk.get(f"{LIST}export/?ml_model=loans")["Content-Disposition"]
    assert named.startswith('attachment; filename="loans-2')
    odd = desk.get(f"{LIST}export/?ml_model=%22%0D%0Ax:y")["Content-Disposition"]
    assert "\n" not in odd
    assert odd.count('"') == 2
