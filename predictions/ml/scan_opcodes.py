"""What each pickle opcode does to the machine that runs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from predictions.ml.scan_arrays import array_bytes
from predictions.ml.scan_machine import DEPTH_LIMIT, MARK, Findings, Machine, NotReadError
from predictions.ml.scan_streams import CutError, Reader
from predictions.ml.scan_symbols import OPAQUE, Global, Symbol, Table

VERSION_KEY = "_sklearn_version"
EXEC_TEMPLATE = "_parse_arg_template"
_NAMES = r"(?:[A-Za-z_]\w*, )*"
_SCALE_IN = r"loc=0(?:, scale=1)?"
_SCALE_OUT = r"loc, (?:scale|1)"
SCIPY_TEMPLATE = (
    rf"\ndef _parse_args\(self, {_NAMES} {_SCALE_IN}\):\n    return \({_NAMES}\), {_SCALE_OUT}\n"
    rf"\ndef _parse_args_rvs\(self, {_NAMES} {_SCALE_IN}, size=None\):\n"
    rf"    return self\._argcheck_rvs\({_NAMES} {_SCALE_OUT}, size=size\)\n"
    rf"\ndef _parse_args_stats\(self, {_NAMES} {_SCALE_IN}, moments='mv'\):\n"
    rf"    return \({_NAMES}\), {_SCALE_OUT}, moments\n"
)
"""``parse_arg_template`` of scipy/stats/_distn_infrastructure.py, filled in."""


def _mark(machine: Machine, _: Any) -> None:
    machine.stack.append(MARK)


def _pop(machine: Machine, _: Any) -> None:
    machine.stack.pop()


def _tuple(machine: Machine, _: Any) -> None:
    machine.stack.append(tuple(machine.keep(machine.pop_mark())))


def _short_tuple(size: int) -> Callable[[Machine, Any], None]:
    def make(machine: Machine, _: Any) -> None:
        items = [machine.pop() for _ in range(size)][::-1]
        machine.stack.append(tuple(machine.keep(items)))

    return make


def _sequence(machine: Machine, _: Any) -> None:
    machine.keep(machine.pop_mark())
    machine.stack.append(OPAQUE)


def _opaque(machine: Machine, _: Any) -> None:
    machine.stack.append(OPAQUE)


def _constant(value: Any) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.stack.append(value)


def _empty_dict(machine: Machine, _: Any) -> None:
    machine.stack.append(Table())


def _dict(machine: Machine, _: Any) -> None:
    items = machine.keep(machine.pop_mark())
    table = Table()
    machine.stack.append(table)
    _fill(machine, table, items)


def _fill(machine: Machine, target: Any, items: list[Any]) -> None:
    for key, value in zip(items[::2], items[1::2], strict=False):
        if key == VERSION_KEY and isinstance(value, str):
            machine.findings.sklearn_versions[value[:40]] = None
        if key == EXEC_TEMPLATE and not _is_scipy_template(value):
            machine.trick("carries Python text to run")
        if isinstance(target, Table):
            target.put(key, value)


def _is_scipy_template(text: Any) -> bool:
    """scipy.stats runs this text when a distribution is opened; only its own template may stand there."""
    return isinstance(text, str) and re.fullmatch(SCIPY_TEMPLATE, text) is not None


def _set_items(machine: Machine, items: list[Any]) -> None:
    target = machine.top()
    if isinstance(target, Global):
        machine.trick("changes a library from inside")
    _fill(machine, target, machine.keep(items))


def _setitem(machine: Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    _set_items(machine, [key, value])


def _setitems(machine: Machine, _: Any) -> None:
    _set_items(machine, machine.pop_mark())


def _added(machine: Machine, items: list[Any]) -> None:
    machine.keep(items)
    if isinstance(machine.top(), Global):
        machine.trick("changes a library from inside")


def _append(machine: Machine, _: Any) -> None:
    _added(machine, [machine.pop()])


def _appends(machine: Machine, _: Any) -> None:
    _added(machine, machine.pop_mark())


def _put(machine: Machine, place: int) -> None:
    machine.memo[place] = machine.top()


def _memoize(machine: Machine, _: Any) -> None:
    machine.memo[len(machine.memo)] = machine.top()


def _get(machine: Machine, place: int) -> None:
    machine.stack.append(machine.memo[place])


def _dup(machine: Machine, _: Any) -> None:
    machine.stack.append(machine.top())


def _pop_mark(machine: Machine, _: Any) -> None:
    machine.pop_mark()


def _global(machine: Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.name(module, name)


def _stack_global(machine: Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    machine.name(module, name)


def _inst(machine: Machine, argument: str) -> None:
    arguments = tuple(machine.keep(machine.pop_mark()))
    _global(machine, argument)
    machine.stack.append(machine.call(machine.pop(), arguments))


def _obj(machine: Machine, _: Any) -> None:
    function, *arguments = machine.pop_mark()
    machine.stack.append(machine.call(function, tuple(machine.keep(arguments))))


def _reduce(machine: Machine, _: Any) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.stack.append(machine.call(function, arguments))


def _newobj(machine: Machine, _: Any) -> None:
    arguments, cls = machine.pop(), machine.pop()
    if isinstance(cls, Global) and cls.is_array_class:
        machine.stack.append(Symbol(cls, None))
    else:
        machine.stack.append(machine.call(cls, arguments))


def _newobj_ex(machine: Machine, _: Any) -> None:
    machine.pop()
    _newobj(machine, _)


def _build(machine: Machine, _: Any) -> None:
    state, target = machine.pop(), machine.top()
    machine.keep([state])
    if isinstance(target, Global):
        machine.trick("changes a library from inside")
    if not isinstance(target, Symbol):
        return
    target.build(state)
    if target.cls.is_array_class:
        machine.stack[-1] = OPAQUE
        _past_array(machine, target)


def _past_array(machine: Machine, wrapper: Symbol) -> None:
    """Go behind the raw bytes of one array, as joblib's ``NumpyArrayWrapper.read_array`` does."""
    machine.findings.arrays += 1
    if machine.reader.tell() < machine.frame_end or machine.depth >= DEPTH_LIMIT:
        raise NotReadError
    try:
        size, aligned = array_bytes(wrapper.state)
    except ValueError as error:
        raise NotReadError from error
    if size is None:
        Machine(machine.reader, machine.findings, _HANDLERS, machine.depth + 1).run()
        return
    if aligned:
        machine.reader.skip(int.from_bytes(machine.exactly(1), "little"))
    machine.reader.skip(size)


def _outside(machine: Machine, _: Any) -> None:
    raise NotReadError


def _extension(machine: Machine, _: Any) -> None:
    machine.trick("hides the names of what it runs")
    machine.stack.append(OPAQUE)


def _protocol(machine: Machine, argument: int) -> None:
    if argument > 5:
        raise NotReadError
    machine.protocol = argument
    machine.findings.protocol = max(machine.findings.protocol, argument)


def _frame(machine: Machine, length: int) -> None:
    here = machine.reader.tell()
    if here < machine.frame_end:
        raise NotReadError
    machine.frame_end = here + length


_HANDLERS: Final[dict[str, Callable[[Machine, Any], None]]] = {
    "MARK": _mark,
    "POP": _pop,
    "POPMARK": _pop_mark,
    "DUP": _dup,
    "TUPLE": _tuple,
    "TUPLE1": _short_tuple(1),
    "TUPLE2": _short_tuple(2),
    "TUPLE3": _short_tuple(3),
    "EMPTY_TUPLE": _constant(()),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_LIST": _opaque,
    "EMPTY_SET": _opaque,
    "LIST": _sequence,
    "FROZENSET": _sequence,
    "EMPTY_DICT": _empty_dict,
    "DICT": _dict,
    "SETITEM": _setitem,
    "SETITEMS": _setitems,
    "APPEND": _append,
    "APPENDS": _appends,
    "ADDITEMS": _appends,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": _memoize,
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "INST": _inst,
    "OBJ": _obj,
    "REDUCE": _reduce,
    "NEWOBJ": _newobj,
    "NEWOBJ_EX": _newobj_ex,
    "BUILD": _build,
    "EXT1": _extension,
    "EXT2": _extension,
    "EXT4": _extension,
    "PERSID": _outside,
    "BINPERSID": _outside,
    "NEXT_BUFFER": _outside,
    "READONLY_BUFFER": _outside,
    "PROTO": _protocol,
    "FRAME": _frame,
}


def read_pickle(reader: Reader) -> tuple[Findings, Exception | None]:
    """What the stream names, and why reading stopped before its end (NotReadError or CutError), if it did."""
    findings = Findings()
    try:
        top = Machine(reader, findings, _HANDLERS).run()
    except (NotReadError, CutError, RecursionError) as error:
        return findings, error
    findings.top = top.cls.path if isinstance(top, Symbol) else ("dict" if isinstance(top, Table) else "")
    return findings, None
