"""An ONNX graph that keeps its numbers in files beside it (external data), put into one file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from predictions.errors import BadModelFile
from predictions.ml.graphs_reading import BYTES_LIMIT, tensors_of

JOINED = "in one file.onnx"


def in_one_file(model: Path, files: Iterable[Path]) -> Path:
    """The same graph with all numbers inside, in a new file beside it; ``model`` itself when it has none outside.

    ``files``: what may be read, all unpacked by this site. Raises BadModelFile ``external_data`` or ``too_large``.
    """
    if model.stat().st_size > BYTES_LIMIT:
        return model
    try:
        proto = onnx.load_model_from_string(model.read_bytes())
    except (DecodeError, ValueError, RecursionError):
        # Whoever reads the graph says what is wrong with it.
        return model
    outside = [tensor for tensor in tensors_of(proto) if tensor.external_data]
    if not outside:
        return model
    known = set(files)
    left = BYTES_LIMIT - model.stat().st_size
    for tensor in outside:
        left -= _fill(tensor, model.parent, known, left)
    joined = model.parent / JOINED
    joined.write_bytes(proto.SerializeToString())
    return joined


def _fill(tensor: onnx.TensorProto, folder: Path, known: set[Path], most: int) -> int:
    """Put a tensor's bytes into it; returns how many."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    # Only a file of this very archive; a location is text from the file, and may name any other.
    path = folder / said.get("location", "")
    if ".." in path.parts or path not in known:
        raise BadModelFile(
            "This ONNX graph keeps its numbers in a file that is not in the archive; pack both together, or save it as "
            "one file (save_as_external_data=False).",
            code="external_data",
        )
    try:
        offset = int(said.get("offset", "0"))
        length = int(said.get("length") or path.stat().st_size - offset)
    except ValueError:
        raise _damaged() from None
    if length > most:
        raise BadModelFile("The ONNX graph is larger than 1 GB; export a smaller one.", code="too_large")
    if offset < 0 or length < 0 or offset + length > path.stat().st_size:
        raise _damaged()
    with path.open("rb") as file:
        file.seek(offset)
        tensor.raw_data = file.read(length)
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.DEFAULT
    return length


def _damaged() -> BadModelFile:
    return BadModelFile(
        "The file with this ONNX graph's numbers is shorter than the graph says; export and pack both again.",
        code="external_data",
    )
