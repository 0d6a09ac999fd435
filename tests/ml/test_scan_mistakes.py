"""What people bring by mistake is named: other versions, other files, empty and cut ones."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import skops.io

from predictions.ml.scan import require_acceptable, scan_file
from tests.ml.uploads import FITTED, RUNNING, joblib_bytes, onnx_bytes, raw, refused, written, zipped


@pytest.mark.parametrize("write", [pickle.dumps, joblib_bytes])
def test_another_version_is_read_and_not_refused(tmp_path: Path, write: Any) -> None:
    data = write(FITTED).replace(RUNNING.encode(), b"0.9.9"[: len(RUNNING)].ljust(len(RUNNING), b"0"))
    report = scan_file(written(tmp_path, data))
    require_acceptable(report)
    assert report.sklearn_versions == ("0.9.9",)
    assert report.facts["library_versions"] == {"scikit-learn": "0.9.9"}


def test_a_library_without_an_environment_is_named(tmp_path: Path) -> None:
    error = refused(written(tmp_path, raw("pycaret.internal.pipeline", "Pipeline", b")\x81.")))
    assert (error.code, "pycaret" in error.message) == ("missing_library", True)


@pytest.mark.parametrize(
    ("module", "name", "library"),
    [
        ("xgboost.sklearn", "XGBClassifier", "xgboost"),
        ("lightgbm.sklearn", "LGBMClassifier", "lightgbm"),
        ("catboost.core", "CatBoostClassifier", "catboost"),
        ("imblearn.pipeline", "Pipeline", "imbalanced-learn"),
        ("category_encoders.target_encoder", "TargetEncoder", "category-encoders"),
    ],
)
def test_a_known_library_is_left_to_the_environment(
    tmp_path: Path, module: str, name: str, library: str
) -> None:
    report = scan_file(written(tmp_path, raw(module, name, b")\x81.")))
    require_acceptable(report)
    assert report.facts["libraries"] == [library]


MISTAKES = [
    (b"\x89HDF\r\n\x1a\n" + bytes(100), "Keras"),
    (zipped(archive__data_DOT_pkl=b"x", archive__version=b"3"), "PyTorch"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "PyTorch"),
    (struct.pack("<Q", 20) + b'{"w":{"dtype":"F32"}}' + bytes(16), "safetensors"),
    (b"GGUF" + bytes(100), "GGUF"),
    (b"age,bmi\n1,2\n3,4\n", "CSV"),
    (b"age;bmi\r\n1;2\r\n", "CSV"),
    (b'{"cells": [], "nbformat": 4}', "notebook"),
    (b'{"learner": {"attributes": {}}}', "XGBoost"),
    (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{", "XGBoost"),
    (b'{"a": 1}', "JSON"),
    (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
    (zipped(a_DOT_pkl=b"x"), "ZIP archive"),
    (zipped(config_DOT_json=b"x", model_DOT_weights_DOT_h5=b"x"), "Keras"),
    (gzip.compress(b"x" * 257 + b"ustar" + b"x" * 300), "archive"),
    (b"\x93NUMPY\x01\x00", "NumPy"),
    (b"import joblib\njoblib.dump(m, 'm')\n", "Python source"),
    (b"PAR1" + bytes(50), "Parquet"),
    (b"%PDF-1.7", "PDF"),
    (b"\x7fELF" + bytes(60), "program"),
    (b"tree\nversion=v4\n", "LightGBM"),
    (b"CBM1" + bytes(60), "CatBoost"),
    (b"ZF0x12", "joblib older"),
    (b"\x28\xb5\x2f\xfd" + bytes(60), "Zstandard"),
    (b"hello there", "text"),
    (bytes(range(256)), "not a model file"),
    (pickle.dumps([1, 2, {"a": "b"}]), "plain data"),
    (b"\x80\x05N.", "plain data"),
    (b"\x80\x09K\x01.", "damaged"),
    (raw("joblib.numpy_pickle", "NDArrayWrapper", b")\x81."), "other files"),
]


@pytest.mark.parametrize(("data", "words"), MISTAKES, ids=[words for _, words in MISTAKES])
def test_common_mistakes_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    error = refused(written(tmp_path, data, "model.joblib"))
    assert error.code == ("plain_data" if words == "plain data" else "not_a_model_file")
    assert words in error.message


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    assert refused(written(tmp_path, b"")).code == "empty"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95, 0.999])
def test_a_cut_file_is_told(tmp_path: Path, share: float) -> None:
    skops_path = tmp_path / "s"
    skops.io.dump(FITTED, skops_path)
    graph = onnx_bytes()
    for data in (
        pickle.dumps(FITTED),
        joblib_bytes(FITTED),
        gzip.compress(pickle.dumps(FITTED)),
        bz2.compress(pickle.dumps(FITTED)),
        lzma.compress(pickle.dumps(FITTED)),
        zlib.compress(joblib_bytes(FITTED)),
        lz4.frame.compress(joblib_bytes(FITTED)),
        skops_path.read_bytes(),
        graph,
    ):
        length = max(8, int(len(data) * share))
        if length < len(data):
            assert refused(written(tmp_path, data[:length])).code == "truncated", (data[:8], share)
