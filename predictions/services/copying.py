"""Rows and blocks of the history as PostgreSQL's binary COPY takes them, and sending them there.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format": a row is the number of its fields, a field its
length (-1 for null) and its bytes; times are microseconds since the year 2000.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, repeat
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from predictions.models import Prediction, PredictionBlock
from predictions.services import partitions

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
"""The fields of a row in their order."""

_ROWS = f"COPY {Prediction._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"  # noqa: SLF001 - Django's documented API
_BLOCKS = f"COPY {PredictionBlock._meta.db_table} (id, rows, content) FROM STDIN (FORMAT binary)"  # noqa: SLF001

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = struct.pack(">h", -1)
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_NO_PARTITION = "23514"

NULL = struct.pack(">i", -1)
TRUE, FALSE = struct.pack(">i?", 1, True), struct.pack(">i?", 1, False)
UNMARKED = FALSE + FALSE
BEGIN = struct.pack(">hi", len(COLUMNS), 16)
"""What stands before a row's id, and how long the id is."""

length = struct.Struct(">i").pack
two_numbers = struct.Struct(">idid").pack
"""Two fields that hold floats: ``two_numbers(8, one, 8, other)``."""
_float = struct.Struct(">id").pack
_whole = struct.Struct(">iq").pack
_small = struct.Struct(">ii").pack


def write(rows: Sequence[bytes], blocks: Sequence[bytes]) -> None:
    """Commit rows and blocks, all or none; inside a transaction they are committed with it.

    Raises django.db.IntegrityError where a row is there already or refers to one that is not, OperationalError or
    InterfaceError when the database is away.
    """
    try:
        _send(rows, blocks)
    except IntegrityError as error:
        if getattr(error.__cause__, "pgcode", "") != _NO_PARTITION:
            raise
        # Nobody made the month's part in time; perhaps somebody else does just now.
        partitions.extend()
        _send(rows, blocks)


def _send(rows: Sequence[bytes], blocks: Sequence[bytes]) -> None:
    # A COPY is all or none by itself; a transaction around it would be two more round trips.
    alone = not blocks and not connection.in_atomic_block
    together: AbstractContextManager[None] = nullcontext() if alone else transaction.atomic()
    with together:
        if blocks:
            _copy(_BLOCKS, blocks)
        _copy(_ROWS, rows)


def _copy(statement: str, pieces: Sequence[bytes]) -> None:
    data = io.BytesIO(b"".join((_HEADER, *pieces, _END)))
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(statement, data, 1 << 16)


def block(block_id: UUID, count: int, content: bytes) -> bytes:
    """A row of the table of blocks. ``content`` as ``models.blocks.packed`` makes it."""
    head = struct.pack(">hi", 3, 16) + block_id.bytes + _small(4, count)
    return head + length(len(content)) + content


def rows_of_block(
    block_id: UUID, of: bytes, summaries: Sequence[bytes], marks: Mapping[int, bytes], tail: bytes
) -> Iterator[bytes]:
    """The rows of all cases of a block, in pieces. ``of``: from ``origin``. ``marks``: from ``marks``, by position."""
    count = len(summaries)
    # The last two bytes of an id are the position.
    head = BEGIN + block_id.bytes[:14]
    plain = UNMARKED + tail
    tails: Iterable[bytes] = repeat(plain, count)
    if marks:
        tails = [marks[place] + tail if place in marks else plain for place in range(count)]
    fields = zip(repeat(head, count), _positions(count), repeat(of + NULL), summaries, tails, strict=False)
    return chain.from_iterable(fields)


def marks(warned: Collection[int], cached: Iterable[int] = ()) -> dict[int, bytes]:
    """The fields ``warned`` and ``cached`` at the positions where one of them is true; elsewhere they are ``UNMARKED``."""
    found = frozenset(cached)
    if not found and not warned:
        return {}
    return {
        place: (TRUE if place in warned else FALSE) + (TRUE if place in found else FALSE)
        for place in found.union(warned)
    }


def origin(ml_model_id: int, version_id: int, revision_id: int) -> bytes:
    """The fields ``ml_model_id``, ``version_id`` and ``revision_id``."""
    return _whole(8, ml_model_id) + _whole(8, version_id) + _whole(8, revision_id)


def asker(face: str, user_id: int | None, api_key_id: int | None, visitor: UUID | None) -> bytes:
    """The fields ``face``, ``user_id``, ``api_key_id`` and ``visitor``."""
    return b"".join(
        (
            text(face),
            NULL if user_id is None else _account()(user_id),
            NULL if api_key_id is None else _whole(8, api_key_id),
            NULL if visitor is None else length(16) + visitor.bytes,
        )
    )


def times(now: float, duration_ms: float) -> bytes:
    """The fields ``created_at`` (``now`` in seconds since the epoch) and ``duration_ms``."""
    moment = (datetime.fromtimestamp(now, UTC) - _POSTGRES_EPOCH) // timedelta(microseconds=1)
    return _whole(8, moment) + _float(8, round(max(duration_ms, 0.0), 3))


def text(value: str) -> bytes:
    """A field that holds text. Raises UnicodeEncodeError for half characters."""
    data = value.encode()
    return length(len(data)) + data


def number(value: float | None) -> bytes:
    """A field that holds a float."""
    return NULL if value is None else _float(8, value)


@lru_cache(maxsize=8)
def _positions(count: int) -> list[bytes]:
    return [position.to_bytes(2, "big") for position in range(count)]


@lru_cache(maxsize=1)
def _account() -> Callable[[int], bytes]:
    # Accounts have four-byte numbers, unless the site has a user model of its own.
    column: Any = Prediction._meta.get_field("user")  # noqa: SLF001 - Django's documented API
    if column.db_type(connection) == "integer":
        return lambda user_id: _small(4, user_id)
    return lambda user_id: _whole(8, user_id)
