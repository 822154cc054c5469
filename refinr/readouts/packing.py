"""Weights as files hold them: floats, whole numbers of eight or five bits, trits, single bits.

With this you can turn weights into what a file holds and back (`pack`, `unpack`), and say how many bytes that is
(`packed_bytes`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refinr.files import storing, trits
from refinr.tables import look_up

PORTION = 2**20
"""Weights turned into bits at a time, a multiple of eight: single bits take a byte each on the way."""


class Packing(NamedTuple):
    """How a file holds weights.

    Parameters
    ----------
    dtype : str
        Of the weights in memory: no wider than need be, for they may be many.
    pack : callable (array (n,)) -> array
        Raises ValueError for weights that it cannot hold.
    unpack : callable (array, n) -> array (n,)
        The inverse; raises ValueError for what `pack` does not make.
    bytes : callable (n) -> int
    """

    dtype: str
    pack: Callable[[np.ndarray], np.ndarray]
    unpack: Callable[[np.ndarray, int], np.ndarray]
    bytes: Callable[[int], int]


def _float(store: str) -> Packing:
    row = storing.STORES[store]
    native = row.dtype.kind == "f"  # numbers that NumPy knows, and that can stay as they are in a mapped file
    dtype = row.dtype.newbyteorder("=").name if native else "float32"

    def pack(w: np.ndarray) -> np.ndarray:
        return w.astype(row.dtype, copy=False) if native and w.dtype == dtype else storing.pack(w, store)

    def unpack(stored: np.ndarray, n: int) -> np.ndarray:
        if native and (stored.dtype, stored.shape) == (row.dtype, (n,)):
            return stored
        return storing.unpack(stored, store, (n,), "float32")

    return Packing(dtype, pack, unpack, lambda n: n * row.dtype.itemsize)


def _bits(bits: int, lowest: int, step: int) -> Packing:
    """Whole numbers ``lowest + step k`` by k, of so many bits each, the lowest first."""

    def pack(w: np.ndarray) -> np.ndarray:
        parts = [pack_some(w[at : at + PORTION]) for at in range(0, w.size, PORTION)]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint8)

    def pack_some(w: np.ndarray) -> np.ndarray:
        k = (w.astype(np.int64) - lowest) // step
        if not np.array_equal(lowest + step * k, w) or (k.size and (k.min() < 0 or k.max() >> bits)):
            raise ValueError(f"weights: expected whole numbers from {lowest} in steps of {step}, of {bits} bits")
        each = np.unpackbits(k.astype(np.uint8)[:, None], axis=1, count=bits, bitorder="little")  # (n, bits)
        return np.packbits(each, bitorder="little")

    def size(n: int) -> int:
        return -(-n * bits // 8)

    def unpack(stored: np.ndarray, n: int) -> np.ndarray:
        if (stored.dtype, stored.shape) != (np.dtype(np.uint8), (size(n),)):
            raise ValueError(f"weights: expected {size(n)} bytes, got {stored.dtype} {stored.shape}")
        w = np.empty(n, np.int8)
        for at in range(0, n, PORTION):
            count = min(PORTION, n - at)
            w[at : at + count] = unpack_some(stored[at * bits // 8 :][: size(count)], count)
        return w

    def unpack_some(stored: np.ndarray, n: int) -> np.ndarray:
        each = np.unpackbits(stored, bitorder="little")
        if each[n * bits :].any():
            raise ValueError("weights: the last byte is filled up with something else than zeros")
        k = np.packbits(each[: n * bits].reshape(n, bits), axis=1, bitorder="little").reshape(n)
        return lowest + step * k.astype(np.int16)

    return Packing("int8", pack, unpack, size)


REAL: dict[str, Packing] = {name: _float(name) for name in storing.STORES}
REAL |= {"int8": _bits(8, -128, 1), "int5": _bits(5, -16, 1)}
"""Of weights that are real numbers."""

LEVELS: dict[str, Packing] = {
    "ternary": Packing("int8", trits.pack, lambda stored, n: trits.unpack(stored, (n,)), lambda n: -(-n // 5)),
    "binary": _bits(1, -1, 2),
}
"""Of weights of a few levels."""

PACKINGS = REAL | LEVELS


def pack(weights: np.ndarray, store: str) -> np.ndarray:
    """Weights (n,) as a file holds them.

    Examples
    --------
    >>> pack(np.array([-15, 0, 15]), "int5").tolist(), pack(np.array([-1, 1, 1]), "binary").tolist()
    ([1, 126], [6])
    """
    return look_up(PACKINGS, store, "store").pack(weights)


def unpack(stored: np.ndarray, store: str, count: int) -> np.ndarray:
    """The inverse.

    Examples
    --------
    >>> unpack(np.array([1, 126], "uint8"), "int5", 3).tolist()
    [-15, 0, 15]
    """
    return look_up(PACKINGS, store, "store").unpack(stored, count)


def packed_bytes(count: int, store: str) -> int:
    """Bytes of so many weights.

    Examples
    --------
    >>> packed_bytes(3, "int5"), packed_bytes(3, "float16")
    (2, 6)
    """
    return look_up(PACKINGS, store, "store").bytes(count)
