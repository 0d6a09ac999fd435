"""What the scan says of a file is what the opened object says of itself."""

from __future__ import annotations

import json
import pickle
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import IsolationForest, RandomForestRegressor, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.discovery import all_estimators
from threadpoolctl import threadpool_limits

from predictions.ml.scan import scan_file
from predictions.ml.scan_facts import DOCUMENT_LIMIT
from tests.ml.uploads import RUNNING, joblib_bytes, written

ROWS = pd.DataFrame(
    {
        "age": [20.0, 31, np.nan, 44, 52, 60],
        "city": ["Lyon", "Oslo", "Oslo", np.nan, "Rome", "Lyon"],
        "size": pd.Series(["S", "M", "L", "M", "S", "L"], dtype=object),
        "noise": range(6),
    }
)
YES = np.array(["no", "yes", "no", "yes", "yes", "no"])


def mixed() -> Pipeline:
    """A pipeline as people build it: numbers imputed and scaled, texts imputed and coded, one column dropped."""
    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("texts", texts, ["city"]),
            ("sizes", OrdinalEncoder(categories=[["S", "M", "L"]]), [2]),
        ]
    )
    return Pipeline([("columns", columns), ("model", LogisticRegression(C=0.5))]).fit(ROWS, YES)


MIXED = mixed()


def facts(folder: Path, data: bytes) -> dict[str, Any]:
    """The facts of these bytes, as they come out of JSON."""
    found: dict[str, Any] = json.loads(json.dumps(scan_file(written(folder, data)).facts, allow_nan=False))
    return found


def dumped(folder: Path, estimator: Any, **options: Any) -> bytes:
    """The estimator as joblib writes it with these options."""
    joblib.dump(estimator, folder / "dumped", **options)
    return (folder / "dumped").read_bytes()


def skops_bytes(folder: Path, estimator: Any) -> bytes:
    """The estimator as skops writes it."""
    skops.io.dump(estimator, folder / "dumped")
    return (folder / "dumped").read_bytes()


def all_forms(folder: Path, estimator: Any) -> dict[str, bytes]:
    """The same estimator in every format that is read."""
    forms = {f"pickle {protocol}": pickle.dumps(estimator, protocol) for protocol in range(6)}
    forms |= {f"joblib {protocol}": dumped(folder, estimator, protocol=protocol) for protocol in range(2, 6)}
    for compress in ("zlib", "gzip", "bz2", "lzma", "xz", "lz4"):
        forms[compress] = dumped(folder, estimator, compress=(compress, 3))
    return {**forms, "skops": skops_bytes(folder, estimator)}


def test_every_form_of_a_pipeline_gives_the_same_facts(tmp_path: Path) -> None:
    told = {name: facts(tmp_path, data) for name, data in all_forms(tmp_path, MIXED).items()}
    for name, found in told.items():
        assert found["top"] == {"kind": "pipeline", "class": "Pipeline", "module": "sklearn.pipeline"}, name
        assert found["n_features_in"] == 4, name
        assert found["feature_names"] == ["age", "city", "size", "noise"], name
        assert found["inputs_used"] == ["age", "city", "size"], name
        assert found["classes"] == ["no", "yes"], name
        assert found["task"] == "classification", name
        assert found["choices"]["size"] == ["S", "M", "L"], name
        assert found["choices"]["city"][:3] == ["Lyon", "Oslo", "Rome"], name
        assert found["library_versions"] == {"scikit-learn": RUNNING}, name
        assert found["object"]["steps"][1]["params"]["C"] == 0.5, name
        scaler = found["object"]["steps"][0]["parts"][0]["steps"][1]
        expected = MIXED.named_steps["columns"].named_transformers_["numbers"][1]
        assert scaler["statistics"]["mean_"] == pytest.approx(list(expected.mean_)), name
        assert scaler["statistics"]["scale_"] == pytest.approx(list(expected.scale_)), name
        assert not found["python2"], name


def test_a_transformer_tells_its_statistics_and_an_encoder_its_classes(tmp_path: Path) -> None:
    scaler = MinMaxScaler().fit(ROWS[["age", "noise"]].fillna(0))
    found = facts(tmp_path, joblib_bytes(scaler))
    assert found["object"]["statistics"]["data_max_"] == [60.0, 5.0]
    assert found["object"]["kind"] == "transformer"
    assert found["feature_names"] == ["age", "noise"]
    encoder = facts(tmp_path, pickle.dumps(LabelEncoder().fit(YES)))
    assert (encoder["object"]["kind"], encoder["object"]["classes"]) == ("transformer", ["no", "yes"])


@pytest.mark.parametrize("write", [pickle.dumps, joblib_bytes])
def test_bundles_are_taken_apart(tmp_path: Path, write: Any) -> None:
    model = LinearRegression().fit(ROWS[["noise"]].to_numpy(), range(6))
    scaler = StandardScaler().fit(ROWS[["noise"]])
    bundle = {
        "scaler": scaler,
        "model": model,
        "features": ["noise"],
        "columns": ROWS.columns,
        "threshold": 0.4,
        "sample": ROWS,
    }
    found = facts(tmp_path, write(bundle))
    items = found["object"]["items"]
    assert (found["top"], found["predictor"]) == ({"kind": "dict", "count": 6}, "model")
    assert items["features"]["values"] == ["noise"]
    assert items["columns"]["values"] == ["age", "city", "size", "noise"]
    assert items["threshold"] == {"kind": "value", "value": 0.4}
    assert (found["n_features_in"], found["feature_names"]) == (1, ["noise"])
    pair = facts(tmp_path, write((model, scaler)))
    assert (pair["top"]["kind"], pair["predictor"], pair["feature_names"]) == ("tuple", "0", ["noise"])
    assert [item["class"] for item in pair["object"]["items"]] == ["LinearRegression", "StandardScaler"]


def test_ensembles_and_wrappers_tell_what_is_inside(tmp_path: Path) -> None:
    rows, truth = load_iris(return_X_y=True, as_frame=True)
    voting = VotingClassifier(
        [("tree", DecisionTreeClassifier()), ("line", make_pipeline(StandardScaler(), LogisticRegression()))]
    ).fit(rows, truth)
    members = facts(tmp_path, joblib_bytes(voting))["object"]["members"]
    assert [(member["name"], member["kind"]) for member in members] == [
        ("tree", "estimator"),
        ("line", "pipeline"),
    ]
    target = TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1)
    found = facts(tmp_path, pickle.dumps(target.fit(rows, truth)))
    assert found["object"]["params"]["inverse_func"] == {"name": "numpy.expm1"}
    assert found["object"]["inside"]["regressor"]["class"] == "LinearRegression"
    search = GridSearchCV(RandomForestRegressor(3), {"max_depth": [2]}, cv=2).fit(rows, truth)
    found = facts(tmp_path, joblib_bytes(search))
    assert found["object"]["learned"]["best_params_"] == {"max_depth": 2}
    assert found["object"]["inside"]["best_estimator"]["members"][0]["count"] == 3
    assert (found["task"], found["feature_names"]) == ("regression", list(rows.columns))
    assert facts(tmp_path, joblib_bytes(IsolationForest(n_estimators=3).fit(rows)))["task"] == "outlier"
    calibrated = CalibratedClassifierCV(LogisticRegression(max_iter=500), cv=2).fit(rows, truth)
    assert facts(tmp_path, pickle.dumps(calibrated))["classes"] == [0, 1, 2]


def test_a_text_model_tells_the_size_of_its_vocabulary(tmp_path: Path) -> None:
    texts = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good day", "bad day"], [1, 0])
    steps = facts(tmp_path, pickle.dumps(texts))["object"]["steps"]
    assert steps[0]["learned"]["vocabulary_size"] == 3
    assert steps[1]["n_features_in"] == 3


@pytest.mark.filterwarnings("ignore")
def test_count_names_and_classes_are_those_of_every_estimator(tmp_path: Path) -> None:
    rows, truth = load_iris(return_X_y=True, as_frame=True)
    seen = 0
    for name, kind in all_estimators():
        try:
            estimator = kind(LogisticRegression()) if "estimator" in signature(kind).parameters else kind()
        except TypeError:
            continue
        with suppress(Exception), threadpool_limits(1):
            estimator.fit(rows.iloc[::5], truth.iloc[::5] > 0)
        for write in (pickle.dumps, joblib_bytes):
            found = facts(tmp_path, write(estimator))
            assert found["object"]["class"] == name
            assert found["object"]["version"] == RUNNING
            if "n_features_in_" in vars(estimator):
                assert found["n_features_in"] == estimator.n_features_in_, name
            if "feature_names_in_" in vars(estimator):
                assert found["feature_names"] == list(estimator.feature_names_in_), name
                seen += 1
            if "classes_" in vars(estimator) and isinstance(estimator.classes_, np.ndarray):
                assert found["object"]["classes"] == estimator.classes_.tolist(), name
    assert seen > 200


def test_a_wide_model_has_a_document_that_is_still_small(tmp_path: Path) -> None:
    names = [f"a rather long name of a column, number {place}" for place in range(6000)]
    rows = pd.DataFrame(np.zeros((3, 6000)), columns=names)
    model = make_pipeline(StandardScaler(), StandardScaler(), LinearRegression()).fit(rows, [1, 2, 3])
    found = facts(tmp_path, joblib_bytes({str(place): model for place in range(60)}))
    assert len(json.dumps(found)) <= DOCUMENT_LIMIT
    assert found["cut"]
    alone = facts(tmp_path, joblib_bytes(model))
    assert alone["n_features_in"] == 6000


def test_odd_texts_and_numbers_do_not_reach_the_document(tmp_path: Path) -> None:
    bundle = {
        "model": LinearRegression(),
        "odd": ["a\0b", "\ud800", "x" * 5000],
        "numbers": [float("nan"), float("inf"), 10**30, np.float32(0.5), np.int64(3)],
        3: "three",
    }
    items = facts(tmp_path, pickle.dumps(bundle))["object"]["items"]
    assert items["odd"]["values"][:2] == ["a�b", "?"]
    assert len(items["odd"]["values"][2]) == 200
    numbers = [item.get("value") for item in items["numbers"]["items"]]
    assert numbers == ["nan", "inf", "a very large number", 0.5, 3]
