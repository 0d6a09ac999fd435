"""A full table of answers becomes one of monthly parts while the site goes on."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from benchmarks.history import databases
from benchmarks.migrating import OUTPUTS, fill, migrate
from predictions.models import Prediction
from predictions.selectors.history_parts import BLOCKS, HISTORY, parts
from predictions.services.upgrading import upgrade

ROWS = 5_000
MIGRATION = importlib.import_module("predictions.migrations.0002_partitioned_history")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old_site() -> Iterator[dict[str, Any]]:
    """A database of its own, as the first version left it; Django's for the length of the test."""
    database = databases.make("old_site")
    with database.used():
        yield fill(ROWS)
    database.close()
    databases.drop("old_site")


def test_nobody_waits_and_nothing_is_copied_or_lost(old_site):
    report = migrate(old_site, backup_seconds=3.0)
    assert report.seconds > 2.0, "it did not wait for the backup"
    assert not report.rewritten
    for busy in (report.writer, report.reader):
        assert busy.errors == []
        assert busy.times > 50
        # With the machine to itself less than half a second; a queue behind the backup would be longer than this.
        assert busy.longest < 1.2
    assert Prediction.objects.count() == ROWS + report.writer.times


def test_the_old_rows_are_the_first_part_and_read_as_before(old_site):
    call_command("migrate", "predictions", verbosity=0)
    first, *ahead = parts()
    assert first.first_id is None
    assert len(ahead) == len(parts(BLOCKS)) - 1 == MIGRATION.MONTHS_AHEAD
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{first.table}"')
        assert cursor.fetchone() == (ROWS,)
    row = Prediction.objects.order_by("pk")[9]
    assert (row.inputs, row.outputs, len(row.warnings)) == ([10, 1.5, None, "text"], OUTPUTS, 1)
    assert sum(step.changed for step in list(upgrade(share_of_time=1.0))[-1:]) == ROWS
    row = Prediction.objects.order_by("pk")[9]
    assert (row.inputs, row.outputs, len(row.warnings), row.warned) == (
        [10, 1.5, None, "text"],
        OUTPUTS,
        1,
        True,
    )
    assert row.margin == pytest.approx(0.4)
    assert Prediction.objects.filter(warned=True).count() == ROWS // 10


def test_indexes_and_keys_are_those_that_are_meant(old_site):
    call_command("migrate", "predictions", verbosity=0)
    with connection.cursor() as cursor:
        for part in (HISTORY, parts()[0].table, parts()[-1].table):
            cursor.execute(
                "SELECT count(*), bool_and(indisvalid) FROM pg_index WHERE indrelid = %s::regclass", [part]
            )
            assert cursor.fetchone() == (1 + len(MIGRATION.INDEXES), True)
        cursor.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND (conrelid = %s::regclass OR confrelid = %s::regclass)",
            [HISTORY, HISTORY],
        )
        assert cursor.fetchone() == (0,)


def test_what_was_interrupted_goes_on_when_run_again(old_site, monkeypatch):
    swap = MIGRATION._swap

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MIGRATION, "_swap", stop)
    with pytest.raises(KeyboardInterrupt):
        call_command("migrate", "predictions", verbosity=0)
    monkeypatch.setattr(MIGRATION, "_swap", swap)
    monkeypatch.setattr(MIGRATION, "_spare_indexes", stop)
    with pytest.raises(KeyboardInterrupt):
        call_command("migrate", "predictions", verbosity=0)
    monkeypatch.undo()
    call_command("migrate", "predictions", verbosity=0)
    assert Prediction.objects.count() == ROWS
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass", [parts()[0].table])
        assert cursor.fetchone() == (1 + len(MIGRATION.INDEXES),)


def test_old_rows_keep_their_account(old_site):
    call_command("migrate", "predictions", verbosity=0)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM auth_user WHERE id = %s", [old_site["user"]])
