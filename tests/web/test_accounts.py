"""Signing in and out, passwords, and the one-time link of a new site."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from predictions.services import first_run
from tests import factories

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse 7"
NEW = "a longer horse 8"


def printed() -> str:
    out = io.StringIO()
    call_command("first_run", base_url="http://desk.example:8001/", stdout=out)
    return out.getvalue()


def path_in(text: str) -> str:
    found = re.search(r"http://desk\.example:8001(/welcome/\S+)", text)
    assert found
    return found.group(1)


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/",
        "/accounts/password_reset/",
        "/accounts/password_reset/done/",
        "/accounts/reset/done/",
    ],
)
def test_account_pages_look_like_the_site(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert 'class="masthead"' in response.content.decode()
    assert "Content-Security-Policy" in response


def test_signing_in_leads_to_where_one_was_going(client: Client) -> None:
    account = factories.user()
    response = client.post(
        "/accounts/login/?next=/history/",
        {"username": account.username, "password": PASSWORD, "next": "/history/"},
    )
    assert response["Location"] == "/history/"


def test_signing_in_never_leads_off_the_site(client: Client) -> None:
    account = factories.user()
    form = {"username": account.username, "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/accounts/login/", form)["Location"] == "/"


def test_a_wrong_password_is_told(client: Client) -> None:
    account = factories.user()
    response = client.post("/accounts/login/", {"username": account.username, "password": "wrong"})
    assert 'role="alert"' in response.content.decode()


def test_signing_out_needs_a_press_not_a_link(member: Client) -> None:
    assert member.get("/accounts/logout/").status_code == 405
    assert member.post("/accounts/logout/")["Location"] == "/"


def test_a_password_can_be_changed(member: Client) -> None:
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert member.post("/accounts/password_change/", form).status_code == 302
    assert User.objects.get().check_password(NEW)
    assert "Password changed" in member.get("/accounts/password_change/done/").content.decode()


def test_a_forgotten_password_is_replaced_by_mail(client: Client) -> None:
    factories.user(username="nina", email="nina@example.com")
    client.post("/accounts/password_reset/", {"email": "nina@example.com"})
    (message,) = mail.outbox
    assert message.subject == "A new password for Model Desk"
    assert "“nina”" in message.body
    link = re.search(r"http://testserver(\S+)", str(message.body))
    assert link
    page = client.get(link.group(1), follow=True)
    assert "Choose a new password" in page.content.decode()
    form = {"new_password1": NEW, "new_password2": NEW}
    assert client.post(page.request["PATH_INFO"], form).status_code == 302
    assert User.objects.get().check_password(NEW)
    assert "used already" in client.get(link.group(1), follow=True).content.decode()


def test_the_first_run_makes_an_admin_nobody_can_sign_in_to() -> None:
    text = printed()
    admin = User.objects.get()
    assert (admin.username, admin.is_superuser, admin.is_staff) == ("admin", True, True)
    assert not admin.has_usable_password()
    assert "24 hours" in text


def test_the_link_sets_the_password_and_signs_in_once(client: Client) -> None:
    path = path_in(printed())
    assert "admin" in client.get(path).content.decode()
    assert client.post(path, {"new_password1": NEW, "new_password2": NEW})["Location"] == "/"
    assert User.objects.get().check_password(NEW)
    assert client.get("/admin/").status_code == 200
    again = Client()
    assert again.get(path).status_code == 404
    response = again.post(path, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert response.status_code == 404
    assert "used already" in response.content.decode()
    assert User.objects.get().check_password(NEW)


def test_looking_at_the_link_does_not_spend_it(client: Client) -> None:
    path = path_in(printed())
    client.get(path)
    client.get(path)
    assert client.post(path, {"new_password1": NEW, "new_password2": NEW}).status_code == 302


@pytest.mark.parametrize("password", ["12345678", "password", "short"])
def test_a_weak_first_password_is_refused(client: Client, password: str) -> None:
    path = path_in(printed())
    response = client.post(path, {"new_password1": password, "new_password2": password})
    assert response.status_code == 422
    assert not User.objects.get().has_usable_password()


def test_an_unused_link_is_printed_anew_and_a_used_one_is_not(client: Client) -> None:
    printed()
    path = path_in(printed())
    assert User.objects.count() == 1
    client.post(path, {"new_password1": NEW, "new_password2": NEW})
    assert printed() == ""


def test_a_site_with_an_admin_of_its_own_gets_no_second_one() -> None:
    factories.user(is_superuser=True, is_staff=True)
    assert printed() == ""
    assert User.objects.count() == 1


def test_an_account_called_admin_is_left_alone() -> None:
    factories.user(username="admin")
    printed()
    assert User.objects.get(is_superuser=True).username == "admin2"
    assert not User.objects.get(username="admin").is_superuser


def test_a_link_older_than_a_day_opens_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    path = path_in(printed())
    later = (timezone.now() + timedelta(hours=first_run.LINK_HOURS, minutes=1)).timestamp()
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert client.get(path).status_code == 404


def test_a_forged_link_opens_nothing(client: Client, settings: Settings) -> None:
    path = path_in(printed())
    settings.SECRET_KEY = "another secret, as somebody else's site would have"
    assert client.get(path).status_code == 404
    assert client.get("/welcome/nonsense/").status_code == 404
