"""What stands on the stack of the machine that runs nothing."""

from __future__ import annotations

import _compat_pickle
from dataclasses import dataclass, field
from typing import Any, Final

TABLE_LIMIT = 4096
ARRAY_CLASSES = frozenset({"NumpyArrayWrapper", "NDArrayWrapper", "ZNDArrayWrapper"})
ARRAY_MODULES = ("joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle")
_REBUILDERS = frozenset({"copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__"})
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
    """A dict of which only text keys are kept, up to a limit."""

    __slots__ = ("complete", "items")

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}
        self.complete = True

    def put(self, key: Any, value: Any) -> None:
        if isinstance(key, str) and (len(self.items) < TABLE_LIMIT or key in self.items):
            self.items[key] = value
        else:
            self.complete = False


@dataclass(slots=True)
class Symbol:
    """An object that ``cls`` would have made from ``arguments`` and later been given ``state``."""

    cls: Global
    arguments: tuple[Any, ...] | None
    state: Table = field(default_factory=Table)
    given: list[Any] = field(default_factory=list)

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
    if function.path in _REBUILDERS and not _plain_class(arguments):
        raise TrickedError("hides the names of what it runs")
    return None


def _plain_class(arguments: Any) -> bool:
    return isinstance(arguments, tuple) and bool(arguments) and isinstance(arguments[0], Global)
