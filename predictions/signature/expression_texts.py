"""Reading what owners write as a calculation: Python's own parser, with bounds, and nothing that is run."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from predictions.errors import InvalidSignature

MAX_LENGTH = 2000
MAX_NODES = 600
MAX_DEPTH = 40


class Parsed(NamedTuple):
    """An expression that was read: ``uses`` are the names in it, in the order they first come."""

    tree: ast.expr
    quoted: Mapping[str, str]
    uses: tuple[str, ...]


def parsed(text: str) -> Parsed:
    """Read an expression. Raises InvalidSignature with what to write instead."""
    if len(text) > MAX_LENGTH:
        refuse(f"An expression may have {MAX_LENGTH:,} characters at most; derive a part of it first.")
    plain, quoted = _without_backticks(" ".join(text.split("\n")).strip())
    if not plain:
        refuse("Write an expression, such as weight / height ** 2.")
    try:
        tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = getattr(error, "offset", None)
        near = f" near character {place}" if place and not quoted else ""
        refuse(f"This is no expression{near}; write it like weight / height ** 2.")
    _check_size(tree)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [
        quoted.get(node.id, node.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and id(node) not in called
    ]
    return Parsed(tree, quoted, tuple(dict.fromkeys(names)))


def refuse(message: str) -> NoReturn:
    """Raises InvalidSignature."""
    raise InvalidSignature(message)


def _without_backticks(text: str) -> tuple[str, dict[str, str]]:
    """Names between backticks replaced by ones that Python takes; a backslash is a letter like any other."""
    out: list[str] = []
    quoted: dict[str, str] = {}
    quote = ""
    begin = 0
    for place, letter in enumerate(text):
        if quote == "`" and letter == "`":
            name = f"_quoted_{len(quoted)}"
            quoted[name] = text[begin:place]
            out.append(f" {name} ")
            quote = ""
        elif quote:
            out.append("" if quote == "`" else letter)
            quote = "" if letter == quote else quote
        elif letter in "'\"`":
            quote, begin = letter, place + 1
            out.append("" if letter == "`" else letter)
        else:
            out.append(letter)
    if quote:
        refuse(f"A {quote} is opened and not closed; write it twice around the name or text.")
    return "".join(out).strip().replace("\\", "\\\\"), quoted


def _check_size(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    nodes = depth = 0
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            refuse("This expression is too long or too deep; derive a part of it first.")
        level = [child for node in level for child in ast.iter_child_nodes(node)]
