"""Classifiers become ONNX and answer as the original does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tests.ml.estimators import (
    CANCER,
    CANCER_TARGET,
    IRIS,
    IRIS_TARGET,
    Built,
    assert_same_classes,
    fresh,
)

CLASSIFIERS = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    "random forest": RandomForestClassifier(30, random_state=0),
    "scaled random forest": make_pipeline(StandardScaler(), RandomForestClassifier(30, random_state=0)),
    "extra trees": ExtraTreesClassifier(20, random_state=0),
    "decision tree": make_pipeline(MinMaxScaler(), DecisionTreeClassifier(random_state=0)),
    "gradient boosting": GradientBoostingClassifier(n_estimators=20, random_state=0),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=20, random_state=0),
    "support vectors": SVC(),
    "support vectors with probabilities": make_pipeline(
        StandardScaler(), SVC(probability=True, random_state=0)
    ),
    "linear support vectors": make_pipeline(StandardScaler(), LinearSVC()),
    "neighbours": KNeighborsClassifier(),
    "naive Bayes": GaussianNB(),
    "neural network": make_pipeline(StandardScaler(), MLPClassifier((20,), max_iter=60, random_state=0)),
    "adaptive boosting": AdaBoostClassifier(n_estimators=8, random_state=0),
    "calibrated": make_pipeline(StandardScaler(), CalibratedClassifierCV(LinearSVC(), cv=3)),
    "voting": VotingClassifier(
        [
            ("a", make_pipeline(StandardScaler(), LogisticRegression())),
            ("b", RandomForestClassifier(8, random_state=0)),
        ],
        voting="soft",
    ),
    "stacking": StackingClassifier(
        [("a", GaussianNB()), ("b", RandomForestClassifier(8, random_state=0))], cv=3
    ),
    "components": make_pipeline(StandardScaler(), PCA(5), LogisticRegression()),
    "powers": make_pipeline(StandardScaler(), PowerTransformer(), LogisticRegression()),
    "logarithms": make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()),
    "search": GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [1, 2]}, cv=2
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_becomes_onnx_and_answers_as_the_original(name: str, tmp_path: Any) -> None:
    estimator = CLASSIFIERS[name].fit(CANCER, CANCER_TARGET)
    built = Built(estimator, tmp_path)
    assert built.document["runtime"] == "onnx", built.report["reason"]
    assert built.report["parity"]["verdict"] == "equal"
    assert_same_classes(built, estimator, fresh(CANCER))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(max_iter=500),
        RandomForestClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
        HistGradientBoostingClassifier(max_iter=10),
        SVC(probability=True, random_state=0),
        KNeighborsClassifier(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize(
    "names", [None, ["setosa", "versicolor", "virginica"]], ids=["whole numbers", "words"]
)
def test_three_classes_keep_their_order_and_values(
    estimator: Any, names: list[str] | None, tmp_path: Any
) -> None:
    target = IRIS_TARGET if names is None else np.array(names)[IRIS_TARGET]
    built = Built(estimator.fit(IRIS, target), tmp_path)
    assert built.document["runtime"] == "onnx", built.report["reason"]
    assert [item.value for item in built.signature.main_output.classes] == list(names or range(3))
    assert_same_classes(built, estimator, fresh(IRIS))


def test_truth_values_as_classes_stay_truth_values(tmp_path: Any) -> None:
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(CANCER, CANCER_TARGET.astype(bool))
    built = Built(estimator, tmp_path)
    assert [item.value for item in built.signature.main_output.classes] == [False, True]
    assert_same_classes(built, estimator, fresh(CANCER))


def test_forests_break_ties_as_the_original_does(tmp_path: Any) -> None:
    estimator = RandomForestClassifier(4, random_state=0).fit(CANCER, CANCER_TARGET)
    table = fresh(CANCER, count=1500)
    shares = estimator.predict_proba(table)
    assert (np.abs(shares[:, 0] - shares[:, 1]) < 1e-9).sum() > 0, (
        "no tie in these rows: the test shows nothing"
    )
    assert_same_classes(Built(estimator, tmp_path), estimator, table)
