"""Own code beside a model file: who may bring it, and what is taken in. What is in it only the sandbox looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

from predictions import repository
from predictions.errors import BadModelFile, NotAllowed
from predictions.models import Source
from predictions.repository import Stored
from predictions.selectors import ml_models
from predictions.values import Actor

MAX_BYTES = 50_000_000
_LONGEST_MODULE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFile:
    """A wheel or zip of Python modules. ``main_module``: which of them defines what a script's ``__main__`` did."""

    stream: BinaryIO
    filename: str
    main_module: str = ""


def require_allowed(actor: Actor, code: CodeFile) -> None:
    """Raise NotAllowed for whoever may not bring code, BadModelFile for a module name that is none."""
    if not ml_models.may_bring_code(actor):
        raise NotAllowed(
            "Only an administrator can bring a code package; ask one to upload the model file together with it.",
            field="code",
        )
    module = code.main_module
    if module and not (
        len(module) <= _LONGEST_MODULE and all(part.isidentifier() for part in module.split("."))
    ):
        raise BadModelFile(
            "The main module is not a Python module's name; write it as in an import, such as app or package.app.",
            code="bad_main_module",
            field="main_module",
        )


def store(code: CodeFile, *, keys: list[str]) -> Stored:
    """Store the package; its key is added to ``keys``. Raises BadModelFile, TooLarge."""
    stored = repository.store(code.stream, kind="code", max_bytes=MAX_BYTES)
    keys.append(stored.key)
    if stored.size == 0:
        raise BadModelFile(
            "The code package is empty; bring a wheel or a zip of your modules.",
            code="empty_code",
            field="code",
        )
    return stored


def columns(code: CodeFile | None, stored: Stored | None, filename: str, actor: Actor) -> dict[str, Any]:
    """The columns of a source that tell what code came with it and who allowed it."""
    if code is None or stored is None:
        return {}
    return {
        "code_filename": filename,
        "code_key": stored.key,
        "code_sha256": stored.sha256,
        "code_main_module": code.main_module,
        "code_allowed_by_id": actor.user_id,
    }


def sentence(source: Source) -> str:
    """Who allowed the code of a source, for the build's log and report; empty without code."""
    if not source.code_key:
        return ""
    who = source.code_allowed_by
    name = who.get_username() if who is not None else "the operator"
    return f"Own code: {source.code_filename}, SHA-256 {source.code_sha256[:16]}…, allowed by {name}."
