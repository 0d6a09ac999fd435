"""``manage purge_history``: says what would go, asks, and on whose word."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command

from predictions.models import Prediction
from predictions.selectors.targets import live_target
from predictions.values import Actor
from tests import factories
from tests.support.asked import asked_together
from tests.support.ml_models import LOAN, make_ml_model
from tests.support.months import months_since

pytestmark = pytest.mark.django_db
ROW = (40, None, "car", True, "")


@pytest.fixture(autouse=True)
def _answers() -> Iterator[None]:
    """Three cases in August and one in September 2026."""
    make_ml_model("loan", LOAN)
    loan = live_target(Actor(), "loan", fresh=True)
    with months_since(datetime(2026, 7, 1, tzinfo=UTC)):
        asked_together(loan, [ROW] * 3, actor=Actor(), at=datetime(2026, 8, 3, tzinfo=UTC))
        asked_together(loan, [ROW], actor=Actor(), at=datetime(2026, 9, 3, tzinfo=UTC))
        yield


def purge(*arguments: str, **options: Any) -> str:
    said = io.StringIO()
    call_command("purge_history", *arguments, stdout=said, **options)
    return said.getvalue()


def admin(name: str = "ada") -> int:
    return factories.user(username=name, is_staff=True, is_superuser=True).pk


def test_a_dry_run_says_what_would_go() -> None:
    said = purge("--before", "2026-09", "--dry-run")
    assert "August 2026: 3 answers" in said
    assert "In all 3 answers from before September 2026 and 0 reviews of them." in said
    assert Prediction.objects.count() == 4


def test_the_only_admin_s_word_is_enough() -> None:
    user_id = admin()
    assert "Done: 3 answers and 0 reviews" in purge("--before", "2026-09", "--no-input")
    assert Prediction.objects.count() == 1
    assert LogEntry.objects.get().user_id == user_id


def test_of_several_admins_one_is_named() -> None:
    admin("ada")
    user_id = admin("bea")
    with pytest.raises(CommandError, match="--by USERNAME"):
        purge("--before", "2026-09", "--no-input")
    assert Prediction.objects.count() == 4
    purge("--before", "2026-09", "--no-input", "--by", "bea")
    assert LogEntry.objects.get().user_id == user_id


def test_nobody_but_an_admin_can_be_named() -> None:
    admin()
    factories.user(username="rita", is_staff=True)
    with pytest.raises(CommandError, match="“rita” is no admin"):
        purge("--before", "2026-09", "--no-input", "--by", "rita")
    assert Prediction.objects.count() == 4


def test_nothing_goes_while_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    admin()
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with pytest.raises(CommandError, match="--no-input"):
        purge("--before", "2026-09")
    assert Prediction.objects.count() == 4


@pytest.mark.parametrize(("said", "left"), [("yes", 1), ("no", 4), ("", 4)])
def test_it_asks_before_anything_goes(monkeypatch: pytest.MonkeyPatch, said: str, left: int) -> None:
    admin()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: said)
    if left == 4:
        with pytest.raises(CommandError, match="Nothing was removed"):
            purge("--before", "2026-09")
    else:
        purge("--before", "2026-09")
    assert Prediction.objects.count() == left


@pytest.mark.parametrize("month", ["2026-09-15", "September", "2999-01"])
def test_what_is_no_month_that_is_over_is_refused(month: str) -> None:
    with pytest.raises(CommandError):
        purge("--before", month, "--no-input")
    assert Prediction.objects.count() == 4


def test_a_month_without_answers_before_it_is_told() -> None:
    assert "There is nothing from before July 2026." in purge("--before", "2026-07", "--no-input")
