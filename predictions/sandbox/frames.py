"""Messages between a native server and its caller: four bytes of length, then MessagePack. Data only."""

from __future__ import annotations

from typing import Any

import msgspec

from predictions.values import RawAnswer

LENGTH = 4
MAX_RESPONSE = 256 << 20
MAX_READY = 1 << 16


class Request(msgspec.Struct, frozen=True):
    """Rows in signature order."""

    rows: list[list[Any]]


class Answer(msgspec.Struct, frozen=True):
    """One RawAnswer on its way; ``outputs`` only for graphs without classes or value."""

    class_index: int | None = None
    probabilities: tuple[float, ...] | None = None
    value: float | list[float] | None = None
    outputs: dict[str, Any] | None = None

    def to_raw(self) -> RawAnswer:
        return RawAnswer(self.class_index, self.probabilities, self.value, self.outputs)


class Response(msgspec.Struct, frozen=True):
    """Answers, or an error with a code and a message. The first response of a server says that it is ready."""

    answers: list[Answer] | None = None
    code: str = ""
    message: str = ""


_encoder = msgspec.msgpack.Encoder()
requests = msgspec.msgpack.Decoder(Request)
responses = msgspec.msgpack.Decoder(Response)


def pack(message: Request | Response) -> bytes:
    """The bytes of one message with its length before it."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH, "big") + body
