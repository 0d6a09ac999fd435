"""Pipelines on words, texts, numbers and gaps become ONNX and answer as the original does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from tests.ml.estimators import (
    CANCER,
    CANCER_TARGET,
    GAPPY,
    LOYAL,
    MOODS,
    PEOPLE,
    REVIEWS,
    Built,
    answers_of,
    assert_same_classes,
    columns,
    filled,
    fresh,
    lenient,
    sample_of,
)

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
