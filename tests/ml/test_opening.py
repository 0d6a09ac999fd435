from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path
from typing import Any

import joblib
import pytest
import sklearn
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skops import io as skops_io

from predictions.errors import BadModelFile
from predictions.ml.native import load_native
from predictions.ml.opening import is_trusted, open_estimator
from predictions.signature.fields import Output, Signature
from tests.ml.estimators import IRIS, IRIS_TARGET


def fitted() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(IRIS, IRIS_TARGET)


def refused(path: Path, file_format: str) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        open_estimator(path, file_format)
    assert str(path) not in caught.value.message
    return caught.value


@pytest.mark.parametrize("how", ["joblib", "compressed joblib", "pickle", "skops"])
def test_every_way_of_saving_is_read(how: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if how == "pickle":
        path.write_bytes(pickle.dumps(fitted()))
    elif how == "skops":
        skops_io.dump(fitted(), path)
    else:
        joblib.dump(fitted(), path, compress=3 if "compressed" in how else 0)
    found, notes = open_estimator(path, how.rpartition(" ")[2])
    assert found.predict(IRIS).tolist() == fitted().predict(IRIS).tolist()
    assert notes == []


def saved_by(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, compress: int = 0) -> Path:
    path = tmp_path / "old.joblib"
    with monkeypatch.context() as patch:
        patch.setattr("sklearn.base.__version__", version)
        joblib.dump(fitted(), path, compress=compress)
    return path


def test_another_version_is_refused_and_both_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refused(saved_by("1.5.2", tmp_path, monkeypatch), "joblib")
    assert error.code == "other_version"
    assert "1.5.2" in error.message
    assert sklearn.__version__ in error.message


def test_a_patch_release_of_the_same_version_is_read_and_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = sklearn.__version__.rpartition(".")[0]
    found, notes = open_estimator(saved_by(f"{line}.77", tmp_path, monkeypatch), "joblib")
    assert hasattr(found, "predict")
    assert f"{line}.77" in notes[0]


def test_a_file_that_breaks_because_of_its_version_says_so_and_not_that_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved_by("0.24.1", tmp_path, monkeypatch)
    path.write_bytes(
        path.read_bytes().replace(b"sklearn.linear_model._logistic", b"sklearn.linear_model.gonelogis")
    )
    error = refused(path, "joblib")
    assert error.code == "other_version"
    assert "0.24.1" in error.message


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    module = types.ModuleType("catboostlike")
    exec("class Booster:\n    pass", module.__dict__)
    module.Booster.__module__ = "catboostlike"
    sys.modules["catboostlike"] = module
    try:
        (tmp_path / "file").write_bytes(pickle.dumps(module.Booster()))
    finally:
        del sys.modules["catboostlike"]
    error = refused(tmp_path / "file", "pickle")
    assert error.code == "missing_library"
    assert "catboostlike" in error.message


def test_the_authors_own_code_is_named(tmp_path: Path) -> None:
    data = pickle.dumps(fitted()).replace(b"LogisticRegression", b"MyOwnClassifierXYZ")
    (tmp_path / "file").write_bytes(data)
    error = refused(tmp_path / "file", "pickle")
    assert (error.code, "MyOwnClassifierXYZ" in error.message) == ("own_code", True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a model",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n",
        bytes(range(256)),
    ],
    ids=["empty", "text", "pointer", "noise"],
)
@pytest.mark.parametrize("file_format", ["joblib", "skops"])
def test_what_cannot_be_read_is_refused_in_words(data: bytes, file_format: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    assert refused(tmp_path / "file", file_format).code == "unreadable"


@pytest.mark.parametrize("file_format", ["joblib", "skops"])
def test_a_truncated_file_is_refused(file_format: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if file_format == "skops":
        skops_io.dump(fitted(), path)
    else:
        joblib.dump(RandomForestClassifier(5).fit(IRIS, IRIS_TARGET), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refused(path, file_format).code == "unreadable"


def my_own_function(table: Any) -> Any:
    return table


def test_skops_types_outside_the_sites_list_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "file.skops"
    skops_io.dump(
        make_pipeline(FunctionTransformer(my_own_function), LogisticRegression()).fit(IRIS, IRIS_TARGET), path
    )
    error = refused(path, "skops")
    assert error.code == "untrusted_types"
    assert "my_own_function" in error.message


def test_skops_files_of_trees_need_no_trust_from_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "file.skops"
    estimator = GradientBoostingClassifier(n_estimators=3).fit(IRIS, IRIS_TARGET)
    skops_io.dump(estimator, path)
    found, _ = open_estimator(path, "skops")
    assert found.predict(IRIS).tolist() == estimator.predict(IRIS).tolist()


@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        ("sklearn._loss.link.LogitLink", True),
        ("numpy.dtypes.Float64DType", True),
        ("scipy.sparse._csr.csr_matrix", True),
        ("sklearn_evil.thing", False),
        ("os.system", False),
        ("builtins.eval", False),
        ("numpy.testing._private.utils.runstring", False),
        ("numpy.f2py.compile", False),
        ("sklearn.externals.thing", False),
    ],
)
def test_the_list_of_trusted_types_is_the_sites_own(name: str, trusted: bool) -> None:
    assert is_trusted(name) is trusted


def test_a_native_runtime_refuses_what_a_build_would_refuse(tmp_path: Path) -> None:
    joblib.dump({"a": 1}, tmp_path / "file")
    signature = Signature(task="regression", inputs=(), outputs=(Output(name="value", kind="number"),))
    with pytest.raises(BadModelFile) as caught:
        load_native(tmp_path / "file", "joblib", signature)
    assert caught.value.code == "not_an_estimator"
