"""Theorem (k bits a plane: fewer networks, larger bounds).

With one constant C for all, ``ceil(n / k)`` networks are needed and each is bounded by ``U_d(k)``; for two dimensions
16 C, 1296 C, 810000 C and 67.65e9 C for k = 1, 2, 4, 8.  The total ``ceil(n / k) U_d(k)`` strictly increases with k.

With each signal's own Lipschitz constant it need not: on a ramp of 8 bits, planes of 4 bits wrap around from 15 to 0
and have ``15^(2d)`` times the bound of both the bit planes and the undivided values.

From: Table 3 of Han et al., CVPR 2025 (printed 16C, 1.30KC, 0.81MC, 67.7GC, and 64C for the bit coordinate); monotony
of the total and the counterexample are ours.

Proof sketch.  ``eps(k) / eps(k + 1) > 2``, so ``U_d(k + 1) > 2^(2d) U_d(k) >= 4 U_d(k)``, while
``2 k ceil(n / (k + 1)) >= 2 k n / (k + 1) >= n`` gives ``ceil(n / k) <= 2 ceil(n / (k + 1))``.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from refinr import planes, theory


def test_numbers_of_table_3():
    bounds = {k: theory.nary_bounds(8, k, 2) for k in (1, 2, 4, 8)}
    assert bounds == {1: (8, 16), 2: (4, 1296), 4: (2, 810_000), 8: (1, 67_652_010_000)}
    assert theory.upper_bound(1, 3) == 64  # the bit index as a third coordinate


@pytest.mark.parametrize("dimension", range(1, 5))
@pytest.mark.parametrize("bits", range(1, 65))
def test_the_total_increases_with_the_bits_a_plane(bits, dimension):
    counted = [theory.nary_bounds(bits, k, dimension) for k in range(1, 9)]
    totals = [networks * bound for networks, bound in counted]
    assert all(2 * a < b for a, b in itertools.pairwise(totals))  # the proof gives 2^(2d) / 2 >= 2
    assert all(a >= b for (a, _), (b, _) in itertools.pairwise(counted))


@pytest.mark.parametrize("bits", range(1, 65))
def test_networks_cover_all_bits_and_none_is_idle(bits):
    for k in range(1, 9):
        networks, bound = theory.nary_bounds(bits, k, 2, constant=3)
        assert (networks - 1) * k < bits <= networks * k
        assert bound == theory.upper_bound(k, 2, 3)
        assert planes.to_planes(np.zeros(1, "uint64"), bits, radix_bits=k).shape == (1, networks)


@pytest.mark.parametrize("radix_bits", [1, 2, 4, 8])
def test_on_a_ramp_the_bounds_with_their_own_constants_do_not_increase(radix_bits):
    digits = planes.to_planes(np.arange(256, dtype="uint8"), 8, radix_bits=radix_bits)
    # L / eps = 2 s / h with s the largest step of the digit (test_neighbour_gain)
    steps = [theory.neighbour_gain(digits[:, i])[0] for i in range(digits.shape[1])]
    top = 2**radix_bits - 1
    assert steps == {1: [1] * 8, 2: [top] * 3 + [1], 4: [top, 1], 8: [1]}[radix_bits]


@pytest.mark.parametrize("radix_bits", [0, 9])
def test_digits_that_no_plane_has(radix_bits):
    with pytest.raises(ValueError, match=f"radix_bits: expected 1 to 8, got {radix_bits}"):
        theory.nary_bounds(8, radix_bits, 2)


def test_bits_and_dimensions_that_no_signal_has():
    with pytest.raises(ValueError, match="bits: expected 1 to 64, got 65"):
        theory.nary_bounds(65, 1, 2)
    with pytest.raises(ValueError, match="dimension: expected 1 or more, got 0"):
        theory.nary_bounds(8, 1, 0)
