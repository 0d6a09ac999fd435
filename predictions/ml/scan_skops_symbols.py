"""From a skops schema to the symbols that pickles are read into, so that both give the same facts."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from typing import Any, Final

from predictions.ml.scan_arrays import KEPT_BYTES, KEPT_ELEMENTS
from predictions.ml.scan_machine import HELD_LIMIT
from predictions.ml.scan_symbols import OPAQUE, Array, Blob, Global, Listing, Symbol, Table

DEPTH_LIMIT = 60
NODES_LIMIT = 200_000
PARTS_LIMIT = 64
"""Of a list of objects (the trees of a forest) no more are read."""
_HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[a-zA-Z]\d{0,9})', 'fortran_order': (True|False), 'shape': \(([\d, ]{0,200})\), \}"
)
_NOT_READ: Final = frozenset({"Tree", "TreePredictor", "KDTree", "BallTree"})


class Symbols:
    """Makes symbols of one schema's nodes. Arrays come from the archive, small ones only."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._known: dict[Any, Any] = {}
        self._left = NODES_LIMIT
        self._held = 0
        self._makers: dict[str, Callable[[dict[str, Any], int], Any]] = {
            "JsonNode": self._json,
            "DictNode": self._dict,
            "ListNode": self._items,
            "SetNode": self._items,
            "TupleNode": self._tuple,
            "FunctionNode": self._name,
            "TypeNode": self._name,
            "SliceNode": self._slice,
            "NdArrayNode": self._array,
            "BytesNode": self._bytes,
            "BytearrayNode": self._bytes,
        }

    def of(self, node: Any, depth: int = 0) -> Any:
        """The symbol of a node; an opaque one past the limits, and for what is no node."""
        self._left -= 1
        if not isinstance(node, dict) or depth > DEPTH_LIMIT or self._left < 0:
            return OPAQUE
        place = node.get("__id__")
        loader = node.get("__loader__")
        if loader == "CachedNode":
            return self._known.get(place, OPAQUE) if isinstance(place, int) else OPAQUE
        made = self._makers.get(str(loader), self._object)(node, depth + 1)
        if isinstance(place, int):
            self._known[place] = made
        return made

    def _json(self, node: dict[str, Any], depth: int) -> Any:
        try:
            found = json.loads(str(node.get("content")))
        except (ValueError, RecursionError):
            return OPAQUE
        return found if found is None or isinstance(found, str | int | float) else OPAQUE

    def _dict(self, node: dict[str, Any], depth: int) -> Any:
        table = Table()
        content = node.get("content")
        for key, value in content.items() if isinstance(content, dict) else ():
            table.put(key, self.of(value, depth))
        return table

    def _items(self, node: dict[str, Any], depth: int) -> Listing:
        content = node.get("content")
        items = content if isinstance(content, list) else []
        plain = all(isinstance(item, dict) and item.get("__loader__") == "JsonNode" for item in items)
        made = Listing([self.of(item, depth) for item in items[: None if plain else PARTS_LIMIT]])
        made.count = len(items)
        return made

    def _tuple(self, node: dict[str, Any], depth: int) -> Any:
        return tuple(self._items(node, depth).items)

    def _name(self, node: dict[str, Any], depth: int) -> Any:
        return _class(node) or OPAQUE

    def _slice(self, node: dict[str, Any], depth: int) -> Any:
        content = node.get("content")
        bounds = content if isinstance(content, dict) else {}
        return Symbol(
            Global("builtins", "slice"), tuple(bounds.get(key) for key in ("start", "stop", "step"))
        )

    def _array(self, node: dict[str, Any], depth: int) -> Any:
        if node.get("type") == "json":
            items = self._items(node, depth)
            return Array("|O", (items.count,), items=items.items)
        array = self._stored(str(node.get("file")))
        cls = _class(node)
        scalar = cls is not None and cls.name != "ndarray" and array is not None and array.shape == ()
        return array if array is not None and (scalar or cls == Global("numpy", "ndarray")) else OPAQUE

    def _stored(self, member: str) -> Array | None:
        """An array of the archive in numpy's own format, with its content where that is small."""
        try:
            info = self._archive.getinfo(member)
            with self._archive.open(info) as file:
                head = file.read(10)
                length = int.from_bytes(head[8:10], "little")
                header = file.read(length) if head[:7] == b"\x93NUMPY\x01" else b""
                found = _HEADER.match(header)
                if found is None:
                    return None
                shape = tuple(int(part) for part in found[3].decode().split(",") if part.strip())
                array = Array(found[1].decode(), shape, found[2] == b"True")
                size = info.file_size - 10 - length
                if self._is_wanted(shape, size):
                    self._held += size
                    array.raw = file.read(size)
                return array
        except (
            KeyError,
            OSError,
            ValueError,
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
            EOFError,
        ):
            return None

    def _is_wanted(self, shape: tuple[int, ...], size: int) -> bool:
        few = len(shape) <= 2 and all(length <= KEPT_ELEMENTS for length in shape)
        return few and size <= KEPT_BYTES and self._held + size <= HELD_LIMIT

    def _bytes(self, node: dict[str, Any], depth: int) -> Any:
        return Blob(0)

    def _object(self, node: dict[str, Any], depth: int) -> Any:
        cls = _class(node)
        if cls is None:
            return OPAQUE
        reduced = node.get("__reduce__")
        arguments = self.of(reduced.get("args"), depth) if isinstance(reduced, dict) else None
        made = Symbol(cls, arguments if isinstance(arguments, tuple) else None)
        if cls.name not in _NOT_READ:
            state = self.of(node.get("content"), depth)
            if isinstance(state, Table | tuple):
                made.build(state)
        return made


def _class(node: dict[str, Any]) -> Global | None:
    name, module = node.get("__class__"), node.get("__module__")
    return Global(module, name) if isinstance(name, str) and isinstance(module, str) else None
