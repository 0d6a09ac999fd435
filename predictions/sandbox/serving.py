"""The confined half of a native server: opens the original estimator and answers until its input ends."""

from __future__ import annotations

import os
from typing import Any

from predictions.errors import DeskError
from predictions.ml.native import load_unit
from predictions.sandbox import wire
from predictions.sandbox.operations import provide_code, unit_files
from predictions.sandbox.orders import Orders
from predictions.signature.fields import Signature

COULD_NOT = "This version could not answer these values."


def serve(orders: Orders, payload: dict[str, Any]) -> None:
    """Answer frames from standard input on the events pipe. payload: as ``build``'s, and ``signature``."""
    with os.fdopen(os.dup(orders.events), "wb", buffering=0) as out, os.fdopen(os.dup(0), "rb") as asked:
        try:
            signature = Signature.from_document(payload["signature"])
            provide_code(orders, payload)
            runtime = load_unit(unit_files(orders, payload), signature, payload.get("order") or ())
        except Exception as error:
            _send(out, _failure(error))
            return
        _send(out, wire.answers([]))
        while True:
            rows = wire.read_rows(asked)
            if rows is None:
                return
            try:
                response = wire.answers(runtime.predict(rows))
            except Exception as error:
                response = _failure(error)
            _send(out, response)


def _send(out: Any, response: bytes) -> None:
    left = memoryview(response)
    while left:
        left = left[out.write(left) :]


def _failure(error: Exception) -> bytes:
    if isinstance(error, DeskError):
        return wire.failure(error.code, error.message)
    return wire.failure("model_failed", COULD_NOT)
