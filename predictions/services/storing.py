"""Writing prediction rows as fast as PostgreSQL takes them: COPY, one transaction per group."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import IntegrityError, connection, transaction

from predictions.models import Prediction
from predictions.signature.answers import outcome_of, score_of
from predictions.values import Ask, Group

COLUMNS = (
    "id",
    "ml_model_id",
    "version_id",
    "revision_id",
    "inputs",
    "outputs",
    "warnings",
    "outcome",
    "score",
    "face",
    "user_id",
    "api_key_id",
    "visitor",
    "created_at",
    "duration_ms",
)
_COPY = f"COPY {Prediction._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN"  # noqa: SLF001 - Django's documented API

_encode = msgspec.json.Encoder().encode


def store(*, group: Group, answered: Sequence[tuple[Ask, list[dict[str, Any]]]], now: float) -> None:
    """Commit one row per answer; all or none. Rows that are there already (a message sent twice) stay as they are.

    Raises django.db.OperationalError or InterfaceError when the database is away.
    """
    try:
        _copy(_lines(group, answered, now))
    except IntegrityError:
        missing = _missing(answered)
        if len(missing) == len(answered):
            raise
        if missing:
            _copy(_lines(group, missing, now))


def _copy(lines: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(_COPY, io.StringIO(lines))


def _missing(answered: Sequence[tuple[Ask, list[dict[str, Any]]]]) -> list[tuple[Ask, list[dict[str, Any]]]]:
    ids = [row_id for ask, _ in answered for row_id in ask.ids]
    there = set(Prediction.objects.filter(pk__in=ids).values_list("pk", flat=True))
    return [(ask, outputs) for ask, outputs in answered if ask.ids[0] not in there]


def _lines(group: Group, answered: Sequence[tuple[Ask, list[dict[str, Any]]]], now: float) -> str:
    created_at = datetime.fromtimestamp(now, UTC).isoformat()
    duration = f"{max((now - group.sent_at) * 1000.0, 0.0):.3f}"
    before = f"{group.ml_model_id}\t{group.version_id}\t{group.revision_id}\t"
    lines = []
    for ask, all_outputs in answered:
        after = "\t".join(
            (
                ask.face,
                _number(ask.user_id),
                _number(ask.api_key_id),
                _number(ask.visitor),
                created_at,
                duration,
            )
        )
        for row_id, values, warnings, outputs in zip(
            ask.ids, ask.rows, ask.warnings, all_outputs, strict=True
        ):
            score = score_of(outputs)
            lines.append(
                f"{row_id}\t{before}{_json(values)}\t{_json(outputs)}\t{_json(warnings)}\t"
                f"{_text(outcome_of(outputs))}\t{_number(score)}\t{after}\n"
            )
    return "".join(lines)


def _json(value: object) -> str:
    # JSON text holds no raw tabs or line ends; only its backslashes mean something to COPY.
    return _encode(value).decode().replace("\\", "\\\\")


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _number(value: object) -> str:
    return "\\N" if value is None else str(value)
