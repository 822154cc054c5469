"""What a `.rinr` file says before its streams: which samples they stand for, and how they are to be read.

With this you can write a header (`Header.to_bytes`) and read one (`read`).  Nothing in it is believed: numbers have
bounds, and streams must be there.  What it asks for may still be too much: see `refinr.codec.costs`.

A file is the magic bytes, a version, the header's length, the header, a CRC-32 of all these, and the streams: for
each slab its samples and, where there are, its lower bits.  The networks' parameters are in the header, so that the
CRC covers them: slabs have digests, and no sample need depend on a parameter.  docs/rinr.md has every byte.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Any, NamedTuple

import numpy as np

from refinr.codec import cuts, prediction
from refinr.codec.arrangement import Arrangement
from refinr.codec.values import MOST_BITS, MOST_FRACTION, Recipe
from refinr.codec.varints import Reader, number, text
from refinr.planes import code_dtype

MAGIC = b"RINR"
VERSION = 3

NETWORKS = ("mixture", "planes", "adaptive")
"""What networks say: `refinr.codec.mixture`, `refinr.codec.bits`, and a mixture that goes on learning."""

COUNTS = "counts"
"""No networks: few levels are counted, see `refinr.codec.counts`."""

MODELS = (*NETWORKS, COUNTS)

RAW, XZ, MODEL = range(3)
"""Kinds of streams: samples as they are, compressed by xz, or coded with the networks."""

MOST_AXES = 32
MOST_CHANNELS = 16
"""Channels that have a network each."""

MOST_HIDDEN = 255
MOST_LANES = 1 << 16
DIGEST = 8
"""Bytes of a slab's SHA-256 that are kept."""


class Coding(NamedTuple):
    """What streams of the kind MODEL have in common.

    Attributes
    ----------
    recipe : Recipe
    axes : tuple of int
        Of the grid, as in an `Arrangement`.
    channels : bool
        Whether the first of `axes` counts channels.
    outside : int
        The level that stands for what is outside.
    model : str
        Of `MODELS`.
    lags : int
        How many samples before are weighed for a prediction, see `refinr.codec.prediction`; mostly 0.
    hidden : tuple of int or None
        Hidden neurons of the network of each role; None where there is none.
    parameters : bytes
        From `refinr.codec.parameters.write`.
    """

    recipe: Recipe
    axes: tuple[int, ...]
    channels: bool
    outside: int
    model: str
    lags: int
    hidden: tuple[int | None, ...]
    parameters: bytes


class Slab(NamedTuple):
    """A slab's streams.

    Attributes
    ----------
    kind : int
    size : int
        Bytes of the stream.
    digest : bytes
        The first 8 of the SHA-256 of its samples' checksum, see `refinr.files.checksum`, and of its streams if not raw.
    lanes : int
        Of the coder, 0 for other kinds.
    low : int
        Bytes of the lower bits.
    """

    kind: int
    size: int
    digest: bytes
    lanes: int = 0
    low: int = 0


class Header(NamedTuple):
    """A file's header.

    Attributes
    ----------
    dtype : dtype
    shape : tuple of int
    info : dict
        Side information, as in `refinr.files.signals.Signal`.
    coding : Coding or None
    slabs : tuple of Slab
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    info: dict[str, Any]
    coding: Coding | None
    slabs: tuple[Slab, ...]

    def to_bytes(self) -> bytes:
        """All of the file but its streams."""
        parts = [text(self.dtype.str.encode()), number(len(self.shape)), *map(number, self.shape)]
        parts += [text(json.dumps(self.info, allow_nan=False, separators=(",", ":")).encode() if self.info else b"")]
        parts += [number(len(self.slabs)), number(self.coding is not None)]
        if self.coding is not None:
            parts += [_coding_bytes(self.coding)]
        for slab in self.slabs:
            parts += [number(slab.kind), number(slab.size), slab.digest]
            if slab.kind == MODEL:
                parts += [number(slab.lanes), number(slab.low)]
        head = MAGIC + bytes([VERSION]) + text(b"".join(parts))
        return head + zlib.crc32(head).to_bytes(4, "little")


def _coding_bytes(coding: Coding) -> bytes:
    recipe = coding.recipe
    numbers = [recipe.fraction + 1, recipe.offset, recipe.factor, recipe.low_bits, recipe.levels - 1]
    numbers += [*coding.axes, int(coding.channels), coding.outside, MODELS.index(coding.model), coding.lags]
    numbers += [len(coding.hidden), *(0 if width is None else width + 1 for width in coding.hidden)]
    return b"".join(map(number, numbers)) + text(recipe.used) + text(coding.parameters)


def read(content: bytes | memoryview) -> tuple[Header, memoryview]:
    """A header, and the streams behind it.

    Raises
    ------
    ValueError
        If it is no such file, damaged, cut short, or newer than this version.
    """
    reader = Reader(content)
    if reader.left < len(MAGIC) + 1 or bytes(reader.bytes(len(MAGIC))) != MAGIC:
        raise ValueError("not a .rinr file")
    version = reader.bytes(1)[0]
    if version != VERSION:
        raise ValueError(f"version {version}, and this refinr reads {VERSION}")
    body = reader.text()
    head = memoryview(content)[: len(content) - reader.left]
    if zlib.crc32(head) != int.from_bytes(reader.bytes(4), "little"):
        raise ValueError("damaged: the header is not what was written")
    header = _header(Reader(body))
    streams = reader.bytes(reader.left)
    missing = sum(slab.size + slab.low for slab in header.slabs) - len(streams)
    if missing > 0:
        whole = _whole_slabs(header, len(streams))
        raise ValueError(f"cut short by {missing} bytes: {whole} of {len(header.slabs)} slabs are whole")
    if missing < 0:
        raise ValueError(f"damaged: {-missing} bytes behind the last stream")
    return header, streams


def _whole_slabs(header: Header, available: int) -> int:
    """How many slabs are within so many bytes of streams."""
    end = 0
    for count, slab in enumerate(header.slabs):
        end += slab.size + slab.low
        if end > available:
            return count
    return len(header.slabs)


def _header(reader: Reader) -> Header:
    dtype = _dtype(bytes(reader.text()))
    shape = tuple(reader.number() for _ in range(reader.number(most=MOST_AXES)))
    samples = math.prod(shape)
    if samples * dtype.itemsize >= 1 << 63:
        raise ValueError(f"damaged: {dtype} of shape {shape}")
    info = _info(bytes(reader.text()))
    grid = cuts.grid_of(shape)
    count = cuts.count_blocks(grid)
    given = reader.number()
    if given not in {1, count} or (given == 0) != (samples == 0):
        raise ValueError(f"damaged: {given} slabs, where {grid} has {count}")
    coding = _coding(reader, grid, dtype) if reader.number(most=min(samples, 1)) else None  # of nothing there is none
    slabs = tuple(_slab(reader, coding) for _ in range(given))
    if given != count and slabs[0].kind == MODEL:
        raise ValueError("damaged: one slab for all, and it is coded")
    if reader.left:
        raise ValueError(f"damaged: {reader.left} bytes too many in the header")
    return Header(dtype, shape, info, coding, slabs)


def _dtype(name: bytes) -> np.dtype:
    try:
        dtype = np.dtype(name.decode())
        code_dtype(dtype)
    except (TypeError, ValueError, SyntaxError) as error:
        raise ValueError(f"damaged: samples of {name!r:.20} ({error})") from None
    return dtype


def _info(content: bytes) -> dict[str, Any]:
    try:
        info = json.loads(content) if content else {}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"damaged: its side information ({error})") from None
    if not isinstance(info, dict):
        raise ValueError(f"damaged: side information that is no object but {type(info).__name__}")
    return info


def _coding(reader: Reader, grid: tuple[int, ...], dtype: np.dtype) -> Coding:
    fraction = reader.number(most=MOST_FRACTION + 1 if dtype.kind == "f" else 0) - 1
    bits = 64 if fraction >= 0 else 8 * dtype.itemsize
    offset = reader.number(most=(1 << bits) - 1)
    factor = reader.number(most=(1 << bits) - 1, least=1)
    low_bits = reader.number(most=max(0, bits - MOST_BITS))
    levels = reader.number(most=(1 << MOST_BITS) - 1) + 1
    if factor * ((levels - 1) << low_bits) + offset >= 1 << bits:
        raise ValueError(f"damaged: {levels} levels of {factor} from {offset} on are more than {dtype} has")
    axes = tuple(reader.number(most=len(grid) - 1) for _ in grid)
    channels = bool(reader.number(most=1))
    if sorted(axes) != list(range(len(grid))) or (channels and (len(grid) < 2 or grid[axes[0]] > MOST_CHANNELS)):
        raise ValueError(f"damaged: axes {axes} of {grid}, {'with' if channels else 'without'} channels")
    outside = reader.number(most=levels - 1)
    model = MODELS[reader.number(most=len(MODELS) - 1)]
    lags = reader.number(most=max(prediction.ORDERS))
    arrangement = Arrangement(grid, axes, channels)
    if lags and not prediction.applies(arrangement):
        raise ValueError(f"damaged: a prediction from {lags} samples in lines, where there are pages")
    prediction.check(lags, levels)
    roles = len(arrangement.roles)
    if (given := reader.number(most=1 << 16)) != roles:
        raise ValueError(f"damaged: {given} networks, and {roles} are needed")
    hidden = tuple(width - 1 if width else None for width in (reader.number(MOST_HIDDEN + 1) for _ in range(roles)))
    if model == COUNTS and (lags or any(width is not None for width in hidden)):
        raise ValueError("damaged: networks where there are none")
    recipe = Recipe(fraction, offset, factor, low_bits, levels, bytes(reader.text()))
    return Coding(recipe, axes, channels, outside, model, lags, hidden, bytes(reader.text()))


def _slab(reader: Reader, coding: Coding | None) -> Slab:
    kind = reader.number(most=XZ if coding is None else MODEL)
    size = reader.number(most=1 << 48)
    digest = bytes(reader.bytes(DIGEST))
    if kind != MODEL:
        return Slab(kind, size, digest)
    lanes = reader.number(most=MOST_LANES, least=1)
    return Slab(kind, size, digest, lanes, reader.number(most=1 << 48))
