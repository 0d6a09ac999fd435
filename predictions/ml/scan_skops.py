"""The names and versions in a skops file: its schema is JSON, of its arrays only small ones are read."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from predictions.ml.scan_machine import Findings, NotReadError
from predictions.ml.scan_opcodes import VERSION_KEY
from predictions.ml.scan_skops_symbols import Symbols
from predictions.ml.scan_streams import EXPANDED_LIMIT, RATIO_FLOOR, RATIO_LIMIT, BombError
from predictions.ml.scan_symbols import Global

SCHEMA = "schema.json"
SCHEMA_LIMIT = 64 << 20


def read_skops(path: Path) -> Findings:
    """What the file names. Raises BombError, or NotReadError when the schema is not what skops writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_bomb(archive)
            with archive.open(SCHEMA) as member:
                text = member.read(SCHEMA_LIMIT + 1)
            if len(text) > SCHEMA_LIMIT:
                raise BombError
            return _findings(json.loads(text), archive)
    except (ValueError, RecursionError, KeyError, OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise NotReadError from error


def _findings(schema: Any, archive: zipfile.ZipFile) -> Findings:
    if not isinstance(schema, dict) or "__class__" not in schema:
        raise NotReadError
    findings = Findings(top=f"{schema.get('__module__')}.{schema['__class__']}")
    _walk(schema, findings)
    findings.root = Symbols(archive).of(schema)
    return findings


def _refuse_bomb(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    expanded = sum(part.file_size for part in parts)
    stored = sum(part.compress_size for part in parts)
    if expanded > EXPANDED_LIMIT or (expanded > RATIO_FLOOR and expanded > RATIO_LIMIT * max(stored, 1)):
        raise BombError


def _walk(schema: dict[str, Any], findings: Findings) -> None:
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(item for item in node if isinstance(item, dict | list))
        elif isinstance(node, dict):
            _note(node, findings)
            waiting.extend(item for item in node.values() if isinstance(item, dict | list))


def _note(node: dict[str, Any], findings: Findings) -> None:
    name, module = node.get("__class__"), node.get("__module__")
    if isinstance(name, str) and isinstance(module, str):
        findings.globals[Global(module, name)] = None
        content = node.get("content")
        if node.get("__loader__") == "MethodNode" and isinstance(content, dict):
            findings.globals[Global(module, f"{name}.{content.get('func')}")] = None
    version = node.get(VERSION_KEY)
    if isinstance(version, dict) and isinstance(version.get("content"), str):
        findings.note_version(version["content"].strip('"'))
