"""The facts document of a file: what is in it, which versions made it, what it takes. JSON, bounded, nothing executed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from predictions.ml.scan_findings import libraries_of, numpy_generation_of
from predictions.ml.scan_lists import DISTRIBUTIONS
from predictions.ml.scan_machine import Findings
from predictions.ml.scan_nodes import Describer
from predictions.ml.scan_summary import summary_of, walk
from predictions.ml.scan_values import Values, clean

DOCUMENT_LIMIT = 200_000
"""Characters of JSON."""
_OF_EACH_NODE: Final = ("statistics", "categories", "params", "values", "learned", "feature_names", "classes")
_OF_THE_WHOLE: Final = ("object", "choices", "inputs_used", "classes")


def facts_of(findings: Findings) -> dict[str, Any]:
    """Everything worth knowing of what a stream holds.

    ``top`` kind, class, module; ``object`` the tree of parts; the file's own ``n_features_in``, ``feature_names``,
    ``inputs_used``, ``choices``, ``classes``, ``task``, ``predictor``; ``libraries`` by distribution name,
    ``library_versions``, ``numpy``, ``protocol``, ``python2``.
    """
    node = Describer(Values()).node(findings.root)
    facts: dict[str, Any] = {
        "top": {key: node[key] for key in ("kind", "class", "module", "count") if key in node},
        **summary_of(node),
        "libraries": [DISTRIBUTIONS.get(library, library) for library in libraries_of(findings)],
        "library_versions": _versions(node, findings),
        "numpy": numpy_generation_of(findings),
        "protocol": findings.protocol,
        "python2": findings.python2,
        "object": node,
    }
    return bounded(facts)


def _versions(node: dict[str, Any], findings: Findings) -> dict[str, str]:
    """Distribution to version where the file says it; of several scikit-learns the first seen."""
    first = next(iter(findings.sklearn_versions), None)
    found = {} if first is None else {"scikit-learn": clean(first)}
    for part in walk(node):
        booster = part.get("booster", {})
        if "version" in booster:
            found.setdefault(DISTRIBUTIONS.get(booster["library"], booster["library"]), booster["version"])
    return found


def bounded(facts: dict[str, Any]) -> dict[str, Any]:
    """The document within ``DOCUMENT_LIMIT``: what is least needed goes first, and ``cut`` names what went."""
    cut: list[str] = []
    for key in (*_OF_EACH_NODE, *_OF_THE_WHOLE):
        if _size(facts) <= DOCUMENT_LIMIT:
            break
        _drop(facts, key)
        cut.append(key)
    if _size(facts) > DOCUMENT_LIMIT:
        facts = {**facts, "feature_names": facts.get("feature_names", [])[:200]}
        cut.append("feature_names")
    return {**facts, "cut": cut} if cut else facts


def _drop(facts: dict[str, Any], key: str) -> None:
    if key in _OF_THE_WHOLE and key != "classes":
        facts.pop(key, None)
    elif "object" in facts and key in _OF_EACH_NODE:
        _each(facts["object"], lambda node: node.pop(key, None))
    else:
        facts.pop(key, None)


def _each(node: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> None:
    for part in list(walk(node)):
        change(part)


def _size(facts: dict[str, Any]) -> int:
    return len(json.dumps(facts))
