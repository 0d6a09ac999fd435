"""What a fitted scikit-learn object is made of, and how to say it in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import base
from sklearn.base import is_classifier, is_outlier_detector, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from predictions.errors import BadModelFile
from predictions.signature.fields import Task

if TYPE_CHECKING:
    from typing import TypeGuard


def _of_kind_clusterer(estimator: Any) -> bool:
    return getattr(estimator, "_estimator_type", None) == "clusterer"


is_clusterer = getattr(base, "is_clusterer", _of_kind_clusterer)

PLAIN = {
    dict: "a dictionary",
    list: "a list",
    tuple: "a tuple",
    str: "a text",
    np.ndarray: "a table of numbers",
}


def unwrap(estimator: Any) -> Any:
    """The fitted estimator that answers: inside a finished search or a frozen wrapper, else the object itself."""
    while True:
        inner = getattr(estimator, "best_estimator_", None)
        if inner is None and type(estimator).__name__ == "FrozenEstimator":
            inner = estimator.estimator
        if inner is None:
            return estimator
        estimator = inner


def steps_of(estimator: Any) -> list[Any]:
    """The steps of a pipeline, opened and without ``passthrough``; any other estimator is its own only step."""
    estimator = unwrap(estimator)
    if not isinstance(estimator, Pipeline):
        return [estimator]
    found: list[Any] = []
    for _, step in estimator.steps:
        if step is not None and step != "passthrough":
            found.extend(steps_of(step))
    return found


def parts_of(estimator: Any) -> Iterator[Any]:
    """Every transformer and estimator inside pipelines, column transformers and unions, the outer ones first."""
    estimator = unwrap(estimator)
    yield estimator
    if isinstance(estimator, Pipeline):
        inner = [step for _, step in estimator.steps]
    elif isinstance(estimator, ColumnTransformer):
        inner = [part for _, part, _ in estimator.transformers_]
    else:
        inner = [part for _, part in getattr(estimator, "transformer_list", [])]
    for part in inner:
        if part is not None and not isinstance(part, str):
            yield from parts_of(part)


def everything_in(estimator: Any) -> Iterator[Any]:
    """Every part, and the estimators that ensembles, calibrations and searches hold; single trees are left out."""
    for part in parts_of(estimator):
        yield part
        for name in ("estimators_", "estimator_", "calibrated_classifiers_", "estimator", "final_estimator_"):
            inner = getattr(part, name, None)
            for item in np.asarray(inner, dtype=object).reshape(-1) if inner is not None else ():
                if hasattr(item, "__dict__") and not hasattr(item, "tree_"):
                    yield from everything_in(item)


def use_one_job(estimator: Any) -> None:
    """Let every part work in the calling thread: a pool costs a forest many times what one row takes, and its memory."""
    for part in parts_of(estimator):
        if getattr(part, "n_jobs", None) not in (None, 1):
            with suppress(Exception):
                part.n_jobs = 1
        inner = getattr(part, "estimators_", None)
        # An ensemble of ensembles: as a list, because NumPy takes a forest for the list of its trees.
        for held in inner if isinstance(inner, list) else ():
            if hasattr(held, "get_params") and not hasattr(held, "tree_"):
                use_one_job(held)


def in_words(estimator: Any) -> str:
    """For people: "Pipeline of StandardScaler and LogisticRegression", "Search over RandomForestClassifier"."""
    inner = unwrap(estimator)
    prefix = "Search over " if hasattr(estimator, "best_estimator_") else ""
    if isinstance(inner, Pipeline):
        names = [type(step).__name__ for step in steps_of(inner)]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return f"{prefix}Pipeline of {listed}"
    return prefix + type(inner).__name__


def is_vectorizer(step: Any) -> bool:
    """Does this step take a list of texts?"""
    if isinstance(step, FeatureUnion):
        return all(is_vectorizer(part) for _, part in step.transformer_list)
    if isinstance(step, Pipeline):
        return is_vectorizer(steps_of(step)[0])
    return isinstance(step, (CountVectorizer, HashingVectorizer))


def takes_texts(estimator: Any) -> bool:
    """True when the estimator wants a plain list of texts instead of a table."""
    return is_vectorizer(steps_of(estimator)[0])


def vocabulary_of(estimator: Any, most: int = 2000) -> list[str]:
    """Words that the estimator's text steps know; empty when it reads no texts."""
    words = {
        str(word): None for part in parts_of(estimator) for word in getattr(part, "vocabulary_", None) or ()
    }
    return sorted(words)[:: max(1, len(words) // most)]


def answers_several(estimator: Any) -> bool:
    """Does this classifier give several classes per row: one per target, or any number of labels?"""
    last = steps_of(estimator)[-1]
    binarizer = getattr(last, "_label_binarizer", None)
    return (
        isinstance(getattr(last, "classes_", None), list)
        or bool(getattr(last, "multilabel_", False))
        or str(getattr(binarizer, "y_type_", "")).startswith("multilabel")
    )


def task_of(estimator: Any) -> Task:
    """What kind of question the estimator answers; "other" for several classes at once or an unknown kind."""
    has_classes = hasattr(estimator, "classes_")
    try:
        if is_classifier(estimator):
            return "other" if answers_several(estimator) else "classification"
        if is_regressor(estimator):
            return "regression"
        if is_outlier_detector(estimator):
            return "outlier"
        if is_clusterer(estimator):
            return "clustering"
    except Exception:
        # Estimators of other libraries or of old versions break the question itself.
        return "classification" if has_classes else "regression"
    return "classification" if has_classes else "regression"


def require_estimator(found: Any) -> None:
    """Raises BadModelFile for anything that cannot answer: says in words what was found and what to bring."""
    if _is_estimator(found):
        if hasattr(found, "predict"):
            return
        raise BadModelFile(
            f"The file holds {type(found).__name__}, which has no predict: save the estimator that gives the answers, "
            "or a Pipeline that ends in one.",
            code="no_predict",
        )
    raise BadModelFile(
        f"The file holds {_what(found)}, not an estimator. {_advice(found)}", code="not_an_estimator"
    )


def _is_estimator(found: Any) -> TypeGuard[Any]:
    return not isinstance(found, type) and hasattr(found, "get_params") and hasattr(found, "fit")


def _what(found: Any) -> str:
    if isinstance(found, type):
        return "a class that was never fitted"
    for kind, words in PLAIN.items():
        if isinstance(found, kind):
            return words
    if callable(found):
        return "a function"
    return f"an object of another kind ({type(found).__name__})"


def _advice(found: Any) -> str:
    parts: list[tuple[Any, Any]] = []
    if isinstance(found, Mapping):
        parts = list(found.items())
    elif isinstance(found, (list, tuple)):
        parts = list(enumerate(found))
    for key, part in parts:
        if _is_estimator(part) and hasattr(part, "predict"):
            return f"It has an estimator inside, at {key!r}: save that part alone, with its preprocessing in a Pipeline."
    return "Save the fitted scikit-learn estimator itself, for example with joblib.dump."
