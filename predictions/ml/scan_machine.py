"""A pickle machine that runs nothing: it follows every opcode with symbols in place of objects.

It keeps the stack, the mark stack and the memo exactly as ``pickle._Unpickler`` does (the one ``joblib.load`` uses), and
goes past the raw array bytes that joblib puts between opcodes. Whatever it cannot follow with certainty is ``NotRead``
or a trick, so a stream that means something else to the real machine is refused, never guessed at.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from predictions.ml.scan_streams import CutError, Reader
from predictions.ml.scan_symbols import OPAQUE, Global, Symbol, TrickedError, judge_call

KEPT_TEXT = 1 << 16
OPCODE_LIMIT = 40_000_000
DEPTH_LIMIT = 20
_OPCODES: Final = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
COUNTED: Final = {
    "SHORT_BINSTRING": 1,
    "SHORT_BINBYTES": 1,
    "SHORT_BINUNICODE": 1,
    "BINSTRING": 4,
    "BINBYTES": 4,
    "BINUNICODE": 4,
    "BINBYTES8": 8,
    "BINUNICODE8": 8,
    "BYTEARRAY8": 8,
}
MARK: Final = object()


class NotReadError(Exception):
    """The bytes are not a pickle, or not one that means a single thing."""


Handlers = Mapping[str, "Callable[[Machine, Any], None]"]
"""What each opcode does; those not listed push their argument."""


@dataclass(slots=True)
class Findings:
    """What one stream names. ``globals`` in order of first sight."""

    protocol: int = 0
    globals: dict[Global, None] = field(default_factory=dict)
    tricks: list[str] = field(default_factory=list)
    sklearn_versions: dict[str, None] = field(default_factory=dict)
    arrays: int = 0
    opcodes: int = 0
    top: str = ""


class Machine:
    """Walks one pickle (and the pickles nested in joblib's object arrays) from ``reader``."""

    def __init__(self, reader: Reader, findings: Findings, handlers: Handlers, depth: int = 0) -> None:
        self.reader = reader
        self.findings = findings
        self.handlers = handlers
        self.depth = depth
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.frame_end = 0
        self.protocol = 0

    def run(self) -> Any:
        """The symbol left at STOP. Raises NotReadError or CutError."""
        read = self.reader.read
        while True:
            code = read(1)
            if not code:
                raise CutError
            self.findings.opcodes += 1
            if self.findings.opcodes > OPCODE_LIMIT:
                raise NotReadError
            if code == b".":
                return self._stop()
            opcode = _OPCODES.get(code)
            if opcode is None:
                raise NotReadError
            self._step(opcode.name, self._argument(opcode))

    def _step(self, name: str, argument: Any) -> None:
        try:
            handler = self.handlers.get(name)
            if handler is None:
                self.stack.append(argument if isinstance(argument, str | int) else OPAQUE)
            else:
                handler(self, argument)
        except (IndexError, KeyError) as error:
            raise NotReadError from error

    def _argument(self, opcode: pickletools.OpcodeInfo) -> Any:
        if opcode.arg is None:
            return None
        width = COUNTED.get(opcode.name)
        try:
            if width is None:
                return opcode.arg.reader(self.reader)  # type: ignore[arg-type]
            return self._counted(opcode.name, int.from_bytes(self.exactly(width), "little"))
        except (ValueError, UnicodeError, OverflowError) as error:
            if not self.reader.at_end():
                raise NotReadError from error
            raise CutError from error

    def _counted(self, name: str, length: int) -> Any:
        if length > KEPT_TEXT:
            self.reader.skip(length)
            return OPAQUE
        data = self.exactly(length)
        if name.endswith("UNICODE") or name == "BINUNICODE8":
            return data.decode("utf-8", "surrogatepass")
        return data.decode("ascii") if name.endswith("STRING") and data.isascii() else OPAQUE

    def exactly(self, size: int) -> bytes:
        data = self.reader.read(size)
        if len(data) < size:
            raise CutError
        return data

    def _stop(self) -> Any:
        if self.reader.tell() < self.frame_end:
            raise NotReadError
        return self.stack[-1] if self.stack else OPAQUE

    def pop_mark(self) -> list[Any]:
        """The items above the last mark, which goes too."""
        place = len(self.stack) - 1
        while self.stack[place] is not MARK:
            place -= 1
            if place < 0:
                raise NotReadError
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def pop(self) -> Any:
        """The top of the stack; a mark there is not a value."""
        top = self.stack.pop()
        if top is MARK:
            raise NotReadError
        return top

    def top(self) -> Any:
        """The top of the stack, left there."""
        if self.stack[-1] is MARK:
            raise NotReadError
        return self.stack[-1]

    def trick(self, what: str) -> None:
        """Remember something that no saved estimator does."""
        if what not in self.findings.tricks:
            self.findings.tricks.append(what)

    def name(self, module: Any, name: Any) -> None:
        """Push the global that two strings name."""
        if not (isinstance(module, str) and isinstance(name, str)):
            self.trick("hides the names of what it runs")
            self.stack.append(OPAQUE)
            return
        found = Global(module, name).mapped(self.protocol)
        self.findings.globals[found] = None
        self.stack.append(found)

    def keep(self, items: list[Any]) -> list[Any]:
        """Items that go into a container: a joblib array class hidden there could desynchronise the reading."""
        for item in items:
            if isinstance(item, Global) and item.is_array_class:
                raise NotReadError
        return items

    def call(self, function: Any, arguments: Any) -> Any:
        """What REDUCE, OBJ, INST and NEWOBJ leave."""
        if not isinstance(function, Global) or function.is_array_class:
            self.trick("runs what it builds itself")
            return OPAQUE
        try:
            hidden = judge_call(function, arguments)
        except TrickedError as error:
            self.trick(str(error))
            return OPAQUE
        if hidden is None:
            return Symbol(function, arguments if isinstance(arguments, tuple) else None)
        self.findings.globals[hidden] = None
        return hidden
