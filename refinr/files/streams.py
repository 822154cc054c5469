"""Compressed streams, read in pieces of known size, whatever is in them.

With this you can compress bytes (`COMPRESSIONS`) and read such a stream (`Stream`) without ever holding more than is
asked for: a stream may be anybody's.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_PIECE = 1 << 16  # bytes of a stream looked at together


class Decompressor(Protocol):
    """What reads a compressed stream piece by piece, as those of `lzma` and `bz2` do."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more to be had from what it was given."""

    @property
    def unused_data(self) -> bytes:
        """What it was given beyond the end of the stream."""

    def decompress(self, piece: bytes, most: int) -> bytes:
        """Take one more piece; give at most so many bytes."""


class _Inflate:
    """The `Decompressor` of zlib, which hands back what it has not looked at yet where others keep it."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.eof and not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, piece: bytes, most: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + piece, most)


def _xz(planes: bytes) -> bytes:
    # a dictionary of 1 MiB, not the 8 MiB of preset 6, and no more than there is: little memory, on both sides
    size = min(max(len(planes), 1 << 12), 1 << 20)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": size, "pb": 0}]  # pb: no position is special
    return lzma.compress(planes, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)


def _xz_decompressor() -> Decompressor:
    # 16 MiB is far more than a dictionary of 1 MiB needs; a forged stream may ask for gigabytes
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, 1 << 24)


@dataclass(frozen=True)
class Compression:
    """A compression of streams of bytes.

    Parameters
    ----------
    name : str
        As files say it.
    compress : callable (bytes) -> bytes
        A whole stream.
    decompressor : callable
        A new stream to read, a `Decompressor`; it limits the memory that it takes, whatever a stream asks for.
    """

    name: str
    compress: Callable[[bytes], bytes]
    decompressor: Callable[[], Decompressor]


COMPRESSIONS = {
    codec.name: codec
    for codec in [
        Compression("zlib", lambda planes: zlib.compress(planes, 9), _Inflate),
        Compression("xz", _xz, _xz_decompressor),
    ]
}
"""All of them compress, and the shortest is kept; the first of equals."""


class Stream:
    """A compressed stream, read in pieces of known size."""

    def __init__(self, stream: Decompressor, data: np.ndarray) -> None:
        self._stream = stream
        self._pieces = (data[i : i + _PIECE].tobytes() for i in range(0, len(data), _PIECE))

    def read(self, size: int) -> bytes:
        """So many bytes more; ValueError if there are fewer."""
        content = bytearray()
        while len(content) < size:
            piece = self._next_piece()
            part = b"" if self._stream.eof else self._stream.decompress(piece, size - len(content))
            if not part and not piece and (self._stream.eof or self._stream.needs_input):
                raise ValueError("residual: damaged, it ends too early")
            content += part
        return bytes(content)

    def end(self) -> None:
        """ValueError if there are more."""
        more = b""
        while not self._stream.eof:  # checksums follow the last byte
            hungry = self._stream.needs_input
            piece = self._next_piece()
            more = self._stream.decompress(piece, 1)
            if more or (hungry and not piece):
                break
        if more or not self._stream.eof or self._stream.unused_data or next(self._pieces, b""):
            raise ValueError("residual: damaged, it does not end with the last tile")

    def _next_piece(self) -> bytes:
        return next(self._pieces, b"") if self._stream.needs_input else b""
