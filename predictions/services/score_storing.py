"""Writing the answers to a piece of a file: a row per case, a block per batch, in the transaction of the piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from predictions.models.blocks import packed
from predictions.models.ids import POSITION_BITS
from predictions.services import copying
from predictions.values import Value

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
    of = copying.origin(origin.ml_model_id, origin.version_id, origin.revision_id)
    tail = copying.asker("file", origin.user_id, origin.api_key_id, None) + copying.times(now, milliseconds)
    rows: list[bytes] = []
    for block in blocks:
        rows += copying.rows_of_block(block.id, of, block.summaries, copying.marks(block.warned), tail)
    copying.write(rows, [copying.block(block.id, len(block.summaries), block.content) for block in blocks])
