"""What a build says: sentences, versions, seconds and answers as JSON."""

from __future__ import annotations

import platform
import sys
import time
from importlib import import_module
from typing import Any, Callable

from predictions.portable import RawAnswer
from predictions.signature.fields import Signature

ARTIFACT = "model.onnx"
Say = Callable[[str, str], None]

LIBRARIES = {
    "scikit-learn": "sklearn",
    "numpy": "numpy",
    "scipy": "scipy",
    "joblib": "joblib",
    "pandas": "pandas",
}
"""Distributions and their modules: what every build has loaded."""

MAY_BE_LOADED = {
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "skl2onnx": "skl2onnx",
    "skops": "skops",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "imbalanced-learn": "imblearn",
    "category-encoders": "category_encoders",
}
"""What is named when this build loaded it."""


def parity_in_words(parity: dict[str, Any]) -> str:
    """One sentence for the log: how many rows, how far apart, how many classes differ."""
    largest = parity["largest_difference"]
    size = "without bound" if largest is None else f"{largest:.1e}"
    return (
        f"{parity['rows']} rows compared: {parity['verdict']}, largest difference {size}, "
        f"{parity['label_mismatches']} classes differ."
    )


def answer_document(answer: RawAnswer, signature: Signature) -> dict[str, Any]:
    """An answer as JSON, for the build report."""
    if answer.outputs is not None:
        return {"outputs": dict(answer.outputs)}
    if answer.class_index is None:
        return {"value": answer.value}
    classes = signature.main_output.classes
    document: dict[str, Any] = {"label": classes[answer.class_index].value}
    if answer.probabilities is not None:
        document["probabilities"] = list(answer.probabilities)
    return document


def libraries() -> dict[str, str]:
    """Versions of what opened, converted and answered."""
    found = {name: _version(import_module(module)) for name, module in LIBRARIES.items()}
    found.update(
        (name, _version(sys.modules[module]))
        for name, module in MAY_BE_LOADED.items()
        if module in sys.modules
    )
    found["python"] = platform.python_version()
    return found


def _version(module: Any) -> str:
    return str(getattr(module, "__version__", ""))


def size_in_words(count: int) -> str:
    """For people: 1.2 MB, 34 kB."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, count // 1000)} kB"


class Clock:
    """Seconds between marks."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, name: str) -> None:
        """The seconds since the last mark are those of ``name``."""
        now = time.perf_counter()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now
