"""The typed contract every face is made from: what an ml_model takes and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from predictions.portable import Literal, Scalar, Value
from predictions.signature.layer import Layer, made_document, made_of

Kind = Literal["number", "integer", "boolean", "choice", "text", "tensor"]
Task = Literal["classification", "regression", "outlier", "clustering", "other"]
Element = Literal["float", "integer", "boolean", "text"]

FORMAT = 1
LAYERED_FORMAT = 2
"""Of signatures with a layer or with answers that are changed, which older code would answer without."""
TRANSFORMS = ("exp", "expm1", "exp10", "square")


@dataclass(frozen=True)
class Choice:
    """One allowed category: ``value`` goes to the estimator and over the wire, ``label`` is for people."""

    value: Scalar
    label: str = ""

    @property
    def shown(self) -> str:
        return self.label or str(self.value)


@dataclass(frozen=True)
class Field:
    """One input. Its place in ``Signature.inputs`` is the estimator's order; ``order`` is the page's.

    required: must be present. nullable: may be null (missing); with required, null gets a warning.
    default: taken when an optional one is absent.
    minimum/maximum: hard limits, an error outside. soft_minimum/soft_maximum: seen in training, a warning outside.
    unseen: what a category outside ``choices`` does, "refuse" (error) or "warn" (goes to the estimator as it is).
    shape/element: tensors only, without the batch dimension; None is any length.
    base_kind: the kind the build found, where the owner narrowed it. may_be_missing: the build found that the estimator
    takes it as missing, where the owner forbade that. Both let an owner go back.
    used: False for an input that the estimator lists and never looks at; any scalar is taken there and means nothing.
    """

    name: str
    kind: Kind
    label: str = ""
    unit: str = ""
    help: str = ""
    group: str = ""
    order: int = 0
    required: bool = True
    nullable: bool = False
    default: Scalar | None = None
    minimum: float | None = None
    maximum: float | None = None
    soft_minimum: float | None = None
    soft_maximum: float | None = None
    choices: tuple[Choice, ...] = ()
    unseen: Literal["refuse", "warn"] = "refuse"
    max_length: int = 2000
    shape: tuple[int | None, ...] = ()
    element: Element = "float"
    example: Value = None
    base_kind: Kind | None = None
    may_be_missing: bool = False
    used: bool = True

    @property
    def shown(self) -> str:
        """The label for people; the feature name with underscores opened when the owner gave none."""
        return self.label or self.name.replace("_", " ").strip() or self.name


@dataclass(frozen=True)
class ClassName:
    """One class: ``value`` as the estimator knows it (``classes_``), ``label`` as the owner names it."""

    value: Scalar
    label: str = ""

    @property
    def shown(self) -> Scalar:
        """What ``label`` in an answer holds: the owner's name, else the estimator's own value with its type."""
        return self.label or self.value


@dataclass(frozen=True)
class Output:
    """One output. ``classes`` in the estimator's order for kind "class"; ``decimals`` only for showing.

    threshold: of two classes the second is the answer from this probability on, whatever the estimator says.
    transform, factor, offset: an answer x becomes transform(x) * factor + offset; transform "" leaves x as it is.
    """

    name: str
    kind: Literal["class", "number", "tensor"]
    label: str = ""
    unit: str = ""
    help: str = ""
    classes: tuple[ClassName, ...] = ()
    probabilities: bool = False
    decimals: int | None = None
    shape: tuple[int | None, ...] = ()
    element: Element = "float"
    threshold: float | None = None
    transform: str = ""
    factor: float = 1.0
    offset: float = 0.0

    @property
    def shown(self) -> str:
        return self.label or self.name.replace("_", " ")

    @property
    def is_changed(self) -> bool:
        """Whether people get something else than the runtime says."""
        return self.threshold is not None or self.transform != "" or (self.factor, self.offset) != (1.0, 0.0)


@dataclass(frozen=True)
class Drawing:
    """The inputs are a picture: rows x columns cells in estimator order, each from 0 to ``maximum``."""

    rows: int
    columns: int
    maximum: float


@dataclass(frozen=True)
class Signature:
    """Inputs, outputs, and how the page shows them. Without a layer the inputs are the estimator's, in its order.

    With a layer they are what people give, and the layer makes the estimator's from them.
    """

    task: Task
    inputs: tuple[Field, ...]
    outputs: tuple[Output, ...]
    drawing: Drawing | None = None
    layer: Layer | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.inputs)

    @property
    def shown_inputs(self) -> tuple[Field, ...]:
        """Inputs in the order of the page."""
        return tuple(sorted(self.inputs, key=lambda item: item.order))

    @property
    def main_output(self) -> Output:
        return self.outputs[0]

    def input(self, name: str) -> Field:
        """The field of that name. Raises KeyError."""
        for item in self.inputs:
            if item.name == name:
                return item
        raise KeyError(name)

    def with_inputs(self, inputs: tuple[Field, ...]) -> Signature:
        return replace(self, inputs=inputs)

    @property
    def model_inputs(self) -> tuple[Field, ...]:
        """What the estimator takes, in its order."""
        return self.inputs if self.layer is None else self.layer.model_inputs

    @property
    def changes_answers(self) -> bool:
        """Whether an output is changed after the runtime has answered."""
        return any(output.is_changed for output in self.outputs)

    def for_runtime(self) -> Signature:
        """The signature a runtime is built with: the estimator's own inputs, and its answers as they come."""
        if self.layer is None and not self.changes_answers:
            return self
        return replace(
            self,
            inputs=self.model_inputs,
            outputs=tuple(
                replace(output, threshold=None, transform="", factor=1.0, offset=0.0)
                for output in self.outputs
            ),
            layer=None,
        )

    def to_document(self) -> dict[str, Any]:
        """The JSON document stored in a signature revision (defaults left out)."""
        document = self._plain_document()
        if self.layer is not None:
            document["layer"] = {
                "model_inputs": [_without_defaults(item, Field) for item in self.layer.model_inputs],
                "columns": [made_document(item) for item in self.layer.columns],
                "derived": [made_document(item) for item in self.layer.derived],
            }
        return document

    def _plain_document(self) -> dict[str, Any]:
        is_plain = self.layer is None and not self.changes_answers
        return {
            "format": FORMAT if is_plain else LAYERED_FORMAT,
            "task": self.task,
            "inputs": [_without_defaults(item, Field) for item in self.inputs],
            "outputs": [_without_defaults(item, Output) for item in self.outputs],
            "drawing": asdict(self.drawing) if self.drawing else None,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Signature:
        """Inverse of ``to_document``. Raises ValueError for a format this code does not know."""
        if document.get("format") not in (FORMAT, LAYERED_FORMAT):
            raise ValueError(f"unknown signature format {document.get('format')!r}")
        drawing = document.get("drawing")
        return cls(
            task=document["task"],
            inputs=tuple(_field(item) for item in document["inputs"]),
            outputs=tuple(_output(item) for item in document["outputs"]),
            drawing=Drawing(**drawing) if drawing else None,
            layer=_layer(document["layer"]) if document.get("layer") else None,
        )


def _layer(document: Mapping[str, Any]) -> Layer:
    return Layer(
        model_inputs=tuple(_field(item) for item in document["model_inputs"]),
        columns=tuple(made_of(item) for item in document["columns"]),
        derived=tuple(made_of(item) for item in document["derived"]),
    )


def _without_defaults(item: Field | Output, kind: type[Field] | type[Output]) -> dict[str, Any]:
    defaults = {key: spec.default for key, spec in kind.__dataclass_fields__.items()}
    document = asdict(item)
    return {
        key: value for key, value in document.items() if key in ("name", "kind") or value != defaults[key]
    }


def _field(item: Mapping[str, Any]) -> Field:
    known = dict(item)
    known["choices"] = tuple(Choice(**choice) for choice in item.get("choices", ()))
    known["shape"] = tuple(item.get("shape", ()))
    return Field(**known)


def _output(item: Mapping[str, Any]) -> Output:
    known = dict(item)
    known["classes"] = tuple(ClassName(**name) for name in item.get("classes", ()))
    known["shape"] = tuple(item.get("shape", ()))
    return Output(**known)
