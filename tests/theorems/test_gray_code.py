"""Theorem (the reflected Gray code).

``g(q) = q xor (q >> 1)`` permutes the n-bit codes, and consecutive codes, the last and the first included, differ in
exactly one bit.  Along a ramp of all codes plane i changes ``2^(n-1-i)`` times, where the binary plane changes
``2^(n-i) - 1`` times: about half.  The top plane is the same.  Codes whose Gray codes differ in one bit need not be
neighbours.

From: F. Gray, US patent 2632058 (1953); used here as another choice of planes, the counts are ours.

Proof sketch.  ``B_i = G_i xor G_(i+1) xor ...`` inverts g.  From q to q + 1 the t + 1 lowest bits flip, t the number of
trailing ones of q, so that of ``G_i = B_i xor B_(i+1)`` only ``G_t`` does.  Of the q below ``2^n - 1``, ``2^(n-1-i)``
have exactly i trailing ones and ``2^(n-i) - 1`` at least i.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import planes
from tests.helpers import assert_equal_exact
from tests.strategies import bit_counts, levels


@pytest.mark.parametrize("bits", range(1, 17))
def test_gray_code_of_all_codes(bits):
    codes = np.arange(2**bits, dtype="uint16")
    gray = planes.to_gray(codes)
    assert_equal_exact(np.sort(gray), codes)  # a permutation
    assert_equal_exact(planes.from_gray(gray), codes)
    changed = gray ^ np.roll(gray, -1)  # to the next, and from the last to the first
    assert (np.bitwise_count(changed) == 1).all()


@pytest.mark.parametrize("bits", range(1, 17))
def test_changes_along_a_ramp(bits):
    ramp = np.arange(2**bits, dtype="uint16")
    changes = {
        g: (np.diff(planes.to_planes(ramp, bits, gray=g).astype(int), axis=0) != 0).sum(0) for g in (False, True)
    }
    assert changes[True].tolist() == [2 ** (bits - 1 - i) for i in range(bits)]
    assert changes[False].tolist() == [2 ** (bits - i) - 1 for i in range(bits)]


@given(st.data(), bit_counts)
def test_gray_planes_of_any_code(data, bits):
    code = data.draw(levels(bits))
    array = np.array(code, dtype="uint64")
    binary = [*(code >> i & 1 for i in range(bits)), 0]
    gray = planes.to_planes(array, bits, gray=True)
    assert gray.tolist() == [binary[i] ^ binary[i + 1] for i in range(bits)]
    assert int(planes.from_planes(gray, bits, gray=True, dtype="uint64")) == code
    if code + 1 < 2**bits:
        following = planes.to_planes(np.array(code + 1, dtype="uint64"), bits, gray=True)
        assert (gray != following).sum() == 1


def test_one_gray_bit_may_be_a_large_step():
    assert planes.from_gray(np.array([0b000, 0b100], dtype="uint8")).tolist() == [0, 7]
