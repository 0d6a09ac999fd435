"""The scan reads what a file would do without doing it."""

from __future__ import annotations

import bz2
import gzip
import importlib.metadata
import io
import json
import lzma
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
import zlib
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pandas as pd
import pytest
import scipy.stats
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.discovery import all_estimators
from threadpoolctl import threadpool_limits

from predictions.errors import BadModelFile
from predictions.ml import scan_streams
from predictions.ml.scan import ScanReport, require_acceptable, same_release, scan_file

RUNNING = importlib.metadata.version("scikit-learn")
FLAG = "predictions-scan-ran-this"


@pytest.fixture(scope="module")
def fitted() -> Any:
    rows, truth = load_iris(return_X_y=True, as_frame=True)
    steps = (FunctionTransformer(np.log1p), StandardScaler(), RandomForestClassifier(5, random_state=0))
    return make_pipeline(*steps).fit(rows, truth)


def refused(path: Path) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        require_acceptable(scan_file(path))
    return caught.value


def written(folder: Path, data: bytes, name: str = "upload.bin") -> Path:
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


# What is let through


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle_of_any_protocol_is_read_to_its_end(
    tmp_path: Path, fitted: Any, protocol: int
) -> None:
    report = scan_file(written(tmp_path, pickle.dumps(fitted, protocol)))
    require_acceptable(report)
    assert report.format == "pickle"
    assert report.top == "sklearn.pipeline.Pipeline" or protocol < 2
    assert report.sklearn_versions == (RUNNING,)
    assert "sklearn.ensemble._forest.RandomForestClassifier" in report.globals
    assert "sklearn.tree._tree.Tree" in report.globals


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
def test_joblib_with_arrays_between_opcodes_is_read_to_its_end(
    tmp_path: Path, fitted: Any, compress: Any, protocol: int
) -> None:
    path = tmp_path / "upload"
    joblib.dump(fitted, path, compress=compress, protocol=protocol)
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
        for name, write in (("pickle", pickle.dumps), ("joblib", _joblib_bytes)):
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
        for write in (pickle.dumps, _joblib_bytes):
            report = scan_file(written(tmp_path, write(estimator)))
            require_acceptable(report)
            assert report.top.endswith(f".{name}")
            seen += 1
    assert seen > 300


def _joblib_bytes(estimator: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(estimator, file)
    return bytes(file.getvalue())


def test_skops_gives_names_and_version(tmp_path: Path, fitted: Any) -> None:
    path = tmp_path / "upload"
    skops.io.dump(fitted, path)
    report = scan_file(path)
    require_acceptable(report)
    assert (report.format, report.top) == ("skops", "sklearn.pipeline.Pipeline")
    assert report.sklearn_versions == (RUNNING,)
    assert "numpy.log1p" in report.globals


def test_onnx_is_known_by_its_structure(tmp_path: Path) -> None:
    path = written(tmp_path, _onnx_bytes(), "model.pkl")
    assert scan_file(path).format == "onnx"
    require_acceptable(scan_file(path))


def _onnx_bytes() -> bytes:
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 2]) for name in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])], "g", value[:1], value[1:]
    )
    return bytes(onnx.helper.make_model(graph, ir_version=10).SerializeToString())


def test_the_generation_of_numpy_is_told_by_the_name_of_its_core(tmp_path: Path, fitted: Any) -> None:
    data = pickle.dumps(fitted, 2)
    assert scan_file(written(tmp_path, data)).numpy == "2"
    assert scan_file(written(tmp_path, data.replace(b"numpy._core", b"numpy.core"))).numpy == "1"


def test_a_report_survives_json(tmp_path: Path, fitted: Any) -> None:
    report = scan_file(written(tmp_path, pickle.dumps(fitted)))
    assert ScanReport.from_document(json.loads(json.dumps(report.to_document()))) == report


# What is refused by name


def test_os_system_is_named_and_does_not_run(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps(Calls(os.system, f"touch {tmp_path / FLAG}")))
    error = refused(path)
    assert error.code == "dangerous_code"
    assert error.message == (
        "This file would run the command `os.system` when opened, so it was refused. "
        "Bring the estimator itself, saved with joblib.dump."
    )
    assert not (tmp_path / FLAG).exists()


def test_a_command_behind_arrays_in_a_compressed_joblib_is_found(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    joblib.dump([np.arange(1000.0), np.array(["a", Calls(eval, "1")], dtype=object)], path, compress=3)
    assert refused(path).code == "dangerous_code"
    joblib.dump(
        [np.arange(1000.0), LinearRegression(), Calls(subprocess.call, "true")], path, compress=("xz", 3)
    )
    assert "subprocess.call" in refused(path).message


DANGEROUS = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("builtins", "open"),
    ("__builtin__", "eval"),
    ("commands", "getoutput"),
    ("sys", "modules"),
    ("socket", "socket"),
    ("shutil", "rmtree"),
    ("importlib", "import_module"),
    ("runpy", "run_path"),
    ("ctypes", "CDLL"),
    ("pty", "spawn"),
    ("webbrowser", "open"),
    ("code", "InteractiveInterpreter.runcode"),
    ("operator", "attrgetter"),
    ("operator", "methodcaller"),
    ("pickle", "loads"),
    ("_pickle", "loads"),
    ("joblib", "load"),
    ("joblib.numpy_pickle", "load"),
    ("dill.session", "load_session"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy.f2py.crackfortran", "myeval"),
    ("numpy", "load"),
    ("numpy", "f2py.os.system"),
    ("pandas", "eval"),
    ("pandas", "read_pickle"),
    ("pandas.core.computation.eval", "eval"),
    ("pandas.core.frame", "DataFrame.eval"),
    ("pip", "main"),
    ("pip._internal.cli.main", "main"),
    ("setuptools", "setup"),
    ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
    ("multiprocessing.util", "spawnv_passfds"),
    ("torch", "load"),
    ("torch.serialization", "load"),
    ("timeit", "timeit"),
    ("profile", "run"),
    ("cProfile", "runctx"),
    ("trace", "Trace.run"),
    ("pdb", "run"),
    ("idlelib.pyshell", "ModifiedInterpreter.runcommand"),
    ("lib2to3.pgen2.grammar", "Grammar.loads"),
    ("distutils.file_util", "write_file"),
    ("imaplib", "IMAP4_stream"),
    ("doctest", "debug_script"),
    ("types", "FunctionType"),
    ("marshal", "loads"),
    ("logging.config", "listen"),
    ("urllib.request", "urlopen"),
    ("ssl", "get_server_certificate"),
    ("sklearn.datasets", "fetch_openml"),
    ("sklearn.datasets._base", "load_files"),
    ("sklearn.utils._testing", "os.system"),
    ("sklearn.pipeline", "Pipeline.__init__.__globals__"),
    ("sklearn.externals.joblib", "load"),
    ("scipy._lib._ccallback", "ctypes.CDLL"),
    ("sklearn.utils", "warnings"),
    ("evil.joblib", "NumpyArrayWrapper"),
    ("sklearn.utils", "joblib.numpy_pickle.NumpyArrayWrapper"),
]


@pytest.mark.parametrize(("module", "name"), DANGEROUS, ids=lambda text: text)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_known_ways_to_run_something_are_refused(
    tmp_path: Path, module: str, name: str, protocol: int
) -> None:
    call = b"(S'x'\ntR."
    if protocol == 4:
        texts = b"".join(b"\x8c" + bytes([len(text)]) + text.encode() + b"\x94" for text in (module, name))
        data = b"\x80\x04" + texts + b"\x93" + call
    else:
        data = (b"\x80\x02" if protocol else b"") + f"c{module}\n{name}\n".encode() + call
    assert refused(written(tmp_path, data)).code == (
        "unknown_code" if module.startswith("dill") else "dangerous_code"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93(\x8c\x01xtR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02(cos\nsystem\nX\x04\x00\x00\x00trueo.",
        b"\x80\x02cos\nsystem\n.",
        b"\x80\x02cos\nsystem\nU\x04true\x85Rbroken",
        b"\x80\x02csklearn.base\nBaseEstimator\n)\x81}q\x00(X\x01\x00\x00\x00acos\nsystem\nsb.",
        b"\x80\x02cos\nsystem\n)\x81.",
    ],
    ids=["memo", "inst", "obj", "named only", "broken later", "in a state", "newobj"],
)
def test_every_opcode_that_names_or_calls_is_followed(tmp_path: Path, data: bytes) -> None:
    error = refused(written(tmp_path, data))
    assert (error.code, "os.system" in error.message) == ("dangerous_code", True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            raw(
                "_codecs",
                "encode",
                b"(X\x02\x00\x00\x00osX\x06\x00\x00\x00latin1tRX\x06\x00\x00\x00system\x93.",
            ),
            "hides",
        ),
        (
            raw("numpy.core", "_ufunc_reconstruct", b"(X\x02\x00\x00\x00osX\x06\x00\x00\x00systemtR."),
            "os.system",
        ),
        (raw("numpy.core", "_ufunc_reconstruct", b"(NNtR."), "hides"),
        (raw("sklearn.base", "BaseEstimator", b"}(X\x01\x00\x00\x00xK\x01ub."), "changes a library"),
        (raw("collections", "OrderedDict", b"X\x01\x00\x00\x00xK\x01s."), "changes a library"),
        (raw("functools", "partial", b"cfunctools\npartial\n\x85R)R."), "builds itself"),
        (raw("builtins", "type", b"(X\x01\x00\x00\x00x)}tR."), "classes of its own"),
        (b"\x80\x02\x82\x01)R.", "hides"),
        (raw("copyreg", "_reconstructor", b"(K\x01K\x02NtR."), "hides"),
    ],
)
def test_tricks_are_refused_in_words(tmp_path: Path, data: bytes, words: str) -> None:
    error = refused(written(tmp_path, data))
    assert error.code == "dangerous_code"
    assert words in error.message


def test_text_that_scipy_would_run_is_refused(tmp_path: Path) -> None:
    frozen = scipy.stats.uniform(0, 1)
    require_acceptable(scan_file(written(tmp_path, pickle.dumps({"a": frozen, "b": LinearRegression()}))))
    frozen.dist._parse_arg_template = "import os; os.system('true')"
    error = refused(written(tmp_path, pickle.dumps({"a": frozen, "b": LinearRegression()})))
    assert (error.code, "Python text" in error.message) == ("dangerous_code", True)


def test_a_frame_that_hides_opcodes_from_a_straight_reader_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    joblib.dump({"rows": np.arange(4.0), "x": 1}, file, protocol=4)
    data = bytearray(file.getvalue())
    (length,) = struct.unpack("<Q", data[3:11])
    data[3:11] = struct.pack("<Q", length + 20)
    assert refused(written(tmp_path, bytes(data))).code in ("not_a_model_file", "truncated")


def test_an_array_that_lies_about_its_type_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    joblib.dump([np.arange(4.0), LinearRegression()], file)
    data = file.getvalue().replace(b"\x8c\x02f8", b"\x8c\x02q!", 1)
    assert refused(written(tmp_path, data)).code == "not_a_model_file"


def test_code_of_the_author_is_named(tmp_path: Path) -> None:
    class Own:
        pass

    Own.__module__, Own.__qualname__ = "features.ages", "AgeBinner"
    data = raw("features.ages", "AgeBinner", b")\x81.")
    error = refused(written(tmp_path, data))
    assert error.code == "unknown_code"
    assert "`features.ages.AgeBinner`, code of its author that this site does not have" in error.message
    main = refused(written(tmp_path, raw("__main__", "clean", b".")))
    assert (main.code, "`clean`" in main.message) == ("unknown_code", True)


def test_functions_packed_by_cloudpickle_are_told(tmp_path: Path) -> None:
    error = refused(written(tmp_path, raw("cloudpickle.cloudpickle", "_make_function", b"(K\x01tR.")))
    assert (error.code, "cloudpickle" in error.message) == ("unknown_code", True)


def test_a_name_that_is_not_on_the_list_is_told(tmp_path: Path) -> None:
    error = refused(written(tmp_path, raw("numpy", "apply_over_axes", b".")))
    assert (error.code, "`numpy.apply_over_axes`" in error.message) == ("unknown_code", True)


def test_names_in_messages_are_cut_and_cleaned(tmp_path: Path) -> None:
    error = refused(written(tmp_path, raw("<script>", "x" * 500, b".")))
    assert "<" not in error.message
    assert len(error.message) < 300


# Versions and libraries


@pytest.mark.parametrize("write", [pickle.dumps, _joblib_bytes])
def test_another_version_is_refused_naming_both(tmp_path: Path, fitted: Any, write: Any) -> None:
    data = write(fitted).replace(RUNNING.encode(), b"0.9.9"[: len(RUNNING)].ljust(len(RUNNING), b"0"))
    error = refused(written(tmp_path, data))
    assert error.code == "other_version"
    assert "scikit-learn 0.9.9" in error.message
    assert f"this site runs {RUNNING}" in error.message


def test_a_patch_of_the_same_release_is_the_same_version() -> None:
    assert same_release("1.9.0", "1.9.1")
    assert not same_release("1.9.1", "1.10.1")


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    error = refused(written(tmp_path, raw("pycaret.internal.pipeline", "Pipeline", b")\x81.")))
    assert (error.code, "pycaret" in error.message) == ("missing_library", True)


@pytest.mark.skipif(
    "xgboost" in {d.name for d in importlib.metadata.distributions()}, reason="xgboost is there"
)
def test_a_served_library_that_is_not_installed_is_named(tmp_path: Path) -> None:
    error = refused(written(tmp_path, raw("xgboost.sklearn", "XGBClassifier", b")\x81.")))
    assert (error.code, "xgboost" in error.message) == ("missing_library", True)


# Not a model file


def _zip(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), data)
    return file.getvalue()


MISTAKES = [
    (b"\x89HDF\r\n\x1a\n" + bytes(100), "Keras"),
    (_zip(archive__data_DOT_pkl=b"x", archive__version=b"3"), "PyTorch"),
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
    (_zip(a_DOT_pkl=b"x"), "ZIP archive"),
    (_zip(config_DOT_json=b"x", model_DOT_weights_DOT_h5=b"x"), "Keras"),
    (gzip.compress(b"x" * 257 + b"ustar" + b"x" * 300), "archive"),
    (b"\x93NUMPY\x01\x00", "NumPy"),
    (b"import joblib\njoblib.dump(m, 'm')\n", "Python source"),
    (b"PAR1" + bytes(50), "Parquet"),
    (b"%PDF-1.7", "PDF"),
    (b"\x7fELF" + bytes(60), "program"),
    (b"tree\nversion=v4\n", "LightGBM"),
    (b"CBM1" + bytes(60), "CatBoost"),
    (b"ZF0x12", "joblib older"),
    (b"\x04\x22\x4d\x18" + bytes(60), "LZ4"),
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
    assert error.code == "not_a_model_file"
    assert words in error.message


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    assert refused(written(tmp_path, b"")).code == "empty"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95, 0.999])
def test_a_cut_file_is_told(tmp_path: Path, fitted: Any, share: float) -> None:
    skops_path = tmp_path / "s"
    skops.io.dump(fitted, skops_path)
    graph = _onnx_bytes()
    for data in (
        pickle.dumps(fitted),
        _joblib_bytes(fitted),
        gzip.compress(pickle.dumps(fitted)),
        bz2.compress(pickle.dumps(fitted)),
        lzma.compress(pickle.dumps(fitted)),
        zlib.compress(_joblib_bytes(fitted)),
        skops_path.read_bytes(),
        graph,
    ):
        length = max(8, int(len(data) * share))
        if length < len(data):
            assert refused(written(tmp_path, data[:length])).code == "truncated", (data[:8], share)


# Bombs and hostile bytes


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_stopped_long_before_it_is_expanded(tmp_path: Path, pack: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(scan_streams, "RATIO_FLOOR", 4 << 20)
    inside = b"\x80\x04B" + struct.pack("<I", 40 << 20) + bytes(40 << 20) + b"."
    path = written(tmp_path, pack(inside))
    assert refused(path).code == "decompression_bomb"


def test_a_decoder_that_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    lengthy = lzma.compress(b"x" * 100, format=lzma.FORMAT_ALONE)
    huge = lengthy[:1] + struct.pack("<I", 0xFFFFFFFF) + lengthy[5:]
    assert (
        scan_streams.compression_of(huge) is None
        or refused(written(tmp_path, huge)).code == "decompression_bomb"
    )


def test_a_skops_bomb_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b'{"__class__": "x"}')
        archive.writestr("1.npy", bytes(80 << 20))
    assert refused(written(tmp_path, file.getvalue())).code == "decompression_bomb"


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f" + b"x",
        b"\x80\x04\x8d" + b"\xff" * 8 + b"x",
        b"\x80\x02T\xff\xff\xff\x7fx",
        b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
        b"\x80\x02\x8b\xff\xff\xff\x7f",
    ],
)
def test_a_huge_length_allocates_nothing(tmp_path: Path, data: bytes) -> None:
    assert refused(written(tmp_path, data)).code in ("truncated", "not_a_model_file")


def test_deep_nesting_is_refused_in_words(tmp_path: Path) -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    schema = b'{"__class__": "a", "__module__": "b", "content": ' + deep + b"}"
    assert refused(written(tmp_path, _zip(schema_DOT_json=schema))).code == "not_a_model_file"
    nested = b"\x80\x02" + b"](" * 100_000 + b"."
    assert refused(written(tmp_path, nested)).code == "not_a_model_file"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_end_in_a_report_never_in_an_exception(tmp_path: Path, data: st.DataObject) -> None:
    base = data.draw(st.sampled_from(_seeds()))
    place = data.draw(st.integers(0, len(base) - 1))
    patch = data.draw(st.binary(min_size=1, max_size=8))
    report = scan_file(written(tmp_path, base[:place] + patch + base[place + len(patch) :]))
    assert report.verdict == "accept" or (report.code and report.message)


def _seeds() -> list[bytes]:
    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]})
    estimator = make_pipeline(
        ColumnTransformer([("w", OneHotEncoder(), ["b"])], remainder="passthrough"), LinearRegression()
    ).fit(rows, [1, 2, 3])
    return [pickle.dumps(estimator, 0), pickle.dumps(estimator, 4), _joblib_bytes(estimator), _onnx_bytes()]


def test_the_scan_imports_none_of_the_libraries_it_reads_about(tmp_path: Path, fitted: Any) -> None:
    path = written(tmp_path, _joblib_bytes(fitted))
    script = (
        "import sys; from pathlib import Path; from predictions.ml.scan import scan_file, require_acceptable; "
        f"require_acceptable(scan_file(Path({str(path)!r}))); "
        "assert not {'numpy', 'sklearn', 'joblib', 'pandas', 'onnx', 'skops'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_the_reader_agrees_with_pickletools_about_every_opcode(fitted: Any, tmp_path: Path) -> None:
    data = pickle.dumps(fitted)
    named = {
        argument for opcode, argument, _ in pickletools.genops(data) if opcode.name == "SHORT_BINUNICODE"
    }
    report = scan_file(written(tmp_path, data))
    assert {found.rpartition(".")[2] for found in report.globals} <= named
