"""What the estimator answers, as the signature's outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from predictions.errors import BadModelFile
from predictions.ml.anatomy import unwrap
from predictions.ml.naming import looks_like_classes
from predictions.ml.table import Table
from predictions.signature.fields import ClassName, Output, Task


def draft_outputs(
    estimator: Any, task: Task, names: tuple[str, ...], table: Table | None
) -> tuple[Output, ...]:
    """One output, or one per target. Probabilities are promised here and taken back when a trial shows none."""
    target = _target_name(estimator, names, table)
    if task == "classification":
        classes = class_names(estimator.classes_)
        shares = hasattr(estimator, "predict_proba")
        return (Output(name=target or "label", kind="class", classes=classes, probabilities=shares),)
    if task == "other" and not isinstance(estimator.classes_, list):
        yes_no = class_names([0, 1])
        return tuple(
            Output(name=f"label_{value}", kind="class", classes=yes_no)
            for value in np.asarray(estimator.classes_).tolist()
        )
    if task == "other":
        return tuple(
            Output(name=f"output_{place + 1}", kind="class", classes=class_names(classes))
            for place, classes in enumerate(estimator.classes_)
        )
    if task == "outlier":
        return (Output(name="label", kind="class", classes=(ClassName(-1), ClassName(1))),)
    if task == "clustering":
        return (Output(name="cluster", kind="class", classes=_clusters(estimator)),)
    return (Output(name=target or "value", kind="number"),)


def number_outputs(first: Output, count: int) -> tuple[Output, ...]:
    """Outputs of a regressor that gives ``count`` numbers per row."""
    if count == 1:
        return (first,)
    return tuple(Output(name=f"output_{place + 1}", kind="number") for place in range(count))


def class_names(classes: Any) -> tuple[ClassName, ...]:
    """``classes_`` with plain Python values. Raises BadModelFile when a class is not a text, number or truth value."""
    values = np.asarray(classes).tolist()
    if not all(isinstance(value, (str, int, float, bool)) for value in values):
        raise BadModelFile(
            "Its classes are not texts or numbers: fit the estimator again with plain class names."
        )
    return tuple(ClassName(value) for value in values)


def _clusters(estimator: Any) -> tuple[ClassName, ...]:
    last = unwrap(estimator)
    while hasattr(last, "steps"):
        last = unwrap(last.steps[-1][1])
    count = getattr(last, "n_clusters", None)
    if hasattr(last, "cluster_centers_"):
        count = len(last.cluster_centers_)
    if isinstance(count, int):
        return tuple(ClassName(place) for place in range(count))
    return class_names(np.unique(last.labels_))


def _target_name(estimator: Any, names: tuple[str, ...], table: Table | None) -> str | None:
    """The sample's column that holds the answers, when exactly one extra column looks like it."""
    if table is None:
        return None
    extra = [column for column in table.columns if table.find(column.name) and column.name not in names]
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        numeric = [column for column in extra if column.kind in ("number", "integer")]
        return numeric[0].name if len(extra) == 1 and numeric else None
    fitting = [column for column in extra if looks_like_classes(column, classes)]
    return fitting[0].name if len(fitting) == 1 else None
