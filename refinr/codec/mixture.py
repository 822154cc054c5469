"""The probability of a sample: three logistic distributions, mixed; and its bits', which follow.

With this you can train a network to give distributions (`loss`), and ask an exact one for its distribution function
(`Distribution`).

A network's nine outputs z and linear part s are, for each of three components, the logarithm of its weight, its place
``s + z`` and the logarithm of its width, both in units of the local scale and measured from the local base.  A sample v
has what a component has between v - 1/2 and v + 1/2.  The difference between the values of the distribution function
F at the ends of an interval is its probability, so a bit, knowing those above it, has

    P(1 | higher bits) = (F(hi) - F(mid)) / (F(hi) - F(lo))

where lo and hi are the ends of the interval that they leave and mid is its middle.  The product over the bits is what
the sample has: F(v + 1) - F(v).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refinr.codec import exact
from refinr.codec.contexts import Context
from refinr.xp import Array, namespace

COMPONENTS = 3
OUTPUTS = 3 * COMPONENTS

UNIFORM = 2.0**-12
"""Share of all values alike, so that none is impossible."""

NARROWEST = -6.0
WIDEST = 4.0
"""Logarithms of a component's width end there."""

START = (-1.5, -0.5, 0.5)
"""Logarithms of the widths before the first step."""

_W = slice(0, COMPONENTS)
_M = slice(COMPONENTS, 2 * COMPONENTS)
_S = slice(2 * COMPONENTS, OUTPUTS)


class Targets(NamedTuple):
    """Samples as the loss sees them, (N, 1) each.

    Attributes
    ----------
    t : array
        (sample - base) / scale.
    half : array
        Half a step, 0.5 / scale.
    """

    t: Array
    half: Array


def targets(context: Context, samples: np.ndarray) -> Targets:
    """The targets of samples (N,)."""
    return Targets(((samples - context.base) / context.scale)[:, None], (0.5 / context.scale)[:, None])


def loss(z: Array, s: Array, targets: Targets, levels: int) -> tuple[Array, Array, Array]:
    """Mean of -ln P(sample) over samples, and its gradients.

    Parameters
    ----------
    z : array (N, 9)
    s : array (N, 1)
    targets : Targets
    levels : int
        How many values a sample can have.

    Returns
    -------
    loss : scalar array
        In nats; over ln 2, the bits a sample will take in the file.
    dz, ds : arrays of the shapes of z and s
    """
    xp = namespace(z)
    t, half = targets
    n = z.shape[0]
    weights = xp.exp(z[:, _W] - xp.max(z[:, _W], axis=1, keepdims=True))
    weights = weights / xp.sum(weights, axis=1, keepdims=True)  # (N, 3)
    rate = xp.exp(-xp.clip(z[:, _S], NARROWEST, WIDEST))
    centre = (t - s - z[:, _M]) * rate
    step = 2.0 * half * rate
    above_lower = _sigmoid(0.5 * step - centre)
    below_upper = _sigmoid(0.5 * step + centre)
    share = below_upper * above_lower * -xp.expm1(-step)  # sigmoid(upper) - sigmoid(lower), where nothing cancels
    mixed = xp.sum(weights * share, axis=1, keepdims=True)
    p = (1.0 - UNIFORM) * mixed + UNIFORM / levels  # (N, 1)

    factor = -(1.0 - UNIFORM) / (n * p) * weights
    lean = share * (below_upper - above_lower)  # the slope at the lower end less that at the upper end
    slopes = below_upper * (1.0 - below_upper) + above_lower * (1.0 - above_lower)
    free = xp.astype((z[:, _S] > NARROWEST) & (z[:, _S] < WIDEST), z.dtype)
    d_weights = factor * (share - mixed)
    d_places = factor * lean * rate
    d_widths = factor * (centre * lean - 0.5 * step * slopes) * free
    dz = xp.concat([d_weights, d_places, d_widths], axis=1)
    return -xp.mean(xp.log(p)), dz, xp.sum(d_places, axis=1, keepdims=True)


def _sigmoid(z: Array) -> Array:
    xp = namespace(z)
    e = xp.exp(-xp.abs(z))
    return xp.where(z >= 0, xp.ones_like(e), e) / (1.0 + e)


# --- exact -----------------------------------------------------------------------------------------------------------


class Distribution(NamedTuple):
    """Distribution functions of N samples, up to a factor of each; the same bits on every machine.

    Attributes
    ----------
    weights, places, rates : float64 arrays (N, 1, 3)
        Of the components: weights, places among the samples, and one over widths.
    uniform : float64 array (N, 1)
        What a value has at least.
    """

    weights: Array
    places: Array
    rates: Array
    uniform: Array

    def below(self, x: Array) -> Array:
        """What is below x: 0 or more at x = 0, and never less for a larger x.

        Parameters
        ----------
        x : float64 array (N, K)
            Whole numbers.
        """
        p = self.weights * exact.logistic((x[:, :, None] - self.places) * self.rates)  # (N, K, 3)
        total = x * self.uniform
        for i in range(COMPONENTS):  # one after the other: a sum's order would be the library's
            total = total + p[:, :, i]
        return total

    def of(self, part: slice) -> Distribution:
        """The distributions of some of the samples."""
        return Distribution(*(field[part] for field in self))


def distribution(z: Array, s: Array, base: Array, scale: Array, levels: int) -> Distribution:
    """The distributions that outputs speak of.

    Parameters
    ----------
    z, s : arrays (N, 9), (N, 1)
        From `refinr.codec.network.evaluate`.
    base, scale : float64 arrays (N,)
    levels : int
        How many values a sample can have, 0, 1, ..., levels - 1.
    """
    xp = namespace(z)
    most = float(exact.MOST_EXPONENT)
    weights = exact.exponential(xp.clip(z[:, _W] - xp.max(z[:, _W], axis=1, keepdims=True), -most, 0.0))  # (N, 3)
    places = base[:, None] + scale[:, None] * (s + z[:, _M]) + 0.5
    rates = exact.exponential(-xp.clip(z[:, _S], NARROWEST, WIDEST)) / scale[:, None]
    total = weights[:, 0] + weights[:, 1] + weights[:, 2]
    uniform = total * (UNIFORM / levels)
    return Distribution(weights[:, None, :], places[:, None, :], rates[:, None, :], uniform[:, None])


def bit_probability(given: Distribution, lo: Array, mid: Array, hi: Array) -> Array:
    """``P(1 | higher bits) = (F(hi) - F(mid)) / (F(hi) - F(lo))``.

    Parameters
    ----------
    given : Distribution
    lo, mid, hi : float64 arrays (N, K)
        The interval that the higher bits leave, and its middle: whole numbers.
    """
    return (given.below(hi) - given.below(mid)) / (given.below(hi) - given.below(lo))
