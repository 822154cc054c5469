"""What arrays hold as bytes, and a digest that tells samples from all others.

With this you can go through the bytes of an array that may be larger than memory (`content`), say in 64 characters
which samples were meant (`checksum`), and have one pattern of bytes for every value of a boolean (`plain`).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

import numpy as np

_BLOCK = 1 << 18  # numbers handled together


class LosslessError(Exception):
    """Exactness was promised and cannot be kept."""


def agree(found: object, expected: object, what: str) -> None:
    """Raise `LosslessError` if two checksums that should be equal are not."""
    if found != expected:
        raise LosslessError(what)


def checksum(samples: np.ndarray) -> str:
    """SHA-256 of the samples: dtype and shape as in ``<u2 480,640`` and a newline, then bytes, little-endian and
    row-major.

    Examples
    --------
    >>> checksum(np.zeros(2, dtype=">u2")) == checksum(np.zeros(2, dtype="<u2")) != checksum(np.zeros(1, dtype="<u4"))
    True
    """
    little = samples.dtype.newbyteorder("<")
    digest = hashlib.sha256(f"{little.str} {','.join(map(str, samples.shape))}\n".encode())
    for block in content(samples):
        digest.update(block)
    return digest.hexdigest()


def content(array: np.ndarray) -> Iterator[memoryview]:
    r"""The bytes of an array, little-endian and row-major, in pieces: it may be larger than memory.

    Examples
    --------
    >>> [bytes(block) for block in content(np.array([1, 2], dtype=">u2"))]
    [b'\x01\x00\x02\x00']
    """
    little = array.dtype if array.dtype.names else array.dtype.newbyteorder("<")
    for block in _blocks(array):
        yield np.ascontiguousarray(block, little).reshape(-1).view(np.uint8).data


def _blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """The array in pieces, in row-major order: it may be larger than memory."""
    if array.size <= _BLOCK:
        yield array
    elif len(array) == 1:
        yield from _blocks(array[0])
    else:
        yield from _blocks(array[: len(array) // 2])
        yield from _blocks(array[len(array) // 2 :])


def plain(samples: np.ndarray) -> np.ndarray:
    """The same array, but for booleans with other bytes than 0 and 1: these become 1, for which NumPy takes them.

    Examples
    --------
    >>> plain(np.array([0, 255], "uint8").view(bool)).view("uint8").tolist()
    [0, 1]
    """
    if samples.dtype != bool or samples.size == 0 or samples.view(np.uint8).max() <= 1:
        return samples
    return samples.view(np.uint8) != 0


def crc32(samples: np.ndarray) -> int:
    r"""CRC-32, that of zlib and PNG, of the bytes of a tile's samples, little-endian and row-major.

    Examples
    --------
    >>> crc32(np.array([1, 2], dtype=">u2")) == crc32(np.array([1, 2], dtype="<u2")) == zlib.crc32(b"\1\0\2\0")
    True
    """
    little = samples.dtype.newbyteorder("<")
    return zlib.crc32(np.ascontiguousarray(samples, little).reshape(-1).view(np.uint8).data)
