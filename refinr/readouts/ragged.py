"""Networks of different numbers of weights, one after another; and those that are raw bits.

With this you can find the weights of some networks among those of all (`Ragged`), and turn bits into bytes and back
(`pack_bits`, `unpack_bits`).

A network that no readout is found for, or none that is smaller, has one-hot features: one a sample, so that its weights
are its outputs, and one bit each.
"""

from __future__ import annotations

import numpy as np


class Ragged:
    """Where the weights of every network are.

    Parameters
    ----------
    counts : int array (networks,)
        Weights of each; 0 where it is raw.
    weights : array (sum of counts,)
    raw : uint8 array (raw networks, bytes)
        The bits of those that are raw, filled up to a full tile's.

    Examples
    --------
    >>> ragged = Ragged(np.array([2, 0, 1]), np.array([1.0, 2.0, 3.0]), pack_bits(np.array([[1, 0, 1]])))
    >>> ragged.dense(range(0, 2), 3).tolist(), ragged.is_raw(range(3)).tolist(), ragged.signs(range(1, 2), 3).tolist()
    ([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]], [False, True, False], [[1.0, -1.0, 1.0]])
    """

    def __init__(self, counts: np.ndarray, weights: np.ndarray, raw: np.ndarray) -> None:
        self.counts = counts
        self._weights = weights
        self._raw = raw
        self._ends = np.cumsum(counts, dtype=np.int64)
        self._raw_ends = np.cumsum(counts == 0)

    def is_raw(self, networks: range) -> np.ndarray:
        """Which of some networks are raw."""
        return self.counts[networks.start : networks.stop] == 0

    def dense(self, networks: range, most: int) -> np.ndarray:
        """Weights of some networks, float32 (E, most), with zeros behind."""
        counts = self.counts[networks.start : networks.stop].astype(np.int64)
        first, last = (int(self._ends[end - 1]) if end else 0 for end in (networks.start, networks.stop))
        result = np.zeros((len(counts), most), np.float32)
        result[np.arange(most) < counts[:, None]] = self._weights[first:last]
        return result

    def signs(self, networks: range, samples: int) -> np.ndarray:
        """Outputs of those of some networks that are raw, float32 (E, samples) of -1 and 1."""
        first, last = (int(self._raw_ends[end - 1]) if end else 0 for end in (networks.start, networks.stop))
        return np.float32(2) * unpack_bits(self._raw[first:last], samples) - np.float32(1)


def pack_bits(bits: np.ndarray) -> np.ndarray:
    """Bits (E, N) as bytes (E, ceil(N / 8)), the first in a byte's lowest bit.

    Examples
    --------
    >>> pack_bits(np.array([[1, 1, 0]])).tolist()
    [[3]]
    """
    return np.packbits(bits.astype(bool), axis=1, bitorder="little")


def unpack_bits(packed: np.ndarray, samples: int) -> np.ndarray:
    """The inverse: uint8 (E, N)."""
    return np.unpackbits(packed, axis=1, count=samples, bitorder="little")


def raw_bytes(samples: int) -> int:
    """Bytes of a raw network of a full tile with so many samples.

    Examples
    --------
    >>> raw_bytes(256), raw_bytes(9)
    (32, 2)
    """
    return -(-samples // 8)
