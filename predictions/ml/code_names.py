"""Which own classes a code package brings, read from its files without running any of them."""

from __future__ import annotations

import ast
import importlib.machinery
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from predictions.errors import BadModelFile
from predictions.ml.packs import Bounds, kind_of, unpack, visible
from predictions.ml.scan import ScanReport
from predictions.ml.scan_findings import OWN_CODE, shown

MAIN = "__main__"
BOUNDS = Bounds(entries=2_000, unpacked=200 << 20)
MOST_SOURCE_BYTES = 4 << 20
_ENDINGS = (".py", *importlib.machinery.EXTENSION_SUFFIXES)


@dataclass(frozen=True, slots=True)
class _Package:
    """An unpacked package seen from one folder inside it: dotted module name -> the file that holds it."""

    root: str
    modules: dict[str, Path]

    def holder(self, path: str) -> str | None:
        """The longest module name that a dotted path begins with."""
        parts = path.split(".")
        names = (".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
        return next((name for name in names if name in self.modules), None)


def admitted(
    report: ScanReport, package: Path, folder: Path, main_module: str
) -> tuple[ScanReport, dict[str, Any] | None, str]:
    """The report as it stands with the package beside the file, the document that activates it, and a sentence.

    Unpacks the package into ``folder``. Only own classes are lifted, and only those that the package holds; what is
    dangerous stays refused. The document is None when the file needs no own code. Raises BadModelFile:
    ``own_code_missing``, ``bad_code_package`` and those of ``unpack``.
    """
    if report.code != OWN_CODE:
        return report, None, "The code package was not used: the file needs no code of its own."
    own = report.own_code
    found = _opened(package, folder)
    chosen, main_module = _seen_from(found, own, main_module)
    _require_all(chosen, own, main_module)
    names = [path.partition(".")[2] for path in own if path.startswith(f"{MAIN}.")]
    document = {
        "root": chosen.root,
        "tops": sorted({name.partition(".")[0] for name in (*_modules_for(own), main_module) if name}),
        "main_module": main_module,
        "main_names": sorted({name.partition(".")[0] for name in names}),
        "classes": [shown(path) for path in own],
    }
    listed = ", ".join(shown(path.removeprefix(f"{MAIN}.")) for path in own[:5])
    lifted = replace(report, verdict="accept", code="", message="")
    return lifted, document, f"The code package brings what the file needs: {listed}."


def _modules_for(own: Iterable[str]) -> Iterator[str]:
    return (path.rpartition(".")[0] for path in own if not path.startswith(f"{MAIN}."))


def _opened(package: Path, folder: Path) -> dict[str, Path]:
    if kind_of(package) is None:
        raise BadModelFile(
            "The code package is neither a wheel nor a zip. Pack the folder with your modules and bring that.",
            code="bad_code_package",
        )
    folder.mkdir(mode=0o700)
    found = unpack(package, folder, BOUNDS)
    files = {name: found[name] for name in visible(found)}
    if not any(name.endswith(_ENDINGS) for name in files):
        raise BadModelFile(
            "The code package holds no Python modules. Pack the folder with your modules and bring that.",
            code="bad_code_package",
        )
    return files


def _seen_from(files: dict[str, Path], own: Sequence[str], main_module: str) -> tuple[_Package, str]:
    """The folder to import from, and the module that stands for ``__main__``: the highest folder that brings most."""
    best, best_main, most = _Package("", {}), main_module, -1
    for root in _roots(files):
        package = _Package(root, _modules(files, root))
        main = main_module or _main_module(package, own)
        score = sum(_is_brought(package, path, main) for path in own)
        if score > most:
            best, best_main, most = package, main, score
    return best, best_main


def _roots(files: Iterable[str]) -> list[str]:
    folders = {""}
    for name in files:
        if name.endswith(_ENDINGS):
            parts = name.split("/")[:-1]
            folders |= {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return sorted(folders, key=lambda folder: (folder.count("/") + bool(folder), folder))[:200]


def _modules(files: dict[str, Path], root: str) -> dict[str, Path]:
    prefix = f"{root}/" if root else ""
    found = {}
    for name, path in files.items():
        if name.startswith(prefix) and name.endswith(_ENDINGS):
            parts = name[len(prefix) :].split("/")
            parts[-1] = parts[-1].partition(".")[0]
            if parts[-1] == "__init__":
                parts.pop()
            if parts and all(part.isidentifier() for part in parts):
                found[".".join(parts)] = path
    return found


def _main_module(package: _Package, own: Sequence[str]) -> str:
    """The only module that defines everything the file looks for in ``__main__``; empty when there is no such one."""
    wanted = {path.split(".")[1] for path in own if path.startswith(f"{MAIN}.")}
    if not wanted:
        return ""
    fitting = [name for name, path in package.modules.items() if wanted <= _defined_in(path)]
    return fitting[0] if len(fitting) == 1 else ""


def _is_brought(package: _Package, path: str, main_module: str) -> bool:
    if not path.startswith(f"{MAIN}."):
        return package.holder(path) is not None
    module = package.modules.get(main_module)
    return module is not None and path.split(".")[1] in _bound_in(module)


def _require_all(package: _Package, own: Sequence[str], main_module: str) -> None:
    missing = [path for path in own if not _is_brought(package, path, main_module)]
    if not missing:
        return
    listed = ", ".join(shown(path.removeprefix(f"{MAIN}.")) for path in missing[:3])
    if not missing[0].startswith(f"{MAIN}."):
        words = f"The file needs {listed}, and the code package has no such module. Bring the package that it comes from."
    elif main_module:
        words = f"The module {shown(main_module)} of the code package does not define {listed}. Name the one that does."
    else:
        words = (
            f"The file was saved by a script that defines {listed} itself. Say which module of the code package defines "
            "it now (--main-module NAME)."
        )
    raise BadModelFile(words, code="own_code_missing", field="code")


def _defined_in(path: Path) -> set[str]:
    """Classes and functions that a module defines itself."""
    return {
        node.name
        for node in _statements(path)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _bound_in(path: Path) -> set[str]:
    """Every name that a module may hold: defined, imported or assigned on its outermost level."""
    names = _defined_in(path)
    for node in _statements(path):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def _statements(path: Path) -> list[ast.stmt]:
    """The outermost statements of a module; none for one that is compiled, too large or written for another Python."""
    if path.suffix != ".py" or path.stat().st_size > MOST_SOURCE_BYTES:
        return []
    try:
        return ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
