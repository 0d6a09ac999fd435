"""Rows in signature order to the tensors an artifact takes. NumPy only: interactive workers stay small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from predictions.ml.plan import Feed
from predictions.portable import Value

Rows = Sequence[Sequence[Value]]
Tensor = np.ndarray[Any, Any]
Builder = Callable[[Rows], Tensor]


def builder_of(feed: Feed, width: int) -> Builder:
    """A function from rows to the tensor of one graph input, prepared once so that a single row costs microseconds.

    ``width`` is how many inputs the signature has. The function raises TypeError, ValueError or OverflowError when a
    value cannot be held by the feed's dtype.
    """
    if feed.dtype == "string":
        return _strings(feed)
    if feed.layout == "matrix":
        return _with_marker(_matrix(feed, width), feed)
    return _with_marker(_single(feed), feed)


def _matrix(feed: Feed, width: int) -> Builder:
    dtype = np.dtype(feed.dtype)
    columns = feed.columns
    if columns == tuple(range(width)):
        return lambda rows: np.array(rows, dtype)
    if len(columns) == 1:
        only = columns[0]
        return lambda rows: np.array([(row[only],) for row in rows], dtype)
    chosen = itemgetter(*columns)
    return lambda rows: np.array([chosen(row) for row in rows], dtype)


def _single(feed: Feed) -> Builder:
    dtype = np.dtype(feed.dtype)
    only = feed.columns[0]
    if feed.layout == "whole":
        return lambda rows: np.array(rows[0][only], dtype)
    if feed.layout == "column":
        return lambda rows: np.array([(row[only],) for row in rows], dtype)
    return lambda rows: np.array([row[only] for row in rows], dtype)


def _with_marker(build: Builder, feed: Feed) -> Builder:
    marker = feed.missing
    if marker is None:
        return build
    if np.dtype(feed.dtype).kind == "f":

        def marked(rows: Rows) -> Tensor:
            tensor = build(rows)
            tensor[np.isnan(tensor)] = marker
            return tensor

        return marked

    def replaced(rows: Rows) -> Tensor:
        return build([[marker if value is None else value for value in row] for row in rows])

    return replaced


def _strings(feed: Feed) -> Builder:
    marker = "" if feed.missing is None else str(feed.missing)
    columns = feed.columns
    only = columns[0]

    def text(value: Value) -> Value:
        if value is None:
            return marker
        if isinstance(value, list | tuple):
            return [text(item) for item in value]
        return value if isinstance(value, str) else str(value)

    if feed.layout == "matrix":
        return lambda rows: np.array([[text(row[column]) for column in columns] for row in rows], object)
    if feed.layout == "whole":
        return lambda rows: np.array(text(rows[0][only]), object)
    if feed.layout == "column":
        return lambda rows: np.array([[text(row[only])] for row in rows], object)
    return lambda rows: np.array([text(row[only]) for row in rows], object)
