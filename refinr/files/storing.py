"""Parameters as files store them: float32, or half of its bits; ternary codes five to a byte.

With this you can round parameters to what a file can hold (`nearest`), and turn them into what it holds and back
(`pack`, `unpack`).

Networks are evaluated in float32 whatever they are stored in.  They are rounded before anything is counted, so that a
report, and what is said to be lossless, is about the networks that a file gives back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refinr.files import trits
from refinr.files.container import BFLOAT16
from refinr.files.floats import FLOAT_TYPES


@dataclass(frozen=True)
class Store:
    """What a file holds numbers in.

    Parameters
    ----------
    name : str
        As files and errors call it.
    dtype : dtype
        Of the arrays in a file: integers, floats, or `BFLOAT16`.
    nearest : callable (array of float32) -> array of float32
        The nearest numbers that it can hold.  What is finite stays so; numbers that it holds stay as they are.
    pack : callable (array of float32) -> array of dtype
        What a file holds for such numbers.
    unpack : callable (array of dtype) -> array of float32
        The inverse.
    """

    name: str
    dtype: np.dtype
    nearest: Callable[[np.ndarray], np.ndarray]
    pack: Callable[[np.ndarray], np.ndarray]
    unpack: Callable[[np.ndarray], np.ndarray]


# --- the stores ------------------------------------------------------------------------------------------------------


def _as_float32(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32, copy=False)


def _as_float16(values: np.ndarray) -> np.ndarray:
    return values.astype("<f2")


def _nearest_float16(values: np.ndarray) -> np.ndarray:
    return _as_float16(_clipped(values, FLOAT_TYPES["float16"].largest)).astype(np.float32)


def _nearest_bfloat16(values: np.ndarray) -> np.ndarray:
    bits = _clipped(values, FLOAT_TYPES["bfloat16"].largest).view(np.uint32)
    even = (bits >> 16) & 1  # adding just less than half a step, or half of one where the next is even
    rounded = ((bits + (0x7FFF + even)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(values), np.float32(np.nan), rounded)


def _pack_bfloat16(values: np.ndarray) -> np.ndarray:
    return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype("<u2").view(BFLOAT16)


def _unpack_bfloat16(stored: np.ndarray) -> np.ndarray:
    return (stored["bfloat16"].astype(np.uint32) << 16).view(np.float32)


def _clipped(values: np.ndarray, largest: float) -> np.ndarray:
    """Finite numbers at most `largest`; infinities stay."""
    return np.where(np.isinf(values), values, np.clip(values, -largest, largest))


STORES: dict[str, Store] = {
    store.name: store
    for store in [
        Store("float32", np.dtype("<f4"), _as_float32, _as_float32, _as_float32),
        Store("float16", np.dtype("<f2"), _nearest_float16, _as_float16, _as_float32),
        Store("bfloat16", BFLOAT16, _nearest_bfloat16, _pack_bfloat16, _unpack_bfloat16),
    ]
}
"""Stores by name."""


# --- parameters ------------------------------------------------------------------------------------------------------


def nearest(values: np.ndarray, store: str) -> np.ndarray:
    """The nearest numbers that a file can hold, half to even; what is finite stays so.

    Parameters
    ----------
    values : array of float32; of another dtype: returned as they are
    store : str
        One of `STORES`.

    Examples
    --------
    >>> nearest(np.array([1 / 3, 1e5], dtype="float32"), "float16").tolist()
    [0.333251953125, 65504.0]
    >>> nearest(np.array([1 / 3, 1e5], dtype="float32"), "bfloat16").tolist()
    [0.333984375, 99840.0]
    """
    return STORES[store].nearest(values) if values.dtype == np.float32 else values


def pack(values: np.ndarray, store: str) -> np.ndarray:
    """Parameters as a file holds them; int8 are ternary codes.

    Raises
    ------
    ValueError
        If they have not been rounded: nothing is lost in silence.
    """
    if values.dtype == np.int8:
        return trits.pack(values)
    rounded = nearest(values, store)
    # the same object where nothing is ever rounded: no copies of parameters that are mapped from a large file
    if rounded is not values and not np.array_equal(rounded, values, equal_nan=True):
        raise ValueError(f"store: the parameters are no {store} numbers")
    return STORES[store].pack(values)


def packed_bytes(params: dict[str, np.ndarray], store: str) -> int:
    """Bytes that `pack` makes of all these parameters.

    Examples
    --------
    >>> packed_bytes({"w0": np.zeros((2, 3, 2), "int8"), "s0": np.ones((2, 1, 1), "float32")}, "float16")
    7
    """
    each = STORES[store].dtype.itemsize
    return sum(-(-p.size // 5) if p.dtype == np.int8 else each * p.size for p in params.values())


def unpack(stored: np.ndarray, store: str, shape: tuple[int, ...], dtype: str, *, damaged: bool = False) -> np.ndarray:
    """The inverse of `pack`: parameters of that shape, float32 or int8, from what a file holds.

    What is known to be `damaged` may be numbers that `pack` does not make.

    Raises
    ------
    ValueError
        If it holds something else.

    Examples
    --------
    >>> unpack(pack(np.array([1.5], dtype="float32"), "bfloat16"), "bfloat16", (1,), "float32")
    array([1.5], dtype=float32)
    """
    if np.dtype(dtype) == np.int8:
        return trits.unpack(stored, shape, damaged=damaged)
    row = STORES[store]
    if (stored.dtype, stored.shape) != (row.dtype, shape):
        raise ValueError(f"expected {store} {shape}, got {stored.dtype} {stored.shape}")
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return row.unpack(stored)
