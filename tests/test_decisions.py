"""Decisions against exact fractions: where every threshold is, and how far an output is from it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refinr import decisions
from tests.helpers import assert_close, assert_equal_exact

LEVELS = [1 << k for k in range(1, 9)]
levels_of_radices = st.sampled_from(LEVELS)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def _position(z: float, levels: int) -> Fraction:
    """Where an output lies among the digits, exactly: digit q is at q."""
    return (Fraction(z) + Fraction(1, 2)) * (levels - 1)


def _digit(z: float, levels: int) -> int:
    """The nearest digit, exactly; ties to even, except that a bit is one above 0 only."""
    position = _position(z, levels)
    if levels == 2:
        return int(position > Fraction(1, 2))
    return min(max(round(position), 0), levels - 1)


def _distance_to_a_threshold(z: float, levels: int) -> Fraction:
    """In steps: thresholds are half way between digits."""
    position = _position(z, levels)
    nearest = min(max(math.floor(position), 0), levels - 2) + Fraction(1, 2)
    return abs(position - nearest)


outputs = st.floats(-1.5, 1.5, width=32) | st.floats(allow_nan=False, allow_infinity=False, width=32)


# --- targets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [*LEVELS, 3, 5])
def test_targets_are_the_nearest_float32_to_the_fraction(levels):
    result = decisions.targets(np.arange(levels), levels)
    expected = [np.float32(float(Fraction(q, levels - 1) - Fraction(1, 2))) for q in range(levels)]
    # a quotient and a difference in float64 before the rounding to float32
    assert_close(result, np.array(expected), conditioning=float(np.finfo(np.float32).eps))
    assert result[0] == -0.5
    assert result[-1] == 0.5
    assert_equal_exact(result, -result[::-1])


@pytest.mark.parametrize("levels", LEVELS)
def test_every_digit_is_decided_from_its_own_target(levels):
    digits = np.arange(levels, dtype=np.uint8)
    assert_equal_exact(decisions.decide(decisions.targets(digits, levels), levels), digits)


# --- decide ----------------------------------------------------------------------------------------------------------


@DTYPES
@given(st.lists(outputs, min_size=1, max_size=20), levels_of_radices)
@example([0.0, -0.0, 2.0**-149, -(2.0**-149)], 2)
def test_decide_vs_exact_fractions(dtype, values, levels):
    z = np.array(values, dtype=dtype)
    result = decisions.decide(z, levels)
    assert result.dtype == np.uint8
    for value, digit in zip(z.tolist(), result.tolist(), strict=True):
        # the position is computed in float64: within its rounding of a threshold either digit is near enough
        slack = 4 * Fraction(2) ** -53 * levels if levels > 2 else 0
        if _distance_to_a_threshold(value, levels) > slack or levels == 2:
            assert digit == _digit(value, levels)
        else:
            assert abs(digit - _position(value, levels)) <= Fraction(1, 2) + slack


def test_a_tiny_logit_is_a_one():
    # 1 / (1 + exp(-z)) is exactly 1/2 in float32 for these, and its rounding 0
    z = np.array([1.19e-7, 5e-8, 1e-20, 2.0**-149], dtype=np.float32)
    with np.errstate(all="ignore"):
        assert (np.rint(1.0 / (1.0 + np.exp(-z[1:]))) == 0).all(), "the hazard is there"
    assert_equal_exact(decisions.decide(z, 2), np.ones(4, dtype=np.uint8))
    assert_equal_exact(decisions.decide(-z, 2), np.zeros(4, dtype=np.uint8))
    tiny = np.array([5e-324, -5e-324, 0.0, -0.0])
    assert decisions.decide(tiny, 2).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("levels", LEVELS)
@DTYPES
def test_beyond_the_ends_and_not_a_number(levels, dtype):
    z = np.array([-math.inf, -1e30, 1e30, math.inf, math.nan], dtype=dtype)
    assert decisions.decide(z, levels).tolist() == [0, 0, levels - 1, levels - 1, 0]


@pytest.mark.parametrize("levels", LEVELS)
def test_decide_just_beside_every_threshold(levels):
    for q in range(levels - 1):
        threshold = float(Fraction(2 * q + 1, 2 * (levels - 1)) - Fraction(1, 2))
        nudge = 1e-14  # far above the rounding of float64 near 1/2, far below a step
        assert decisions.decide(np.array([threshold - nudge, threshold + nudge]), levels).tolist() == [q, q + 1]


def test_decide_keeps_the_shape_and_its_input():
    z = np.linspace(-1, 1, 24).reshape(2, 3, 4)
    z.setflags(write=False)
    for levels in LEVELS:
        assert decisions.decide(z, levels).shape == (2, 3, 4)


# --- margins ---------------------------------------------------------------------------------------------------------


@given(st.lists(outputs, min_size=1, max_size=20), levels_of_radices, st.integers(0, 2**32 - 1), st.sampled_from("fd"))
def test_margins_are_positive_iff_the_decision_is_right(values, levels, seed, dtype):
    z = np.array(values, dtype=dtype)
    digits = np.random.default_rng(seed).integers(0, levels, len(z)).astype(np.uint8)
    near = np.random.default_rng(seed + 1).random(len(z)) < 0.5  # half of the outputs near their targets
    targets = decisions.targets(digits, levels).astype(dtype)
    z = np.where(near, targets + (z % 2 - 1) / levels, z).astype(dtype)
    result = decisions.margins(z, targets, levels)
    assert result.dtype == z.dtype
    right = decisions.decide(z, levels) == digits
    eps = float(np.finfo(dtype).eps)
    for value, margin, ok in zip(z.tolist(), result.tolist(), right.tolist(), strict=True):
        # targets are rounded to float32 and the difference to the dtype; (levels - 1) steps magnify both
        tie = 0 if levels == 2 else 8 * levels * (eps + 2.0**-24)
        if _distance_to_a_threshold(value, levels) > tie:
            assert (margin > 0) == ok


@given(st.lists(st.floats(-0.75, 0.75), min_size=1, max_size=20), levels_of_radices, st.integers(0, 2**32 - 1))
def test_margins_vs_exact_fractions(values, levels, seed):
    z = np.array(values)
    digits = np.random.default_rng(seed).integers(0, levels, len(z))
    result = decisions.margins(z, decisions.targets(digits, levels).astype(float), levels)
    for value, digit, margin in zip(z.tolist(), digits.tolist(), result.tolist(), strict=True):
        position = _position(value, levels)
        walls = []  # the thresholds on both sides of the right digit, none beyond the ends
        if digit > 0:
            walls.append(position - (digit - Fraction(1, 2)))
        if digit < levels - 1:
            walls.append(digit + Fraction(1, 2) - position)
        # at levels 2 a step is 1 wide, so the margin in steps is the logit itself
        expected, tolerance = float(min(walls)), 4 * levels * 2.0**-24
        if len(walls) == 1 and expected > 0.5 and levels > 2:  # beyond an end: nothing can go wrong there
            assert 0.5 - tolerance <= margin <= expected + tolerance
        else:
            assert abs(expected - margin) <= tolerance


@DTYPES
def test_margins_of_bits_are_the_signed_logits(dtype):
    z = np.array([3.0, 3.0, -0.25, -0.25, 0.0], dtype=dtype)
    targets = np.array([0.5, -0.5, 0.5, -0.5, 0.5], dtype=dtype)
    assert_equal_exact(decisions.margins(z, targets, 2), np.array([3.0, -3.0, -0.25, 0.25, 0.0], dtype=dtype))


@pytest.mark.parametrize("levels", LEVELS)
def test_margins_on_the_targets_and_beyond_the_ends(levels):
    targets = decisions.targets(np.arange(levels), levels)
    on_target = decisions.margins(targets, targets, levels)
    assert_equal_exact(on_target, np.full(levels, 0.5, dtype=np.float32))
    ends = np.array([-8.0, 8.0], dtype=np.float32)
    assert (decisions.margins(ends, targets[[0, -1]], levels) >= 0.5).all()
    assert (decisions.margins(ends, targets[[-1, 0]], levels) < -5).all()


@pytest.mark.parametrize("levels", LEVELS)
def test_not_a_number_has_no_positive_margin(levels):
    targets = decisions.targets(np.arange(levels), levels)
    assert not (decisions.margins(np.full(levels, np.nan, dtype=np.float32), targets, levels) > 0).any()


@pytest.mark.parametrize("levels", [4, 256, 2**64])
def test_margins_of_huge_outputs_are_hugely_wrong_and_do_not_overflow(levels):
    z = np.array([3e38, -3e38, np.inf, -np.inf], dtype=np.float32)
    margins = decisions.margins(z, np.zeros(4, dtype=np.float32), levels)
    assert np.isfinite(margins).all()
    assert (margins < -1e6).all()


# --- distances -------------------------------------------------------------------------------------------------------


@given(st.lists(outputs, min_size=1, max_size=20), st.sampled_from([*LEVELS, 3, 5, 2**16, 2**40, 2**64]))
def test_distances_vs_exact_fractions(values, levels):
    found = decisions.distances(np.array(values, dtype=np.float32), levels)
    assert found.dtype == np.float64
    for z, distance in zip(values, found.tolist(), strict=True):
        exact = _distance_to_a_threshold(z, levels) / (levels - 1)
        if levels == 2:
            assert distance == abs(z)
        else:  # never too large, and no more than what is taken off too small
            assert max(exact - Fraction(2**-49) * (1 + abs(Fraction(z))), 0) <= distance <= exact


@given(st.lists(outputs, min_size=1, max_size=20), levels_of_radices, st.floats(0, 1, exclude_max=True))
def test_outputs_moved_by_less_than_their_distance_mean_the_same(values, levels, share):
    z = np.array(values, dtype=np.float64)
    reach = decisions.distances(z, levels) * share
    for moved in (z - reach, z + reach):
        nearer = np.abs(moved - z) < decisions.distances(z, levels)  # all, but for rounding
        assert (decisions.decide(moved, levels) == decisions.decide(z, levels))[nearer].all()


@pytest.mark.parametrize("levels", LEVELS)
def test_distances_at_thresholds_and_of_what_is_no_number(levels):
    thresholds = np.array([float(Fraction(2 * k + 1, 2 * (levels - 1)) - Fraction(1, 2)) for k in range(levels - 1)])
    assert (decisions.distances(thresholds, levels) == 0).all()
    assert np.isnan(decisions.distances(np.array([np.nan]), levels)).all()
    assert decisions.distances(np.zeros((2, 3, 4)), levels).shape == (2, 3, 4)


def test_what_is_taken_off_for_rounding():
    assert decisions.distances(np.array([0.0, -1.25]), 3).tolist() == [0.25 - 2.0**-50, 1.0 - 2.25 * 2.0**-50]
