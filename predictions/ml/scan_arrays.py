"""How many raw bytes follow a joblib array place-holder."""

from __future__ import annotations

import math
import re
from typing import Any

from predictions.ml.scan_symbols import Global, Symbol, Table

BYTES_LIMIT = 1 << 40
_CODE = re.compile(r"[<>=|]?([?bBhHiIlLqQefdgFDGbiufcmMOSUV])(\d*)")
_SIZES = dict(
    zip("?bBhHiIlLqQefdgFDG", (1, 1, 1, 2, 2, 4, 4, 8, 8, 8, 8, 2, 4, 8, 16, 8, 16, 32), strict=True)
)
_HAS_OBJECT = 1


def array_bytes(state: Table) -> tuple[int | None, bool]:
    """Bytes of the array and whether a padding length stands before them; None when a nested pickle follows.

    Source: ``NumpyArrayWrapper.read_array`` of joblib 0.10 to 1.6. Raises ValueError when the state does not tell.
    """
    shape = state.items.get("shape")
    dtype = state.items.get("dtype")
    if not state.complete or not isinstance(shape, tuple) or not isinstance(dtype, Symbol):
        raise ValueError("incomplete array")
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError("odd shape")
    width, has_object = _item(dtype)
    if has_object:
        return None, False
    total = math.prod(shape) * width
    if total > BYTES_LIMIT:
        raise ValueError("larger than any file")
    return total, state.items.get("numpy_array_alignment_bytes") is not None


def _item(dtype: Symbol) -> tuple[int, bool]:
    """Bytes of one element and whether it holds Python objects."""
    if (
        dtype.cls != Global("numpy", "dtype")
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
    has_object = [_checked(state, width) for state in dtype.given]
    return width, any(has_object)


def _checked(state: Any, width: int) -> bool:
    """Whether a dtype's own state agrees with its code, and says that objects are inside.

    The state is (version, byte order, subarray, names, fields, size, alignment, flags[, metadata]): numpy's
    ``arraydescr_reduce``.
    """
    if not isinstance(state, tuple) or len(state) < 8 or state[2] is not None or state[5] not in (-1, width):
        raise ValueError("odd dtype")
    inside = _fields_hold_objects(state[4])
    if not isinstance(state[7], int) or bool(state[7] & _HAS_OBJECT) != inside:
        raise ValueError("odd dtype")
    return inside


def _fields_hold_objects(fields: Any) -> bool:
    if fields is None:
        return False
    if not isinstance(fields, Table) or not fields.complete:
        raise ValueError("odd fields")
    inside = [_item(part[0])[1] for part in fields.items.values() if isinstance(part, tuple) and part]
    if len(inside) != len(fields.items):
        raise ValueError("odd fields")
    return any(inside)
