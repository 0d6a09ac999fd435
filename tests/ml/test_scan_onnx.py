"""What an ONNX file says about itself is read without the onnx library."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from predictions.ml.scan import scan_file
from predictions.ml.scan_words import explain
from tests.ml.uploads import written


def test_opsets_inputs_outputs_and_classes_are_told(tmp_path: Path) -> None:
    rows, truth = load_iris(return_X_y=True)
    estimator = LogisticRegression(max_iter=500).fit(rows, truth)
    model = to_onnx(estimator, rows[:1].astype(np.float32), target_opset={"": 15, "ai.onnx.ml": 3})
    report = scan_file(written(tmp_path, model.SerializeToString()))
    facts = report.facts
    assert facts["ir_version"] == model.ir_version
    assert facts["producer"] == "skl2onnx"
    assert facts["opsets"] == {found.domain or "ai.onnx": found.version for found in model.opset_import}
    assert facts["inputs"] == [{"name": "X", "type": "float", "shape": [None, 4]}]
    assert [item["name"] for item in facts["outputs"]] == ["output_label", "output_probability"]
    assert facts["outputs"][1]["type"] == "sequence of map to float"
    assert facts["classes"] == [0, 1, 2]
    assert facts["n_features_in"] == 4
    assert "Takes: X (float [None, 4])." in "\n".join(explain([report], ["a.onnx"]))


def test_weights_among_the_inputs_are_not_asked_for(tmp_path: Path) -> None:
    shape: list[str | int | None] = ["batch", 3, 8, 8]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "w", "y")]
    weights = [helper.make_tensor("w", TensorProto.FLOAT, [1], [2.0])]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])], "g", values[:2], values[2:], weights
    )
    model = helper.make_model(graph, ir_version=3, opset_imports=[helper.make_opsetid("", 9)])
    onnx.helper.set_model_props(model, {"labels": "cat,dog"})
    facts = scan_file(written(tmp_path, model.SerializeToString())).facts
    assert facts["inputs"] == [{"name": "x", "type": "float", "shape": ["batch", 3, 8, 8]}]
    assert facts["metadata"] == {"labels": "cat,dog"}
    assert facts["ir_version"] == 3


def test_a_damaged_graph_ends_in_a_report(tmp_path: Path) -> None:
    rows, truth = load_iris(return_X_y=True)
    data = to_onnx(LogisticRegression(max_iter=500).fit(rows, truth), rows[:1]).SerializeToString()
    chance = random.Random(1)
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(3):
            broken[chance.randrange(8, len(broken))] = chance.randrange(256)
        report = scan_file(written(tmp_path, bytes(broken)))
        assert report.verdict == "accept" or report.message
