"""``layer.yaml``: what was edited about a version, as a file that people read, change and keep beside their training code.

YAML with the surprises taken out: yes and no are texts, as are dates and times, ``1e5`` is a number, and nothing may stand
twice or refer to another place. Reading makes plain values only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from predictions.errors import InvalidSignature
from predictions.signature.choices import key_of
from predictions.signature.wording import clean, quoted

MAX_BYTES = 2_000_000
LONGEST_LINE = 110

_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_WHOLE = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")
_NUMBER = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$")
_ODD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")

_RESOLVED: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("tag:yaml.org,2002:bool", _BOOLEAN, "tTfF"),
    ("tag:yaml.org,2002:int", _WHOLE, "-+0123456789"),
    ("tag:yaml.org,2002:float", _NUMBER, "-+.0123456789"),
    ("tag:yaml.org,2002:null", _NULL, "~nN\0"),
)


class _Loader(yaml.SafeLoader):
    """Reads what ``_RESOLVED`` names, texts, lists and mappings."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="write it out instead of referring to another place", problem_mark=mark
            )
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Writes texts in quotes where this loader or any other would take them for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key is not None and key_of(key) is None:
            raise yaml.MarkedYAMLError(
                problem="a name must be a text or a number", problem_mark=key_node.start_mark
            )
        if key in found:
            problem = f"{quoted(key)} stands here twice"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    text = loader.construct_scalar(node)
    return int(text) if len(text) < 400 else float(text)


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(
        loader.construct_scalar(node).replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf")
    )


def _other(loader: _Loader, node: yaml.Node) -> Any:
    del loader
    problem = "write plain texts, numbers, true, false, lists and mappings only"
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    # In any other form, line ends of other alphabets would be read as spaces.
    style = '"' if _ODD.search(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


for _tag, _pattern, _letters in _RESOLVED:
    _Loader.add_implicit_resolver(_tag, _pattern, list(_letters))
    _Dumper.add_implicit_resolver(_tag, _pattern, list(_letters))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor(None, _other)
_Dumper.add_representer(str, _text)
_Loader.add_constructor("tag:yaml.org,2002:int", _whole)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


def read(text: str | bytes) -> dict[str, Any]:
    """The document of a ``layer.yaml``, for ``layer_plain.applied``.

    Raises InvalidSignature with the line, for what is no YAML, too large, or no mapping.
    """
    if len(text) > MAX_BYTES:
        raise InvalidSignature(f"A layer file may have {MAX_BYTES // 1_000_000} MB at most.")
    try:
        found = yaml.load(_decoded(text), _Loader)  # noqa: S506 - a SafeLoader with fewer kinds of values
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, " if mark is not None else ""
        raise InvalidSignature(
            f"The layer file, {where}{clean(error.problem or 'is no YAML', 120)}."
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, TypeError):
        raise InvalidSignature(
            "The layer file is no YAML text; see docs/layer.md for what it holds."
        ) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidSignature("A layer file holds fields, columns and outputs by name; see docs/layer.md.")
    return {str(key): value for key, value in found.items()}


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidSignature("The layer file is no UTF-8 text; save it as UTF-8.") from None


def written(plain: Mapping[str, Any]) -> str:
    """The text of a document; ``read`` gives the same document again."""
    text: str = yaml.dump(
        _plain(plain),
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=None,
        width=LONGEST_LINE,
    )
    return text


def written_on_one_line(plain: Mapping[str, Any]) -> str:
    """The same within braces, for an input of a form."""
    text: str = yaml.dump(
        _plain(plain),
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=True,
        width=MAX_BYTES,
    )
    return text.strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
