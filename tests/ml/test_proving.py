"""Each check of a proof, on estimators that break it on purpose; the classes are those of this module."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OrdinalEncoder, StandardScaler

from predictions.ml.proving import prove
from predictions.ml.proving_answers import Subject
from predictions.signature.fields import Field, Output, Signature
from tests.ml.estimators import (
    CANCER,
    CANCER_TARGET,
    DIABETES,
    DIABETES_TARGET,
    IRIS,
    IRIS_TARGET,
    LOYAL,
    PEOPLE,
    columns,
    lenient,
    sample_of,
)
from tests.ml.proofs import CODES, Strange, StrangeNumbers, half, iris_sample, proof_of, shares_of, verdicts

# --- An ordinary one ------------------------------------------------------------------------------------------


def test_a_sound_classifier_passes_and_is_measured_on_the_sample(tmp_path: Any) -> None:
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(IRIS, IRIS_TARGET)
    checks = proof_of(estimator, iris_sample(tmp_path))
    assert verdicts(checks) == {
        **dict.fromkeys(CODES, "passed"),
        "unseen": "not_applicable",
    }
    measured = checks["accuracy"]["measured"]
    right = (estimator.predict(IRIS) == IRIS_TARGET).mean()
    assert measured["accuracy"] == pytest.approx(right, abs=1e-3)
    assert measured["balanced_accuracy"] == pytest.approx(right, abs=1e-3)
    assert (measured["rows"], measured["column"], measured["classes"]) == (150, "species", ["0", "1", "2"])
    assert measured["baseline"] == pytest.approx(1 / 3, abs=1e-3)
    table = np.array(measured["confusion"])
    assert table.sum() == 150
    assert table.trace() == round(right * 150)
    assert table.sum(axis=1).tolist() == [50, 50, 50]
    assert checks["probabilities"]["measured"]["rows"] >= 400


def test_without_a_sample_what_needs_one_says_so() -> None:
    checks = proof_of(make_pipeline(StandardScaler(), LogisticRegression()).fit(CANCER, CANCER_TARGET))
    assert verdicts(checks)["accuracy"] == verdicts(checks)["ranges"] == "not_applicable"
    assert "bring a CSV" in checks["accuracy"]["message"]
    assert "failed" not in verdicts(checks).values()


def test_a_regressor_is_measured_against_the_mean(tmp_path: Any) -> None:
    frame = DIABETES.assign(progression=DIABETES_TARGET)
    estimator = LinearRegression().fit(DIABETES, DIABETES_TARGET)
    checks = proof_of(estimator, sample_of(frame, tmp_path, 200))
    measured = checks["accuracy"]["measured"]
    truth, given = DIABETES_TARGET[:200], estimator.predict(DIABETES[:200])
    assert verdicts(checks)["accuracy"] == "passed"
    assert measured["r2"] == pytest.approx(
        1 - ((truth - given) ** 2).sum() / ((truth - truth.mean()) ** 2).sum(), abs=1e-3
    )
    assert measured["mae"] == pytest.approx(np.abs(truth - given).mean(), rel=1e-3)
    assert measured["baseline_mae"] == pytest.approx(np.abs(truth - truth.mean()).mean(), rel=1e-3)
    assert verdicts(checks)["probabilities"] == verdicts(checks)["classes"] == "not_applicable"


# --- Those that break a check ---------------------------------------------------------------------------------


def test_one_that_does_not_load_fails_and_nothing_else_is_tried() -> None:
    def broken() -> Any:
        raise ValueError("bytes of /srv/secret")

    signature = Signature(
        task="regression",
        inputs=(Field(name="x", kind="number", example=1.0),),
        outputs=(Output(name="y", kind="number"),),
    )
    document = prove(Subject(signature=signature, served=broken))
    assert [check["verdict"] for check in document["checks"]] == ["failed"] + ["not_applicable"] * 10
    assert "secret" not in json.dumps(document)


def test_a_random_predictor_fails_and_is_named() -> None:
    random = DummyClassifier(strategy="stratified").fit(CANCER, CANCER_TARGET)
    checks = proof_of(make_pipeline(StandardScaler(), random).fit(CANCER, CANCER_TARGET))
    assert verdicts(checks)["determinism"] == "failed"
    assert "DummyClassifier draws random numbers" in checks["determinism"]["message"]
    assert checks["determinism"]["measured"]["changed"] > 10


def test_answers_that_depend_on_the_other_rows_fail() -> None:
    def ranked(table: Any) -> Any:
        total = np.nan_to_num(table).sum(axis=1)
        spread = np.ptp(total) or 1.0
        return np.clip((total - total.min()) / spread, 0, 1)

    checks = proof_of(Strange(shares_of(ranked)).fit(IRIS, IRIS_TARGET > 0))
    assert verdicts(checks)["determinism"] == "failed"
    assert "alone" in checks["determinism"]["message"]
    assert checks["determinism"]["measured"]["changed"] == 0


@pytest.mark.parametrize("wrong", ["sum", "range"])
def test_probabilities_that_are_none_fail(wrong: str, tmp_path: Any) -> None:
    def shares(table: Any) -> Any:
        first = half(table)
        second = 1 - first + (0.01 if wrong == "sum" else 0.0)
        if wrong == "range":
            first, second = first + 0.2, second - 0.2
        odd = np.nan_to_num(table)[:, 0] > 6.5
        sound = np.column_stack([half(table), 1 - half(table)])
        return np.where(odd[:, None], np.column_stack([first, second]), sound)

    checks = proof_of(Strange(shares).fit(IRIS, IRIS_TARGET > 0), iris_sample(tmp_path, IRIS_TARGET > 0))
    assert verdicts(checks)["probabilities"] == "failed"
    measured = checks["probabilities"]["measured"]
    assert 0 < measured["wrong"] < measured["rows"]


def test_shares_of_float32_are_not_held_to_more_than_they_have() -> None:
    checks = proof_of(
        Strange(lambda table: shares_of(half)(table).astype(np.float32)).fit(IRIS, IRIS_TARGET > 0)
    )
    assert verdicts(checks)["probabilities"] == "passed"


def test_a_class_that_is_not_listed_fails() -> None:
    def labels(table: Any) -> Any:
        return np.where(np.nan_to_num(table)[:, 0] > 2, 7, 0)

    estimator = Strange(shares_of(half), labels).fit(IRIS, (IRIS_TARGET > 0).astype(int))
    checks = proof_of(estimator)
    assert verdicts(checks)["classes"] == "failed"
    assert checks["classes"]["measured"]["wrong"] > 10


def test_an_answer_that_is_no_number_on_ordinary_rows_fails(tmp_path: Any) -> None:
    estimator = StrangeNumbers(lambda table: np.where(table[:, 0] > 6.5, np.nan, table[:, 0])).fit(IRIS, None)
    checks = proof_of(estimator, iris_sample(tmp_path, name=""))
    assert verdicts(checks)["finite"] == "failed"
    assert 0 < checks["finite"]["measured"]["sample"] < 150


def test_an_estimator_that_answers_nothing_but_nan_fails() -> None:
    estimator = StrangeNumbers(lambda table: np.full(len(table), np.nan)).fit(IRIS, None)
    assert verdicts(proof_of(estimator))["finite"] == "failed"


def test_infinite_answers_far_outside_are_a_warning(tmp_path: Any) -> None:
    estimator = StrangeNumbers(lambda table: np.where(np.abs(table[:, 0]) > 20, np.inf, table[:, 0]))
    checks = proof_of(estimator.fit(IRIS, None), iris_sample(tmp_path, name=""))
    assert verdicts(checks)["finite"] == "warned"
    assert checks["finite"]["measured"]["odd"] > 0
    assert checks["finite"]["measured"]["sample"] == 0


def test_missing_values_together_that_are_refused_are_a_warning() -> None:
    def picky(table: Any) -> Any:
        if (np.isnan(table).sum(axis=1) > 1).any():
            raise ValueError("too many gaps")
        return half(table)

    checks = proof_of(Strange(shares_of(picky)).fit(IRIS, IRIS_TARGET > 0))
    assert verdicts(checks)["missing"] == "warned"
    assert 0 < checks["missing"]["measured"]["refused"] < checks["missing"]["measured"]["rows"]


def test_where_nothing_may_be_missing_that_is_said() -> None:
    checks = proof_of(LogisticRegression(max_iter=500).fit(IRIS, IRIS_TARGET))
    assert checks["missing"]["measured"]["may_be_missing"] == 0
    assert "No input may be missing" in checks["missing"]["message"]


@pytest.mark.parametrize("is_open", [True, False])
def test_categories_it_never_saw_are_answered_or_refused(is_open: bool) -> None:
    encoder = lenient() if is_open else OrdinalEncoder()
    estimator = make_pipeline(columns(StandardScaler(), encoder), LogisticRegression()).fit(PEOPLE, LOYAL)
    checks = proof_of(estimator)
    assert verdicts(checks)["unseen"] == "passed"
    assert checks["unseen"]["measured"]["open"] == (2 if is_open else 0)
    assert ("refused" in checks["unseen"]["message"]) != is_open


def test_a_sample_in_another_unit_is_a_warning_by_range(tmp_path: Any) -> None:
    estimator = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(IRIS, IRIS_TARGET)
    checks = proof_of(estimator, iris_sample(tmp_path, factor=10))
    assert verdicts(checks)["ranges"] == "warned"
    assert checks["ranges"]["measured"]["outside"] == 4
    assert "a, b, c, d" in checks["ranges"]["message"]
    assert verdicts(proof_of(estimator, iris_sample(tmp_path)))["ranges"] == "passed"


def test_one_answer_to_everything_is_a_warning(tmp_path: Any) -> None:
    estimator = RandomForestClassifier(10, random_state=0).fit(IRIS / 10, IRIS_TARGET)
    checks = proof_of(estimator, iris_sample(tmp_path, factor=100))
    assert verdicts(checks)["constant"] == "warned"
    assert "another unit or scale" in checks["constant"]["message"]
    assert verdicts(checks)["accuracy"] == "warned"
    assert "not better" in checks["accuracy"]["message"]


def test_a_sample_in_another_scale_shows_also_where_made_up_rows_differ(tmp_path: Any) -> None:
    estimator = make_pipeline(MinMaxScaler(), RandomForestClassifier(10, random_state=0)).fit(
        IRIS, IRIS_TARGET
    )
    checks = proof_of(estimator, iris_sample(tmp_path, factor=100))
    assert verdicts(checks)["constant"] == "warned"
    assert "made-up rows others" in checks["constant"]["message"]


def test_one_answer_to_made_up_rows_alone_says_nothing() -> None:
    estimator = LogisticRegression(max_iter=2000).fit(IRIS, IRIS_TARGET)
    estimator.intercept_ = np.array([500.0, 0.0, 0.0])
    assert verdicts(proof_of(estimator))["constant"] == "not_applicable"
