"""Reads the arguments of pickle opcodes: numbers and short texts as they are, long ones only at their ends."""

from __future__ import annotations

import codecs
import pickletools
import struct
from typing import Any, Final

from predictions.ml.scan_machine import HELD_LIMIT, Machine, Reading
from predictions.ml.scan_symbols import OPAQUE, Blob

KEPT_TEXT = 1 << 16
KEPT_BYTES = 1 << 18
END = 1 << 16
"""How much of each end of longer bytes is kept: a booster names its version and features there."""
KEPT_INTEGER = 1 << 10
_TEXT_WEIGHT = 80


def _byte(machine: Machine) -> int:
    return machine.exactly(1)[0]


def _unsigned(width: int) -> Reading:
    def read(machine: Machine) -> int:
        return int.from_bytes(machine.exactly(width), "little")

    return read


def _signed(machine: Machine) -> int:
    return int.from_bytes(machine.exactly(4), "little", signed=True)


def _double(machine: Machine) -> Any:
    return struct.unpack(">d", machine.exactly(8))[0]


def _long(width: int) -> Reading:
    def read(machine: Machine) -> Any:
        length = int.from_bytes(machine.exactly(width), "little", signed=width == 4)
        if length < 0:
            raise ValueError("negative length")
        if length > KEPT_INTEGER:
            machine.reader.skip(length)
            return OPAQUE
        return int.from_bytes(machine.exactly(length), "little", signed=True)

    return read


def _text(machine: Machine, data: bytes) -> Any:
    if len(data) > KEPT_TEXT:
        return _ends(machine, len(data), data[:END], data[-END:])
    machine.findings.weigh(len(data) + _TEXT_WEIGHT)
    return data.decode("utf-8", "surrogatepass")


def _short_unicode(machine: Machine) -> str:
    data = machine.exactly(machine.exactly(1)[0])
    machine.findings.weight += _TEXT_WEIGHT
    return data.decode("utf-8", "surrogatepass")


def _unicode(width: int) -> Reading:
    def read(machine: Machine) -> Any:
        length = int.from_bytes(machine.exactly(width), "little")
        if length > KEPT_TEXT:
            return _long_blob(machine, length)
        return _text(machine, machine.exactly(length))

    return read


def _binary(width: int, *, python2: bool = False) -> Reading:
    def read(machine: Machine) -> Any:
        length = int.from_bytes(machine.exactly(width), "little", signed=python2 and width == 4)
        if length < 0:
            raise ValueError("negative length")
        if python2:
            machine.findings.python2 = True
        if length > KEPT_BYTES:
            return _long_blob(machine, length)
        data = machine.exactly(length)
        if python2 and length <= KEPT_TEXT and data.isascii():
            machine.findings.weigh(length + _TEXT_WEIGHT)
            return data.decode("ascii")
        return _whole(machine, data)

    return read


def _whole(machine: Machine, data: bytes) -> Blob:
    machine.findings.weigh(_TEXT_WEIGHT)
    if machine.findings.held + len(data) > HELD_LIMIT:
        return Blob(len(data))
    machine.findings.held += len(data)
    return Blob(len(data), data)


def _long_blob(machine: Machine, length: int) -> Blob:
    head = machine.exactly(END)
    machine.reader.skip(length - 2 * END if length > 2 * END else 0)
    tail = machine.exactly(min(END, length - END))
    return _ends(machine, length, head, tail)


def _ends(machine: Machine, length: int, head: bytes, tail: bytes) -> Blob:
    machine.findings.weigh(_TEXT_WEIGHT)
    if machine.findings.held + len(head) + len(tail) > HELD_LIMIT:
        return Blob(length)
    machine.findings.held += len(head) + len(tail)
    return Blob(length, None, head, tail)


def _string_line(machine: Machine) -> Any:
    """Python 2's quoted string; ``pickletools.read_stringnl`` without its refusal of bytes beyond ASCII."""
    line = _line(machine).strip()
    if len(line) < 2 or line[0] != line[-1] or line[:1] not in b"'\"":
        raise ValueError("no quotes")
    machine.findings.python2 = True
    try:
        data = codecs.escape_decode(line[1:-1])[0]
    except DeprecationWarning as error:
        raise ValueError("odd escape") from error
    if data.isascii():
        return _text(machine, data)
    return (
        _whole(machine, data)
        if len(data) <= KEPT_BYTES
        else _ends(machine, len(data), data[:END], data[-END:])
    )


def _unicode_line(machine: Machine) -> Any:
    line = _line(machine)
    if len(line) > KEPT_TEXT:
        return _ends(machine, len(line), line[:END], line[-END:])
    return _text(machine, line.decode("raw-unicode-escape").encode("utf-8", "surrogatepass"))


def _line(machine: Machine) -> bytes:
    line = machine.reader.readline()
    if not line.endswith(b"\n"):
        raise ValueError("no newline")
    return line[:-1]


def _names(machine: Machine) -> tuple[str, str]:
    """Module and name on two lines, as ``pickle`` reads them: pickletools would take escapes in them for letters."""
    return _line(machine).decode("utf-8"), _line(machine).decode("utf-8")


def _by_pickletools(name: str) -> Reading:
    found = next(opcode for opcode in pickletools.opcodes if opcode.name == name)
    if found.arg is None:
        raise LookupError(name)
    reader = found.arg.reader
    return lambda machine: reader(machine.reader)  # type: ignore[arg-type]


READINGS: Final[dict[str, Reading]] = {
    "INT": _by_pickletools("INT"),
    "BININT": _signed,
    "BININT1": _byte,
    "BININT2": _unsigned(2),
    "LONG": _by_pickletools("LONG"),
    "LONG1": _long(1),
    "LONG4": _long(4),
    "STRING": _string_line,
    "BINSTRING": _binary(4, python2=True),
    "SHORT_BINSTRING": _binary(1, python2=True),
    "BINBYTES": _binary(4),
    "SHORT_BINBYTES": _binary(1),
    "BINBYTES8": _binary(8),
    "BYTEARRAY8": _binary(8),
    "UNICODE": _unicode_line,
    "SHORT_BINUNICODE": _short_unicode,
    "BINUNICODE": _unicode(4),
    "BINUNICODE8": _unicode(8),
    "FLOAT": _by_pickletools("FLOAT"),
    "BINFLOAT": _double,
    "GET": _by_pickletools("GET"),
    "BINGET": _byte,
    "LONG_BINGET": _unsigned(4),
    "PUT": _by_pickletools("PUT"),
    "BINPUT": _byte,
    "LONG_BINPUT": _unsigned(4),
    "EXT1": _byte,
    "EXT2": _unsigned(2),
    "EXT4": _signed,
    "GLOBAL": _names,
    "INST": _names,
    "PROTO": _byte,
    "FRAME": _unsigned(8),
    "PERSID": _line,
}
