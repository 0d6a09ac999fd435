"""An MLflow model folder: which of its files is the model, what it takes, and rows to show it with.

Reads only ``MLmodel`` and the input example, as data. What the model file is, its own bytes decide.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from predictions.errors import BadModelFile
from predictions.ml.declared import DeclaredColumn, declared_columns

DESCRIPTION = "MLmodel"
MOST_BYTES = 4 << 20
"""Of the description and of the example; real ones have a few kilobytes."""
MOST_EXAMPLE_ROWS = 2000

FLAVORS: Final = ("sklearn", "onnx", "xgboost", "lightgbm", "catboost")
"""Flavors whose model file may be one this site opens, in the order in which they are looked for."""
_FILE_KEYS = ("pickled_model", "data", "model_data", "model_path")
_EXPORT = "Export the network as ONNX and bring that file."
_OTHERS: Final = {
    "pytorch": _EXPORT,
    "tensorflow": _EXPORT,
    "keras": _EXPORT,
    "transformers": _EXPORT,
    "sentence_transformers": _EXPORT,
    "fastai": _EXPORT,
    "paddle": _EXPORT,
    "spark": "Train it with scikit-learn, or export it as ONNX.",
    "statsmodels": "Bring a scikit-learn estimator, or export it as ONNX.",
    "prophet": "Bring a scikit-learn estimator, or export it as ONNX.",
    "h2o": "Export it as ONNX and bring that file.",
}
_OWN_CODE = (
    "This MLflow folder holds a function of its author (python_function), not a model file. "
    "Save the estimator behind it with mlflow.sklearn.save_model and bring that folder."
)


@dataclass(frozen=True, slots=True)
class MlflowFolder:
    """``model``: the name of the model file in the archive. ``claimed``: versions that the folder claims, as a hint.

    ``example``: a CSV text with a header, None when the folder has no example with column names.
    """

    model: str
    flavor: str
    claimed: Mapping[str, str]
    columns: tuple[DeclaredColumn, ...]
    example: str | None


def description_in(names: Sequence[str]) -> str | None:
    """The name of the archive's ``MLmodel``, None when it has none. Raises BadModelFile when it has several."""
    found = [name for name in names if name.rpartition("/")[2] == DESCRIPTION]
    if len(found) > 1:
        raise BadModelFile(
            f"This archive holds {len(found)} MLflow folders. Pack the one with the model you want, and bring that.",
            code="several_models",
        )
    return found[0] if found else None


def read_folder(files: Mapping[str, Path], description: str) -> MlflowFolder:
    """What the folder around ``description`` says. Raises BadModelFile: ``bad_archive``, ``not_a_model_file``."""
    said = _described(files[description])
    root = description.rpartition("/")[0]
    flavors = _mapping(said.get("flavors"))
    flavor = next((name for name in FLAVORS if name in flavors), None)
    if flavor is None:
        raise BadModelFile(_words_for(flavors), code="not_a_model_file")
    settings = _mapping(flavors[flavor])
    columns = declared_columns(_mapping(said.get("signature")).get("inputs"))
    return MlflowFolder(
        model=_model_file(files, root, settings, _mapping(flavors.get("python_function"))),
        flavor=flavor,
        claimed={
            key: str(value)[:40]
            for key, value in settings.items()
            if key.endswith("_version") and isinstance(value, str | int | float)
        },
        columns=columns,
        example=_example(files, root, _mapping(said.get("saved_input_example_info")), columns),
    )


def _described(path: Path) -> Mapping[str, Any]:
    try:
        said = yaml.safe_load(_small(path).decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadModelFile(
            "The MLmodel file of this MLflow folder cannot be read. Save the model with MLflow again.",
            code="bad_archive",
        ) from error
    return _mapping(said)


def _small(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError("larger than any real one")
    return data


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _words_for(flavors: Mapping[str, Any]) -> str:
    for name, advice in _OTHERS.items():
        if name in flavors:
            return f"This MLflow folder holds a {name} model, which this site cannot open. {advice}"
    return _OWN_CODE


def _model_file(
    files: Mapping[str, Path], root: str, settings: Mapping[str, Any], loader: Mapping[str, Any]
) -> str:
    """The file that the flavor names; failing that the one for python_function. Of a folder: the ONNX graph in it."""
    stated = [settings.get(key) for key in _FILE_KEYS] + [loader.get("model_path"), loader.get("data")]
    for name in stated:
        if isinstance(name, str):
            full = "/".join(part for part in (root, name.removeprefix("./").rstrip("/")) if part)
            if full in files:
                return full
            inside = [each for each in files if each.startswith(f"{full}/") and each.endswith(".onnx")]
            if len(inside) == 1:
                return inside[0]
    wanted = next((name for name in stated if isinstance(name, str)), "the model file")
    raise BadModelFile(
        f"This MLflow folder names the file {_shown(wanted)}, which is not in it. Pack the whole folder and bring that.",
        code="bad_archive",
    )


def _example(
    files: Mapping[str, Path], root: str, info: Mapping[str, Any], columns: Sequence[DeclaredColumn]
) -> str | None:
    """The input example as a CSV text; None when there is none, or one without names. A broken one is as good as none."""
    stated = info.get("artifact_path")
    name = stated if isinstance(stated, str) else "input_example.json"
    path = files.get("/".join(part for part in (root, name) if part))
    if path is None:
        return None
    try:
        header, rows = _table_of(json.loads(_small(path)))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not header and columns and rows and len(rows[0]) == len(columns):
        header = [column.name for column in columns]
    if not header or not rows or any(len(row) != len(header) for row in rows):
        return None
    return _csv_of(header, rows[:MOST_EXAMPLE_ROWS])


def _table_of(value: Any) -> tuple[list[str], list[list[Any]]]:
    """pandas' "split" (with and without names), rows as objects, or a matrix under ``inputs``, with parameters or not."""
    if isinstance(value, Mapping) and "inputs" in value:
        value = value["inputs"]
    if isinstance(value, Mapping) and "dataframe_split" in value:
        value = value["dataframe_split"]
    if isinstance(value, Mapping) and "data" in value:
        return [str(name) for name in value.get("columns", ())], [list(row) for row in value["data"]]
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        header = list(value[0])
        return [str(name) for name in header], [[row.get(name) for name in header] for row in value]
    if isinstance(value, list) and all(isinstance(row, list) for row in value):
        return [], value
    raise ValueError("no table")


def _csv_of(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str | None:
    if len(set(header)) != len(header) or any(
        isinstance(cell, list | Mapping) for row in rows for cell in row
    ):
        return None
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([[_cell(cell) for cell in row] for row in rows])
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:80]
