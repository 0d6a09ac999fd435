"""What recorded answers refer to cannot be deleted, whoever tries and whatever happens beside it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from predictions.models import ApiKey, MLModel, ModelVersion, Prediction, SignatureRevision
from predictions.services import api_keys
from tests import factories
from tests.support.answers import stored

TABLES: dict[str, Any] = {
    "ml_model": MLModel,
    "version": ModelVersion,
    "revision": SignatureRevision,
    "user": User,
    "api_key": ApiKey,
}


@pytest.fixture
def answered() -> Prediction:
    key, _text = api_keys.create(name="Northwind")
    row_id = stored(factories.version(), user_id=factories.user().pk, api_key_id=key.pk)
    return Prediction.objects.get(pk=row_id)


def delete(cursor: Any, name: str, pk: Any) -> None:
    """Past Django, and past what else refers to it."""
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    cursor.execute(f"DELETE FROM {TABLES[name]._meta.db_table} WHERE id = %s", [pk])


@pytest.mark.django_db
@pytest.mark.parametrize("name", list(TABLES))
def test_the_database_keeps_what_answers_refer_to(answered, name):
    with (
        pytest.raises(IntegrityError, match="answers refer to this row"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        delete(cursor, name, getattr(answered, f"{name}_id"))


@pytest.mark.django_db
def test_what_no_answer_refers_to_goes(answered):
    other = factories.version(live=False)
    account, (key, _text) = factories.user(), api_keys.create(name="Unused")
    ModelVersion.objects.filter(pk=other.pk).update(current_revision=None)
    other.revisions.all().delete()
    other.delete()
    other.ml_model.delete()
    account.delete()
    key.delete()
    assert Prediction.objects.count() == 1


@pytest.mark.django_db
def test_another_version_of_an_answering_ml_model_goes(answered):
    unused = factories.version(ml_model=answered.ml_model, live=False)
    ModelVersion.objects.filter(pk=unused.pk).update(current_revision=None)
    unused.revisions.all().delete()
    unused.delete()
    assert answered.ml_model.versions.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["ml_model", "user", "api_key"])
def test_django_says_so_without_reading_the_history(answered, name):
    with CaptureQueriesContext(connection) as asked, pytest.raises(ProtectedError):
        getattr(answered, name).delete()
    about = [query["sql"] for query in asked if 'FROM "predictions_prediction"' in query["sql"]]
    assert about
    assert all("LIMIT 10" in sql for sql in about)


@pytest.mark.django_db(transaction=True)
def test_an_answer_under_way_keeps_its_account_from_being_deleted():
    version, account = factories.version(), factories.user()
    error: list[BaseException | None] = []

    def remove() -> None:
        try:
            account.delete()
            error.append(None)
        except IntegrityError as raised:
            error.append(raised)
        finally:
            connection.close()

    other = threading.Thread(target=remove)
    with transaction.atomic():
        stored(version, user_id=account.pk)
        other.start()
        other.join(0.5)
        assert other.is_alive(), "it did not wait for the answer"
    other.join()
    assert isinstance(error[0], IntegrityError)
    assert User.objects.filter(pk=account.pk).exists()
    assert Prediction.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_account_being_deleted_gets_no_more_answers():
    version, account = factories.version(), factories.user()
    error: list[BaseException | None] = []

    def answer() -> None:
        try:
            stored(version, user_id=account.pk)
            error.append(None)
        except IntegrityError as raised:
            error.append(raised)
        finally:
            connection.close()

    other = threading.Thread(target=answer)
    with transaction.atomic():
        User.objects.filter(pk=account.pk).delete()
        other.start()
        other.join(0.5)
        assert other.is_alive(), "it did not wait for the deletion"
    other.join()
    assert isinstance(error[0], IntegrityError)
    assert not Prediction.objects.exists()
