"""An entropy coder: symbols of probability p cost -log2 p bits, in many lanes at once.

With this you can write symbols whose probabilities are integers over 2^24 (`encode`), read them back (`Decoder`), and
say how many bits they should take (`ideal_bits`).

A range asymmetric numeral system keeps all that was written so far in one number x.  A symbol that owns ``frequency``
of the 2^24 slots, from ``start`` on, makes it ``(x // frequency) 2^24 + start + x % frequency``, which is larger by a
factor of ``2^24 / frequency``: by as many bits as the symbol is worth.  Reading goes backwards: the slot ``x % 2^24``
says whose it is.  So that x fits 64 bits, its lower 32 leave for the output whenever it would exceed 2^63.  A lane is
such a number; symbol i of a batch belongs to lane i modulo the number of lanes.

References
----------
Duda, "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with compression rate of arithmetic
coding", arXiv:1311.2540, 2014.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PRECISION = 24
"""Bits: the frequencies of all symbols add up to 2^24."""

_LOW = np.uint64(1 << 31)
"""Where every lane begins; below it, reading takes 32 bits more."""

_WORD = np.uint64(32)
_SHIFT = np.uint64(PRECISION)
_SLOTS = np.uint64((1 << PRECISION) - 1)
_ROOM = np.uint64(63 - PRECISION)

Batch = tuple[np.ndarray, np.ndarray]
"""Starts and frequencies of symbols that are read together."""


def ideal_bits(batches: Sequence[Batch]) -> float:
    """The sum of ``log2(2^24 / frequency)``: what symbols would take without a coder's losses.

    Examples
    --------
    >>> ideal_bits([(np.array([0]), np.array([1 << 22]))])
    2.0
    """
    return float(sum(np.sum(PRECISION - np.log2(frequency)) for _, frequency in batches))


def price(batches: Sequence[Batch]) -> float:
    """`ideal_bits` to 0.003 bits a symbol, the same on every machine: for decisions that files depend on.

    Examples
    --------
    >>> price([(np.array([0, 5]), np.array([1 << 22, 1]))])
    26.0
    """
    total = 0.0
    for _, frequency in batches:
        mantissa, exponent = np.frexp(frequency.astype(np.float64))
        t = 2.0 * mantissa - 1.0  # log2(1 + t), about: exact at the ends
        about = t + t * (1.0 - t) * (0.4425 - t * (0.2175 - 0.0655 * t))
        total += float(np.sum(np.floor((PRECISION + 1.0 - exponent - about) * 2.0**16 + 0.5)))  # whole: in any order
    return total / 2.0**16


def encode(batches: Sequence[Batch], lanes: int) -> bytes:
    """Write batches of symbols, to be read in the order in which they are given.

    Parameters
    ----------
    batches : sequence of (starts, frequencies)
        Of symbols that will be read together: integers with ``frequency >= 1`` and ``start + frequency <= 2^24``.
    lanes : int
        Each costs 64 bits, of which about 17 are symbols; batches are read that many symbols at a time.

    Returns
    -------
    bytes
        The lanes' last states, 8 bytes each, then words of 4 bytes, all little-endian, in the order of reading.

    Examples
    --------
    >>> batch = (np.array([0, 1 << 23]), np.array([1 << 23, 1 << 23]))
    >>> len(encode([batch] * 32, lanes=2)), ideal_bits([batch] * 32)
    (24, 64.0)
    """
    x = np.full(lanes, _LOW, np.uint64)
    words = []
    for start, frequency in reversed(batches):
        s = start.astype(np.uint64)
        f = frequency.astype(np.uint64)
        for i in range((len(s) - 1) // lanes * lanes, -1, -lanes):
            fi = f[i : i + lanes]
            state = x[: len(fi)]
            full = state >= fi << _ROOM
            if full.any():
                words.append(state[full].astype("<u4")[::-1])
                state = np.where(full, state >> _WORD, state)
            quotient = state // fi
            x[: len(fi)] = (quotient << _SHIFT) + (state - quotient * fi) + s[i : i + lanes]
    written = np.concatenate(words)[::-1] if words else np.empty(0, "<u4")
    return x.astype("<u8").tobytes() + written.tobytes()


class Decoder:
    """Reads what `encode` wrote, up to `lanes` symbols at a time: first `slots`, then `advance`.

    Parameters
    ----------
    content : bytes
    lanes : int

    Raises
    ------
    ValueError
        If the content is shorter than its lanes, or not whole words.

    Examples
    --------
    >>> half = 1 << 23
    >>> content = encode([(np.array([0, half]), np.array([half, half]))], lanes=2)
    >>> decoder = Decoder(content, lanes=2)
    >>> bits = (decoder.slots(2) >= half).astype(int)
    >>> decoder.advance(bits * half, np.array([half, half]))
    >>> decoder.finish()
    >>> bits.tolist()
    [0, 1]
    """

    def __init__(self, content: bytes | memoryview, lanes: int) -> None:
        if lanes < 1 or len(content) < 8 * lanes or len(content) % 4:
            raise ValueError(f"expected {lanes} states of 8 bytes and words of 4, got {len(content)} bytes")
        self.lanes = lanes
        self._x = np.frombuffer(content, "<u8", lanes).astype(np.uint64)
        self._words = np.frombuffer(content, "<u4", offset=8 * lanes).astype(np.uint64)
        self._read = 0

    def slots(self, count: int) -> np.ndarray:
        """Where in 0 .. 2^24 - 1 the next symbols of the first `count` lanes are; int64 (count,)."""
        return (self._x[:count] & _SLOTS).astype(np.int64)

    def advance(self, start: np.ndarray, frequency: np.ndarray) -> None:
        """Leave these symbols behind: those that own the slots.

        Raises
        ------
        ValueError
            If the content is over.
        """
        s = start.astype(np.uint64)
        f = frequency.astype(np.uint64)
        x = self._x[: len(s)]
        x = f * (x >> _SHIFT) + (x & _SLOTS) - s
        low = x < _LOW
        needed = int(np.count_nonzero(low))
        if needed:
            taken = self._words[self._read : self._read + needed]
            if len(taken) < needed:
                raise ValueError(f"damaged: all {len(self._words)} words are read and {needed} more are needed")
            x[low] = (x[low] << _WORD) | taken
            self._read += needed
        self._x[: len(s)] = x

    def finish(self) -> None:
        """Every symbol was read.

        Raises
        ------
        ValueError
            If that cannot be: words are left, or a lane is not where writing began.
        """
        if self._read != len(self._words) or (self._x != _LOW).any():
            raise ValueError("damaged: after the last symbol the coder is not in the state in which writing began")
