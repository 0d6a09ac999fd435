"""Bytes of an untrusted file, expanded piece by piece under a limit. Standard library only, but for LZ4."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

try:
    import lz4.frame as _lz4
except ImportError:  # A site without the library says so instead of reading such files.
    _lz4 = None

PIECE = 1 << 18
RAW_PIECE = 1 << 15
EXPANDED_LIMIT = 2 << 30
"""No file may expand to more bytes than this."""
RATIO_LIMIT = 250
"""Above ``RATIO_FLOOR`` expanded bytes a file may not grow more than this. Measured on forests, gradient boosting and
sparse text weights saved with joblib's compress=9: 3 to 40; a run of zeros reaches 1,000."""
RATIO_FLOOR = 64 << 20
DICTIONARY_LIMIT = 256 << 20
"""Memory one xz or lzma decoder may take; a header can ask for 4 GiB."""


LINE_LIMIT = 64 << 20
"""No text line of a protocol 0 pickle may be longer."""


class BombError(Exception):
    """The file expands far beyond what a real one would."""


class NoDecoderError(Exception):
    """The file is compressed in a way that this site has no library for."""


class CutError(Exception):
    """The bytes end before the format says they do."""


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class _Zlib:
    """zlib and gzip behind the interface that bz2 and lzma share: unread input is kept inside."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=47)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def decompress(self, data: bytes, max_length: int = PIECE, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail


def compression_of(head: bytes) -> str | None:
    """The compression that a file's first bytes announce, or None. Prefixes: joblib/compressor.py."""
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    if head[:3] == b"BZh":
        return "bz2"
    if head[:6] == b"\xfd7zXZ\x00":
        return "xz"
    if head[:3] == b"\x5d\x00\x00":
        return "lzma"
    if head[:4] == b"\x04\x22\x4d\x18":
        return "lz4"
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return "zstd"
    if len(head) > 1 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0:
        return "zlib"
    return None


@contextmanager
def opened(path: Path, compression: str | None) -> Iterator[Reader]:
    """A reader of the file's bytes, expanded.

    Its reads raise BombError past the limits, CutError when a compressed stream is broken or ends early, and
    NoDecoderError.
    """
    with path.open("rb") as file:
        if compression is None:
            yield Reader(iter(lambda: file.read(RAW_PIECE), b""), file)
            return
        source = _pieces(file, compression)
        try:
            yield Reader(source)
        finally:
            source.close()


def _pieces(file: BinaryIO, compression: str) -> Generator[bytes, None, None]:
    try:
        yield from _expanded(iter(lambda: file.read(PIECE), b""), _decoder(compression))
    except MemoryError as error:
        raise BombError from error
    except lzma.LZMAError as error:
        raise (BombError if "emory" in str(error) else CutError) from error
    except (zlib.error, OSError, EOFError, RuntimeError) as error:
        raise CutError from error


def _decoder(compression: str) -> _Decoder:
    if compression in ("zlib", "gzip"):
        return _Zlib()
    if compression == "bz2":
        return bz2.BZ2Decompressor()
    if compression in ("lzma", "xz"):
        return lzma.LZMADecompressor(memlimit=DICTIONARY_LIMIT)
    if compression == "lz4" and _lz4 is not None:
        decoder: _Decoder = _lz4.LZ4FrameDecompressor()
        return decoder
    raise NoDecoderError


def _expanded(raw: Iterator[bytes], decoder: _Decoder) -> Iterator[bytes]:
    taken = given = 0
    while not decoder.eof:
        data = b""
        if decoder.needs_input:
            data = next(raw, b"")
        taken += len(data)
        piece = decoder.decompress(data, PIECE)
        given += len(piece)
        if decoder.needs_input and not data and not piece and not decoder.eof:
            raise CutError
        if given > EXPANDED_LIMIT or (given > RATIO_FLOOR and given > RATIO_LIMIT * taken):
            raise BombError
        if piece:
            yield piece


class Reader:
    """A file-like view of pieces: ``read``, ``readline`` and ``tell`` as ``pickletools`` uses them. Skips what lies in
    ``file`` uncompressed, without reading it.

    A read past the end returns fewer bytes, as files do; a huge length never allocates more than is there.
    """

    def __init__(self, source: Iterator[bytes], file: BinaryIO | None = None) -> None:
        self._source = source
        self._file = file
        self._buffer = b""
        self._at = 0
        self._start = 0

    def tell(self) -> int:
        return self._start + self._at

    def read(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._buffer):
            self._fill(size)
            end = min(self._at + size, len(self._buffer))
        data = self._buffer[self._at : end]
        self._at = end
        return data

    def readline(self) -> bytes:
        found = self._buffer.find(b"\n", self._at)
        while found < 0:
            before = len(self._buffer) - self._at
            if before > LINE_LIMIT:
                raise BombError
            self._fill(2 * before + 1)
            if len(self._buffer) - self._at == before:
                return self.read(before)
            found = self._buffer.find(b"\n", self._at + before)
        return self.read(found + 1 - self._at)

    def peek(self, size: int) -> bytes:
        """The next bytes, left there for the next read."""
        if self._at + size > len(self._buffer):
            self._fill(size)
        return self._buffer[self._at : self._at + size]

    def at_end(self) -> bool:
        """Whether nothing is left to read."""
        if self._at == len(self._buffer):
            self._fill(1)
        return self._at == len(self._buffer)

    def skip(self, size: int) -> None:
        """Go past ``size`` bytes without keeping them. Raises CutError when there are fewer."""
        if self._file is not None and size > len(self._buffer) - self._at:
            self._seek(self._file, size)
            return
        while size > 0:
            if self._at == len(self._buffer):
                self._fill(1)
            step = min(size, len(self._buffer) - self._at)
            if step == 0:
                raise CutError
            self._at += step
            size -= step

    def _seek(self, file: BinaryIO, size: int) -> None:
        target = self.tell() + size
        if target > file.seek(0, 2):
            raise CutError
        file.seek(target)
        self._buffer, self._at, self._start = b"", 0, target

    def drain(self) -> None:
        """Read to the end, keeping nothing: only there a compressed stream tells that it is whole."""
        self._start += len(self._buffer)
        self._buffer, self._at = b"", 0
        for piece in self._source:
            self._start += len(piece)

    def _fill(self, size: int) -> None:
        parts = [self._buffer[self._at :]]
        held = len(parts[0])
        while held < size:
            piece = next(self._source, b"")
            if not piece:
                break
            parts.append(piece)
            held += len(piece)
        self._start += self._at
        self._at = 0
        self._buffer = b"".join(parts)
