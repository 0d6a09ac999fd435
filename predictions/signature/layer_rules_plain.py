"""The rules of a layer as people write them in a file or a request, and back. Raises InvalidSignature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from predictions.errors import InvalidSignature
from predictions.signature.choices import key_of
from predictions.signature.layer import (
    NAMES,
    RULES,
    Bins,
    Constant,
    Expression,
    Made,
    MinMax,
    OneHot,
    Rule,
    Standardise,
    Take,
    ValueMap,
)
from predictions.signature.wording import clean, either

MOST_VALUES = 100_000

Plain = dict[str, Any]


def plain_rule(rule: Rule) -> Plain:
    """``{"map": "sex", "values": {"male": 0, "female": 1}}``: the rule's name with what it is made from, then the rest."""
    name = NAMES[type(rule)]
    if isinstance(rule, Take):
        return {name: rule.of}
    if isinstance(rule, Expression):
        return {name: rule.text}
    if isinstance(rule, Constant):
        return {name: rule.value}
    return {name: rule.of, **_rest(rule)}


def _rest(rule: ValueMap | OneHot | Bins | Standardise | MinMax) -> Plain:
    plain: Plain = {}
    if isinstance(rule, ValueMap):
        plain["values"] = _plain_pairs(rule.pairs)
    elif isinstance(rule, OneHot):
        plain["equals"] = rule.equals[0] if len(rule.equals) == 1 else list(rule.equals)
    for key, spec in type(rule).__dataclass_fields__.items():
        value = getattr(rule, key)
        is_told = key == "default" and plain.get("others") == "default"
        if key not in ("of", "pairs", "equals") and (is_told or (value != spec.default and key != "default")):
            plain[key] = list(value) if isinstance(value, tuple) else value
    return plain


def _plain_pairs(pairs: Sequence[tuple[Any, Any]]) -> Any:
    """By given value where each is a name of its own in a file: true is 1 there."""
    by_given = dict(pairs)
    return by_given if len(by_given) == len(pairs) else [list(pair) for pair in pairs]


def made_from_plain(name: str, plain: Any) -> Made:
    """Inverse of ``plain_rule``; a bare text is an expression."""
    if isinstance(plain, str):
        return Made(name, Expression(plain))
    if not isinstance(plain, Mapping):
        _refuse(name, f"Say how {clean(name)} is made, as in take: age or expression: age * 2.")
    kinds = [key for key in plain if key in RULES]
    if len(kinds) != 1:
        _refuse(name, f"{clean(name)} is made by exactly one of {either(list(RULES))}.")
    kind = kinds[0]
    rest = {str(key): value for key, value in plain.items() if key != kind}
    try:
        return Made(name, _READERS[kind](name, plain[kind], rest))
    except TypeError:
        allowed = [
            key for key in RULES[kind].__dataclass_fields__ if key not in ("of", "pairs", "value", "text")
        ]
        if kind == "map":
            allowed.insert(0, "values")
        told = f"besides it {either(allowed)}" if allowed else "nothing else"
        _refuse(name, f"{clean(name)}: {kind} takes {told}.")


def _refuse(name: str, message: str) -> NoReturn:
    raise InvalidSignature(message, field=name)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        _refuse(name, f"{clean(name)} is made from something by name; put the name in quotes.")
    return value


def _take(name: str, value: Any, rest: Plain) -> Take:
    return Take(_text(name, value), **rest)


def _expression(name: str, value: Any, rest: Plain) -> Expression:
    text = str(value) if isinstance(value, int | float) else value
    return Expression(_text(name, text), **rest)


def _constant(name: str, value: Any, rest: Plain) -> Constant:
    del name
    return Constant(value, **rest)


def _value_map(name: str, value: Any, rest: Plain) -> ValueMap:
    if "values" not in rest:
        _refuse(
            name, f"{clean(name)}: say what is sent for each value, as in values: {{male: 0, female: 1}}."
        )
    pairs = pairs_of(name, rest.pop("values"))
    others = rest.get("others", "default" if "default" in rest else "refuse")
    if (others == "default") != ("default" in rest):
        _refuse(name, f"{clean(name)}: give a default for others: default, and only then.")
    return ValueMap(_text(name, value), pairs, **{**rest, "others": others})


def pairs_of(name: str, values: Any) -> tuple[tuple[Any, Any], ...]:
    """Pairs of given and sent, from an object or a list of pairs. Raises InvalidSignature."""
    if isinstance(values, Mapping):
        values = list(values.items())
    is_list = isinstance(values, list | tuple) and len(values) <= MOST_VALUES
    if not is_list or any(not isinstance(pair, list | tuple) or len(pair) != 2 for pair in values):
        _refuse(name, f"{clean(name)}: write values as given: sent, or as a list of such pairs.")
    return tuple((given, sent) for given, sent in values)


def _one_hot(name: str, value: Any, rest: Plain) -> OneHot:
    equals = rest.pop("equals", [])
    listed = equals if isinstance(equals, list | tuple) else [equals]
    if any(key_of(item) is None for item in listed) or not isinstance(rest.get("rest", False), bool):
        _refuse(name, f"{clean(name)}: equals takes values, and rest true or false.")
    return OneHot(_text(name, value), tuple(listed), **rest)


def _bins(name: str, value: Any, rest: Plain) -> Bins:
    for key in ("edges", "results"):
        if not isinstance(rest.get(key), list | tuple):
            _refuse(name, f"{clean(name)}: give edges and results as lists.")
    for key in ("right_closed", "include_lowest"):
        if not isinstance(rest.get(key, False), bool):
            _refuse(name, f"{clean(name)}: {key} must be true or false.")
    edges = tuple(_open_end(edge) for edge in rest.pop("edges"))
    return Bins(_text(name, value), edges, tuple(rest.pop("results")), **rest)


def _open_end(edge: Any) -> Any:
    return None if isinstance(edge, float) and edge in (float("inf"), float("-inf")) else edge


def _standardise(name: str, value: Any, rest: Plain) -> Standardise:
    return Standardise(_text(name, value), **rest)


def _min_max(name: str, value: Any, rest: Plain) -> MinMax:
    return MinMax(_text(name, value), **rest)


_READERS: dict[str, Callable[[str, Any, Plain], Rule]] = {
    "take": _take,
    "map": _value_map,
    "one_hot": _one_hot,
    "expression": _expression,
    "bins": _bins,
    "constant": _constant,
    "standardise": _standardise,
    "min_max": _min_max,
}
