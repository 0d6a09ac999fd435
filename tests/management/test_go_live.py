"""``manage go_live``: going live, going back, and the reason that a failed proof takes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from predictions.models import Deployment, MLModel
from tests.support.ml_models import SUM, add_version, failed_proof, make_ml_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def ml_model(root: User) -> MLModel:
    """Version 1 is live, 2 is sound, 3 failed."""
    ml_model = make_ml_model("sum", SUM, owner=root)
    add_version(ml_model, SUM)
    add_version(ml_model, SUM, report={"proof": failed_proof("finite")})
    return ml_model


def run(*arguments: Any) -> str:
    out = io.StringIO()
    call_command("go_live", *map(str, arguments), stdout=out)
    return out.getvalue()


def live(ml_model: MLModel) -> Deployment:
    return Deployment.objects.get(ml_model=ml_model, ended_at=None)


def test_a_version_goes_live_and_back_by_slug_or_name(ml_model: MLModel, root: User) -> None:
    assert run("sum", 2) == "Sum, version 2, answers now.\n"
    assert (live(ml_model).version.number, live(ml_model).started_by) == (2, root)
    run("SUM", 1)
    assert live(ml_model).version.number == 1


def test_the_newest_is_meant_and_what_failed_takes_a_reason(ml_model: MLModel) -> None:
    with pytest.raises(CommandError, match="failed its proof") as refused:
        run("sum")
    assert refused.value.returncode == 3
    assert "What was found by finite." in str(refused.value)
    assert live(ml_model).version.number == 1
    out = run("sum", "--reason", "Only tried out.")
    assert "Finite numbers" in out
    assert (live(ml_model).version.number, live(ml_model).reason) == (3, "Only tried out.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "there is: sum"),
        (("sum", 9), "no version 9"),
        (("sum", 2, "--by", "nobody"), "no open"),
    ],
)
def test_what_does_not_exist_is_said(ml_model: MLModel, arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        run(*arguments)
    assert refused.value.returncode == 1


def test_only_who_owns_it_may(ml_model: MLModel) -> None:
    User.objects.create_user("staff", is_staff=True)
    with pytest.raises(CommandError, match="Only the owner"):
        run("sum", 2, "--by", "staff")
    User.objects.create_superuser("second")
    with pytest.raises(CommandError, match="--by USERNAME"):
        run("sum", 2)
