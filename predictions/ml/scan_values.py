"""From symbols to plain values: numbers, texts, lists and small arrays as JSON can hold them. Bounded in every way."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from typing import Any, Final

from predictions.ml.scan_arrays import KEPT_ELEMENTS, bytes_of, code_of
from predictions.ml.scan_symbols import Array, Blob, Global, Listing, Symbol, Table

TEXT_LIMIT = 200
ITEMS_LIMIT = 4096
DEPTH_LIMIT = 6
VISITS_LIMIT = 200_000
SEARCHES_LIMIT = 4000
LARGEST_INTEGER = 1 << 63

_CODES: Final = dict(
    zip(
        ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?"),
        ("?", "b", "h", "i", "q", "B", "H", "I", "Q", "e", "f", "d", "?"),
        strict=True,
    )
)
_WIDTHED = re.compile(r"([US])(\d{1,9})")
_INDEX = ("_new_Index",)
_USER_LISTS = ("_RemainderColsList", "UserList")
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "builtins.dict", "sklearn.utils._bunch.Bunch")


def clean(text: str) -> str:
    """A text that any database and page can hold, cut where it is long."""
    short = text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
    return short.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")


def number(value: int | float) -> Any:
    """A number as JSON can hold it: what is not finite, or too large to be exact anywhere, as a text."""
    if isinstance(value, int):
        return value if -LARGEST_INTEGER <= value < LARGEST_INTEGER else "a very large number"
    return value if math.isfinite(value) else str(value)


def array_of(value: Any) -> Array | None:
    """The array that a symbol stands for, None when it is none."""
    if isinstance(value, Symbol):
        return value.array
    return value if isinstance(value, Array) else None


def elements(array: Array) -> Sequence[Any] | None:
    """The elements in the order of the bytes, None when they were not kept or have a type that is not read."""
    if array.items is not None:
        return array.items
    count = math.prod(array.shape)
    if array.raw is None or count > KEPT_ELEMENTS:
        return None
    order = {">": ">"}.get(array.code[:1], "<")
    code = array.code.lstrip("<>=|")
    try:
        if code in _CODES:
            return struct.unpack(f"{order}{count}{_CODES[code]}", array.raw)
        return _texts(code, order, count, array.raw)
    except (struct.error, UnicodeDecodeError, ValueError):
        return None


def _texts(code: str, order: str, count: int, raw: bytes) -> list[str] | None:
    found = _WIDTHED.fullmatch(code)
    if found is None:
        return None
    width = int(found[2]) * (4 if found[1] == "U" else 1)
    if width * count != len(raw):
        return None
    encoding = ("utf-32-be" if order == ">" else "utf-32-le") if found[1] == "U" else "latin-1"
    parts = (raw[place : place + width] for place in range(0, len(raw), width or 1))
    return [part.decode(encoding, "replace").rstrip("\0") for part in parts]


def scalar_of(symbol: Symbol) -> Any:
    """The value of a numpy scalar, None when the symbol is none."""
    arguments = symbol.arguments or ()
    if symbol.cls.name != "scalar" or symbol.cls.top != "numpy" or len(arguments) != 2:
        return None
    raw = bytes_of(arguments[1])
    if raw is None:
        return arguments[1] if isinstance(arguments[1], str | int | float) else None
    found = elements(Array(code_of(arguments[0]), (), raw=raw))
    return found[0] if found else None


def inner(value: Any) -> Any:
    """What a thin wrapper holds: the data of a pandas Index, the items of a list or dict by another class."""
    if not isinstance(value, Symbol):
        return value
    if value.array is not None:
        return value.array
    if value.cls.name in _INDEX and value.cls.top == "pandas":
        return _index_data(value)
    if value.cls.path in _DICTS:
        return value.pairs or _first_table(value) or Table()
    if value.cls.path in ("builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset"):
        return (value.arguments or (Listing(),))[0]
    if value.cls.name in _USER_LISTS and "data" in value.state.items:
        return value.state.items["data"]
    if value.items is not None and not value.state.items:
        return value.items
    return value


def _first_table(symbol: Symbol) -> Table | None:
    """The pairs an OrderedDict was made from."""
    first = (symbol.arguments or (None,))[0]
    if isinstance(first, Table):
        return first
    if not isinstance(first, Listing):
        return None
    table = Table()
    for pair in first.items:
        if isinstance(pair, tuple | Listing):
            parts = pair.items if isinstance(pair, Listing) else pair
            if len(parts) == 2:
                table.put(*parts)
    return table


def _index_data(symbol: Symbol) -> Any:
    given = (symbol.arguments or (None, None))[-1]
    data = given.items.get("data") if isinstance(given, Table) else None
    for _ in range(3):
        if not isinstance(data, Symbol) or data.array is not None:
            break
        data = _extension_data(data)
    return array_of(data) or data or symbol


def _extension_data(symbol: Symbol) -> Any:
    """The array inside pandas' text array: in its state's dict, or in its state's tuple."""
    known = symbol.state.items.get("_ndarray")
    if known is not None:
        return known
    for state in symbol.given:
        if isinstance(state, tuple):
            for part in state:
                if array_of(part) is not None:
                    return part
    return None


class Values:
    """Turns symbols into plain values; one per file, because it counts what it looks at."""

    def __init__(self) -> None:
        self._left = VISITS_LIMIT
        self._searches = SEARCHES_LIMIT

    def search(self) -> bool:
        """Count a look into one part for something; whether more may be looked into."""
        self._searches -= 1
        return self._searches >= 0

    def plain(self, value: Any, depth: int = 0) -> Any:
        """What JSON can hold of a value: ``{"object": …}``, ``{"name": …}``, ``{"array": …}`` for what it cannot."""
        self._left -= 1
        if self._left < 0 or depth > DEPTH_LIMIT:
            return None
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, int | float):
            return number(value)
        return self._composed(inner(value), depth)

    def _composed(self, value: Any, depth: int) -> Any:
        if isinstance(value, Array):
            return self._array(value, depth)
        if isinstance(value, Listing | tuple):
            items = value.items if isinstance(value, Listing) else value
            return [self.plain(item, depth + 1) for item in items[:ITEMS_LIMIT]]
        if isinstance(value, Table):
            return self._table(value, depth)
        if isinstance(value, Global):
            return {"name": clean(value.path)}
        if isinstance(value, Blob):
            return {"bytes": value.size}
        return self._symbol(value, depth) if isinstance(value, Symbol) else None

    def _table(self, table: Table, depth: int) -> dict[str, Any]:
        pairs = [*table.items.items(), *((self._key(key), value) for key, value in table.others)]
        return {clean(str(key)): self.plain(value, depth + 1) for key, value in pairs[:ITEMS_LIMIT]}

    def _key(self, key: Any) -> Any:
        plain = self.plain(key, DEPTH_LIMIT)
        return plain if not isinstance(plain, dict | list) else "…"

    def _symbol(self, symbol: Symbol, depth: int) -> Any:
        known = scalar_of(symbol)
        if known is not None:
            return self.plain(known, depth + 1)
        if symbol.cls == Global("builtins", "slice"):
            return {"slice": [self.plain(part, depth + 1) for part in (symbol.arguments or ())[:3]]}
        return {"object": clean(symbol.cls.path)}

    def _array(self, array: Array, depth: int) -> Any:
        found = elements(array)
        if found is None:
            return {"array": clean(array.code), "shape": [number(length) for length in array.shape]}
        items = [self.plain(item, depth + 1) for item in found[:ITEMS_LIMIT]]
        if not array.shape:
            return items[0] if items else None
        if len(array.shape) != 2 or len(items) != math.prod(array.shape):
            return items
        rows, columns = array.shape
        if array.fortran:
            return [items[place::rows] for place in range(rows)]
        return [items[place * columns : (place + 1) * columns] for place in range(rows)]

    def names(self, value: Any) -> list[str] | None:
        """A list of texts (column names), None when it is anything else or was cut."""
        plain = self.plain(value)
        if not isinstance(plain, list) or not plain:
            return None
        return plain if all(isinstance(item, str) for item in plain) else None
