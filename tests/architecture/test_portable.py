"""What a confined process loads runs under the Python that a file was made for, from 3.7 on."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.servers import ROOT

OLDEST = (3, 7)
ROOTS = ["predictions.ml.building", "predictions.ml.native", "predictions.ml.parity"]
"""What the sandbox's operations load by name before they open a file."""

BARE = {"predictions"}
"""Packages whose own file the launcher of the sandbox replaces by an empty one."""

NEW_METHODS = {
    "removeprefix",
    "removesuffix",
    "is_relative_to",
    "with_stem",
    "hardlink_to",
    "readlink",
    "bit_count",
}
NEW_ARGUMENTS = {"zip": {"strict"}, "dataclass": {"slots", "kw_only", "weakref_slot"}, "field": {"kw_only"}}
NEW_IN_TYPING = {
    "Literal",
    "Protocol",
    "Final",
    "TypedDict",
    "TypeAlias",
    "TypeGuard",
    "ParamSpec",
    "Self",
    "Annotated",
}
NEW_ELSEWHERE = {"cache", "cached_property", "prod", "isqrt", "pairwise"}
BUILTIN_GENERICS = {"list", "dict", "tuple", "set", "frozenset", "type"}


def file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    if path.with_suffix(".py").exists():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").exists() else None


def is_for_types_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def is_for_newer_pythons(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "sys.version_info" in ast.unparse(node.test)


def statements_at_runtime(tree: ast.Module) -> list[ast.stmt]:
    """Of the module's own level, without what only a type checker or a newer Python reads."""
    found: list[ast.stmt] = []
    for node in tree.body:
        if is_for_types_only(node) or is_for_newer_pythons(node):
            assert isinstance(node, ast.If)
            found += node.orelse
        else:
            found.append(node)
    return found


def imported_by(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in statements_at_runtime(tree):
        if isinstance(node, ast.Import):
            names |= {item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{item.name}" for item in node.names}
    return {name for name in names if name.startswith("predictions.") and file_of(name)}


@functools.cache
def portable() -> dict[str, ast.Module]:
    """Every module of ours that loading the roots loads, by name."""
    found: dict[str, ast.Module] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        path = file_of(name)
        if name in found or name in BARE or path is None:
            continue
        found[name] = ast.parse(path.read_text(), str(path))
        waiting += imported_by(found[name])
        package = name.rpartition(".")[0]
        waiting += [package] if package not in BARE else []
    return found


class Faults(ast.NodeVisitor):
    """Idioms that an old Python refuses when it runs them; what stands in annotations is never run."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def note(self, node: ast.AST, what: str) -> None:
        self.found.append(f"line {getattr(node, 'lineno', 0)}: {what}")

    def visit_If(self, node: ast.If) -> None:
        if is_for_types_only(node) or is_for_newer_pythons(node):
            for item in node.orelse:
                self.visit(item)
        else:
            self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        pass

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for item in [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults, *node.body]:
            if item is not None:
                self.visit(item)
        if node.args.posonlyargs:
            self.note(node, "arguments by position only")

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.note(node, "an assignment inside an expression")

    def visit_Match(self, node: ast.Match) -> None:
        self.note(node, "match")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in NEW_METHODS:
            self.note(node, node.attr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        for keyword in node.keywords:
            if keyword.arg in NEW_ARGUMENTS.get(name, ()):
                self.note(node, f"{name}({keyword.arg})")
        if name in ("isinstance", "issubclass") and any(
            isinstance(item, ast.BinOp) for item in ast.walk(node.args[1])
        ):
            self.note(node, f"{name} with a union")
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in BUILTIN_GENERICS:
            self.note(node, f"{node.value.id} in brackets")
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        new = NEW_IN_TYPING if node.module == "typing" else NEW_ELSEWHERE
        if node.module in ("typing", "functools", "math", "itertools"):
            for item in node.names:
                if item.name in new:
                    self.note(node, f"{node.module}.{item.name}")


class Generics(ast.NodeVisitor):
    """Names of collections.abc in brackets: aliases at the level of the module, which do run."""

    def __init__(self, tree: ast.Module) -> None:
        self.abstract = {
            item.name
            for node in statements_at_runtime(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "collections.abc"
            for item in node.names
        }
        self.found: list[str] = []

    def visit_Assign(self, node: ast.Assign) -> None:
        for part in ast.walk(node.value):
            if isinstance(part, ast.Subscript) and ast.unparse(part.value) in self.abstract:
                self.found.append(f"line {part.lineno}: {ast.unparse(part.value)} in brackets")


def faults_of(tree: ast.Module) -> list[str]:
    idioms, generics = Faults(), Generics(tree)
    for node in tree.body:
        idioms.visit(node)
        generics.visit(node)
    return idioms.found + generics.found


def test_the_modules_are_those_that_open_inspect_and_answer() -> None:
    names = set(portable())
    assert {"predictions.ml.opening", "predictions.ml.inspection", "predictions.signature.fields"} <= names
    onnx = {
        "predictions.ml.conversion",
        "predictions.ml.runtimes",
        "predictions.ml.graphs",
        "predictions.values",
    }
    assert not onnx & names


def test_no_module_has_syntax_newer_than_the_oldest_python() -> None:
    for name in portable():
        path = file_of(name)
        assert path is not None
        ast.parse(path.read_text(), name, feature_version=OLDEST)


def test_no_module_uses_what_the_oldest_python_lacks() -> None:
    found = {name: faults_of(tree) for name, tree in portable().items()}
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize(
    "line",
    [
        "zip([1], [2], strict=True)",
        "isinstance(1, int | str)",
        "from typing import Literal",
        "from functools import cache",
        "print(y := 1)",
        "'a'.removesuffix('b')",
        "X = list[int]",
        "from collections.abc import Callable\nX = Callable[[int], int]",
        "@dataclass(slots=True)\nclass A: pass",
        "def f(a, /): pass",
    ],
)
def test_what_the_oldest_python_lacks_is_seen(line: str) -> None:
    assert faults_of(ast.parse(line))


def test_every_portable_module_is_linted_for_the_oldest_python() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    targets = settings["tool"]["ruff"]["per-file-target-version"]
    listed: set[str] = set()
    for pattern in targets:
        folder, _, names = pattern.rpartition("/")
        stems = names.removesuffix(".py").strip("{}").split(",")
        listed |= {f"{folder}/{stem}".replace("/", ".") for stem in stems}
    modules = {name for name in portable() if file_of(name) != ROOT.joinpath(*name.split("."), "__init__.py")}
    assert listed == modules


def interpreters() -> list[Path]:
    """Other Pythons of this machine, as uv finds them: those that files of older scikit-learn versions need."""
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [str(uv), "python", "list", "--only-installed", "--offline", "--output-format", "json"],
        capture_output=True,
        text=True,
    )
    found: dict[tuple[int, ...], Path] = {}
    for item in json.loads(done.stdout) if done.returncode == 0 else []:
        version = tuple(map(int, item["version"].split(".")[:2]))
        if OLDEST <= version < sys.version_info[:2] and item["implementation"] == "cpython":
            found.setdefault(version, Path(item["path"]))
    return list(found.values())


COMPILING = """
import sys
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        compile(file.read(), path, "exec", dont_inherit=True)
"""


def test_the_older_pythons_of_this_machine_read_every_module(
    record_property: Callable[[str, object], None],
) -> None:
    files = [str(file_of(name)) for name in portable()]
    read = []
    for python in interpreters():
        done = subprocess.run([str(python), "-c", COMPILING, *files], capture_output=True, text=True)
        assert done.returncode == 0, f"{python.name}: {done.stderr}"
        read.append(python.name)
    # Said in the report of the run: a machine without older Pythons has only parsed them as such.
    record_property("read by", ", ".join(read) or "no older Python on this machine")
