"""What each pickle opcode does to the machine that runs nothing."""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any, Final

from predictions.ml.scan_arguments import READINGS
from predictions.ml.scan_arrays import array_bytes, array_from, settle
from predictions.ml.scan_machine import MARK, Findings, Machine, NotReadError, Steps
from predictions.ml.scan_streams import CutError, Reader
from predictions.ml.scan_symbols import OPAQUE, Global, Listing, Symbol, Table
from predictions.ml.scan_templates import EXEC_TEMPLATE, is_scipy_template

VERSION_KEY = "_sklearn_version"
_CONTAINER_WEIGHT = 300
_ITEM_WEIGHT = 16


def _mark(machine: Machine, _: Any) -> None:
    machine.stack.append(MARK)


def _pop(machine: Machine, _: Any) -> None:
    machine.stack.pop()


def _tuple(machine: Machine, _: Any) -> None:
    items = machine.keep(machine.pop_mark())
    machine.findings.weigh(_ITEM_WEIGHT * len(items) + 60)
    machine.stack.append(tuple(items))


def _short_tuple(size: int) -> Callable[[Machine, Any], None]:
    def make(machine: Machine, _: Any) -> None:
        items = [machine.pop() for _ in range(size)][::-1]
        machine.findings.weigh(_ITEM_WEIGHT * size + 60)
        machine.stack.append(tuple(machine.keep(items)))

    return make


def _value(machine: Machine, argument: Any) -> None:
    machine.stack.append(argument)


def _empty(kind: str) -> Callable[[Machine, Any], None]:
    def make(machine: Machine, _: Any) -> None:
        machine.findings.weigh(_CONTAINER_WEIGHT)
        machine.stack.append(Listing(kind=kind))

    return make


def _sequence(kind: str) -> Callable[[Machine, Any], None]:
    def make(machine: Machine, _: Any) -> None:
        items = machine.keep(machine.pop_mark())
        machine.findings.weigh(_CONTAINER_WEIGHT + _ITEM_WEIGHT * len(items))
        machine.stack.append(Listing(items, kind))

    return make


def _constant(value: Any) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.stack.append(value)


def _empty_dict(machine: Machine, _: Any) -> None:
    machine.findings.weigh(_CONTAINER_WEIGHT)
    machine.stack.append(Table())


def _dict(machine: Machine, _: Any) -> None:
    items = machine.keep(machine.pop_mark())
    _empty_dict(machine, _)
    _fill(machine, machine.top(), items)


def _fill(machine: Machine, target: Any, items: list[Any]) -> None:
    table = _table_of(target)
    machine.findings.weigh(_ITEM_WEIGHT * len(items))
    for key, value in zip(items[::2], items[1::2], strict=False):
        if isinstance(key, str):
            _heed(machine, key, value)
        if table is not None:
            table.put(key, value)


def _table_of(target: Any) -> Table | None:
    if isinstance(target, Symbol):
        if target.pairs is None:
            target.pairs = Table()
        return target.pairs
    return target if isinstance(target, Table) else None


def _heed(machine: Machine, key: str, value: Any) -> None:
    if key == VERSION_KEY and isinstance(value, str):
        machine.findings.note_version(value)
    if key == EXEC_TEMPLATE:
        machine.findings.work(1000)
        if not is_scipy_template(value):
            machine.trick("carries Python text to run")


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
    target = machine.top()
    if isinstance(target, Global):
        machine.trick("changes a library from inside")
    machine.findings.weigh(_ITEM_WEIGHT * len(items))
    if isinstance(target, Symbol):
        if target.items is None:
            target.items = Listing()
        target.items.extend(items)
    elif isinstance(target, Listing):
        target.extend(items)


def _append(machine: Machine, _: Any) -> None:
    _added(machine, [machine.pop()])


def _appends(machine: Machine, _: Any) -> None:
    _added(machine, machine.pop_mark())


def _put(machine: Machine, place: int) -> None:
    machine.remember(place)


def _memoize(machine: Machine, _: Any) -> None:
    machine.remember(len(machine.memo))


def _get(machine: Machine, place: int) -> None:
    machine.stack.append(machine.memo[place])


def _dup(machine: Machine, _: Any) -> None:
    machine.stack.append(machine.top())


def _pop_mark(machine: Machine, _: Any) -> None:
    machine.pop_mark()


def _global(machine: Machine, argument: tuple[str, str]) -> None:
    machine.name(*argument)


def _stack_global(machine: Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    machine.name(module, name)


def _inst(machine: Machine, argument: tuple[str, str]) -> None:
    arguments = tuple(machine.keep(machine.pop_mark()))
    _global(machine, argument)
    machine.stack.append(machine.call(machine.pop(), arguments))


def _obj(machine: Machine, _: Any) -> None:
    function, *arguments = machine.pop_mark()
    machine.stack.append(machine.call(function, tuple(machine.keep(arguments))))


def _reduce(machine: Machine, _: Any) -> None:
    arguments, function = machine.pop(), machine.pop()
    made = machine.call(function, arguments)
    machine.stack.append(made)
    if isinstance(made, Symbol):
        settle(machine.findings, made)


def _newobj(machine: Machine, _: Any) -> None:
    arguments, cls = machine.pop(), machine.pop()
    if isinstance(cls, Global) and cls.is_array_class:
        machine.stack.append(machine.made(cls, None))
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
    if isinstance(state, Table):
        machine.findings.work(len(state.items) // 4)
        machine.findings.weigh(_ITEM_WEIGHT * len(state.items))
    target.build(state)
    if target.cls.is_array_class:
        machine.stack[-1] = OPAQUE
        machine.stack[-1] = _past_array(machine, target)
    else:
        settle(machine.findings, target)


def _past_array(machine: Machine, wrapper: Symbol) -> Any:
    """Go behind the raw bytes of one array, as joblib's ``NumpyArrayWrapper.read_array`` does, keeping a small one.

    The pickle of an array of objects is opened by ``pickle`` and not by joblib, so no raw bytes can follow in there.
    """
    machine.findings.arrays += 1
    if machine.reader.tell() < machine.frame_end or machine.nested:
        raise NotReadError
    try:
        size, aligned = array_bytes(wrapper.state, machine.findings.work)
    except ValueError as error:
        raise NotReadError from error
    if size is None:
        return Machine(machine.reader, machine.findings, _STEPS, nested=True).run()
    if aligned:
        machine.reader.skip(int.from_bytes(machine.exactly(1), "little"))
    array, kept = array_from(machine.findings, wrapper.state, size)
    if kept:
        array.raw = machine.exactly(size)
    else:
        machine.reader.skip(size)
    return array


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
    "EMPTY_LIST": _empty("list"),
    "EMPTY_SET": _empty("set"),
    "LIST": _sequence("list"),
    "FROZENSET": _sequence("frozenset"),
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


def _steps() -> Steps:
    """Handlers by the byte of their opcode; an opcode that only brings a value pushes it."""
    return {
        opcode.code.encode("latin-1"): (READINGS.get(opcode.name), _HANDLERS.get(opcode.name, _value))
        for opcode in pickletools.opcodes
        if opcode.name != "STOP"
    }


_STEPS: Final = _steps()


def read_pickle(reader: Reader) -> tuple[Findings, Exception | None]:
    """What the stream names, and why reading stopped before its end (NotReadError or CutError), if it did."""
    findings = Findings()
    try:
        findings.root = Machine(reader, findings, _STEPS).run()
    except (NotReadError, CutError, RecursionError) as error:
        return findings, error
    findings.top = _top(findings.root)
    return findings, None


def _top(root: Any) -> str:
    if isinstance(root, Symbol):
        return root.cls.path
    if isinstance(root, Listing):
        return root.kind
    return {Table: "dict", tuple: "tuple"}.get(type(root), "")
