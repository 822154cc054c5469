"""Strips and tiles of TIFF pages: that what they inflate to is what the page says, no less and no more.

With this you can refuse a page (`check`) whose library would cut what is too much, and fill up what is missing.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

from refinr.files.format import FormatError

_DEFLATE = (8, 32946)
_BYTES = (5, 32773, 34925, 34926, 50000)
"""Compressions of bytes, by their number: LZW, PackBits, LZMA, and Zstandard under both of its numbers."""


def check(page: Any, content: bytes) -> None:
    """Inflate the segments of a page once, each no further than its samples would reach.

    Compressions that know the size of the image, as JPEG does, are left to their library.

    Parameters
    ----------
    page : tifffile.TiffPage or TiffFrame
    content : bytes
        Of its file.

    Raises
    ------
    ValueError
        If a segment holds fewer bytes than its samples take, or more.
    """
    key = page.keyframe  # pages that are like another say only where their segments are
    if key.compression not in (*_DEFLATE, *_BYTES) or not isinstance(key.bitspersample, int):
        return
    for index, (start, size) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        data = content[start : start + size]
        if key.fillorder == 2:
            data = bytes(data).translate(_MIRRORED)
        shape = key.decode(None, index)[2]
        needed = _bytes(shape, key.bitspersample)
        # the last strip may be as long as the others
        full = needed if key.is_tiled else _bytes((1, key.rowsperstrip, *shape[2:]), key.bitspersample)
        found = _inflated(key.compression, data, full)
        if not needed <= found <= full:
            there = "more" if found > full else found
            raise FormatError(
                f"it is damaged: expected {needed} bytes of samples in strip or tile {index}, got {there}"
            )


_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Bytes with their bits in the other order."""


def _bytes(shape: tuple[int, ...], bits: int) -> int:
    """Of a segment of so many planes, rows, columns and channels; rows are whole bytes."""
    depth, length, *row = shape
    return depth * length * -(-math.prod(row) * bits // 8)


def _inflated(compression: int, data: bytes, most: int) -> int:
    """How many bytes there are, up to one more than there may be."""
    if compression in _DEFLATE:
        return len(zlib.decompressobj().decompress(data, most + 1))
    import tifffile

    return len(tifffile.TIFF.DECOMPRESSORS[compression](data, out=most + 1))
