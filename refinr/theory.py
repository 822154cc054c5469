"""What the paper proves, and what is true: every statement as a function, exact where the mathematics is exact.

With this you can compute the tolerance of n bits (`tolerance`), round to n bits (`quantise`), ask whether predictions
are close enough to lose nothing (`within_tolerance`, `rounds_back`), bound the parameters a network needs
(`upper_bound`, `lipschitz_constant`, `nary_bounds`, `counting_bound`), or a readout of fixed features (`cover_count`,
`separable_share`), see why low bits are learned last (`error_expansion`), and what planes really gain
(`neighbour_gain`).

Integers and fractions in, integers and fractions out; floats are converted exactly.  Equations are those of Han et al.,
"Towards Lossless Implicit Neural Representation via Bit Plane Decomposition", CVPR 2025.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from refinr.planes import count, to_planes

Number = int | float | Fraction


# --- rounding --------------------------------------------------------------------------------------------------------


def _exact(value: Any) -> Fraction:
    if isinstance(value, Fraction):
        return value
    return Fraction(operator.index(value) if hasattr(value, "__index__") else float(value))


def tolerance(bits: int) -> Fraction:
    """``eps(n) = 1 / (2 (2^n - 1))``: half the distance between neighbouring levels in [0, 1] (Eq. 3).

    Examples
    --------
    >>> tolerance(1), tolerance(8)
    (Fraction(1, 2), Fraction(1, 510))
    """
    count(bits)
    return Fraction(1, 2 * (2**bits - 1))


def quantise(value: Number, bits: int) -> int:
    """The code q whose level ``q / (2^n - 1)`` is nearest to a value (Eq. 1); a tie goes to the larger code.

    Values outside [0, 1] go to the nearer end: overshoot is forgiven.

    Examples
    --------
    >>> quantise(0.5, 1), quantise(0.49, 1), quantise(1.7, 8)
    (1, 0, 255)
    """
    half_step = tolerance(bits)
    return min(max(math.floor((_exact(value) + half_step) / (2 * half_step)), 0), 2**bits - 1)


def within_tolerance(code: int, prediction: Number, bits: int) -> bool:
    """Whether a prediction is at most ``eps(n)`` from the level of a code: the paper's criterion (Eq. 5).

    Examples
    --------
    >>> within_tolerance(3, 3.4 / 255, 8), within_tolerance(3, 3.6 / 255, 8), within_tolerance(255, 1.7, 8)
    (True, False, False)
    """
    return abs(_exact(prediction) - 2 * tolerance(bits) * code) <= tolerance(bits)


def rounds_back(code: int, prediction: Number, bits: int) -> bool:
    """Whether a prediction is rounded to its code: what lossless means.

    Strictly within the tolerance it is.  Eq. (4) is printed as an equivalence with `within_tolerance`, which fails at
    the two end levels, where any overshoot rounds back, and at exact ties, of which only one of two codes can be right.
    The exact statement: the prediction lies in ``[q - 1/2, q + 1/2) / (2^n - 1)``, without the lower limit for q = 0
    and without the upper one for ``q = 2^n - 1``.

    Examples
    --------
    >>> rounds_back(255, 1.7, 8), rounds_back(0, Fraction(1, 510), 8), within_tolerance(0, Fraction(1, 510), 8)
    (True, False, True)
    """
    return quantise(prediction, bits) == code


# --- how many parameters ---------------------------------------------------------------------------------------------


def upper_bound(bits: int, dimension: int, constant: Number = 1) -> Fraction:
    """``U_d(n) = C eps(n)^(-2d) = C (2^(n+1) - 2)^(2d)``: parameters that suffice for n bits in d dimensions (Eq. 6).

    Examples
    --------
    >>> [int(upper_bound(n, 2)) for n in (1, 2, 8)]
    [16, 1296, 67652010000]
    """
    if operator.index(dimension) < 1:
        raise ValueError(f"dimension: expected 1 or more, got {dimension}")
    if constant <= 0:
        raise ValueError(f"constant: expected a positive number, got {constant}")
    return _exact(constant) / tolerance(bits) ** (2 * dimension)


def lipschitz_constant(dimension: int, slope: Number, length: Number = 2) -> Fraction:
    """A constant C for `upper_bound` that holds: ``C = 8 d^2 (d L l + 1/2)^(2d)``.

    For a function with Lipschitz constant L in the 1-norm on a cube with edge l, the maximum convolution over
    ``K = m^d`` nodes, ``m = max(1, ceil(d L l / eps))`` along every axis, is within eps of it (Jentzen, Kuckuck, von
    Wurstemberger, arXiv 2310.20360, Sec. 4.2 and 4.3).  As a network with hidden widths ``2 d K``, then
    ``3 floor(n / 2) + 2 (n mod 2)`` for n = K, ceil(K / 2), ..., it has at most ``8 K^2 d^2`` parameters
    (`refinr.constructive.lipschitz` writes it down, `refinr.constructive.parameters` has the proof).  As
    ``m <= d L l / eps + 1 <= (d L l + 1/2) / eps`` for ``eps <= 1/2``, that is at most ``C eps^(-2d)``.

    So C depends on d and, like ``L^(2d)``, on the slope: bounds for signals of different slope have different
    constants, which Eq. (6) and Table 3 leave out.

    Examples
    --------
    >>> lipschitz_constant(1, 1), lipschitz_constant(1, 2)
    (Fraction(50, 1), Fraction(162, 1))
    """
    if operator.index(dimension) < 1 or slope < 0 or length <= 0:
        raise ValueError(f"expected dimension >= 1, slope >= 0 and length > 0, got {dimension}, {slope} and {length}")
    return 8 * dimension**2 * (dimension * Fraction(slope) * Fraction(length) + Fraction(1, 2)) ** (2 * dimension)


def nary_bounds(bits: int, radix_bits: int, dimension: int, constant: Number = 1) -> tuple[int, Fraction]:
    """Networks needed with k bits a plane, and the bound for each: ``ceil(n / k)`` and ``U_d(k)`` (Table 3).

    Examples
    --------
    >>> [(networks, int(bound)) for networks, bound in (nary_bounds(8, k, 2) for k in (1, 2, 4, 8))]
    [(8, 16), (4, 1296), (2, 810000), (1, 67652010000)]
    """
    return count(bits, radix_bits), upper_bound(radix_bits, dimension, constant)


def counting_bound(samples: int, bits: int, parameter_bits: int) -> int:
    """Parameters that any method needs at least to represent every signal: ``P b >= N n``.

    P parameters of b bits take at most ``2^(P b)`` values and so tell at most so many signals apart; there are
    ``2^(N n)`` signals of N samples with n bits.  No training, architecture or decomposition gets below it.

    Examples
    --------
    >>> counting_bound(samples=1024, bits=16, parameter_bits=32)
    512
    """
    if min(map(operator.index, (samples, bits, parameter_bits))) < 1:
        raise ValueError(f"expected positive numbers, got {samples}, {bits} and {parameter_bits}")
    return -(-samples * bits // parameter_bits)


# --- how many features -----------------------------------------------------------------------------------------------


def cover_count(samples: int, features: int) -> int:
    """``C(N, D) = 2 sum_(k < D) binom(N - 1, k)``: sign patterns of N samples that weights of D features give.

    As many in general position (every D rows of the features independent), fewer otherwise.  (T. M. Cover,
    "Geometrical and statistical properties of systems of linear inequalities", IEEE Transactions on Electronic
    Computers, 1965; before, for regions of space, L. Schlaefli.)

    *Proof.*  A pattern is a region into which the samples cut the space of weights.  The last sample's plane cuts as
    many of the others' regions in two as the others cut the plane into: ``C(N, D) = C(N - 1, D) + C(N - 1, D - 1)``,
    and ``C(1, D) = 2`` for D >= 1, which is Pascal's triangle.

    Parameters
    ----------
    samples : int
        N, at least 1.
    features : int
        D, at least 0.

    Examples
    --------
    >>> [cover_count(4, D) for D in range(6)]
    [0, 2, 8, 14, 16, 16]
    """
    if operator.index(samples) < 1 or operator.index(features) < 0:
        raise ValueError(f"expected 1 sample or more and 0 features or more, got {samples} and {features}")
    return 2 * sum(math.comb(samples - 1, k) for k in range(min(samples, features)))


def separable_share(samples: int, features: int) -> Fraction:
    """The share of all ``2^N`` sign patterns that D features in general position give: 1/2 at N = 2 D, 1 at N = D.

    Where features are taken one after the other until a random pattern is given, their number is ``(N + 1) / 2`` on
    average: it exceeds D with probability ``1 - share``, and the sum of these is ``1 + (N - 1) / 2``.

    Examples
    --------
    >>> separable_share(10, 5), separable_share(10, 10)
    (Fraction(1, 2), Fraction(1, 1))
    """
    return Fraction(cover_count(samples, features), 2**samples)


# --- planes ----------------------------------------------------------------------------------------------------------


def reassemble(planes: Sequence[Number]) -> Fraction:
    """``I = 1 / (2^n - 1) sum_i 2^i B_i``, plane 0 the least significant (Eq. 7).

    Examples
    --------
    >>> reassemble([0, 1, 1])
    Fraction(6, 7)
    """
    return 2 * tolerance(len(planes)) * sum(_exact(b) * 2**i for i, b in enumerate(planes))


def error_expansion(a: np.ndarray, b: np.ndarray, bits: int) -> np.ndarray:
    """The squared error of codes by pairs of planes: ``sum (a - b)^2 = sum_ij 2^(i+j) sum_x e_i(x) e_j(x)``.

    ``e_i`` in {-1, 0, 1} is the difference of plane i.  On the diagonal plane i weighs ``4^i``: that is bit bias in one
    line, for any network and any activation.  A loss on values cares a million times less for bit 0 than for bit 10.

    Parameters
    ----------
    a, b : arrays of unsigned codes of the same shape
    bits : int

    Returns
    -------
    array of Python ints (bits, bits)
        Entry (i, j) is ``2^(i+j) sum_x e_i e_j``; the sum of all is the sum of squared errors, exactly.

    Examples
    --------
    >>> error_expansion(np.array([3, 0], dtype="uint8"), np.array([0, 2], dtype="uint8"), 2).tolist()
    [[1, 2], [2, 8]]
    """
    if a.shape != b.shape:
        raise ValueError(f"b: expected the shape of a, {a.shape}, got {b.shape}")
    e = (to_planes(a, bits).astype(np.int64) - to_planes(b, bits)).reshape(-1, bits).T  # (B, N)
    weights = np.array([2**i for i in range(bits)], dtype=object)
    return (e @ e.T).astype(object) * np.outer(weights, weights)


def neighbour_gain(codes: np.ndarray) -> tuple[int, int]:
    """What planes really gain: the largest step s between neighbours, in code steps, and ``s^(2d)``.

    On a grid with pitch h and in the 1-norm, the value function has Lipschitz constant ``s / ((2^n - 1) h)``, so
    ``L / eps(n) = 2 s / h``; a plane changes by at most one between neighbours, so ``L / eps(1) <= 2 / h``.
    `upper_bound` goes with ``(L / eps)^(2d)``: the ratio of the two bounds is ``s^(2d)``, not the ``(2^n - 1)^(2d)``
    that comparing only the tolerances suggests.  On a smooth ramp, s = 1, there is no gain at all; and as s >= 1 for
    all but constant signals, a plane's network never has the worse bound.  (There are n of them: in total planes lose
    where ``s^(2d) < n``.  A constant signal has no slope, and nothing to gain.)

    Parameters
    ----------
    codes : array of unsigned codes, d axes
        All of them coordinates, with the same pitch.

    Returns
    -------
    step, gain : ints

    Examples
    --------
    >>> neighbour_gain(np.arange(256, dtype="uint8")), neighbour_gain(np.array([[0, 255]], dtype="uint8"))
    ((1, 1), (255, 4228250625))
    """
    if codes.ndim == 0 or codes.dtype.kind != "u":
        raise ValueError(f"codes: expected unsigned integers with at least one axis, got {codes.dtype} {codes.shape}")
    step = 0
    for axis in range(codes.ndim):
        a = np.take(codes, range(1, codes.shape[axis]), axis=axis)
        b = np.take(codes, range(codes.shape[axis] - 1), axis=axis)
        step = max(step, int(np.where(a > b, a - b, b - a).max(initial=0)))
    return step, step ** (2 * codes.ndim)
