"""Values from the environment are read by type, and a bad one is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from deploy_site import env, redis_urls


def test_text_without_a_value_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_NAME", "  ")
    with pytest.raises(ImproperlyConfigured, match="DESK_NAME is not set"):
        env.text("DESK_NAME")
    assert env.text("DESK_NAME", "none") == "none"


@pytest.mark.parametrize(("value", "flag"), [("1", True), ("Yes", True), ("off", False), ("", True)])
def test_flag(monkeypatch: pytest.MonkeyPatch, value: str, flag: bool) -> None:
    monkeypatch.setenv("DESK_FLAG", value)
    assert env.flag("DESK_FLAG", default=True) is flag


def test_flag_refuses_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_FLAG", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="DESK_FLAG must be 1 or 0"):
        env.flag("DESK_FLAG", default=True)


@pytest.mark.parametrize("value", ["ten", "1.5", "-1"])
def test_integer_refuses(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DESK_NUMBER", value)
    with pytest.raises(ImproperlyConfigured, match="DESK_NUMBER must be"):
        env.integer("DESK_NUMBER", 3)


def test_csv_drops_what_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_HOSTS", " a.example , ,b.example")
    assert env.csv("DESK_HOSTS") == ["a.example", "b.example"]


def test_secret_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hush\n")
    monkeypatch.setenv("DESK_SECRET_FILE", str(file))
    assert env.secret("DESK_SECRET") == "hush"
    monkeypatch.setenv("DESK_SECRET", "said")
    assert env.secret("DESK_SECRET") == "said"


def test_secret_file_that_is_missing_or_empty_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    monkeypatch.setenv("DESK_SECRET_FILE", str(file))
    with pytest.raises(ImproperlyConfigured, match="DESK_SECRET_FILE cannot be read"):
        env.secret("DESK_SECRET")
    file.touch()
    with pytest.raises(ImproperlyConfigured, match="DESK_SECRET_FILE names is empty"):
        env.secret("DESK_SECRET")


def test_database_url_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_DATABASE", "postgres://us%40er:p%2Fw@db.example:5433/desk?sslmode=require")
    assert env.database_url("DESK_DATABASE") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "desk",
        "USER": "us@er",
        "PASSWORD": "p/w",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }


def test_database_url_through_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_DATABASE", "postgresql://me@/desk?host=%2Fa%20folder%2Frun")
    assert env.database_url("DESK_DATABASE")["HOST"] == "/a folder/run"


@pytest.mark.parametrize("value", ["sqlite:///db", "postgresql://host", "postgresql://host:port/db", "words"])
def test_database_url_refuses(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DESK_DATABASE", value)
    with pytest.raises(ImproperlyConfigured, match="DESK_DATABASE"):
        env.database_url("DESK_DATABASE")


@pytest.mark.parametrize("value", ["localhost:6379", "amqp://host/0", "redis://host/desk"])
def test_redis_url_refuses(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DESK_REDIS", value)
    with pytest.raises(ImproperlyConfigured, match="DESK_REDIS"):
        env.redis_url("DESK_REDIS")


@pytest.mark.parametrize(
    ("url", "cache", "celery"),
    [
        ("redis://:pw@host:6379", "redis://:pw@host:6379/1", "redis://:pw@host:6379"),
        ("rediss://host/3", "rediss://host/4", "rediss://host/3"),
        ("unix:///run/r.sock?db=2", "unix:///run/r.sock?db=3", "redis+socket:///run/r.sock?virtual_host=2"),
        ("unix:///run/r.sock", "unix:///run/r.sock?db=1", "redis+socket:///run/r.sock?virtual_host=0"),
    ],
)
def test_one_redis_address_in_three_spellings(url: str, cache: str, celery: str) -> None:
    assert redis_urls.with_database(url, redis_urls.database_number(url) + 1) == cache
    assert redis_urls.for_celery(url) == celery
