"""Any ONNX graph to a signature, a plan and facts: with it a graph from anywhere gets the same four faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import onnx

from predictions.errors import BadModelFile, ModelFailed
from predictions.ml.columns import ColumnFacts
from predictions.ml.graphs_columns import column_facts
from predictions.ml.graphs_guesses import compared_with, guesses
from predictions.ml.graphs_inputs import Inputs, inputs_of
from predictions.ml.graphs_outputs import Answers, answers_of, class_values
from predictions.ml.graphs_reading import facts_of, read_graph
from predictions.ml.graphs_trial import Trial, load, run, small_example, try_graph
from predictions.ml.plan import Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.ml.table import Table
from predictions.signature.fields import Choice, Field, Signature
from predictions.values import Value

SIGNIFICANT = 4


def inspect_graph(data: bytes, table: Table | None = None) -> tuple[Signature, Plan, dict[str, Any]]:
    """What a graph takes and answers, how rows become its tensors, and facts for the build report.

    ``table`` is a sample: it names columns and gives ranges and an example. Ends with one inference through the runtime
    that will serve it. Raises BadModelFile: too_large, not_a_model_file, external_data, unknown_operator, opset_too_new,
    unsupported_input, unsupported_output, bad_graph, cannot_answer.
    """
    proto = read_graph(data)
    inputs = inputs_of(proto, table, _classes_as_text(proto))
    session = load(data)
    traced = column_facts(proto, inputs.feeds, len(inputs.fields))
    inputs = replace(
        inputs,
        fields=tuple(_informed(field, facts) for field, facts in zip(inputs.fields, traced, strict=True)),
    )
    sampled = table.example if table else {}
    typical = [_middle(field, facts) for field, facts in zip(inputs.fields, traced, strict=True)]
    trial = try_graph(session, inputs, guesses(inputs, typical, compared_with(proto)))
    answers = answers_of(proto, trial.found, trial.probes, whole=inputs.whole)
    inputs = replace(inputs, fields=_with_examples(session, inputs, trial, traced, sampled))
    signature = Signature(task=answers.task, inputs=inputs.fields, outputs=answers.outputs)
    plan = _plan(inputs, answers, trial.batched)
    _prove(data, plan, signature, trial)
    return signature, plan, facts_of(proto, len(data))


def without_zipmap(data: bytes) -> bytes:
    """The same graph with its probabilities as one tensor instead of a list of mappings, which is many times faster.

    Bytes that hold no such pair come back as they are. The tensor keeps the output's name.
    """
    proto = read_graph(data)
    outputs = {value.name: value for value in proto.graph.output}
    maps = [node for node in proto.graph.node if node.op_type == "ZipMap" and node.output[0] in outputs]
    if not maps:
        return data
    for node in maps:
        value = outputs[node.output[0]]
        labels = [len(onnx.helper.get_attribute_value(attribute)) for attribute in node.attribute]
        shape = [None, labels[0] if labels else None]
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, shape))
        same = onnx.helper.make_node("Identity", [node.input[0]], [node.output[0]])
        node.CopyFrom(same)
    return bytes(proto.SerializeToString())


def _classes_as_text(proto: onnx.ModelProto) -> frozenset[str]:
    names = [value.name for value in proto.graph.output][:2]
    found = [class_values(proto, name, None) for name in names]
    return frozenset(str(value) for values in found for value in values)


def _informed(field: Field, facts: ColumnFacts) -> Field:
    """A field with the categories and range that the operators behind it give away."""
    if facts.categories:
        unseen: Literal["refuse", "warn"] = "warn" if facts.handles_unseen else "refuse"
        return replace(
            field, kind="choice", choices=tuple(Choice(value) for value in facts.categories), unseen=unseen
        )
    if field.kind not in ("number", "integer") or facts.low is None or facts.high is None:
        return field
    if field.soft_minimum is not None:
        return field
    return replace(field, soft_minimum=_readable(facts.low), soft_maximum=_readable(facts.high))


def _readable(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT}g}")


def _middle(field: Field, facts: ColumnFacts) -> Value:
    if field.kind == "tensor":
        return None
    if field.kind == "choice":
        return field.choices[0].value
    if field.kind == "boolean":
        return False
    if field.kind == "text":
        return "example"
    middle = facts.typical
    if not isinstance(middle, int | float) or not math.isfinite(middle):
        low, high = field.soft_minimum, field.soft_maximum
        middle = 0.0 if low is None or high is None else (low + high) / 2
    return round(middle) if field.kind == "integer" else _readable(middle)


def _with_examples(
    session: Any, inputs: Inputs, trial: Trial, traced: Sequence[ColumnFacts], sampled: dict[str, Value]
) -> tuple[Field, ...]:
    """Fields with an example that is answered, and nullable where the graph fills in what is missing."""
    better = tuple(
        _fitting(field, sampled.get(field.name), value)
        for field, value in zip(inputs.fields, trial.example, strict=True)
    )
    row = better if run(session, inputs, [better]) else trial.example
    return tuple(
        replace(
            field,
            example=small_example(field, value),
            nullable=field.kind == "number"
            and isinstance(facts.missing, float)
            and math.isnan(facts.missing),
        )
        for field, value, facts in zip(inputs.fields, row, traced, strict=True)
    )


def _fitting(field: Field, sampled: Value, otherwise: Value) -> Value:
    if sampled is None or field.kind == "tensor":
        return otherwise
    if field.kind == "choice":
        same = [choice.value for choice in field.choices if str(choice.value) == str(sampled)]
        return same[0] if same else otherwise
    if field.kind == "text":
        return str(sampled)
    if field.kind == "boolean":
        return bool(sampled) if sampled in (0, 1) else otherwise
    if isinstance(sampled, bool) or not isinstance(sampled, int | float):
        return otherwise
    return float(sampled) if field.kind == "number" else int(sampled)


def _plan(inputs: Inputs, answers: Answers, batched: bool) -> Plan:
    return Plan(
        feeds=inputs.feeds,
        label_output=answers.label,
        probability_output=answers.probability,
        value_output=answers.value,
        outputs=answers.named,
        batched=batched,
    )


def _prove(data: bytes, plan: Plan, signature: Signature, trial: Trial) -> None:
    """One inference through the runtime that will serve it."""
    row = tuple(
        value if field.example is None else field.example
        for field, value in zip(signature.inputs, trial.example, strict=True)
    )
    try:
        runtime = OnnxRuntime(data, plan, signature)
        runtime.predict([row, row])
        runtime.close()
    except ModelFailed as error:
        raise BadModelFile(
            "The ONNX graph does not answer an example row made from its own inputs; check the shapes it declares.",
            code="cannot_answer",
        ) from error
