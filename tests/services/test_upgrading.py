from __future__ import annotations

import io
import json
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from predictions.models import Prediction
from predictions.models.ids import new_id
from predictions.selectors import predictions
from predictions.services.upgrading import upgrade
from predictions.signature.answers import score_and_margin
from tests import factories

pytestmark = pytest.mark.django_db

WARNING = {"field": "x", "code": "note", "message": "Look."}
OUTPUTS: list[dict[str, Any]] = [
    {"label": "a", "probabilities": {"a": 0.75, "b": 0.25}},
    {"label": "a", "probabilities": {"a": 0.5, "b": None, "c": 0.375}},
    {"label": "a", "probabilities": {"a": 1.0}},
    {"label": "a", "probabilities": {"a": None}},
    {"label": "a"},
    {"value": 12.5},
    {"outputs": {"probabilities": [1, 2]}},
]


def old_row(outputs: dict[str, Any], warnings: list[Any]) -> UUID:
    """As the first version of the site wrote one."""
    version = factories.version()
    row_id, (score, _margin) = new_id(), score_and_margin(outputs)
    columns: dict[str, Any] = {
        "id": row_id,
        "ml_model_id": version.ml_model_id,
        "version_id": version.pk,
        "revision_id": version.current_revision_id,
        "inputs": json.dumps([1.0, None, "é"]),
        "outputs": json.dumps(outputs),
        "warnings": json.dumps(warnings),
        "outcome": "a",
        "score": score,
        "face": "api",
        "created_at": "2026-11-01T00:00:00Z",
        "duration_ms": 2.5,
    }
    with connection.cursor() as cursor:
        places = ", ".join(["%s"] * len(columns))
        cursor.execute(
            f"INSERT INTO predictions_prediction ({', '.join(columns)}) VALUES ({places})",
            list(columns.values()),
        )
    return row_id


def done(**more: Any) -> None:
    for _step in upgrade(share_of_time=1.0, **more):
        pass


def case(row_id: UUID) -> tuple[Any, ...]:
    row: Any = predictions.for_lists(Prediction.objects.all()).get(pk=row_id)
    return row.inputs, row.outputs, row.warnings, row.has_probabilities, row.has_warnings


@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("warnings", [[], [WARNING]])
def test_an_old_row_reads_the_same_before_and_after(outputs, warnings):
    row_id = old_row(outputs, warnings)
    before = case(row_id)
    assert before[:3] == ([1.0, None, "é"], outputs, warnings)
    assert before[4] == bool(warnings)
    done()
    row = Prediction.objects.get(pk=row_id)
    assert row.old_outputs is None
    assert row.own is not None
    assert row.margin == score_and_margin(outputs)[1]
    assert row.warned == bool(warnings)
    after = case(row_id)
    assert after[:3] == before[:3]
    # Probabilities that were all missing are none.
    assert after[3] == (row.margin is not None)
    assert after[4] == before[4]


def test_it_goes_on_where_it_stopped_and_changes_nothing_twice():
    ids = [old_row({"value": float(number)}, []) for number in range(7)]
    steps = upgrade(rows_at_once=3, share_of_time=1.0)
    first = next(steps)
    assert (first.seen, first.changed, first.after) == (3, 3, ids[2])
    rest = list(upgrade(first.after, rows_at_once=3, share_of_time=1.0))
    assert rest[-1].changed == 4
    assert [step.changed for step in upgrade(share_of_time=1.0)] == [0]
    assert [Prediction.objects.get(pk=row_id).outputs["value"] for row_id in ids] == list(range(7))


def test_it_rests_as_long_as_it_works():
    old_row({"value": 1.0}, [])
    rests: list[float] = []
    list(upgrade(share_of_time=0.5, sleep=rests.append))
    assert len(rests) == 1
    assert 0 < rests[0] < 5


def test_the_command_says_what_it_did():
    old_row({"value": 1.0}, [])
    said = io.StringIO()
    call_command("upgrade_history", share=100, stdout=said)
    assert said.getvalue() == "Done: 1 answers upgraded.\n"


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 101}, {"after": "yesterday"}])
def test_the_command_refuses_what_cannot_be_meant(options):
    with pytest.raises(CommandError):
        call_command("upgrade_history", **options)
