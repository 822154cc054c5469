"""Theorem (the criterion, and that it is the best possible).

Let ``v = q / (2^n - 1)`` be the level of a code q and p a prediction of it.

1. If ``|v - p| < eps(n) = 1 / (2 (2^n - 1))`` then p rounds to q, for every rule of breaking ties.
2. No larger tolerance will do: for every code and every ``delta > 0`` some p with ``|v - p| < eps(n) + delta`` rounds
   to another code.
3. Nor will any other way of decoding: no function of p at all returns the right code for every p with
   ``|v - p| <= eps(n)``, the tolerance itself included.

From: Eq. (1), (3) and (5) of Han et al., CVPR 2025, which print "at most"; the strict inequality, 2 and 3 are ours.

Proof sketch.  Levels are ``2 eps`` apart, so the open balls of radius eps around them are disjoint, and a point inside
one is nearer to its centre than to any other level: 1.  The midpoint ``(2q + 1) eps`` of two levels is at distance eps
of both, so whatever a decoder returns there is wrong for one of them: 3.  Beyond the midpoint, by less than
``min(delta, 2 eps)``, the neighbour is nearer: 2.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import theory
from tests.strategies import bit_counts, levels

REALS = st.fractions(min_value=-2, max_value=3)


def _nearest(value: Fraction, bits: int) -> list[int]:
    """Every code whose level is nearest to a value, by looking at all of them: two at a tie."""
    top = 2**bits - 1
    distances = [abs(Fraction(q, top) - value) for q in range(2**bits)]
    return [q for q, distance in enumerate(distances) if distance == min(distances)]


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_quantise_finds_the_nearest_level_and_breaks_ties_upwards(bits):
    denominator = 4 * (2**bits - 1)  # every level, every tie, and the quarters between them
    for numerator in range(-denominator, 2 * denominator + 1):
        value = Fraction(numerator, denominator)
        assert theory.quantise(value, bits) == max(_nearest(value, bits))


@given(st.integers(1, 7), REALS)
def test_quantise_finds_the_nearest_level_of_any_value(bits, value):
    assert theory.quantise(value, bits) == max(_nearest(value, bits))


@given(bit_counts, st.floats(-2, 3))
def test_floats_are_taken_as_the_exact_numbers_they_are(bits, value):
    assert theory.quantise(value, bits) == theory.quantise(Fraction(value), bits)
    assert theory.within_tolerance(1, value, bits) == theory.within_tolerance(1, Fraction(value), bits)


def test_numbers_of_numpy_are_numbers():
    assert theory.quantise(np.float32(0.5), 1) == theory.quantise(np.int64(1), 1) == 1
    assert theory.within_tolerance(1, np.float32(0.5), 1)
    assert theory.reassemble(np.array([0, 1, 1], dtype="uint8")) == Fraction(6, 7)


@pytest.mark.parametrize("bits", [1, 2, 8, 16])
def test_tolerance_is_half_the_distance_of_neighbouring_levels(bits):
    distances = {Fraction(q + 1, 2**bits - 1) - Fraction(q, 2**bits - 1) for q in range(2**bits - 1)}
    assert distances == {2 * theory.tolerance(bits)}


@given(st.data(), bit_counts, st.fractions(-1, 1))
def test_strictly_within_the_tolerance_rounds_back(data, bits, share):
    code = data.draw(levels(bits))
    prediction = Fraction(code, 2**bits - 1) + share * theory.tolerance(bits)
    assert theory.within_tolerance(code, prediction, bits)
    assert abs(share) == 1 or theory.rounds_back(code, prediction, bits)


@pytest.mark.parametrize("bits", range(1, 7))
def test_strictly_within_the_tolerance_rounds_back_for_every_code(bits):
    almost = theory.tolerance(bits) * Fraction(10**30 - 1, 10**30)
    for code in range(2**bits):
        level = Fraction(code, 2**bits - 1)
        assert theory.rounds_back(code, level, bits)
        assert theory.rounds_back(code, level - almost, bits)
        assert theory.rounds_back(code, level + almost, bits)
        assert _nearest(level - almost, bits) == _nearest(level + almost, bits) == [code]  # no tie: any rule agrees


@given(st.data(), bit_counts, st.fractions(min_value=0, max_value=1).filter(bool))
def test_a_tolerance_larger_by_any_delta_loses_a_code(data, bits, delta):
    code, eps = data.draw(levels(bits)), theory.tolerance(bits)
    inwards = -1 if code else 1  # towards a neighbour, which an end level has on one side only
    error = eps + min(delta, eps) / 2
    assert error < eps + delta
    prediction = Fraction(code, 2**bits - 1) + inwards * error
    assert not theory.rounds_back(code, prediction, bits)
    assert theory.rounds_back(code + inwards, prediction, bits)


@pytest.mark.parametrize("bits", range(1, 9))
def test_no_decoder_is_right_at_the_tolerance_itself(bits):
    for code in range(2**bits - 1):
        middle = (2 * code + 1) * theory.tolerance(bits)
        admitted = [q for q in range(2**bits) if theory.within_tolerance(q, middle, bits)]
        assert admitted == [code, code + 1]  # two codes, one answer
        assert sum(theory.rounds_back(q, middle, bits) for q in admitted) == 1


def test_the_tolerances_of_8_and_16_bits():
    assert theory.tolerance(8) == Fraction(1, 510)
    assert theory.tolerance(16) == Fraction(1, 131070)
    assert theory.tolerance(1) == Fraction(1, 2)  # a bit forgives 255 times what 8 bits do
    assert theory.tolerance(1) / theory.tolerance(8) == 255


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [-1, 0, 65])
@pytest.mark.parametrize(
    "call",
    [
        theory.tolerance,
        lambda bits: theory.quantise(0.5, bits),
        lambda bits: theory.within_tolerance(0, 0.5, bits),
        lambda bits: theory.rounds_back(0, 0.5, bits),
    ],
    ids=["tolerance", "quantise", "within_tolerance", "rounds_back"],
)
def test_bits_that_no_code_has(call, bits):
    with pytest.raises(ValueError, match=f"bits: expected 1 to 64, got {bits}"):
        call(bits)


@pytest.mark.parametrize(("value", "error"), [(float("nan"), ValueError), (float("inf"), OverflowError)])
def test_what_is_no_number_has_no_code(value, error):
    with pytest.raises(error, match=r"NaN|[Ii]nfinity"):
        theory.quantise(value, 8)
    with pytest.raises(error, match=r"NaN|[Ii]nfinity"):
        theory.within_tolerance(0, value, 8)
