"""The confined half of a native server: opens the original estimator and answers until its input ends."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from predictions.errors import DeskError
from predictions.ml.native import load_native
from predictions.sandbox import frames
from predictions.sandbox.orders import Orders
from predictions.signature.fields import Signature
from predictions.values import RawAnswer


def serve(orders: Orders, payload: dict[str, Any]) -> None:
    """Answer frames from standard input on the events pipe. payload: ``file_format``, ``signature``."""
    with os.fdopen(os.dup(orders.events), "wb", buffering=0) as out, os.fdopen(os.dup(0), "rb") as asked:
        try:
            signature = Signature.from_document(payload["signature"])
            runtime = load_native(orders.scratch / "in" / "source", payload["file_format"], signature)
        except Exception as error:
            _send(out, _failure(error))
            return
        _send(out, frames.Response(answers=[]))
        while request := _next(asked):
            try:
                answers = [_answer(raw) for raw in runtime.predict(request.rows)]
                response = frames.Response(answers=answers)
            except Exception as error:
                response = _failure(error)
            _send(out, response)


def _next(stream: BinaryIO) -> frames.Request | None:
    head = stream.read(frames.LENGTH)
    if len(head) < frames.LENGTH:
        return None
    return frames.requests.decode(stream.read(int.from_bytes(head, "big")))


def _send(out: Any, response: frames.Response) -> None:
    left = memoryview(frames.pack(response))
    while left:
        left = left[out.write(left) :]


def _answer(raw: RawAnswer) -> frames.Answer:
    outputs = dict(raw.outputs) if raw.outputs is not None else None
    return frames.Answer(raw.class_index, raw.probabilities, raw.value, outputs)


def _failure(error: Exception) -> frames.Response:
    if isinstance(error, DeskError):
        return frames.Response(code=error.code, message=error.message)
    return frames.Response(code="model_failed", message="This version could not answer these values.")
