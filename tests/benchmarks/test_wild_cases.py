"""How answers are held against the native ones, and what the tables say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import wild, wild_cases
from benchmarks.wild import Outcome


def case_in(folder: Path, **changes: Any) -> wild_cases.Case:
    """A case written the way they come."""
    unit = {"files": ["a.pkl"], "class": "N", "sklearn": "1.3.2", "task": "classification"}
    expected = {"predict": [1, 0], "predict_proba": [[0.2, 0.8], [0.9, 0.1]], "classes": [0, 1]}
    for name in ("task",):
        unit.update({name: changes[name]} if name in changes else {})
    expected.update({key: value for key, value in changes.items() if key != "task"})
    home = folder / "w1"
    home.mkdir()
    (home / "unit.json").write_text(json.dumps(unit))
    (home / "expected.json").write_text(json.dumps(expected))
    (home / "rows.json").write_text("[[1, 2], [3, 4]]")
    (home / "a.pkl").write_bytes(b"x")
    return wild_cases.found_in(folder)[0]


def test_a_right_answer_has_no_fault(tmp_path: Path) -> None:
    case = case_in(tmp_path)
    answer = {"label": 1, "probabilities": {"0": 0.20004, "1": 0.79996}}
    assert wild_cases.faults(case, 0, answer) == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"label": 0, "probabilities": {"0": 0.2, "1": 0.8}}, "label"),
        ({"label": 1, "probabilities": {"0": 0.21, "1": 0.79}}, "probabilities"),
        ({"label": 1, "probabilities": {"0": 0.8, "1": 0.2}}, "probabilities"),
        ({"label": 1, "probabilities": {"no": 0.2, "yes": 0.8}}, "probabilities"),
        ({"label": 1}, "probabilities"),
        ({}, "label"),
    ],
)
def test_whatever_differs_is_told(tmp_path: Path, answer: dict[str, Any], fault: str) -> None:
    assert fault in wild_cases.faults(case_in(tmp_path), 0, answer)


def test_numbers_are_compared_relatively(tmp_path: Path) -> None:
    case = case_in(tmp_path, task="regression", predict=[100.0, [1.0, 2.0]], predict_proba=None, classes=None)
    assert wild_cases.faults(case, 0, {"value": 100.009}) == []
    assert wild_cases.faults(case, 0, {"value": 100.02}) == ["value"]
    assert wild_cases.faults(case, 0, {"value": None}) == ["value"]
    assert wild_cases.faults(case, 1, {"value": [1.0, 2.0]}) == []
    assert wild_cases.faults(case, 1, {"value": [1.0]}) == ["shape"]


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), ("1", 1), ("1.0", 1), ("yes", "yes"), (True, "True")])
def test_one_class_has_several_spellings(one: Any, other: Any) -> None:
    assert wild_cases.same_label(one, other)


def test_other_classes_are_other_classes() -> None:
    assert not wild_cases.same_label("a", "b")
    assert not wild_cases.same_label(None, 0)


def test_totals_count_by_class_and_together() -> None:
    outcomes = [
        Outcome("w1", "N", "1.3.2", verdict="right", seconds=3.0, runtime="onnx"),
        Outcome("w2", "N", "1.3.2", verdict="wrong", seconds=5.0, runtime="native", environment_seconds=4.0),
        Outcome("w3", "S", "1.3.2"),
    ]
    lines = wild.totals(outcomes)
    assert "| N | 2 | 1 (50%) | 1 | 0 |" in lines
    assert "| S | 1 | 0 (0%) | 0 | 1 |" in lines
    assert "| all | 3 | 1 (33%) | 1 | 1 |" in lines
    assert "| made for it | 1 | 5.0 | 5.0 |" in wild.times(outcomes)
    assert "| there already | 1 | 3.0 | 3.0 |" in wild.times(outcomes)


def test_outliers_are_called_by_their_words(tmp_path: Path) -> None:
    case = case_in(tmp_path, task="outlier", predict=[1, -1], predict_proba=None, classes=None)
    assert wild_cases.faults(case, 0, {"label": "normal"}) == []
    assert wild_cases.faults(case, 1, {"label": "normal"}) == ["label"]
    assert wild_cases.faults(case, 1, {"label": "anomaly"}) == []
