"""Which column of a sample is taken for the answers, and what is said where none is certain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from predictions.ml.generated_rows import CheckRow
from predictions.ml.proving_accuracy import check_accuracy
from predictions.ml.proving_answers import Check, Proving, Subject
from predictions.ml.proving_targets import Target, find_target
from predictions.ml.table import Table, column_of
from predictions.portable import RawAnswer
from predictions.signature.fields import ClassName, Field, Output, Signature

X = Field(name="x", kind="number", example=1.0)


def classes(*names: ClassName, name: str = "label") -> Signature:
    return Signature(
        task="classification", inputs=(X,), outputs=(Output(name=name, kind="class", classes=names),)
    )


NUMBER = Signature(task="regression", inputs=(X,), outputs=(Output(name="value", kind="number"),))
CODES = classes(ClassName(0), ClassName(1))
NAMED = classes(ClassName(0, "Died"), ClassName(1, "Survived"))


def table(**columns: str) -> Table:
    """Columns by name, their texts separated by spaces; x is there."""
    columns = {"x": "1 2 3 4 5 6", **columns}
    return Table(
        tuple(
            column_of(name, [None if text == "-" else text for text in texts.split(" ")])
            for name, texts in columns.items()
        )
    )


def found(signature: Signature, sample: Table) -> Target:
    target = find_target(signature, sample)
    assert isinstance(target, Target), target
    return target


@pytest.mark.parametrize(
    ("signature", "texts", "places"),
    [
        (CODES, "0 1 1 0 - 1", [0, 1, 1, 0, None, 1]),
        (CODES, "0.0 1.0 1.0 0.0 1.0 0.0", [0, 1, 1, 0, 1, 0]),
        (NAMED, "died Survived survived - Died died", [0, 1, 1, None, 0, 0]),
        (NAMED, "0 1 1 0 1 0", [0, 1, 1, 0, 1, 0]),
        (classes(ClassName("no"), ClassName("yes")), "Yes no no yes no no", [1, 0, 0, 1, 0, 0]),
        (classes(ClassName(False), ClassName(True)), "True False True True - False", [1, 0, 1, 1, None, 0]),
    ],
)
def test_classes_are_known_by_value_or_by_text(signature: Signature, texts: str, places: list[Any]) -> None:
    target = found(signature, table(outcome_of_it=texts, note="a b c d e f"))
    assert (target.column, target.is_class, list(target.truths)) == ("outcome_of_it", True, places)


def test_the_outputs_own_name_and_then_a_telling_one_decide_among_several() -> None:
    binary = "0 1 1 0 1 0"
    assert found(CODES, table(smoker=binary, label=binary)).column == "label"
    assert found(CODES, table(smoker=binary, isTarget=binary)).column == "isTarget"
    assert find_target(CODES, table(smoker=binary, rich=binary)) == (
        "Several columns of the sample could hold the answers (smoker, rich): keep one, or call it “target”."
    )


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"anything": "1 2 3 4 5 7"}, "anything"),
        ({"SalePrice": "1 2 3 4 5 7", "Id": "1 2 3 4 5 6"}, "SalePrice"),
        ({"math_score": "1 2 3 4 5 7", "group": "a b a b a b"}, "math_score"),
        ({"value": "1 2 3 4 5 7", "price": "1 2 3 4 5 6"}, "value"),
    ],
)
def test_numbers_are_taken_from_the_only_column_or_one_that_says_so(
    columns: dict[str, str], name: str
) -> None:
    assert found(NUMBER, table(**columns)).column == name


@pytest.mark.parametrize(
    ("signature", "sample", "words"),
    [
        (CODES, None, "There is no sample"),
        (CODES, table(label="2 3 2 3 2 3"), "holds its classes (0, 1)"),
        (CODES, table(constant="1 1 1 1 1 1"), "holds its classes"),
        (NUMBER, table(Id="1 2 3 4 5 6", other="1 2 3 4 5 6"), "certain"),
        (NUMBER, table(target="a b c d e f"), "certain"),
        (CODES, table(x="1 2 low high 5 6", label="0 1 1 0 1 0"), "words where numbers go in (x)"),
        (NUMBER, Table((column_of("target", ["1", "2"]),)), "a column for each input"),
    ],
)
def test_where_none_is_certain_nothing_is_guessed(
    signature: Signature, sample: Table | None, words: str
) -> None:
    why = find_target(signature, sample)
    assert isinstance(why, str)
    assert words in why


# --- What is measured on it -----------------------------------------------------------------------------------


class Told:
    """Answers each row by a function of its one number."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, rows: Any) -> list[RawAnswer]:
        return [self.answer(row[0]) for row in rows]


def measured(signature: Signature, texts: str, answer: Any) -> Check:
    values = texts.split(" ")
    sample = Table(
        (
            column_of("x", [str(place) for place in range(len(values))]),
            column_of("target", [None if text == "-" else text for text in values]),
        )
    )
    subject = Subject(
        signature=signature,
        served=lambda: Told(answer),
        rows=[CheckRow("generated", (1.0,))],
        sample=[(float(place),) for place in range(len(values))],
        table=sample,
    )
    return check_accuracy(Proving(subject=subject, runtime=Told(answer), asked=[], deadline=float("inf")))


def test_a_confusion_has_the_right_class_in_front() -> None:
    check = measured(NAMED, "0 0 0 0 1 1 - 1", lambda x: RawAnswer(class_index=int(x >= 3)))
    assert check.verdict == "passed"
    assert check.measured["confusion"] == [[3, 1], [0, 3]]
    assert check.measured["classes"] == ["Died", "Survived"]
    assert (check.measured["accuracy"], check.measured["baseline"]) == (0.8571, 0.5714)
    assert check.measured["balanced_accuracy"] == 0.875
    assert "always answering “Died”" in check.message


def test_not_better_than_the_most_frequent_class_is_a_warning() -> None:
    check = measured(CODES, "0 0 0 0 1 1 0 1", lambda _: RawAnswer(class_index=0))
    assert (check.verdict, check.measured["balanced_accuracy"]) == ("warned", 0.5)
    assert "not better" in check.message


@pytest.mark.parametrize(("function", "name"), [(np.log1p, "expm1"), (np.log, "exp")])
def test_answers_that_are_logarithms_are_recognized(function: Any, name: str) -> None:
    prices = [1.5, 0.2, 3.5, 8.0, 9.5, 2.25, 7.0, 4.0]
    texts = " ".join(str(price) for price in prices)
    check = measured(NUMBER, texts, lambda x: RawAnswer(value=float(function(prices[int(x)]))))
    assert check.verdict == "warned"
    assert check.measured["transform"] == name
    assert f"through {name}" in check.message


def test_too_few_rows_say_nothing() -> None:
    check = measured(CODES, "0 1 - - - -", lambda _: RawAnswer(class_index=0))
    assert (check.verdict, check.measured["rows"]) == ("not_applicable", 2)


def test_errors_are_written_as_people_write_numbers() -> None:
    check = measured(
        NUMBER, "10000 20000 30000 40000 50000 60000", lambda x: RawAnswer(value=10000 * x + 22346.0)
    )
    assert check.message.startswith("Off by 12,350 on average on 6 rows")
    assert "R²" in check.message
