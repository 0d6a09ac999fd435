"""What each rule of a layer does to a case, and whether it fits the values it is made from."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import inf, isfinite
from typing import Any

from predictions.errors import InvalidSignature
from predictions.signature.choices import key_of
from predictions.signature.expression_functions import Failed, Sort, number
from predictions.signature.expressions import Env, Name, Part, compiled, guarded, merged, parsed
from predictions.signature.fields import Field, Signature
from predictions.signature.layer import (
    OTHERS,
    OUTSIDE,
    Bins,
    Constant,
    Expression,
    Made,
    MinMax,
    OneHot,
    Standardise,
    Take,
    ValueMap,
)
from predictions.signature.layer_order import sort_of
from predictions.signature.wording import clean, either, quoted
from predictions.values import Scalar, Value

MOST_LISTED = 5


def part_of(made: Made, sources: Mapping[str, Name], signature: Signature) -> Part:
    """What makes one column from the values of a case. Raises InvalidSignature where the rule does not fit them."""
    rule: Any = made.rule
    if isinstance(rule, Constant):
        value = _scalar(rule.value)
        return Part(lambda env: value, sort_of(value))
    if isinstance(rule, Expression):
        return compiled(parsed(rule.text), sources)
    source = sources[rule.of]
    makers: dict[type[Any], Callable[[Any, Name, Field | None], Part]] = {
        Take: _take,
        ValueMap: _value_map,
        OneHot: _one_hot,
        Bins: _bins,
        Standardise: _standardise,
        MinMax: _min_max,
    }
    is_field = source.place < len(signature.inputs)
    return makers[type(rule)](rule, source, signature.inputs[source.place] if is_field else None)


def results_of(made: Made) -> tuple[Scalar, ...]:
    """The values that a rule may give as they stand in it; none for a rule that calculates."""
    rule = made.rule
    if isinstance(rule, Constant):
        return (rule.value,)
    if isinstance(rule, OneHot):
        return (0, 1)
    if isinstance(rule, Bins):
        return rule.results
    if isinstance(rule, ValueMap):
        sent = tuple(sent for _, sent in rule.pairs)
        return (*sent, rule.default) if rule.others == "default" else sent
    return ()


def _take(rule: Take, source: Name, field: Field | None) -> Part:
    del rule, field
    place = source.place
    return Part(lambda env: env[place], source.sort)


def _value_map(rule: ValueMap, source: Name, field: Field | None) -> Part:
    if not rule.pairs:
        raise InvalidSignature(f"Say what is sent for each value of {clean(rule.of)}.")
    if rule.others not in OTHERS:
        raise InvalidSignature(f"What happens with other values must be {either(OTHERS)}.")
    given = [_scalar(given) for given, _ in rule.pairs]
    _check_once(given, rule.of)
    keys = [_key_for(value, source.sort, rule.of) for value in given]
    known = {key: _scalar(sent) for key, (_, sent) in zip(keys, rule.pairs, strict=True)}
    if field is not None and rule.others == "refuse":
        _check_covered(field, known)
    place, others = source.place, rule.others
    default = _scalar(rule.default) if others == "default" else None

    def run(env: Env) -> Value:
        value = env[place]
        if value is None:
            return None
        key = key_of(value)
        if key in known:
            return known[key]
        if others == "refuse":
            raise Failed(f"nothing is sent for {quoted(value)}")
        return value if others == "pass" else default

    sorts = [sort_of(sent) for sent in results_of(Made("", rule))]
    return Part(run, merged([*sorts, source.sort] if others == "pass" else sorts))


def _one_hot(rule: OneHot, source: Name, field: Field | None) -> Part:
    if not rule.equals:
        raise InvalidSignature(f"Say for which value of {clean(rule.of)} this column is 1.")
    keys = frozenset(_key_for(_scalar(value), source.sort, rule.of) for value in rule.equals)
    if field is not None and field.kind == "choice" and field.unseen == "refuse":
        choices = {key_of(choice.value) for choice in field.choices}
        for value, key in zip(rule.equals, keys, strict=False):
            if key not in choices and key_of(value) not in choices:
                raise InvalidSignature(f"{clean(field.shown)} has no choice {quoted(value)}; correct it.")
    place, rest = source.place, rule.rest

    def run(env: Env) -> Value:
        value = env[place]
        return 0 if value is None else int((key_of(value) in keys) != rest)

    return Part(run, "number")


def _bins(rule: Bins, source: Name, field: Field | None) -> Part:
    del field
    _require_number(source, rule.of)
    edges = _edges(rule)
    if len(rule.results) != len(edges) - 1:
        raise InvalidSignature(f"{len(edges)} edges make {len(edges) - 1} bins; give as many results.")
    if rule.outside not in OUTSIDE:
        raise InvalidSignature(f"What happens outside of the bins must be {either(OUTSIDE)}.")
    place, results, last = source.place, [_scalar(value) for value in rule.results], len(edges) - 2
    search = bisect_left if rule.right_closed else bisect_right
    refuses, lowest = rule.outside == "refuse", rule.include_lowest and rule.right_closed

    def run(env: Env) -> Value:
        value = env[place]
        if value is None:
            return None
        found = 0 if lowest and value == edges[0] else search(edges, value) - 1
        if 0 <= found <= last:
            return results[found]
        if refuses:
            raise Failed("the number lies outside of all bins")
        return None

    return Part(guarded(run), merged([sort_of(value) for value in results]))


def _edges(rule: Bins) -> Sequence[float]:
    last = len(rule.edges) - 1
    if last < 1 or any(edge is None for edge in rule.edges[1:last]):
        raise InvalidSignature("Give at least two edges; only the first and the last may be open.")
    ends: list[float] = [_edge(edge, place) for place, edge in enumerate(rule.edges)]
    if any(left >= right for left, right in pairwise(ends)):
        raise InvalidSignature("The edges of bins must rise from each to the next.")
    return ends


def _edge(edge: Any, place: int) -> float:
    if edge is None:
        return -inf if place == 0 else inf
    return _number(edge, "An edge")


def _standardise(rule: Standardise, source: Name, field: Field | None) -> Part:
    del field
    deviation = _number(rule.deviation, "The deviation")
    if deviation == 0:
        raise InvalidSignature("The deviation cannot be 0.")
    return _scaled(source, rule.of, _number(rule.mean, "The mean"), deviation)


def _min_max(rule: MinMax, source: Name, field: Field | None) -> Part:
    del field
    low, high = _number(rule.minimum, "The minimum"), _number(rule.maximum, "The maximum")
    if low == high:
        raise InvalidSignature("The minimum and maximum must differ.")
    return _scaled(source, rule.of, low, high - low)


def _scaled(source: Name, name: str, begin: float, width: float) -> Part:
    _require_number(source, name)
    place = source.place

    def run(env: Env) -> Value:
        value = env[place]
        return None if value is None else number((value - begin) / width)

    return Part(guarded(run), "number")


def _require_number(source: Name, name: str) -> None:
    if source.sort == "text":
        raise InvalidSignature(
            f"{clean(name)} is a text, and this calculates with it; map it to numbers first."
        )


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise InvalidSignature(f"{what} must be an ordinary number.")
    return value


def _scalar(value: Any) -> Scalar:
    if not isinstance(value, str | int | float | bool) or (isinstance(value, float) and not isfinite(value)):
        raise InvalidSignature("A value must be a text, an ordinary number, or true or false.")
    return value


def _key_for(value: Scalar, sort: Sort, name: str) -> Any:
    """The key under which a value of the source is found: 1 and 0 stand for true and false where it has those."""
    if sort == "truth" and not isinstance(value, str) and value in (0, 1):
        return ("boolean", bool(value))
    if sort in ("text", "number", "truth") and sort_of(value) != sort:
        wanted = {"text": "texts; put it in quotes", "number": "numbers", "truth": "true or false"}[sort]
        raise InvalidSignature(f"{quoted(value)} is never found, because {clean(name)} has {wanted}.")
    return key_of(value)


def _check_once(values: Sequence[Scalar], name: str) -> None:
    key, count = Counter(map(key_of, values)).most_common(1)[0]
    if count > 1 and key is not None:
        raise InvalidSignature(f"{quoted(key[1])} of {clean(name)} is mapped twice; remove one.")


def _check_covered(field: Field, known: Mapping[Any, Scalar]) -> None:
    if field.kind == "boolean":
        lacking: list[Scalar] = [value for value in (True, False) if key_of(value) not in known]
    elif field.kind == "choice":
        lacking = [choice.value for choice in field.choices if key_of(choice.value) not in known]
    else:
        return
    if lacking:
        told = either([quoted(value) for value in lacking[:MOST_LISTED]])
        raise InvalidSignature(f"Say what is sent for {told} of {clean(field.shown)}, or for all others.")
