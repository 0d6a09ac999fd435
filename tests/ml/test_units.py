"""Several files and bundles as one thing that answers: what goes where, and what is refused in words."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler

from predictions.errors import BadModelFile
from predictions.ml.building import build_from_unit
from predictions.ml.units import Unit, UnitFile, open_unit
from predictions.signature.fields import Signature

ROWS, CODES = load_iris(return_X_y=True)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


def brought(folder: Path, **objects: Any) -> list[UnitFile]:
    files = []
    for name, found in objects.items():
        path = folder / f"{name}.pkl"
        joblib.dump(found, path)
        files.append(UnitFile(path.name, path, "joblib"))
    return files


def opened(folder: Path, **objects: Any) -> Unit:
    return open_unit(brought(folder, **objects))


def refusal(folder: Path, **objects: Any) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        opened(folder, **objects)
    return caught.value


def steps() -> dict[str, Any]:
    imputer = SimpleImputer().fit(ROWS)
    scaler = StandardScaler().fit(ROWS)
    pca = PCA(2, random_state=0).fit(scaler.transform(ROWS))
    model = LogisticRegression().fit(pca.transform(scaler.transform(ROWS)), CODES)
    return {"imputer": imputer, "scaler": scaler, "pca": pca, "model": model}


@pytest.mark.parametrize("order", list(permutations(["scaler", "pca", "model"])))
def test_any_order_of_files_is_the_same_chain(tmp_path: Path, order: tuple[str, ...]) -> None:
    parts = steps()
    unit = opened(tmp_path, **{name: parts[name] for name in order})
    wanted = parts["model"].predict_proba(parts["pca"].transform(parts["scaler"].transform(ROWS)))
    # scaler and pca could stand the other way round by their widths alone: 4 to 2 columns, then 4.
    assert [part["class"] for part in unit.chain] == ["StandardScaler", "PCA", "LogisticRegression"]
    np.testing.assert_allclose(unit.estimator.predict_proba(ROWS), wanted)


def test_two_that_fit_either_way_are_asked_about(tmp_path: Path) -> None:
    parts = steps()
    model = LogisticRegression().fit(ROWS, CODES)
    error = refusal(tmp_path, imputer=parts["imputer"], scaler=parts["scaler"], model=model)
    assert error.code == "ambiguous_chain"
    assert "imputer.pkl then scaler.pkl" in error.message
    files = brought(tmp_path, imputer=parts["imputer"], scaler=parts["scaler"], model=model)
    unit = open_unit(files, order=["scaler.pkl", "imputer.pkl"])
    assert [part["file"] for part in unit.chain] == ["scaler.pkl", "imputer.pkl", "model.pkl"]


def test_a_scaler_for_other_columns_is_refused_with_both_widths(tmp_path: Path) -> None:
    scaler = StandardScaler().fit(ROWS[:, :2])
    error = refusal(tmp_path, scaler=scaler, model=LogisticRegression().fit(ROWS, CODES))
    assert error.code == "partial_transformer"
    assert "2 columns" in error.message
    assert "4 columns" in error.message


def test_a_scaler_that_the_pipeline_holds_already_is_not_applied_twice(tmp_path: Path) -> None:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, CODES)
    unit = opened(tmp_path, scaler=pipeline[0], pipeline=pipeline)
    np.testing.assert_array_equal(unit.estimator.predict_proba(ROWS), pipeline.predict_proba(ROWS))
    assert "left out" in unit.notes[0]


def test_another_scaler_before_such_a_pipeline_is_applied(tmp_path: Path) -> None:
    scaler = StandardScaler().fit(ROWS)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(scaler.transform(ROWS) * 3, CODES)
    unit = opened(tmp_path, scaler=scaler, pipeline=pipeline)
    np.testing.assert_allclose(
        unit.estimator.predict_proba(ROWS), pipeline.predict_proba(scaler.transform(ROWS))
    )


def test_texts_go_through_their_vectorizer(tmp_path: Path) -> None:
    texts = ["good film", "bad film", "good play", "bad play"] * 5
    vectorizer = TfidfVectorizer().fit(texts)
    model = LogisticRegression().fit(vectorizer.transform(texts), [1, 0, 1, 0] * 5)
    unit = opened(tmp_path, model=model, vectorizer=vectorizer)
    assert unit.estimator.predict(["a good one", "a bad one"]).tolist() == [1, 0]


def test_a_column_transformer_gives_names_and_choices(tmp_path: Path) -> None:
    table = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0] * 5, "town": ["A", "B", "A", "C"] * 5})
    transformer = ColumnTransformer([("town", OneHotEncoder(), ["town"])], remainder="passthrough").fit(table)
    model = LinearRegression().fit(transformer.transform(table), table["size"] * 2)
    files = brought(tmp_path, model=model, preprocessor=transformer)
    document = build_from_unit(files=files, sample=None, out=tmp_path, say=lambda step, words: None)
    signature = Signature.from_document(document["signature"])
    assert signature.names == ("size", "town")
    assert [choice.value for choice in signature.input("town").choices] == ["A", "B", "C"]
    assert [part["role"] for part in document["report"]["chain"]] == ["transformer", "predictor"]


@pytest.mark.parametrize(
    "bundle",
    [
        lambda model, scaler: (model, scaler),
        lambda model, scaler: [scaler, model],
        lambda model, scaler: {
            "model": model,
            "scaler": scaler,
            "metrics": {"accuracy": 0.9},
            "name": "iris",
        },
        lambda model, scaler: {"artifacts": {"clf": model, "prep": {"scaler": scaler}}},
    ],
)
def test_bundles_are_opened_up(tmp_path: Path, bundle: Any) -> None:
    scaler = StandardScaler().fit(ROWS)
    model = LogisticRegression().fit(scaler.transform(ROWS), CODES)
    unit = opened(tmp_path, bundle=bundle(model, scaler))
    np.testing.assert_allclose(
        unit.estimator.predict_proba(ROWS), model.predict_proba(scaler.transform(ROWS))
    )


def test_a_bundle_tells_names_classes_and_threshold(tmp_path: Path) -> None:
    model = LogisticRegression().fit(ROWS, CODES)
    bundle = {
        "model": model,
        "feature_names": NAMES,
        "numeric_cols": NAMES[:2],
        "target_names": ["setosa", "versicolor", "virginica"],
        "threshold": 0.35,
    }
    files = brought(tmp_path, bundle=bundle)
    document = build_from_unit(files=files, sample=None, out=tmp_path, say=lambda step, words: None)
    signature = Signature.from_document(document["signature"])
    assert list(signature.names) == NAMES
    assert [name.shown for name in signature.main_output.classes] == ["setosa", "versicolor", "virginica"]
    assert [name.value for name in signature.main_output.classes] == [0, 1, 2]
    assert document["report"]["hints"] == {"threshold": 0.35}


def test_names_may_come_as_json(tmp_path: Path) -> None:
    files = brought(tmp_path, model=LogisticRegression().fit(ROWS, CODES))
    names = tmp_path / "columns.json"
    names.write_text(json.dumps(NAMES))
    assert open_unit([UnitFile("columns.json", names, "json"), *files]).names == NAMES


def test_a_label_encoder_names_the_classes_of_codes(tmp_path: Path) -> None:
    encoder = LabelEncoder().fit(["setosa", "versicolor", "virginica"])
    unit = opened(tmp_path, model=LogisticRegression().fit(ROWS, CODES), encoder=encoder)
    assert unit.class_texts == ["setosa", "versicolor", "virginica"]


def test_a_label_encoder_of_another_size_names_nothing(tmp_path: Path) -> None:
    unit = opened(
        tmp_path, model=LogisticRegression().fit(ROWS, CODES), encoder=LabelEncoder().fit(["a", "b"])
    )
    assert unit.class_texts is None


def test_encoders_by_column_are_kept_as_hints_and_not_applied(tmp_path: Path) -> None:
    encoders = {"town": LabelEncoder().fit(["A", "B"])}
    unit = opened(tmp_path, bundle={"model": LogisticRegression().fit(ROWS, CODES), "encoders": encoders})
    assert unit.hints == {"value_maps": {"town": {"A": 0, "B": 1}}}


def test_two_models_are_refused_by_name(tmp_path: Path) -> None:
    model = LogisticRegression().fit(ROWS, CODES)
    error = refusal(tmp_path, one=model, two=model)
    assert error.code == "several_models"
    assert "one.pkl" in error.message
    assert "two.pkl" in error.message


def test_the_one_called_model_answers_where_a_bundle_has_several(tmp_path: Path) -> None:
    first, second = LogisticRegression(C=1).fit(ROWS, CODES), LogisticRegression(C=0.01).fit(ROWS, CODES)
    unit = opened(tmp_path, bundle={"best_model": first, "baseline": second})
    assert unit.estimator.C == 1


def test_a_scaler_alone_is_told_what_is_missing(tmp_path: Path) -> None:
    error = refusal(tmp_path, scaler=StandardScaler().fit(ROWS), encoder=LabelEncoder().fit(["a"]))
    assert error.code == "no_predict"
    assert "scaler.pkl" in error.message


def test_what_is_not_in_the_chain_is_told_with_what_became_of_it(tmp_path: Path) -> None:
    model, other = LogisticRegression().fit(ROWS, CODES), LogisticRegression(C=2).fit(ROWS, CODES)
    bundle = {
        "model": model,
        "baseline": other,
        "columns": NAMES,
        "numeric_columns": NAMES[:2],
        "cutoff": 0.3,
        "score": 0.9,
    }
    encoders = {"right": LabelEncoder().fit(["a", "b", "c"]), "wrong": LabelEncoder().fit(["a", "b"])}
    unit = opened(tmp_path, bundle=bundle, **encoders)
    told = {(part["file"], part["key"]): (part["role"], part["used"]) for part in unit.beside}
    assert told == {
        ("bundle.pkl", "baseline"): ("predictor", False),
        ("bundle.pkl", "columns"): ("names", True),
        ("bundle.pkl", "numeric_columns"): ("names", False),
        ("bundle.pkl", "cutoff"): ("threshold", True),
        ("bundle.pkl", "score"): ("other", False),
        ("right.pkl", ""): ("labels", True),
        ("wrong.pkl", ""): ("labels", False),
    }


def test_a_file_alone_tells_of_nothing_beside_it(tmp_path: Path) -> None:
    unit = opened(tmp_path, model=LogisticRegression().fit(ROWS, CODES))
    assert (unit.chain, unit.beside) == ([], [])


def test_an_owner_may_keep_the_original_library(tmp_path: Path) -> None:
    document = build_from_unit(
        files=brought(tmp_path, model=LogisticRegression().fit(ROWS, CODES)),
        sample=None,
        out=tmp_path,
        say=lambda step, words: None,
        conversion_seconds=0,
    )
    assert (document["runtime"], document["artifact"]) == ("native", None)
    assert document["report"]["reason"] == "Served by the original library, as its owner wished."
