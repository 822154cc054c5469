"""Arrays of solved readouts as compressed streams, where files are to be the smallest.

With this you can compress arrays where that is shorter (`shortest`), and get one back (`inflated`) without ever holding
more than it should have.

An array ``raw`` that is compressed by xz stands as ``raw_xz`` in a file, as bytes; `plain` gives its name back.
"""

from __future__ import annotations

import lzma
import math
import zlib
from collections.abc import Mapping

import numpy as np

from refinr.files.checksum import content
from refinr.files.streams import COMPRESSIONS, Stream

PIECE = 1 << 12
"""Bytes of a damaged array that are read together: those before the damage are good."""


def plain(name: str) -> str:
    """The name of an array without that of a compression.

    Examples
    --------
    >>> plain("weights_xz"), plain("residual_ends")
    ('weights', 'residual_ends')
    """
    array, _, codec = name.rpartition("_")
    return array if codec in COMPRESSIONS else name


def shortest(packed: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], least: int) -> dict[str, np.ndarray]:
    """Arrays as files hold them: packed, or their numbers as a compressed stream where that is shorter.

    Parameters
    ----------
    packed, arrays : dict of arrays
        The same names: as they would be stored, and as they are in memory.
    least : int
        Bytes that must be left of all of them, or none is compressed.

    Examples
    --------
    >>> bits = np.zeros((40, 32), "uint8")
    >>> list(shortest({"raw": bits}, {"raw": bits}, 0)), list(shortest({"raw": bits}, {"raw": bits}, 999))
    (['raw_zlib'], ['raw'])
    """
    found = {}
    for name, array in packed.items():
        numbers = b"".join(content(arrays[name]))
        forms = {name: array}
        for codec in COMPRESSIONS.values():
            forms[f"{name}_{codec.name}"] = np.frombuffer(codec.compress(numbers), np.uint8)
        best = min(forms, key=lambda form: forms[form].nbytes)
        found[best] = forms[best]
    return found if sum(array.nbytes for array in found.values()) >= least else dict(packed)


def inflated(
    name: str, stream: np.ndarray, dtype: np.dtype, shape: tuple[int, ...], *, damaged: bool = False
) -> np.ndarray:
    """The array of that dtype and shape that a stream stands for, whose name in the file is `name`.

    Of what is known to be `damaged` zeros stand for all behind the damage.

    Raises
    ------
    ValueError
        If the stream is damaged, shorter or longer.

    Examples
    --------
    >>> inflated("features_zlib", np.frombuffer(zlib.compress(b"abc"), np.uint8), np.dtype("u1"), (3,)).tolist()
    [97, 98, 99]
    """
    if (stream.dtype, stream.ndim) != (np.dtype(np.uint8), 1):
        raise ValueError(f"{name}: expected bytes, got {stream.dtype} {stream.shape}")
    size = math.prod(shape) * dtype.itemsize
    numbers = bytearray()
    try:
        source = Stream(COMPRESSIONS[name.rpartition("_")[2]].decompressor(), stream)
        while len(numbers) < size:
            numbers += source.read(min(PIECE, size - len(numbers)))
        source.end()
    except (ValueError, lzma.LZMAError, zlib.error):
        if not damaged:
            raise ValueError(f"{name}: expected a stream of {size} bytes") from None
    numbers += bytes(size - len(numbers))
    return np.frombuffer(numbers, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)
