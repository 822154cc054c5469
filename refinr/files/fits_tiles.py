"""FITS images of which tiles are compressed, rows of a table: the stored numbers, as astropy unpacks them.

With this you can tell such an image by its header (`is_one`), say how many bytes its samples take (`asks`), and unpack
it (`unpacked`).

Integers are exact: Rice, gzip and PLIO keep them, and what HCOMPRESS has rounded is rounded in the file.  Floats that
were quantised there are the numbers that astropy makes of the file's steps; other programs may differ in a last digit.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping

import numpy as np

from refinr.files.format import FormatError

BLOCK = 2880

BITS = (8, 16, 32, 64, -32, -64)
"""What ``ZBITPIX`` may say of the numbers that were compressed."""


def whole(cards: Mapping[str, str], name: str, default: int | None = None) -> int:
    """The whole number that a header has by a keyword.

    Raises
    ------
    FormatError
        If there is none, and no default, or it is something else.

    Examples
    --------
    >>> whole({"NAXIS": "2"}, "NAXIS"), whole({}, "PCOUNT", 0)
    (2, 0)
    """
    value = cards.get(name, "" if default is None else str(default))
    if not value.removeprefix("-").isdecimal() or len(value) > 18:
        raise FormatError(f"expected a whole number for {name}, got {value!r:.40}")
    return int(value)


def is_one(cards: Mapping[str, str]) -> bool:
    """Whether a header's table holds tiles of an image.

    Examples
    --------
    >>> is_one({"XTENSION": "'BINTABLE'", "ZIMAGE": "T"})
    True
    """
    return cards.get("ZIMAGE") == "T"


def asks(cards: Mapping[str, str]) -> int:
    """Bytes of the image that a header speaks of.

    Raises
    ------
    FormatError
        If it does not say.

    Examples
    --------
    >>> asks({"ZBITPIX": "16", "ZNAXIS": "2", "ZNAXIS1": "50", "ZNAXIS2": "60"})
    6000
    """
    axes = whole(cards, "ZNAXIS")
    bits = whole(cards, "ZBITPIX")
    if bits not in BITS or not 0 < axes < 1000:
        raise FormatError(f"expected 1 to 999 axes of numbers that FITS has, got ZNAXIS {axes} and ZBITPIX {bits}")
    return math.prod(whole(cards, f"ZNAXIS{axis}") for axis in range(1, axes + 1)) * abs(bits) // 8


def unpacked(content: bytes, number: int) -> tuple[np.ndarray, bytes]:
    """Samples of a compressed image, and the header of the plain one.

    Parameters
    ----------
    content : bytes
    number : int
        Of its unit in the file, 0 for the first.

    Raises
    ------
    ImportError
        Without astropy.
    Exception
        Whatever astropy raises for content that is damaged.
    """
    from astropy.io import fits

    with fits.open(io.BytesIO(content), memmap=False, do_not_scale_image_data=True) as file:
        unit = file[number]
        samples = np.asarray(unit.data)
        header = unit.header.tostring().encode("ascii")
    return samples.astype(samples.dtype.newbyteorder("=")), header.ljust(-(-len(header) // BLOCK) * BLOCK)
