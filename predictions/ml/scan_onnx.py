"""What an ONNX file says about itself, by walking its protobuf fields: nothing but names, types and shapes is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from predictions.ml.scan_formats import read_varint
from predictions.ml.scan_values import clean

FIELDS_LIMIT = 400_000
TEXT_LIMIT = 4096
LIST_LIMIT = 500
DEPTH_LIMIT = 6
_ELEMENTS: Final = tuple(
    "undefined float uint8 int8 uint16 int16 int32 int64 string bool float16 double uint32 uint64 complex64 "  # noqa: SIM905
    "complex128 bfloat16".split()
)
_FIXED: Final = {1: 8, 5: 4}
_BYTES: Final = 2


class _TooMuchError(Exception):
    """More fields than are looked at."""


class _Walker:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.left = FIELDS_LIMIT

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(number, start, end) of what lies between; a number stands as (number, value, -1)."""
        place = start
        while place < end:
            self.left -= 1
            if self.left < 0:
                raise _TooMuchError
            self.file.seek(place)
            found = self._field()
            place = self.file.tell() if found is None or found[2] < 0 else found[2]
            if found is None or place > end:
                return
            if found[0]:
                yield found

    def _field(self) -> tuple[int, int, int] | None:
        """The field that begins here; number 0 for one that is passed over, None where none can be read."""
        tag = read_varint(self.file)
        if tag is None:
            return None
        wire = tag & 7
        if wire in _FIXED:
            return 0, 0, self.file.tell() + _FIXED[wire]
        value = read_varint(self.file) if wire in (0, _BYTES) else None
        if value is None:
            return None
        here = self.file.tell()
        return (tag >> 3, value, -1) if wire == 0 else (tag >> 3, here, here + value)

    def text(self, start: int, end: int) -> str:
        """The text that lies there, cut."""
        if end < start:
            return ""
        self.file.seek(start)
        return clean(self.file.read(min(end - start, TEXT_LIMIT)).decode("utf-8", "replace"))


def onnx_facts(path: Path) -> dict[str, Any]:
    """``ir_version``, ``opsets``, ``producer``, ``inputs`` and ``outputs`` (name, type, shape), ``classes``, ``metadata``.

    A length that is not fixed is its name or None. The file is one that ``scan_formats.is_onnx`` took.
    """
    facts: dict[str, Any] = {
        "top": {"kind": "graph"},
        "ir_version": 0,
        "producer": "",
        "producer_version": "",
        "opsets": {},
        "metadata": {},
        "inputs": [],
        "outputs": [],
    }
    with path.open("rb") as file:
        walker = _Walker(file)
        try:
            _model(walker, path.stat().st_size, facts)
        except _TooMuchError:
            facts["cut"] = ["graph"]
    return facts


def _model(walker: _Walker, size: int, facts: dict[str, Any]) -> None:
    graph: tuple[int, int] | None = None
    for number, start, end in walker.fields(0, size):
        if number == 1 and end < 0:
            facts["ir_version"] = start
        elif number in (2, 3):
            facts["producer" if number == 2 else "producer_version"] = walker.text(start, end)
        elif number == 7:
            graph = (start, end)
        elif number == 8:
            domain, version = _opset(walker, start, end)
            facts["opsets"][domain or "ai.onnx"] = version
        elif number == 14 and len(facts["metadata"]) < LIST_LIMIT:
            pair = {part: walker.text(*place) for part, *place in walker.fields(start, end)}
            facts["metadata"][pair.get(1, "")] = pair.get(2, "")
    if graph is not None:
        _graph(walker, *graph, facts)


def _opset(walker: _Walker, start: int, end: int) -> tuple[str, int]:
    domain, version = "", 0
    for number, begin, stop in walker.fields(start, end):
        if number == 1:
            domain = walker.text(begin, stop)
        elif number == 2 and stop < 0:
            version = begin
    return domain, version


def _graph(walker: _Walker, start: int, end: int, facts: dict[str, Any]) -> None:
    constants: set[str] = set()
    nodes = 0
    inputs: list[dict[str, Any]] = []
    for number, begin, stop in walker.fields(start, end):
        if number == 1:
            nodes += 1
            _labels(walker, begin, stop, facts)
        elif number == 5:
            constants.add(_name(walker, begin, stop, 8))
        elif number in (11, 12):
            into = inputs if number == 11 else facts["outputs"]
            if len(into) < LIST_LIMIT:
                into.append(_value(walker, begin, stop))
    facts["top"]["count"] = nodes
    # Before IR version 4 the weights are listed among the inputs.
    facts["inputs"] = [item for item in inputs if item["name"] not in constants]
    facts.update(_columns(facts["inputs"]))


def _columns(inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """How many columns a table has that fits: one input of rows and columns, or one input for each column."""
    shapes = [item["shape"] or [] for item in inputs]
    if len(inputs) == 1 and len(shapes[0]) == 2 and isinstance(shapes[0][1], int):
        return {"n_features_in": shapes[0][1]}
    if len(inputs) > 1 and all(len(shape) == 2 and shape[1] == 1 for shape in shapes):
        return {"n_features_in": len(inputs), "feature_names": [item["name"] for item in inputs]}
    return {}


def _name(walker: _Walker, start: int, end: int, field: int) -> str:
    for number, begin, stop in walker.fields(start, end):
        if number == field:
            return walker.text(begin, stop)
    return ""


def _value(walker: _Walker, start: int, end: int) -> dict[str, Any]:
    found: dict[str, Any] = {"name": "", "type": "", "shape": None}
    for number, begin, stop in walker.fields(start, end):
        if number == 1:
            found["name"] = walker.text(begin, stop)
        elif number == 2:
            found["type"], found["shape"] = _type(walker, begin, stop)
    return found


def _type(walker: _Walker, start: int, end: int, depth: int = 0) -> tuple[str, list[Any] | None]:
    for number, begin, stop in walker.fields(start, end):
        if stop < 0 or depth > DEPTH_LIMIT:
            break
        if number == 1:
            return _tensor(walker, begin, stop)
        if number == 4:
            return f"sequence of {_inner_type(walker, begin, stop, 1, depth)}", None
        if number == 5:
            return f"map to {_inner_type(walker, begin, stop, 2, depth)}", None
    return "other", None


def _inner_type(walker: _Walker, start: int, end: int, field: int, depth: int) -> str:
    for number, begin, stop in walker.fields(start, end):
        if number == field and stop >= 0:
            return _type(walker, begin, stop, depth + 1)[0]
    return "other"


def _tensor(walker: _Walker, start: int, end: int) -> tuple[str, list[Any] | None]:
    element, shape = "undefined", None
    for number, begin, stop in walker.fields(start, end):
        if number == 1 and stop < 0:
            element = _ELEMENTS[begin] if begin < len(_ELEMENTS) else f"type {begin}"
        elif number == 2:
            lengths = [_length(walker, *place) for part, *place in walker.fields(begin, stop) if part == 1]
            shape = lengths[:LIST_LIMIT]
    return element, shape


def _length(walker: _Walker, start: int, end: int) -> Any:
    for number, begin, stop in walker.fields(start, end):
        if number == 1 and stop < 0:
            return begin if begin < 1 << 63 else None
        if number == 2:
            return walker.text(begin, stop)
    return None


def _labels(walker: _Walker, start: int, end: int, facts: dict[str, Any]) -> None:
    """The class labels that a classifier node of ``ai.onnx.ml`` lists."""
    for number, begin, stop in walker.fields(start, end):
        if number != 5 or stop < 0 or "classes" in facts:
            continue
        name = _name(walker, begin, stop, 1)
        if not name.startswith("classlabels"):
            continue
        labels = [
            _signed(first) if last < 0 else walker.text(first, last)
            for part, first, last in walker.fields(begin, stop)
            if part == (8 if "int64" in name else 9)
        ]
        labels = (
            _unpacked(walker, begin, stop)
            if "int64" in name and labels and isinstance(labels[0], str)
            else labels
        )
        if labels:
            facts["classes"] = labels[:LIST_LIMIT]


def _unpacked(walker: _Walker, start: int, end: int) -> list[Any]:
    """Integers written one behind the other in one field."""
    found: list[Any] = []
    for number, begin, stop in walker.fields(start, end):
        if number == 8 and stop >= 0:
            walker.file.seek(begin)
            while walker.file.tell() < stop and len(found) < LIST_LIMIT:
                value = read_varint(walker.file)
                if value is None:
                    break
                found.append(_signed(value))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
