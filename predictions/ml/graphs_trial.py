"""Run a graph on made-up rows: does it answer, does it take many rows at once, what do its outputs look like?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime

from predictions.errors import BadModelFile
from predictions.ml.graphs_guesses import Row
from predictions.ml.graphs_inputs import Inputs
from predictions.ml.graphs_outputs import Found
from predictions.ml.graphs_reading import shown_operator, unknown_operators
from predictions.ml.tensors import builder_of
from predictions.signature.fields import Field
from predictions.values import Value

MOST_EXAMPLE_ELEMENTS = 4096
PROBES = 24
_NO_KERNEL = re.compile(r"Could not find an implementation for ([\w.]+?)\(\d+\)")
_NO_MEMORY = re.compile(r"Failed to allocate memory|bad_alloc")


@dataclass(frozen=True, slots=True)
class Trial:
    """One answered row, what it and a set of different rows gave, and whether rows may share a call."""

    example: Row
    found: Found
    probes: Found
    batched: bool


def load(data: bytes) -> onnxruntime.InferenceSession:
    """A session for trials. Raises BadModelFile: unknown_operator, opset_too_new, missing_locale, bad_graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _refusal(str(error)) from error


def _refusal(words: str) -> BadModelFile:
    missing = _NO_KERNEL.search(words)
    if missing:
        return unknown_operators([shown_operator("", missing.group(1))])
    if "IR version" in words or "opset" in words.lower():
        return BadModelFile(
            "The ONNX file is written in a newer format than this site reads; export it with an older opset.",
            code="opset_too_new",
        )
    if "locale" in words:
        return BadModelFile(
            "The ONNX file handles text and needs the en_US.UTF-8 locale on this server; ask the administrator for it.",
            code="missing_locale",
        )
    return BadModelFile(
        "ONNX Runtime cannot load this graph; export it again and check it.", code="bad_graph"
    )


def try_graph(session: onnxruntime.InferenceSession, inputs: Inputs, rows: Iterable[Row]) -> Trial:
    """Find a row that is answered, among ``rows``.

    Raises BadModelFile ``cannot_answer`` when no row is, ``unsupported_output`` when nothing in the answer can be shown.
    """
    for number, row in enumerate(rows):
        found = run(session, inputs, [row], must_fit=number == 0)
        if found is not None:
            break
    else:
        raise BadModelFile(
            "The ONNX graph does not answer an example row made from its own inputs; check the shapes it declares.",
            code="cannot_answer",
        )
    if not found:
        raise BadModelFile(
            "The ONNX graph gives lists or optional values only; export it with tensors as outputs.",
            code="unsupported_output",
        )
    batched = inputs.batched and _agrees(run(session, inputs, [row] * 3), found)
    parts = [run(session, inputs, [item]) for item in _probes(inputs, row)]
    return Trial(row, found, _joined([found, *(part for part in parts if part is not None)]), batched)


def run(
    session: onnxruntime.InferenceSession, inputs: Inputs, rows: Sequence[Row], *, must_fit: bool = False
) -> dict[str, Any] | None:
    """What the graph gives for these rows, without outputs nobody can show; None when it fails.

    Raises MemoryError with ``must_fit`` when it fails for want of memory.
    """
    width = len(inputs.fields)
    names = [output.name for output in session.get_outputs()]
    try:
        feeds = {feed.name: builder_of(feed, width)(rows) for feed in inputs.feeds}
        values = session.run(names, feeds)
    except Exception as error:
        if must_fit and (isinstance(error, MemoryError) or _NO_MEMORY.search(str(error))):
            raise MemoryError from error
        return None
    return {name: value for name, value in zip(names, values, strict=True) if _can_be_shown(value)}


def _can_be_shown(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiubOSU"


def _agrees(several: dict[str, Any] | None, one: Found) -> bool:
    """Three equal rows in one call give three times the answer of one."""
    if several is None or set(several) != set(one):
        return False
    return all(_is_repeated(several[name], value) for name, value in one.items())


def _is_repeated(several: Any, one: Any) -> bool:
    if isinstance(one, list):
        return len(several) == 3
    if several.ndim == 0 or one.ndim == 0 or len(one) != 1 or several.shape != (3, *one.shape[1:]):
        return False
    if one.dtype.kind == "f":
        return bool(np.allclose(several, np.repeat(one, 3, axis=0), rtol=1e-3, atol=1e-5, equal_nan=True))
    return bool((several == np.repeat(one, 3, axis=0)).all())


def _probes(inputs: Inputs, row: Row) -> Iterator[Row]:
    """Rows around the example, near and far: probabilities stay between 0 and 1 there, scores do not."""
    if any(field.kind == "tensor" for field in inputs.fields) and sum(map(_size, inputs.fields)) > 4096:
        return
    random = np.random.default_rng(0)
    for place in range(PROBES):
        reach = (1.0, 10.0, 100.0)[place % 3]
        yield tuple(
            _near(field, value, random, reach) for field, value in zip(inputs.fields, row, strict=True)
        )


def _size(field: Field) -> int:
    return (
        int(np.prod([1 if size is None else size for size in field.shape])) if field.kind == "tensor" else 1
    )


def _near(field: Field, value: Value, random: np.random.Generator, reach: float) -> Value:
    if field.kind == "number":
        return float(value) + float(random.normal(0, reach))
    if field.kind == "choice":
        return field.choices[int(random.integers(len(field.choices)))].value
    if field.kind == "tensor" and field.element == "float":
        return random.normal(0, reach, np.shape(value)).tolist()
    return value


def _joined(parts: Sequence[Found]) -> Found:
    joined: dict[str, Any] = {}
    for name, first in parts[0].items():
        values = [part[name] for part in parts if name in part]
        if isinstance(first, list):
            joined[name] = [item for value in values for item in value]
        elif first.ndim and all(value.shape == first.shape for value in values):
            joined[name] = np.concatenate(values)
        else:
            joined[name] = first
    return joined


def small_example(field: Field, value: Value) -> Value:
    """The value to keep as the field's example; None for a tensor nobody would read."""
    return value if field.kind != "tensor" or np.size(value) <= MOST_EXAMPLE_ELEMENTS else None
