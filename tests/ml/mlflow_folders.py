"""Folders as MLflow writes them, packed as people bring them."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

PYTHON_FUNCTION = {
    "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    "loader_module": "mlflow.sklearn",
    "model_path": "model.pkl",
    "predict_fn": "predict",
    "python_version": "3.11.7",
}


def description(
    *,
    flavors: Mapping[str, Any] | None = None,
    columns: Sequence[Mapping[str, Any]] | None = None,
    example: bool = False,
) -> str:
    """An ``MLmodel`` file; the sklearn flavor with a pickle unless told otherwise."""
    sklearn = {
        "code": None,
        "pickled_model": "model.pkl",
        "serialization_format": "cloudpickle",
        "sklearn_version": "1.9.1",
    }
    said: dict[str, Any] = {
        "artifact_path": "model",
        "flavors": {"python_function": PYTHON_FUNCTION, "sklearn": sklearn} if flavors is None else flavors,
        "mlflow_version": "3.1.0",
        "model_size_bytes": 1019,
        "model_uuid": "0d5f5a5c6a5d4e6a8a0b7e0b3b0b7f5e",
        "utc_time_created": "2026-05-28 20:55:36.065975",
    }
    if columns is not None:
        said["signature"] = {
            "inputs": json.dumps(columns),
            "outputs": '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]',
            "params": None,
        }
    if example:
        said["saved_input_example_info"] = {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
        }
    return yaml.safe_dump(said, default_flow_style=False)


def folder_of(estimator: Any, example: Any = None, **said: Any) -> dict[str, bytes]:
    """The files of a saved model by their names in the archive, below ``model/``."""
    files = {
        "model/MLmodel": description(example=example is not None, **said).encode(),
        "model/model.pkl": pickle.dumps(estimator),
        "model/conda.yaml": b"channels:\n- conda-forge\n",
        "model/python_env.yaml": b"python: 3.11.7\n",
        "model/requirements.txt": b"mlflow==3.1.0\nscikit-learn==1.2.2\n",
    }
    if example is not None:
        files["model/input_example.json"] = json.dumps(example).encode()
        files["model/serving_input_example.json"] = json.dumps({"dataframe_split": example}).encode()
    return files


def zipped(files: Mapping[str, bytes | str], path: Path, **options: Any) -> Path:
    """The files as a zip."""
    with zipfile.ZipFile(path, "w", options.pop("compression", zipfile.ZIP_DEFLATED), **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(files: Mapping[str, bytes], path: Path, mode: str = "w:gz") -> Path:
    """The files as a compressed tar."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path
