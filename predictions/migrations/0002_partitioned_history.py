"""The history becomes a table of monthly parts, without standing still on the way.

Everything slow (looking through the old rows, building indexes) happens beside readers and writers. The change itself
takes one short moment with the table to itself, asked for again and again instead of waited for, so that nobody
queues up behind it. Whatever interrupts this migration: run it again, and it goes on where it was.
"""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import django.db.models.deletion
from django.conf import settings
from django.db import OperationalError, connection, migrations, models, transaction

import predictions.models.deletion
import predictions.models.predictions

HISTORY = "predictions_prediction"
BLOCKS = "predictions_predictionblock"

# Rows that are written while the old ones are looked through still belong to the old part.
NOTICE = timedelta(days=7)
MONTHS_AHEAD = 3
LOCK_TIMEOUT_MS = 300
LOCK_SECONDS = 900

INDEXES = {
    "prediction_by_ml_model": "(ml_model_id, id)",
    "prediction_by_user": "(user_id, id) WHERE user_id IS NOT NULL",
    "prediction_by_key": "(api_key_id, id) WHERE api_key_id IS NOT NULL",
    "prediction_by_visitor": "(visitor, id) WHERE visitor IS NOT NULL",
}

COLUMNS = f"""
ALTER TABLE {HISTORY}
    ADD COLUMN IF NOT EXISTS own json,
    ADD COLUMN IF NOT EXISTS margin double precision,
    ADD COLUMN IF NOT EXISTS warned boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS cached boolean NOT NULL DEFAULT false,
    ALTER COLUMN inputs DROP NOT NULL,
    ALTER COLUMN outputs DROP NOT NULL,
    ALTER COLUMN warnings DROP NOT NULL,
    DROP CONSTRAINT IF EXISTS {HISTORY}_until,
    ADD CONSTRAINT {HISTORY}_until CHECK (id < '{{boundary}}') NOT VALID
"""

# A scalar subquery is looked up by index however large the other table is; a join might read all of it.
CHECK_REFERENCES = """
CREATE OR REPLACE FUNCTION predictions_check_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (
            SELECT DISTINCT ml_model_id, version_id, revision_id, user_id, api_key_id FROM inserted
        ) AS used
        WHERE (SELECT true FROM predictions_mlmodel WHERE id = used.ml_model_id) IS NULL
            OR (SELECT true FROM predictions_modelversion WHERE id = used.version_id) IS NULL
            OR (SELECT true FROM predictions_signaturerevision WHERE id = used.revision_id) IS NULL
            OR used.user_id IS NOT NULL
                AND (SELECT true FROM {users} WHERE {user_pk} = used.user_id) IS NULL
            OR used.api_key_id IS NOT NULL
                AND (SELECT true FROM predictions_apikey WHERE id = used.api_key_id) IS NULL
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'an answer refers to a row that is not there';
    END IF;
    RETURN NULL;
END $$
"""

# Deleting waits for the answers that are being written and holds back those that come; each side then sees what the
# other did. Writing an answer is thousands of times as frequent, so it takes no lock on what it refers to.
CHECK_UNUSED = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    gone record;
BEGIN
    IF NOT EXISTS (SELECT FROM deleted) THEN
        RETURN NULL;
    END IF;
    LOCK TABLE ONLY predictions_prediction IN SHARE ROW EXCLUSIVE MODE;
    FOR gone IN SELECT * FROM deleted LOOP
        IF EXISTS (SELECT FROM predictions_prediction WHERE {condition}) THEN
            RAISE foreign_key_violation USING MESSAGE = '{message}';
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""

# An id begins with its milliseconds; a day for clocks that differ.
SINCE = (
    "id >= (lpad(to_hex(greatest(floor(extract(epoch FROM gone.created_at - interval '1 day') * 1000), 0)::bigint), "
    "12, '0') || '00000000000000000000')::uuid"
)


def _watched(users, user_pk):
    """Per table that answers refer to: its trigger's function, which answers are meant, and what to say."""
    version = f"ml_model_id = gone.ml_model_id AND version_id = gone.id AND {SINCE}"
    revision = (
        "ml_model_id = coalesce((SELECT ml_model_id FROM predictions_modelversion WHERE id = gone.version_id), "
        f"ml_model_id) AND revision_id = gone.id AND {SINCE}"
    )
    return {
        "predictions_mlmodel": ("predictions_keep_ml_model", "ml_model_id = gone.id"),
        "predictions_modelversion": ("predictions_keep_version", version),
        "predictions_signaturerevision": ("predictions_keep_revision", revision),
        "predictions_apikey": ("predictions_keep_api_key", "api_key_id = gone.id"),
        users: ("predictions_keep_user", f"user_id = gone.{user_pk}"),
    }


def partition(apps, schema_editor):
    """Turn the table of answers into one of monthly parts; the old table becomes its first part."""
    user = apps.get_model(*settings.AUTH_USER_MODEL.split("."))
    users, user_pk = user._meta.db_table, user._meta.pk.column
    if not _is_partitioned(HISTORY):
        boundary = _boundary()
        _shortly(lambda cursor: cursor.execute(COLUMNS.format(boundary=_first_id(boundary))))
        _run(f"ALTER TABLE {HISTORY} VALIDATE CONSTRAINT {HISTORY}_until")
        for name, definition in INDEXES.items():
            _build_index(f"{name}_before", definition)
        _shortly(lambda cursor: _swap(cursor, boundary, users, user_pk))
    for name in _spare_indexes():
        _run(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')


def _swap(cursor, boundary, users, user_pk):
    before = f"{HISTORY}_before_{boundary:%Y_%m}"
    watched = _watched(users, user_pk)
    # All at once and in one order; what is not free now is tried again, so nobody waits for long.
    cursor.execute(f"LOCK TABLE {HISTORY}, predictions_review, {', '.join(watched)} IN ACCESS EXCLUSIVE MODE")
    for table, constraint in _foreign_keys(cursor):
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')
    cursor.execute(f"ALTER TABLE {HISTORY} RENAME TO {before}")
    cursor.execute(f"ALTER TABLE {before} RENAME CONSTRAINT {HISTORY}_pkey TO {before}_pkey")
    cursor.execute(
        f"CREATE TABLE {HISTORY} (LIKE {before} INCLUDING DEFAULTS, "
        f"CONSTRAINT {HISTORY}_pkey PRIMARY KEY (id)) PARTITION BY RANGE (id)"
    )
    for name, definition in INDEXES.items():
        cursor.execute(f"CREATE INDEX {name} ON {HISTORY} {definition}")
    cursor.execute(f"ALTER TABLE {HISTORY} ATTACH PARTITION {before} FOR VALUES {_until(boundary)}")
    cursor.execute(f"ALTER TABLE {before} DROP CONSTRAINT {HISTORY}_until")
    _make_blocks(cursor, boundary)
    for month in range(MONTHS_AHEAD):
        _make_month(cursor, _month(boundary, month))
    _make_triggers(cursor, watched, users, user_pk)


def _make_blocks(cursor, boundary):
    cursor.execute(
        f"CREATE TABLE {BLOCKS} (id uuid NOT NULL, rows integer NOT NULL, content bytea NOT NULL, "
        f"CONSTRAINT {BLOCKS}_pkey PRIMARY KEY (id)) PARTITION BY RANGE (id)"
    )
    # It is compressed already.
    cursor.execute(f"ALTER TABLE {BLOCKS} ALTER COLUMN content SET STORAGE EXTERNAL")
    cursor.execute(
        f"CREATE TABLE {BLOCKS}_before_{boundary:%Y_%m} PARTITION OF {BLOCKS} FOR VALUES {_until(boundary)}"
    )


def _make_month(cursor, begin):
    bounds = f"FROM ('{_first_id(begin)}') TO ('{_first_id(_month(begin, 1))}')"
    for table in (HISTORY, BLOCKS):
        cursor.execute(f"CREATE TABLE {table}_{begin:%Y_%m} PARTITION OF {table} FOR VALUES {bounds}")


def _make_triggers(cursor, watched, users, user_pk):
    cursor.execute(CHECK_REFERENCES.format(users=users, user_pk=user_pk))
    cursor.execute(
        f"CREATE TRIGGER check_references AFTER INSERT ON {HISTORY} REFERENCING NEW TABLE AS inserted "
        "FOR EACH STATEMENT EXECUTE FUNCTION predictions_check_references()"
    )
    for table, (function, condition) in watched.items():
        message = "answers refer to this row"
        cursor.execute(CHECK_UNUSED.format(function=function, condition=condition, message=message))
        cursor.execute(
            f"CREATE TRIGGER keep_while_answers_refer AFTER DELETE ON {table} REFERENCING OLD TABLE AS deleted "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )


def _foreign_keys(cursor):
    """Table and name of the constraints from and to the table of answers."""
    cursor.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f' "
        "AND (conrelid = %s::regclass OR confrelid = %s::regclass)",
        [HISTORY, HISTORY],
    )
    return cursor.fetchall()


def _spare_indexes():
    """Indexes of the old table that are part of no index of the whole."""
    return _rows(
        """
        SELECT index.relname FROM pg_index
        JOIN pg_class AS index ON index.oid = pg_index.indexrelid
        JOIN pg_inherits AS part ON part.inhrelid = pg_index.indrelid AND part.inhparent = %s::regclass
        WHERE NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = pg_index.indexrelid)
        """,
        [HISTORY],
    )


def _build_index(name, definition):
    # What an interrupted attempt left is not used by anybody.
    if _rows("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", [name]):
        _run(f"DROP INDEX CONCURRENTLY {name}")
    _run(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {HISTORY} {definition}")


def _boundary():
    """The beginning of the month from which rows go into parts of their own."""
    moment = datetime.now(UTC)
    newest = _rows(f"SELECT id FROM {HISTORY} ORDER BY id DESC LIMIT 1")
    if newest:
        milliseconds = UUID(str(newest[0])).int >> 80
        # Of a machine whose clock is ahead; an id that no clock gave would fill the calendar.
        if milliseconds > (moment.timestamp() + 400 * 86_400) * 1000:
            raise ValueError(
                "The newest answer's id lies more than a year ahead. Set the clock right and give such answers new ids first."
            )
        moment = max(moment, datetime.fromtimestamp(milliseconds / 1000, UTC))
    return _month(moment + NOTICE, 1)


def _month(moment, later):
    months = moment.year * 12 + moment.month - 1 + later
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _first_id(moment):
    return UUID(int=int(moment.timestamp()) * 1000 << 80)


def _until(boundary):
    return f"FROM (MINVALUE) TO ('{_first_id(boundary)}')"


def _is_partitioned(table):
    return bool(_rows("SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND relkind = 'p'", [table]))


def _shortly(change):
    """Do something that needs a table to itself in one short transaction; try again while others use it."""
    until = time.monotonic() + LOCK_SECONDS
    pause = 0.05
    while True:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                change(cursor)
            return
        except OperationalError as error:
            code = getattr(error.__cause__, "pgcode", "")
            if code not in ("55P03", "40P01") or time.monotonic() > until:
                raise
        time.sleep(pause)
        pause = min(pause * 1.5, 2.0)


def _run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _rows(statement, values=()):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


def _reference(to, on_delete=predictions.models.deletion.keep, **more):
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=on_delete,
        related_name="predictions",
        to=to,
        **more,
    )


def _old(column):
    return models.JSONField(db_column=column, editable=False, null=True)


class Migration(migrations.Migration):
    # Indexes are built beside the writers, and each short step is a transaction of its own.
    atomic = False

    dependencies = [
        ("predictions", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(partition, atomic=False)],
            state_operations=[
                migrations.CreateModel(
                    name="PredictionBlock",
                    fields=[
                        ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ("rows", models.IntegerField()),
                        ("content", models.BinaryField()),
                    ],
                ),
                *(
                    migrations.RemoveIndex(model_name="prediction", name=f"prediction_of_{name}")
                    for name in ("ml_model", "user", "key", "visitor")
                ),
                *(
                    operation
                    for name in ("inputs", "outputs", "warnings")
                    for operation in (
                        migrations.RenameField("prediction", name, f"old_{name}"),
                        migrations.AlterField("prediction", f"old_{name}", _old(name)),
                    )
                ),
                migrations.AddField(
                    "prediction", "own", predictions.models.predictions.JsonText(editable=False, null=True)
                ),
                migrations.AddField(
                    "prediction", "margin", models.FloatField(null=True, verbose_name="margin")
                ),
                migrations.AddField(
                    "prediction",
                    "warned",
                    models.BooleanField(db_default=False, default=False, verbose_name="with warnings"),
                ),
                migrations.AddField(
                    "prediction",
                    "cached",
                    models.BooleanField(db_default=False, default=False, verbose_name="from the cache"),
                ),
                migrations.AlterField("prediction", "ml_model", _reference("predictions.mlmodel")),
                migrations.AlterField(
                    "prediction", "version", _reference("predictions.modelversion", models.DO_NOTHING)
                ),
                migrations.AlterField(
                    "prediction", "revision", _reference("predictions.signaturerevision", models.DO_NOTHING)
                ),
                migrations.AlterField("prediction", "user", _reference(settings.AUTH_USER_MODEL, null=True)),
                migrations.AlterField("prediction", "api_key", _reference("predictions.apikey", null=True)),
                migrations.AlterField(
                    "review",
                    "prediction",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reviews",
                        to="predictions.prediction",
                    ),
                ),
                migrations.AddIndex(
                    "prediction", models.Index(fields=["ml_model", "id"], name="prediction_by_ml_model")
                ),
                *(
                    migrations.AddIndex(
                        "prediction",
                        models.Index(
                            condition=models.Q((f"{field}__isnull", False)),
                            fields=[field, "id"],
                            name=f"prediction_by_{name}",
                        ),
                    )
                    for name, field in (("user", "user"), ("key", "api_key"), ("visitor", "visitor"))
                ),
            ],
        )
    ]
