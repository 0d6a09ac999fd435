"""What the converter leaves out about trees: which way a missing value goes."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from predictions.ml.anatomy import everything_in

DOUBLES_SINCE = 3
"""ai.onnx.ml 3 added the ``*_as_tensor`` attributes."""

DIRECTIONS = "nodes_missing_value_tracks_true"


def holds_trees(estimator: Any) -> bool:
    """Does any part of the estimator divide by thresholds?"""
    return any(_trees(part) or hasattr(part, "_bin_mapper") for part in everything_in(estimator))


def _trees(part: Any) -> list[Any]:
    if hasattr(part, "tree_"):
        return [part.tree_]
    inner = getattr(part, "estimators_", None)
    if inner is None:
        return []
    return [item.tree_ for item in np.asarray(inner, dtype=object).reshape(-1) if hasattr(item, "tree_")]


def restore_missing_directions(graph: ModelProto, estimator: Any) -> None:
    """Write scikit-learn's ``missing_go_to_left`` into the tree nodes of ``graph``, in place.

    skl2onnx 1.20 writes 0 for every node of forests and single trees (``add_tree_to_attribute_pairs`` passes none), so a
    missing value would always go right. A node is matched with a forest by its features and node count.
    """
    forests = [trees for part in everything_in(estimator) if (trees := _trees(part))]
    alone = [[tree] for trees in forests for tree in trees if len(trees) > 1]
    waiting = forests + alone
    for node in graph.graph.node:
        if node.op_type in ("TreeEnsembleClassifier", "TreeEnsembleRegressor"):
            found = _restore(node, waiting)
            waiting = [trees for trees in waiting if trees is not found]


def declare_float_outputs(graph: ModelProto) -> None:
    """Trees answer in float32 whatever their input is; skl2onnx declares the input's double. In place."""
    made = {
        name
        for node in graph.graph.node
        if node.op_type.startswith("TreeEnsemble")
        for name in node.output
        if name
    }
    for item in graph.graph.output:
        if item.name in made and item.type.tensor_type.elem_type == TensorProto.DOUBLE:
            item.type.tensor_type.elem_type = TensorProto.FLOAT


def _restore(node: NodeProto, forests: list[list[Any]]) -> list[Any] | None:
    """Write one node's directions; gives the forest it was made from."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    tree_of = np.array(attributes["nodes_treeids"].ints)
    node_of = np.array(attributes["nodes_nodeids"].ints)
    branches = np.array([mode != b"LEAF" for mode in attributes["nodes_modes"].strings])
    features = np.array(attributes["nodes_featureids"].ints)
    for trees in forests:
        if len(trees) != len(set(tree_of.tolist())) or sum(tree.node_count for tree in trees) != len(node_of):
            continue
        start = np.cumsum([0, *(tree.node_count for tree in trees)])
        places = start[tree_of] + node_of
        known = np.concatenate([tree.feature for tree in trees])[places]
        if not np.array_equal(known[branches], features[branches]):
            continue
        if not all(hasattr(tree, "missing_go_to_left") for tree in trees):
            # Before scikit-learn 1.3 trees take no missing values.
            return trees
        left = np.concatenate([np.asarray(tree.missing_go_to_left) for tree in trees])[places].astype(int)
        _write(attributes.get(DIRECTIONS), node, np.where(branches, left, 0).tolist())
        return trees
    return None


def _write(attribute: AttributeProto | None, node: NodeProto, directions: list[int]) -> None:
    if attribute is None:
        attribute = node.attribute.add(name=DIRECTIONS, type=AttributeProto.INTS)
    del attribute.ints[:]
    attribute.ints.extend(directions)


def sharpen_histogram_trees(graph: ModelProto, estimator: Any) -> None:
    """Give histogram trees their thresholds, leaves and start values as doubles, in place.

    scikit-learn compares doubles there, but skl2onnx 1.20 writes float32 attributes even for double inputs.
    """
    boosted = [part for part in everything_in(estimator) if hasattr(part, "_predictors")]
    doubles = {
        item.name for item in graph.graph.input if item.type.tensor_type.elem_type == TensorProto.DOUBLE
    }
    nodes = [node for node in graph.graph.node if node.op_type.startswith("TreeEnsemble")]
    if len(boosted) != 1 or len(nodes) != 1 or not doubles:
        return
    trees = [tree.nodes for iteration in boosted[0]._predictors for tree in iteration]  # noqa: SLF001
    attributes = {attribute.name: attribute for attribute in nodes[0].attribute}
    owner = "class" if "class_weights" in attributes else "target"
    limit = "num_threshold" if "num_threshold" in (trees[0].dtype.names or ()) else "threshold"
    _sharpen(attributes, nodes[0], "nodes", "nodes_values", trees, limit)
    _sharpen(attributes, nodes[0], owner, f"{owner}_weights", trees, "value")
    start = attributes.get("base_values")
    if start is not None:
        exact = np.asarray(boosted[0]._baseline_prediction, dtype=np.float64).reshape(-1)  # noqa: SLF001
        _replace(
            nodes[0], start, exact if np.allclose(exact, start.floats, rtol=1e-6) else np.array(start.floats)
        )
    for opset in graph.opset_import:
        if opset.domain == "ai.onnx.ml":
            opset.version = max(opset.version, DOUBLES_SINCE)


def _sharpen(
    attributes: dict[str, AttributeProto],
    node: NodeProto,
    owner: str,
    name: str,
    trees: list[Any],
    column: str,
) -> None:
    tree_of, node_of = attributes[f"{owner}_treeids"].ints, attributes[f"{owner}_nodeids"].ints
    exact = np.array(
        [trees[tree][column][at] for tree, at in zip(tree_of, node_of, strict=True)], dtype=np.float64
    )
    rounded = np.array(attributes[name].floats, dtype=np.float64)
    close = np.isclose(exact, rounded, rtol=1e-6, atol=1e-30)
    _replace(node, attributes[name], np.where(close, exact, rounded))


def _replace(node: NodeProto, attribute: AttributeProto, values: Any) -> None:
    name = attribute.name
    tensor = numpy_helper.from_array(np.asarray(values, dtype=np.float64), name=f"{name}_as_tensor")
    node.attribute.remove(attribute)
    node.attribute.append(helper.make_attribute(f"{name}_as_tensor", tensor))
