"""Calculations that owners write, as `` weight / height ** 2 `` or `` 1 if `1st Flr SF` > 900 else 0 ``.

A text is parsed by Python's own parser and never run: each node must be one of those below, and becomes a function of
the values. There are no attributes, no calls but to ``FUNCTIONS``, and bounds on length, depth, and every number.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from predictions.errors import InvalidSignature
from predictions.signature.bounds import INT64_HIGH, INT64_LOW
from predictions.signature.expression_functions import (
    COMPARISONS,
    CONSTANTS,
    FUNCTIONS,
    OPERATORS,
    Failed,
    Sort,
    number,
)
from predictions.signature.expression_texts import Parsed, parsed, refuse
from predictions.signature.suggestions import suggestion
from predictions.signature.wording import clean, either
from predictions.values import Value

__all__ = ["Name", "Part", "compiled", "guarded", "merged", "parsed"]

Env = Sequence[Value]
Run = Callable[[Env], Value]

_SHOWN_SORTS: dict[Sort, str] = {"number": "a number", "text": "a text", "truth": "true or false"}


class Name(NamedTuple):
    """Something an expression may refer to: its place among the values, and what it holds."""

    place: int
    sort: Sort


class Part(NamedTuple):
    """A piece of an expression that is ready to be worked out."""

    run: Run
    sort: Sort


def compiled(expression: Parsed, names: Mapping[str, Name]) -> Part:
    """What works an expression out for the values in ``names``' places.

    Raises InvalidSignature for names that are not there, for functions and signs that are none of ours, and where texts
    are taken for numbers. What comes out raises Failed for a case that has no result, and never anything else.
    """
    part = _Maker(expression.quoted, names).made(expression.tree)
    return Part(guarded(part.run), part.sort)


def guarded(run: Run) -> Run:
    """``run`` with every way to fail as Failed."""

    def work(env: Env) -> Value:
        try:
            return run(env)
        except ZeroDivisionError:
            raise Failed("it divides by 0") from None
        except OverflowError:
            raise Failed("the result is larger than can be held") from None
        except (TypeError, ValueError):
            raise Failed("it takes a text for a number, or the other way round") from None

    return work


class _Maker:
    """Makes functions of an expression's nodes; a node that is not named here is refused."""

    def __init__(self, quoted: Mapping[str, str], names: Mapping[str, Name]) -> None:
        self._quoted = quoted
        self._names = names
        self._makers: dict[type[ast.expr], Callable[[Any], Part]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.BinOp: self._calculation,
            ast.UnaryOp: self._sign,
            ast.Compare: self._comparison,
            ast.BoolOp: self._both,
            ast.IfExp: self._choice,
            ast.Call: self._call,
        }

    def made(self, node: ast.expr) -> Part:
        """The part a node stands for."""
        maker = self._makers.get(type(node))
        if maker is None:
            refuse(
                "Only numbers, texts in quotes, names, + - * / // % **, comparisons, and, or, not, "
                f"if … else, and functions may stand in an expression ({_SIGNS.get(type(node), 'not this')})."
            )
        return maker(node)

    def _constant(self, node: ast.Constant) -> Part:
        value = node.value
        if value is None:
            return Part(lambda env: None, "any")
        if isinstance(value, bool):
            return Part(lambda env: value, "truth")
        if isinstance(value, str):
            return Part(lambda env: value, "text")
        if not isinstance(value, int | float):
            refuse("Only ordinary numbers, texts, True, False and None may stand in an expression.")
        held = _held(value)
        return Part(lambda env: held, "number")

    def _name(self, node: ast.Name) -> Part:
        name = self._quoted.get(node.id, node.id)
        known = self._names.get(name)
        if known is not None:
            place = known.place
            return Part(lambda env: env[place], known.sort)
        if name in CONSTANTS:
            value = CONSTANTS[name]
            return Part(lambda env: value, "number")
        raise self.unknown(name)

    def unknown(self, name: str) -> InvalidSignature:
        """The error for a name that is not there."""
        if name in FUNCTIONS:
            return InvalidSignature(f"{name} is a function; write {name}(…).")
        meant = suggestion(name, self._names)
        hint = (
            f'did you mean "{clean(meant)}"?' if meant else "put texts in quotes and odd names in backticks."
        )
        return InvalidSignature(f'There is no field or column "{clean(name)}"; {hint}')

    def _numbers(self, *nodes: ast.expr) -> list[Run]:
        parts = [self.made(node) for node in nodes]
        for part, node in zip(parts, nodes, strict=True):
            if part.sort == "text":
                refuse(
                    f"{_words(node, self._quoted)} is a text, and this calculates with it; map it to numbers first."
                )
        return [part.run for part in parts]

    def _calculation(self, node: ast.BinOp) -> Part:
        work = OPERATORS.get(type(node.op).__name__)
        if work is None:
            refuse("Calculate with + - * / // % and ** only; for conditions write and, or, not.")
        left, right = self._numbers(node.left, node.right)

        def run(env: Env) -> Value:
            first, second = left(env), right(env)
            return None if first is None or second is None else work(first, second)

        return Part(run, "number")

    def _sign(self, node: ast.UnaryOp) -> Part:
        if isinstance(node.op, ast.Not):
            truth = self._truth(node.operand)

            def opposite(env: Env) -> Value:
                value = truth(env)
                return None if value is None else not value

            return Part(opposite, "truth")
        if not isinstance(node.op, ast.USub | ast.UAdd):
            refuse("Write not instead of ~.")
        (inner,) = self._numbers(node.operand)
        factor = -1 if isinstance(node.op, ast.USub) else 1

        def signed(env: Env) -> Value:
            value = inner(env)
            return None if value is None else OPERATORS["Mult"](value, factor)

        return Part(signed, "number")

    def _truth(self, node: ast.expr) -> Run:
        part = self.made(node)
        if part.sort == "text":
            refuse(f'{_words(node, self._quoted)} is a text and no condition; compare it, as in == "yes".')
        run = part.run

        def truth(env: Env) -> Value:
            value = run(env)
            if type(value) is str:
                raise Failed("a text stands where a condition should")
            return None if value is None else bool(value)

        return truth

    def _both(self, node: ast.BoolOp) -> Part:
        """``and`` is False and ``or`` is True as soon as one part says so; else a missing part makes it missing."""
        parts = [self._truth(value) for value in node.values]
        decisive = isinstance(node.op, ast.Or)

        def run(env: Env) -> Value:
            found = [part(env) for part in parts]
            if decisive in found:
                return decisive
            return None if None in found else not decisive

        return Part(run, "truth")

    def _choice(self, node: ast.IfExp) -> Part:
        truth = self._truth(node.test)
        yes, no = self.made(node.body), self.made(node.orelse)

        def run(env: Env) -> Value:
            value = truth(env)
            return None if value is None else (yes if value else no).run(env)

        return Part(run, merged([yes.sort, no.sort]))

    def _comparison(self, node: ast.Compare) -> Part:
        left = self.made(node.left)
        tests: list[Run] = []
        for sign, other in zip(node.ops, node.comparators, strict=True):
            if isinstance(sign, ast.In | ast.NotIn):
                tests.append(self._membership(left, other, isinstance(sign, ast.In)))
                break
            right = self.made(other)
            tests.append(self._compared(left, right, type(sign).__name__, node))
            left = right
        if len(tests) != len(node.ops):
            refuse("Compare with a list by itself; join conditions with and.")

        def run(env: Env) -> Value:
            found = [test(env) for test in tests]
            return False if False in found else None if None in found else True

        return Part(tests[0] if len(tests) == 1 else run, "truth")

    def _compared(self, left: Part, right: Part, sign: str, node: ast.Compare) -> Run:
        work = COMPARISONS.get(sign)
        if work is None:
            refuse("Write == instead of is, and is_missing(…) for a missing value.")
        _check_alike(left.sort, right.sort, _words(node, self._quoted))
        first, second = left.run, right.run

        def run(env: Env) -> Value:
            one, other = first(env), second(env)
            return None if one is None or other is None else work(one, other)

        return run

    def _membership(self, left: Part, listed: ast.expr, wanted: bool) -> Run:
        if not isinstance(listed, ast.List | ast.Tuple | ast.Set):
            refuse('Write a list behind in, as in sex in ["male", "m"].')
        items = [self.made(item) for item in listed.elts]
        for item in items:
            _check_alike(left.sort, item.sort, "in […]")
        runs = [item.run for item in items]
        first = left.run

        def run(env: Env) -> Value:
            value = first(env)
            return None if value is None else (value in [item(env) for item in runs]) == wanted

        return run

    def _call(self, node: ast.Call) -> Part:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        function = FUNCTIONS.get(name)
        if function is None:
            meant = suggestion(name, FUNCTIONS) if name else None
            refuse(
                f"There is no function {clean(name)}(); did you mean {meant}()?"
                if meant
                else f"There is no such function; there are {either(sorted(FUNCTIONS))}."
            )
        if node.keywords or any(isinstance(item, ast.Starred) for item in node.args):
            refuse(f"Give the values of {name}() one after the other, without names.")
        if not function.least <= len(node.args) <= function.most:
            count = str(function.least) if function.least == function.most else f"{function.least} or more"
            refuse(f"{name}() takes {count} value{'' if count == '1' else 's'}; {len(node.args)} are given.")
        parts = [self.made(item) for item in node.args]
        for place, part in enumerate(parts):
            wanted = function.takes[min(place, len(function.takes) - 1)]
            if (
                wanted != "any"
                and "any" != part.sort != wanted
                and {wanted, part.sort} != {"number", "truth"}
            ):
                refuse(
                    f"{name}() needs {_SHOWN_SORTS[wanted]}; {_words(node.args[place], self._quoted)} is not."
                )
        sort = merged([part.sort for part in parts]) if name == "coalesce" else function.gives
        return Part(_called([part.run for part in parts], name), sort)


def _called(parts: Sequence[Run], name: str) -> Run:
    work, knows_missing = FUNCTIONS[name].run, FUNCTIONS[name].knows_missing
    takes = FUNCTIONS[name].takes

    def run(env: Env) -> Value:
        values = [part(env) for part in parts]
        if knows_missing:
            return work(*values)
        if None in values:
            return None
        if any((type(value) is str) != (takes[0] == "text") for value in values):
            raise Failed(f"{name}() needs {_SHOWN_SORTS[takes[0]]}")
        return number(work(*values))

    return run


def merged(sorts: Sequence[Sort]) -> Sort:
    """What one of several gives; a missing value fits everything."""
    found = set(sorts)
    if len(found) == 1:
        return sorts[0]
    return "number" if found == {"number", "truth"} else "any"


def _check_alike(left: Sort, right: Sort, words: str) -> None:
    if "any" not in (left, right) and (left == "text") != (right == "text"):
        refuse(f"{words} compares a text with a number, which are never the same; put texts in quotes.")


def _held(value: float) -> float:
    try:
        return float(value) if type(value) is int and not INT64_LOW <= value <= INT64_HIGH else number(value)
    except (OverflowError, Failed):
        refuse("An expression holds a larger number than can be held; write a smaller one.")


def _words(node: ast.AST, quoted: Mapping[str, str]) -> str:
    text = ast.unparse(node)
    for key, name in quoted.items():
        text = text.replace(key, name)
    return clean(text, 40)


_SIGNS: dict[type[ast.expr], str] = {
    ast.Attribute: "no point behind a name",
    ast.Subscript: "no brackets behind a name",
    ast.Lambda: "no lambda",
    ast.JoinedStr: "no f-text",
    ast.NamedExpr: "no :=",
    ast.List: "a list only behind in",
    ast.Tuple: "a list only behind in",
    ast.Set: "a list only behind in",
}
