"""``manage score``: from the command line to a file with answers, through a real worker."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from deploy_site.supervisor import Supervisor
from predictions.models import Prediction
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_file_comes_back_with_answers(worker: Supervisor, tmp_path: Path) -> None:
    factories.user(username="boss", is_superuser=True, is_staff=True)
    factories.sign_version(slug="sign", name="Sign")
    rows, answers = tmp_path / "rows.csv", tmp_path / "answers.csv"
    rows.write_text("a,b\n1,1\n-3,1\n500,1\n")
    out = io.StringIO()
    call_command("score", "Sign", str(rows), "--output", str(answers), stdout=out)
    found = list(csv.DictReader(answers.open(newline="")))
    assert [row["outcome"] for row in found] == ["above", "below", ""]
    assert "a must be between -100 and 100 mm; 500 mm was given." in found[2]["error"]
    assert {str(row.pk) for row in Prediction.objects.all()} == {row["prediction_id"] for row in found[:2]}
    assert "2 rows answered, 1 not answered" in out.getvalue()
    assert sorted(tmp_path.iterdir()) == [answers, rows]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Nothing", "rows.csv"], "There is no ML model “Nothing”."),
        (["sign", "missing.csv"], "There is no file missing.csv."),
        (["sign", "rows.csv", "--user", "nobody"], "There is no open account “nobody”."),
        (["sign", "wrong.csv"], "The file has no column"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.user(username="boss", is_superuser=True, is_staff=True)
    factories.sign_version(slug="sign", name="Sign")
    (tmp_path / "rows.csv").write_text("a,b\n1,1\n")
    (tmp_path / "wrong.csv").write_text("a\n1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError) as caught:
        call_command("score", *arguments, "--output", "out.csv")
    assert said in str(caught.value)
    assert not (tmp_path / "out.csv").exists()
