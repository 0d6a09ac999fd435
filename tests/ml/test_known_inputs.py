"""Names and numbers of inputs are found where old versions and other libraries keep them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import RFE
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from predictions.errors import BadModelFile
from predictions.ml import trees
from predictions.ml.boosters import adapted, require_booster_version
from predictions.ml.conversion import convert
from predictions.ml.encoders import column_facts
from predictions.ml.inspection import inspect_closely
from predictions.ml.known_inputs import input_count, input_names
from predictions.ml.native import EstimatorRuntime
from predictions.ml.table import read_table
from tests.ml.estimators import CANCER, CANCER_TARGET, IRIS, IRIS_TARGET, LOYAL, PEOPLE


def forget(estimator: Any) -> Any:
    """As scikit-learn before 0.24 leaves an estimator: without the number and the names of its inputs."""
    for name in ("n_features_in_", "feature_names_in_"):
        estimator.__dict__.pop(name, None)
    for _, step in getattr(estimator, "steps", []):
        forget(step)
    return estimator


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        LogisticRegression(max_iter=500),
        GaussianNB(),
        KNeighborsClassifier(),
        MLPClassifier((3,), max_iter=5),
        KMeans(2, n_init=1),
        SVC(),
        RFE(LogisticRegression(max_iter=500), n_features_to_select=2),
        DecisionTreeClassifier(),
        RandomForestClassifier(3),
        make_pipeline(StandardScaler(), PCA(2), LogisticRegression()),
        make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=500)),
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_the_number_of_inputs_is_known_without_being_kept(estimator: Any) -> None:
    fitted = estimator.fit(IRIS, IRIS_TARGET)
    assert input_count(forget(fitted)) == IRIS.shape[1]
    assert input_names(fitted) is None


def old_columns(remainder: str) -> Any:
    """A column transformer as 0.21 leaves it: names only in the lists of its parts, the number of columns beside."""
    made = ColumnTransformer(
        [("numbers", StandardScaler(), ["age", "income"]), ("words", OneHotEncoder(), ["city", "plan"])],
        remainder=remainder,
    ).fit(PEOPLE)
    rest = [
        (name, part, [list(PEOPLE.columns).index(item) if name == "remainder" else item for item in columns])
        for name, part, columns in made.transformers_
    ]
    made.transformers_ = rest
    for name in ("n_features_in_", "feature_names_in_", "_transformer_to_input_indices", "output_indices_"):
        made.__dict__.pop(name, None)
    made._n_features = PEOPLE.shape[1]
    return made


def test_a_column_transformer_of_old_names_what_it_asks_for() -> None:
    estimator = Pipeline([("columns", old_columns("drop")), ("last", LogisticRegression())])
    names = input_names(estimator)
    assert names is not None
    assert (names[:4], len(names)) == (["age", "income", "city", "plan"], PEOPLE.shape[1])


def test_what_a_column_transformer_of_old_says_about_its_columns_is_read() -> None:
    columns = old_columns("drop")
    columns._df_columns = PEOPLE.columns
    assert input_names(columns) == list(PEOPLE.columns)
    facts = dict(zip(PEOPLE.columns, column_facts(columns, PEOPLE.shape[1]), strict=True))
    assert set(facts["city"].categories) == set(PEOPLE.city)
    assert facts["age"].source == "spread"
    assert [name for name, fact in facts.items() if not fact.used] == ["children", "member"]


def test_trees_behind_a_column_transformer_of_old_still_tell_where_they_divide() -> None:
    columns = old_columns("passthrough")
    columns._df_columns = PEOPLE.columns
    table = PEOPLE.assign(member=PEOPLE.member.astype(int))
    estimator = Pipeline(
        [("columns", columns), ("last", RandomForestClassifier(5).fit(columns_out(table), LOYAL))]
    )
    facts = dict(zip(PEOPLE.columns, column_facts(estimator, PEOPLE.shape[1]), strict=True))
    assert facts["children"].thresholds


def columns_out(table: pd.DataFrame) -> Any:
    """What such a transformer gives: two numbers, the encoded words, then the rest."""
    words = [table[name] == value for name in ("city", "plan") for value in sorted(table[name].unique())]
    numbers = [table.age, table.income, *words, table.children, table.member]
    return np.column_stack([np.asarray(column, dtype=float) for column in numbers])


@pytest.mark.parametrize("names", [["f0", "f1"], ["Column_0", "Column_1"], ["0", "1"]])
def test_names_that_a_library_gave_itself_are_none(names: list[str]) -> None:
    booster = SimpleNamespace(feature_names=names)
    assert input_names(SimpleNamespace(get_booster=lambda: booster)) is None
    assert input_names(SimpleNamespace(feature_name_=names)) is None
    booster.feature_names = ["age", "bmi"]
    assert input_names(SimpleNamespace(get_booster=lambda: booster)) == ["age", "bmi"]


def test_a_step_that_runs_a_function_hides_nothing_it_does_not_know() -> None:
    estimator = make_pipeline(FunctionTransformer(), LogisticRegression(max_iter=500)).fit(
        CANCER, CANCER_TARGET
    )
    assert input_count(estimator) == CANCER.shape[1]


def test_a_bare_booster_answers_with_its_numbers() -> None:
    class Booster:
        __module__ = "lightgbm.basic"

        def feature_name(self) -> list[str]:
            return ["age", "bmi"]

        def num_feature(self) -> int:
            return 2

        def predict(self, table: Any) -> Any:
            return np.asarray(table).sum(axis=1)

    inspection = inspect_closely(adapted(Booster()))
    assert inspection.signature.names == ("age", "bmi")
    assert inspection.signature.task == "regression"
    assert adapted("something else") == "something else"


def test_a_booster_of_a_newer_xgboost_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"...\x07version[#L" + bytes(7) + b"\x03i\x03i\x01i\x02}...")
    monkeypatch.setitem(__import__("sys").modules, "xgboost", SimpleNamespace(__version__="3.0.5"))
    with pytest.raises(BadModelFile, match=r"3\.1\.2") as caught:
        require_booster_version(path)
    assert caught.value.code == "other_version"
    monkeypatch.setitem(__import__("sys").modules, "xgboost", SimpleNamespace(__version__="3.2.0"))
    require_booster_version(path)


def table_of(frame: pd.DataFrame, folder: Path) -> Any:
    path = folder / "sample.csv"
    frame.to_csv(path, index=False)
    return read_table(path)


def codes_of(inspection: Any) -> list[tuple[str, str | None]]:
    return [(item["code"], item["field"]) for item in inspection.questions]


def test_values_of_another_scale_are_asked_about_and_not_used(tmp_path: Path) -> None:
    scaled = MinMaxScaler().fit_transform(IRIS)
    names = ["a", "b", "c", "d"]
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(
        pd.DataFrame(scaled, columns=names), IRIS_TARGET
    )
    raw = pd.DataFrame(np.asarray(IRIS) * 10 + 100, columns=names)
    inspection = inspect_closely(estimator, table_of(raw, tmp_path))
    assert codes_of(inspection) == [("range_mismatch", None)]
    assert inspection.questions[0]["words"] == names
    field = inspection.signature.input("a")
    assert field.kind == "number"
    assert field.soft_maximum is not None
    assert field.soft_maximum < 3
    assert codes_of(inspect_closely(estimator, table_of(pd.DataFrame(scaled, columns=names), tmp_path))) == []


def test_words_for_codes_are_asked_about_with_the_words(tmp_path: Path) -> None:
    coded = PEOPLE[["age"]].assign(city=PEOPLE.city.map({"Rome": 0, "Oslo": 1, "Bonn": 2}))
    estimator = RandomForestClassifier(5, random_state=0).fit(coded, LOYAL)
    inspection = inspect_closely(estimator, table_of(PEOPLE[["age", "city"]], tmp_path))
    assert codes_of(inspection) == [("codes_unknown", "city")]
    assert inspection.questions[0]["words"] == ["Bonn", "Oslo", "Rome"]
    # What was fitted on codes may have been fitted on scaled numbers too: whole numbers are not insisted on.
    assert {field.kind for field in inspection.signature.inputs} == {"number"}


def test_names_from_a_sample_are_only_taken_when_no_column_is_left_over(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.asarray(IRIS), columns=["a", "b", "c", "d"])
    estimator = LogisticRegression(max_iter=500).fit(np.asarray(IRIS), IRIS_TARGET)
    assert codes_of(inspect_closely(estimator)) == [("names_unknown", None)]
    with_answer = frame.assign(kind=IRIS_TARGET)
    assert inspect_closely(estimator, table_of(with_answer, tmp_path)).signature.names == ("a", "b", "c", "d")
    with_words = frame.assign(kind=[f"kind {value}" for value in IRIS_TARGET])
    assert inspect_closely(estimator, table_of(with_words, tmp_path)).signature.names == ("a", "b", "c", "d")
    short = frame.drop(columns="d").assign(kind=IRIS_TARGET)
    numbered = inspect_closely(estimator, table_of(short, tmp_path))
    assert numbered.signature.names == ("feature_1", "feature_2", "feature_3", "feature_4")
    assert codes_of(numbered) == [("names_unknown", None)]
    named = frame.assign(kind=IRIS_TARGET, person=[f"person {place}" for place in range(len(frame))])
    assert inspect_closely(estimator, table_of(named, tmp_path)).signature.names == ("a", "b", "c", "d")


def test_words_in_a_column_that_is_not_used_change_nothing() -> None:
    estimator = make_pipeline(
        ColumnTransformer([("numbers", StandardScaler(), ["age"])]), LogisticRegression()
    ).fit(PEOPLE, LOYAL)
    signature = inspect_closely(estimator).signature
    assert [field.name for field in signature.inputs if field.used] == ["age"]
    runtime = EstimatorRuntime(estimator, signature)
    row: list[Any] = [41.0 if field.used else None for field in signature.inputs]
    words: list[Any] = [41.0 if field.used else "anything" for field in signature.inputs]
    assert runtime.predict([words]) == runtime.predict([row])


def test_a_forest_of_many_jobs_answers_in_one() -> None:
    forest = RandomForestClassifier(3, n_jobs=-1, random_state=0)
    estimator = make_pipeline(StandardScaler(), VotingClassifier([("a", forest)], n_jobs=2))
    estimator.fit(IRIS, IRIS_TARGET)
    EstimatorRuntime(estimator, inspect_closely(estimator).signature)
    voting = estimator.steps[-1][1]
    assert (voting.n_jobs, voting.estimators_[0].n_jobs) == (1, 1)


def test_trees_of_old_that_take_no_missing_values_keep_their_graph() -> None:
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(IRIS, IRIS_TARGET)
    signature = inspect_closely(tree).signature
    data, _ = convert(tree, signature)
    graph = onnx.load_from_string(data)
    node = next(item for item in graph.graph.node if item.op_type == "TreeEnsembleClassifier")
    old = SimpleNamespace(node_count=tree.tree_.node_count, feature=tree.tree_.feature)
    before = node.SerializeToString()
    assert trees._restore(node, [[old]]) == [old]
    assert node.SerializeToString() == before
