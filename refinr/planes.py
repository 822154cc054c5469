"""Samples as integer codes, and codes as bit planes: the decomposition of Eq. (7), without a float in sight.

With this you can turn any sample type into unsigned codes whose order is the samples' order (`to_codes`), split codes
into bit planes or base-2^k digit planes (`to_planes`), and put both back together exactly (`from_planes`,
`from_codes`).

A code of ``bits`` bits is ``sum_i 2^i B_i``, plane ``i`` counted from the least significant bit.  Working on floats
instead (``value * (1/n) * n`` and the like) yields planes that are not binary although their weighted sum looks right,
so this module only shifts and masks integers.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from refinr.xp import Array, namespace

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


# --- samples <-> codes -----------------------------------------------------------------------------------------------


def code_dtype(dtype: Any) -> np.dtype:
    """The unsigned dtype that holds the codes of samples of `dtype` (same width, native byte order).

    Raises
    ------
    TypeError
        For dtypes that are not boolean, integer or float, and for floats wider than 64 bits.

    Examples
    --------
    >>> code_dtype("float32")
    dtype('uint32')
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        raise TypeError(f"samples: expected a boolean, integer or float dtype, got {dtype}")
    if dtype.itemsize not in _UNSIGNED:
        raise TypeError(f"samples: {dtype} is wider than the 64 bits that a code can hold")
    return np.dtype(_UNSIGNED[dtype.itemsize])


def narrowest(bits: int) -> np.dtype:
    """The narrowest unsigned dtype that holds codes of `bits` bits.

    Examples
    --------
    >>> narrowest(10)
    dtype('uint16')
    """
    return np.min_scalar_type((1 << bits) - 1)


def to_codes(samples: np.ndarray) -> tuple[np.ndarray, int]:
    """Order-preserving unsigned codes of samples of any boolean, integer or float dtype.

    Unsigned integers are their own codes.  Signed ones are shifted by half their range (offset binary).  Floats keep
    their bits, all flipped if negative, with the sign bit set if positive: the IEEE 754 total order, in which
    ``-NaN < -inf < ... < -0.0 < 0.0 < ... < inf < NaN``.

    Parameters
    ----------
    samples : array, any shape
        On the host (NumPy), in any byte order.

    Returns
    -------
    codes : array of uint8, uint16, uint32 or uint64, same shape
    bits : int
        Width of the codes: 1 for booleans, else 8, 16, 32 or 64.

    Raises
    ------
    TypeError
        For other dtypes (complex, object, strings, dates, long double).

    Examples
    --------
    >>> codes, bits = to_codes(np.array([-1.5, -0.0, 0.0, 1.5], dtype="float16"))
    >>> bits, [hex(c) for c in codes.tolist()]
    (16, ['0x41ff', '0x7fff', '0x8000', '0xbe00'])
    """
    samples = np.asarray(samples)
    unsigned = code_dtype(samples.dtype)
    if samples.dtype.kind == "b":
        return (samples.view(np.uint8) != 0).astype(np.uint8), 1  # a cast would keep bytes that are neither 0 nor 1
    bits = 8 * unsigned.itemsize
    native = np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder("=")).reshape(samples.shape)
    codes = native.view(unsigned)
    sign = unsigned.type(1 << (bits - 1))
    if samples.dtype.kind == "i":
        return np.asarray(codes ^ sign), bits
    if samples.dtype.kind == "f":
        return np.where(codes & sign, ~codes, codes | sign), bits
    return codes.copy(), bits


def from_codes(codes: np.ndarray, dtype: Any) -> np.ndarray:
    """Samples from their codes: the exact inverse of `to_codes`, NaN payloads and -0.0 included.

    Parameters
    ----------
    codes : array of unsigned integers, any shape
    dtype : dtype of the samples, any byte order

    Raises
    ------
    TypeError
        If `dtype` has no codes, or `codes` does not have the dtype that goes with it.
    ValueError
        If a code is no boolean's although `dtype` is.

    Examples
    --------
    >>> from_codes(np.array([0x41FF, 0x8000], dtype="uint16"), "float16").tolist()
    [-1.5, 0.0]
    """
    dtype = np.dtype(dtype)
    unsigned = code_dtype(dtype)
    codes = np.asarray(codes)
    if codes.dtype != unsigned:
        raise TypeError(f"codes: expected {unsigned} for samples of {dtype}, got {codes.dtype}")
    if dtype.kind == "b":
        if codes.size and codes.max() > 1:
            raise ValueError(f"codes: expected 0 and 1 for booleans, got {codes.max()}")
        return codes.astype(bool)
    sign = unsigned.type(1 << (8 * unsigned.itemsize - 1))
    if dtype.kind == "i":
        codes = codes ^ sign
    elif dtype.kind == "f":
        codes = np.where(codes & sign, codes ^ sign, ~codes)
    return np.ascontiguousarray(codes).view(dtype.newbyteorder("=")).reshape(codes.shape).astype(dtype)


# --- codes <-> planes ------------------------------------------------------------------------------------------------


def count(bits: int, radix_bits: int = 1) -> int:
    """How many planes a code of `bits` bits has: ``ceil(bits / radix_bits)``.

    Raises
    ------
    ValueError
        If `bits` is not in 1..64 or `radix_bits` not in 1..8.

    Examples
    --------
    >>> count(16), count(16, radix_bits=3)
    (16, 6)
    """
    bits = operator.index(bits)
    radix_bits = operator.index(radix_bits)
    if not 1 <= bits <= 64:
        raise ValueError(f"bits: expected 1 to 64, got {bits}")
    if not 1 <= radix_bits <= 8:
        raise ValueError(f"radix_bits: expected 1 to 8, got {radix_bits}")
    return -(-bits // radix_bits)


def to_planes(codes: Array, bits: int, *, radix_bits: int = 1, gray: bool = False) -> Array:
    """Digit planes of unsigned codes, least significant first (Eq. 7; `radix_bits` = k gives base-2^k digits).

    Parameters
    ----------
    codes : array of unsigned integers (...)
        All below ``2**bits``.
    bits : int, 1 to 64
    radix_bits : int, 1 to 8
        Bits a plane; 1 gives bit planes.  The top plane holds what is left when it does not divide `bits`.
    gray : bool
        Take the digits of the reflected Gray code, in which neighbouring codes differ in one bit.

    Returns
    -------
    planes : array of uint8 (..., ceil(bits / radix_bits))
        Each digit in ``0 .. 2**radix_bits - 1``.

    Raises
    ------
    TypeError
        If `codes` is not of an unsigned dtype.
    ValueError
        If a code needs more than `bits` bits, or `bits` or `radix_bits` is out of range.

    Examples
    --------
    >>> to_planes(np.array([6, 1], dtype="uint8"), 3).tolist()
    [[0, 1, 1], [1, 0, 0]]
    >>> to_planes(np.array([6], dtype="uint8"), 3, gray=True).tolist()
    [[1, 0, 1]]
    """
    xp = namespace(codes)
    digits = count(bits, radix_bits)
    width = _unsigned_width(codes)
    if bits < width and codes.size and int(xp.max(codes)) >> bits:
        raise ValueError(f"codes: {int(xp.max(codes))} does not fit into bits={bits}")
    if gray:
        codes = to_gray(codes)
    mask = (1 << radix_bits) - 1
    planes = [_shift_right(codes, i * radix_bits) & mask for i in range(digits)]
    return xp.stack([xp.astype(plane, xp.uint8) for plane in planes], axis=-1)  # (..., digits)


def from_planes(planes: Array, bits: int, *, radix_bits: int = 1, gray: bool = False, dtype: Any) -> Array:
    """Codes from their digit planes: the exact inverse of `to_planes`.

    Parameters
    ----------
    planes : array of uint8 (..., ceil(bits / radix_bits))
    bits, radix_bits, gray
        As given to `to_planes`.
    dtype : unsigned dtype of the codes, at least `bits` wide

    Raises
    ------
    TypeError
        If `dtype` is not unsigned.
    ValueError
        If the number of planes does not fit `bits`, a digit is out of range, or `dtype` is too narrow.

    Examples
    --------
    >>> from_planes(np.array([[0, 1, 1], [1, 0, 0]], dtype="uint8"), 3, dtype="uint8").tolist()
    [6, 1]
    """
    xp = namespace(planes)
    digits = count(bits, radix_bits)
    if planes.dtype != xp.uint8:
        raise TypeError(f"planes: expected uint8, got {planes.dtype}")
    if planes.ndim == 0 or planes.shape[-1] != digits:
        raise ValueError(f"planes: expected a last axis of {digits} for bits={bits}, got shape {planes.shape}")
    dtype = getattr(xp, np.dtype(dtype).name) if xp is not np else np.dtype(dtype)
    codes = xp.astype(xp.zeros_like(planes[..., 0]), dtype)
    if not xp.isdtype(codes.dtype, "unsigned integer"):
        raise TypeError(f"dtype: expected an unsigned integer dtype, got {dtype}")
    if _unsigned_width(codes) < bits:
        raise ValueError(f"dtype: {dtype} cannot hold codes of {bits} bits")
    for i in range(digits):
        digit = planes[..., i]
        top = min(radix_bits, bits - i * radix_bits)  # the top plane may hold fewer bits
        if digit.size and int(xp.max(digit)) >> top:
            raise ValueError(f"planes: digit {int(xp.max(digit))} in plane {i} does not fit into {top} bits")
        codes = codes | (xp.astype(digit, dtype) << (i * radix_bits))
    return from_gray(codes) if gray else codes


def to_gray(codes: Array) -> Array:
    """Reflected Gray code of unsigned codes: consecutive codes differ in exactly one bit.

    Examples
    --------
    >>> to_gray(np.arange(4, dtype="uint8")).tolist()
    [0, 1, 3, 2]
    """
    _unsigned_width(codes)
    return codes ^ (codes >> 1)


def from_gray(codes: Array) -> Array:
    """The exact inverse of `to_gray`: every bit is the XOR of all Gray bits at or above it.

    Examples
    --------
    >>> from_gray(np.array([0, 1, 3, 2], dtype="uint8")).tolist()
    [0, 1, 2, 3]
    """
    width = _unsigned_width(codes)
    shift = 1
    while shift < width:
        codes = codes ^ (codes >> shift)
        shift *= 2
    return codes


def _unsigned_width(codes: Array) -> int:
    xp = namespace(codes)
    for width in (8, 16, 32, 64):
        if codes.dtype == getattr(xp, f"uint{width}"):
            return width
    raise TypeError(f"codes: expected an unsigned integer dtype, got {codes.dtype}")


def _shift_right(codes: Array, places: int) -> Array:
    # a shift by the full width of the dtype is undefined in C, so the planes above it are made as zeros
    return codes >> places if places < _unsigned_width(codes) else codes & 0
