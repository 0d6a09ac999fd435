"""Which of the files that came together holds rows, by what is in them."""

from __future__ import annotations

import io
import pickle

import joblib
import pytest

from predictions.errors import BadModelFile
from predictions.services.sorting import HEAD, Upload, chain_of, sorted_out

CSV = b"age,dose\n1,2\n3,4\n"


def _pickled(protocol: int = 4) -> bytes:
    return pickle.dumps({"a": [1, 2, 3], "b": "x,y\nz,w"}, protocol=protocol)


def _compressed() -> bytes:
    stream = io.BytesIO()
    joblib.dump(list(range(100)), stream, compress=3)
    return stream.getvalue()


def _given(**files: bytes) -> list[Upload]:
    return [Upload(io.BytesIO(content), name.replace("__", ".")) for name, content in files.items()]


def _names(found: tuple[list[Upload], Upload | None]) -> tuple[list[str], str | None]:
    return [upload.filename for upload in found[0]], found[1].filename if found[1] else None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows__csv", CSV),
        ("rows__CSV", b"\xef\xbb\xbf" + CSV),
        ("rows__csv", b"age\n1\n2\n"),
        ("rows__csv", "größe;ort\n1,5;Köln\n".encode("latin-1")),
        ("rows__csv", "a,b\n1,2\n".encode("utf-16")),
        ("rows__csv", b""),
        ("rows__tsv", b"a\tb\n1\t2\n"),
        ("rows__dat", b"a;b;c\n1;2;3\n"),
        ("rows__txt", b"a\tb\r\n1\t2\r\n"),
        ("rows", b"a,b\n" + b"1,2\n" * HEAD),
    ],
)
def test_a_table_among_the_files_is_the_sample(name: str, content: bytes) -> None:
    given = _given(**{name: content, "model__pkl": _pickled()})
    files, rows = sorted_out(given)
    assert [file.filename for file in files] == ["model.pkl"]
    assert rows is given[0]
    assert rows.stream.read() == content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scaler__pkl", _pickled()),
        ("scaler__pkl", _pickled(0)),
        ("scaler__csv", _pickled()),
        ("scaler__csv", _compressed()),
        ("columns__json", b'["age", "dose"]'),
        ("columns__json", b'{\n "a": [1,\n 2],\n "b": 3}'),
        ("columns__txt", b"age, dose"),
        ("page__html", b"<p>a,b\n1,2</p>\n"),
        ("empty__pkl", b""),
    ],
)
def test_what_is_no_table_stays_with_the_model(name: str, content: bytes) -> None:
    files, rows = sorted_out(_given(**{"model__pkl": _pickled(), name: content}))
    assert [file.filename for file in files] == ["model.pkl", name.replace("__", ".")]
    assert rows is None
    assert files[1].stream.read() == content


def test_lists_of_names_stand_behind_what_holds_a_model() -> None:
    given = _given(
        columns__json=b'["a"]', notes__txt=b"about it", scaler__pkl=_pickled(), model__pkl=_pickled()
    )
    assert _names(sorted_out(given)) == (["scaler.pkl", "model.pkl", "columns.json", "notes.txt"], None)


def test_a_file_alone_is_the_model_s_whatever_it_is() -> None:
    given = _given(rows__csv=CSV)
    assert sorted_out(given) == (given, None)
    sample = Upload(io.BytesIO(CSV), "more.csv")
    assert sorted_out(given, sample) == (given, sample)


@pytest.mark.parametrize(
    ("names", "named", "code"),
    [
        (["a.csv", "b.csv"], None, "no_model_file"),
        (["model.pkl", "a.csv", "b.csv"], None, "several_samples"),
        (["model.pkl", "a.csv"], "b.csv", "several_samples"),
    ],
)
def test_more_tables_than_one_are_asked_about_by_name(names: list[str], named: str | None, code: str) -> None:
    given = [Upload(io.BytesIO(CSV if name.endswith("csv") else _pickled()), name) for name in names]
    with pytest.raises(BadModelFile, match=r"a\.csv and b\.csv are tables") as caught:
        sorted_out(given, Upload(io.BytesIO(CSV), named) if named else None)
    assert caught.value.code == code


@pytest.mark.parametrize(("text", "names"), [("", []), (" a.pkl ,b.pkl,", ["a.pkl", "b.pkl"])])
def test_an_order_is_read_from_commas(text: str, names: list[str]) -> None:
    assert chain_of(text) == names
