"""Weights as files hold them: floats, whole numbers of eight or five bits, trits, single bits.

With this you can turn weights into what a file holds and back (`pack`, `unpack`), and say how many bytes that is
(`packed_bytes`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from refinr.files import storing, trits
from refinr.tables import look_up

PORTION = 2**20
"""Weights turned into bits at a time, a multiple of eight: single bits take a byte each on the way."""


class Packing(ABC):
    """How a file holds weights."""

    @property
    @abstractmethod
    def dtype(self) -> str:
        """Of the weights in memory: no wider than need be, for they may be many."""

    @abstractmethod
    def pack(self, w: np.ndarray) -> np.ndarray:
        """Weights (n,) as a file holds them; raises ValueError for those that it cannot hold."""

    @abstractmethod
    def unpack(self, stored: np.ndarray, n: int) -> np.ndarray:
        """The inverse; raises ValueError for what `pack` does not make."""

    @abstractmethod
    def bytes(self, n: int) -> int:
        """Of n weights."""


@dataclass(frozen=True)
class Floats(Packing):
    """A float type, one of `storing.STORES`; those that NumPy knows stay as they are in a mapped file."""

    store: str

    @property
    def dtype(self) -> str:
        """float32 for those that NumPy does not know."""
        dtype = storing.STORES[self.store].dtype
        return dtype.newbyteorder("=").name if dtype.kind == "f" else "float32"

    def pack(self, w: np.ndarray) -> np.ndarray:
        """Rounded before, as `storing.pack` wants them."""
        dtype = storing.STORES[self.store].dtype
        return w.astype(dtype, copy=False) if w.dtype == dtype.newbyteorder("=") else storing.pack(w, self.store)

    def unpack(self, stored: np.ndarray, n: int) -> np.ndarray:
        """The same array where NumPy knows the type."""
        dtype = storing.STORES[self.store].dtype
        if dtype.kind == "f" and (stored.dtype, stored.shape) == (dtype, (n,)):
            return stored
        return storing.unpack(stored, self.store, (n,), "float32")

    def bytes(self, n: int) -> int:
        """A whole number each."""
        return n * storing.STORES[self.store].dtype.itemsize


@dataclass(frozen=True)
class WholeNumbers(Packing):
    """``lowest + step k`` by k, of so many bits each, the lowest bit first."""

    bits: int
    lowest: int
    step: int

    @property
    def dtype(self) -> str:
        """Whatever the bits."""
        return "int8"

    def pack(self, w: np.ndarray) -> np.ndarray:
        """In portions."""
        parts = [self._packed(w[at : at + PORTION]) for at in range(0, w.size, PORTION)]
        return np.concatenate([np.zeros(0, np.uint8), *parts])

    def _packed(self, w: np.ndarray) -> np.ndarray:
        k = (w.astype(np.int64) - self.lowest) // self.step
        if not np.array_equal(self.lowest + self.step * k, w) or k.min() < 0 or k.max() >> self.bits:
            raise ValueError(
                f"weights: expected whole numbers from {self.lowest} in steps of {self.step}, of {self.bits} bits"
            )
        each = np.unpackbits(k.astype(np.uint8)[:, None], axis=1, count=self.bits, bitorder="little")  # (n, bits)
        return np.packbits(each, bitorder="little")

    def unpack(self, stored: np.ndarray, n: int) -> np.ndarray:
        """In portions too."""
        if (stored.dtype, stored.shape) != (np.dtype(np.uint8), (self.bytes(n),)):
            raise ValueError(f"weights: expected {self.bytes(n)} bytes, got {stored.dtype} {stored.shape}")
        w = np.empty(n, np.int8)
        for at in range(0, n, PORTION):
            count = min(PORTION, n - at)
            w[at : at + count] = self._unpacked(stored[at * self.bits // 8 :][: self.bytes(count)], count)
        return w

    def _unpacked(self, stored: np.ndarray, n: int) -> np.ndarray:
        each = np.unpackbits(stored, bitorder="little")
        if each[n * self.bits :].any():
            raise ValueError("weights: the last byte is filled up with something else than zeros")
        k = np.packbits(each[: n * self.bits].reshape(n, self.bits), axis=1, bitorder="little").reshape(n)
        return self.lowest + self.step * k.astype(np.int16)

    def bytes(self, n: int) -> int:
        """The last one filled up."""
        return -(-n * self.bits // 8)


@dataclass(frozen=True)
class Trits(Packing):
    """Five to a byte, see `refinr.files.trits`."""

    @property
    def dtype(self) -> str:
        """Of -1, 0 and 1."""
        return "int8"

    def pack(self, w: np.ndarray) -> np.ndarray:
        """As trits are packed everywhere."""
        return trits.pack(w)

    def unpack(self, stored: np.ndarray, n: int) -> np.ndarray:
        """As they are unpacked."""
        return trits.unpack(stored, (n,))

    def bytes(self, n: int) -> int:
        """The last one filled up."""
        return -(-n // 5)


REAL: dict[str, Packing] = {
    **{name: Floats(name) for name in storing.STORES},
    "int8": WholeNumbers(8, -128, 1),
    "int5": WholeNumbers(5, -16, 1),
}
"""Of weights that are real numbers."""

LEVELS: dict[str, Packing] = {"ternary": Trits(), "binary": WholeNumbers(1, -1, 2)}
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
