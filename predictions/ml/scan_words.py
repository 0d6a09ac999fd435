"""What was read from one or several files, in lines for people: what they hold, how they go together, what is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from predictions.ml.scan import ScanReport
from predictions.ml.scan_summary import final_of

LISTED = 8
_TASKS = {
    "classification": "a class",
    "regression": "a number",
    "outlier": "whether a row is unusual",
    "clustering": "a group",
}
_CODES_LIMIT = 20


def explain(reports: Sequence[ScanReport], names: Sequence[str]) -> list[str]:
    """Lines about the files called ``names``; nothing was opened to know this."""
    lines: list[str] = []
    for name, report in zip(names, reports, strict=True):
        lines += [f"{name}: {_kind(report)}", *(f"  {line}" for line in _file_lines(report))]
    good = [(name, report) for name, report in zip(names, reports, strict=True) if report.verdict == "accept"]
    if len(good) == len(reports):
        lines += _unit_lines(good)
    return lines


def _kind(report: ScanReport) -> str:
    if report.format == "unknown":
        return report.message
    packed = f", compressed with {report.compression}" if report.compression else ""
    top = report.facts.get("top", {})
    what = top.get("class") or {"dict": "a bundle", "tuple": "a bundle", "graph": "an ONNX graph"}.get(
        top.get("kind", ""), report.top.rpartition(".")[2]
    )
    return f"{what} ({report.format}{packed}, {report.size:,} bytes)"


def _file_lines(report: ScanReport) -> list[str]:
    if report.format == "unknown":
        return []
    facts = report.facts
    lines = [f"Refused: {report.message}"] if report.verdict == "refuse" else []
    versions = facts.get("library_versions", {})
    made = [f"{library} {version}" for library, version in versions.items()]
    others = [
        library for library in facts.get("libraries", []) if library not in versions and library != "joblib"
    ]
    made += [
        f"numpy {facts['numpy']}" if library == "numpy" and facts.get("numpy") else library
        for library in others
    ]
    if made:
        lines.append(f"Made with {_listed(made)}.")
    if len(report.sklearn_versions) > 1:
        lines.append(f"Its parts were made with different versions: {_listed(report.sklearn_versions)}.")
    lines += _inside(facts.get("object", {}), facts.get("predictor", ""))
    if report.format == "onnx":
        lines += [
            f"{word}: {_listed(_values(facts.get(key, [])))}."
            for word, key in (("Takes", "inputs"), ("Gives", "outputs"))
        ]
    return lines


def _values(items: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"{item['name']} ({item['type']} {item['shape'] if item['shape'] is not None else ''})"
        for item in items
    ]


def _inside(node: dict[str, Any], predictor: str) -> list[str]:
    lines: list[str] = []
    for step in node.get("steps", []):
        lines.append(f"Step {step['name']}: {step.get('class', step.get('word', step['kind']))}")
        lines += [f"  {_part(part)}" for part in step.get("parts", [])]
    lines += [_part(part) for part in node.get("parts", [])]
    items = node.get("items")
    if isinstance(items, dict):
        lines += [
            f"{key}: {_item(item)}{' (answers)' if key == predictor else ''}" for key, item in items.items()
        ]
    elif isinstance(items, list):
        lines += [f"{place + 1}. {_item(item)}" for place, item in enumerate(items)]
    return lines[:60]


def _part(part: dict[str, Any]) -> str:
    steps = [step.get("class", step["kind"]) for step in part.get("steps", [])]
    what = " → ".join(steps) or part.get("class") or part.get("word") or part["kind"]
    columns = part.get("columns")
    return f"{part['name']}: {what} of {_listed(columns) if columns else 'the rest'}"


def _item(item: dict[str, Any]) -> str:
    if "class" in item:
        return str(item["class"])
    if item["kind"] == "values" or (item["kind"] == "array" and isinstance(item.get("values"), list)):
        return f"a list: {_listed(item['values'] or [])}"
    return str(item["value"]) if "value" in item else str(item["kind"])


def _unit_lines(files: Sequence[tuple[str, ScanReport]]) -> list[str]:
    order = chain(files)
    lines = [""]
    if len(order) > 1:
        lines.append("Together: " + " → ".join(_stage(name, report) for name, report in order))
    first, last = order[0][1].facts, order[-1][1].facts
    return [*lines, *_input_lines(first), *_output_lines(last), *_questions(first, last)]


def chain(files: Sequence[tuple[str, ScanReport]]) -> list[tuple[str, ScanReport]]:
    """The files in the order a row goes through them: what prepares first, what answers last."""
    return sorted(files, key=lambda item: _place(item[1]))


def _place(report: ScanReport) -> int:
    node = report.facts.get("object", {})
    kind = node.get("kind", "")
    if kind in ("columns", "union", "transformer"):
        return 0
    if kind == "pipeline":
        return 0 if final_of(node)["kind"] in ("columns", "union", "transformer", "word") else 2
    return 1 if kind in ("values", "array") else 2


def _stage(name: str, report: ScanReport) -> str:
    count = report.facts.get("n_features_in")
    what = report.facts.get("top", {}).get("class") or name
    return f"{what} ({count} columns in)" if count is not None else what


def _input_lines(facts: dict[str, Any]) -> list[str]:
    names, count = facts.get("feature_names"), facts.get("n_features_in")
    used = facts.get("inputs_used")
    lines = []
    if names:
        lines.append(f"Asks for {len(used or names)} values: {_listed(used or names)}.")
        if used and len(used) < len(names):
            lines.append(f"Does not use {_listed([name for name in names if name not in used])}.")
    elif count is not None:
        lines.append(f"Asks for {count} values.")
    for column, choices in list(facts.get("choices", {}).items())[:LISTED]:
        lines.append(f"Choices of {column}: {_listed(choices)}.")
    return lines


def _output_lines(facts: dict[str, Any]) -> list[str]:
    task, classes = facts.get("task"), facts.get("classes")
    if classes:
        return [f"Answers one of {len(classes)} classes: {_listed(classes)}."]
    return [f"Answers {_TASKS[task]}."] if task in _TASKS else []


def _questions(first: dict[str, Any], last: dict[str, Any]) -> list[str]:
    """What the files do not say and a person has to."""
    asked = []
    if "feature_names" not in first and first.get("n_features_in") is not None:
        asked.append(
            f"What are its {first['n_features_in']} columns called? Give --sample with a table of as many columns."
        )
    classes = last.get("classes", [])
    if classes and len(classes) <= _CODES_LIMIT and all(isinstance(item, int | float) for item in classes):
        asked.append(f"What do the classes {_listed(classes)} stand for?")
    return [f"Question: {line}" for line in asked]


def _listed(items: Sequence[Any]) -> str:
    shown = [str(item) for item in items[:LISTED]]
    return ", ".join(shown) + (f" and {len(items) - LISTED} more" if len(items) > LISTED else "")
