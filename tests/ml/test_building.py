from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from skops import io as skops_io

from predictions.ml import building
from predictions.ml.native import load_native
from predictions.ml.plan import Plan
from predictions.signature.fields import Signature
from tests.ml.estimators import (
    CANCER,
    CANCER_TARGET,
    DIABETES,
    DIABETES_TARGET,
    GAPPY,
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


def lenient(**more: Any) -> OneHotEncoder:
    return OneHotEncoder(handle_unknown="ignore", **more)


def filled(strategy: str, then: Any, **more: Any) -> Pipeline:
    return make_pipeline(SimpleImputer(strategy=strategy, **more), then)


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


def fresh(table: Any, seed: int = 9, count: int = 150) -> Any:
    """Rows that no build has seen: each column shuffled by itself, numbers moved a little."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(table)
    made = {name: random.choice(frame[name].to_numpy(), count) for name in frame.columns}
    for name in frame.columns:
        if frame[name].dtype.kind == "f":
            made[name] = made[name] * random.uniform(0.8, 1.2, count)
    shuffled = pd.DataFrame(made)
    return shuffled if isinstance(table, pd.DataFrame) else shuffled.to_numpy()


def assert_same_classes(built: Built, estimator: Any, table: Any) -> None:
    answers = answers_of(built.runtime(), rows_of(table))
    values = [name.value for name in built.signature.main_output.classes]
    assert [values[answer.class_index] for answer in answers] == estimator.predict(table).tolist()
    if built.signature.main_output.probabilities:
        ours = np.array([answer.probabilities for answer in answers])
        np.testing.assert_allclose(ours, estimator.predict_proba(table), atol=1e-5)


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


MIXED = {
    "one hot": make_pipeline(columns(StandardScaler(), lenient()), LogisticRegression()),
    "one hot without unseen": make_pipeline(
        columns(StandardScaler(), OneHotEncoder()), RandomForestClassifier(15)
    ),
    "one hot dropping the first": make_pipeline(
        columns("passthrough", OneHotEncoder(drop="first")), GaussianNB()
    ),
    "one hot with rare ones together": make_pipeline(
        columns(StandardScaler(), OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=80)),
        LogisticRegression(),
    ),
    "ordinal": make_pipeline(
        columns(StandardScaler(), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
        RandomForestClassifier(15, random_state=0),
    ),
    "textbook": make_pipeline(
        columns(filled("median", StandardScaler()), filled("most_frequent", lenient())),
        RandomForestClassifier(15, random_state=0),
    ),
    "constant for missing": make_pipeline(
        columns(filled("mean", StandardScaler()), filled("constant", lenient(), fill_value="none")),
        LogisticRegression(),
    ),
    "missing as a category": make_pipeline(
        columns(SimpleImputer(add_indicator=True), lenient()), GaussianNB()
    ),
    "remainder": make_pipeline(
        columns("passthrough", lenient(), remainder="passthrough"), RandomForestClassifier(15)
    ),
    "by type": make_pipeline(
        make_column_transformer(
            (filled("median", StandardScaler()), make_column_selector(dtype_include="number")),
            (filled("most_frequent", lenient()), make_column_selector(dtype_include=["object", "str"])),
        ),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_a_pipeline_on_words_and_numbers_becomes_onnx(name: str, tmp_path: Any) -> None:
    gaps = "passthrough" not in str(MIXED[name]) and "Imputer" in str(MIXED[name])
    table = GAPPY if gaps else PEOPLE
    estimator = MIXED[name].fit(table, LOYAL)
    built = Built(estimator, tmp_path, sample_of(table, tmp_path))
    assert built.document["runtime"] == "onnx", built.report
    assert_same_classes(built, estimator, fresh(table))


def test_forests_break_ties_as_the_original_does(tmp_path: Any) -> None:
    estimator = RandomForestClassifier(4, random_state=0).fit(CANCER, CANCER_TARGET)
    table = fresh(CANCER, count=1500)
    shares = estimator.predict_proba(table)
    assert (np.abs(shares[:, 0] - shares[:, 1]) < 1e-9).sum() > 0, (
        "no tie in these rows: the test shows nothing"
    )
    assert_same_classes(Built(estimator, tmp_path), estimator, table)


def test_missing_numbers_go_the_way_the_trees_learned(tmp_path: Any) -> None:
    gappy = CANCER.mask(np.random.default_rng(0).random(CANCER.shape) < 0.1)
    for estimator in (
        RandomForestClassifier(20, random_state=0),
        HistGradientBoostingClassifier(max_iter=15),
    ):
        estimator.fit(gappy, CANCER_TARGET)
        built = Built(estimator, tmp_path)
        assert all(field.nullable for field in built.signature.inputs)
        assert built.report["parity"]["kinds"]["missing"]["rows"] > 0
        assert_same_classes(built, estimator, gappy)


def test_several_numbers_per_row_become_a_list_in_the_order_of_the_outputs(tmp_path: Any) -> None:
    estimator = RandomForestRegressor(10, random_state=0).fit(IRIS[:, :2], IRIS[:, 2:])
    built = Built(estimator, tmp_path)
    assert [output.name for output in built.signature.outputs] == ["output_1", "output_2"]
    ours = [answer.value for answer in answers_of(built.runtime(), rows_of(IRIS[:, :2]))]
    np.testing.assert_allclose(ours, estimator.predict(IRIS[:, :2]), rtol=1e-5)


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


@pytest.mark.parametrize(
    "vectorizer",
    [TfidfVectorizer(), TfidfVectorizer(ngram_range=(1, 2)), CountVectorizer(lowercase=False)],
    ids=["words", "pairs of words", "counts"],
)
def test_texts_become_onnx(vectorizer: Any, tmp_path: Any) -> None:
    estimator = make_pipeline(vectorizer, LogisticRegression()).fit(REVIEWS, MOODS)
    built = Built(estimator, tmp_path)
    assert [field.kind for field in built.signature.inputs] == ["text"]
    assert built.document["runtime"] == "onnx", built.report
    texts = [*REVIEWS, "GOOD, good?", "Caf\u00e9 f\u00fcr \u00c9COLE", "", "awful-awful movie's_end 42"]
    shares = np.array(
        [answer.probabilities for answer in answers_of(built.runtime(), [(text,) for text in texts])]
    )
    np.testing.assert_allclose(shares, estimator.predict_proba(texts), atol=1e-5)


def test_a_text_column_beside_numbers_becomes_onnx(tmp_path: Any) -> None:
    table = pd.DataFrame({"review": REVIEWS, "stars": np.arange(len(REVIEWS)) % 5 + 1})
    estimator = make_pipeline(
        make_column_transformer((TfidfVectorizer(), "review"), (StandardScaler(), ["stars"])),
        LogisticRegression(),
    ).fit(table, MOODS)
    built = Built(estimator, tmp_path, sample_of(table, tmp_path))
    assert [field.kind for field in built.signature.inputs] == ["text", "integer"]
    assert built.document["runtime"] == "onnx", built.report
    assert_same_classes(built, estimator, table)


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

    monkeypatch.setattr(building, "attempts", hang)
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
    assert [step for step, _ in built.said] == ["open", "inspect", "convert", "parity"]
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
