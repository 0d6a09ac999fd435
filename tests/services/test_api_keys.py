from __future__ import annotations

import time

import pytest
from django.utils import timezone

from predictions.errors import DeskError
from predictions.models import ApiKey
from predictions.selectors import api_keys as selectors
from predictions.services import api_keys
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_held():
    selectors.forget()


def test_a_key_is_found_by_its_text_and_its_text_is_not_stored():
    row, text = api_keys.create(name="Partner")
    assert selectors.find(text) == row
    secret = text.split("_", 2)[2]
    assert secret not in str(ApiKey.objects.values().get())


@pytest.mark.parametrize("change", ["", "x", " ", "é", "\ud800"])
def test_any_other_text_finds_nothing(change):
    _, text = api_keys.create(name="Partner")
    assert selectors.find((text + change) if change else text[:-1]) is None


@pytest.mark.parametrize("text", ["", "md", "md__", "md_abc", "xx_abc_def", "md_'; drop_x"])
def test_what_is_no_key_finds_nothing(text):
    assert selectors.find(text) is None


def test_a_revoked_key_is_refused_at_once_here():
    row, text = api_keys.create(name="Partner")
    assert selectors.find(text)
    api_keys.revoke(key=row)
    assert selectors.find(text) is None


def test_a_key_revoked_elsewhere_is_refused_within_a_second(monkeypatch):
    row, text = api_keys.create(name="Partner")
    assert selectors.find(text)
    ApiKey.objects.filter(pk=row.pk).update(revoked_at=timezone.now())
    later = time.monotonic() + selectors.FRESH_SECONDS + 0.01
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert selectors.find(text) is None


def test_a_known_key_costs_no_query(django_assert_num_queries):
    _, text = api_keys.create(name="Partner")
    selectors.find(text)
    with django_assert_num_queries(0):
        selectors.find(text)


def test_the_key_of_a_closed_account_is_refused():
    account = factories.user()
    _, text = api_keys.create(name="Script", user=account)
    account.is_active = False
    account.save()
    assert selectors.find(text) is None


def test_a_key_needs_a_name():
    with pytest.raises(DeskError):
        api_keys.create(name="  ")


def test_the_last_use_is_noted_coarsely(django_assert_num_queries):
    row, _ = api_keys.create(name="Partner")
    api_keys.note_use(key=row)
    with django_assert_num_queries(0):
        api_keys.note_use(key=row)
    assert ApiKey.objects.get().last_used_at
