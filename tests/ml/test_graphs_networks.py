"""Networks as other frameworks export them: pictures, sequences with a state, tokens with a mask, sound with a rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from predictions.errors import InvalidRows
from predictions.ml.runtimes import OnnxRuntime
from predictions.signature.schema import example_row
from predictions.signature.validation import Validator
from tests.ml.onnx_graphs import BOOL, FLOAT, INT64, graph, inspected, node, refusal

RANDOM = np.random.default_rng(0)
F16, UINT8 = TensorProto.FLOAT16, TensorProto.UINT8


def numbers(*shape: int) -> Any:
    return RANDOM.normal(0, 0.5, shape).astype(np.float32)


def picture_network(batch: Any = "batch", height: Any = 8, width: Any = 8) -> onnx.ModelProto:
    """A convolution, a mean over the picture, and shares of five classes."""
    nodes = [
        node("Conv", ["pixels", "kernel"], ["seen"], pads=[1, 1, 1, 1]),
        node("Relu", ["seen"], ["warm"]),
        node("GlobalAveragePool", ["warm"], ["means"]),
        node("Flatten", ["means"], ["flat"]),
        node("Gemm", ["flat", "weights"], ["scores"]),
        node("Softmax", ["scores"], ["shares"], axis=1),
    ]
    return graph(
        nodes,
        [("pixels", FLOAT, [batch, 3, height, width])],
        [("shares", FLOAT, [batch, 5])],
        {"kernel": numbers(6, 3, 3, 3), "weights": numbers(6, 5)},
    )


def recurrent_network(*, names: bool) -> onnx.ModelProto:
    """An LSTM over steps that gives its state back; the state has the cases on its second axis."""
    cases, steps = ("batch", "sequence") if names else (None, None)
    nodes = [
        node("Transpose", ["sound"], ["by_step"], perm=[1, 0, 2]),
        node(
            "LSTM",
            ["by_step", "w", "r", "", "", "h", "c"],
            ["all", "hn", "cn"],
            hidden_size=4,
        ),
    ]
    return graph(
        nodes,
        [("sound", FLOAT, [cases, steps, 2]), ("h", FLOAT, [1, cases, 4]), ("c", FLOAT, [1, cases, 4])],
        [("hn", FLOAT, [1, cases, 4]), ("cn", FLOAT, [1, cases, 4])],
        {"w": numbers(1, 16, 2), "r": numbers(1, 16, 4)},
    )


def token_network() -> onnx.ModelProto:
    """Embeddings of tokens, averaged over those that the mask leaves."""
    nodes = [
        node("Gather", ["table", "input_ids"], ["vectors"]),
        node("Cast", ["attention_mask"], ["kept"], to=FLOAT),
        node("Unsqueeze", ["kept", "last"], ["column"]),
        node("Mul", ["vectors", "column"], ["masked"]),
        node("ReduceSum", ["masked", "middle"], ["total"], keepdims=0),
        node("ReduceSum", ["kept", "middle"], ["count"], keepdims=1),
        node("Div", ["total", "count"], ["embedding"]),
    ]
    shape = ["batch", "sequence"]
    return graph(
        nodes,
        [("input_ids", INT64, shape), ("attention_mask", INT64, shape)],
        [("embedding", FLOAT, ["batch", 6])],
        {"table": numbers(100, 6), "last": np.array([2]), "middle": np.array([1])},
    )


def rated_network() -> onnx.ModelProto:
    """Fails unless its rate is 16,000: the other branch looks beyond the end of the sound."""
    fits = graph(
        [node("MatMul", ["sound", "good"], ["a"])], [], [("a", FLOAT, None)], {"good": numbers(8, 3)}
    )
    outside = [node("Gather", ["sound", "far"], ["b"], axis=1)]
    fails = graph(outside, [], [("b", FLOAT, None)], {"far": np.array([99])})
    nodes = [
        node("Equal", ["mode", "known"], ["is_known"]),
        node("If", ["is_known"], ["out"], then_branch=fits.graph, else_branch=fails.graph),
    ]
    return graph(
        nodes,
        [("sound", FLOAT, ["batch", 8]), ("mode", INT64, [])],
        [("out", FLOAT, ["batch", 3])],
        {"known": np.array(16_000)},
    )


def direct(proto: onnx.ModelProto, feeds: dict[str, Any]) -> dict[str, Any]:
    """What ONNX Runtime itself answers."""
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def answered(proto: onnx.ModelProto, rows: list[dict[str, Any]]) -> list[Any]:
    """What the site answers to rows that came as JSON; its own example is answered first."""
    signature, plan = inspected(proto)
    validator, runtime = Validator(signature), OnnxRuntime(proto.SerializeToString(), plan, signature)
    runtime.predict([validator.check_payload([example_row(signature)], max_rows=1)[0].values])
    return [
        answer.outputs
        for answer in runtime.predict([row.values for row in validator.check_payload(rows, max_rows=100)])
    ]


@pytest.mark.parametrize(("height", "width"), [(8, 8), ("height", "width"), (None, None)])
def test_a_picture_network_answers_as_it_does_itself(height: Any, width: Any) -> None:
    proto = picture_network(height=height, width=width)
    signature, plan = inspected(proto)
    sizes = (3, 8, 8) if height == 8 else (3, None, None)
    assert [(field.kind, field.shape, field.element) for field in signature.inputs] == [
        ("tensor", sizes, "float")
    ]
    assert plan.batched == (height == 8)
    pictures = numbers(4, 3, 8, 8)
    expected = direct(proto, {"pixels": pictures})["shares"]
    given = answered(proto, [{"pixels": picture.tolist()} for picture in pictures])
    np.testing.assert_allclose([answer["shares"] for answer in given], expected, rtol=1e-6)


def test_a_picture_of_another_size_is_refused_with_both_shapes() -> None:
    validator = Validator(inspected(picture_network())[0])
    with pytest.raises(InvalidRows) as caught:
        validator.check_payload([{"pixels": numbers(3, 8, 7).tolist()}], max_rows=1)
    (error,) = caught.value.errors
    assert error.code == "wrong_shape"
    assert "of shape 3 x 8 x 8;" in error.message
    assert "(the shape given is 3 x 8 x 7)" in error.message


@pytest.mark.parametrize("names", [True, False])
def test_a_recurrent_network_gives_its_state_and_takes_it_back(names: bool) -> None:
    proto = recurrent_network(names=names)
    signature, plan = inspected(proto)
    assert [field.shape for field in signature.inputs] == [(None, None, 2), (1, None, 4), (1, None, 4)]
    assert {feed.layout for feed in plan.feeds} == {"whole"}
    state = {"h": numbers(1, 1, 4), "c": numbers(1, 1, 4)}
    sound = numbers(1, 7, 2)
    first = direct(proto, {"sound": sound[:, :3], **state})
    expected = direct(proto, {"sound": sound[:, 3:], "h": first["hn"], "c": first["cn"]})
    row = {"sound": sound[:, :3].tolist(), **{name: value.tolist() for name, value in state.items()}}
    (given,) = answered(proto, [row])
    (again,) = answered(proto, [{"sound": sound[:, 3:].tolist(), "h": given["hn"], "c": given["cn"]}])
    for name in ("hn", "cn"):
        np.testing.assert_allclose(again[name], expected[name], rtol=1e-5)
        assert np.shape(again[name]) == (1, 1, 4)


def test_a_state_for_several_cases_at_once_is_taken_whole() -> None:
    proto = recurrent_network(names=True)
    feeds = {"sound": numbers(3, 5, 2), "h": numbers(1, 3, 4), "c": numbers(1, 3, 4)}
    (given,) = answered(proto, [{name: value.tolist() for name, value in feeds.items()}])
    np.testing.assert_allclose(given["hn"], direct(proto, feeds)["hn"], rtol=1e-5)


def test_a_text_network_takes_tokens_of_any_length_row_by_row() -> None:
    proto = token_network()
    signature, _ = inspected(proto)
    assert [(field.shape, field.element) for field in signature.inputs] == [((None,), "integer")] * 2
    rows = [
        {"input_ids": [5, 6, 7, 0], "attention_mask": [1, 1, 1, 0]},
        {"input_ids": [9], "attention_mask": [1]},
    ]
    for row, given in zip(rows, answered(proto, rows), strict=True):
        expected = direct(proto, {name: np.array([value]) for name, value in row.items()})["embedding"]
        np.testing.assert_allclose(given["embedding"], expected[0], rtol=1e-6)


def test_the_example_leaves_something_unmasked() -> None:
    signature, _ = inspected(token_network())
    assert example_row(signature)["attention_mask"] == [1]


def test_a_number_that_the_graph_compares_with_is_tried() -> None:
    proto = rated_network()
    signature, _ = inspected(proto)
    assert signature.input("mode").example == 16_000
    sound = numbers(2, 8)
    given = answered(proto, [{**_columns(signature, row), "mode": 16_000} for row in sound])
    expected = direct(proto, {"sound": sound, "mode": np.array(16_000)})["out"]
    np.testing.assert_allclose([answer["out"] for answer in given], expected, rtol=1e-6)


def _columns(signature: Any, row: Any) -> dict[str, float]:
    names = [name for name in signature.names if name != "mode"]
    return dict(zip(names, row.tolist(), strict=True))


def test_steps_of_one_sequence_are_no_cases() -> None:
    proto = graph(
        [node("ReduceSum", ["steps", "first"], ["total"], keepdims=0)],
        [("steps", FLOAT, ["sequence_length", 3])],
        [("total", FLOAT, [3])],
        {"first": np.array([0])},
    )
    signature, _ = inspected(proto)
    assert signature.inputs[0].shape == (None, 3)
    (given,) = answered(proto, [{"steps": [[1, 2, 3], [4, 5, 6]]}])
    assert given == {"total": [5.0, 7.0, 9.0]}


def test_a_past_adds_to_the_length_of_the_mask() -> None:
    proto = graph(
        [
            node("Concat", ["past", "now"], ["seen"], axis=1),
            node("Mul", ["seen", "mask"], ["kept"]),
        ],
        [("past", FLOAT, ["batch", "past"]), ("now", FLOAT, ["batch", "now"]), ("mask", FLOAT, ["batch", "past + now"])],
        [("kept", FLOAT, ["batch", None])],
    )  # fmt: skip
    (given,) = answered(proto, [{"past": [1, 2], "now": [3], "mask": [1, 0, 1]}])
    assert given == {"kept": [1.0, 0.0, 3.0]}


def test_bytes_of_a_picture_stay_between_0_and_255() -> None:
    proto = graph([node("Cast", ["x"], ["y"], to=FLOAT)], [("x", UINT8, [None, 2, 2, 1])], [("y", FLOAT, [None, 2, 2, 1])])  # fmt: skip
    signature, _ = inspected(proto)
    field = signature.inputs[0]
    assert (field.shape, field.element, field.minimum, field.maximum) == ((2, 2, 1), "integer", 0, 255)
    assert answered(proto, [{"x": [[[0], [255]], [[7], [8]]]}])[0]["y"] == [[[0.0], [255.0]], [[7.0], [8.0]]]
    with pytest.raises(InvalidRows):
        Validator(signature).check_payload([{"x": [[[0], [256]], [[7], [8]]]}], max_rows=1)


def test_half_precision_and_flags_go_in_and_out() -> None:
    proto = graph(
        [node("Where", ["flags", "x", "zero"], ["y"])],
        [("flags", BOOL, [None, 2, 2]), ("x", F16, [None, 2, 2])],
        [("y", F16, [None, 2, 2])],
        {"zero": np.array(0, np.float16)},
    )
    (given,) = answered(proto, [{"flags": [[True, False], [False, True]], "x": [[0.5, 1], [2, 3]]}])
    assert given == {"y": [[0.5, 0.0], [0.0, 3.0]]}


def test_inputs_with_a_value_of_their_own_are_not_asked_for() -> None:
    proto = graph(
        [node("Mul", ["x", "scale"], ["y"])],
        [("x", FLOAT, [None, 2, 2]), ("scale", FLOAT, [])],
        [("y", FLOAT, [None, 2, 2])],
        {"scale": np.array(2, np.float32)},
    )
    assert inspected(proto)[0].names == ("x",)
    assert answered(proto, [{"x": [[1, 2], [3, 4]]}])[0] == {"y": [[2.0, 4.0], [6.0, 8.0]]}


def test_an_operator_of_another_domain_is_named() -> None:
    own = node("Attend", ["x"], ["y"], domain="com.example.kernels")
    shape = [("x", FLOAT, [None, 2])], [("y", FLOAT, [None, 2])]
    error = refusal(graph([own], *shape, opsets={"": 21, "com.example.kernels": 1}))
    assert (error.code, "com.example.kernels.Attend" in error.message) == ("unknown_operator", True)
