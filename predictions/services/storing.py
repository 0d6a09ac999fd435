"""Writing answers as fast as PostgreSQL takes them: binary COPY, one commit per group."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from django.db import IntegrityError, connection, transaction

from predictions.models import Prediction, PredictionBlock
from predictions.models.blocks import packed
from predictions.models.ids import begins_block
from predictions.signature.answers import outcome_of, score_and_margin
from predictions.values import Ask, Group

BLOCK_FROM = 16
"""From so many cases on, an ask keeps them in one block: fewer bytes, a third of the time."""

COLUMNS = (
    "id",
    "ml_model_id",
    "version_id",
    "revision_id",
    "own",
    "outcome",
    "score",
    "margin",
    "warned",
    "cached",
    "face",
    "user_id",
    "api_key_id",
    "visitor",
    "created_at",
    "duration_ms",
)
_ROWS = f"COPY {Prediction._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"  # noqa: SLF001 - Django's documented API
_BLOCKS = f"COPY {PredictionBlock._meta.db_table} (id, rows, content) FROM STDIN (FORMAT binary)"  # noqa: SLF001

# PostgreSQL's binary COPY: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". A field is its
# length (-1 for null) and its bytes; times are microseconds since the year 2000.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

_encode = msgspec.json.Encoder().encode
_length = struct.Struct(">i").pack
_begin_row = struct.Struct(">hi").pack
_float = struct.Struct(">id").pack
_whole = struct.Struct(">iq").pack
_small = struct.Struct(">ii").pack
_TRUE, _FALSE = struct.pack(">i?", 1, True), struct.pack(">i?", 1, False)


@dataclass(frozen=True, slots=True)
class Answered:
    """One ask with its answers, row by row; ``cached`` are the positions that were not computed anew."""

    ask: Ask
    outputs: list[dict[str, Any]]
    cached: Iterable[int] = ()


def store(*, group: Group, answered: Sequence[Answered], now: float) -> None:
    """Commit one row per answer; all or none. Rows that are there already (a message sent twice) stay as they are.

    ``now``: seconds since the epoch, the moment the rows carry. Raises django.db.OperationalError or InterfaceError
    when the database is away, IntegrityError when an account, key or version is gone, DataError or UnicodeEncodeError
    for what PostgreSQL does not hold.
    """
    try:
        _write(group, answered, now)
    except IntegrityError:
        missing = _missing(answered)
        if len(missing) == len(answered):
            raise
        if missing:
            _write(group, missing, now)


def _write(group: Group, answered: Sequence[Answered], now: float) -> None:
    rows, blocks = _encoded(group, answered, now)
    # A COPY is all or none by itself; a transaction around it would be two more round trips.
    alone = not blocks and not connection.in_atomic_block
    with nullcontext() if alone else transaction.atomic():
        if blocks:
            _copy(_BLOCKS, blocks)
        _copy(_ROWS, rows)


def _copy(statement: str, pieces: list[bytes]) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(statement, io.BytesIO(b"".join((_HEADER, *pieces, _END))))


def _missing(answered: Sequence[Answered]) -> list[Answered]:
    first = [one.ask.first_id for one in answered]
    there = set(Prediction.objects.filter(pk__in=first).values_list("pk", flat=True))
    return [one for one in answered if one.ask.first_id not in there]


def _encoded(group: Group, answered: Sequence[Answered], now: float) -> tuple[list[bytes], list[bytes]]:
    """The rows and the blocks of a group, as COPY takes them."""
    origin = b"".join(_whole(8, key) for key in (group.ml_model_id, group.version_id, group.revision_id))
    times = _times(now, now - group.sent_at)
    rows: list[bytes] = []
    blocks: list[bytes] = []
    for one in answered:
        in_block = len(one.ask.rows) >= BLOCK_FROM and begins_block(one.ask.first_id)
        if in_block:
            blocks.append(_block(one))
        _add_rows(rows, one, origin, _asker(one.ask) + times, in_block=in_block)
    return rows, blocks


def _block(one: Answered) -> bytes:
    warnings = {position: found for position, found in enumerate(one.ask.warnings) if found}
    content = packed(one.ask.rows, one.outputs, warnings)
    count = len(one.ask.rows)
    head = _begin_row(3, 16) + one.ask.first_id.bytes + _small(4, count) + _length(len(content))
    return head + content


def _add_rows(rows: list[bytes], one: Answered, origin: bytes, tail: bytes, *, in_block: bool) -> None:
    begin = _begin_row(len(COLUMNS), 16)
    number = one.ask.first_id.int
    summary = Summaries()
    cached = frozenset(one.cached)
    cases = zip(one.ask.rows, one.outputs, one.ask.warnings, strict=True)
    for position, (values, outputs, warnings) in enumerate(cases):
        if in_block:
            own = _NULL
        else:
            text = _encode((values, outputs, warnings))
            own = _length(len(text)) + text
        rows.append(
            b"".join(
                (
                    begin,
                    (number + position).to_bytes(16, "big"),
                    origin,
                    own,
                    summary.of(outputs),
                    _TRUE if warnings else _FALSE,
                    _TRUE if position in cached else _FALSE,
                    tail,
                )
            )
        )


class Summaries:
    """Outcome, score and margin of answers as COPY takes them; an outcome that comes again is worded once."""

    def __init__(self) -> None:
        self._labels: dict[str, bytes] = {}

    def of(self, outputs: Mapping[str, Any]) -> bytes:
        """The three fields of one answer."""
        score, margin = score_and_margin(outputs)
        return self._outcome(outputs) + _number(score) + _number(margin)

    def _outcome(self, outputs: Mapping[str, Any]) -> bytes:
        label = outputs.get("label")
        if type(label) is not str:
            return _text(outcome_of(outputs))
        known = self._labels.get(label)
        if known is None:
            known = self._labels[label] = _text(outcome_of(outputs))
        return known


def _asker(ask: Ask) -> bytes:
    """The fields ``face``, ``user_id``, ``api_key_id`` and ``visitor``."""
    return b"".join(
        (
            _text(ask.face),
            _NULL if ask.user_id is None else _user_field()(ask.user_id),
            _NULL if ask.api_key_id is None else _whole(8, ask.api_key_id),
            _NULL if ask.visitor is None else _length(16) + ask.visitor.bytes,
        )
    )


@lru_cache(maxsize=1)
def _user_field() -> Callable[[int], bytes]:
    # Accounts have four-byte numbers, unless the site has a user model of its own.
    column: Any = Prediction._meta.get_field("user")  # noqa: SLF001 - Django's documented API
    if column.db_type(connection) == "integer":
        return lambda number: _small(4, number)
    return lambda number: _whole(8, number)


def _times(now: float, waited: float) -> bytes:
    """The fields ``created_at`` and ``duration_ms``."""
    moment = (datetime.fromtimestamp(now, UTC) - _POSTGRES_EPOCH) // timedelta(microseconds=1)
    return _whole(8, moment) + _float(8, round(max(waited, 0.0) * 1000.0, 3))


def _text(value: str) -> bytes:
    data = value.encode()
    return _length(len(data)) + data


def _number(value: float | None) -> bytes:
    return _NULL if value is None else _float(8, value)
