"""The confined half's side of ``frames``, in what every environment has: msgpack, and nothing newer than Python 3.7."""

from __future__ import annotations

from typing import Any, BinaryIO

import msgpack

LENGTH = 4


def read_rows(stream: BinaryIO) -> list[list[Any]] | None:
    """The rows of the next request, None when the stream has ended."""
    head = stream.read(LENGTH)
    if len(head) < LENGTH:
        return None
    body = stream.read(int.from_bytes(head, "big"))
    rows: list[list[Any]] = msgpack.unpackb(body, raw=False, strict_map_key=False)["rows"]
    return rows


def answers(raws: list[Any]) -> bytes:
    """A response with these RawAnswers."""
    packed = [
        {
            "class_index": raw.class_index,
            "probabilities": raw.probabilities,
            "value": raw.value,
            "outputs": None if raw.outputs is None else dict(raw.outputs),
        }
        for raw in raws
    ]
    return _frame({"answers": packed})


def failure(code: str, message: str) -> bytes:
    """A response that says why there are no answers."""
    return _frame({"code": code, "message": message})


def _frame(response: dict[str, Any]) -> bytes:
    body: bytes = msgpack.packb(response, use_bin_type=True)
    return len(body).to_bytes(LENGTH, "big") + body
