"""What boosters say about themselves in their own formats: version, feature names, number of features.

XGBoost keeps UBJSON or JSON (or, before 1.6, bytes with JSON behind them), LightGBM a text, CatBoost bytes with JSON
inside. Only the ends of long ones are kept, and all four name these things near an end.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from predictions.ml.scan_arrays import bytes_of
from predictions.ml.scan_symbols import Blob, Symbol, Table
from predictions.ml.scan_values import clean, number

NAMES_LIMIT = 4096
END = 1 << 16
_UBJ_VERSION = re.compile(rb"version\[(?:\$i)?#[iLlU][\0]*\x03i?(.)i?(.)i?(.)[}i]?", re.DOTALL)
_JSON_VERSION = re.compile(rb'"version":\s*\[(\d{1,3}),\s*(\d{1,4}),\s*(\d{1,4})\]')
_UBJ_NAMES = b"feature_names[#L"
_XGBOOST_COUNT = re.compile(rb'num_feature(?:SL\0{7}.|":\s?")(\d{1,8})', re.DOTALL)
_CATBOOST_CLASSES = re.compile(rb'"class_names":(\[(?:"(?:[^"\\]|\\.){0,200}",?|-?[\d.]{1,20},?)*\])')
_JSON_NAMES = re.compile(rb'"feature_names":\s*(\[(?:"(?:[^"\\]|\\.)*",?\s*)*\])')
_LIGHTGBM_NAMES = re.compile(rb"^feature_names=([^\n]*)$", re.MULTILINE)
_CATBOOST_VERSION = re.compile(rb"Branch:\s*tags/v(\d+\.\d+(?:\.\d+)?)|CatBoost release (\d+\.\d+(?:\.\d+)?)")
_KEYS: Final = {
    "xgboost": ("handle",),
    "lightgbm": ("handle", "_handle"),
    "catboost": ("__model", "_model", "model"),
}


def booster_facts(symbol: Symbol) -> dict[str, Any]:
    """``library``, and where the bytes say it ``version``, ``feature_names``, ``n_features``,
    ``classes``. Empty when it is no booster."""
    if symbol.booster is None:
        symbol.booster = _read(symbol)
    return symbol.booster


def _read(symbol: Symbol) -> dict[str, Any]:
    library = symbol.cls.top
    if library not in _KEYS:
        return {}
    found = next((symbol.state.items[key] for key in _KEYS[library] if key in symbol.state.items), None)
    ends = _ends(found)
    if not ends:
        return {}
    facts = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}[library](ends)
    return {"library": library, **{key: value for key, value in facts.items() if value}}


def _ends(value: Any) -> list[bytes]:
    if isinstance(value, Table):
        value = next(iter(value.items.values()), None)
    if isinstance(value, str):
        return [value.encode("utf-8", "replace")]
    if isinstance(value, Blob):
        return _both_ends(value.data) if value.data else [part for part in (value.head, value.tail) if part]
    whole = bytes_of(value)
    if whole is not None:
        return _both_ends(whole)
    inside = (value.arguments or (None,))[0] if isinstance(value, Symbol) else None
    return [part for part in (inside.head, inside.tail) if part] if isinstance(inside, Blob) else []


def _both_ends(data: bytes) -> list[bytes]:
    return [data] if len(data) <= 2 * END else [data[:END], data[-END:]]


def _xgboost(ends: list[bytes]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for part in ends:
        json_version = _JSON_VERSION.search(part)
        ubj_version = _UBJ_VERSION.search(part)
        if json_version:
            facts["version"] = ".".join(str(int(number)) for number in json_version.groups())
        elif ubj_version:
            facts["version"] = ".".join(str(number[0]) for number in ubj_version.groups())
        facts["feature_names"] = facts.get("feature_names") or _ubj_names(part) or _json_names(part)
        counts = [int(found) for found in _XGBOOST_COUNT.findall(part)[:20]]
        facts["n_features"] = max([facts.get("n_features", 0), *counts])
    return facts


def _json_names(part: bytes) -> list[str]:
    found = _JSON_NAMES.search(part)
    return _listed(found[1]) if found else []


def _ubj_names(part: bytes) -> list[str]:
    """UBJSON: a counted array of texts, each "SL" or "L" with an eight-byte length before it."""
    start = part.find(_UBJ_NAMES)
    if start < 0:
        return []
    place = start + len(_UBJ_NAMES)
    count = int.from_bytes(part[place : place + 8], "big")
    place += 8
    names: list[str] = []
    for _ in range(min(count, NAMES_LIMIT)):
        if part[place : place + 1] == b"S":
            place += 1
        length = int.from_bytes(part[place + 1 : place + 9], "big")
        text = part[place + 9 : place + 9 + length]
        if part[place : place + 1] != b"L" or len(text) < length:
            return []
        names.append(clean(text.decode("utf-8", "replace")))
        place += 9 + length
    return names


def _lightgbm(ends: list[bytes]) -> dict[str, Any]:
    found = _LIGHTGBM_NAMES.search(ends[0])
    names = [clean(name) for name in found[1].decode("utf-8", "replace").split(" ")] if found else []
    # LightGBM joins names with spaces and gives columns without names these.
    if names and not all(name == f"Column_{place}" for place, name in enumerate(names)):
        return {"feature_names": names, "n_features": len(names)}
    return {"n_features": len(names)}


def _catboost(ends: list[bytes]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for part in ends:
        version = _CATBOOST_VERSION.search(part)
        if version:
            facts["version"] = (version[1] or version[2]).decode()
        for classes in _CATBOOST_CLASSES.findall(part)[:20]:
            facts["classes"] = _listed(classes) or facts.get("classes")
    return facts


def _listed(text: bytes) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [clean(item) if isinstance(item, str) else number(item) for item in found[:NAMES_LIMIT]]
