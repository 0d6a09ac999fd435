"""An uploaded archive: which file in it is the model, and what else in it helps. Only inside the sandbox process."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from predictions.errors import BadModelFile
from predictions.ml import scan_formats as formats
from predictions.ml.declared import DeclaredColumn
from predictions.ml.mlflow_folder import description_in, read_folder
from predictions.ml.packs import BOUNDS, Bounds, kind_of, unpack, visible
from predictions.ml.scan import ScanReport, scan_file
from predictions.ml.scan_skops import SCHEMA

MOST_LOOKED_AT = 200
_NEVER_MODELS: Final = frozenset(
    [
        "c",
        "cfg",
        "css",
        "csv",
        "docx",
        "gif",
        "h",
        "html",
        "ico",
        "ini",
        "ipynb",
        "jpeg",
        "jpg",
        "js",
        "json",
        "lock",
        "log",
        "md",
        "mp4",
        "pdf",
        "png",
        "py",
        "pyc",
        "rst",
        "svg",
        "tex",
        "toml",
        "tsv",
        "txt",
        "ttf",
        "webp",
        "whl",
        "woff",
        "woff2",
        "xls",
        "xlsx",
        "xml",
        "yaml",
        "yml",
    ]
)
"""Endings that are passed over; whatever else is there is judged by its bytes."""
_TABLES: Final = ("csv", "tsv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What of an archive goes into a build. ``name`` is the model file's name in the archive.

    ``sample`` is a CSV, ``columns`` what somebody declared about them, ``notes`` sentences for the owner.
    ``claimed``: library versions that the folder claims; the file itself decides.
    """

    model: Path
    name: str
    sample: Path | None = None
    columns: tuple[DeclaredColumn, ...] = ()
    notes: tuple[str, ...] = ()
    claimed: Mapping[str, str] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """What was taken, as JSON for the scan's report; without the files."""
        return {
            "model": self.name,
            "columns": [asdict(column) for column in self.columns],
            "notes": list(self.notes),
            "claimed": dict(self.claimed),
        }


def is_archive(path: Path) -> bool:
    """Whether to look inside: a tar, or a zip that is no format of its own (skops, PyTorch, Office, ...)."""
    kind = kind_of(path)
    if kind != "zip":
        return kind == "tar"
    names = formats.zip_names(path)
    return names is not None and SCHEMA not in names and formats.is_plain_zip(names)


def open_archive(path: Path, folder: Path, bounds: Bounds = BOUNDS) -> Contents:
    """Unpack into ``folder`` (new, empty) and choose. Raises BadModelFile.

    Codes: those of ``unpack`` and of the folder's own description, ``several_models``, and for an archive without a
    model file what its most telling file gives (``not_a_model_file``).
    """
    files = unpack(path, folder, bounds)
    names = visible(files)
    description = description_in(names)
    if description is not None:
        return _from_mlflow(files, description, folder)
    return _from_plain(files, names, folder)


def _from_mlflow(files: Mapping[str, Path], description: str, folder: Path) -> Contents:
    found = read_folder(files, description)
    sample = None
    if found.example is not None:
        sample = folder / "example of the folder.csv"
        sample.write_text(found.example, encoding="utf-8")
    notes = [f"MLflow folder with the flavor {found.flavor}: {_last(found.model)} was taken as the model."]
    if sample:
        notes.append("Its input example was taken as the sample.")
    return Contents(
        model=_in_one_file(files[found.model], files),
        name=found.model,
        sample=sample,
        columns=found.columns,
        notes=tuple(notes),
        claimed=found.claimed,
    )


def _from_plain(files: Mapping[str, Path], names: Sequence[str], folder: Path) -> Contents:
    reports = _looked_at(files, names)
    models = [name for name, report in reports.items() if report.format != "unknown"]
    if not models:
        raise _no_model(reports)
    if len(models) > 1:
        listed = ", ".join(_last(name) for name in models[:4]) + (" and more" if len(models) > 4 else "")
        raise BadModelFile(
            f"This archive holds several model files ({listed}). Bring the one that answers, or all that belong together "
            "as files instead of an archive.",
            code="several_models",
        )
    sample, note = _sample(names)
    notes = [f"{_last(models[0])} in the archive was taken as the model."]
    return Contents(
        model=_in_one_file(files[models[0]], files),
        name=models[0],
        sample=files[sample] if sample else None,
        notes=(*notes, *([note] if note else [])),
    )


def _looked_at(files: Mapping[str, Path], names: Sequence[str]) -> dict[str, ScanReport]:
    wanted = [name for name in names if _ending(name) not in _NEVER_MODELS and files[name].stat().st_size]
    if len(wanted) > MOST_LOOKED_AT:
        raise BadModelFile(
            f"This archive holds {len(wanted)} files that could be a model. Bring the model file itself.",
            code="several_models",
        )
    return {name: scan_file(files[name]) for name in wanted}


def _no_model(reports: Mapping[str, ScanReport]) -> BadModelFile:
    if len(reports) == 1:
        ((name, report),) = reports.items()
        return BadModelFile(f"{_last(name)} in this archive: {report.message}", code=report.code)
    return BadModelFile(
        "This archive holds no model file. Bring a scikit-learn estimator saved with joblib.dump, a skops file or an "
        "ONNX file.",
        code="not_a_model_file",
    )


def _sample(names: Sequence[str]) -> tuple[str | None, str]:
    tables = [name for name in names if _ending(name) in _TABLES]
    named = [name for name in tables if "sample" in _last(name).lower()]
    for choice in (tables, named):
        if len(choice) == 1:
            return choice[0], f"{_last(choice[0])} in the archive was taken as the sample."
    if tables:
        return None, "The archive holds several tables, so none was taken as the sample; give one beside it."
    return None, ""


def _in_one_file(model: Path, files: Mapping[str, Path]) -> Path:
    """The file itself, or a new one for an ONNX graph that keeps its numbers in files beside it."""
    with model.open("rb") as file:
        if file.read(1) != b"\x08" or not formats.is_onnx(model):
            return model
    # The library that reads graphs is heavy, and only graphs need it.
    joining = importlib.import_module("predictions.ml.graphs_external")
    joined: Path = joining.in_one_file(model, files.values())
    return joined


def _ending(name: str) -> str:
    stem, dot, ending = _last(name).rpartition(".")
    return ending.lower() if dot and stem else ""


def _last(name: str) -> str:
    return name.rpartition("/")[2]
