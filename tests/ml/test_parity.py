from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from predictions.errors import ModelFailed
from predictions.ml.conversion import attempts, convert
from predictions.ml.generated_rows import CheckRow, check_rows
from predictions.ml.inspection import inspect_closely
from predictions.ml.native import EstimatorRuntime
from predictions.ml.parity import compare
from predictions.ml.runtimes import OnnxRuntime
from predictions.values import RawAnswer
from tests.ml.estimators import CANCER, CANCER_TARGET, IRIS, IRIS_TARGET, LOYAL, PEOPLE, columns


class Changed:
    """The original with some answers changed: what a wrong conversion looks like."""

    def __init__(self, runtime: EstimatorRuntime, change: Any, every: int = 1) -> None:
        self.runtime, self.change, self.every = runtime, change, every

    def predict(self, rows: Sequence[Any]) -> list[RawAnswer]:
        answers = self.runtime.predict(rows)
        return [self.change(answer) if at % self.every == 0 else answer for at, answer in enumerate(answers)]

    def close(self) -> None: ...


def subject(estimator: Any, table: Any = IRIS, target: Any = IRIS_TARGET) -> tuple[Any, Any, list[CheckRow]]:
    estimator.fit(table, target)
    inspection = inspect_closely(estimator)
    rows = check_rows(inspection.signature, inspection.columns, inspection.rows)
    return EstimatorRuntime(estimator, inspection.signature), inspection.signature, rows


def test_the_original_equals_itself() -> None:
    original, signature, rows = subject(LogisticRegression(max_iter=500))
    report = compare(original, original, rows, signature)
    assert (report["verdict"], report["largest_difference"], report["worst"]) == ("equal", 0.0, [])
    assert report["rows"] == len(rows)


def test_a_probability_off_by_more_than_the_tolerance_is_different() -> None:
    original, signature, rows = subject(LogisticRegression(max_iter=500))

    def moved(by: float) -> Any:
        return lambda answer: replace(
            answer, probabilities=(answer.probabilities[0] + by, *answer.probabilities[1:])
        )

    assert compare(original, Changed(original, moved(5e-6)), rows, signature)["verdict"] == "equal"
    report = compare(original, Changed(original, moved(5e-5), every=50), rows, signature)
    assert report["verdict"] == "different"
    assert report["largest_difference"] == pytest.approx(5e-5)
    assert report["worst"][0]["what"] == "probability"


def test_another_class_is_different_even_when_the_probabilities_agree() -> None:
    original, signature, rows = subject(LogisticRegression(max_iter=500))
    other = Changed(
        original, lambda answer: replace(answer, class_index=(answer.class_index + 1) % 3), every=40
    )
    report = compare(original, other, rows, signature)
    assert report["verdict"] == "different"
    assert report["label_mismatches"] >= len(rows) // 40


def test_another_class_at_a_tie_is_counted_as_a_tie() -> None:
    table, target = np.array([[0.0], [1.0]] * 10), np.array([0, 1] * 10)
    original, signature, _ = subject(LogisticRegression(), table, target)
    half = -original._estimator.intercept_[0] / original._estimator.coef_[0][0]
    rows = [CheckRow("generated", (half,)), CheckRow("generated", (half + 1,))]

    class FlippedAtTheTie(Changed):
        def predict(self, asked: Sequence[Any]) -> list[RawAnswer]:
            answers = self.runtime.predict(asked)
            return [
                replace(answer, class_index=1 - (answer.class_index or 0)) if row[0] == half else answer
                for row, answer in zip(asked, answers, strict=True)
            ]

    report = compare(original, FlippedAtTheTie(original, None), rows, signature)
    assert (report["verdict"], report["ties"], report["label_mismatches"]) == ("equal", 1, 0)


def test_a_class_without_probabilities_has_ties_by_its_decision_value() -> None:
    original, signature, rows = subject(SVC(kernel="linear"), IRIS[:100], IRIS_TARGET[:100])
    flipped = Changed(original, lambda answer: replace(answer, class_index=1 - answer.class_index), every=30)
    assert compare(original, flipped, rows, signature)["verdict"] == "different"


def test_fewer_probabilities_are_different() -> None:
    original, signature, rows = subject(LogisticRegression(max_iter=500))
    other = Changed(original, lambda answer: replace(answer, probabilities=answer.probabilities[:2]))
    assert compare(original, other, rows, signature)["verdict"] == "different"


def test_numbers_are_compared_relatively() -> None:
    original, signature, rows = subject(LinearRegression(), IRIS[:, :3], IRIS[:, 3] * 1e6)
    for factor, verdict in ((1 + 5e-5, "equal"), (1 + 5e-4, "different")):
        other = Changed(original, lambda answer, factor=factor: replace(answer, value=answer.value * factor))
        report = compare(original, other, rows, signature)
        assert (report["verdict"], report["measure"]) == (verdict, "relative")


def test_rows_that_only_one_answers_are_different() -> None:
    original, signature, rows = subject(LogisticRegression(max_iter=500))

    class Refusing(Changed):
        def predict(self, asked: Sequence[Any]) -> list[RawAnswer]:
            if any(row[0] > 5 for row in asked):
                raise ModelFailed("no")
            return self.runtime.predict(asked)

    report = compare(original, Refusing(original, None), rows, signature)
    assert report["verdict"] == "different"
    assert report["only_one_answered"] == sum(row.values[0] > 5 for row in rows)


def test_an_answer_that_depends_on_its_neighbours_is_different() -> None:
    original, signature, rows = subject(LinearRegression(), IRIS[:, :3], IRIS[:, 3])

    class Together(Changed):
        def predict(self, asked: Sequence[Any]) -> list[RawAnswer]:
            answers = self.runtime.predict(asked)
            return answers if len(asked) > 1 else [replace(answer, value=-1.0) for answer in answers]

    report = compare(original, Together(original, None), rows, signature)
    assert (report["verdict"], report["differs_alone"]) == ("different", True)


def test_the_report_is_json_and_names_fields_not_values() -> None:
    original, signature, rows = subject(
        make_pipeline(columns("passthrough", OneHotEncoder(handle_unknown="ignore")), LogisticRegression()),
        PEOPLE,
        LOYAL,
    )
    report = compare(
        original, Changed(original, lambda answer: replace(answer, class_index=None)), rows, signature
    )
    text = json.dumps(report)
    assert report["verdict"] == "different"
    assert not any(word in text for word in ("Rome", "Oslo", "never seen"))
    assert set(report["kinds"]) == {"generated", "boundary", "extreme", "missing", "unseen"}


def test_float32_thresholds_of_double_trees_are_caught() -> None:
    estimator = HistGradientBoostingClassifier(max_iter=30, random_state=0)
    original, signature, rows = subject(estimator, CANCER, CANCER_TARGET)
    verdicts = {}
    for attempt in attempts(original._estimator, signature):
        data, plan = attempt()
        verdicts[plan.feeds[0].dtype] = compare(
            original, OnnxRuntime(data, plan, signature), rows, signature
        )["verdict"]
    assert verdicts == {"float64": "equal", "float32": "different"}


def test_rows_at_thresholds_fall_on_both_sides_of_a_split() -> None:
    estimator = RandomForestClassifier(5, random_state=0).fit(CANCER, CANCER_TARGET)
    inspection = inspect_closely(estimator)
    rows = [row for row in check_rows(inspection.signature, inspection.columns) if row.kind == "threshold"]
    known = [facts.thresholds for facts in inspection.columns]
    values = [(row.touched[0], row.values[row.touched[0]]) for row in rows]
    assert any(value in known[place] for place, value in values)
    assert any(float(np.float32(value)) != value and value not in known[place] for place, value in values)


def test_every_kind_of_row_appears_where_the_signature_allows_it() -> None:
    estimator = make_pipeline(
        columns("passthrough", OneHotEncoder(handle_unknown="ignore"), remainder="passthrough"),
        RandomForestClassifier(5, random_state=0),
    ).fit(PEOPLE, LOYAL)
    inspection = inspect_closely(estimator)
    rows = check_rows(inspection.signature, inspection.columns, [tuple(PEOPLE.iloc[0])])
    assert {row.kind for row in rows} == {
        "sample",
        "generated",
        "boundary",
        "extreme",
        "missing",
        "unseen",
        "threshold",
    }
    nullable = {place for place, field in enumerate(inspection.signature.inputs) if field.nullable}
    missing = [{place for place, value in enumerate(row.values) if value is None} for row in rows]
    assert set().union(*missing) == nullable


def test_rows_keep_to_what_the_signature_accepts() -> None:
    estimator = make_pipeline(columns(StandardScaler(), OneHotEncoder()), LogisticRegression()).fit(
        PEOPLE, LOYAL
    )
    inspection = inspect_closely(estimator)
    required = [place for place, field in enumerate(inspection.signature.inputs) if not field.nullable]
    cities = {"Rome", "Oslo", "Bonn"}
    for row in check_rows(inspection.signature, inspection.columns):
        assert all(row.values[place] is not None for place in required)
        assert row.values[inspection.signature.names.index("city")] in cities


FOREST = make_pipeline(StandardScaler(), RandomForestClassifier(12, random_state=0)).fit(IRIS, IRIS_TARGET)
FOREST_SIGNATURE = inspect_closely(FOREST).signature
FOREST_GRAPH = OnnxRuntime(*convert(FOREST, FOREST_SIGNATURE), FOREST_SIGNATURE)
number = st.one_of(st.none(), st.floats(-1e4, 1e4), st.floats(0, 8).map(lambda value: round(value, 2)))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(number, number, number, number), min_size=1, max_size=6))
def test_a_scaled_forest_answers_any_row_as_the_original(rows: list[Any]) -> None:
    theirs = EstimatorRuntime(FOREST, FOREST_SIGNATURE).predict(rows)
    for ours, their in zip(FOREST_GRAPH.predict(rows), theirs, strict=True):
        assert ours.probabilities == pytest.approx(their.probabilities, abs=1e-5)


class Refusing:
    """Answers nothing at all."""

    def predict(self, rows: Sequence[Any]) -> list[RawAnswer]:
        raise ModelFailed("No.")

    def margins(self, rows: Sequence[Any]) -> list[float | None]:
        return [None] * len(rows)

    def close(self) -> None: ...


def test_two_that_answer_nothing_are_not_equal() -> None:
    _, signature, rows = subject(LogisticRegression(max_iter=500))
    report = compare(Refusing(), Refusing(), rows[:20], signature)
    assert (report["verdict"], report["rows"]) == ("different", 20)
