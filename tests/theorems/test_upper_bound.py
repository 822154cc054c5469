"""Theorem (parameters that suffice, with the constant written out).

1. ``U_d(n) = C eps(n)^(-2d) = C (2^(n+1) - 2)^(2d)``; it grows with n and, for the same C, with d.  So
   ``U_5(8) = 510^10 C = 1.190e27 C``; 1.23e27 is printed.
2. A maximum convolution over K nodes in d dimensions has at most ``8 K^2 d^2`` parameters, for every K and d.
3. With ``K = m^d`` nodes, ``m = max(1, ceil(d L l / eps))``, and ``eps <= 1/2``, that is at most ``C eps^(-2d)`` for
   ``C = 8 d^2 (d L l + 1/2)^(2d)``.  So C depends on d and on the slope L.  The 1/2 cannot be smaller.

From: 1 is Eq. (6) of Han et al., CVPR 2025; the network is that of Jentzen, Kuckuck and von Wurstemberger,
arXiv 2310.20360, Sec. 4.2-4.3; 2 and 3 are ours.

Proof sketch.  2: layers of width d, 2dK, then of a binary tree of maxima: a pair takes 3 neurons, an odd one
out 2, so K numbers take ``w(K) <= (3K + 1) / 2``. Divided by d^2 the count decreases with d: take d = 1. Let
G(K) be what follows the first width of the tree. ``G(K) = (w(K) + 1) w(K') + G(K')`` with ``K' = ceil(K / 2)``;
if ``G(K') <= 2 K'^2`` then ``G(K) <= 13/8 K^2 + 4 K + 19/8 <= 2 K^2`` for ``K >= 12``. K from 10 to 19 are
checked below and start the induction. Then the total ``4 K + (2K + 1) w(K) + G(K) <= 5 K^2 + 13/2 K + 1/2 <= 8
K^2`` for ``K >= 3``; smaller ones are checked. 3: ``m <= d L l / eps + 1 <= (d L l + 1/2) / eps``, as ``1 <= 1
/ (2 eps)``. At L = 0 and eps = 1/2 it is an equality.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import constructive, theory

SLOPES = st.fractions(min_value=0, max_value=1000)
LENGTHS = st.fractions(min_value=Fraction(1, 100), max_value=10)


def _tree_width(K: int) -> int:
    return 3 * (K // 2) + 2 * (K % 2)


def _after_tree_width(K: int) -> int:
    """Weights and biases from the first layer of a tree of maxima of K numbers to its output."""
    rest = -(-K // 2)
    if rest == 1:
        return _tree_width(K) + 1
    return (_tree_width(K) + 1) * _tree_width(rest) + _after_tree_width(rest)


def _parameters(K: int, d: int) -> int:
    """Weights and biases of a dense network for a maximum convolution over K nodes in d dimensions."""
    first = (d + 1) * 2 * d * K
    if K == 1:
        return first + 2 * d * K + 1
    return first + (2 * d * K + 1) * _tree_width(K) + _after_tree_width(K)


# --- Eq. (6) ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 65))
def test_the_two_forms_of_the_bound(bits):
    for d in range(1, 7):
        assert theory.upper_bound(bits, d) == (2 ** (bits + 1) - 2) ** (2 * d)
        assert theory.upper_bound(bits, d) * theory.tolerance(bits) ** (2 * d) == 1
        assert theory.upper_bound(bits, d, Fraction(7, 3)) == Fraction(7, 3) * theory.upper_bound(bits, d)


@pytest.mark.parametrize("d", range(1, 7))
def test_the_bound_grows_with_bits_and_dimensions(d):
    bounds = [theory.upper_bound(n, d) for n in range(1, 65)]
    assert bounds == sorted(set(bounds))
    assert all(theory.upper_bound(n, d) < theory.upper_bound(n, d + 1) for n in range(1, 65))


def test_five_dimensions_and_eight_bits():
    bound = theory.upper_bound(8, 5)
    assert bound == 510**10
    assert f"{float(bound):.3e}" == "1.190e+27"
    assert abs(bound - Fraction("1.23e27")) > Fraction("0.03e27")  # not what is printed, whatever the rounding


# --- the number of parameters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", range(1, 7))
def test_no_maximum_convolution_has_more_than_eight_times_k_d_squared_parameters(d):
    for K in range(1, 500):
        assert _parameters(K, d) == constructive.parameters(K, d) <= 8 * K**2 * d**2
    assert max(Fraction(_parameters(K, 1), K**2) for K in range(1, 500)) == Fraction(69, 9)  # K = 3


def test_induction_of_the_proof():
    assert all(_after_tree_width(K) <= 2 * K**2 for K in range(10, 20))  # the start
    for K in range(20, 500):
        assert _tree_width(K) <= Fraction(3 * K + 1, 2)
        assert 10 <= -(-K // 2) < K
        assert _after_tree_width(K) <= Fraction(13, 8) * K**2 + 4 * K + Fraction(19, 8) <= 2 * K**2
        assert _parameters(K, 1) <= 5 * K**2 + Fraction(13, 2) * K + Fraction(1, 2)


# --- the constant ----------------------------------------------------------------------------------------------------


def _sufficient(d: int, slope: Fraction, length: Fraction, eps: Fraction) -> int:
    K = max(1, math.ceil(d * slope * length / eps)) ** d
    return 8 * K**2 * d**2


@given(st.integers(1, 6), SLOPES, LENGTHS, st.fractions(min_value=Fraction(1, 2**20), max_value=Fraction(1, 2)))
def test_the_constant_holds_for_every_tolerance_up_to_one_half(d, slope, length, eps):
    constant = theory.lipschitz_constant(d, slope, length)
    assert _sufficient(d, slope, length, eps) <= constant / eps ** (2 * d)


@given(st.integers(1, 6), st.integers(1, 64), SLOPES, LENGTHS)
def test_the_constant_holds_for_n_bits(d, bits, slope, length):
    constant = theory.lipschitz_constant(d, slope, length)
    assert _sufficient(d, slope, length, theory.tolerance(bits)) <= theory.upper_bound(bits, d, constant)


@pytest.mark.parametrize("d", range(1, 7))
def test_the_constant_cannot_be_smaller_nor_the_tolerance_larger(d):
    constant = theory.lipschitz_constant(d, 0)
    assert _sufficient(d, Fraction(0), Fraction(2), Fraction(1, 2)) == constant / Fraction(1, 2) ** (2 * d)
    beyond = Fraction(1, 2) + Fraction(1, 10**9)
    assert _sufficient(d, Fraction(0), Fraction(2), beyond) > constant / beyond ** (2 * d)


@given(st.integers(1, 5), SLOPES, LENGTHS)
def test_the_constant_grows_with_slope_and_dimension(d, slope, length):
    assert theory.lipschitz_constant(d, slope, length) < theory.lipschitz_constant(d, slope + 1, length)
    slope += 1 / (2 * length)  # L l >= 1/2
    assert theory.lipschitz_constant(d, slope, length) < theory.lipschitz_constant(d + 1, slope, length)


def test_the_constant_of_a_flat_function_falls_with_the_dimension():
    assert [theory.lipschitz_constant(d, 0) for d in (1, 2, 3)] == [2, 2, Fraction(9, 8)]


def test_length_and_slope_count_only_as_their_product():
    assert theory.lipschitz_constant(3, 5) == theory.lipschitz_constant(3, 5, 2) == theory.lipschitz_constant(3, 10, 1)


@pytest.mark.parametrize("constant", [2**60 + 1, Fraction(2**60 + 1, 3)])
def test_constants_are_exact_however_large(constant):
    assert theory.upper_bound(1, 3, constant) == 64 * constant


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [0, -1])
def test_dimensions_that_no_signal_has(dimension):
    with pytest.raises(ValueError, match=f"dimension: expected 1 or more, got {dimension}"):
        theory.upper_bound(8, dimension)
    with pytest.raises(ValueError, match=f"expected dimension >= 1.*got {dimension}"):
        theory.lipschitz_constant(dimension, 1)


@pytest.mark.parametrize("bits", [0, 65])
def test_bits_that_no_code_has(bits):
    with pytest.raises(ValueError, match=f"bits: expected 1 to 64, got {bits}"):
        theory.upper_bound(bits, 2)


@pytest.mark.parametrize(("slope", "length"), [(-1, 2), (1, 0), (1, -2)])
def test_slopes_and_lengths_that_no_function_has(slope, length):
    with pytest.raises(ValueError, match=f"slope >= 0 and length > 0, got 1, {slope} and {length}"):
        theory.lipschitz_constant(1, slope, length)


@pytest.mark.parametrize("constant", [0, -1])
def test_constants_that_bound_nothing(constant):
    with pytest.raises(ValueError, match=f"constant: expected a positive number, got {constant}"):
        theory.upper_bound(8, 2, constant)
