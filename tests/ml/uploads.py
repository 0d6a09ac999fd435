"""Files as people bring them, good and hostile, for tests of the scan."""

from __future__ import annotations

import importlib.metadata
import io
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from predictions.errors import BadModelFile
from predictions.ml.scan import require_acceptable, scan_file

RUNNING = importlib.metadata.version("scikit-learn")
FITTED = make_pipeline(
    FunctionTransformer(np.log1p), StandardScaler(), RandomForestClassifier(5, random_state=0)
).fit(*load_iris(return_X_y=True, as_frame=True))


def refused(path: Path) -> BadModelFile:
    """What the site says to a file it does not take."""
    with pytest.raises(BadModelFile) as caught:
        require_acceptable(scan_file(path))
    return caught.value


def written(folder: Path, data: bytes, name: str = "upload.bin") -> Path:
    """The bytes as an uploaded file."""
    path = folder / name
    path.write_bytes(data)
    return path


class Calls:
    """Pickles as a call of ``function``; never opened by a test."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def raw(module: str, name: str, *tail: bytes) -> bytes:
    """A protocol 2 pickle that loads a global by name and goes on with ``tail``."""
    return b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\n" + b"".join(tail)


def joblib_bytes(estimator: Any) -> bytes:
    """The estimator as joblib writes it."""
    file = io.BytesIO()
    joblib.dump(estimator, file)
    return bytes(file.getvalue())


def onnx_bytes() -> bytes:
    """A small graph, as bytes."""
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 2]) for name in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])], "g", value[:1], value[1:]
    )
    return bytes(onnx.helper.make_model(graph, ir_version=10).SerializeToString())


def zipped(**members: bytes) -> bytes:
    """A ZIP archive; in its names, __ stands for / and _DOT_ for a dot."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), data)
    return file.getvalue()
