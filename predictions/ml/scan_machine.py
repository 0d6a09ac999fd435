"""A pickle machine that runs nothing: it follows every opcode with symbols in place of objects.

It keeps the stack, the mark stack and the memo exactly as ``pickle._Unpickler`` does (the one ``joblib.load`` uses), and
goes past the raw array bytes that joblib puts between opcodes. Whatever it cannot follow with certainty is ``NotRead``
or a trick, so a stream that means something else to the real machine is refused, never guessed at. Time and memory
are counted: opcodes with the work they cause, and objects with what they weigh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from predictions.ml.scan_streams import CutError, Reader
from predictions.ml.scan_symbols import OPAQUE, REBUILDERS, Global, Symbol, TrickedError, judge_call, rebuilt

OPCODE_LIMIT = 5_000_000
"""A vocabulary of a million words takes four million; a thousand trees take a tenth of one."""
WEIGHT_LIMIT = 768 << 20
"""Bytes that the symbols of one file may take, by a generous estimate; real files take under a tenth of that."""
HELD_LIMIT = 48 << 20
"""Bytes of array and booster content that are kept to be read."""
GLOBALS_LIMIT = 5000
VERSIONS_LIMIT = 64
MEMO_WEIGHT = 120
SYMBOL_WEIGHT = 400
MARK: Final = object()


class NotReadError(Exception):
    """The bytes are not a pickle, or not one that means a single thing."""


class TooMuchError(NotReadError):
    """The stream has more steps or objects than any real model."""


Reading = Callable[["Machine"], Any]
Handling = Callable[["Machine", Any], None]
Steps = Mapping[bytes, tuple["Reading | None", "Handling"]]
"""For each opcode what reads its argument, and what it does."""


@dataclass(slots=True)
class Findings:
    """What one stream names. ``globals`` in order of first sight; ``root`` is the symbol of the outermost object."""

    protocol: int = 0
    globals: dict[Global, None] = field(default_factory=dict)
    tricks: list[str] = field(default_factory=list)
    sklearn_versions: dict[str, None] = field(default_factory=dict)
    arrays: int = 0
    opcodes: int = 0
    weight: int = 0
    held: int = 0
    python2: bool = False
    top: str = ""
    root: Any = OPAQUE

    def work(self, steps: int) -> None:
        """Count work beyond one step. Raises TooMuchError past the limit."""
        self.opcodes += steps
        if self.opcodes > OPCODE_LIMIT:
            raise TooMuchError

    def weigh(self, size: int) -> None:
        """Count memory that stays. Raises TooMuchError past the limit."""
        self.weight += size
        if self.weight > WEIGHT_LIMIT:
            raise TooMuchError

    def note_version(self, text: str) -> None:
        """One part's scikit-learn version."""
        if len(self.sklearn_versions) < VERSIONS_LIMIT:
            self.sklearn_versions[text[:40]] = None


class Machine:
    """Walks one pickle (and the pickles nested in joblib's object arrays) from ``reader``."""

    def __init__(self, reader: Reader, findings: Findings, steps: Steps, *, nested: bool = False) -> None:
        self.reader = reader
        self.findings = findings
        self.steps = steps
        self.nested = nested
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.frame_end = 0
        self.protocol = 0

    def run(self) -> Any:
        """The symbol left at STOP. Raises NotReadError or CutError."""
        try:
            return self._follow()
        except (IndexError, KeyError) as error:
            raise NotReadError from error
        except (ValueError, OverflowError) as error:
            if not self.reader.at_end():
                raise NotReadError from error
            raise CutError from error

    def _follow(self) -> Any:
        """One step per opcode. IndexError, KeyError and ValueError stand for a stream that makes no sense."""
        read, findings, steps = self.reader.read, self.findings, self.steps
        while True:
            code = read(1)
            if not code:
                raise CutError
            findings.opcodes += 1
            if findings.opcodes > OPCODE_LIMIT:
                raise TooMuchError
            if code == b".":
                return self._stop()
            reading, handling = steps[code]
            handling(self, None if reading is None else reading(self))

    def exactly(self, size: int) -> bytes:
        """The next ``size`` bytes. Raises CutError when there are fewer."""
        data = self.reader.read(size)
        if len(data) < size:
            raise CutError
        return data

    def _stop(self) -> Any:
        if self.reader.tell() < self.frame_end:
            raise NotReadError
        return self.top() if self.stack else OPAQUE

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

    def remember(self, place: int) -> None:
        """Put the top of the stack into the memo."""
        self.findings.weigh(MEMO_WEIGHT)
        self.memo[place] = self.top()

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
        self.note(found)
        self.stack.append(found)

    def note(self, found: Global) -> None:
        """Add to the names the file asks for."""
        self.findings.globals[found] = None
        if len(self.findings.globals) > GLOBALS_LIMIT:
            raise TooMuchError

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
        if hidden is not None:
            self.note(hidden)
            return hidden
        return self.made(function, arguments)

    def made(self, cls: Global, arguments: Any) -> Symbol:
        """A symbol on the books."""
        self.findings.weigh(SYMBOL_WEIGHT)
        if cls.path in REBUILDERS and isinstance(arguments, tuple) and isinstance(arguments[0], Global):
            return rebuilt(cls, arguments)
        return Symbol(cls, arguments if isinstance(arguments, tuple) else None)
