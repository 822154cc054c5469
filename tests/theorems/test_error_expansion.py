"""Theorem (squared error by pairs of planes, and bit bias).

With ``e_i = B_i(a) - B_i(b)`` in {-1, 0, 1} the difference of plane i,

    sum_x (a - b)^2 = sum_ij 2^(i+j) sum_x e_i e_j.

The diagonal is ``4^i`` times the number of wrong bits of plane i.  For codes distributed evenly and bits flipped
independently of them nothing else is left, so that a loss on values weighs plane i with ``4^i``.  In general the rest
does not vanish: 3 for 4 has every bit wrong and an error of one.

From: ours; the paper (Han et al., CVPR 2025) observes bit bias in Fig. 6 without a formula.

Proof sketch.  ``a - b = sum_i 2^i e_i`` by Eq. (7); square.  ``e_i^2`` is 1 where bit i is wrong.  If bits i and j are
both flipped, ``e_i e_j`` is +1 for half of all codes and -1 for the other half.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import metrics, theory
from tests.helpers import assert_close
from tests.strategies import bit_counts, code_pairs


def _pairs(a: np.ndarray, b: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))


@given(st.data(), bit_counts)
def test_expansion_vs_squared_errors_and_naive_loop(data, bits):
    a, b = data.draw(code_pairs(bits))
    expansion = theory.error_expansion(a, b, bits).tolist()
    e = [[(p >> i & 1) - (q >> i & 1) for p, q in _pairs(a, b)] for i in range(bits)]
    for i in range(bits):
        assert expansion[i] == [2 ** (i + j) * sum(map(int.__mul__, e[i], e[j])) for j in range(bits)]
    assert sum(map(sum, expansion)) == sum((p - q) ** 2 for p, q in _pairs(a, b))


@given(st.data(), bit_counts)
def test_diagonal_is_4_to_the_i_for_every_wrong_bit(data, bits):
    a, b = data.draw(code_pairs(bits))
    wrong = metrics.wrong_bits_per_plane(a, b, bits)
    assert np.diagonal(theory.error_expansion(a, b, bits)).tolist() == [4**i * w for i, w in enumerate(wrong)]


@given(st.data(), bit_counts)
def test_the_sum_of_the_expansion_is_the_mean_squared_error(data, bits):
    a, b = data.draw(code_pairs(bits))
    mean = Fraction(theory.error_expansion(a, b, bits).sum(), a.size)
    assert_close(np.float64(metrics.rmse(a, b)), math.sqrt(mean), terms=a.size)


@pytest.mark.parametrize("bits", range(1, 5))
def test_every_pair_of_codes(bits):
    for p in range(2**bits):
        for q in range(2**bits):
            assert (
                theory.error_expansion(np.array([p], dtype="uint8"), np.array([q], dtype="uint8"), bits).sum()
                == (p - q) ** 2
            )


@pytest.mark.parametrize("bits", range(1, 8))
def test_over_all_codes_flips_leave_only_the_diagonal(bits):
    a = np.arange(2**bits, dtype="uint8")
    for mask in range(2**bits):
        expansion = theory.error_expansion(a, a ^ np.uint8(mask), bits)
        assert expansion.tolist() == np.diag([2**bits * 4**i * (mask >> i & 1) for i in range(bits)]).tolist()


def test_every_bit_wrong_and_an_error_of_one():
    a, b = np.array([3], dtype="uint8"), np.array([4], dtype="uint8")
    expansion = theory.error_expansion(a, b, 3)
    assert metrics.bit_error_rate(a, b, 3) == 1.0
    assert np.diagonal(expansion).sum() == 21
    assert expansion.sum() == 1


def test_bit_10_weighs_a_million_times_bit_0():
    zero = np.zeros(1, dtype="uint16")
    low, high = (theory.error_expansion(zero, zero + np.uint16(1 << i), 16).sum() for i in (0, 10))
    assert high == 2**20 * low


def test_bad_input():
    a = np.zeros(2, dtype="uint8")
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        theory.error_expansion(a, np.zeros(3, dtype="uint8"), 8)
    with pytest.raises(ValueError, match="bits: expected 1 to 64, got 0"):
        theory.error_expansion(a, a, 0)
    with pytest.raises(ValueError, match="4 does not fit into bits=2"):
        theory.error_expansion(a, np.array([0, 4], dtype="uint8"), 2)
    with pytest.raises(TypeError, match="unsigned integer dtype, got int64"):
        theory.error_expansion(a.astype("int64"), a.astype("int64"), 8)
