"""What networks have wrong, compressed: the bits to flip so that decoding is exact after any number of steps.

With this you can collect the wrong bits of one tile after the other (`Writer`) and get back those of any tiles
(`read`).

The residual of a tile is the exclusive or of its codes with those that the networks decode to, N C numbers of B bits in
row-major order.  They are stored plane after plane, least significant first, each padded with zeros to whole bytes: the
high planes, which networks get right first, are long runs of zeros.  Bits that rounding could change are kept in the
same form, ones where they are.  Planes are compressed in blocks of whole tiles
(`blocks`), each a stream of its own, so that some tiles can be had without the others and damage stays where it is.  A
block without anything wrong takes no bytes.  All is compressed by zlib and by xz, and what is shorter is kept.
"""

from __future__ import annotations

import lzma
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from refinr.files.checksum import agree
from refinr.files.streams import COMPRESSIONS, Stream

BLOCK = 1 << 18
"""Bytes of planes in a block: what has to be decompressed for a tile, and enough to compress as well as the whole."""


# --- streams ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Residual:
    """A compressed residual.

    Parameters
    ----------
    codec : str
        One of `COMPRESSIONS`.
    data : array of uint8 (bytes,)
        The streams of all blocks.
    margin : float
        Smallest distance of any output, right or wrong, from a threshold; 0 where there are no thresholds.
    ends : array of uint64 (blocks,), optional
        Where in `data` each block ends, and the next one begins; of files of version 1 None: one stream for all tiles.
    undecided : Residual or None
        Bits that rounding could change, in the same form, ones where they are: decoding takes them from here alone,
        and does not ask the networks.
    """

    codec: str
    data: np.ndarray
    margin: float
    ends: np.ndarray | None = None
    undecided: Residual | None = None

    def __post_init__(self) -> None:
        if self.codec not in COMPRESSIONS:
            raise ValueError(f"codec: unknown name {self.codec!r}; known are {', '.join(COMPRESSIONS)}")
        if self.data.dtype != np.uint8 or self.data.ndim != 1:
            raise ValueError(f"data: expected bytes, got {self.data.dtype} {self.data.shape}")
        if not isinstance(self.margin, float) or not self.margin >= 0:
            raise ValueError(f"margin: expected 0 or a number above, got {self.margin!r}")
        if self.ends is not None and (self.ends.dtype != np.uint64 or self.ends.ndim != 1):
            raise ValueError(f"ends: expected one uint64 for each block, got {self.ends.dtype} {self.ends.shape}")

    @property
    def nbytes(self) -> int:
        """Bytes of all streams."""
        return self.data.nbytes + (0 if self.undecided is None else self.undecided.nbytes)

    def arrays(self, name: str = "residual") -> dict[str, np.ndarray]:
        """As a file holds them."""
        found = {name: self.data} if self.ends is None else {name: self.data, f"{name}_ends": self.ends}
        return found if self.undecided is None else found | self.undecided.arrays("undecided")

    def described(self) -> dict[str, Any]:
        """All but the arrays, as JSON values of a description."""
        found: dict[str, Any] = {"residual": {"codec": self.codec, "margin": self.margin}}
        if self.undecided is not None:
            found |= {"undecided": {"codec": self.undecided.codec}, "version": 4}
        return found

    @classmethod
    def from_file(cls, description: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Residual | None:
        """The inverse of both, which takes its arrays out of all those of a file; None where there is none.

        Raises
        ------
        KeyError, TypeError, ValueError
            For what is no residual.
        """
        if "residual" not in description:
            return None

        def part(name: str, **fields: Any) -> Residual:
            ends = None if description["version"] == 1 else arrays.pop(f"{name}_ends")
            return cls(data=arrays.pop(name), ends=ends, **fields, **description[name])

        bits = part("undecided", margin=0.0) if description["version"] >= 4 and "undecided" in description else None
        return part("residual", undecided=bits)


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
        self._given: list[tuple[int, int]] = []  # codes of each tile, and CRC-32 of their planes
        self._bytes = 0  # of the planes of all tiles so far
        self._planes: list[bytes] = []  # of the tiles of the block that is being filled
        self._found: dict[str, list[bytes]] = {name: [] for name in COMPRESSIONS}  # a stream for each block before it

    def add(self, wrong: np.ndarray) -> None:
        """Add a tile: unsigned codes of any shape, ones where bits are wrong."""
        while self._bytes // BLOCK > self._blocks:
            self._close()
        self._planes.append(pack(wrong, self._bits))
        self._bytes += len(self._planes[-1])
        self._given.append((wrong.size, zlib.crc32(self._planes[-1])))

    @property
    def _blocks(self) -> int:
        return len(next(iter(self._found.values())))

    def _close(self) -> None:
        planes = b"".join(self._planes)
        self._planes.clear()
        wrong = planes.count(0) < len(planes)
        for name, streams in self._found.items():
            streams.append(COMPRESSIONS[name].compress(planes) if wrong else b"")

    def finish(self, margin: float, *, always: bool = False) -> Residual | None:
        """The residual of all tiles; if nothing is wrong None, or, `always`, one of no bytes; it has been read once."""
        self._close()
        lengths = {name: sum(map(len, streams)) for name, streams in self._found.items()}
        codec = min(lengths, key=lambda name: lengths[name])
        if not lengths[codec] and not always:
            return None
        streams = self._found[codec]
        ends = np.fromiter(accumulate(map(len, streams)), np.uint64, len(streams))
        made = Residual(codec, np.frombuffer(b"".join(streams), np.uint8), margin, ends)
        tiles = read(made, [size for size, _ in self._given], self._bits)
        for wrong, (_, crc) in zip(tiles, self._given, strict=True):
            again = 0 if wrong is None else zlib.crc32(pack(wrong, self._bits))
            agree(again, crc, f"residual: {codec} does not give back what it was given")
        return made


# --- read ------------------------------------------------------------------------------------------------------------


def blocks(sizes: Iterable[int], bits: int) -> list[int]:
    """The number of the block that each tile is in: how many times `BLOCK` the planes before it fill.

    Examples
    --------
    >>> blocks([1_500_000, 1_500_000, 8, 8], bits=1)  # 187,500 bytes each, and one each
    [0, 0, 1, 1]
    """
    before = accumulate((packed_size(size, bits) for size in sizes), initial=0)
    *starts, _ = before
    return [start // BLOCK for start in starts]


def read(
    residual: Residual,
    sizes: Sequence[int],
    bits: int,
    tiles: Iterable[int] | None = None,
    *,
    damaged: bool = False,
) -> Iterator[np.ndarray | None]:
    """The residual of one tile after the other; no more is decompressed than `sizes` ask for.

    Parameters
    ----------
    residual : Residual
    sizes : sequence of ints
        Number of codes of each tile.
    bits : int
        Width of the codes.
    tiles : iterable of ints, optional
        Numbers of the wanted tiles, ascending; only their blocks are decompressed.  All, by default.
    damaged : bool
        Go on behind a damaged block, instead of raising an error.

    Yields
    ------
    wrong : array (size,) of unsigned codes; None of a tile in a damaged block

    Raises
    ------
    ValueError
        If a stream is damaged, too short, or longer than its tiles.
    """
    wanted = set(range(len(sizes)) if tiles is None else tiles)
    for number, members in enumerate(_members(residual, sizes, bits)):
        if tiles is not None and wanted.isdisjoint(members):
            continue
        every = _planes(residual, number, [packed_size(size, bits) for size in sizes[members.start : members.stop]])
        found = _or_none(every, len(members)) if damaged else every
        for tile, planes in zip(members, found, strict=True):
            if tile in wanted:
                yield None if planes is None else unpack(planes, sizes[tile], bits)


def _members(residual: Residual, sizes: Sequence[int], bits: int) -> Iterable[range]:
    """The tiles of each block."""
    if residual.ends is None:
        return [range(len(sizes))]
    numbers = blocks(sizes, bits)
    return (range(bisect_left(numbers, n), bisect_right(numbers, n)) for n in range(len(residual.ends)))


def _or_none(every: Iterator[bytes], count: int) -> Sequence[bytes | None]:
    try:
        return list(every)
    except ValueError:
        return [None] * count


def _planes(residual: Residual, number: int, sizes: Sequence[int]) -> Iterator[bytes]:
    """The planes of the tiles of one block, so many bytes of each."""
    data = residual.data
    if residual.ends is not None:
        start = int(residual.ends[number - 1]) if number else 0
        end = int(residual.ends[number])
        if not start <= end <= len(data):
            raise ValueError(f"residual: damaged, block {number} is said to be at {start} to {end} of {len(data)}")
        if start == end:
            yield from (bytes(size) for size in sizes)
            return
        data = data[start:end]
    try:
        stream = Stream(COMPRESSIONS[residual.codec].decompressor(), data)
        for size in sizes:
            yield stream.read(size)
        stream.end()
    except (zlib.error, lzma.LZMAError, EOFError) as error:
        raise ValueError(f"residual: damaged ({error})") from None


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
