"""A build tells what it did, and serves by the original what has no equal ONNX form."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OrdinalEncoder,
    StandardScaler,
)
from skops import io as skops_io

from predictions.ml import building, converting
from predictions.ml.native import load_native
from predictions.ml.plan import Plan
from predictions.signature.fields import Signature
from tests.ml.estimators import (
    CANCER,
    CANCER_TARGET,
    IRIS,
    IRIS_TARGET,
    LOYAL,
    MOODS,
    PEOPLE,
    REVIEWS,
    Built,
    answers_of,
    columns,
    rows_of,
    sample_of,
    saved,
)


@pytest.mark.parametrize("several", ["targets", "labels"])
def test_several_classes_per_row_are_answered_by_the_original(several: str, tmp_path: Any) -> None:
    target = np.column_stack([IRIS_TARGET == 0, IRIS_TARGET == 1, IRIS_TARGET > 0]).astype(int)
    if several == "targets":
        estimator: Any = RandomForestClassifier(5, random_state=0).fit(IRIS, target)
    else:
        estimator = OneVsRestClassifier(LogisticRegression()).fit(IRIS, target)
    built = Built(estimator, tmp_path)
    assert built.signature.task == "other"
    assert built.document["runtime"] == "native"
    native = load_native(tmp_path / "estimator.joblib", "joblib", built.signature)
    answers = answers_of(native, rows_of(IRIS))
    assert [list(answer.outputs.values()) for answer in answers] == estimator.predict(IRIS).tolist()


def double(table: Any) -> Any:
    return table * 2


@pytest.mark.parametrize(
    ("estimator", "table", "words"),
    [
        (make_pipeline(FunctionTransformer(double), LogisticRegression(max_iter=500)), IRIS, "Python code"),
        (make_pipeline(HashingVectorizer(), LogisticRegression()), None, "HashingVectorizer"),
    ],
    ids=["own function", "hashing"],
)
def test_what_has_no_onnx_form_is_served_by_the_original_and_says_why(
    estimator: Any, table: Any, words: str, tmp_path: Any
) -> None:
    target = IRIS_TARGET if table is not None else MOODS
    table = REVIEWS if table is None else table
    estimator.fit(table, target)
    built = Built(estimator, tmp_path)
    assert built.document["runtime"] == "native"
    assert (built.document["artifact"], built.document["plan"]) == (None, None)
    assert built.report["reason"].startswith("Served by the original library")
    assert words in built.report["reason"]
    native = load_native(tmp_path / "estimator.joblib", "joblib", built.signature)
    rows = [(text,) for text in table] if isinstance(table, list) else rows_of(table)
    ours = np.array([answer.probabilities for answer in answers_of(native, rows)])
    np.testing.assert_array_equal(ours, estimator.predict_proba(table))


def test_a_conversion_that_is_not_equal_is_not_served(tmp_path: Any) -> None:
    table = PEOPLE.assign(city=PEOPLE.city.astype("category"), plan=PEOPLE.plan.astype("category"))
    estimator = HistGradientBoostingClassifier(max_iter=10, categorical_features="from_dtype").fit(
        table, LOYAL
    )
    built = Built(estimator, tmp_path, sample_of(table, tmp_path))
    assert built.document["runtime"] == "native"
    native = load_native(tmp_path / "estimator.joblib", "joblib", built.signature)
    values = [name.value for name in built.signature.main_output.classes]
    answers = answers_of(native, rows_of(PEOPLE))
    assert [values[answer.class_index] for answer in answers] == estimator.predict(table).tolist()


def test_a_conversion_that_hangs_ends_in_the_original_being_served(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*arguments: Any) -> Any:
        def forever() -> Any:
            try:
                time.sleep(60)
            except Exception:
                return None

        yield forever

    monkeypatch.setattr(converting, "attempts", hang)
    estimator = LogisticRegression(max_iter=500).fit(IRIS, IRIS_TARGET)
    built = Built(estimator, tmp_path, conversion_seconds=0.3)
    assert built.document["runtime"] == "native"
    assert "took longer" in built.report["reason"]


def test_the_document_is_json_and_tells_the_steps_in_words(tmp_path: Any) -> None:
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(CANCER, CANCER_TARGET)
    built = Built(estimator, tmp_path, sample_of(CANCER, tmp_path))
    again = json.loads(json.dumps(built.document))
    assert Plan.from_document(again["plan"]) == Plan.from_document(built.document["plan"])
    assert Signature.from_document(again["signature"]) == built.signature
    assert [step for step, _ in built.said] == ["open", "inspect", "convert", "parity", "prove"]
    assert built.said[1][1] == "Pipeline of StandardScaler and LogisticRegression, 30 inputs, 2 classes."
    assert built.document["libraries"]["scikit-learn"].startswith("1.9")
    assert set(built.report["example_answer"]) == {"label", "probabilities"}


def test_the_parity_report_holds_no_case_data(tmp_path: Any) -> None:
    table = PEOPLE.assign(city="Secretville")
    estimator = make_pipeline(columns(StandardScaler(), OrdinalEncoder()), LogisticRegression()).fit(
        table, LOYAL
    )
    built = Built(estimator, tmp_path, sample_of(table, tmp_path))
    assert "Secretville" not in json.dumps(built.report["parity"])


def test_building_twice_gives_the_same_rows_and_report(tmp_path: Any) -> None:
    estimator = RandomForestClassifier(5, random_state=0).fit(IRIS, IRIS_TARGET)
    first = Built(estimator, tmp_path)
    again = Built(estimator, tmp_path)
    assert first.report["parity"] == again.report["parity"]
    assert first.document["signature"] == again.document["signature"]


def test_a_skops_file_builds_as_its_joblib_twin_does(tmp_path: Any) -> None:
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(IRIS, IRIS_TARGET)
    source = tmp_path / "estimator.skops"
    skops_io.dump(estimator, source)
    document = building.build_from_file(
        source=source, file_format="skops", sample=None, out=tmp_path, say=lambda step, message: None
    )
    assert document["signature"] == Built(estimator, tmp_path).document["signature"]
    assert document["runtime"] == "onnx"


def test_an_onnx_file_is_served_as_it_is(tmp_path: Any) -> None:
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(IRIS, IRIS_TARGET)
    built = Built(estimator, tmp_path)
    source = tmp_path / "model.onnx"
    data = source.read_bytes()
    out = tmp_path / "out"
    out.mkdir()
    document = building.build_from_file(
        source=source, file_format="onnx", sample=None, out=out, say=lambda step, message: None
    )
    assert (out / document["artifact"]).read_bytes() == data
    assert len(document["signature"]["inputs"]) == 4
    assert document["runtime"] == "onnx"
    assert built.document["runtime"] == "onnx"
    assert saved(estimator, tmp_path).exists()
