"""Who gets in, and how far: the walk of every page of the desk as every kind of person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.fixtures import Settings

from predictions.models import ApiKey, Environment, Job, MLModel, Prediction, Review
from predictions.services import api_keys, roles
from tests.admin.conftest import LIST, account, client_of, overrule, page_of


@pytest.fixture(autouse=True)
def _own_folder(settings: Settings, tmp_path: Path) -> None:
    """What is removed here is nothing of the site's."""
    settings.ENVIRONMENTS_DIR = tmp_path


UNLISTED = {"login", "logout", "jsi18n"}


def lists_and_forms() -> list[str]:
    """Every list and every form for a new row, as registered."""
    found = ["/admin/"]
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        found += [base, f"{base}add/"]
    return [*found, f"{LIST}export/"]


@pytest.fixture
def pages(several: list[Prediction], reviewer: User, loans: MLModel) -> list[str]:
    """Every page of the desk, with a row where it needs one."""
    overrule(several[0], reviewer)
    version = loans.versions.get()
    rows: list[Any] = [
        several[0],
        Review.objects.get(),
        loans,
        version,
        version.source,
        version.current_revision,
        Job.objects.create(kind="build", name="Loans", status="running"),
        api_keys.create(name="Northwind")[0],
        environment(),
        reviewer,
        Group.objects.get(name=roles.REVIEWERS),
    ]
    changes = [f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/" for row in rows]
    return lists_and_forms() + changes


def allowed(client: Client, pages: list[str]) -> set[str]:
    """The pages that open (a page may lead on to the one that shows it)."""
    found = set()
    for page in pages:
        response = client.get(page)
        if response.status_code == 200 or (
            response.status_code == 302 and page_of_prediction(response["Location"])
        ):
            found.add(page)
        else:
            assert response.status_code in (302, 403), (page, response.status_code)
    return found


def page_of_prediction(address: str) -> bool:
    return address.startswith(LIST)


POSTS = ("/verdict/", "/go-live/", "/take-down/", "/cancel/", "/revoke/", "/remove/")


def test_the_walk_knows_every_way_to_write() -> None:
    """A new address that takes a POST must be added to the walk below."""

    def walk(patterns: list[Any]) -> list[str]:
        found = []
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                found += walk(pattern.url_patterns)
            elif isinstance(pattern, URLPattern) and "<path:object_id>" in str(pattern.pattern):
                found.append(str(pattern.pattern).rsplit("<path:object_id>", 1)[1])
        return found

    endings = set(walk(get_resolver("deploy_site.urls").url_patterns[0].url_patterns))
    assert endings == {"/change/", "/delete/", "/history/", "/", *POSTS}


def environment() -> Environment:
    return Environment.objects.create(checksum="0a1b", python="3.8", sklearn="0.24.2", lock="numpy==1.19.5")


def writes(
    several: list[Prediction], loans: MLModel, job: Job, key: ApiKey, made: Environment | None = None
) -> list[str]:
    made = made or environment()
    return [
        f"/admin/predictions/environment/{made.pk}/remove/",
        f"{LIST}{several[0].pk}/verdict/",
        f"/admin/predictions/mlmodel/{loans.pk}/go-live/",
        f"/admin/predictions/mlmodel/{loans.pk}/take-down/",
        f"/admin/predictions/job/{job.pk}/cancel/",
        f"/admin/predictions/apikey/{key.pk}/revoke/",
    ]


def test_strangers_are_asked_to_sign_in(pages: list[str]) -> None:
    for page in pages:
        response = Client().get(page)
        assert response.status_code == 302, page
        assert response["Location"].startswith("/admin/login/?next="), page


def test_end_users_are_refused(pages: list[str]) -> None:
    client = client_of(account(roles.REVIEWERS, roles.MODEL_OWNERS))
    for page in pages:
        response = client.get(page)
        assert response.status_code == 302, page
        assert response["Location"].startswith("/admin/login/?next="), page


def test_staff_without_a_role_see_an_empty_desk(pages: list[str]) -> None:
    client = client_of(account(is_staff=True))
    assert allowed(client, pages) == {"/admin/"}
    body = client.get("/admin/").content.decode()
    assert "has nothing to work on yet" in body
    assert "/admin/predictions/" not in body


def test_reviewers_see_answers_and_verdicts(
    pages: list[str], desk: Client, several: list[Prediction]
) -> None:
    found = allowed(desk, pages)
    assert found == {
        "/admin/",
        LIST,
        f"{LIST}export/",
        page_of(several[0]),
        "/admin/predictions/review/",
        f"/admin/predictions/review/{Review.objects.get().pk}/change/",
    }
    assert "/admin/auth/" not in desk.get("/admin/").content.decode()


def test_model_owners_see_ml_models_and_their_own_jobs(pages: list[str], loans: MLModel) -> None:
    client = client_of(account(roles.MODEL_OWNERS, is_staff=True))
    found = allowed(client, pages)
    version = loans.versions.get()
    assert found == {
        "/admin/",
        *(
            f"/admin/predictions/{name}/"
            for name in ("mlmodel", "modelversion", "source", "job", "signaturerevision")
        ),
        "/admin/predictions/mlmodel/add/",
        f"/admin/predictions/mlmodel/{loans.pk}/change/",
        f"/admin/predictions/modelversion/{version.pk}/change/",
        f"/admin/predictions/signaturerevision/{version.current_revision_id}/change/",
    }


def test_superusers_see_everything_that_can_be_seen(pages: list[str], root: Client) -> None:
    never = {
        f"/admin/predictions/{name}/add/"
        for name in (
            *("prediction", "review", "modelversion", "source", "job", "signaturerevision"),
            "environment",
        )
    }
    assert set(pages) - allowed(root, pages) == never


@pytest.mark.parametrize("groups", [(), (roles.MODEL_OWNERS,), (roles.OPERATORS,), (roles.REVIEWERS,)])
def test_what_a_role_does_not_hold_is_refused_and_changes_nothing(
    several: list[Prediction], loans: MLModel, groups: tuple[str, ...]
) -> None:
    job = Job.objects.create(kind="build", name="Loans", status="running")
    key, _text = api_keys.create(name="Northwind")
    made = environment()
    client = client_of(account(*groups, is_staff=True))
    data = {"verdict": "confirmed", "version": "1"}
    statuses = {
        address.rsplit("/", 2)[1]: client.post(address, data).status_code
        for address in writes(several, loans, job, key, made)
    }
    expected = dict.fromkeys(("remove", "verdict", "go-live", "take-down", "cancel", "revoke"), 403)
    if roles.REVIEWERS in groups:
        expected["verdict"] = 302
    if roles.MODEL_OWNERS in groups or roles.OPERATORS in groups:
        expected["cancel"] = 302  # not theirs, so for them it does not exist
    if roles.OPERATORS in groups:
        expected["revoke"] = expected["remove"] = 302
    assert statuses == expected
    job.refresh_from_db()
    key.refresh_from_db()
    assert not job.cancel_requested
    assert loans.deployments.get().ended_at is None
    assert Review.objects.exists() == (roles.REVIEWERS in groups)
    assert (key.revoked_at is not None) == (roles.OPERATORS in groups)
    assert Environment.objects.filter(pk=made.pk).exists() == (roles.OPERATORS not in groups)


def test_strangers_change_nothing(several: list[Prediction], loans: MLModel) -> None:
    job = Job.objects.create(kind="build", name="Loans", status="running")
    key, _text = api_keys.create(name="Northwind")
    made = environment()
    for client in (Client(), client_of(account(roles.REVIEWERS))):
        for address in writes(several, loans, job, key, made):
            response = client.post(address, {"verdict": "confirmed", "version": "1"})
            assert response["Location"].startswith("/admin/login/"), address
    assert not Review.objects.exists()


def test_seeing_alone_does_not_judge(several: list[Prediction]) -> None:
    user = account(is_staff=True)
    user.user_permissions.add(*permissions("view_prediction"))
    client = client_of(user)
    body = client.get(page_of(several[0])).content.decode()
    assert "Your verdict" not in body
    assert "confirm_selected" not in client.get(LIST).content.decode()
    assert client.post(f"{LIST}{several[0].pk}/verdict/", {"verdict": "confirmed"}).status_code == 403
    data = {"action": "confirm_selected", "index": "0", "_selected_action": [str(several[0].pk)]}
    client.post(LIST, data)
    assert not Review.objects.exists()


def test_judging_alone_does_not_see(several: list[Prediction]) -> None:
    user = account(is_staff=True)
    user.user_permissions.add(*permissions("add_review"))
    client = client_of(user)
    assert client.get(page_of(several[0])).status_code == 403
    assert client.post(f"{LIST}{several[0].pk}/verdict/", {"verdict": "confirmed"}).status_code == 403
    assert not Review.objects.exists()


def permissions(*names: str) -> Any:
    return Permission.objects.filter(codename__in=names, content_type__app_label="predictions")


# --- Roles ------------------------------------------------------------------------------------------------


def test_making_the_roles_twice_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    group = Group.objects.get(name=roles.REVIEWERS)
    group.permissions.add(*permissions("view_job"))
    group.permissions.remove(*permissions("add_review"))
    call_command("make_roles")
    assert "Reviewers: 1 permissions added." in capsys.readouterr().out
    call_command("make_roles")
    assert "Reviewers: complete." in capsys.readouterr().out
    names = set(group.permissions.values_list("codename", flat=True))
    assert names == {*roles.ROLES[roles.REVIEWERS], "view_job"}


def test_every_permission_of_a_role_exists() -> None:
    for name, codenames in roles.ROLES.items():
        held = Group.objects.get(name=name).permissions.values_list("codename", flat=True)
        assert set(held) == set(codenames)
        assert set(codenames) <= set(roles.ABILITIES)


# --- Accounts ---------------------------------------------------------------------------------------------


@pytest.fixture
def clerk(db: None) -> Client:
    """May change accounts, and is no superuser."""
    user = account(is_staff=True, username="clerk")
    names = ("view_user", "change_user", "add_user", "view_group", "change_group", "add_group")
    user.user_permissions.add(*_auth_permissions(*names))
    return client_of(user)


def _auth_permissions(*names: str) -> Any:
    return Permission.objects.filter(codename__in=names, content_type__app_label="auth")


def test_a_clerk_cannot_raise_anybody(clerk: Client) -> None:
    plain = account(username="plain")
    data = {
        "username": "plain",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": [str(Group.objects.first().pk)],
    }
    clerk.post(f"/admin/auth/user/{plain.pk}/change/", data)
    plain.refresh_from_db()
    assert (plain.is_staff, plain.is_superuser, plain.groups.count()) == (False, False, 0)


def test_a_clerk_cannot_touch_staff_or_their_passwords(clerk: Client, reviewer: User) -> None:
    admin_account = account(username="boss", is_staff=True, is_superuser=True)
    for target in (reviewer, admin_account):
        data = {"password1": "a new secret 9", "password2": "a new secret 9", "username": "taken"}
        assert clerk.post(f"/admin/auth/user/{target.pk}/password/", data).status_code == 403
        assert clerk.post(f"/admin/auth/user/{target.pk}/change/", data).status_code == 403
    reviewer.refresh_from_db()
    assert reviewer.username == "rita"


def test_a_clerk_cannot_change_roles(clerk: Client) -> None:
    group = Group.objects.get(name=roles.REVIEWERS)
    assert clerk.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Everybody"}).status_code == 403
    assert clerk.get("/admin/auth/group/add/").status_code == 403


def test_a_superuser_gives_roles(root: Client) -> None:
    plain = account(username="plain")
    group = Group.objects.get(name=roles.REVIEWERS)
    data = {"username": "plain", "is_active": "on", "is_staff": "on", "groups": [str(group.pk)]}
    assert root.post(f"/admin/auth/user/{plain.pk}/change/", data).status_code == 302
    plain.refresh_from_db()
    assert plain.is_staff
    assert list(plain.groups.all()) == [group]
