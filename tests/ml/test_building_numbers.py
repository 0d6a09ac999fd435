"""Regressors, groups and outliers become ONNX and answer as the original does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVR

from tests.ml.estimators import (
    CANCER,
    DIABETES,
    DIABETES_TARGET,
    IRIS,
    Built,
    answers_of,
    fresh,
    rows_of,
)

REGRESSORS = {
    "linear": LinearRegression(),
    "lasso": make_pipeline(StandardScaler(), Lasso()),
    "random forest": RandomForestRegressor(20, random_state=0),
    "scaled boosting": make_pipeline(
        StandardScaler(), GradientBoostingRegressor(n_estimators=20, random_state=0)
    ),
    "histogram boosting": HistGradientBoostingRegressor(max_iter=20),
    "support vectors": SVR(),
    "neighbours": KNeighborsRegressor(),
    "polynomial": make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge()),
    "logarithm of the target": TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
    "scaled target": TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_becomes_onnx_and_answers_as_the_original(name: str, tmp_path: Any) -> None:
    estimator = REGRESSORS[name].fit(DIABETES, DIABETES_TARGET)
    built = Built(estimator, tmp_path)
    assert built.document["runtime"] == "onnx", built.report["reason"]
    table = fresh(DIABETES)
    ours = [answer.value for answer in answers_of(built.runtime(), rows_of(table))]
    np.testing.assert_allclose(ours, estimator.predict(table), rtol=1e-4)


def test_several_numbers_per_row_become_a_list_in_the_order_of_the_outputs(tmp_path: Any) -> None:
    estimator = RandomForestRegressor(10, random_state=0).fit(IRIS[:, :2], IRIS[:, 2:])
    built = Built(estimator, tmp_path)
    assert [output.name for output in built.signature.outputs] == ["output_1", "output_2"]
    ours = [answer.value for answer in answers_of(built.runtime(), rows_of(IRIS[:, :2]))]
    np.testing.assert_allclose(ours, estimator.predict(IRIS[:, :2]), rtol=1e-5)


def test_outliers_come_with_their_score(tmp_path: Any) -> None:
    estimator = IsolationForest(n_estimators=15, random_state=0).fit(CANCER)
    built = Built(estimator, tmp_path)
    assert (built.signature.task, built.document["runtime"]) == ("outlier", "onnx")
    answers = answers_of(built.runtime(), rows_of(CANCER))
    assert [(-1, 1)[answer.class_index] for answer in answers] == estimator.predict(CANCER).tolist()
    np.testing.assert_allclose(
        [answer.value for answer in answers], estimator.decision_function(CANCER), atol=1e-6
    )


def test_clusters_are_numbered_as_the_original_numbers_them(tmp_path: Any) -> None:
    estimator = make_pipeline(StandardScaler(), KMeans(4, n_init=2, random_state=0)).fit(IRIS)
    built = Built(estimator, tmp_path)
    assert (built.signature.task, built.document["runtime"]) == ("clustering", "onnx")
    assert [answer.class_index for answer in answers_of(built.runtime(), rows_of(IRIS))] == estimator.predict(
        IRIS
    ).tolist()
