"""Samples of any type as few levels as there are: 0, 1, ..., without holes.

With this you can find out what samples have in common (`survey`), and go from samples to levels and back (`to_levels`,
`to_samples`).

Samples become order-preserving codes (`refinr.planes`), of which the smallest is taken off and what divides all of them
is taken out.  Floats that all are whole multiples of a power of two are taken as those whole numbers.  Where most
levels never occur, those that do are numbered.  Of more than 32 bits, the lower ones stand aside: no context predicts
them.
"""

from __future__ import annotations

import lzma
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from refinr import planes

MOST_BITS = 32
"""Of a level."""

MOST_FRACTION = 16
"""Floats may be whole multiples of 2^-16."""

_SPARSE = 1 << 20
"""Levels of which a list of those that occur is considered."""

_BLOCK = 1 << 20

XZ = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
"""xz's compression without its container."""


class Recipe(NamedTuple):
    """What levels are made with.

    Attributes
    ----------
    fraction : int
        Floats are whole multiples of 2^-fraction; -1 where they are not, and for other types.
    offset : int
        The smallest code.
    factor : int
        What codes differ by, or a divisor of it.
    low_bits : int
        How many of the lower bits stand aside.
    levels : int
        How many there are: 1 to 2^32.
    used : bytes
        Which of the levels occur, as compressed bits, if not all do; levels then are numbered anew.
    """

    fraction: int
    offset: int
    factor: int
    low_bits: int
    levels: int
    used: bytes

    def occurring(self) -> np.ndarray | None:
        """The levels that occur, in order; None if all do.

        Raises
        ------
        ValueError
            If the list is damaged.
        """
        if not self.used:
            return None
        if self.levels > _SPARSE:
            raise ValueError(f"damaged: a list of which of {self.levels} levels occur")
        bits = np.frombuffer(unpack(self.used, -(-self.levels // 8)), np.uint8)
        found = np.flatnonzero(np.unpackbits(bits)[: self.levels])
        if len(found) == 0:
            raise ValueError("damaged: no level occurs")
        return found

    def coded_levels(self) -> int:
        """How many levels are coded."""
        found = self.occurring()
        return self.levels if found is None else len(found)


def survey(samples: np.ndarray) -> Recipe:
    """The recipe for samples, which are gone through block by block.

    Examples
    --------
    >>> survey(np.array([-512, 0, 1024], dtype="int16"))
    Recipe(fraction=-1, offset=32256, factor=512, low_bits=0, levels=4, used=b'')
    >>> survey(np.array([0.5, 3.0], dtype="float32"))[:5]
    (1, 9223372036854775809, 5, 0, 2)
    """
    fraction = _fraction(samples)
    recipe = _recipe(samples, fraction)
    if fraction >= 0 and recipe.low_bits:
        recipe = _recipe(samples, -1)
    return recipe._replace(used=_used(samples, recipe))


def _recipe(samples: np.ndarray, fraction: int) -> Recipe:
    low = None
    high = 0
    factor = 0
    for block in _blocks(samples):
        codes = _codes(block, fraction)
        least = int(codes.min())
        most = int(codes.max())
        if factor != 1:
            factor = math.gcd(factor, int(np.gcd.reduce((codes - codes.dtype.type(least)).reshape(-1))))
        if low is not None:
            factor = math.gcd(factor, abs(least - low))
        low = least if low is None else min(low, least)
        high = max(high, most)
    low = low or 0
    factor = factor or 1
    levels = (high - low) // factor + 1
    low_bits = max(0, (levels - 1).bit_length() - MOST_BITS)
    return Recipe(fraction, low, factor, low_bits, ((levels - 1) >> low_bits) + 1, b"")


def _used(samples: np.ndarray, recipe: Recipe) -> bytes:
    """The list of levels that occur, where it is worth its bytes."""
    if not 2 < recipe.levels <= _SPARSE or recipe.low_bits:
        return b""
    occurs = np.zeros(recipe.levels, bool)
    for block in _blocks(samples):
        occurs[to_levels(block, recipe)[0].astype(np.int64)] = True
    content = pack(np.packbits(occurs).tobytes())
    saved = samples.size * math.log2(recipe.levels / int(occurs.sum())) / 8  # bytes, if levels were drawn evenly
    return content if saved > 2 * len(content) else b""


def to_levels(samples: np.ndarray, recipe: Recipe) -> tuple[np.ndarray, np.ndarray | None]:
    """Levels, and the lower bits if there are any; unsigned, of the samples' shape."""
    codes = _codes(samples, recipe.fraction)
    levels = (codes - codes.dtype.type(recipe.offset)) // codes.dtype.type(recipe.factor)
    low = levels & levels.dtype.type((1 << recipe.low_bits) - 1) if recipe.low_bits else None
    levels = levels >> levels.dtype.type(recipe.low_bits) if recipe.low_bits else levels
    found = recipe.occurring()
    return (levels if found is None else np.searchsorted(found, levels).astype(np.uint32)), low


def to_samples(levels: np.ndarray, low: np.ndarray | None, recipe: Recipe, dtype: np.dtype) -> np.ndarray:
    """The inverse of `to_levels`.

    Raises
    ------
    ValueError
        If there are no such samples.
    """
    found = recipe.occurring()
    wide = levels.astype(np.uint64) if found is None else found[levels.astype(np.int64)].astype(np.uint64)
    if low is not None:
        wide = wide << np.uint64(recipe.low_bits) | low.astype(np.uint64)
    kept = np.dtype(np.int64) if recipe.fraction >= 0 else np.dtype(dtype)
    codes = wide * np.uint64(recipe.factor) + np.uint64(recipe.offset)
    samples = planes.from_codes(codes.astype(planes.code_dtype(kept)), kept)
    if recipe.fraction >= 0:
        with np.errstate(over="ignore"):  # of a damaged file
            samples = (samples / 2.0**recipe.fraction).astype(dtype)
    return samples


def pack(content: bytes) -> bytes:
    """Compressed as by xz, without a container.

    Examples
    --------
    >>> unpack(pack(b"again and again and again"), 25)
    b'again and again and again'
    """
    return lzma.compress(content, format=lzma.FORMAT_RAW, filters=XZ)


def unpack(content: bytes | memoryview, size: int) -> bytes:
    """What `pack` was given, of so many bytes.

    Raises
    ------
    ValueError
        If it is not that long, or damaged.
    """
    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=XZ)
    try:
        found = decoder.decompress(content, max_length=size + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"damaged: xz says {error}") from None
    if len(found) != size:
        raise ValueError(f"damaged: xz gave {len(found)} bytes or more where {size} were expected")
    return found


def _codes(samples: np.ndarray, fraction: int) -> np.ndarray:
    """Order-preserving codes, unsigned."""
    if fraction >= 0:
        samples = (samples.astype(np.float64) * 2.0**fraction).astype(np.int64)
    return planes.to_codes(samples)[0]


def _fraction(samples: np.ndarray) -> int:
    """The least k for which all floats are whole multiples of 2^-k, and none is -0.0; -1 if there is none."""
    if samples.dtype.kind != "f":
        return -1
    fraction = 0
    for block in _blocks(samples):
        with np.errstate(invalid="ignore"):  # a signalling NaN
            wide = block.astype(np.float64)
        if not np.isfinite(wide).all() or (np.signbit(wide) & (wide == 0)).any() or np.abs(wide).max() >= 2.0**35:
            return -1
        while fraction <= MOST_FRACTION and (np.floor(wide * 2.0**fraction) != wide * 2.0**fraction).any():
            fraction += 1
    return fraction if fraction <= MOST_FRACTION else -1


def _blocks(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Pieces of at most `_BLOCK` samples: the array may be larger than memory."""
    if samples.size <= _BLOCK:
        yield np.asarray(samples)
        return
    longest = int(np.argmax(samples.shape))
    before = (slice(None),) * longest
    half = samples.shape[longest] // 2
    yield from _blocks(samples[(*before, slice(half))])
    yield from _blocks(samples[(*before, slice(half, None))])
