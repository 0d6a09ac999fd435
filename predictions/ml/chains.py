"""Which transformers stand before the predictor, and in which order: by what each takes and gives, proven by an answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import permutations
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from predictions.errors import BadModelFile
from predictions.ml.anatomy import steps_of, unwrap
from predictions.ml.known_inputs import input_count, input_names
from predictions.ml.unit_parts import Part

MOST_TRANSFORMERS = 5
STATISTICS = ("mean_", "data_min_", "center_", "statistics_", "components_", "categories_", "idf_")


class Named:
    """Puts column names back on an array, for predictors that refuse one without them. Nothing to fit."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = list(names)

    def fit(self, table: Any, target: Any = None) -> Named:
        """Nothing to learn."""
        return self

    def transform(self, table: Any) -> Any:
        """The table with the names, dense."""
        import pandas as pd  # noqa: PLC0415 - only where such a predictor is

        dense = table.toarray() if hasattr(table, "toarray") else table
        return pd.DataFrame(np.asarray(dense), columns=self.names)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """As scikit-learn's."""
        return {"names": self.names}

    def set_params(self, **params: Any) -> Named:
        """As scikit-learn's."""
        self.names = list(params.get("names", self.names))
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True


def chained(
    predictor: Part, transformers: Sequence[Part], order: Sequence[str] = ()
) -> tuple[Any, list[Part], list[str]]:
    """The estimator that takes what the first step takes, the transformers in their order, and notes.

    ``order`` names files as the owner wants them chained. Raises BadModelFile ``partial_transformer``, ``ambiguous_chain``.
    """
    needed, notes = [], []
    for part in transformers:
        if _is_inside(part.found, predictor.found):
            notes.append(f"The {part.words} is part of the model already; it was left out.")
        else:
            needed.append(part)
    if not needed:
        return predictor.found, [], notes
    if len(needed) > MOST_TRANSFORMERS:
        raise BadModelFile(
            f"There are {len(needed)} transformers for one model; bring them as one Pipeline.",
            code="ambiguous_chain",
        )
    fitting = [steps for steps in permutations(needed) if _fits(steps, predictor)]
    fitting = _as_told(fitting, order) or fitting
    if not fitting:
        raise _fits_nothing(needed, predictor)
    if len(fitting) > 1:
        fitting = _by_names(fitting, predictor) or fitting
    if len(fitting) > 1:
        shown = " or ".join(" then ".join(part.file for part in steps) for steps in fitting[:4])
        raise BadModelFile(
            f"The files can be chained in several ways ({shown}). Say the order when you bring them again (--chain on the command line), or bring one Pipeline.",
            code="ambiguous_chain",
        )
    steps = list(fitting[0])
    return _pipeline(steps, predictor.found), steps, notes


def _pipeline(steps: Sequence[Part], predictor: Any) -> Any:
    named = [(f"step_{place + 1}", part.found) for place, part in enumerate(steps)]
    names = _wanted_names(predictor)
    if names is not None:
        named.append(("names", Named(names)))
    return Pipeline([*named, ("model", predictor)])


def _wanted_names(predictor: Any) -> list[str] | None:
    """Names that a predictor of another library insists on."""
    kind = type(unwrap(steps_of(predictor)[0]))
    if kind.__module__.partition(".")[0] in ("xgboost", "lightgbm", "catboost"):
        return input_names(predictor)
    return None


def _fits(steps: Sequence[Part], predictor: Part) -> bool:
    width: int | None = None
    for place, part in enumerate([*steps, predictor]):
        taken = input_count(part.found)
        if place and width is not None and taken is not None and width != taken:
            return False
        if place and width is None and taken is None and _is_textual(part.found):
            return False
        width = output_count(part.found) if part is not predictor else None
    return True


def _is_textual(step: Any) -> bool:
    return hasattr(step, "vocabulary_") or hasattr(step, "build_analyzer")


def output_count(step: Any) -> int | None:
    """How many columns a fitted transformer gives; None when nothing in it says so."""
    for name in ("get_feature_names_out", "get_feature_names"):
        with suppress(Exception):
            return len(getattr(step, name)())
    if isinstance(step, Pipeline):
        return output_count(steps_of(step)[-1])
    with suppress(Exception):
        return int(np.count_nonzero(step.get_support()))
    with suppress(Exception):
        return int(np.asarray(step.components_).shape[0])
    if _is_textual(step) and hasattr(step, "vocabulary_"):
        return len(step.vocabulary_)
    if type(step).__name__.endswith(("Scaler", "Normalizer", "OrdinalEncoder")):
        return input_count(step)
    return None


def _is_inside(transformer: Any, predictor: Any) -> bool:
    """Does the predictor hold this very transformer, with the same numbers learned?"""
    for step in steps_of(predictor)[:-1]:
        if type(step) is type(transformer) and _same_numbers(step, transformer):
            return True
    return False


def _same_numbers(one: Any, other: Any) -> bool:
    compared = False
    for name in STATISTICS:
        left, right = getattr(one, name, None), getattr(other, name, None)
        if left is None and right is None:
            continue
        with suppress(Exception):
            if not np.array_equal(np.asarray(left), np.asarray(right)):
                return False
            compared = True
    return compared


def _as_told(fitting: list[tuple[Part, ...]], order: Sequence[str]) -> list[tuple[Part, ...]]:
    if not order:
        return []
    told = [name for name in order if any(name == part.file for steps in fitting for part in steps)]
    return [steps for steps in fitting if [part.file for part in steps] == told]


def _by_names(fitting: list[tuple[Part, ...]], predictor: Part) -> list[tuple[Part, ...]]:
    """Orders in which each step is fitted on the names that the one before it gives."""
    best: list[tuple[Part, ...]] = []
    most = 0
    for steps in fitting:
        score = sum(_follows(one.found, other.found) for one, other in zip(steps, [*steps[1:], predictor]))
        if score > most:
            best, most = [steps], score
        elif score == most and score:
            best.append(steps)
    return best


def _follows(before: Any, after: Any) -> bool:
    names = input_names(after)
    with suppress(Exception):
        return names is not None and [str(name) for name in before.get_feature_names_out()] == names
    return False


def _fits_nothing(needed: Sequence[Part], predictor: Part) -> BadModelFile:
    part = needed[0]
    gives, takes = output_count(part.found), input_count(predictor.found)
    return BadModelFile(
        f"{part.file} gives {_counted(gives)} and {predictor.file} takes {_counted(takes)}, so they cannot follow each other. "
        "Bring one Pipeline with all steps, or all files that lie between them.",
        code="partial_transformer",
    )


def _counted(count: int | None) -> str:
    return "an unknown number of columns" if count is None else f"{count} column{'' if count == 1 else 's'}"
