"""Arithmetic whose results are the same bits on every machine, in whatever order sums are taken.

With this you can round numbers to dyadic ones, whole multiples of a power of two (`dyadic`), prove that a product of
matrices of them is exact (`largest_sum`), and look up exponentials (`exponential`) and logistic distribution functions
(`logistic`) in tables of integers.

A float64 holds every whole multiple of u below ``2^53 u``.  Products of multiples of u and v are multiples of u v, and
so are their sums: while the magnitudes of all terms of a sum add up to less than ``2^53 u v``, nothing is ever rounded,
so BLAS, einsum and a loop give the same.  Everything else is element by element: additions, products, quotients and
floors, which IEEE 754 rounds in one way alone, and tables that are integers over a power of two.
"""

from __future__ import annotations

import functools
from decimal import Decimal, localcontext

import numpy as np

from refinr.xp import Array, asarray_like, namespace

EXACT = 2**53
"""Integers below it are exact in float64."""

EXPONENT_UNIT = 7
"""`exponential` takes multiples of 2^-7."""

MOST_EXPONENT = 16
"""And takes them between -16 and 16."""

_STEPS = 32
"""Entries of the logistic table from z to z + 1."""

MOST_Z = 24
"""Beyond it, the logistic table is 0 or 1 to 2^-34."""


def dyadic(x: Array, bits: int) -> Array:
    """The nearest multiple of ``2^-bits``, halves upwards.

    Examples
    --------
    >>> dyadic(np.array([0.26, -0.3, 0.375]), 2).tolist()
    [0.25, -0.25, 0.5]
    """
    unit = 2.0**bits
    return namespace(x).floor(x * unit + 0.5) / unit


def largest_sum(terms: int, x: int, w: int, bias: int = 0) -> int:
    """The largest magnitude, in units, that a product of matrices can meet on its way, whatever the order.

    Parameters
    ----------
    terms : int
        Inputs of the layer: what a sum runs over.
    x, w, bias : int
        Largest magnitudes of inputs and weights in their units, and of the bias in the product of the two.

    Raises
    ------
    ValueError
        If it is 2^53 or more: then nothing is proved.

    Examples
    --------
    >>> largest_sum(terms=32, x=255 * 2**7, w=2047) < 2**31
    True
    """
    largest = terms * x * w + bias
    if largest >= EXACT:
        raise ValueError(f"sums of {terms} terms reach {largest}, and are exact only below 2^53")
    return largest


# --- tables ----------------------------------------------------------------------------------------------------------


@functools.cache
def exponential_table() -> np.ndarray:
    """``floor(2^30 exp(-k / 128))`` for k = 0 .. 2048; int64."""
    with localcontext() as context:
        context.prec = 40  # decimal arithmetic is the same everywhere
        return np.array([int((Decimal(-k) / 128).exp() * 2**30) for k in range(MOST_EXPONENT * 128 + 1)])


@functools.cache
def logistic_table() -> np.ndarray:
    """``floor(2^45 / (1 + exp(-k / 32)))`` for k = -768 .. 769; int64."""
    most = MOST_Z * _STEPS
    with localcontext() as context:
        context.prec = 40
        return np.array([int(2**45 / (1 + (Decimal(-k) / _STEPS).exp())) for k in range(-most, most + 2)])


def exponential(x: Array) -> Array:
    """exp(x) to nine digits, of multiples of 2^-7 between -16 and 16.

    Parameters
    ----------
    x : array of float64

    Examples
    --------
    >>> [round(float(y), 5) for y in exponential(np.array([0.0, 1.0, -16.0]))]
    [1.0, 2.71828, 0.0]
    """
    xp = namespace(x)
    y = _look_up(_exponentials(), xp.abs(x) * 2.0**EXPONENT_UNIT)
    return xp.where(x > 0, 1.0 / y, y)


def logistic(z: Array) -> Array:
    """``1 / (1 + exp(-z))`` to four digits in either tail, from a table of slope lines; never falls as z grows.

    Parameters
    ----------
    z : array of float64

    Examples
    --------
    >>> [round(float(p), 4) for p in logistic(np.array([0.0, 1.0, -99.0, 99.0]))]
    [0.5, 0.7311, 0.0, 1.0]
    """
    xp = namespace(z)
    most = float(MOST_Z * _STEPS)
    steps = xp.clip(z * float(_STEPS), -most, most)
    below = xp.floor(steps)
    heights, slopes = _logistic_lines()
    return _look_up(heights, below + most) + (steps - below) * _look_up(slopes, below + most)


@functools.cache
def _exponentials() -> np.ndarray:
    return exponential_table() / 2.0**30


@functools.cache
def _logistic_lines() -> tuple[np.ndarray, np.ndarray]:
    """Where each line of the logistic table begins, and how far it rises."""
    heights = logistic_table() / 2.0**45
    return heights[:-1], np.diff(heights)


def _look_up(table: np.ndarray, index: Array) -> Array:
    """Entries of a table at indices that are whole float64 numbers."""
    xp = namespace(index)
    whole = xp.astype(index, xp.int64)
    if xp is np:
        return table.take(whole)
    return xp.reshape(xp.take(asarray_like(table, index), xp.reshape(whole, (-1,))), whole.shape)
