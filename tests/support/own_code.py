"""Files whose classes are their author's own, and the packages that hold those classes."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections.abc import Mapping
from types import ModuleType

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.ml.estimators import IRIS, IRIS_TARGET

TWICE = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Twice(TransformerMixin, BaseEstimator):
    def fit(self, rows, kinds=None):
        self.n_features_in_ = np.asarray(rows).shape[1]
        return self

    def transform(self, rows):
        return np.asarray(rows) * 2
"""


def file_of(module: str, code: str = TWICE, name: str = "Twice") -> tuple[bytes, list[int]]:
    """A pickle of a pipeline that begins with ``module.name``, and what it says about each iris flower.

    The module exists in this process only while the file is made.
    """
    parts = module.split(".")
    tops = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    before = {top: sys.modules.get(top) for top in tops}
    for top in tops:
        sys.modules[top] = ModuleType(top)
        sys.modules[top].__path__ = []
    try:
        exec(compile(code, module, "exec"), sys.modules[module].__dict__)
        own = getattr(sys.modules[module], name)()
        fitted = make_pipeline(own, LogisticRegression(max_iter=500)).fit(IRIS, IRIS_TARGET)
        return pickle.dumps(fitted), fitted.predict(IRIS).tolist()
    finally:
        for top, held in before.items():
            if held is None:
                del sys.modules[top]
            else:
                sys.modules[top] = held


def package_of(files: Mapping[str, str]) -> bytes:
    """A zip of modules."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


WHEEL = {
    "features/__init__.py": "",
    "features/steps.py": TWICE,
    "features-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: features\nVersion: 1.0\n",
}
