"""What of an answer goes into the result and into the row: the same by columns and row by row, for every task."""

from __future__ import annotations

import csv
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from predictions.errors import ModelFailed, TryLater
from predictions.ml.answers import Columns
from predictions.services.score_answers import Answerer, Answers, answer_columns
from predictions.signature.answers import outcome_of, score_and_margin
from predictions.signature.fields import ClassName, Field, Output, Signature, Task
from predictions.values import RawAnswer

CLASSES = (ClassName(0, "no"), ClassName(1, "yes, but"), ClassName(2, "=maybe"))
SHARES = np.array([[0.7, 0.2, 0.1], [1e-9, 0.5, 0.5], [0.0, 0.0, 1.0]])


def signature(task: Task, *outputs: Output) -> Signature:
    return Signature(task=task, inputs=(Field(name="x", kind="number"),), outputs=outputs)


LABELED = signature("classification", Output(name="y", kind="class", classes=CLASSES, probabilities=True))
BARE = signature("classification", Output(name="y", kind="class", classes=CLASSES))
NUMBER = signature("regression", Output(name="y", kind="number"))


class Runtime:
    """Answers each row ``n`` (its only value) with ``raw[n]``; ``columns`` picks the same side by side."""

    def __init__(self, raw: Sequence[RawAnswer], columns: Callable[[Any], Columns] | None = None) -> None:
        self.raw = raw
        self.calls: list[int] = []
        if columns is not None:
            self.predict_columns = lambda rows: columns([int(row[0]) for row in rows])

    def predict(self, rows: Any) -> list[RawAnswer]:
        self.calls.append(len(rows))
        return [self.raw[int(row[0])] for row in rows]

    def close(self) -> None:
        pass


def answered(runtime: Any, kind: Signature, rows: int, delimiter: str = ",") -> Answers:
    answerer = Answerer(runtime, kind, delimiter=delimiter, look=lambda: None)
    return answerer.answer([[float(number)] for number in range(rows)])


RAW = [
    RawAnswer(class_index=place, probabilities=tuple(row))
    for place, row in zip((0, 1, 2), SHARES.tolist(), strict=True)
]
WAYS = [
    pytest.param(LABELED, RAW, lambda rows: Columns(places=np.array(rows), shares=SHARES[rows]), id="shares"),
    pytest.param(
        BARE,
        [RawAnswer(class_index=place) for place in (0, 1, 2)],
        lambda rows: Columns(places=np.array(rows)),
        id="labels",
    ),
    pytest.param(
        NUMBER,
        [RawAnswer(value=value) for value in (1.5, -3.0, 1e-7)],
        lambda rows: Columns(values=np.array([1.5, -3.0, 1e-7])[rows]),
        id="values",
    ),
]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(("kind", "raw", "columns"), WAYS)
def test_side_by_side_and_row_by_row_say_the_same(
    kind: Signature, raw: list[RawAnswer], columns: Callable[[Any], Columns], delimiter: str
) -> None:
    quick = answered(Runtime(raw, columns), kind, 3, delimiter)
    slow = answered(Runtime(raw), kind, 3, delimiter)
    assert quick.outputs == slow.outputs
    assert quick.summaries == slow.summaries
    for first, second in zip(quick.cells, slow.cells, strict=True):
        ((one, other),) = zip(
            csv.reader([first], delimiter=delimiter), csv.reader([second], delimiter=delimiter), strict=True
        )
        assert [number_or_text(cell) for cell in one] == [number_or_text(cell) for cell in other]
        assert len(one) == len(answer_columns(kind))


def number_or_text(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell


def test_the_summary_is_outcome_score_and_margin_as_the_row_has_them() -> None:
    for outputs, summary in zip(*_stored(answered(Runtime(RAW), LABELED, 3)), strict=True):
        length = struct.unpack_from(">i", summary)[0]
        assert summary[4 : 4 + length].decode() == outcome_of(outputs)
        score, margin = struct.unpack(">4xd4xd", summary[4 + length :])
        assert (score, margin) == score_and_margin(outputs)


def _stored(answers: Answers) -> tuple[list[dict[str, Any]], list[bytes]]:
    return answers.outputs, answers.summaries


@pytest.mark.parametrize(
    ("kind", "raw", "names", "cells"),
    [
        (
            LABELED,
            RawAnswer(class_index=2),
            ("outcome", "probability.no", "probability.yes, but", "probability.=maybe"),
            "'=maybe,,,",
        ),
        (
            signature("regression", Output(name="a", kind="number"), Output(name="b", kind="number")),
            RawAnswer(value=[1.0, None]),  # type: ignore[list-item]
            ("value.a", "value.b"),
            "1.0,",
        ),
        (NUMBER, RawAnswer(value=None), ("value",), ""),
        (
            signature("outlier", Output(name="y", kind="class", classes=(ClassName(-1), ClassName(1)))),
            RawAnswer(class_index=0, value=-0.25),
            ("outcome", "score"),
            "anomaly,-0.25",
        ),
        (
            signature("other", Output(name="p", kind="tensor"), Output(name="q", kind="number")),
            RawAnswer(outputs={"q": 2.0, "p": [[1, 2], [3, 4]]}),
            ("output.p", "output.q"),
            '"[[1, 2], [3, 4]]",2.0',
        ),
    ],
)
def test_cells_stand_below_their_names(
    kind: Signature, raw: RawAnswer, names: tuple[str, ...], cells: str
) -> None:
    assert answer_columns(kind) == names
    assert answered(Runtime([raw]), kind, 1).cells == [cells]


@pytest.mark.parametrize("error", [ModelFailed("It cannot."), TryLater("It took too long.")])
def test_a_failing_row_is_found_and_the_others_are_answered(error: Any) -> None:
    class Picky(Runtime):
        def predict(self, rows: Any) -> list[RawAnswer]:
            if [5.0] in rows or [9.0] in rows:
                raise error
            return super().predict(rows)

    answers = answered(Picky([RawAnswer(value=float(n)) for n in range(20)]), NUMBER, 20)
    assert answers.failed == {5: error.message, 9: error.message}
    assert [found.get("value") for found in answers.outputs] == [
        None if number in (5, 9) else float(number) for number in range(20)
    ]


def test_slow_calls_get_smaller_and_quick_ones_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("predictions.services.score_answers.time.monotonic", lambda: now[0])

    class Timed(Runtime):
        seconds = 0.001

        def predict(self, rows: Any) -> list[RawAnswer]:
            now[0] += self.seconds * len(rows)
            return super().predict(rows)

    runtime = Timed([RawAnswer(value=1.0)] * 2_000)
    answered(runtime, NUMBER, 2_000)
    assert max(runtime.calls) > 100
    runtime.calls.clear()
    runtime.seconds = 2.0
    answered(runtime, NUMBER, 200)
    assert runtime.calls[-1] == 1
