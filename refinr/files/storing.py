"""Parameters as files store them: float32, or half of its bits; ternary codes five to a byte.

With this you can round parameters to what a file can hold (`nearest`), and turn them into what it holds and back
(`pack`, `unpack`).

Networks are evaluated in float32 whatever they are stored in.  They are rounded before anything is counted, so that a
report, and what is said to be lossless, is about the networks that a file gives back.
"""

from __future__ import annotations

import numpy as np

from refinr.files import trits
from refinr.files.container import BFLOAT16

STORES: dict[str, np.dtype] = {"float32": np.dtype("<f4"), "float16": np.dtype("<f2"), "bfloat16": BFLOAT16}
"""dtype in files by name."""

_LARGEST = {"float16": 65504.0, "bfloat16": (2.0 - 2.0**-7) * 2.0**127}


def dtype_of(store: str) -> np.dtype:
    """The dtype of that name.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if store not in STORES:
        raise ValueError(f"store: unknown name {store!r}; known are {', '.join(STORES)}")
    return STORES[store]


def nearest(values: np.ndarray, store: str) -> np.ndarray:
    """The nearest numbers that a file can hold, half to even; what is finite stays so.

    Parameters
    ----------
    values : array of float32; of another dtype: returned as they are
    store : {"float32", "float16", "bfloat16"}

    Examples
    --------
    >>> nearest(np.array([1 / 3, 1e5], dtype="float32"), "float16").tolist()
    [0.333251953125, 65504.0]
    >>> nearest(np.array([1 / 3, 1e5], dtype="float32"), "bfloat16").tolist()
    [0.333984375, 99840.0]
    """
    dtype = dtype_of(store)
    if values.dtype != np.float32 or store == "float32":
        return values
    values = np.where(np.isinf(values), values, np.clip(values, -_LARGEST[store], _LARGEST[store]))
    if store == "float16":
        return values.astype(dtype).astype(np.float32)
    bits = values.view(np.uint32)
    even = (bits >> 16) & 1  # adding just less than half a step, or half of one where the next is even
    rounded = ((bits + (0x7FFF + even)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(values), np.float32(np.nan), rounded)


def pack(values: np.ndarray, store: str) -> np.ndarray:
    """Parameters as a file holds them; int8 are ternary codes.

    Raises
    ------
    ValueError
        If they have not been rounded: nothing is lost in silence.
    """
    dtype = dtype_of(store)
    if values.dtype == np.int8:
        return trits.pack(values)
    if store == "float32":
        return values
    if not np.array_equal(nearest(values, store), values, equal_nan=True):
        raise ValueError(f"store: the parameters are no {store} numbers")
    if store == "float16":
        return values.astype(dtype)
    return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype("<u2").view(BFLOAT16)


def unpack(stored: np.ndarray, store: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """The inverse of `pack`: parameters of that shape, float32 or int8, from what a file holds.

    Raises
    ------
    ValueError
        If it holds something else.

    Examples
    --------
    >>> unpack(pack(np.array([1.5], dtype="float32"), "bfloat16"), "bfloat16", (1,), "float32")
    array([1.5], dtype=float32)
    """
    if dtype == "int8":
        return trits.unpack(stored, shape)
    if (stored.dtype, stored.shape) != (dtype_of(store), shape):
        raise ValueError(f"expected {store} {shape}, got {stored.dtype} {stored.shape}")
    if stored.dtype == BFLOAT16:
        return (stored["bfloat16"].astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32, copy=False)
