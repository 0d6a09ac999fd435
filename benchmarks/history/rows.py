"""Filling a history: rows as the site writes them, made by PostgreSQL itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from benchmarks.history.people import People
from predictions.models.blocks import packed
from predictions.models.ids import earliest_id
from predictions.selectors.history_parts import BLOCKS, HISTORY, parts

IN_BLOCKS = 5
"""Every fifth row lies in a block."""

BLOCK_ROWS = 1_000
_COLUMNS = (
    "id, ml_model_id, version_id, revision_id, own, outcome, score, margin, warned, cached, face, "
    "user_id, api_key_id, visitor, created_at, duration_ms"
)
_ID = "(lpad(to_hex((extract(epoch FROM t) * 1000)::bigint), 12, '0') || '7' || substr(m, 1, 3) || '8' || substr(m, 4, 11) || {last})::uuid"
# h is as good as random; which hundredth of it says who asked, which ten-thousandth which ml_model, and so on.
_SINGLES = f"""
INSERT INTO "{{table}}" ({_COLUMNS})
SELECT {_ID.format(last="substr(m, 15, 4)")},
    (%(ml_models)s::bigint[])[place], (%(versions)s::bigint[])[place], (%(revisions)s::bigint[])[place],
    format('[[%%s,%%s,%%s,%%s,%%s,%%s,%%s,%%s,%%s,%%s,%%s,%%s],{{{{"label":"%%s","probabilities":{{{{"good":%%s,"bad":%%s}}}}}}}},[]]',
        h %% 97, h %% 89, n * 0.125, h %% 83, h %% 79, n * 0.375, h %% 73, h %% 71, n * 0.0625, h %% 67, h %% 61, n * 0.5,
        said, score, round((1 - score)::numeric, 4))::json,
    said, score, 2 * score - 1, h / 17 %% 25 = 0, h / 19 %% 9 = 0,
    (ARRAY['api', 'form', 'api', 'api', 'article'])[1 + h / 23 %% 5],
    CASE WHEN who < 20 THEN %(heavy)s WHEN who < 30 AND t < %(left_at)s THEN %(gone)s
        WHEN who < 35 THEN (%(others)s::int[])[1 + h / 29 %% 20] END,
    CASE WHEN who BETWEEN 35 AND 55 THEN %(key)s WHEN who BETWEEN 56 AND 60 THEN %(other_key)s END,
    CASE WHEN who > 60 THEN ('00000000-0000-4000-8000-' || lpad(to_hex(n / 7), 12, '0'))::uuid END,
    t, 1.5 + h %% 100 / 40.0
FROM (
    SELECT n, h, t, md5(n::text || %(salt)s) AS m, h %% 100 AS who, 0.5 + h / 13 %% 1000 / 2001.0 AS score,
        CASE WHEN h / 31 %% 100000 = 0 THEN 'seldom' WHEN h / 37 %% 3 = 0 THEN 'bad' ELSE 'good' END AS said,
        CASE WHEN h / 41 %% 100000 = 0 THEN 4 WHEN h / 43 %% 100 < 55 THEN 1 WHEN h / 43 %% 100 < 85 THEN 2 ELSE 3 END AS place
    FROM (
        SELECT n, hashint8extended(n, 7) & 9007199254740991 AS h, to_timestamp(%(begin)s + n * %(step)s) AS t
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    ) AS counted
) AS drawn
"""
_BLOCK_IDS = f"""
    SELECT n, t, {_ID.format(last="'0000'")} AS first_id
    FROM (
        SELECT n, to_timestamp(%(begin)s + n * %(step)s) AS t, md5(n::text || %(salt)s) AS m
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    ) AS counted
"""
_BLOCKS = f'INSERT INTO "{{table}}" (id, rows, content) SELECT first_id, %(size)s, %(content)s FROM ({_BLOCK_IDS}) AS made'
_BLOCK_ROWS = f"""
INSERT INTO "{{table}}" ({_COLUMNS})
SELECT (left(first_id::text, 32) || lpad(to_hex(position), 4, '0'))::uuid,
    (%(ml_models)s::bigint[])[1], (%(versions)s::bigint[])[1], (%(revisions)s::bigint[])[1], NULL,
    CASE WHEN position %% 3 = 0 THEN 'bad' ELSE 'good' END, 0.5 + position / 2001.0, position / 1000.5,
    position %% 25 = 0, false, 'api', CASE WHEN n %% 2 = 0 THEN %(bulk)s END,
    CASE WHEN n %% 2 = 1 THEN %(bulk_key)s END, NULL, t, 20
FROM ({_BLOCK_IDS}) AS made, generate_series(0, %(size)s - 1) AS position
"""
_OF_ONE = _SINGLES.replace(
    "CASE WHEN who < 20 THEN %(heavy)s", "CASE WHEN true THEN %(one)s WHEN who < 20 THEN %(heavy)s"
)
_REVIEWS = f"""
INSERT INTO predictions_review (prediction_id, verdict, outcome, reason, reviewer_id, created_at)
SELECT id, CASE WHEN right(id::text, 1) < '8' THEN 'confirmed' ELSE 'overruled' END, '', 'Seen by hand.', %(reviewer)s, created_at
FROM (SELECT id, created_at FROM {HISTORY} WHERE id >= %(since)s AND id < %(until)s AND random() < %(share)s ORDER BY id) AS seen
"""


def arrange(first: datetime) -> None:
    """Parts for every month from ``first`` on, as if the site had run since then. The history must be empty."""
    for parent in (HISTORY, BLOCKS):
        (before, *_ahead) = parts(parent)
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER TABLE {parent} DETACH PARTITION "{before.table}"')
            cursor.execute(f'DROP TABLE "{before.table}"')
            month = first
            _make(cursor, parent, "before_", None, month)
            while month < before.end:
                following = (month + timedelta(days=32)).replace(day=1)
                _make(cursor, parent, "", month, following)
                month = following


def singles(people: People, count: int, begin: datetime, end: datetime, salt: str) -> None:
    """``count`` answers of one row each, evenly between the two times."""
    _spread(_SINGLES, HISTORY, people, count, begin, end, salt)


def of_one(people: People, name: str, count: int, begin: datetime, end: datetime) -> None:
    """``count`` answers of one account."""
    _spread(_OF_ONE, HISTORY, people, count, begin, end, name, one=people.columns[name])


def blocks(people: People, count: int, size: int, begin: datetime, end: datetime, salt: str) -> None:
    """``count`` asks of ``size`` cases each, in turn of an account and of a key."""
    inputs = [[position * 0.5] * 12 for position in range(size)]
    outputs = [{"label": "good", "probabilities": {"good": 0.7, "bad": 0.3}}] * size
    more = {"size": size, "content": packed(inputs, outputs, {})}
    _spread(_BLOCKS, BLOCKS, people, count, begin, end, salt, **more)
    _spread(_BLOCK_ROWS, HISTORY, people, count, begin, end, salt, **more)


def reviews(people: People, share: float, begin: datetime, end: datetime) -> None:
    """Verdicts on that share of the answers."""
    values = {
        "since": earliest_id(begin),
        "until": earliest_id(end),
        "share": share,
        "reviewer": people.columns["reviewer"],
    }
    _run(_REVIEWS, values)


def seldom(people: People, count: int) -> None:
    """Let ``count`` of the oldest answers to visitors be of the ML model that is seldom asked."""
    place = len(people.columns["ml_models"]) - 1
    values = {name: people.columns[name][place] for name in ("ml_models", "versions", "revisions")}
    _run(
        f"UPDATE {HISTORY} SET ml_model_id = %(ml_models)s, version_id = %(versions)s, revision_id = %(revisions)s "
        f"WHERE id IN (SELECT id FROM {HISTORY} WHERE visitor IS NOT NULL ORDER BY id LIMIT %(count)s)",
        {**values, "count": count},
    )


def settle() -> None:
    """What autovacuum would have done by and by."""
    _run(f"VACUUM (ANALYZE) {HISTORY}, {BLOCKS}, predictions_review", {})


def _spread(
    statement: str,
    parent: str,
    people: People,
    count: int,
    begin: datetime,
    end: datetime,
    salt: str,
    **more: Any,
) -> None:
    """Part by part, as a check of a statement on the whole would have to hold all rows at once."""
    step = (end - begin).total_seconds() / count
    for part in parts(parent):
        first = 0 if part.begin is None else max(_ceiling((part.begin - begin).total_seconds() / step), 0)
        last = min(_ceiling((part.end - begin).total_seconds() / step), count) - 1
        if last >= first:
            numbers = {"begin": begin.timestamp(), "step": step, "first": first, "last": last, "salt": salt}
            _run(statement.format(table=part.table), {**people.columns, **numbers, **more})


def _make(cursor: Any, parent: str, prefix: str, begin: datetime | None, end: datetime) -> None:
    named = end if begin is None else begin
    since = "MINVALUE" if begin is None else f"'{earliest_id(begin)}'"
    cursor.execute(
        f'CREATE TABLE IF NOT EXISTS "{parent}_{prefix}{named:%Y_%m}" PARTITION OF {parent} '
        f"FOR VALUES FROM ({since}) TO ('{earliest_id(end)}')"
    )


def _run(statement: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _ceiling(number: float) -> int:
    return -int(-number // 1)
