from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC

from predictions.errors import BadModelFile
from predictions.ml.encoders import column_facts, missing_markers
from predictions.ml.inspection import inspect_closely, inspect_estimator
from predictions.ml.table import Table, read_table
from predictions.signature.fields import Field
from tests.ml.estimators import (
    CANCER,
    CANCER_TARGET,
    GAPPY,
    IRIS,
    IRIS_TARGET,
    LOYAL,
    MOODS,
    NUMBERS,
    PEOPLE,
    REVIEWS,
    SPENT,
    columns,
    sample_of,
)


def sample(frame: pd.DataFrame, tmp_path: Path, rows: int = 120) -> Table:
    return read_table(sample_of(frame, tmp_path, rows))


def people_field(estimator: Any, name: str, table: Table | None = None) -> Field:
    return inspect_estimator(estimator.fit(PEOPLE, LOYAL), table).input(name)


def test_names_are_the_estimators_own_in_its_order() -> None:
    estimator = GaussianNB().fit(CANCER, CANCER_TARGET)
    assert inspect_estimator(estimator).names == tuple(CANCER.columns)


def test_inputs_without_names_are_numbered_from_one() -> None:
    inspection = inspect_closely(LogisticRegression(max_iter=500).fit(IRIS, IRIS_TARGET))
    assert inspection.signature.names == ("feature_1", "feature_2", "feature_3", "feature_4")
    assert "no column names" in inspection.notes[0]


def test_names_come_from_the_sample_when_the_estimator_has_none(tmp_path: Path) -> None:
    frame = pd.DataFrame(IRIS, columns=["sepal length", "sepal width", "petal length", "petal width"])
    estimator = LogisticRegression(max_iter=500).fit(IRIS, IRIS_TARGET)
    assert inspect_estimator(estimator, sample(frame, tmp_path)).names == tuple(frame.columns)
    with_answers = frame.assign(species=IRIS_TARGET).sample(frac=1, random_state=0)
    signature = inspect_estimator(estimator, sample(with_answers, tmp_path))
    assert signature.names == tuple(frame.columns)
    assert signature.main_output.name == "species"


@pytest.mark.parametrize(
    ("scaler", "low", "high"),
    [
        (MinMaxScaler(), PEOPLE.income.min(), PEOPLE.income.max()),
        (QuantileTransformer(n_quantiles=50), PEOPLE.income.min(), PEOPLE.income.max()),
        (KBinsDiscretizer(encode="ordinal"), PEOPLE.income.min(), PEOPLE.income.max()),
        (
            StandardScaler(),
            PEOPLE.income.mean() - 3 * PEOPLE.income.std(ddof=0),
            PEOPLE.income.mean() + 3 * PEOPLE.income.std(ddof=0),
        ),
        (
            RobustScaler(),
            PEOPLE.income.median() - 2 * (PEOPLE.income.quantile(0.75) - PEOPLE.income.quantile(0.25)),
            PEOPLE.income.median() + 2 * (PEOPLE.income.quantile(0.75) - PEOPLE.income.quantile(0.25)),
        ),
        (
            make_pipeline(SimpleImputer(), SelectKBest(k=2), MinMaxScaler()),
            PEOPLE.income.min(),
            PEOPLE.income.max(),
        ),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_a_scaler_gives_the_usual_range(scaler: Any, low: float, high: float) -> None:
    field = people_field(make_pipeline(columns(scaler, OneHotEncoder()), LogisticRegression()), "income")
    assert field.kind == "number"
    assert (field.minimum, field.maximum) == (None, None)
    assert field.soft_minimum == pytest.approx(low, rel=1e-3)
    assert field.soft_maximum == pytest.approx(high, rel=1e-3)


def test_a_range_is_given_in_the_units_of_the_input_behind_two_scalers() -> None:
    estimator = make_pipeline(
        columns(make_pipeline(StandardScaler(), MinMaxScaler()), OneHotEncoder()), LogisticRegression()
    )
    field = people_field(estimator, "age")
    assert (field.soft_minimum, field.soft_maximum) == pytest.approx((PEOPLE.age.min(), PEOPLE.age.max()))


def test_neighbours_keep_the_exact_range_of_their_rows() -> None:
    field = inspect_estimator(KNeighborsClassifier().fit(CANCER, CANCER_TARGET)).input("mean area")
    assert (field.soft_minimum, field.soft_maximum) == (CANCER["mean area"].min(), CANCER["mean area"].max())


def test_trees_give_an_estimated_range_that_holds_most_of_the_data() -> None:
    estimator = RandomForestClassifier(100, random_state=0).fit(CANCER, CANCER_TARGET)
    inside = []
    for field in inspect_estimator(estimator).inputs:
        if field.soft_minimum is not None:
            inside.append(CANCER[field.name].between(field.soft_minimum, field.soft_maximum).mean())
    assert len(inside) > 10
    assert min(inside) > 0.99


def test_a_large_sample_gives_the_range_a_scaler_only_estimates(tmp_path: Path) -> None:
    estimator = make_pipeline(columns(StandardScaler(), OneHotEncoder()), LogisticRegression())
    field = people_field(estimator, "income", sample(PEOPLE, tmp_path, 200))
    head = PEOPLE.income.head(200)
    assert (field.soft_minimum, field.soft_maximum) == (head.min(), head.max())


def test_an_encoder_that_refuses_makes_choices_that_refuse() -> None:
    estimator = make_pipeline(columns("passthrough", OneHotEncoder()), RandomForestClassifier(5))
    field = people_field(estimator, "city")
    assert [choice.value for choice in field.choices] == ["Bonn", "Oslo", "Rome"]
    assert (field.kind, field.unseen) == ("choice", "refuse")


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="infrequent_if_exist"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
    ],
    ids=["ignore", "infrequent", "ordinal", "behind an imputer"],
)
def test_an_encoder_that_takes_anything_makes_choices_that_warn(encoder: Any) -> None:
    estimator = make_pipeline(columns("passthrough", encoder), RandomForestClassifier(5))
    field = people_field(estimator, "plan")
    assert [choice.value for choice in field.choices] == ["a", "b", "c", "d"]
    assert field.unseen == "warn"


def test_encoders_of_truth_values_and_whole_numbers_keep_their_types() -> None:
    encoder = ColumnTransformer([("all", OneHotEncoder(), ["member", "children"])])
    estimator = make_pipeline(encoder, LogisticRegression())
    assert people_field(estimator, "member").kind == "boolean"
    children = people_field(estimator, "children")
    assert [choice.value for choice in children.choices] == [0, 1, 2, 3]
    assert all(type(choice.value) is int for choice in children.choices)


def test_categories_of_histogram_boosting_become_choices() -> None:
    frame = PEOPLE.assign(city=PEOPLE.city.astype("category"))[["age", "city"]]
    estimator = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(
        frame, LOYAL
    )
    field = inspect_estimator(estimator).input("city")
    assert [choice.value for choice in field.choices] == ["Bonn", "Oslo", "Rome"]


@pytest.mark.parametrize("wrap", ["search", "voting", "plain"])
def test_encoders_are_found_inside_searches_and_ensembles(wrap: str) -> None:
    inner = make_pipeline(columns(MinMaxScaler(), OneHotEncoder()), LogisticRegression())
    estimator: Any = {
        "search": GridSearchCV(inner, {"logisticregression__C": [1.0]}, cv=2),
        "voting": VotingClassifier([("one", inner), ("two", inner)], voting="soft"),
        "plain": inner,
    }[wrap]
    assert people_field(estimator, "city").kind == "choice"
    assert people_field(estimator, "age").soft_minimum == PEOPLE.age.min()


def test_a_sample_tells_whole_numbers_from_numbers_and_choices_from_texts(tmp_path: Path) -> None:
    frame = PEOPLE.assign(note=[f"case number {n} of many" for n in range(len(PEOPLE))])
    estimator = make_pipeline(
        ColumnTransformer(
            [
                ("n", "passthrough", NUMBERS),
                ("w", OrdinalEncoder(), ["city"]),
                ("t", TfidfVectorizer(), "note"),
            ]
        ),
        LogisticRegression(max_iter=50),
    ).fit(frame, LOYAL)
    signature = inspect_estimator(estimator, sample(frame, tmp_path))
    kinds = {field.name: field.kind for field in signature.inputs}
    assert kinds["age"] == "integer"
    assert kinds["income"] == "number"
    assert kinds["city"] == "choice"
    assert kinds["note"] == "text"


def test_without_a_sample_numbers_are_numbers() -> None:
    estimator = make_pipeline(columns(StandardScaler(), OneHotEncoder()), LogisticRegression())
    assert people_field(estimator, "age").kind == "number"


def test_the_example_is_a_row_of_the_sample_that_the_estimator_answers(tmp_path: Path) -> None:
    estimator = make_pipeline(columns(StandardScaler(), OneHotEncoder()), LogisticRegression()).fit(
        PEOPLE, LOYAL
    )
    signature = inspect_estimator(estimator, sample(PEOPLE, tmp_path))
    assert signature.input("city").example == PEOPLE.city[0]
    assert signature.input("income").example == PEOPLE.income[0]


def test_extra_columns_of_the_sample_are_ignored_and_the_answers_name_the_output(tmp_path: Path) -> None:
    estimator = make_pipeline(columns(StandardScaler(), OneHotEncoder()), LogisticRegression()).fit(
        PEOPLE, LOYAL
    )
    signature = inspect_estimator(estimator, sample(PEOPLE.assign(loyal=LOYAL, note="x"), tmp_path))
    assert signature.names == tuple(PEOPLE.columns)
    assert signature.main_output.name == "loyal"


def test_a_column_missing_from_the_sample_is_asked_about(tmp_path: Path) -> None:
    estimator = make_pipeline(columns(StandardScaler(), OneHotEncoder()), LogisticRegression()).fit(
        PEOPLE, LOYAL
    )
    inspection = inspect_closely(estimator, sample(PEOPLE.drop(columns="income"), tmp_path))
    asked = [item for item in inspection.questions if item["code"] == "not_in_sample"]
    assert [(item["field"], item["words"]) for item in asked] == [(None, ["income"])]
    assert inspection.signature.input("income").example is not None
    assert inspection.signature.input("age").soft_minimum is not None


def test_columns_the_estimator_drops_are_optional_and_last() -> None:
    signature = inspect_estimator(
        make_pipeline(columns(StandardScaler(), OneHotEncoder()), LogisticRegression()).fit(PEOPLE, LOYAL)
    )
    assert {field.name for field in signature.inputs if not field.required} == {"children", "member"}
    assert [field.name for field in signature.shown_inputs][-2:] == ["children", "member"]
    assert "no effect" in signature.input("member").help
    assert signature.names == tuple(PEOPLE.columns)


def test_what_may_be_missing_is_found_by_trial() -> None:
    plain = make_pipeline(columns(StandardScaler(), OneHotEncoder()), LogisticRegression()).fit(PEOPLE, LOYAL)
    assert not inspect_estimator(plain).input("age").nullable
    filled = make_pipeline(
        columns(make_pipeline(SimpleImputer(), StandardScaler()), OneHotEncoder()), LogisticRegression()
    ).fit(PEOPLE, LOYAL)
    signature = inspect_estimator(filled)
    assert (signature.input("age").nullable, signature.input("age").required) == (True, False)
    assert (signature.input("city").nullable, signature.input("city").required) == (False, True)


def test_what_a_forest_can_do_without_is_still_expected() -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(PEOPLE[["age", "income"]], LOYAL)
    field = inspect_estimator(forest).input("age")
    assert (field.nullable, field.required) == (True, True)


def test_a_missing_category_is_no_choice_but_may_be_missing() -> None:
    estimator = make_pipeline(columns(SimpleImputer(), OneHotEncoder()), LogisticRegression()).fit(
        GAPPY, LOYAL
    )
    field = inspect_estimator(estimator).input("city")
    assert [choice.value for choice in field.choices] == ["Bonn", "Oslo", "Rome"]
    assert field.nullable


def test_other_marks_for_missing_values_are_remembered() -> None:
    table = np.where(np.isnan(GAPPY[["income", "age"]].to_numpy()), -1.0, GAPPY[["income", "age"]].to_numpy())
    estimator = make_pipeline(SimpleImputer(missing_values=-1), LinearRegression()).fit(table, SPENT)
    assert missing_markers(estimator) == {0: -1, 1: -1}
    assert inspect_estimator(estimator).input("feature_1").nullable


def test_words_in_the_sample_for_a_number_column_are_noted_and_not_used(tmp_path: Path) -> None:
    coded = PEOPLE[["age", "income"]].assign(city=PEOPLE.city.map({"Rome": 0, "Oslo": 1, "Bonn": 2}))
    estimator = RandomForestClassifier(5, random_state=0).fit(coded, LOYAL)
    inspection = inspect_closely(estimator, sample(PEOPLE[["age", "income", "city"]], tmp_path))
    assert inspection.signature.input("city").kind == "number"
    assert any("words in 'city'" in note for note in inspection.notes)


def test_texts_are_one_text_input(tmp_path: Path) -> None:
    estimator = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(REVIEWS, MOODS)
    assert [(field.name, field.kind) for field in inspect_estimator(estimator).inputs] == [("text", "text")]
    frame = pd.DataFrame({"mood": MOODS, "review": REVIEWS})
    signature = inspect_estimator(estimator, sample(frame, tmp_path))
    assert signature.names == ("review",)
    assert signature.main_output.name == "mood"
    assert signature.input("review").example == REVIEWS[0]


def test_a_classifier_without_probabilities_promises_none() -> None:
    assert not inspect_estimator(SVC().fit(IRIS, IRIS_TARGET)).main_output.probabilities
    assert not inspect_estimator(
        VotingClassifier([("a", SVC())], voting="hard").fit(IRIS, IRIS_TARGET)
    ).main_output.probabilities


def test_a_scaler_alone_is_refused_with_what_to_bring() -> None:
    with pytest.raises(BadModelFile, match="no predict") as caught:
        inspect_estimator(StandardScaler().fit(IRIS))
    assert caught.value.code == "no_predict"
    with pytest.raises(BadModelFile) as caught:
        inspect_estimator(DBSCAN().fit(IRIS))
    assert caught.value.code == "no_predict"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"model": LogisticRegression(), "scaler": StandardScaler()}, "a dictionary.*'model'"),
        ((StandardScaler(), LogisticRegression()), "a tuple.*at 1"),
        ([1, 2, 3], "a list"),
        (np.zeros(3), "a table of numbers"),
        (len, "a function"),
        (LogisticRegression, "never fitted"),
        ("text", "a text"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_is_no_estimator_is_named_in_words(found: Any, words: str) -> None:
    with pytest.raises(BadModelFile, match=words) as caught:
        inspect_estimator(found)
    assert caught.value.code == "not_an_estimator"


def test_an_unfitted_estimator_is_refused() -> None:
    with pytest.raises(BadModelFile) as caught:
        inspect_estimator(LogisticRegression())
    assert caught.value.code in ("no_inputs", "cannot_answer")


def test_counts_instead_of_shares_are_refused() -> None:
    class Counting(RandomForestClassifier):  # type: ignore[misc]
        def predict_proba(self, X: Any) -> Any:
            return super().predict_proba(X) * 63.7

    with pytest.raises(BadModelFile) as caught:
        inspect_estimator(Counting(5).fit(IRIS, IRIS_TARGET))
    assert caught.value.code == "bad_probabilities"


def test_a_step_that_breaks_the_walk_leaves_the_facts_before_it() -> None:
    class Odd(MinMaxScaler):  # type: ignore[misc]
        def get_support(self) -> Any:
            raise RuntimeError

    estimator = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(IRIS, IRIS_TARGET)
    del estimator.steps[1][1].coef_
    estimator.steps.insert(1, ("odd", Odd()))
    facts = column_facts(estimator, 4)
    assert [fact.low for fact in facts] == IRIS.min(axis=0).tolist()
