"""What is taken out of an archive: an MLflow folder's model, or the only model in a plain one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from sklearn.linear_model import LinearRegression, LogisticRegression

from predictions.errors import BadModelFile
from predictions.ml.archives import Contents, is_archive, open_archive
from predictions.ml.building import build_from_unit
from predictions.ml.declared import DeclaredColumn, declared_columns
from predictions.ml.opening import open_estimator
from predictions.ml.scan import scan_file
from predictions.ml.table import read_table
from predictions.ml.units import UnitFile
from predictions.signature.fields import Signature
from tests.ml.estimators import IRIS, IRIS_TARGET
from tests.ml.mlflow_folders import description, folder_of, tarred, zipped
from tests.ml.onnx_graphs import converted, graph, node
from tests.ml.uploads import joblib_bytes

KINDS = LogisticRegression(max_iter=500).fit(IRIS, IRIS_TARGET)
LINE = LinearRegression().fit(np.array([[1.0], [2.0], [3.0]]), [2.0, 4.0, 6.0])
COLUMNS = [
    {"type": "double", "name": "sepal length", "required": True},
    {"type": "double", "name": "sepal width", "required": True},
    {"type": "long", "name": "petal length", "required": True},
    {"type": "double", "name": "petal width", "required": False},
]
SPLIT = {"columns": [item["name"] for item in COLUMNS], "data": [[5.1, 3.5, 1, 0.2], [6.0, None, 4, 1.5]]}


def opened(path: Path, tmp_path: Path) -> Contents:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    assert is_archive(path)
    return open_archive(path, folder)


def refusal(path: Path, tmp_path: Path) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        opened(path, tmp_path)
    return caught.value


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_folder_gives_its_model_columns_and_example(pack: Any, tmp_path: Path) -> None:
    found = opened(pack(folder_of(KINDS, SPLIT, columns=COLUMNS), tmp_path / "folder"), tmp_path)
    assert (found.name, scan_file(found.model).verdict) == ("model/model.pkl", "accept")
    assert [(item.name, item.kind, item.required) for item in found.columns] == [
        ("sepal length", "number", True),
        ("sepal width", "number", True),
        ("petal length", "integer", True),
        ("petal width", "number", False),
    ]
    assert found.claimed == {"sklearn_version": "1.9.1"}
    table = read_table(found.sample or Path())
    assert table.names == tuple(SPLIT["columns"])
    assert table.columns[1].values == (3.5, None)


def test_a_model_without_names_gets_those_of_the_folder(tmp_path: Path) -> None:
    found = opened(zipped(folder_of(KINDS, columns=COLUMNS), tmp_path / "folder.zip"), tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    built = build_from_unit(
        files=[UnitFile("model.pkl", found.model, "pickle")],
        sample=found.sample,
        out=out,
        say=lambda step, message: None,
        columns=found.columns,
    )
    fields = Signature.from_document(built["signature"]).inputs
    assert [(field.name, field.kind) for field in fields] == [
        ("sepal length", "number"),
        ("sepal width", "number"),
        ("petal length", "integer"),
        ("petal width", "number"),
    ]


def test_two_example_rows_make_no_usual_range(tmp_path: Path) -> None:
    found = opened(zipped(folder_of(KINDS, SPLIT, columns=COLUMNS), tmp_path / "folder.zip"), tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    built = build_from_unit(
        files=[UnitFile("model.pkl", found.model, "pickle")],
        sample=found.sample,
        out=out,
        say=lambda step, message: None,
        columns=found.columns,
    )
    fields = Signature.from_document(built["signature"]).inputs
    assert {(field.soft_minimum, field.soft_maximum) for field in fields} == {(None, None)}
    assert fields[0].example == 5.1


@pytest.mark.parametrize(
    "example",
    [
        [{"a": 1, "b": True}, {"a": 2, "b": None}],
        {"columns": ["a", "b"], "data": [[1, True], [2, None]]},
        {"inputs": {"columns": ["a", "b"], "data": [[1, True], [2, None]]}, "params": {"x": 1}},
        {"data": [[1, True], [2, None]]},
        {"inputs": [[1, True], [2, None]]},
    ],
)
def test_every_way_to_write_an_example(example: Any, tmp_path: Path) -> None:
    columns = [{"type": "long", "name": "a"}, {"type": "boolean", "name": "b"}]
    found = opened(zipped(folder_of(LINE, example, columns=columns), tmp_path / "folder.zip"), tmp_path)
    assert (found.sample or Path()).read_text() == "a,b\n1,true\n2,\n"


@pytest.mark.parametrize("example", [{"data": [[1], [2]]}, {"inputs": {"x": [1]}}, 7, [1, 2], {"columns": ["a"], "data": [[[1]]]}])  # fmt: skip
def test_an_example_without_names_is_left(example: Any, tmp_path: Path) -> None:
    assert opened(zipped(folder_of(LINE, example), tmp_path / "folder.zip"), tmp_path).sample is None


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ('[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}]', ()),
        ('[{"type": "double"}, {"type": "double"}]', ()),
        ('[{"type": "double", "name": "a"}, {"type": "double", "name": "a"}]', ()),
        ('[{"type": "double", "name": "a", "optional": true}]', ("a",)),
        ("no json", ()),
        (None, ()),
    ],
)
def test_only_named_columns_count(schema: Any, names: tuple[str, ...]) -> None:
    found = declared_columns(schema)
    assert tuple(item.name for item in found) == names
    assert found in ((), (DeclaredColumn("a", "number", False),))


def test_a_flavor_this_site_cannot_open_is_named(tmp_path: Path) -> None:
    said = description(flavors={"pytorch": {"model_data": "data"}})
    files = {"m/MLmodel": said, "m/data/model.pth": "x"}
    error = refusal(zipped(files, tmp_path / "folder.zip"), tmp_path)
    assert error.code == "not_a_model_file"
    assert error.message.startswith("This MLflow folder holds a pytorch model")


def test_a_function_of_its_author_is_no_model(tmp_path: Path) -> None:
    files = {"MLmodel": description(flavors={"python_function": {"python_model": "python_model.pkl"}})}
    assert "python_function" in refusal(zipped(files, tmp_path / "folder.zip"), tmp_path).message


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"MLmodel": description()}, "bad_archive"),
        ({"MLmodel": "flavors: [unclosed"}, "bad_archive"),
        ({"MLmodel": "a: " + "[" * 5000}, "bad_archive"),
        ({"MLmodel": "!!python/object/apply:os.system ['true']"}, "bad_archive"),
        ({"a/MLmodel": description(), "b/MLmodel": description()}, "several_models"),
        ({"MLmodel": "just a text"}, "not_a_model_file"),
    ],
)
def test_a_broken_folder_says_what_is_wrong(files: dict[str, str], code: str, tmp_path: Path) -> None:
    assert refusal(zipped(files, tmp_path / "folder.zip"), tmp_path).code == code


def test_a_file_outside_the_folder_is_not_its_model(tmp_path: Path) -> None:
    said = description(flavors={"sklearn": {"pickled_model": "../other/model.pkl"}})
    files: dict[str, bytes | str] = {"m/MLmodel": said, "other/model.pkl": joblib_bytes(LINE)}
    assert refusal(zipped(files, tmp_path / "folder.zip"), tmp_path).code == "bad_archive"


def test_the_only_model_of_a_plain_zip_is_taken_with_its_table(tmp_path: Path) -> None:
    files = {
        "project/README.md": b"# Mine",
        "project/model.bin": joblib_bytes(LINE),
        "project/rows.csv": b"x\n1\n2\n",
        "project/train.py": b"import this",
        "__MACOSX/project/._model.bin": b"\0\5\26\7",
        "project/.DS_Store": b"\0\0\0\1Bud1",
    }
    found = opened(zipped(files, tmp_path / "mine.zip"), tmp_path)
    estimator, _ = open_estimator(found.model, "joblib")
    assert estimator.predict([[5.0]])[0] == pytest.approx(10.0)
    assert (found.sample or Path()).read_bytes() == b"x\n1\n2\n"
    assert found.notes == (
        "model.bin in the archive was taken as the model.",
        "rows.csv in the archive was taken as the sample.",
    )


def test_several_tables_leave_the_choice_to_the_owner(tmp_path: Path) -> None:
    files = {"m.pkl": joblib_bytes(LINE), "train.csv": b"x\n1\n", "test.csv": b"x\n1\n"}
    found = opened(zipped(files, tmp_path / "a.zip"), tmp_path)
    assert found.sample is None
    assert "several tables" in found.notes[-1]


def test_several_models_are_listed(tmp_path: Path) -> None:
    files = {"a/model.pkl": joblib_bytes(LINE), "b/scaler.pkl": joblib_bytes(KINDS)}
    error = refusal(zipped(files, tmp_path / "a.zip"), tmp_path)
    assert error.code == "several_models"
    assert "model.pkl, scaler.pkl" in error.message


def test_the_only_file_says_why_it_is_no_model(tmp_path: Path) -> None:
    error = refusal(zipped({"weights.h5": b"\x89HDF\r\n\x1a\n" + b"\0" * 100}, tmp_path / "a.zip"), tmp_path)
    assert error.message.startswith("weights.h5 in this archive: This is an HDF5 file")
    other = tmp_path / "b"
    other.mkdir()
    error = refusal(zipped({"a.txt": b"x", "b.md": b"y"}, other / "b.zip"), other)
    assert error.code == "not_a_model_file"


def test_formats_that_are_zips_themselves_are_not_opened(tmp_path: Path) -> None:
    import skops.io as sio  # noqa: PLC0415 - heavy, for this test alone

    path = tmp_path / "m.skops"
    sio.dump(LINE, path)
    assert not is_archive(path)
    assert not is_archive(zipped({"archive/data.pkl": b"x", "archive/version": b"3"}, tmp_path / "m.pt"))
    (tmp_path / "cut.zip").write_bytes(zipped({"a": b"x" * 999}, tmp_path / "whole.zip").read_bytes()[:80])
    assert not is_archive(tmp_path / "cut.zip")
    joblib.dump(LINE, tmp_path / "m.joblib.gz")
    assert not is_archive(tmp_path / "m.joblib.gz")


def external_graph(location: str = "weights.bin", length: int = 16) -> bytes:
    """y = x * w, with the four numbers of w in a file beside it."""
    proto = graph([node("Mul", ["x", "w"], ["y"])], [("x", TensorProto.FLOAT, [None, 4])], [("y", TensorProto.FLOAT, [None, 4])], {"w": np.ones(4, np.float32)})  # fmt: skip
    tensor = proto.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location, offset=8, length=length)
    tensor.ClearField("raw_data")
    return bytes(proto.SerializeToString())


def test_a_graph_gets_its_numbers_from_the_file_beside_it(tmp_path: Path) -> None:
    numbers = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    files = {"net/model.onnx": external_graph(), "net/weights.bin": b"\0" * 8 + numbers.tobytes()}
    found = opened(zipped(files, tmp_path / "net.zip"), tmp_path)
    proto = onnx.load_model_from_string(found.model.read_bytes())
    assert numpy_helper.to_array(proto.graph.initializer[0]).tolist() == numbers.tolist()
    assert scan_file(found.model).format == "onnx"


@pytest.mark.parametrize(
    ("location", "length"), [("../../in/source", 16), ("/etc/passwd", 16), ("gone.bin", 16), ("weights.bin", 99)]
)  # fmt: skip
def test_a_graph_reads_no_other_file(location: str, length: int, tmp_path: Path) -> None:
    files = {"net/model.onnx": external_graph(location, length), "net/weights.bin": b"\0" * 24}
    assert refusal(zipped(files, tmp_path / "net.zip"), tmp_path).code == "external_data"


def test_a_folder_of_an_onnx_graph(tmp_path: Path) -> None:
    proto = converted(KINDS, IRIS.astype(np.float32))
    said = description(flavors={"onnx": {"data": "model.onnx", "onnx_version": "1.23.2"}})
    files = {"MLmodel": said, "model.onnx": proto.SerializeToString()}
    found = opened(zipped(files, tmp_path / "net.zip"), tmp_path)
    assert (found.name, scan_file(found.model).format) == ("model.onnx", "onnx")


def test_names_from_an_old_example_without_a_description_of_it(tmp_path: Path) -> None:
    files = folder_of(LINE)
    files["model/input_example.json"] = json.dumps([{"x": 1.5}]).encode()
    found = opened(zipped(files, tmp_path / "folder.zip"), tmp_path)
    assert io.StringIO((found.sample or Path()).read_text()).readline() == "x\n"
