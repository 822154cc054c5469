"""Numbers with a radius: what any machine may compute in the place of what is computed here.

With this you can carry such numbers (`Ball`) through the operations of a network (`Machines`).

*Any machine* that computes in a float type means: parameters and coordinates are cast to the type, and every operation
rounds to nearest in this type or in one that contains it.  Sums may run in any order, with or without fused
multiply-add.  The frequency of a sine may be multiplied into the weights or not.  Anything below the smallest normal
number may be flushed to zero.  The functions sin, cos, exp and tanh, all at most 1 here, are off by at most `FUNCTION`
unit roundoffs: four units in the last place of numbers next to 1.  Inputs that are sines and cosines, computed in
float64 and rounded to float32, are off by `ENCODED`, one such unit of float32.  glibc, NumPy and the standard functions
of CUDA claim that or better; fast-math intrinsics do not, and TF32 is not float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from refinr import activations, ternary
from refinr.files.floats import FLOAT_TYPES

FUNCTION = 4.0
"""Error of sin, cos, exp and tanh in unit roundoffs."""

NORMAL_CDF = 32.0
"""Error of the normal distribution function in unit roundoffs: `refinr.activations.normal_cdf` in the type itself."""

ENCODED = 2.0**-23
"""How far apart two machines' sines and cosines of coordinates are, rounded to float32."""

WAVES = 2.0**-49
"""Error of a cosine of the features that readouts have, computed in float64: 16 units of numbers below 1."""

_HERE = FLOAT_TYPES["float64"].unit  # of the evaluation that all radii refer to
_UPWARDS = 1.0 + 2.0**-30  # radii are sums of positive numbers, themselves rounded: off by far less than this


class Ball(NamedTuple):
    """A value and how far from it any machine may be: `mid` (E, N, D), `rad` (T, E, N, D), one for each float type."""

    mid: np.ndarray
    rad: np.ndarray

    def turned(self) -> Ball:
        """With the first two axes, networks and samples, in each other's place."""
        return Ball(self.mid.swapaxes(0, 1), self.rad.swapaxes(1, 2))


def joined(parts: Iterable[Ball]) -> Ball:
    """Balls of some samples after others, as those of all."""
    found = list(parts)
    return Ball(np.concatenate([z.mid for z in found], axis=1), np.concatenate([z.rad for z in found], axis=2))


def _column(values: Iterable[float]) -> np.ndarray:
    """One number for each float type, beside balls."""
    return np.array(list(values))[:, None, None, None]


def _gamma(count: Any, unit: Any) -> Any:
    """``n u / (1 - n u)``: n roundings in a row change a number by this share at most; no bound from n = 1/u on."""
    nu = count * unit
    return np.where(nu < 1.0, nu / np.abs(1.0 - nu), np.inf)


class Machines:
    """All machines that compute in one of T float types, and the evaluation here, in float64: arithmetic of balls.

    Each operation takes balls and returns one that holds its result on any machine.  Its radius is the sum of what the
    incoming radii spread to, of the error that machines make, and of the one made here.  An infinite radius means that
    there is no bound: sums too long for the type, or values that may overflow.

    Parameters
    ----------
    names : iterable of str
        Float types, of `FLOAT_TYPES`.
    """

    meeting = 2**15
    """Values that a layer has at once: arrays that fit into the caches."""

    def __init__(self, names: Iterable[str]) -> None:
        types = [FLOAT_TYPES[name] for name in names]
        self.unit = _column(found.unit for found in types)  # (T, 1, 1, 1)
        self.tiny = _column(found.tiny for found in types)  # (T, 1, 1, 1)
        self.largest = _column(found.largest for found in types)  # (T, 1, 1, 1)

    def _ball(self, mid: np.ndarray, rad: np.ndarray, magnitude: np.ndarray) -> Ball:
        """Rounded upwards; `magnitude` bounds what machines meet on the way.  Written so that NaN means no bound."""
        return Ball(mid, np.where(magnitude <= self.largest, rad * _UPWARDS, np.inf))

    def _constant(self, value: float) -> np.ndarray:
        """A positive constant, or infinity for types that have it only flushed to zero or not at all."""
        return np.where((self.tiny <= value) & (value <= self.largest), value, np.inf)

    def rounded(self, mid: np.ndarray, spread: np.ndarray, roundings: int = 1, met: Any = 0.0) -> Ball:
        """A result within `spread` of `mid` before it is rounded; `met` bounds what else machines meet on the way."""
        gamma = _gamma(roundings, self.unit) + _gamma(roundings, _HERE)
        rad = spread + gamma * (np.abs(mid) + spread) + (roundings + 1) * self.tiny
        return self._ball(mid, rad, np.maximum(np.abs(mid) + rad, met))

    def data(self, x: np.ndarray) -> Ball:
        """Numbers cast to the type: exact if it is no coarser than theirs, and for integers up to 1/u."""
        mid = x.astype(np.float64)
        size = np.abs(mid)
        kept = (self.unit <= np.finfo(x.dtype).eps / 2) | ((mid == np.rint(mid)) & (size <= 1.0 / self.unit))
        exact = kept & ((size >= self.tiny) | (size == 0.0))
        return self._ball(mid, np.where(exact, 0.0, self.unit * size + self.tiny), size)

    def encoded(self, x: np.ndarray) -> Ball:
        """Numbers that every machine has computed for itself."""
        z = self.data(x)
        return Ball(z.mid, z.rad + ENCODED)

    def linear(self, h: Ball, w: np.ndarray, b: np.ndarray, gain: float) -> Ball:
        """``z = h (gain w) + gain b``, of I products and a bias.

        With ``m = (|h| + r) |w| + |b|`` the radius is ``r |w| + gamma_n m``, where n counts the roundings that a term
        may go through: one product, I sums, and those of the parameter itself.  Where all is integer and m at most 1/u,
        every partial sum is an integer that the type holds, and nothing is rounded at all.
        """
        terms = w.shape[-2] + 1
        coarser = self.unit > np.finfo(w.dtype).eps / 2
        roundings = terms + coarser + (2 if gain != 1.0 else 0)  # cast of w; cast of the gain, and the product
        gamma = _gamma(roundings, self.unit) + _gamma(roundings, _HERE)
        weights = gain * w.astype(np.float64)  # (E, I, O)
        biases = gain * b.astype(np.float64)  # (E, 1, O)
        mid = np.matmul(h.mid, weights) + biases  # (E, N, O)
        spread = np.matmul(h.rad, np.abs(weights))  # (T, E, N, O)
        total = np.matmul(np.abs(h.mid), np.abs(weights)) + np.abs(biases) + spread
        reach = np.max(np.abs(h.mid) + h.rad, axis=(1, 2, 3), keepdims=True)
        # flushed to zero: each product, each sum, and each parameter, before or after the gain
        flushed = self.tiny * (1.0 + gamma) * terms * (1.0 + gain) * (2.0 + reach)
        whole = gain == 1.0 and self.are_whole(h, w, b)
        largest = np.maximum(np.max(np.abs(weights)), np.max(np.abs(biases)))
        exact = whole & (np.max(h.rad, axis=(1, 2, 3), keepdims=True) == 0.0)
        exact &= np.maximum(np.max(total, axis=(1, 2, 3), keepdims=True), np.maximum(reach, largest)) <= 1.0 / self.unit
        rad = np.where(exact, 0.0, spread + gamma * total + flushed)
        met = np.maximum((1.0 + gamma) * total + flushed, largest) * max(1.0, 1.0 / gain)  # before or after the gain
        return self._ball(mid, rad, np.maximum(met, self._constant(gain)))

    def are_whole(self, h: Ball, *arrays: np.ndarray) -> bool:
        """Whether all of them are whole numbers."""
        return all(np.array_equal(a, np.rint(a)) for a in (h.mid, *arrays))

    def transform(self, waves: np.ndarray, h: Ball) -> Ball:
        """``waves @ h``: sums of n products (E, n, D), where all share one matrix (n, n) of at most `sqrt(2 / n)`.

        The matrix is computed in float64, where two machines may differ by a few units, and cast.  So with
        ``m = |waves| (|h| + r)`` the radius is ``|waves| r + gamma_(n + 1) m``, for n roundings of products and sums
        and one of the matrix.
        """
        n = waves.shape[1]
        size = np.abs(waves) + WAVES  # (n, n)
        gamma = _gamma(n + 1, self.unit) + _gamma(n + 1, _HERE)
        reach = np.abs(h.mid) + h.rad  # (T, E, n, D)
        farthest = np.max(reach, axis=(1, 2, 3), keepdims=True)
        total = np.matmul(size, reach)
        spread = np.matmul(size, h.rad) + WAVES * np.sum(reach, axis=2, keepdims=True)
        flushed = self.tiny * (1.0 + gamma) * 2.0 * n * (2.0 + farthest)
        rad = spread + gamma * total + flushed
        return self._ball(
            np.matmul(waves, h.mid), rad, np.maximum(total + rad, reach.max(axis=(1, 2, 3), keepdims=True))
        )

    def reshaped(self, z: Ball, shape: tuple[int, int, int]) -> Ball:
        """The same numbers in another shape (E, N, D)."""
        return Ball(z.mid.reshape(shape), z.rad.reshape(len(self.unit), *shape))

    def some(self, z: Ball, which: Any) -> Ball:
        """Those samples of a ball whose numbers are given."""
        return Ball(z.mid[:, which], z.rad[:, :, which])

    def known(self, z: Ball, which: np.ndarray, values: np.ndarray) -> Ball:
        """The same with values that every machine has where `which` (E,) says: small whole numbers."""
        mid = np.array(z.mid)
        rad = np.array(z.rad)
        mid[which] = values
        rad[:, which] = 0.0
        return Ball(mid, rad)

    def whole(self, mid: np.ndarray, terms: np.ndarray) -> Ball:
        """Sums of so many terms of -1, 0 and 1: exact where a type holds all whole numbers up to their count."""
        exact = np.broadcast_to(terms <= 1.0 / self.unit, (len(self.unit), *mid.shape))
        return Ball(mid, np.where(exact, 0.0, np.inf))

    def integer_linear(self, h: Ball, w: np.ndarray, bits: int) -> Ball:
        """`refinr.ternary.integer_linear`: nothing is rounded where the type holds every sum, half included."""
        mid, _ = ternary.integer_linear(h.mid, w.astype(np.float64), bits=bits)  # (E, N, O)
        held = 2.0 * ternary.largest_sum(w.shape[-2], bits) + 1.0 <= 1.0 / self.unit
        exact = held & (np.max(h.rad, axis=(1, 2, 3), keepdims=True) == 0.0)
        return Ball(mid, np.where(exact, np.zeros_like(mid), np.inf))

    def unknown(self, mid: np.ndarray) -> Ball:
        """No bound.  Ternary layers round activations to codes, and near a half the least error changes a code."""
        return Ball(mid, np.full((len(self.unit), *mid.shape), np.inf))

    def abs(self, z: Ball) -> Ball:
        """``|z|``, without rounding."""
        return Ball(np.abs(z.mid), z.rad)

    def plus(self, z: Ball, constant: float) -> Ball:
        """``z + constant``, for small whole numbers, which every type has."""
        return self.rounded(z.mid + constant, z.rad)

    def scaled(self, z: Ball, constant: float) -> Ball:
        """``constant z``; the constant is rounded too."""
        return self.rounded(constant * z.mid, constant * z.rad, 2, self._constant(constant))

    def product(self, a: Ball, b: Ball) -> Ball:
        """``a b``."""
        return self.rounded(a.mid * b.mid, np.abs(a.mid) * b.rad + np.abs(b.mid) * a.rad + a.rad * b.rad)

    def function(self, mid: np.ndarray, z: Ball, slope: Any, units: float = FUNCTION) -> Ball:
        """A function of z, at most 1, whose values differ by at most ``slope r`` within z, and by 2 at all.

        Slopes are functions too, computed here: they are off by a few units of their own.
        """
        spread = np.minimum((slope + 4.0 * units * _HERE) * z.rad, 2.0)
        rad = np.where(np.isfinite(z.rad), spread, np.inf) + units * (self.unit + _HERE) + self.tiny
        return self._ball(mid, rad, np.abs(mid) + rad)

    def sin(self, z: Ball) -> Ball:
        """``|sin(z + d) - sin(z)| <= |cos z| |d| + d^2 / 2``, and at most ``|d|``."""
        return self.function(np.sin(z.mid), z, np.minimum(np.abs(np.cos(z.mid)) + z.rad / 2, 1.0))

    def cos(self, z: Ball) -> Ball:
        """The same for the cosine."""
        return self.function(np.cos(z.mid), z, np.minimum(np.abs(np.sin(z.mid)) + z.rad / 2, 1.0))

    def bell(self, v: Ball) -> Ball:
        """``exp(-v^2)``: steepest where the square is smallest."""
        q = self.product(v, v)
        return self.function(np.exp(-q.mid), q, np.exp(-np.maximum(q.mid - q.rad, 0.0)))

    def tanh(self, z: Ball) -> Ball:
        """Slope ``1 - tanh^2``, largest where ``|z|`` is smallest."""
        return self.function(np.tanh(z.mid), z, 1.0 - np.tanh(np.maximum(np.abs(z.mid) - z.rad, 0.0)) ** 2)

    def normal_cdf(self, z: Ball) -> Ball:
        """The normal distribution function; its slope is the density, largest where ``|z|`` is smallest."""
        nearest = np.maximum(np.abs(z.mid) - z.rad, 0.0)
        density = np.exp(-0.5 * nearest**2) * (1.0 / math.sqrt(2.0 * math.pi))
        return self.function(activations.normal_cdf(z.mid), z, density, NORMAL_CDF)

    def relu(self, z: Ball) -> Ball:
        """``max(z, 0)``, without rounding."""
        return Ball(np.maximum(z.mid, 0.0), np.where(z.mid < -z.rad, 0.0, z.rad))
