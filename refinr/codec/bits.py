"""The probability of a sample bit by bit: one network, one binary cross-entropy, all planes.

With this you can train a network to give each bit's probability (`loss`), and ask an exact one (`Bits`).

From the highest bit down, those known leave an interval from lo to hi, and the next one says on which side of its
middle the sample is.  A plain guess is a mixture of three logistic distributions of fixed widths about what the
linear part expects: it gives the sides ``above`` and ``below``.  The network sees the context, how the interval lies,
and the guess; its one output z corrects the odds,

    P(1 | higher bits) = above e^z / (above e^z + below) = sigmoid(z + ln(above / below))

so that the loss is `refinr.losses.bce_with_logits`, unchanged.  The product over the bits is the probability of the
sample, and since the two sides of every bit share the coder's 2^24 slots, those of all samples add up to one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refinr.codec import exact, network, rans
from refinr.codec.contexts import SQUASHED_UNIT, Context
from refinr.losses import bce_with_logits

FEATURES = 4
"""Inputs beside the context: the guess, and where the interval begins, is divided and ends."""

OUTPUTS = 1

RATES = (4.0, 1.5, 0.5)
"""One over the widths of the guess, in units of the local scale."""

UNIFORM = 2.0**-10
"""Share of all values alike, so that neither side is impossible."""

_UNITS = float((1 << rans.PRECISION) - 2)


class Targets(NamedTuple):
    """Samples as the loss sees them, float64 (N, 1) each."""

    sample: np.ndarray
    base: np.ndarray
    scale: np.ndarray


def targets(context: Context, samples: np.ndarray) -> Targets:
    """The targets of samples (N,)."""
    return Targets(samples[:, None] + 0.0, context.base[:, None] + 0.0, context.scale[:, None] + 0.0)


def planes(levels: int) -> int:
    """How many bits a sample has.

    Examples
    --------
    >>> planes(256), planes(5), planes(1)
    (8, 3, 0)
    """
    return (levels - 1).bit_length()


class Sides(NamedTuple):
    """How an interval lies, (N, K) each.

    Attributes
    ----------
    above, below : arrays
        What the guess gives to both sides of the middle, up to a factor; `above` is 0 where no level is.
    features : array (N, K, 4)
        Multiples of 2^-7 between -1 and 1.
    """

    above: np.ndarray
    below: np.ndarray
    features: np.ndarray


def sides(place: np.ndarray, scale: np.ndarray, low: np.ndarray, step: np.ndarray, levels: int) -> Sides:
    """The sides of the intervals from `low` on, `step` wide each.

    Parameters
    ----------
    place, scale : float64 arrays (N, 1)
        Where a sample is expected, and the local scale.
    low, step : float64 arrays (N, K), (K,)
        Whole numbers.
    levels : int
    """
    ends = [np.minimum(low + i * step, float(levels)) for i in range(3)]
    lengths = [(end - (place + 0.5)) / scale for end in ends]
    heights = []
    for end, length in zip(ends, lengths, strict=True):
        total = end * (UNIFORM / levels)
        for rate in RATES:  # one after the other: a sum's order would be the library's
            total = total + exact.logistic(length * rate)
        heights.append(total)
    above = heights[2] - heights[1]
    below = heights[1] - heights[0]
    squashed = [length / (1.0 + np.abs(length)) for length in lengths]
    features = np.stack([above / (above + below), *squashed], axis=-1)
    return Sides(above, below, np.floor(features * 2.0**SQUASHED_UNIT + 0.5) / 2.0**SQUASHED_UNIT)


def loss(
    params: network.Params, inputs: np.ndarray, linear: np.ndarray, wanted: Targets, levels: int
) -> tuple[float, network.Params]:
    """Mean of -ln P(sample) over samples, and its gradients; the linear part is what it is.

    Parameters
    ----------
    params : dict of float32 arrays
    inputs, linear : float32 arrays (N, I), (N, L)
    wanted : Targets
    levels : int
    """
    count = planes(levels)
    step = 2.0 ** np.arange(count - 1, -1, -1)
    s = linear @ params["skip"]
    low = np.floor(wanted.sample / (2.0 * step)) * (2.0 * step)  # (N, K)
    given = sides(wanted.base + wanted.scale * s, wanted.scale, low, step, levels)
    open_ = given.above > 0
    bits = (wanted.sample >= low + step)[open_]
    rows = np.repeat(np.arange(len(inputs)), count).reshape(open_.shape)[open_]
    x = np.concatenate([inputs[rows], given.features[open_].astype(inputs.dtype)], axis=1)
    z, _, cache = network.forward(params, x, linear[:1])
    guess = np.log(given.above[open_] / given.below[open_]).astype(z.dtype)[:, None]
    nats, dz = bce_with_logits(z + guess, bits[:, None].astype(z.dtype))
    each = len(rows) / len(inputs)
    grads, _ = network.backward(dz * np.float32(each), np.zeros((1, 1), z.dtype), cache)
    return float(nats) * each, grads


# --- exact -----------------------------------------------------------------------------------------------------------


class Bits(NamedTuple):
    """What an exact network expects of N samples: asked bit by bit, because each asks for those above it.

    Attributes
    ----------
    params : dict of float64 arrays
    inputs : array (N, I)
        Of the context.
    place, scale : float64 arrays (N, 1)
    levels : int
    """

    params: network.Params
    inputs: np.ndarray
    place: np.ndarray
    scale: np.ndarray
    levels: int

    def zeros(self, low: np.ndarray, step: float) -> np.ndarray:
        """How many of the 2^24 slots a bit's 0 has: whole numbers (N,), all of them where 1 is no level."""
        given = sides(self.place, self.scale, low[:, None], np.array([step]), self.levels)
        x = np.concatenate([self.inputs, given.features[:, 0]], axis=1)
        z, _ = network.evaluate(self.params, x, np.zeros((len(x), len(self.params["skip"]))))
        most = float(exact.MOST_EXPONENT)
        odds = given.above * exact.exponential(np.clip(z, -most, most))
        share = odds / (odds + given.below)
        ones = np.floor(share * _UNITS) + 1.0
        return np.where(given.above > 0, (1 << rans.PRECISION) - ones, 1 << rans.PRECISION)[:, 0].astype(np.int64)

    def write(self, samples: np.ndarray) -> list[rans.Batch]:
        """Starts and frequencies of samples (N,), one pair of arrays a bit, the highest first."""
        batches = []
        low = np.zeros(len(samples))
        for plane in range(planes(self.levels) - 1, -1, -1):
            zeros = self.zeros(low, 2.0**plane)
            bit = samples >= low + 2.0**plane
            batches.append((np.where(bit, zeros, 0), np.where(bit, (1 << rans.PRECISION) - zeros, zeros)))
            low = low + bit * 2.0**plane
        return batches

    def read(self, decoder: rans.Decoder) -> np.ndarray:
        """The samples that come next; float64 (N,).

        Raises
        ------
        ValueError
            If the coder's content is over.
        """
        low = np.zeros(len(self.inputs))
        for plane in range(planes(self.levels) - 1, -1, -1):
            zeros = self.zeros(low, 2.0**plane)
            for i in range(0, len(low), decoder.lanes):
                part = slice(i, i + decoder.lanes)
                bit = decoder.slots(len(zeros[part])) >= zeros[part]
                first = np.where(bit, zeros[part], 0)
                decoder.advance(first, np.where(bit, (1 << rans.PRECISION) - zeros[part], zeros[part]))
                low[part] += bit * 2.0**plane
        return low


def bits(params: network.Params, context: Context, levels: int) -> Bits:
    """What a network expects where the context is this."""
    s = np.matmul(context.linear, params["skip"])
    scale = context.scale[:, None]
    return Bits(params, context.inputs, context.base[:, None] + scale * s, scale, levels)
