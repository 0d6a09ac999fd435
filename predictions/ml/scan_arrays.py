"""Arrays in a file: how many raw bytes follow a joblib place-holder, and which are small enough to be kept and read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from predictions.ml.scan_machine import HELD_LIMIT, Findings
from predictions.ml.scan_symbols import Array, Blob, Global, Listing, Symbol, Table

BYTES_LIMIT = 1 << 40
DIMENSIONS_LIMIT = 64
KEPT_ELEMENTS = 4096
KEPT_BYTES = 1 << 18
_CODE = re.compile(r"[<>=|]?([?bBhHiIlLqQefdgFDGbiufcmMOSUV])(\d*)")
_SIZES = dict(
    zip("?bBhHiIlLqQefdgFDG", (1, 1, 1, 2, 2, 4, 4, 8, 8, 8, 8, 2, 4, 8, 16, 8, 16, 32), strict=True)
)
_HAS_OBJECT = 1
_TYPE_WORK = 20


Working = Callable[[int], None]
"""Told of each type looked at; raises when a file asks for too many."""


def array_bytes(state: Table, work: Working) -> tuple[int | None, bool]:
    """Bytes of the array and whether a padding length stands before them; None when a nested pickle follows.

    Source: ``NumpyArrayWrapper.read_array`` of joblib 0.10 to 1.6. Raises ValueError when the state does not tell.
    """
    shape = state.items.get("shape")
    dtype = state.items.get("dtype")
    if not state.complete or not isinstance(shape, tuple) or not isinstance(dtype, Symbol):
        raise ValueError("incomplete array")
    if not _is_shape(shape):
        raise ValueError("odd shape")
    width, has_object = _item(dtype, work)
    if has_object:
        return None, False
    total = math.prod(shape) * width
    if total > BYTES_LIMIT:
        raise ValueError("larger than any file")
    return total, state.items.get("numpy_array_alignment_bytes") is not None


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, tuple)
        and len(shape) <= DIMENSIONS_LIMIT
        and all(type(length) is int and 0 <= length <= BYTES_LIMIT for length in shape)
    )


def array_from(findings: Findings, state: Table, size: int) -> tuple[Array, bool]:
    """The array of a place-holder, and whether its ``size`` raw bytes are to be kept."""
    shape, dtype = state.items["shape"], state.items["dtype"]
    array = Array(code_of(dtype), shape, state.items.get("order") == "F")
    kept = _is_wanted(array) and size <= KEPT_BYTES and findings.held + size <= HELD_LIMIT
    if kept:
        findings.held += size
    return array, kept


def _is_wanted(array: Array) -> bool:
    """Statistics, names and choices have one or two dimensions; the nodes of trees have fields."""
    return len(array.shape) <= 2 and "V" not in array.code and math.prod(array.shape) <= KEPT_ELEMENTS


def code_of(dtype: Any) -> str:
    """Byte order and code of an element as numpy writes them ("<f8", "|b1"), empty when the symbol is no dtype."""
    if not (isinstance(dtype, Symbol) and dtype.cls == Global("numpy", "dtype") and dtype.arguments):
        return ""
    code = dtype.arguments[0]
    if not isinstance(code, str) or len(code) > 16:
        return ""
    state = dtype.given[-1] if dtype.given else None
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
    return (order if isinstance(order, str) and order in ("<", ">", "=", "|") else "|") + code.lstrip("<>=|")


def settle(findings: Findings, symbol: Symbol) -> None:
    """Make an array of what rebuilds one in a plain pickle, once shape and content are there; let go of large content.

    Content: ``_reconstruct`` brings it by BUILD (numpy's ``array_reduce``), ``_frombuffer`` at once (protocol 5).
    """
    if symbol.cls.name not in ("_reconstruct", "_frombuffer") or symbol.cls.top != "numpy":
        return
    parts = _from_state(symbol) if symbol.cls.name == "_reconstruct" else _from_buffer(symbol)
    if parts is None:
        return
    dtype, shape, fortran, content = parts
    array = Array(code_of(dtype), shape, fortran)
    if isinstance(content, Listing):
        array.items = content.items
    elif _is_wanted(array):
        array.raw = bytes_of(content)
    elif isinstance(content, Blob):
        findings.held -= content.drop()
    symbol.array = array


_Parts = tuple[Any, tuple[int, ...], bool, Any]


def _from_state(symbol: Symbol) -> _Parts | None:
    state = symbol.given[-1] if symbol.given else None
    if not isinstance(state, tuple) or len(state) not in (4, 5):
        return None
    shape, dtype, fortran, content = state[-4:]
    return (dtype, shape, fortran is True or fortran == 1, content) if _is_shape(shape) else None


def _from_buffer(symbol: Symbol) -> _Parts | None:
    if symbol.arguments is None or len(symbol.arguments) != 4:
        return None
    content, dtype, shape, order = symbol.arguments
    return (dtype, shape, order == "F", content) if _is_shape(shape) else None


def bytes_of(content: Any) -> bytes | None:
    """Bytes as any protocol writes them, None when they were not kept or are none."""
    if isinstance(content, Blob):
        return content.data
    if isinstance(content, str):
        return content.encode("latin-1") if content.isascii() else None
    if isinstance(content, Symbol) and content.arguments is not None:
        return _encoded(content)
    return None


def _encoded(symbol: Symbol) -> bytes | None:
    """``_codecs.encode(text, "latin1")`` is how protocols 0 to 2 write bytes; ``bytearray(…)`` wraps others."""
    arguments = symbol.arguments or ()
    if symbol.cls == Global("_codecs", "encode") and len(arguments) == 2 and isinstance(arguments[0], str):
        try:
            return arguments[0].encode("latin-1")
        except UnicodeEncodeError:
            return None
    if symbol.cls in _BYTES and len(arguments) == 1 and not isinstance(arguments[0], Symbol):
        return bytes_of(arguments[0])
    return b"" if symbol.cls in _BYTES and not arguments else None


_BYTES = (Global("builtins", "bytes"), Global("builtins", "bytearray"))


def _item(dtype: Any, work: Working) -> tuple[int, bool]:
    """Bytes of one element and whether it holds Python objects."""
    work(_TYPE_WORK)
    if (
        not isinstance(dtype, Symbol)
        or dtype.cls != Global("numpy", "dtype")
        or not dtype.arguments
        or not isinstance(dtype.arguments[0], str)
    ):
        raise ValueError("not a dtype")
    found = _CODE.fullmatch(dtype.arguments[0])
    if found is None:
        raise ValueError("unknown dtype")
    kind, digits = found.groups()
    if kind == "O":
        return 8, True
    width = int(digits) * (4 if kind == "U" else 1) if digits else _SIZES.get(kind, -1)
    if width < 0 or len(digits) > 9:
        raise ValueError("unknown dtype")
    has_object = [_checked(state, width, work) for state in dtype.given]
    return width, any(has_object)


def _checked(state: Any, width: int, work: Working) -> bool:
    """Whether a dtype's own state agrees with its code, and says that objects are inside.

    The state is (version, byte order, subarray, names, fields, size, alignment, flags[, metadata]): numpy's
    ``arraydescr_reduce``.
    """
    if not isinstance(state, tuple) or len(state) < 8 or state[2] is not None or state[5] not in (-1, width):
        raise ValueError("odd dtype")
    inside = _fields_hold_objects(state[4], work)
    if not isinstance(state[7], int) or bool(state[7] & _HAS_OBJECT) != inside:
        raise ValueError("odd dtype")
    return inside


def _fields_hold_objects(fields: Any, work: Working) -> bool:
    if fields is None:
        return False
    if not isinstance(fields, Table) or not fields.complete:
        raise ValueError("odd fields")
    inside = [_item(part[0], work)[1] for part in fields.items.values() if isinstance(part, tuple) and part]
    if len(inside) != len(fields.items):
        raise ValueError("odd fields")
    return any(inside)
