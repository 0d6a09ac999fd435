"""Writing the answers to a piece of a file: a row per case, a block per batch, in the transaction of the piece."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.db import connection

from predictions.models import Prediction, PredictionBlock
from predictions.models.blocks import packed
from predictions.models.ids import POSITION_BITS
from predictions.values import Value

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

# PostgreSQL's binary COPY: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)
_TRUE, _FALSE = struct.pack(">i?", 1, True), struct.pack(">i?", 1, False)
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

Array = np.ndarray[Any, Any]


class Origin(NamedTuple):
    """What all answers to a file share."""

    ml_model_id: int
    version_id: int
    revision_id: int
    user_id: int | None
    api_key_id: int | None


@dataclass(frozen=True, slots=True)
class Block:
    """The encoded cases of one batch. ``content`` as ``models.blocks.packed`` makes it, ``summaries`` as COPY takes them."""

    id: UUID
    content: bytes
    summaries: Sequence[bytes]
    warned: frozenset[int]


def block_of(
    block_id: UUID,
    rows: Sequence[Sequence[Value]] | Array,
    outputs: Sequence[Mapping[str, Any]],
    summaries: Sequence[bytes],
    warnings: Mapping[int, Sequence[Mapping[str, str]]],
) -> Block:
    """Encode cases that follow each other: the one at position ``n`` has the id ``block_id + n``."""
    values = rows.tolist() if isinstance(rows, np.ndarray) else rows
    return Block(block_id, packed(values, outputs, warnings), summaries, frozenset(warnings))


def block_id(first_id: UUID | None, number: int) -> UUID:
    """The id of the block ``number`` of a claimed piece; the positions in it have the last 16 bits for themselves."""
    if first_id is None:
        raise ValueError("a piece has its ids from its first claim on")
    return UUID(int=first_id.int + (number << POSITION_BITS))


def write(origin: Origin, blocks: Sequence[Block], *, now: float, milliseconds: float) -> None:
    """Write all cases of ``blocks``; the caller's transaction makes them last.

    ``now``: seconds since the epoch. ``milliseconds``: what each case took. Raises django.db.DatabaseError.
    """
    if not blocks:
        return
    _copy(_BLOCKS, [_encoded_block(block) for block in blocks])
    _copy(_ROWS, _encoded_rows(origin, blocks, now, milliseconds))


def _encoded_block(block: Block) -> bytes:
    head = struct.pack(">hi", 3, 16) + block.id.bytes + struct.pack(">ii", 4, len(block.summaries))
    return head + struct.pack(">i", len(block.content)) + block.content


def _encoded_rows(origin: Origin, blocks: Sequence[Block], now: float, milliseconds: float) -> list[bytes]:
    begin = struct.pack(">hi", len(COLUMNS), 16)
    keys = (origin.ml_model_id, origin.version_id, origin.revision_id)
    before = b"".join(struct.pack(">iq", 8, key) for key in keys) + _NULL
    after = _after(origin, now, milliseconds)
    plain, warned = _FALSE + after, _TRUE + after
    rows: list[bytes] = []
    for block in blocks:
        count = len(block.summaries)
        # Two bytes number the cases of a block.
        heads = repeat(begin + block.id.bytes[:14], count)
        tails = [warned if position in block.warned else plain for position in range(count)]
        rows += chain.from_iterable(
            zip(heads, _positions(count), repeat(before), block.summaries, tails, strict=False)
        )
    return rows


@lru_cache(maxsize=4)
def _positions(count: int) -> list[bytes]:
    return [position.to_bytes(2, "big") for position in range(count)]


def _after(origin: Origin, now: float, milliseconds: float) -> bytes:
    """The fields behind ``warned``: a file's answers never come from the cache and have no visitor."""
    moment = (datetime.fromtimestamp(now, UTC) - _POSTGRES_EPOCH) // timedelta(microseconds=1)
    return b"".join(
        (
            _FALSE,
            struct.pack(">i", 4),
            b"file",
            _NULL if origin.user_id is None else _user(origin.user_id),
            _NULL if origin.api_key_id is None else struct.pack(">iq", 8, origin.api_key_id),
            _NULL,
            struct.pack(">iq", 8, moment),
            struct.pack(">id", 8, round(milliseconds, 3)),
        )
    )


def _user(user_id: int) -> bytes:
    # Accounts have four-byte numbers, unless the site has a user model of its own.
    column: Any = Prediction._meta.get_field("user")  # noqa: SLF001 - Django's documented API
    if column.db_type(connection) == "integer":
        return struct.pack(">ii", 4, user_id)
    return struct.pack(">iq", 8, user_id)


def _copy(statement: str, pieces: Sequence[bytes]) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(statement, io.BytesIO(b"".join((_HEADER, *pieces, _END))))
