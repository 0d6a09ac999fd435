"""One or several files as one thing that answers. Only ever called inside the sandbox process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from predictions.errors import BadModelFile
from predictions.ml.anatomy import require_estimator
from predictions.ml.chains import chained, output_count
from predictions.ml.known_inputs import input_count
from predictions.ml.opening import open_estimator
from predictions.ml.unit_parts import Part, is_model_key, parts_in, texts_of

MOST_BESIDE = 50


@dataclass(frozen=True)
class UnitFile:
    """One file of a unit: its own ``name``, where it lies, and what it is: joblib, pickle, skops or json."""

    name: str
    path: Path
    format: str


@dataclass(frozen=True)
class Unit:
    """``estimator`` takes rows and answers. ``chain`` says for people what it is made of, the first step first.

    names: of its inputs, where a list beside it says them. class_texts: by place in ``classes_``. hints: what the files
    say about the app around the model (``threshold``, ``value_maps``); nothing of it is applied. beside: what else lay
    in the files, each with its role and whether something of it was used.
    """

    estimator: Any
    notes: list[str] = field(default_factory=list)
    chain: list[dict[str, Any]] = field(default_factory=list)
    names: list[str] | None = None
    class_texts: list[str] | None = None
    hints: dict[str, Any] = field(default_factory=dict)
    beside: list[dict[str, Any]] = field(default_factory=list)


def open_unit(files: Sequence[UnitFile], order: Sequence[str] = ()) -> Unit:
    """Open all files and put together what belongs together; the order of the files says nothing.

    ``order``: names of files in the order in which they are to be chained, where the owner said so.
    Raises BadModelFile: as ``open_estimator``, and ``no_predict``, ``several_models``, ``partial_transformer``,
    ``ambiguous_chain``.
    """
    parts: list[Part] = []
    notes: list[str] = []
    for file in files:
        found, said = _opened(file)
        notes += [note for note in said if note not in notes]
        if len(files) == 1 and not isinstance(found, (dict, tuple, list)):
            require_estimator(found)
        parts += parts_in(found, file.name)
    predictor = _predictor(parts, files)
    transformers = [part for part in parts if part.role == "transformer"]
    estimator, steps, more = chained(predictor, transformers, order)
    unit = Unit(
        estimator=estimator,
        notes=[*notes, *more],
        chain=_described([*steps, predictor]) if len(parts) > 1 else [],
        names=_names(parts, estimator),
        class_texts=_class_texts(parts, predictor.found),
        hints=_hints(parts),
    )
    return replace(unit, beside=_beside(parts, [*steps, predictor], unit))


def _opened(file: UnitFile) -> tuple[Any, list[str]]:
    if file.format == "json":
        return json.loads(file.path.read_text(encoding="utf-8-sig")), []
    return open_estimator(file.path, file.format)


def _predictor(parts: Sequence[Part], files: Sequence[UnitFile]) -> Part:
    found = [part for part in parts if part.role == "predictor"]
    if len(found) > 1:
        found = [part for part in found if is_model_key(part)] or found
    if len(found) > 1:
        # Clusters or reductions that can predict too stand before the one that only predicts.
        found = [part for part in found if not hasattr(part.found, "transform")] or found
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(part.words for part in found[:5])
        raise BadModelFile(
            f"There are {len(found)} models that answer ({shown}). Bring the one that people should ask, with its transformers.",
            code="several_models",
        )
    transformers = [part.words for part in parts if part.role in ("transformer", "labels")]
    if transformers:
        raise BadModelFile(
            f"There is {transformers[0]}, but nothing that predicts. Bring the model's own file together with it.",
            code="no_predict",
        )
    raise BadModelFile(
        f"{files[0].name} holds no estimator: save the fitted estimator itself, for example with joblib.dump.",
        code="not_an_estimator",
    )


def _described(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [
        {
            "file": part.file,
            "key": part.key,
            "role": part.role,
            "class": type(part.found).__name__,
            "inputs": input_count(part.found),
            "outputs": output_count(part.found) if part.role == "transformer" else None,
        }
        for part in parts
    ]


def _beside(parts: Sequence[Part], chain: Sequence[Part], unit: Unit) -> list[dict[str, Any]]:
    """What is not in the chain: lists, texts, measures, and estimators that are not asked."""
    used = {
        "names": lambda part: unit.names is not None and texts_of(part.found) == unit.names,
        "labels": lambda part: (
            unit.class_texts is not None and _texts_of_encoder(part.found) == unit.class_texts
        ),
        "classes": lambda part: unit.class_texts is not None,
        "threshold": lambda part: "threshold" in unit.hints,
        "maps": lambda part: "value_maps" in unit.hints,
    }
    rest = [part for part in parts if not any(part is step for step in chain)]
    return [
        {
            "file": part.file,
            "key": part.key,
            "role": part.role,
            "class": type(part.found).__name__,
            "used": part.role in used and bool(used[part.role](part)),
        }
        for part in rest[:MOST_BESIDE]
    ]


def _texts_of_encoder(encoder: Any) -> list[str]:
    return [str(text) for text in np.asarray(encoder.classes_).tolist()]


def _names(parts: Sequence[Part], estimator: Any) -> list[str] | None:
    """The one list of names that is as long as the estimator takes columns."""
    width = input_count(estimator)
    lists = [texts_of(part.found) for part in parts if part.role == "names"]
    fitting = [names for names in lists if names and len(set(names)) == len(names) == width]
    return fitting[0] if fitting and all(names == fitting[0] for names in fitting) else None


def _class_texts(parts: Sequence[Part], predictor: Any) -> list[str] | None:
    """What the classes are called, where a label encoder or a list beside the model says so."""
    classes = getattr(predictor, "classes_", None)
    if classes is None or isinstance(classes, list):
        return None
    codes = np.asarray(classes).tolist()
    coded = codes == list(range(len(codes)))
    for part in parts:
        if part.role == "labels" and coded:
            encoded = _texts_of_encoder(part.found)
            if len(encoded) == len(codes):
                return encoded
        if part.role == "classes":
            texts = _texts_for(part.found, codes, coded=coded)
            if texts is not None:
                return texts
    return None


def _texts_for(found: Any, codes: list[Any], *, coded: bool) -> list[str] | None:
    if isinstance(found, dict):
        named = {int(code): text for code, text in found.items()}
        return [named[code] for code in codes] if all(code in named for code in codes) else None
    texts = texts_of(found)
    return texts if texts is not None and coded and len(texts) == len(codes) else None


def _hints(parts: Sequence[Part]) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for part in parts:
        if part.role == "threshold":
            hints["threshold"] = float(part.found)
        elif part.role == "maps":
            hints["value_maps"] = {
                str(column): {
                    str(text): code for code, text in enumerate(np.asarray(encoder.classes_).tolist())
                }
                for column, encoder in part.found.items()
            }
    return hints
