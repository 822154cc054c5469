"""What networks have wrong, compressed: the bits to flip so that decoding is exact after any number of steps.

With this you can collect the wrong bits of one tile after the other (`Writer`) and get them back (`read`).

The residual of a tile is the exclusive or of its codes with those that the networks decode to, N C numbers of B bits in
row-major order.  They are stored plane after plane, least significant first, each padded with zeros to whole bytes: the
high planes, which networks get right first, are long runs of zeros.  The tiles' planes are compressed as one stream, by
zlib and by xz, and the shorter stream is kept.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

_PIECE = 1 << 16  # bytes of a stream looked at together


# --- codecs ----------------------------------------------------------------------------------------------------------


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


def _xz_compressor() -> Any:
    # a dictionary of 1 MiB, not the 8 MiB of preset 6: little memory, on both sides
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 20}]
    return lzma.LZMACompressor(lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)


def _xz_decompressor() -> Decompressor:
    # 16 MiB is far more than a dictionary of 1 MiB needs; a forged stream may ask for gigabytes
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, 1 << 24)


@dataclass(frozen=True)
class Codec:
    """A compression of streams of bytes.

    Parameters
    ----------
    name : str
        As files say it.
    compressor : callable
        A new stream to write: ``compress(bytes) -> bytes`` and ``flush() -> bytes``, as in `zlib` and `lzma`.
    decompressor : callable
        A new stream to read, a `Decompressor`; it limits the memory that it takes, whatever a stream asks for.
    """

    name: str
    compressor: Callable[[], Any]
    decompressor: Callable[[], Decompressor]


CODECS = {
    codec.name: codec
    for codec in [
        Codec("zlib", lambda: zlib.compressobj(9), _Inflate),
        Codec("xz", _xz_compressor, _xz_decompressor),
    ]
}
"""All of them compress, and the shortest stream is kept; the first of equals."""


# --- streams ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Residual:
    """A compressed residual.

    Parameters
    ----------
    codec : str
        One of `CODECS`.
    data : array of uint8 (bytes,)
    margin : float
        Smallest distance of any output, right or wrong, from a threshold; 0 where there are no thresholds.
    """

    codec: str
    data: np.ndarray
    margin: float

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"codec: unknown name {self.codec!r}; known are {', '.join(CODECS)}")
        if self.data.dtype != np.uint8 or self.data.ndim != 1:
            raise ValueError(f"data: expected bytes, got {self.data.dtype} {self.data.shape}")
        if not isinstance(self.margin, float) or not self.margin >= 0:
            raise ValueError(f"margin: expected 0 or a number above, got {self.margin!r}")


class Writer:
    """Collects the wrong bits of one tile after the other.

    Parameters
    ----------
    bits : int
        Width of the codes.

    Examples
    --------
    >>> writer = Writer(bits=3)
    >>> writer.add(np.array([0, 5, 0], dtype="uint8"))
    >>> [wrong.tolist() for wrong in read(writer.finish(0.0), [3], bits=3)]
    [[0, 5, 0]]
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._right = 0  # bytes of zeros at the beginning: nothing is compressed before something is wrong
        self._streams: dict[str, Any] = {}
        self._parts: dict[str, list[bytes]] = {}

    def add(self, wrong: np.ndarray) -> None:
        """Add a tile: unsigned codes of any shape, ones where bits are wrong."""
        if not self._streams and not wrong.any():
            self._right += packed_size(wrong.size, self._bits)
            return
        if not self._streams:
            self._streams = {codec.name: codec.compressor() for codec in CODECS.values()}
            self._parts = {name: [] for name in self._streams}
            for start in range(0, self._right, _PIECE):
                self._feed(bytes(min(_PIECE, self._right - start)))
        self._feed(pack(wrong, self._bits))

    def _feed(self, content: bytes) -> None:
        for name, stream in self._streams.items():
            self._parts[name].append(stream.compress(content))

    def finish(self, margin: float) -> Residual | None:
        """The residual of all tiles, or None if nothing is wrong."""
        if not self._streams:
            return None
        found = {name: b"".join([*self._parts[name], stream.flush()]) for name, stream in self._streams.items()}
        codec = min(found, key=lambda name: len(found[name]))
        return Residual(codec, np.frombuffer(found[codec], np.uint8), margin)


def read(residual: Residual, sizes: Iterable[int], bits: int) -> Iterator[np.ndarray]:
    """The residual of one tile after the other; no more is decompressed than `sizes` ask for.

    Parameters
    ----------
    residual : Residual
    sizes : iterable of ints
        Number of codes of each tile.
    bits : int
        Width of the codes.

    Yields
    ------
    wrong : array (size,) of unsigned codes

    Raises
    ------
    ValueError
        If the stream is damaged, too short, or longer than all tiles.
    """
    try:
        stream = _Stream(residual)
        for size in sizes:
            yield unpack(stream.read(packed_size(size, bits)), size, bits)
        stream.end()
    except (zlib.error, lzma.LZMAError, EOFError) as error:
        raise ValueError(f"residual: damaged ({error})") from None


class _Stream:
    """A compressed stream, read in pieces of known size."""

    def __init__(self, residual: Residual) -> None:
        self._stream = CODECS[residual.codec].decompressor()
        self._pieces = (residual.data[i : i + _PIECE].tobytes() for i in range(0, len(residual.data), _PIECE))

    def read(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            piece = self._next_piece()
            part = b"" if self._stream.eof else self._stream.decompress(piece, size - len(content))
            if not part and not piece and (self._stream.eof or self._stream.needs_input):
                raise ValueError("residual: damaged, it ends too early")
            content += part
        return bytes(content)

    def end(self) -> None:
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


# --- planes as bytes -------------------------------------------------------------------------------------------------


def packed_size(size: int, bits: int) -> int:
    """Bytes that `pack` makes of that many codes.

    Examples
    --------
    >>> packed_size(9, 3)
    6
    """
    return -(-size // 8) * bits


def pack(codes: np.ndarray, bits: int) -> bytes:
    """Codes as bytes, plane after plane, the first code in a byte's lowest bit.

    Examples
    --------
    >>> list(pack(np.array([1, 3, 0], dtype="uint8"), bits=2))
    [3, 2]
    """
    little = np.ascontiguousarray(codes, codes.dtype.newbyteorder("<")).reshape(-1, 1).view(np.uint8)  # (N, bytes)
    planes = np.unpackbits(little, axis=1, bitorder="little")[:, :bits]  # (N, B)
    return np.packbits(planes, axis=0, bitorder="little").T.tobytes()


def unpack(content: bytes, size: int, bits: int) -> np.ndarray:
    """The inverse of `pack`: codes (size,) of the narrowest unsigned dtype."""
    packed = np.frombuffer(content, np.uint8).reshape(bits, -1).T  # (bytes, B)
    width = next(width for width in (8, 16, 32, 64) if width >= bits)
    planes = np.zeros((size, width), np.uint8)
    planes[:, :bits] = np.unpackbits(packed, axis=0, count=size, bitorder="little")
    codes = np.packbits(planes, axis=1, bitorder="little").view(f"<u{width // 8}")[:, 0]
    return codes.astype(codes.dtype.newbyteorder("="), copy=False)
