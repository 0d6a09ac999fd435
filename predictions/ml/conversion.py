"""Convert a fitted estimator to ONNX: one or more attempts, each to be compared with the original before use."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import Any

import numpy as np
from onnx import ModelProto
from skl2onnx import convert_sklearn
from skl2onnx._supported_operators import get_model_alias
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.pipeline import Pipeline

from predictions.ml.anatomy import everything_in, parts_of, steps_of, takes_texts
from predictions.ml.converters import register
from predictions.ml.layouts import Layouts, feeds_for
from predictions.ml.plan import Dtype, Plan
from predictions.ml.rewriting import by_position, name_missing_texts, simplify, with_cast, working_copy
from predictions.ml.targets import UnknownTarget, inner_regressor, way_back
from predictions.ml.trees import (
    declare_float_outputs,
    holds_trees,
    restore_missing_directions,
    sharpen_histogram_trees,
)
from predictions.signature.fields import Signature

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""ai.onnx.ml 3 knows trees with double inputs and missing directions; both are old enough for every runtime in use."""

UNICODE_WORDS = r"[\p{L}\p{N}_][\p{L}\p{N}_]+"
"""scikit-learn's default token pattern in RE2's words: two or more letters, digits or underscores of any script."""

DEFAULT_TOKEN = r"(?u)\b\w\w+\b"  # noqa: S105 (a token of text)

LOCALE = "C.UTF-8"
"""For lower case of every script; glibc has it without language packs, which skl2onnx's default en_US needs."""

TYPES = {
    "float32": FloatTensorType,
    "float64": DoubleTensorType,
    "int64": Int64TensorType,
    "string": StringTensorType,
}


class NotConvertible(Exception):
    """This estimator has no ONNX form. ``reason`` is plain words for the build report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to convert: ``dtype`` of the numbers, how inputs are grouped, whether trees get a cast before them."""

    dtype: Dtype
    layout: Layouts
    cast: bool = False


def convert(estimator: Any, signature: Signature) -> tuple[bytes, Plan]:
    """The first candidate that converts. Not compared with the original yet: see ``parity``.

    Raises NotConvertible.
    """
    refused: NotConvertible | None = None
    for make in attempts(estimator, signature):
        try:
            return make()
        except NotConvertible as error:
            refused = refused or error
    raise refused or NotConvertible("There is no ONNX form of this estimator.")


def attempts(estimator: Any, signature: Signature) -> Iterator[Callable[[], tuple[bytes, Plan]]]:
    """Ways to convert, the one most likely to be exact first. Each call may raise NotConvertible."""
    if signature.task == "other":
        raise NotConvertible(
            "It gives several classes per row, which its ONNX form would answer in another way."
        )
    inner, transformer = inner_regressor(estimator)
    try:
        finish = way_back(transformer) if transformer is not None else None
    except UnknownTarget as error:
        raise NotConvertible("The way back from its transformed target has no ONNX form.") from error
    for candidate in _candidates(inner, signature):
        yield partial(_convert, inner, signature, candidate, finish)


def _candidates(estimator: Any, signature: Signature) -> list[Candidate]:
    return [
        Candidate(dtype, layout, cast)
        for layout in feeds_for(estimator, signature)
        for dtype, cast in _precisions(estimator)
    ]


def _precisions(estimator: Any) -> list[tuple[Dtype, bool]]:
    """Number types, the exact one first: what each family computes in, and for trees behind other steps those steps in
    float64 and then the cast to float32 that scikit-learn's trees begin with."""
    if takes_texts(estimator):
        return [("float32", False)]
    if not holds_trees(estimator) or _compares_doubles(estimator):
        return [("float64", False), ("float32", False)]
    if len(steps_of(estimator)) == 1:
        return [("float32", False), ("float64", False)]
    return [("float64", True), ("float64", False), ("float32", False)]


def _compares_doubles(estimator: Any) -> bool:
    return hasattr(steps_of(estimator)[-1], "_bin_mapper")


def _convert(
    estimator: Any,
    signature: Signature,
    candidate: Candidate,
    finish: Callable[[ModelProto], None] | None,
) -> tuple[bytes, Plan]:
    register()
    prepared = working_copy(estimator)
    feeds = candidate.layout.feeds(candidate.dtype)
    by_position(prepared, candidate.layout.order)
    name_missing_texts(prepared)
    simplify(prepared)
    if candidate.cast:
        prepared = with_cast(prepared)
    types = [(feed.name, TYPES[feed.dtype]([None, len(feed.columns)])) for feed in feeds]
    with _quiet():
        try:
            graph = convert_sklearn(
                prepared, initial_types=types, options=_options(prepared), target_opset=OPSETS
            )
            restore_missing_directions(graph, prepared)
            declare_float_outputs(graph)
            sharpen_histogram_trees(graph, prepared)
            if finish is not None:
                finish(graph)
        except NotConvertible:
            raise
        except Exception as error:
            raise NotConvertible(_reason(error)) from error
    taken = {item.name for item in graph.graph.input}
    names = [item.name for item in graph.graph.output]
    plan = _plan(tuple(feed for feed in feeds if feed.name in taken), names, signature)
    return graph.SerializeToString(), plan


def _plan(feeds: Any, names: list[str], signature: Signature) -> Plan:
    output = signature.main_output
    if output.kind != "class":
        return Plan(feeds=feeds, value_output=names[0], outputs=tuple(names))
    if signature.task == "outlier" and len(names) > 1:
        return Plan(feeds=feeds, label_output=names[0], value_output=names[1], outputs=tuple(names))
    if not output.probabilities:
        return Plan(feeds=feeds, label_output=names[0], outputs=tuple(names))
    if len(names) < 2:
        raise NotConvertible("Its ONNX form gives no probabilities.")
    return Plan(feeds=feeds, label_output=names[0], probability_output=names[1], outputs=tuple(names))


def _options(prepared: Any) -> dict[int, dict[str, Any]] | None:
    options: dict[int, dict[str, Any]] = {}
    for part in everything_in(prepared):
        known = {} if isinstance(part, Pipeline) else _known_options(part)
        # An empty entry keeps skl2onnx from giving steps that pass for classifiers (RFE) an option they do not know.
        options[id(part)] = {"zipmap": False} if "zipmap" in known else {}
    for part in parts_of(prepared):
        if "locale" in _known_options(part):
            options[id(part)] = {"locale": LOCALE}
            if part.token_pattern == DEFAULT_TOKEN:
                options[id(part)]["tokenexp"] = UNICODE_WORDS
    return options or None


def _known_options(part: Any) -> dict[str, Any]:
    try:
        alias = get_model_alias(type(part))
        options: dict[str, Any] = get_converter(alias).get_allowed_options() or {}
    except (RuntimeError, ValueError):
        return {}
    return options


def _reason(error: Exception) -> str:
    text = str(error)
    if (
        isinstance(error, MissingConverter | MissingShapeCalculator)
        or "Unable to find a shape calculator" in text
    ):
        kind = re.search(r"<class '[\w.]*?(\w+)'>", text)
        return (
            f"There is no ONNX form of its step {kind[1]}." if kind else "One of its steps has no ONNX form."
        )
    if "FunctionTransformer" in text:
        return "A FunctionTransformer runs Python code, which has no ONNX form."
    step = re.search(r"(?:converter for|Converter for|operator) '?(?:Sklearn)?([A-Z]\w+)'?", text)
    return (
        f"The settings of its step {step[1]} have no ONNX form."
        if step
        else "Its settings have no ONNX form."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Converters print, warn and log; none of it helps the owner."""
    previous = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(StringIO()),
            redirect_stderr(StringIO()),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
