"""Boosters name their version and features in formats of their own; these are their beginnings, as they write them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from predictions.ml.scan import require_acceptable, scan_file
from tests.ml.uploads import written


def _ubj_text(text: str) -> bytes:
    return b"L" + len(text).to_bytes(8, "big") + text.encode()


def _ubj(names: list[str], version: tuple[int, int, int]) -> bytes:
    numbers = b"".join(b"i" + bytes([number]) for number in version)
    return (
        b"{" + _ubj_text("Config") + b"{" + _ubj_text("num_feature") + b"S" + _ubj_text("3")
        + _ubj_text("version") + b"[#L" + (3).to_bytes(8, "big") + numbers + b"}"
        + _ubj_text("feature_names") + b"[#L" + len(names).to_bytes(8, "big")
        + b"".join(b"S" + _ubj_text(name) for name in names)
        + bytes(300_000)
        + _ubj_text("version") + b"[#L" + (3).to_bytes(8, "big") + numbers + b"}}"
    )  # fmt: skip


def _pickled(module: str, name: str, state: dict[str, Any]) -> bytes:
    """An object of a library that is not here, in a state."""
    return (
        b"\x80\x03c" + module.encode() + b"\n" + name.encode() + b"\n)\x81"
        + pickle.dumps(state, 3)[2:-1] + b"b."
    )  # fmt: skip


XGBOOST_JSON = b'{"learner":{"feature_names":["age","b \\"c\\""],"learner_model_param":{"num_feature":"2"}},"version":[1,7,6]}'
LIGHTGBM = (
    "tree\nversion=v4\nnum_class=1\nfeature_names=age dose\nfeature_infos=[0:1] [0:1]\n" + "x" * 200_000
)
CATBOOST = (
    b'CBM1\0\0{"classes_count":0,"class_names":["no","yes"]}\0Git info:\n    Branch: tags/v1.2.10\n'
    + bytes(400_000)
)

CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, str]]] = {
    "xgboost": (
        "xgboost.core",
        {"handle": bytearray(_ubj(["age", "dose", "the sex"], (3, 1, 2)))},
        {"n_features_in": 3, "feature_names": ["age", "dose", "the sex"]},
        {"xgboost": "3.1.2"},
    ),
    "xgboost without names": (
        "xgboost.core",
        {"handle": bytearray(_ubj([], (2, 0, 3)))},
        {"n_features_in": 3},
        {"xgboost": "2.0.3"},
    ),
    "xgboost in JSON": (
        "xgboost.core",
        {"handle": bytearray(XGBOOST_JSON)},
        {"n_features_in": 2, "feature_names": ["age", 'b "c"']},
        {"xgboost": "1.7.6"},
    ),
    "lightgbm": (
        "lightgbm.basic",
        {"handle": LIGHTGBM},
        {"n_features_in": 2, "feature_names": ["age", "dose"]},
        {},
    ),
    "catboost": ("catboost.core", {"__model": CATBOOST}, {"classes": ["no", "yes"]}, {"catboost": "1.2.10"}),
}


@pytest.mark.parametrize("case", CASES)
def test_version_names_and_count_are_read_from_the_boosters_own_bytes(tmp_path: Path, case: str) -> None:
    module, state, facts, versions = CASES[case]
    name = "CatBoostClassifier" if "catboost" in module else "Booster"
    report = scan_file(written(tmp_path, _pickled(module, name, state)))
    require_acceptable(report)
    assert report.facts["library_versions"] == report.library_versions == versions
    assert {key: report.facts.get(key) for key in facts} == facts
