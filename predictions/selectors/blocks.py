"""The cases that lie in blocks, for many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from uuid import UUID

from django.db.models import QuerySet

from predictions.models import Prediction, PredictionBlock
from predictions.models.ids import place_of

IN_THE_ROW = ("own", "old_inputs", "old_outputs", "old_warnings")
"""The columns that hold the case of a row without a block; ``defer`` them where nothing of the case is shown."""

BLOCKS_AT_ONCE = 64


def without_cases(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """The same rows without what went in and came out: enough for a list."""
    return rows.defer(*IN_THE_ROW)


def fill(rows: Iterable[Prediction]) -> None:
    """Give each row its inputs, outputs and warnings; each block is read and decoded once.

    Raises PredictionBlock.DoesNotExist where a block is gone.
    """
    wanted: dict[UUID, list[tuple[int, Prediction]]] = {}
    for row in _with_columns(list(rows)):
        if row.is_in_block:
            block_id, position = place_of(row.pk)
            wanted.setdefault(block_id, []).append((position, row))
    block_ids = iter(wanted)
    while some := list(islice(block_ids, BLOCKS_AT_ONCE)):
        found = {block.pk: block for block in PredictionBlock.objects.filter(pk__in=some)}
        for block_id in some:
            if block_id not in found:
                raise PredictionBlock.DoesNotExist
            cases = found.pop(block_id).cases()
            for position, row in wanted[block_id]:
                row.take_case(cases.case(position))


def filled(rows: Iterable[Prediction], size: int) -> Iterator[Prediction]:
    """The rows one by one, filled ``size`` at a time; memory holds no more than those and their blocks."""
    source = iter(rows)
    while some := list(islice(source, size)):
        fill(some)
        yield from some


def _with_columns(rows: Sequence[Prediction]) -> Sequence[Prediction]:
    """Read at once what was deferred; asking row by row would be a query each."""
    light = {row.pk: row for row in rows if not row.get_deferred_fields().isdisjoint(IN_THE_ROW)}
    for values in Prediction.objects.filter(pk__in=light).values("pk", *IN_THE_ROW) if light else ():
        row = light[values.pop("pk")]
        row.__dict__.update(values)
    return rows
