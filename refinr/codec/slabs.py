"""A slab of samples in whichever way is shortest: with the networks, by xz, or as they are.

With this you can write a slab (`write`) and read it (`read`), which gives nothing back unless the coder ends where it
began and the samples have the digest that they should.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import NamedTuple

import numpy as np

from refinr.codec import cuts, header, network, parameters, rans, stream, values
from refinr.codec.arrangement import Arrangement
from refinr.files.checksum import checksum

_LANE_BYTES = 8192
_LANE_SAMPLES = 16384
"""Of a lane, about, whichever makes more lanes: a lane costs six bytes, and few lanes are read in many small steps."""

_COUNTED_BYTES = 128
_COUNTED_SAMPLES = 1 << 17
"""The same where levels are counted: all of a drawing may take a few hundred bytes."""

_HOPELESS = 1.5
"""Where a quick look for repetitions makes more than so many times what there is, a long one is not worth its time."""


class Given(NamedTuple):
    """What all slabs of a file share.

    Attributes
    ----------
    coding : header.Coding or None
    networks : tuple of dicts of int64 arrays, or None
        In whole units, by role; None where no sample has that role.
    dtype : dtype
    """

    coding: header.Coding | None
    networks: tuple[dict[str, np.ndarray] | None, ...]
    dtype: np.dtype


def given_by(found: header.Header) -> Given:
    """What all slabs of a file share, from its header.

    Raises
    ------
    ValueError
        If the parameters are damaged.
    """
    if found.coding is None:
        return Given(None, (), found.dtype)
    wanted = parameters.sizes_of(found.coding, cuts.grid_of(found.shape))
    read = iter(parameters.read(found.coding.parameters, [sizes for sizes in wanted if sizes is not None]))
    networks = tuple(None if sizes is None else next(read) for sizes in wanted)
    return Given(found.coding, networks, found.dtype)


def write(given: Given, samples: np.ndarray) -> tuple[header.Slab, bytes]:
    """A slab's row of the header, and its stream.

    Parameters
    ----------
    given : Given
    samples : array
        Of the grid's axes.
    """
    best = write_raw(samples)
    raw = best[1]
    if given.coding is not None:
        levels, low = values.to_levels(samples, given.coding.recipe)
        content, lanes = _coded(given, levels)
        bits = b"" if low is None else _write_low(low, given.coding.recipe.low_bits)
        digest = _digest(samples, content + bits)
        coded = (header.Slab(header.MODEL, len(content), digest, lanes, len(bits)), content + bits)
        best = min(best, coded, key=lambda row: len(row[1]))
    if len(best[1]) * _HOPELESS > len(zlib.compress(raw, 1)):
        packed = values.pack(raw)
        row = header.Slab(header.XZ, len(packed), _digest(samples, packed))
        best = min(best, (row, packed), key=lambda row: len(row[1]))
    return best


def write_raw(samples: np.ndarray) -> tuple[header.Slab, bytes]:
    """Samples as they are."""
    raw = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).tobytes()
    return raw_row(samples), raw


def raw_row(samples: np.ndarray) -> header.Slab:
    """Their row of the header; samples may be more than memory holds."""
    return header.Slab(header.RAW, samples.nbytes, _digest(samples))


def read(given: Given, slab: header.Slab, content: bytes | memoryview, shape: tuple[int, ...]) -> np.ndarray:
    """The samples of a slab.

    Raises
    ------
    ValueError
        If the stream is damaged: nothing is given back that is not what was written.
    """
    size = int(np.prod(shape)) * given.dtype.itemsize
    if slab.kind == header.MODEL:
        samples = _decoded(given, slab, content, shape)
    else:
        if slab.kind == header.RAW and len(content) != size:
            raise ValueError(f"damaged: {len(content)} bytes of {size}")
        raw = bytes(content) if slab.kind == header.RAW else values.unpack(content, size)
        samples = np.frombuffer(raw, given.dtype.newbyteorder("<")).reshape(shape).astype(given.dtype)
    if _digest(samples, b"" if slab.kind == header.RAW else content) != slab.digest:
        raise ValueError("damaged: the samples are not those that were written")
    return samples


def _digest(samples: np.ndarray, stream: bytes | memoryview = b"") -> bytes:
    """Of the samples, and of the stream where other bytes might mean the same samples, as xz's last may."""
    digest = hashlib.sha256(bytes.fromhex(checksum(samples)))
    digest.update(stream)
    return digest.digest()[: header.DIGEST]


def _arrangement(coding: header.Coding, shape: tuple[int, ...]) -> Arrangement:
    return Arrangement(shape, coding.axes, coding.channels)


def model(given: Given) -> stream.Model:
    """What the slabs of a file with networks are coded with."""
    assert given.coding is not None
    networks = tuple(None if units is None else network.from_units(units) for units in given.networks)
    coding = given.coding
    return stream.Model(networks, coding.recipe.coded_levels(), float(coding.outside), coding.model, coding.lags)


def _coded(given: Given, levels: np.ndarray) -> tuple[bytes, int]:
    assert given.coding is not None
    arrangement = _arrangement(given.coding, levels.shape)
    batches = stream.batches(arrangement, model(given), arrangement.work(levels, given.coding.outside))
    widest = max((len(start) for start, _ in batches), default=1)
    counted = given.coding.model == header.COUNTS
    each_bytes, each_samples = (_COUNTED_BYTES, _COUNTED_SAMPLES) if counted else (_LANE_BYTES, _LANE_SAMPLES)
    lanes = max(1, round(rans.price(batches) / 8 / each_bytes), round(levels.size / each_samples))
    lanes = min(lanes, widest, header.MOST_LANES)
    return rans.encode(batches, lanes), lanes


def _decoded(given: Given, slab: header.Slab, content: bytes | memoryview, shape: tuple[int, ...]) -> np.ndarray:
    assert given.coding is not None
    recipe = given.coding.recipe
    low = None
    if recipe.low_bits:
        low = _read_low(content[slab.size :], recipe.low_bits, shape)
    arrangement = _arrangement(given.coding, shape)
    work = stream.decode(arrangement, model(given), content[: slab.size], slab.lanes)
    return values.to_samples(arrangement.samples(work), low, recipe, given.dtype)


def _write_low(low: np.ndarray, bits: int) -> bytes:
    """Byte by byte of significance, so that what is always zero is together; compressed if that is shorter."""
    count = -(-bits // 8)
    planes = low.astype("<u8").reshape(-1, 1).view(np.uint8)[:, :count].T.tobytes()
    packed = values.pack(planes)
    return bytes([1]) + packed if len(packed) < len(planes) else bytes([0]) + planes


def _read_low(content: bytes | memoryview, bits: int, shape: tuple[int, ...]) -> np.ndarray:
    samples = int(np.prod(shape))
    count = -(-bits // 8)
    if len(content) == 0 or content[0] > 1 or (content[0] == 0 and len(content) != 1 + samples * count):
        raise ValueError("damaged: the lower bits are not what they should be")
    planes = values.unpack(content[1:], samples * count) if content[0] else bytes(content[1:])
    wide = np.zeros((samples, 8), np.uint8)
    wide[:, :count] = np.frombuffer(planes, np.uint8).reshape(count, samples).T
    return wide.view("<u8").reshape(shape)
