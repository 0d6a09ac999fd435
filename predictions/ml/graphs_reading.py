"""Parse an ONNX file of unknown origin and refuse what this ONNX Runtime could not or should not run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

from predictions.errors import BadModelFile

BYTES_LIMIT = 1 << 30
"""Protobuf itself ends at 2 GiB, and ONNX Runtime needs about twice the file in memory."""

OLDEST_OPSET = 7
"""ONNX Runtime's own floor: onnxruntime/docs/Versioning.md, "opsets 7 and up"."""

MOST_NAMED = 3
INTERNAL_DOMAINS = ("com.ms.internal", "com.microsoft.nchwc")
Operator = tuple[str, str]


def read_graph(data: bytes) -> onnx.ModelProto:
    """The parsed file, checked. Raises BadModelFile.

    Codes: too_large, not_a_model_file, external_data, unknown_operator, opset_too_new, opset_too_old.
    """
    if len(data) > BYTES_LIMIT:
        raise BadModelFile("The ONNX file is larger than 1 GB; export a smaller one.", code="too_large")
    try:
        proto = onnx.load_model_from_string(data)
    except (DecodeError, ValueError, RecursionError) as error:
        raise BadModelFile(
            "The ONNX file is damaged or was cut; export or upload it again.", code="not_a_model_file"
        ) from error
    if not proto.graph.output:
        raise BadModelFile(
            "The ONNX file holds no graph with outputs; export it again.", code="not_a_model_file"
        )
    _refuse_external_data(proto)
    _refuse_other_opsets(proto)
    _refuse_unknown_operators(proto)
    return proto


def nodes_of(nodes: Sequence[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Every node, those inside the branches and loops of other nodes too."""
    waiting = [list(nodes)]
    while waiting:
        for node in waiting.pop():
            yield node
            for attribute in node.attribute:
                waiting.extend(list(graph.node) for graph in (attribute.g, *attribute.graphs) if graph.node)


def operators_of(proto: onnx.ModelProto) -> set[Operator]:
    """(domain, operator) of everything the file calls, without functions it brings itself."""
    own = {(_domain(function.domain), function.name) for function in proto.functions}
    bodies = [proto.graph.node, *(function.node for function in proto.functions)]
    called = {(_domain(node.domain), node.op_type) for body in bodies for node in nodes_of(body)}
    return called - own


def _domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _refuse_external_data(proto: onnx.ModelProto) -> None:
    if any(
        tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data
        for tensor in tensors_of(proto)
    ):
        raise BadModelFile(
            "The ONNX file keeps its numbers in a second file; save it as one file (save_as_external_data=False), or bring "
            "a zip of both.",
            code="external_data",
        )


def tensors_of(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor in the file: of the graph, of its branches and functions, and of nodes' attributes."""
    graphs = [proto.graph]
    bodies = [proto.graph.node, *(function.node for function in proto.functions)]
    for body in bodies:
        for node in nodes_of(body):
            for attribute in node.attribute:
                graphs.extend((attribute.g, *attribute.graphs))
                yield from (attribute.t, *attribute.tensors)
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    yield from (sparse.values, sparse.indices)
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)


@cache
def known_operators() -> dict[Operator, int]:
    """(domain, operator) to the opset it first appeared in, of the ONNX Runtime that is installed."""
    known: dict[Operator, int] = {}
    for schema in get_all_operator_schema():
        if not schema.domain.startswith(INTERNAL_DOMAINS):
            key = (_domain(schema.domain), schema.name)
            known[key] = min(schema.since_version, known.get(key, schema.since_version))
    return known


@cache
def newest_opsets() -> dict[str, int]:
    """Domain to the newest opset this ONNX Runtime has an operator of."""
    newest: dict[str, int] = {}
    for schema in get_all_operator_schema():
        domain = _domain(schema.domain)
        newest[domain] = max(schema.since_version, newest.get(domain, 0))
    return newest


def _refuse_other_opsets(proto: onnx.ModelProto) -> None:
    newest = newest_opsets()
    used = {domain for domain, _ in operators_of(proto)}
    for opset in proto.opset_import:
        domain = _domain(opset.domain)
        if not domain and domain in used and 0 < opset.version < OLDEST_OPSET:
            raise BadModelFile(
                f"The ONNX file uses opset {opset.version} and this site reads {OLDEST_OPSET} to {newest['']}; "
                "export it again with a newer opset.",
                code="opset_too_old",
            )
        if domain in used and opset.version > newest.get(domain, opset.version):
            raise BadModelFile(
                f"The ONNX file uses opset {opset.version} of {domain or 'ai.onnx'} and this site reads up to "
                f"{newest[domain]}; export it with an older opset.",
                code="opset_too_new",
            )


def _refuse_unknown_operators(proto: onnx.ModelProto) -> None:
    known = known_operators()
    unknown = sorted(
        shown_operator(domain, name) for domain, name in operators_of(proto) if (domain, name) not in known
    )
    if unknown:
        raise unknown_operators(unknown)


def unknown_operators(names: Sequence[str]) -> BadModelFile:
    """The error that names operators nobody here can run."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return BadModelFile(
        f"The ONNX file needs the operator {', '.join(names[:MOST_NAMED])}{more}, which this site's ONNX Runtime does "
        "not have; export it with standard operators only.",
        code="unknown_operator",
    )


def shown_operator(domain: str, name: str) -> str:
    """A name from the file as a message may show it."""
    return re.sub(r"[^\w.\-]", "?", f"{domain}.{name}" if domain else name)[:80]


def facts_of(proto: onnx.ModelProto, size: int) -> dict[str, Any]:
    """What the build report says about the file."""
    return {
        "producer": " ".join(part for part in (proto.producer_name, proto.producer_version) if part)[:100],
        "ir_version": proto.ir_version,
        "opset": {_domain(item.domain) or "ai.onnx": item.version for item in proto.opset_import},
        "operators": sorted({name for _, name in operators_of(proto)}),
        "nodes": sum(1 for _ in nodes_of(proto.graph.node)),
        "size": size,
        "onnxruntime": onnxruntime.__version__,
    }
