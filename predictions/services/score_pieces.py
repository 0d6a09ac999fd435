"""One piece of a file: its records are checked, answered, stored, and written out beside their answers."""

from __future__ import annotations

import csv
import gc
import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO
from uuid import UUID

import numpy as np
from django.db import transaction

from predictions import repository
from predictions.errors import BadCaseFile
from predictions.models import ScorePiece
from predictions.services import score_claims, score_storing
from predictions.services.score_answers import Answerer, Answers, cell_writer
from predictions.services.score_checking import Checked, Checker
from predictions.services.score_claims import Watch
from predictions.services.score_storing import Block, Origin
from predictions.signature.case_records import lines_of, plain_records, quoted_records

BATCH_ROWS = 2048
"""Records that are checked and answered at a time, and whose cases share a block: who reads one decodes them all."""

_PLACES = [f"{number:04x}" for number in range(BATCH_ROWS)]
"""The last letters of the ids in a block."""

Batch = tuple[list[bytes], list[list[str]] | None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker needs for the pieces of one file. ``line_end`` is that of the file's header."""

    stream: BinaryIO
    checker: Checker
    answerer: Answerer
    origin: Origin
    delimiter: str
    line_end: bytes
    answer_width: int


@dataclass(slots=True)
class _Tally:
    answered: int = 0
    faulty: int = 0
    warned: int = 0


def score(bench: Bench, piece: ScorePiece, watch: Watch) -> None:
    """Do one piece: all its answers are committed together, with the note that it is done.

    Raises Lost or Stopped, and then nothing of it is left.
    """
    watch.piece = piece
    begun = time.monotonic()
    blocks: list[Block] = []
    lines: list[bytes] = []
    tally = _Tally()
    with _uncollected():
        for number, (records, cells) in enumerate(_batches(bench, piece)):
            block_id = score_storing.block_id(piece.first_id, number)
            block = _scored(bench, block_id, records, cells, lines, tally)
            if block is not None:
                blocks.append(block)
            watch.look()
        part = b"".join(lines)
    took = (time.monotonic() - begun) * 1000.0 / max(tally.answered + tally.faulty, 1)
    repository.store(io.BytesIO(part), kind="parts", max_bytes=None, key=piece.part_key)
    try:
        with transaction.atomic():
            score_storing.write(bench.origin, blocks, now=time.time(), milliseconds=took)
            score_claims.finish(
                watch.job,
                piece,
                part_size=len(part),
                answered=tally.answered,
                faulty=tally.faulty,
                warned=tally.warned,
            )
    except BaseException:
        repository.delete(piece.part_key)
        raise
    finally:
        watch.piece = None


def _scored(
    bench: Bench,
    block_id: UUID,
    records: Sequence[bytes],
    cells: list[list[str]] | None,
    lines: list[bytes],
    tally: _Tally,
) -> Block | None:
    """Answer one batch: adds its lines, and gives its cases to be stored; None when no record has an answer."""
    checked = bench.checker.check(records, cells)
    answers = bench.answerer.answer(checked.rows if checked.model_rows is None else checked.model_rows)
    if answers.failed:
        checked, answers = _without_failed(checked, answers)
    tally.answered += len(checked.accepted)
    tally.faulty += len(checked.errors)
    tally.warned += len(checked.warnings)
    lines += _lines(bench, block_id, records, checked, answers)
    if not answers.outputs:
        return None
    return score_storing.block_of(
        block_id, checked.rows, answers.outputs, answers.summaries, checked.warnings
    )


def _without_failed(checked: Checked, answers: Answers) -> tuple[Checked, Answers]:
    """Rows that the estimator fails on join those with a fault; the others close up."""
    kept = [number for number in range(len(answers.outputs)) if number not in answers.failed]
    places = {old: new for new, old in enumerate(kept)}
    errors = {checked.accepted[number]: message for number, message in answers.failed.items()}
    return (
        Checked(
            checked.rows[kept] if isinstance(checked.rows, np.ndarray) else [checked.rows[n] for n in kept],
            [checked.accepted[number] for number in kept],
            {places[number]: found for number, found in checked.warnings.items() if number in places},
            {**checked.errors, **errors},
            checked.shaped,
        ),
        Answers(
            [answers.outputs[number] for number in kept],
            [answers.cells[number] for number in kept],
            [answers.summaries[number] for number in kept],
        ),
    )


def _lines(
    bench: Bench, block_id: UUID, records: Sequence[bytes], checked: Checked, answers: Answers
) -> Iterator[bytes]:
    """The records as they came, each with its answer, warnings, id and error behind it."""
    between, end = bench.delimiter, bench.line_end.decode()
    write = cell_writer(bench.delimiter)
    said = dict.fromkeys(range(len(answers.cells)), "")
    for number, found in checked.warnings.items():
        said[number] = write(" ".join(item["message"] for item in found))
    head, last = str(block_id)[:-4], f"{between}{end}"
    answered = [
        f"{between}{cells}{between}{warning}{between}{head}{place}{last}".encode()
        for cells, warning, place in zip(answers.cells, said.values(), _PLACES, strict=False)
    ]
    if not checked.errors:
        return chain.from_iterable(zip(records, answered, strict=True))
    endings = dict(zip(checked.accepted, answered, strict=True))
    for number, message in checked.errors.items():
        endings[number] = f"{between * (bench.answer_width + 3)}{write(message)}{end}".encode()
    shaped = {number: text.encode() for number, text in checked.shaped.items()}
    return (shaped.get(number, record) + endings[number] for number, record in enumerate(records))


def _batches(bench: Bench, piece: ScorePiece) -> Iterator[Batch]:
    bench.stream.seek(piece.begin)
    data = bench.stream.read(piece.end - piece.begin)
    if b'"' not in data:
        records = plain_records(data)
        for begin in range(0, len(records), BATCH_ROWS):
            yield records[begin : begin + BATCH_ROWS], None
        return
    try:
        found = (
            (cells, record) for cells, record in quoted_records(lines_of(data), bench.delimiter) if cells
        )
        while some := list(islice(found, BATCH_ROWS)):
            yield (
                [record.removesuffix(b"\n").removesuffix(b"\r") for _, record in some],
                [cells for cells, _ in some],
            )
    except csv.Error:
        raise BadCaseFile(
            "The file changed while it was read; bring it again.", code="file_changed"
        ) from None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for cycles among millions of cells, of which there are none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
