"""``manage prepare_environments``, ``list_environments`` and ``remove_environment``."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from predictions.environments import EnvironmentFailed, Maker
from predictions.environments.interpreters import own
from predictions.environments.making import Environment as Made
from predictions.environments.recipes import Recipe
from predictions.models import Environment
from predictions.services import environments
from tests.support.ml_models import SUM, make_ml_model

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Path:
    settings.ENVIRONMENTS_DIR = tmp_path
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The recipes that were to be made; nothing is fetched. scikit-learn 1.4 cannot be."""
    found: list[Recipe] = []

    def ensure(self: Maker, recipe: Recipe, *, say: Callable[[str], None], **more: Any) -> Made:
        if recipe.sklearn.startswith("1.4"):
            raise EnvironmentFailed("The package index does not answer.")
        say(f"Making {recipe.sklearn}")
        found.append(recipe)
        return Made(
            checksum=recipe.key,
            folder=Path("/nowhere"),
            python_version=recipe.python,
            sklearn=recipe.sklearn,
            lock="\n".join(recipe.requirements),
            made=True,
        )

    monkeypatch.setattr(Maker, "ensure", ensure)
    monkeypatch.setattr(environments, "interpreters", lambda: (own(),))
    return found


def run(command: str, *arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def releases(found: Sequence[Recipe]) -> list[str]:
    return [recipe.sklearn for recipe in found]


def test_a_minor_release_is_its_last_patch_and_libraries_come_along(asked: list[Recipe]) -> None:
    out, _err = run("prepare_environments", "1.3", "1.5.1", "--with", "xgboost", "lightgbm")
    assert releases(asked) == ["1.3.2", "1.5.1"]
    for recipe in asked:
        assert any(item.startswith("xgboost") for item in recipe.requirements)
        assert any(item.startswith("lightgbm") for item in recipe.requirements)
    assert "Making 1.3.2" in out
    assert "is ready" in out
    assert Environment.objects.count() == 2


def test_what_cannot_be_made_is_said_and_the_others_are_made(asked: list[Recipe]) -> None:
    err = io.StringIO()
    with pytest.raises(CommandError, match=r"Not made: 1\.4, 0\.21\."):
        call_command("prepare_environments", "1.3", "1.4", "0.21", "1.5", stdout=io.StringIO(), stderr=err)
    assert releases(asked) == ["1.3.2", "1.5.2"]
    assert "1.4: The package index does not answer." in err.getvalue()
    assert "needs Python 3.7" in err.getvalue()


def test_all_are_those_of_nine_in_ten_files(asked: list[Recipe]) -> None:
    with pytest.raises(CommandError, match=r"Not made: 1\.4\."):
        run("prepare_environments", "--all")
    assert releases(asked) == ["1.8.0", "1.7.2", "1.6.1", "1.5.2", "1.3.2", "1.2.2", "1.1.3"]


def test_the_sites_own_release_needs_nothing(asked: list[Recipe]) -> None:
    out, _err = run("prepare_environments", environments.own_release())
    assert "the site's own environment will do" in out
    assert asked == []


@pytest.mark.parametrize("arguments", [(), ("later",), ("1.3", "--with", "tensorflow")])
def test_what_there_is_no_recipe_for_is_refused(asked: list[Recipe], arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run("prepare_environments", *arguments)
    assert asked == []


def row(checksum: str, **columns: Any) -> Environment:
    return Environment.objects.create(
        checksum=checksum, python="3.9", sklearn="0.24.2", lock="xgboost==1.6.2", size=5_000_000, **columns
    )


def test_the_list_names_size_users_and_the_pythons() -> None:
    used = row("0a1b")
    make_ml_model("sums", SUM).versions.update(environment=used)
    out, _err = run("list_environments")
    assert "0a1b  scikit-learn 0.24.2, Python 3.9, xgboost 1.6.2: 5 MB, 1 versions" in out
    assert own().named in out.splitlines()[-1]


def test_one_is_removed_by_the_beginning_of_its_checksum() -> None:
    row("0a1b")
    row("0a2c")
    run("remove_environment", "0a1")
    assert [found.checksum for found in Environment.objects.all()] == ["0a2c"]


@pytest.mark.parametrize("arguments", [(), ("0a",), ("ff",), ("",)])
def test_no_or_several_of_that_name_are_refused(arguments: tuple[str, ...]) -> None:
    row("0a1b")
    row("0a2c")
    with pytest.raises(CommandError):
        run("remove_environment", *arguments)
    assert Environment.objects.count() == 2


def test_unused_ones_go_together() -> None:
    make_ml_model("sums", SUM).versions.update(environment=row("0a1b"))
    row("0a2c")
    run("remove_environment", "--unused")
    found = Environment.objects.get()
    assert (found.checksum, found.removed_at) == ("0a1b", None)
