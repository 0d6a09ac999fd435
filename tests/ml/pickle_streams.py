"""Makes pickle streams of valid opcodes in an order no program would write, and damages real files, for fuzzing the scan."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import pickletools
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

import lz4.frame
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.ml.uploads import joblib_bytes, onnx_bytes

CODES = {opcode.name: opcode.code.encode("latin-1") for opcode in pickletools.opcodes}
GLOBALS = [
    ("os", "system"),
    ("builtins", "eval"),
    ("builtins", "getattr"),
    ("builtins", "bytearray"),
    ("builtins", "list"),
    ("builtins", "slice"),
    ("copyreg", "_reconstructor"),
    ("copyreg", "__newobj__"),
    ("collections", "OrderedDict"),
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core", "_ufunc_reconstruct"),
    ("joblib.numpy_pickle", "NumpyArrayWrapper"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("sklearn.pipeline", "Pipeline"),
    ("sklearn.compose._column_transformer", "ColumnTransformer"),
    ("sklearn.preprocessing._data", "StandardScaler"),
    ("sklearn.preprocessing._encoders", "OneHotEncoder"),
    ("sklearn.ensemble._forest", "RandomForestClassifier"),
    ("sklearn.tree._tree", "Tree"),
    ("xgboost.core", "Booster"),
]
TEXTS = [
    "steps",
    "transformers_",
    "estimators_",
    "feature_names_in_",
    "n_features_in_",
    "categories_",
    "classes_",
    "mean_",
    "shape",
    "dtype",
    "order",
    "handle",
    "data",
    "f8",
    "O8",
    "V16",
    "U3",
    "<",
    "_sklearn_version",
    "1.5.2",
    "_parse_arg_template",
    "touch canary",
    "numpy_array_alignment_bytes",
]
_SIMPLE = (  # noqa: SIM905
    "NONE NEWTRUE NEWFALSE EMPTY_LIST EMPTY_DICT EMPTY_SET EMPTY_TUPLE MARK MARK TUPLE TUPLE1 TUPLE2 TUPLE3 LIST DICT "
    "FROZENSET APPEND APPENDS SETITEM SETITEMS ADDITEMS POP POP_MARK DUP MEMOIZE STACK_GLOBAL REDUCE REDUCE BUILD BUILD "
    "NEWOBJ NEWOBJ_EX OBJ BINPERSID NEXT_BUFFER"
).split(" ")


def stream(chance: random.Random) -> bytes:
    """A pickle of valid opcodes."""
    parts = [CODES["PROTO"] + bytes([chance.choice((2, 3, 4, 5))])]
    for _ in range(chance.randrange(60)):
        parts.append(chance.choice(_STEPS)(chance))
    return b"".join([*parts, b"."])


def _simple(chance: random.Random) -> bytes:
    return CODES[chance.choice(_SIMPLE)]


def _global(chance: random.Random) -> bytes:
    module, name = chance.choice(GLOBALS)
    if chance.random() < 0.5:
        return f"c{module}\n{name}\n".encode()
    return _short(module) + _short(name) + CODES["STACK_GLOBAL"]


def _short(text: str) -> bytes:
    return CODES["SHORT_BINUNICODE"] + bytes([len(text)]) + text.encode()


def _text(chance: random.Random) -> bytes:
    return _short(chance.choice(TEXTS))


def _number(chance: random.Random) -> bytes:
    kind = chance.randrange(5)
    if kind == 0:
        return b"K" + bytes([chance.randrange(256)])
    if kind == 1:
        return b"J" + struct.pack("<i", chance.choice((-1, 0, 3, 2**31 - 1)))
    if kind == 2:
        return b"G" + struct.pack(">d", chance.choice((0.5, float("nan"), float("inf"))))
    if kind == 3:
        return b"\x8a\x09" + bytes(8) + b"\x7f"
    return b"I" + str(chance.randrange(-5, 10**6)).encode() + b"\n"


def _memo(chance: random.Random) -> bytes:
    return chance.choice((b"q", b"h")) + bytes([chance.randrange(12)])


def _bytes(chance: random.Random) -> bytes:
    data = chance.randbytes(chance.choice((0, 1, 8, 16, 64)))
    return chance.choice(
        (
            b"C" + bytes([len(data)]) + data,
            b"B" + struct.pack("<I", len(data)) + data,
            b"\x96" + struct.pack("<Q", len(data)) + data,
            b"U" + bytes([len(data)]) + data,
        )
    )


def _lie(chance: random.Random) -> bytes:
    """A length that is not there, or a frame that is none."""
    return chance.choice(
        (
            b"\x95" + struct.pack("<Q", chance.randrange(80)),
            b"B" + struct.pack("<I", 2**32 - 1),
            b"\x8b\xff\xff\xff\x7f",
        )
    )


def _array(chance: random.Random) -> bytes:
    """joblib's place-holder with some state, and raw bytes behind it."""
    width = chance.choice((1, 4, 8))
    return (
        b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
        + _short("shape")
        + b"K"
        + bytes([chance.randrange(4)])
        + b"\x85"
        + _short("dtype")
        + b"cnumpy\ndtype\n"
        + _short(chance.choice(("f8", "i4", "u1", "O8", "U2")))
        + b"\x89\x88\x87Rub"
        + bytes(width * chance.randrange(4))
    )


_STEPS: list[Callable[[random.Random], bytes]] = [
    *[_simple] * 6,
    *[_global] * 2,
    *[_text] * 3,
    _number,
    *[_memo] * 2,
    _bytes,
    _array,
    _lie,
]


def damaged(chance: random.Random) -> bytes:
    """A real file with bytes changed, moved, doubled or left out."""
    data = bytearray(chance.choice(seeds()))
    for _ in range(chance.randrange(1, 6)):
        place, length = chance.randrange(len(data)), chance.choice((1, 1, 2, 8, 64))
        piece = data[place : place + length]
        change = chance.randrange(4)
        if change == 0:
            data[place : place + length] = chance.randbytes(len(piece))
        elif change == 1:
            del data[place : place + length]
        elif change == 2:
            data[place:place] = piece * chance.choice((1, 2, 50))
        else:
            other = chance.randrange(len(data))
            data[other : other + length] = piece
        if not data:
            data = bytearray(b".")
    return bytes(data)


_PACKERS: list[Callable[[bytes], bytes]] = [
    zlib.compress,
    gzip.compress,
    bz2.compress,
    lzma.compress,
    lz4.frame.compress,
]


def nested(chance: random.Random) -> bytes:
    """A real or a random stream, compressed several times over, perhaps cut."""
    data = chance.choice((stream, damaged))(chance)
    for _ in range(chance.randrange(1, 4)):
        data = chance.choice(_PACKERS)(data)
        if chance.random() < 0.2:
            data = data[: chance.randrange(1, len(data) + 1)]
    return data


def hidden_command(chance: random.Random) -> bytes:
    """A real file with a command that leaves a file behind, were it opened."""
    command = b"cos\nsystem\n" + _short("touch canary") + b"\x85R0"
    data = chance.choice([seed for seed in seeds() if seed[:1] == b"\x80"])
    return data[:2] + command + data[2:]


@cache
def seeds() -> list[bytes]:
    """Small real files in every format."""
    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": ["x", "y", "x", "y"]})
    columns = ColumnTransformer([("w", OneHotEncoder(), ["b"]), ("n", StandardScaler(), ["a"])])
    line = make_pipeline(columns, LinearRegression()).fit(rows, [1, 2, 3, 4])
    forest = RandomForestClassifier(2, max_depth=2, random_state=0).fit(rows[["a"]], [0, 1, 0, 1])
    bundle = {"model": forest, "line": LogisticRegression(), "columns": rows.columns, "x": np.arange(3.0)}
    return [
        *(pickle.dumps(line, protocol) for protocol in (0, 2, 4, 5)),
        joblib_bytes(line),
        joblib_bytes(bundle),
        joblib_bytes(np.array(["a", None], dtype=object)),
        onnx_bytes(),
    ]
