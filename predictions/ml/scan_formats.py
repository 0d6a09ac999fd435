"""What a file really is, told from its first bytes and its structure, never from its name."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import BinaryIO, Final

HEAD = 8192
MOST_JSON = 1 << 20

_HOW = "Bring a scikit-learn estimator saved with joblib.dump, a skops file or an ONNX file."
_EXPORT = "Export the network as ONNX and bring that file."

_MAGICS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89HDF\r\n\x1a\n", f"This is an HDF5 file, as Keras saves networks (.h5). {_EXPORT}"),
    (b"GGUF", f"This is a GGUF language model, which this site cannot serve. {_HOW}"),
    (b"\x93NUMPY", f"This is a NumPy array, not a trained model. {_HOW}"),
    (b"PAR1", f"This is a Parquet table, not a trained model. {_HOW}"),
    (b"ARROW1", f"This is an Arrow table, not a trained model. {_HOW}"),
    (b"CBM1", "This is CatBoost's own format. Save the estimator with joblib.dump, or export it as ONNX."),
    (b"\x89PNG", f"This is a picture, not a trained model. {_HOW}"),
    (b"\xff\xd8\xff", f"This is a picture, not a trained model. {_HOW}"),
    (b"%PDF", f"This is a PDF document, not a trained model. {_HOW}"),
    (b"\x7fELF", f"This is a program, not a trained model. {_HOW}"),
    (b"MZ", f"This is a program, not a trained model. {_HOW}"),
    (b"Rar!", f"This is an archive. Unpack it and bring the model file inside. {_HOW}"),
    (b"7z\xbc\xaf", f"This is an archive. Unpack it and bring the model file inside. {_HOW}"),
    (b"\xd0\xcf\x11\xe0", f"This is an old Office document, not a trained model. {_HOW}"),
    (b"SQLite format 3", f"This is a SQLite database, not a trained model. {_HOW}"),
    (
        b"ZF",
        "This file was compressed by a joblib older than 0.10. Load it where it was made and save it again.",
    ),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", f"This is a PyTorch file (.pt). {_EXPORT}"),
    (b"RDX", f"This is an R workspace. Only Python estimators and ONNX can be served. {_HOW}"),
    (b"X\n\0\0", f"This is an R object. Only Python estimators and ONNX can be served. {_HOW}"),
)
_JSON_KEYS: Final[tuple[tuple[bytes, str], ...]] = (
    (
        b'"nbformat"',
        f"This is a Jupyter notebook. Run it, save the trained estimator and bring that file. {_HOW}",
    ),
    (
        b'"cells"',
        f"This is a Jupyter notebook. Run it, save the trained estimator and bring that file. {_HOW}",
    ),
    (
        b'"learner"',
        "This is XGBoost's own JSON format. Save the XGBoost estimator with joblib.dump, or export it as ONNX.",
    ),
    (
        b'"oblivious_trees"',
        "This is CatBoost's own JSON format. Save the estimator with joblib.dump, or export it as ONNX.",
    ),
    (
        b'"tree_info"',
        "This is LightGBM's own JSON format. Save the estimator with joblib.dump, or export it as ONNX.",
    ),
    (b'"modelTopology"', f"This is a TensorFlow.js network. {_EXPORT}"),
)
_TEXT_STARTS: Final[tuple[tuple[bytes, str], ...]] = (
    (
        b"version https://git-lfs",
        "This is a Git LFS pointer, not the file itself. Run git lfs pull and bring the real file.",
    ),
    (
        b"tree\n",
        "This is LightGBM's own text format. Save the estimator with joblib.dump, or export it as ONNX.",
    ),
    (
        b"<!doctype html",
        "This is a web page, probably an error page saved by a download. Download the file again.",
    ),
    (b"<html", "This is a web page, probably an error page saved by a download. Download the file again."),
)
_ZIP_PARTS: Final[tuple[tuple[str, str], ...]] = (
    (r"(?:.*/)?data\.pkl", f"This is a PyTorch file (.pt). {_EXPORT}"),
    (r"model\.weights\.h5", f"This is a Keras file (.keras). {_EXPORT}"),
    (r"\[Content_Types\]\.xml", f"This is an Office document, not a trained model. {_HOW}"),
    (r"(?:.*/)?saved_model\.pb", f"This is a TensorFlow network. {_EXPORT}"),
    (r"(?:.*/)?META-INF/MANIFEST\.MF", f"This is a Java archive. {_HOW}"),
    (r"[^/]+\.npy", f"This is a set of NumPy arrays, not a trained model. {_HOW}"),
)
_ZIP_ARCHIVE: Final = f"This is a ZIP archive. Unpack it and bring the model file inside. {_HOW}"
NOT_A_MODEL = f"This is not a model file. {_HOW}"
NESTED_ARCHIVE = f"This is an archive. Unpack it and bring the model file inside. {_HOW}"
PLAIN_DATA = f"This file holds plain data, not a trained estimator. {_HOW}"

_ONNX_WIRES: Final = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""Field number to wire type of ModelProto: onnx/onnx.proto."""
_GRAPH, _OPSETS = 7, 8


def words_for_magic(head: bytes) -> str | None:
    """One or two sentences for bytes that announce another format, None when they announce none."""
    return next((words for magic, words in _MAGICS if head.startswith(magic)), None)


def words_for(head: bytes) -> str:
    """One or two sentences for bytes that are neither a pickle, skops nor ONNX."""
    announced = words_for_magic(head)
    if announced:
        return announced
    if head[4:8] == b"TFL3":
        return f"This is a TensorFlow Lite network. {_EXPORT}"
    if head[257:262] == b"ustar":
        return NESTED_ARCHIVE
    if re.fullmatch(rb'.{4}\0\0\0\0\{\s*"', head[:10], re.DOTALL):
        return f"This is a safetensors file: weights without the network they belong to. {_EXPORT}"
    if head.startswith(b"{L") and b"learner" in head:
        return "This is XGBoost's own binary format. Save the XGBoost estimator with joblib.dump, or export it as ONNX."
    return _words_for_text(head) if _is_text(head) else NOT_A_MODEL


def _words_for_text(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for start, words in _TEXT_STARTS:
        if text[:40].lower().startswith(start):
            return words
    if b"<PMML" in text:
        return f"This is a PMML file, which this site cannot serve. {_HOW}"
    if text[:1] in b"{[" and text:
        known = [words for key, words in _JSON_KEYS if key in text]
        return known[0] if known else f"This is a JSON text, not a trained model. {_HOW}"
    if re.search(rb"^(?:import|from) \w+|^def \w+\(", text, re.MULTILINE):
        return f"This is Python source. Run it, save the trained estimator and bring that file. {_HOW}"
    if _is_table(text):
        return f"This is a table (CSV). Bring the trained model, with this table as its sample. {_HOW}"
    return f"This is a text, not a trained model. {_HOW}"


def _is_text(head: bytes) -> bool:
    return not re.search(rb"[\x00-\x08\x0e-\x1a\x7f]", head)


def _is_table(text: bytes) -> bool:
    lines = text.splitlines()[:6]
    counts = [{mark: line.count(mark) for mark in (b",", b";", b"\t")} for line in lines[:-1] or lines]
    return any(all(count[mark] == counts[0][mark] > 0 for count in counts) for mark in (b",", b";", b"\t"))


def words_for_zip(names: list[str]) -> str:
    """One or two sentences for an archive that is not skops."""
    return _known_zip(names) or _ZIP_ARCHIVE


def is_plain_zip(names: list[str]) -> bool:
    """Whether an archive is no format of its own, so that whatever lies in it was put there by a person."""
    return _known_zip(names) is None


def _known_zip(names: list[str]) -> str | None:
    found = (words for pattern, words in _ZIP_PARTS if any(re.fullmatch(pattern, name) for name in names))
    return next(found, None)


def is_plain_json(path: Path) -> bool:
    """Whether it is a short JSON text with a list of texts, or with such lists by name: columns or classes."""
    if path.stat().st_size > MOST_JSON:
        return False
    data = path.read_bytes()
    data = data[3:] if data[:3] == b"\xef\xbb\xbf" else data
    if data.lstrip()[:1] not in (b"[", b"{"):
        return False
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return _is_texts(found) or (
        isinstance(found, dict)
        and bool(found)
        and all(_is_texts(item) or isinstance(item, str | int | float) for item in found.values())
        and any(_is_texts(item) for item in found.values())
    )


def _is_texts(found: object) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(item, str) for item in found)


def zip_names(path: Path) -> list[str] | None:
    """The names in an archive, None when its directory cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist() or [""]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None


def is_onnx(path: Path) -> bool | None:
    """Whether the file is an ONNX ModelProto: True, False, or None when it is one that ends too early.

    Walks the top-level fields by their lengths and reads nothing of what they hold.
    """
    seen: set[int] = set()
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            number, wire = _tag(file)
            if _ONNX_WIRES.get(number, -1) != wire:
                return False
            length = read_varint(file)
            if length is None or (wire == 2 and file.tell() + length > size):
                return None if 1 in seen else False
            if wire == 2:
                file.seek(length, 1)
            seen.add(number)
    if {_GRAPH, _OPSETS} <= seen:
        return True
    return None if 1 in seen and len(seen) > 1 else False


def _tag(file: BinaryIO) -> tuple[int, int]:
    tag = read_varint(file)
    return (-1, -1) if tag is None else (tag >> 3, tag & 7)


def read_varint(file: BinaryIO) -> int | None:
    """A protobuf number of variable length, None where it does not end."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None
