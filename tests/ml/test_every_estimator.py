"""Every estimator that scikit-learn has: built, it answers as it does itself, through ONNX Runtime or natively."""

from __future__ import annotations

from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from predictions.errors import BadModelFile
from predictions.ml.native import load_native
from tests.ml.estimators import DIABETES, DIABETES_TARGET, IRIS, IRIS_TARGET, Built, answers_of, rows_of

KINDS = {
    name: (kind, made)
    for kind in ("classifier", "regressor", "cluster")
    for name, made in all_estimators(type_filter=kind)
}

NATIVE = {
    "AffinityPropagation",
    "Birch",
    "BisectingKMeans",
    "CCA",
    "ClassifierChain",
    "DummyClassifier",
    "DummyRegressor",
    "FixedThresholdClassifier",
    "GaussianProcessClassifier",
    "KernelRidge",
    "LabelPropagation",
    "LabelSpreading",
    "MeanShift",
    "MultiOutputClassifier",
    "NearestCentroid",
    "OutputCodeClassifier",
    "PLSCanonical",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "RegressorChain",
    "SelfTrainingClassifier",
    "TunedThresholdClassifierCV",
}
"""No ONNX form, or one that the comparison with the original refuses."""

REFUSED = {
    "AgglomerativeClustering": "no_predict",
    "DBSCAN": "no_predict",
    "FeatureAgglomeration": "no_predict",
    "HDBSCAN": "no_predict",
    "OPTICS": "no_predict",
    "SpectralClustering": "no_predict",
    "IsotonicRegression": "no_inputs",
}

TWO_CLASSES = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
SEVERAL_TARGETS = ("MultiTask", "MultiOutput", "ClassifierChain", "RegressorChain", "CCA", "PLS")
ONLY_COMPLETE = {"SelfTrainingClassifier"}


def fitted(name: str) -> tuple[Any, Any]:
    kind, made = KINDS[name]
    base: Any = LogisticRegression(max_iter=300) if kind == "classifier" else Ridge()
    tree: Any = (
        DecisionTreeClassifier(max_depth=3) if kind == "classifier" else DecisionTreeRegressor(max_depth=3)
    )
    parameters = signature(made).parameters
    chosen: dict[str, Any] = {}
    if "estimators" in parameters:
        chosen["estimators"] = [("a", base), ("b", tree)]
    elif name in ONLY_COMPLETE or (
        "estimator" in parameters and parameters["estimator"].default is Parameter.empty
    ):
        chosen["estimator"] = base
    if "n_estimators" in parameters:
        chosen["n_estimators"] = 8
    if "random_state" in parameters:
        chosen["random_state"] = 0
    table: Any = IRIS if kind != "regressor" else DIABETES.to_numpy()[:120]
    target: Any = IRIS_TARGET if kind != "regressor" else DIABETES_TARGET.to_numpy()[:120]
    if name in TWO_CLASSES:
        table, target = table[:100], target[:100]
    if name.startswith(SEVERAL_TARGETS) and kind != "cluster":
        target = np.column_stack([target, target[::-1]])
    if name == "IsotonicRegression":
        table = table[:, :1]
    return made(**chosen).fit(table, target), table


@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_estimator_answers_as_it_does_itself(name: str, tmp_path: Path) -> None:
    estimator, table = fitted(name)
    if name in REFUSED:
        with pytest.raises(BadModelFile) as caught:
            Built(estimator, tmp_path)
        assert caught.value.code == REFUSED[name]
        return
    built = Built(estimator, tmp_path)
    assert built.document["runtime"] == ("native" if name in NATIVE else "onnx"), built.report["reason"]
    runtime = (
        load_native(tmp_path / "estimator.joblib", "joblib", built.signature)
        if name in NATIVE
        else built.runtime()
    )
    answers = answers_of(runtime, rows_of(table))
    expected = np.asarray(estimator.predict(table))
    if built.signature.task == "other":
        assert [list(answer.outputs.values()) for answer in answers] == expected.tolist()
    elif built.signature.main_output.kind == "class":
        values = [item.value for item in built.signature.main_output.classes]
        assert [values[answer.class_index] for answer in answers] == expected.tolist()
    else:
        np.testing.assert_allclose([answer.value for answer in answers], expected, rtol=1e-4, atol=1e-6)


STEPS: dict[str, Any] = {
    "largest scaler": MaxAbsScaler(),
    "robust scaler": RobustScaler(),
    "quantiles": QuantileTransformer(n_quantiles=20),
    "powers": PowerTransformer(),
    "bins": KBinsDiscretizer(3),
    "bins as numbers": KBinsDiscretizer(3, encode="ordinal"),
    "polynomials": PolynomialFeatures(2),
    "components": PCA(2),
    "best": SelectKBest(k=2),
    "by importance": SelectFromModel(LogisticRegression(max_iter=300)),
    "by elimination": RFE(LogisticRegression(max_iter=300)),
    "normalized": Normalizer(),
    "above a limit": Binarizer(threshold=2.0),
    "square roots": FunctionTransformer(np.sqrt),
    "union": FeatureUnion([("a", StandardScaler()), ("b", PCA(2))]),
}


@pytest.mark.parametrize(
    "last", [LogisticRegression(max_iter=300), DecisionTreeClassifier(random_state=0)], ids=["linear", "tree"]
)
@pytest.mark.parametrize("name", STEPS)
def test_a_step_before_an_estimator_becomes_onnx_with_it(name: str, last: Any, tmp_path: Path) -> None:
    estimator = make_pipeline(clone(STEPS[name]), clone(last)).fit(IRIS, IRIS_TARGET)
    built = Built(estimator, tmp_path)
    assert built.document["runtime"] == "onnx", built.report["parity"] or built.report["reason"]
    shares = [answer.probabilities for answer in answers_of(built.runtime(), rows_of(IRIS))]
    np.testing.assert_allclose(shares, estimator.predict_proba(IRIS), atol=1e-5)


def test_nearly_all_estimators_are_served_by_onnx_runtime() -> None:
    assert len(KINDS) - len(NATIVE) - len(REFUSED) > 70
