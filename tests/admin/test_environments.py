"""Environments at the desk: what is in them, who uses them, and freeing their room."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django.fixtures import Settings

from predictions.environments.making import STAMP
from predictions.models import Environment, MLModel
from predictions.services import environments, roles
from tests.admin.conftest import account, client_of

LIST = "/admin/predictions/environment/"


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Path:
    settings.ENVIRONMENTS_DIR = tmp_path / "environments"
    return tmp_path / "environments"


@pytest.fixture
def made(home: Path) -> Environment:
    """An environment as it lies on disk, without anything that runs."""
    folder = home / "envs" / "0a1b2c3d"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    (folder / STAMP).write_text("{}")
    return Environment.objects.create(
        checksum="0a1b2c3d",
        python="3.8",
        sklearn="0.24.2",
        requirements=["scikit-learn==0.24.2", "xgboost"],
        lock="numpy==1.19.5\nscikit-learn==0.24.2\nxgboost==1.6.2\n",
        size=123_000_000,
    )


@pytest.fixture
def operator() -> Client:
    return client_of(account(roles.OPERATORS, username="otto", is_staff=True))


def test_the_list_says_what_it_is_how_large_and_how_much_used(
    operator: Client, made: Environment, loans: MLModel
) -> None:
    loans.versions.update(environment=made)
    body = operator.get(LIST).content.decode()
    for words in ("scikit-learn 0.24.2, Python 3.8", "xgboost 1.6.2", "117.3", "ready"):
        assert words in body
    assert "Environments" in operator.get("/admin/").content.decode()


def test_its_page_lists_packages_and_the_versions_made_in_it(
    root: Client, made: Environment, loans: MLModel
) -> None:
    loans.versions.update(environment=made)
    body = root.get(f"{LIST}{made.pk}/change/").content.decode()
    for words in ("numpy", "1.19.5", "xgboost", "Loans v1", "Remove"):
        assert words in body
    version = loans.versions.get()
    page = root.get(f"/admin/predictions/modelversion/{version.pk}/change/").content.decode()
    assert f"{LIST}{made.pk}/change/" in page


def test_versions_one_may_not_see_are_not_named(operator: Client, made: Environment, loans: MLModel) -> None:
    MLModel.objects.filter(pk=loans.pk).update(visibility="private", owner=account(username="somebody"))
    loans.versions.update(environment=made)
    body = operator.get(f"{LIST}{made.pk}/change/").content.decode()
    named = "Loans v1" in body
    staff_see_all = operator.get(f"/admin/predictions/mlmodel/{loans.pk}/change/").status_code == 200
    assert named == staff_see_all


def test_removing_frees_the_room_and_keeps_what_versions_need(
    operator: Client, made: Environment, loans: MLModel, home: Path
) -> None:
    loans.versions.update(environment=made)
    response = operator.post(f"{LIST}{made.pk}/remove/", follow=True)
    assert "The environment was removed." in response.content.decode()
    assert not (home / "envs" / "0a1b2c3d").exists()
    made.refresh_from_db()
    assert made.removed_at is not None
    body = operator.get(f"{LIST}{made.pk}/change/").content.decode()
    assert "Its files were removed" in body
    assert 'form="desk-remove"' not in body


def test_one_that_nobody_uses_leaves_the_list(operator: Client, made: Environment) -> None:
    operator.post(f"{LIST}{made.pk}/remove/")
    assert not Environment.objects.exists()


def test_it_is_not_removed_by_a_link(operator: Client, made: Environment) -> None:
    assert operator.get(f"{LIST}{made.pk}/remove/").status_code == 405
    assert environments.maker().find(made.checksum) is not None


def test_seeing_is_not_removing(made: Environment) -> None:
    user = account(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_environment"))
    client = client_of(user)
    body = client.get(f"{LIST}{made.pk}/change/").content.decode()
    assert 'form="desk-remove"' not in body
    assert client.post(f"{LIST}{made.pk}/remove/").status_code == 403
    assert Environment.objects.exists()
