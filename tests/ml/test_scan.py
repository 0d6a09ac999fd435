"""The scan reads every kind of file to its end and lets estimators through."""

from __future__ import annotations

import json
import pickle
import pickletools
import subprocess
import sys
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.stats
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.discovery import all_estimators
from threadpoolctl import threadpool_limits

from predictions.ml.scan import ScanReport, require_acceptable, scan_file
from tests.ml.uploads import FITTED, RUNNING, joblib_bytes, onnx_bytes, written


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle_of_any_protocol_is_read_to_its_end(tmp_path: Path, protocol: int) -> None:
    report = scan_file(written(tmp_path, pickle.dumps(FITTED, protocol)))
    require_acceptable(report)
    assert report.format == "pickle"
    assert report.top == "sklearn.pipeline.Pipeline"
    assert report.sklearn_versions == (RUNNING,)
    assert "sklearn.ensemble._forest.RandomForestClassifier" in report.globals
    assert "sklearn.tree._tree.Tree" in report.globals


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3), ("lz4", 3)]
)
def test_joblib_with_arrays_between_opcodes_is_read_to_its_end(
    tmp_path: Path, compress: Any, protocol: int
) -> None:
    path = tmp_path / "upload"
    joblib.dump(FITTED, path, compress=compress, protocol=protocol)
    report = scan_file(path)
    require_acceptable(report)
    assert report.format == "joblib"
    assert report.compression == (compress[0] if compress else None)
    assert report.top == "sklearn.pipeline.Pipeline"
    assert "sklearn.tree._tree.Tree" in report.globals
    assert "numpy" in report.libraries


@pytest.mark.parametrize(
    "array",
    [
        np.arange(7.0),
        np.zeros((0, 3)),
        np.array(3.5),
        np.asfortranarray(np.ones((3, 2), dtype=np.float32)),
        np.array(["a", "bcd"]),
        np.array([b"a", b"bcd"]),
        np.array(["a", None, 3], dtype=object),
        np.array([(1, 2.0), (3, 4.0)], dtype=[("x", "<i8"), ("y", "<f4")]),
        np.array([(1, "x")], dtype=[("a", "<i4"), ("b", "O")]),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
        np.array([1 + 2j]),
        np.arange(6, dtype=">i2"),
        np.array([True, False]),
    ],
    ids=lambda array: str(array.dtype),
)
def test_what_follows_an_array_of_any_type_is_still_seen(tmp_path: Path, array: Any) -> None:
    path = tmp_path / "upload"
    joblib.dump({"first": array, "then": LinearRegression()}, path)
    report = scan_file(path)
    require_acceptable(report)
    assert "sklearn.linear_model._base.LinearRegression" in report.globals


def test_common_estimators_are_let_through(tmp_path: Path) -> None:
    rows, truth = load_iris(return_X_y=True, as_frame=True)
    table = rows.assign(kind=np.where(truth > 0, "a", "b"))
    mixed = ColumnTransformer(
        [("words", OneHotEncoder(handle_unknown="ignore"), ["kind"])], remainder="passthrough"
    )
    search = RandomizedSearchCV(
        LogisticRegression(max_iter=200),
        {"C": scipy.stats.uniform(0.1, 2), "fit_intercept": [True]},
        n_iter=2,
    )
    texts = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good day", "bad day"], [1, 0])
    estimators = [
        make_pipeline(mixed, KNeighborsClassifier()).fit(table, truth),
        HistGradientBoostingClassifier(max_iter=2).fit(rows, truth),
        GradientBoostingClassifier(n_estimators=2).fit(rows, truth),
        search.fit(rows, truth),
        texts,
        {"model": LinearRegression().fit(rows, truth), "columns": rows.columns, "sample": table},
    ]
    for place, estimator in enumerate(estimators):
        for name, write in (("pickle", pickle.dumps), ("joblib", joblib_bytes)):
            require_acceptable(scan_file(written(tmp_path, write(estimator), f"{name}{place}")))


@pytest.mark.filterwarnings("ignore")
def test_every_estimator_of_scikit_learn_is_let_through(tmp_path: Path) -> None:
    rows, truth = load_iris(return_X_y=True, as_frame=True)
    seen = 0
    for name, kind in all_estimators():
        try:
            estimator = kind(LogisticRegression()) if "estimator" in signature(kind).parameters else kind()
        except TypeError:
            continue
        with suppress(Exception), threadpool_limits(1):
            estimator.fit(rows.iloc[::5], truth.iloc[::5] > 0)
        for write in (pickle.dumps, joblib_bytes):
            report = scan_file(written(tmp_path, write(estimator)))
            require_acceptable(report)
            assert report.top.endswith(f".{name}")
            seen += 1
    assert seen > 300


def test_skops_gives_names_and_version(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    skops.io.dump(FITTED, path)
    report = scan_file(path)
    require_acceptable(report)
    assert (report.format, report.top) == ("skops", "sklearn.pipeline.Pipeline")
    assert report.sklearn_versions == (RUNNING,)
    assert "numpy.log1p" in report.globals


def test_onnx_is_known_by_its_structure(tmp_path: Path) -> None:
    path = written(tmp_path, onnx_bytes(), "model.pkl")
    assert scan_file(path).format == "onnx"
    require_acceptable(scan_file(path))


def test_the_generation_of_numpy_is_told_by_the_name_of_its_core(tmp_path: Path) -> None:
    data = pickle.dumps(FITTED, 2)
    assert scan_file(written(tmp_path, data)).numpy == "2"
    assert scan_file(written(tmp_path, data.replace(b"numpy._core", b"numpy.core"))).numpy == "1"


def test_a_report_survives_json(tmp_path: Path) -> None:
    report = scan_file(written(tmp_path, pickle.dumps(FITTED)))
    assert ScanReport.from_document(json.loads(json.dumps(report.to_document()))) == report


def test_the_scan_imports_none_of_the_libraries_it_reads_about(tmp_path: Path) -> None:
    path = written(tmp_path, joblib_bytes(FITTED))
    script = (
        "import sys; from pathlib import Path; from predictions.ml.scan import scan_file, require_acceptable; "
        f"require_acceptable(scan_file(Path({str(path)!r}))); "
        "assert not {'numpy', 'sklearn', 'joblib', 'pandas', 'onnx', 'skops'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_the_reader_agrees_with_pickletools_about_every_opcode(tmp_path: Path) -> None:
    data = pickle.dumps(FITTED)
    named = {
        argument for opcode, argument, _ in pickletools.genops(data) if opcode.name == "SHORT_BINUNICODE"
    }
    report = scan_file(written(tmp_path, data))
    assert {found.rpartition(".")[2] for found in report.globals} <= named
