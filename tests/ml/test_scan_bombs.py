"""Bombs, huge lengths and damaged bytes cost nothing and end in words."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from predictions.ml import scan_streams
from predictions.ml.scan import scan_file
from tests.ml.uploads import joblib_bytes, onnx_bytes, refused, written, zipped


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
    assert refused(written(tmp_path, zipped(schema_DOT_json=schema))).code == "not_a_model_file"
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
    return [pickle.dumps(estimator, 0), pickle.dumps(estimator, 4), joblib_bytes(estimator), onnx_bytes()]
