"""The typed contract every face is made from: what an ml_model takes and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from predictions.portable import Literal, Scalar, Value

Kind = Literal["number", "integer", "boolean", "choice", "text", "tensor"]
Task = Literal["classification", "regression", "outlier", "clustering", "other"]
Element = Literal["float", "integer", "boolean", "text"]

FORMAT = 1


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
    """One output. ``classes`` in the estimator's order for kind "class"; ``decimals`` only for showing."""

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

    @property
    def shown(self) -> str:
        return self.label or self.name.replace("_", " ")


@dataclass(frozen=True)
class Drawing:
    """The inputs are a picture: rows x columns cells in estimator order, each from 0 to ``maximum``."""

    rows: int
    columns: int
    maximum: float


@dataclass(frozen=True)
class Signature:
    """Inputs in the estimator's order, outputs, and how the page shows them."""

    task: Task
    inputs: tuple[Field, ...]
    outputs: tuple[Output, ...]
    drawing: Drawing | None = None

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

    def to_document(self) -> dict[str, Any]:
        """The JSON document stored in a signature revision (defaults left out)."""
        return {
            "format": FORMAT,
            "task": self.task,
            "inputs": [_without_defaults(item, Field) for item in self.inputs],
            "outputs": [_without_defaults(item, Output) for item in self.outputs],
            "drawing": asdict(self.drawing) if self.drawing else None,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Signature:
        """Inverse of ``to_document``. Raises ValueError for a format this code does not know."""
        if document.get("format") != FORMAT:
            raise ValueError(f"unknown signature format {document.get('format')!r}")
        drawing = document.get("drawing")
        return cls(
            task=document["task"],
            inputs=tuple(_field(item) for item in document["inputs"]),
            outputs=tuple(_output(item) for item in document["outputs"]),
            drawing=Drawing(**drawing) if drawing else None,
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
