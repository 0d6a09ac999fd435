"""What went in and came out of many cases asked together, kept as one compressed piece."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import zstandard
from django.db import models

from predictions.values import Value

COMPRESSION_LEVEL = 1
_MSGPACK, _JSON = b"\x01", b"\x02"

_per_thread = threading.local()
_encode = msgspec.msgpack.Encoder().encode
_encode_json = msgspec.json.Encoder().encode


class Cases(NamedTuple):
    """The content of a block: values and outputs by position; warnings only where there are any."""

    inputs: list[list[Value]]
    outputs: list[dict[str, Any]]
    warnings: dict[int, list[dict[str, str]]]

    def case(self, position: int) -> tuple[list[Value], dict[str, Any], list[dict[str, str]]]:
        """Inputs, outputs and warnings of one case. Raises IndexError."""
        return self.inputs[position], self.outputs[position], self.warnings.get(position, [])


class PredictionBlock(models.Model):
    """Inputs, outputs and warnings of the cases of one ask. Each case has its own ``Prediction`` row beside it.

    ``id`` is the ask's first id: the case at ``position`` has the id ``id + position``. Read it with ``cases``.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    rows = models.IntegerField()
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.id} ({self.rows})"

    def cases(self) -> Cases:
        """The content, decoded anew at each call."""
        return unpacked(self.content)


def packed(
    inputs: Sequence[Sequence[Value]],
    outputs: Sequence[Mapping[str, Any]],
    warnings: Mapping[int, Sequence[Mapping[str, str]]],
) -> bytes:
    """A block's content: one byte that says how it is written, then Zstandard. MessagePack keeps every float as it is.

    Raises UnicodeEncodeError for texts that are no Unicode.
    """
    content = (inputs, outputs, list(warnings.items()))
    try:
        kind, plain = _MSGPACK, _encode(content)
    except OverflowError:
        # MessagePack ends at 64 bits, Python and JSON do not.
        kind, plain = _JSON, _encode_json(content)
    return kind + _compressor().compress(plain)


def unpacked(content: bytes | memoryview) -> Cases:
    """What ``packed`` was given. Raises ValueError or zstandard.ZstdError for anything else."""
    # The driver's memoryview is not equal to bytes that hold the same.
    kind = bytes(content[:1])
    plain = _decompressor().decompress(content[1:])
    decode = msgspec.json.decode if kind == _JSON else msgspec.msgpack.decode
    inputs, outputs, warnings = decode(plain)
    return Cases(inputs, outputs, dict(warnings))


def _compressor() -> zstandard.ZstdCompressor:
    # One may serve one thread at a time only, and making one costs more than compressing a small block.
    found: zstandard.ZstdCompressor | None = getattr(_per_thread, "compressor", None)
    if found is None:
        found = _per_thread.compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    found: zstandard.ZstdDecompressor | None = getattr(_per_thread, "decompressor", None)
    if found is None:
        found = _per_thread.decompressor = zstandard.ZstdDecompressor()
    return found
