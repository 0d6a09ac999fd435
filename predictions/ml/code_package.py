"""Own code beside a model file, made importable. Only in the confined process of that one unit; Python 3.7 runs it.

What the package brings was listed before, without running any of it (``code_names``).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from predictions.errors import BadModelFile
from predictions.ml.packs import unpack

_active: list[str] = []
"""Top-level modules that came with the file of this process; empty where no code package is in use."""


def provide(package: Path, folder: Path, documents: Sequence[Mapping[str, Any]]) -> None:
    """Unpack ``package`` into ``folder`` and make it importable for each file that needs it, see ``activate``."""
    folder.mkdir(mode=0o700)
    unpack(package, folder)
    for document in documents:
        activate(folder, document)


def activate(folder: Path, document: Mapping[str, Any]) -> None:
    """Make an unpacked package importable. ``document``: as ``code_names.admitted`` returns it.

    Behind everything that is installed, so that it replaces nothing. Raises BadModelFile: ``code_name_taken``,
    ``own_code_failed``.
    """
    tops = [str(top) for top in document.get("tops", ())]
    for top in set(tops) - set(_active):
        if top in sys.modules or importlib.util.find_spec(top) is not None:
            raise BadModelFile(
                f"The code package brings a module {top}, and this site has another of that name. Rename it, save the "
                "model file again, and bring both.",
                code="code_name_taken",
            )
    root = str(document.get("root", ""))
    sys.path.append(str(folder.joinpath(*root.split("/")) if root else folder))
    importlib.invalidate_caches()
    _active.extend(tops)
    main = str(document.get("main_module", ""))
    if main:
        _lend_to_main(main, [str(name) for name in document.get("main_names", ())])


def provides(type_name: str) -> bool:
    """Whether a dotted name comes from the code package of this process."""
    return type_name.partition(".")[0] in _active


def is_active() -> bool:
    """Whether this process runs own code of its file."""
    return bool(_active)


def failed(error: BaseException) -> BadModelFile:
    """What to say when own code raised; never its message, which may hold data."""
    if isinstance(error, ModuleNotFoundError):
        return BadModelFile(
            f"The code package needs the module {_shown(error.name or 'of another library')}, which is neither in it nor "
            "on this site. Put it into the package, or do without it.",
            code="own_code_failed",
        )
    return BadModelFile(
        f"The code of the code package stopped with {_shown(type(error).__name__)} when the model file was opened. "
        "Bring the package in the version that the file was saved with.",
        code="own_code_failed",
    )


def _lend_to_main(module_name: str, names: Sequence[str]) -> None:
    """Let ``__main__.Name`` mean ``module.Name``: files saved by a script call its classes so."""
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise failed(error) from error
    main: dict[str, Any] = sys.modules["__main__"].__dict__
    for name in names:
        if not hasattr(module, name):
            raise BadModelFile(
                f"The module {_shown(module_name)} of the code package has no {_shown(name)}, which the model file "
                "needs. Name the module that defines it.",
                code="own_code_missing",
            )
        main[name] = getattr(module, name)


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:80]
