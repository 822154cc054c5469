"""From distributions to whole frequencies: what the entropy coder is told of a sample, and how it is found again.

With this you can say which slots of the coder a sample owns (`write`), and read samples from a coder (`read`).

A sample is one symbol if it has at most 2^16 levels, else a few: digits, from the highest on.  Digit d of an interval
that F fills from F(lo) to F(hi) begins at slot

    floor((F(lo + d step) - F(lo)) / (F(hi) - F(lo)) (2^24 - digits)) + d

so that every digit has one slot at least, all slots add up to 2^24, and no rounding can bring them out of order,
because F never falls.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from refinr.codec import rans
from refinr.codec.mixture import Distribution

DIGIT_BITS = 16
"""Most bits of a digit."""

BRANCH_BITS = 4
"""When reading, one of 2^4 parts of what is left is chosen at a time."""


def digits(levels: int) -> list[tuple[int, int]]:
    """Widths of the digits and how far each is shifted, in bits, the highest first.

    Examples
    --------
    >>> digits(256), digits(2**20), digits(1)
    ([(8, 0)], [(10, 10), (10, 0)], [])
    """
    bits = (levels - 1).bit_length()
    parts = -(-bits // DIGIT_BITS)
    widths = [bits // parts + (i < bits % parts) for i in range(parts)]
    return [(width, bits - sum(widths[: i + 1])) for i, width in enumerate(widths)]


class _Interval:
    """Cumulative frequencies of the digits of an interval, for N samples."""

    def __init__(self, given: Distribution, low: np.ndarray, width: int, shift: int, levels: int) -> None:
        self.given = given
        self.low = low[:, None]  # (N, 1)
        self.high = np.minimum(self.low + 2.0 ** (width + shift), float(levels))
        self.step = 2.0**shift
        self.spread = float((1 << rans.PRECISION) - (1 << width))
        self.floor = given.below(self.low)
        self.rate = self.spread / (given.below(self.high) - self.floor)

    def of(self, part: slice) -> _Interval:
        """The same of some of the samples."""
        other = object.__new__(_Interval)
        other.given = self.given.of(part)
        other.step = self.step
        other.spread = self.spread
        for name in ("low", "high", "floor", "rate"):
            setattr(other, name, getattr(self, name)[part])
        return other

    def slot(self, digit: np.ndarray) -> np.ndarray:
        """Where digits (N, K) begin; int64."""
        x = self.low + digit * self.step
        share = np.floor((self.given.below(np.minimum(x, self.high)) - self.floor) * self.rate)
        share = np.where(x < self.high, np.minimum(share, self.spread), self.spread)
        return (share + digit).astype(np.int64)


def write(given: Distribution, samples: np.ndarray, levels: int) -> list[rans.Batch]:
    """Starts and frequencies of samples, one pair of arrays a digit.

    Parameters
    ----------
    given : Distribution
        Of N samples.
    samples : float64 array (N,)
        Whole numbers, 0 to levels - 1.
    levels : int
        At most 2^32.
    """
    batches = []
    low = np.zeros(len(samples))
    for width, shift in digits(levels):
        interval = _Interval(given, low, width, shift, levels)
        digit = np.floor((samples - low) / 2.0**shift)
        slots = interval.slot(digit[:, None] + np.array([0.0, 1.0]))  # (N, 2)
        batches.append((slots[:, 0], slots[:, 1] - slots[:, 0]))
        low = low + digit * 2.0**shift
    return batches


def read(given: Distribution, decoder: rans.Decoder, levels: int) -> np.ndarray:
    """The samples that come next; float64 (N,).

    Raises
    ------
    ValueError
        If the coder's content is over, or what it says is no sample.
    """
    low = np.zeros(len(given.uniform))
    for width, shift in digits(levels):
        interval = _Interval(given, low, width, shift, levels)
        first = min(width, BRANCH_BITS)
        inner = interval.slot(
            np.arange(1, 1 << first) * 2.0 ** (width - first) + np.zeros((len(low), 1))
        )  # of all, once
        digit = np.empty(len(low))
        for part in _parts(len(low), decoder.lanes):
            digit[part] = _digit(interval.of(part), inner[part], width, first, decoder)
        low = low + digit * 2.0**shift
        if (low >= levels).any():
            raise ValueError(f"damaged: a sample of {int(low.max())} or more where there are {levels} levels")
    return low


def _parts(count: int, lanes: int) -> Iterator[slice]:
    for i in range(0, count, lanes):
        yield slice(i, min(i + lanes, count))


def _digit(interval: _Interval, inner: np.ndarray, width: int, first: int, decoder: rans.Decoder) -> np.ndarray:
    """A digit of each lane: the branch whose slots hold the decoder's, and the branch of that."""
    slots = decoder.slots(len(inner))[:, None]
    rows = np.arange(len(inner))
    left = np.zeros((len(inner), 1), np.int64)
    right = np.full((len(inner), 1), 1 << rans.PRECISION)
    digit = np.zeros((len(inner), 1))
    while True:
        ends = np.concatenate([left, inner, right], axis=1)
        branch = (inner <= slots).sum(axis=1)
        left = ends[rows, branch][:, None]
        right = ends[rows, branch + 1][:, None]
        width -= first
        digit = digit + branch[:, None] * 2.0**width
        if width == 0:
            break
        first = min(width, BRANCH_BITS)
        inner = interval.slot(digit + np.arange(1, 1 << first) * 2.0 ** (width - first))
    decoder.advance(left[:, 0], (right - left)[:, 0])
    return digit[:, 0]
