"""Build from an ONNX file: it is served as it is. Runs in the site's own Python only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from predictions.errors import BadModelFile, ModelFailed
from predictions.ml.graphs import inspect_graph, without_zipmap
from predictions.ml.proving_subjects import graph_subject, proven
from predictions.ml.reporting import ARTIFACT, Clock, Say, answer_document, libraries
from predictions.ml.runtimes import OnnxRuntime
from predictions.ml.table import Table


def build_graph(source: Path, table: Table | None, out: Path, say: Say) -> dict[str, Any]:
    """An ONNX file is served as it is: read it, refuse what is not allowed, run it once."""
    clock = Clock()
    data = without_zipmap(source.read_bytes())
    signature, plan, facts = inspect_graph(data, table)
    say("open", "Read the ONNX file.")
    say("inspect", f"ONNX graph, {len(signature.inputs)} inputs, {len(signature.outputs)} outputs.")
    clock.mark("inspect")
    example = [field.example for field in signature.inputs]
    try:
        runtime = OnnxRuntime(data, plan, signature)
        answer = None if None in example else runtime.predict([example])[0]
    except ModelFailed as error:
        raise BadModelFile(
            "The ONNX graph was read but does not answer an example row: check it with ONNX Runtime.",
            code="cannot_answer",
        ) from error
    clock.mark("run")
    say("convert", "An ONNX graph needs no conversion; it answered an example row.")
    (out / ARTIFACT).write_bytes(data)
    proof = proven(graph_subject(lambda: OnnxRuntime(data, plan, signature), signature, table), say, clock)
    return {
        "signature": signature.to_document(),
        "runtime": "onnx",
        "plan": plan.to_document(),
        "artifact": ARTIFACT,
        "report": {
            "estimator": "ONNX graph",
            "parity": None,
            "reason": "Served by ONNX Runtime as it was brought.",
            "proof": proof,
            "timings": clock.seconds,
            "example_answer": answer_document(answer, signature) if answer else None,
            "inspection": [],
            **facts,
        },
        "libraries": libraries(),
        "notes": list(facts.get("notes", [])),
    }
