"""Theorem (what bit planes gain: the largest neighbour step, not the number of levels).

On a grid with the same pitch h along all d axes let L_value be the Lipschitz constant, in the 1-norm, of the values
``q / (2^n - 1)``, L_i that of plane i, and s the largest difference of neighbouring codes.  Then

    L_value / eps(n) = 2 s / h,    max_i L_i / eps(1) = 2 / h  (0 for a constant signal),

so the bounds ``(L / eps)^(2d)`` have the ratio ``s^(2d)``.  No plane has a worse bound than the values.  On a ramp,
``s = 1``: no gain, where comparing tolerances alone promises ``(2^n - 1)^(2d)``; and n networks, one a plane, then
have n times the bound.

From: Eq. (6) and Sec. 3 of Han et al., CVPR 2025, take one constant for both; the statement is ours.

Proof sketch.  Two pixels at 1-norm distance k h are joined by k steps between neighbours, so the largest slope of all
pairs is that of neighbours: ``s / ((2^n - 1) h)``, times ``2 (2^n - 1)``.  A plane steps by 0 or 1, and by 1 somewhere
in some plane unless all codes are equal.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refinr import theory
from tests.strategies import levels, shapes


def _slope(values: dict[tuple[int, ...], Fraction], pitches: tuple[Fraction, ...]) -> Fraction:
    """Lipschitz constant in the 1-norm over all pairs of points of a grid, near or far."""
    slope = Fraction(0)
    for (p, v), (q, w) in itertools.combinations(values.items(), 2):
        slope = max(slope, abs(v - w) / sum(abs(i - j) * h for i, j, h in zip(p, q, pitches, strict=True)))
    return slope


def _difficulties(signal: np.ndarray, bits: int, pitches: tuple[Fraction, ...]) -> tuple[Fraction, list[Fraction]]:
    """``L / eps`` of the values, and of every plane."""
    value = {p: Fraction(int(q), 2**bits - 1) for p, q in np.ndenumerate(signal)}
    plane = [{p: Fraction(int(q) >> i & 1) for p, q in np.ndenumerate(signal)} for i in range(bits)]
    return (
        _slope(value, pitches) / theory.tolerance(bits),
        [_slope(bit, pitches) / theory.tolerance(1) for bit in plane],
    )


def _check(signal: np.ndarray, bits: int, pitch: Fraction) -> None:
    d = signal.ndim
    value, each = _difficulties(signal, bits, (pitch,) * d)
    step, gain = theory.neighbour_gain(signal)
    assert value == 2 * step / pitch
    assert max(each) == (2 / pitch if step else 0)
    assert gain == step ** (2 * d)
    assert value ** (2 * d) == gain * max(each) ** (2 * d)
    assert all(plane <= value for plane in each)


@pytest.mark.parametrize(("shape", "bits"), [((2,), 3), ((3,), 2), ((4,), 2), ((2, 2), 2), ((2, 3), 1), ((1, 1), 2)])
def test_gain_of_every_tiny_signal(shape, bits):
    for values in itertools.product(range(2**bits), repeat=int(np.prod(shape))):
        _check(np.array(values, dtype="uint8").reshape(shape), bits, Fraction(2, 3))


@given(st.data(), st.sampled_from([1, 2, 3, 8, 16, 64]), st.fractions(min_value=Fraction(1, 100), max_value=3))
def test_gain_of_any_signal(data, bits, pitch):
    dtype = f"uint{-(-bits // 8) * 8}"
    signal = data.draw(hnp.arrays(dtype, data.draw(shapes(1, 3, 3)), elements=levels(bits)))
    _check(signal, bits, pitch)


# --- the ramp --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 9))
def test_planes_gain_nothing_on_a_ramp(bits):
    ramp = np.arange(2**bits, dtype="uint8")
    assert theory.neighbour_gain(ramp) == (1, 1)
    assert theory.neighbour_gain(ramp[::-1]) == (1, 1)
    if bits <= 5:
        value, each = _difficulties(ramp, bits, (Fraction(1),))
        assert each == [value] * bits  # every plane is as hard as the whole
        assert bits * max(each) ** 2 == bits * value**2  # so that n networks have n times the bound of one
    promised = theory.upper_bound(bits, 1) / theory.upper_bound(1, 1)
    assert promised == (2**bits - 1) ** 2


def test_gain_is_step_to_the_2d_in_every_dimension():
    for d in range(1, 5):
        signal = np.zeros((3,) * d, dtype="uint16")
        signal[(1,) * d] = 1000
        assert theory.neighbour_gain(signal) == (1000, 1000 ** (2 * d))


def test_all_that_the_tolerances_promise_is_gained_only_by_the_largest_step():
    assert theory.neighbour_gain(np.array([0, 255], dtype="uint8")) == (255, 255**2)
    assert theory.neighbour_gain(np.array([255, 0], dtype="uint8")) == (255, 255**2)  # downwards too
    assert theory.neighbour_gain(np.array([0, 2**64 - 1], dtype="uint64")) == (2**64 - 1, (2**64 - 1) ** 2)


def test_a_constant_signal_has_no_slope_either_way():
    assert theory.neighbour_gain(np.full((4, 4), 9, dtype="uint8")) == (0, 0)
    value, each = _difficulties(np.full(4, 9, dtype="uint8"), 8, (Fraction(1),))
    assert {value, *each} == {0}


def test_the_step_is_that_of_neighbours_not_of_all_pairs():
    assert theory.neighbour_gain(np.array([0, 3, 6, 9], dtype="uint8")) == (3, 9)
    assert theory.neighbour_gain(np.array([[0, 1], [5, 6]], dtype="uint8")) == (5, 5**4)


def test_with_unequal_pitches_the_gain_can_be_less():
    # 2 rows far apart, 3 columns close together: the step of 2 is between rows, the slope is along columns
    signal = np.array([[0, 1, 2], [2, 3, 4]], dtype="uint8")
    assert theory.neighbour_gain(signal) == (2, 16)
    value, each = _difficulties(signal, 3, (Fraction(2), Fraction(1, 10)))
    assert value == max(each)  # no gain


# --- bad input -------------------------------------------------------------------------------------------------------


def test_a_signal_without_axes_has_no_neighbours():
    with pytest.raises(ValueError, match=r"codes: expected .*at least one axis"):
        theory.neighbour_gain(np.array(3, dtype="uint8"))


@pytest.mark.parametrize("dtype", ["int8", "float64", "bool"])
def test_only_unsigned_codes_have_steps(dtype):
    # signed differences wrap around, those of floats would be cut to integers
    with pytest.raises(ValueError, match=f"codes: expected unsigned integers .*got {dtype}"):
        theory.neighbour_gain(np.zeros(3, dtype=dtype))
