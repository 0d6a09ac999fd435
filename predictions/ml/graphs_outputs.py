"""What a graph answers: classes, a number, or outputs under their own names. Judged by what a trial run gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

from predictions.ml.graphs_inputs import dims_of, words_in
from predictions.signature.fields import ClassName, Element, Output, Task
from predictions.values import Scalar

CLASS_ATTRIBUTES = (
    "classlabels_strings",
    "classlabels_int64s",
    "classlabels_ints",
    "values_strings",
    "values_int64s",
)
CLASS_KEYS = ("classes", "class_names", "labels", "names", "classes_", "class_labels")
MOST_CLASSES = 10_000
SUM_TOLERANCE = 1e-3
_THROUGH: Final = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Flatten", "Unsqueeze", "ArgMax"})
Found = Mapping[str, Any]
"""What a run gave: an array, or a list of mappings, by the output's name; the first axis is the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The signature's outputs and where in the graph they are."""

    task: Task
    outputs: tuple[Output, ...]
    label: str | None = None
    probability: str | None = None
    value: str | None = None
    named: tuple[str, ...] = ()


def answers_of(proto: onnx.ModelProto, found: Found, probes: Found, *, whole: bool) -> Answers:
    """``found``: one row's outputs. ``probes``: those of many different rows, to tell probabilities from scores.

    ``whole``: the graph has no row axis.
    """
    if whole:
        return named_answers(proto, found, whole=True)
    return (
        _classes(proto, found, probes)
        or _outliers(found)
        or _number(found)
        or named_answers(proto, found, whole=False)
    )


def named_answers(proto: onnx.ModelProto, found: Found, *, whole: bool) -> Answers:
    """Every output under its own name."""
    declared = {value.name: value for value in proto.graph.output}
    outputs = tuple(_tensor_output(name, value, declared[name], whole) for name, value in found.items())
    return Answers(task="other", outputs=outputs, named=tuple(found))


def _classes(proto: onnx.ModelProto, found: Found, probes: Found) -> Answers | None:
    label = next((name for name, value in found.items() if _is_label(value)), None)
    shares = next((name for name, value in found.items() if _is_shares(value)), None)
    classes = class_values(proto, label, shares)
    stated = _stated_classes(proto)
    if label is None and len(found) == 1 and stated:
        classes = tuple(range(len(stated)))
    if len(classes) < 2 or (label is None and shares is None):
        return None
    if label is not None and not _all_known(probes[label], classes):
        return None
    given = shares if shares is not None and _are_probabilities(probes[shares], classes) else None
    if label is None and given is None:
        return None
    names = stated if len(stated) == len(classes) else ()
    output = Output(
        name="label",
        kind="class",
        classes=tuple(
            ClassName(value, names[place] if names and names[place] != str(value) else "")
            for place, value in enumerate(classes)
        ),
        probabilities=given is not None,
    )
    return Answers(task="classification", outputs=(output,), label=label, probability=given)


def class_values(proto: onnx.ModelProto, label: str | None, shares: str | None) -> tuple[Scalar, ...]:
    """The classes in the order of the probabilities, read from the operators that make the two outputs."""
    makers = {name: node for node in proto.graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    for start in (shares, label):
        waiting = [start] if start else []
        for _ in range(50):
            node = makers.get(waiting.pop(0)) if waiting else None
            if node is None:
                break
            values = _stated_by(node) or _picked_from(node, constants)
            if values:
                return values
            waiting.extend(node.input[:1] if node.op_type in _THROUGH else ())
    return ()


def _stated_by(node: onnx.NodeProto) -> tuple[Scalar, ...]:
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    for key in CLASS_ATTRIBUTES:
        values = given.get(key)
        if values and len(values) <= MOST_CLASSES:
            return tuple(value.decode() if isinstance(value, bytes) else int(value) for value in values)
    return ()


def _picked_from(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> tuple[Scalar, ...]:
    """The table of classes, or of training labels, that an index picks from."""
    if node.op_type not in ("ArrayFeatureExtractor", "Gather") or node.input[0] not in constants:
        return ()
    values = numpy_helper.to_array(constants[node.input[0]]).reshape(-1)
    if values.dtype.kind not in "iubOSU" or not len(values) > 0:
        return ()
    plain = [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]
    distinct = list(dict.fromkeys(plain))
    return tuple(distinct if len(distinct) == len(plain) else sorted(distinct)[:MOST_CLASSES])


def _stated_classes(proto: onnx.ModelProto) -> tuple[str, ...]:
    by_key = {entry.key.lower(): entry.value for entry in proto.metadata_props}
    return next((names for key in CLASS_KEYS if len(names := words_in(by_key.get(key, ""))) > 1), ())


def _is_label(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iuObSU" and value.shape in ((1,), (1, 1))


def _is_shares(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) == 1 and isinstance(value[0], Mapping)
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim == 2


def _all_known(labels: Any, classes: Sequence[Scalar]) -> bool:
    known = {str(value) for value in classes}
    return all(str(value) in known for value in labels.reshape(-1).tolist())


def _are_probabilities(shares: Any, classes: Sequence[Scalar]) -> bool:
    if isinstance(shares, list):
        known = {str(value) for value in classes}
        if not all({str(key) for key in row} == known for row in shares):
            return False
        shares = np.array([list(row.values()) for row in shares], dtype=float)
    width = shares.shape[1]
    if width != len(classes) and not (width == 1 and len(classes) == 2):
        return False
    inside = bool(np.all((shares >= -SUM_TOLERANCE) & (shares <= 1 + SUM_TOLERANCE)))
    return inside and (width == 1 or bool(np.all(np.abs(shares.sum(axis=1) - 1) <= SUM_TOLERANCE)))


def _outliers(found: Found) -> Answers | None:
    """The pair that converters write for isolation forests and one-class machines: 1 usual, -1 unusual."""
    if set(found) != {"label", "scores"} or not _is_label(found["label"]) or found["scores"].shape != (1, 1):
        return None
    output = Output(
        name="label",
        kind="class",
        help="1 is a usual case, -1 an unusual one.",
        classes=(ClassName(-1, "unusual"), ClassName(1, "usual")),
    )
    return Answers(task="outlier", outputs=(output,), label="label")


def _number(found: Found) -> Answers | None:
    if len(found) != 1:
        return None
    ((name, value),) = found.items()
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.shape not in ((1,), (1, 1)):
        return None
    shown = "value" if name == "variable" else name
    return Answers(task="regression", outputs=(Output(name=shown, kind="number"),), value=name)


def _tensor_output(name: str, value: Any, declared: onnx.ValueInfoProto, whole: bool) -> Output:
    if not isinstance(value, np.ndarray):
        return Output(name=name, kind="tensor", shape=(None,))
    # As an answer is cut: an output that has no row for the one case of the trial is given whole.
    whole = whole or value.ndim == 0 or len(value) != 1
    shape: tuple[int | None, ...] = value.shape if whole else value.shape[1:]
    if declared.type.tensor_type.HasField("shape"):
        dims = dims_of(declared.type.tensor_type)
        if len(dims) == value.ndim:
            shape = dims if whole else dims[1:]
    element = _element(value)
    if shape == () and element in ("float", "integer"):
        return Output(name=name, kind="number")
    return Output(name=name, kind="tensor", shape=shape, element=element)


def _element(value: Any) -> Element:
    kinds: dict[str, Element] = {"f": "float", "i": "integer", "u": "integer", "b": "boolean"}
    return kinds.get(value.dtype.kind, "text")
