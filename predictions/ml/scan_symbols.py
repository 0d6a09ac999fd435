"""What stands on the stack of the machine that runs nothing."""

from __future__ import annotations

import _compat_pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

TABLE_LIMIT = 4096
OTHERS_LIMIT = 256
LISTING_LIMIT = 4096
ARRAY_CLASSES = frozenset({"NumpyArrayWrapper", "NDArrayWrapper", "ZNDArrayWrapper"})
ARRAY_MODULES = ("joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle")
REBUILDERS = frozenset({"copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__"})
_BY_NAME = frozenset({"numpy.core._ufunc_reconstruct", "numpy._core._ufunc_reconstruct"})


class _Opaque:
    """Any value whose content does not matter here."""


OPAQUE: Final = _Opaque()


class TrickedError(Exception):
    """A call does something no saved estimator does; the text goes into a sentence after "This file"."""


@dataclass(frozen=True, slots=True)
class Global:
    """A module and a name in it, as a pickle asks for them."""

    module: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def top(self) -> str:
        """The library: the part of the module before its first dot."""
        return self.module.partition(".")[0]

    @property
    def is_array_class(self) -> bool:
        """joblib's place-holder for an array whose bytes follow in the stream."""
        return self.name in ARRAY_CLASSES and self.module.startswith(ARRAY_MODULES)

    def mapped(self, protocol: int) -> Global:
        """The Python 3 name of what a protocol 0 to 2 pickle calls by its Python 2 name."""
        if protocol >= 3:
            return self
        module, name = _compat_pickle.NAME_MAPPING.get((self.module, self.name), (self.module, self.name))
        return Global(_compat_pickle.IMPORT_MAPPING.get(module, module), name)


class Table:
    """A dict: text keys up to a limit, and the first few pairs with keys of other kinds. ``count``: about how many."""

    __slots__ = ("complete", "count", "items", "others")

    def __init__(self) -> None:
        self.count = 0
        self.items: dict[str, Any] = {}
        self.others: list[tuple[Any, Any]] = []
        self.complete = True

    def put(self, key: Any, value: Any) -> None:
        """Note one pair; ``complete`` tells whether ``items`` is all there is."""
        if isinstance(key, str) and (len(self.items) < TABLE_LIMIT or key in self.items):
            self.count += key not in self.items
            self.items[key] = value
            return
        self.count += 1
        self.complete = False
        if len(self.others) < OTHERS_LIMIT:
            self.others.append((key, value))


class Listing:
    """A list or set: its first items and how many there are."""

    __slots__ = ("count", "items", "kind")

    def __init__(self, items: Sequence[Any] = (), kind: str = "list") -> None:
        self.kind = kind
        self.count = len(items)
        self.items: list[Any] = list(items[:LISTING_LIMIT])

    def extend(self, items: Sequence[Any]) -> None:
        """Note more items at the end."""
        self.count += len(items)
        if len(self.items) < LISTING_LIMIT:
            self.items.extend(items[: LISTING_LIMIT - len(self.items)])


class Blob:
    """Bytes, or a text too long to keep: all of it (``data``) or only its ends (``head``, ``tail``)."""

    __slots__ = ("data", "head", "size", "tail")

    def __init__(self, size: int, data: bytes | None = None, head: bytes = b"", tail: bytes = b"") -> None:
        self.size = size
        self.data = data
        self.head = head
        self.tail = tail

    def drop(self) -> int:
        """Forget the content. Returns how many bytes that frees."""
        freed = len(self.data or b"") + len(self.head) + len(self.tail)
        self.data, self.head, self.tail = None, b"", b""
        return freed


class Array:
    """A numeric or text array: element code with byte order ("<f8"), shape, and its bytes where they are few."""

    __slots__ = ("code", "fortran", "items", "raw", "shape")

    def __init__(
        self,
        code: str,
        shape: tuple[int, ...],
        fortran: bool = False,
        raw: bytes | None = None,
        items: Sequence[Any] | None = None,
    ) -> None:
        self.code = code
        self.shape = shape
        self.fortran = fortran
        self.raw = raw
        self.items = items


@dataclass(slots=True, eq=False)
class Symbol:
    """An object that ``cls`` would have made from ``arguments`` and later been given ``state``."""

    cls: Global
    arguments: tuple[Any, ...] | None
    state: Table = field(default_factory=Table)
    given: list[Any] = field(default_factory=list)
    items: Listing | None = None
    """What APPENDS and SETITEMS put into an object that is a list or a dict by its class."""
    pairs: Table | None = None
    array: Array | None = None
    booster: dict[str, Any] | None = None
    """What ``scan_boosters`` read from its bytes."""

    def build(self, state: Any) -> None:
        """Take a state as BUILD does: a dict updates, anything else is kept for the class to read."""
        if isinstance(state, Table):
            for key, value in state.items.items():
                self.state.put(key, value)
            self.state.complete = self.state.complete and state.complete
        elif self.cls.is_array_class:
            self.state.complete = False
        else:
            self.given = [*self.given[-3:], state]


def judge_call(function: Global, arguments: Any) -> Global | None:
    """The global that a call looks up by name, None when it does not. Raises TrickedError."""
    if function.path in _BY_NAME:
        if not (
            isinstance(arguments, tuple)
            and len(arguments) == 2
            and all(isinstance(a, str) for a in arguments)
        ):
            raise TrickedError("hides the names of what it runs")
        return Global(arguments[0], arguments[1])
    if function.path == "builtins.type" and not (isinstance(arguments, tuple) and len(arguments) == 1):
        raise TrickedError("makes classes of its own")
    if function.path in REBUILDERS and not _plain_class(arguments):
        raise TrickedError("hides the names of what it runs")
    return None


def rebuilt(function: Global, arguments: tuple[Any, ...]) -> Symbol:
    """What ``copyreg`` makes: an object of the class in its first argument, from the list or dict in its third."""
    cls, *rest = arguments
    if function.name != "_reconstructor":
        made = rest[0] if rest and isinstance(rest[0], tuple) else tuple(rest)
        return Symbol(cls, made if function.name == "__newobj_ex__" else tuple(rest))
    symbol = Symbol(cls, ())
    content = rest[-1] if rest else None
    symbol.items = content if isinstance(content, Listing) else None
    symbol.pairs = content if isinstance(content, Table) else None
    return symbol


def _plain_class(arguments: Any) -> bool:
    return isinstance(arguments, tuple) and bool(arguments) and isinstance(arguments[0], Global)
