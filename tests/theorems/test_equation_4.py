"""Theorem (what Eq. (4) should say).

Printed: ``|v - p| <= eps(n)  <=>  Q_n(p) = v`` for the level v of a code q.  Neither direction holds.

- "=>" fails at exact ties: the midpoint of two levels is within eps of both and rounds to one.
- "<=" fails at the two end levels: Q_n(p) = 1 for every p >= 1, however far, and Q_n(p) = 0 for every p <= 0.

Corrected, with ties going up and ``top = 2^n - 1``:

    Q_n(p) = q / top   <=>   (q = 0 or p >= (q - 1/2) / top)  and  (q = top or p < (q + 1/2) / top).

For p in ``[-eps, 1 + eps]``, not a tie, this is the printed equivalence.

From: Eq. (4) of Han et al., CVPR 2025; counterexamples and correction are ours.

Proof sketch.  ``floor(top p + 1/2) = q`` means ``q <= top p + 1/2 < q + 1``, which is the interval; clamping to
``0..top`` adds everything below to q = 0 and everything above to q = top.  Where p is not a tie the interval and
``|v - p| <= eps`` differ in nothing but the two infinite rays, of which ``[-eps, 1 + eps]`` keeps what eps keeps.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refinr import theory
from tests.strategies import bit_counts, levels

REALS = st.fractions(min_value=-2, max_value=3) | st.fractions()


def _corrected(code: int, prediction: Fraction, bits: int) -> bool:
    top = 2**bits - 1
    above = code == 0 or prediction >= (code - Fraction(1, 2)) / top
    below = code == top or prediction < (code + Fraction(1, 2)) / top
    return above and below


def _is_tie(prediction: Fraction, bits: int) -> bool:
    """Halfway between two neighbouring levels: ``top p - 1/2`` is one of ``0 .. top - 1``."""
    top = 2**bits - 1
    lower = prediction * top - Fraction(1, 2)
    return lower.denominator == 1 and 0 <= lower < top


# --- counterexamples -------------------------------------------------------------------------------------------------


def test_overshoot_is_out_of_tolerance_and_still_rounds_back():
    assert theory.rounds_back(255, Fraction(17, 10), 8)
    assert not theory.within_tolerance(255, Fraction(17, 10), 8)
    assert theory.rounds_back(0, -1000, 8)
    assert not theory.within_tolerance(0, -1000, 8)


def test_a_tie_is_in_tolerance_and_rounds_to_the_neighbour():
    tie = Fraction(1, 510)  # between levels 0 and 1 of 255
    assert theory.within_tolerance(0, tie, 8)
    assert theory.within_tolerance(1, tie, 8)
    assert [theory.rounds_back(q, tie, 8) for q in (0, 1)] == [False, True]


@pytest.mark.parametrize("bits", range(1, 9))
def test_every_tie_and_both_ends_are_counterexamples(bits):
    top = 2**bits - 1
    for code in range(top):
        tie = Fraction(2 * code + 1, 2 * top)
        assert theory.within_tolerance(code, tie, bits)
        assert not theory.rounds_back(code, tie, bits)
    for code, outwards in ((0, -1), (top, 1)):
        prediction = Fraction(code, top) + outwards * 2 * theory.tolerance(bits)
        assert theory.rounds_back(code, prediction, bits)
        assert not theory.within_tolerance(code, prediction, bits)


# --- the correction, both directions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 6))
def test_corrected_statement_on_every_code_and_a_grid_through_all_ties(bits):
    denominator = 4 * (2**bits - 1)
    for numerator in range(-denominator, 2 * denominator + 1):
        prediction = Fraction(numerator, denominator)
        for code in range(2**bits):
            assert theory.rounds_back(code, prediction, bits) == _corrected(code, prediction, bits)


@given(st.data(), bit_counts, REALS)
def test_corrected_statement_for_any_code_and_prediction(data, bits, prediction):
    code = data.draw(levels(bits))
    assert theory.rounds_back(code, prediction, bits) == _corrected(code, prediction, bits)


@given(st.data(), bit_counts, st.integers(-6, 6), st.fractions(0, 1))
def test_corrected_statement_near_the_limits_of_the_interval(data, bits, quarters, nudge):
    code = data.draw(levels(bits))
    prediction = (code + Fraction(quarters, 4) + nudge / 10**9) / (2**bits - 1)
    assert theory.rounds_back(code, prediction, bits) == _corrected(code, prediction, bits)


@given(bit_counts, REALS)
def test_every_prediction_is_of_exactly_one_code(bits, prediction):
    nearby = range(max(theory.quantise(prediction, bits) - 2, 0), min(theory.quantise(prediction, bits) + 3, 2**bits))
    assert [q for q in nearby if _corrected(q, prediction, bits)] == [theory.quantise(prediction, bits)]


@pytest.mark.parametrize("bits", range(1, 6))
def test_printed_equivalence_holds_without_ties_and_overshoot(bits):
    eps, denominator = theory.tolerance(bits), 4 * (2**bits - 1)
    differing = 0
    for numerator in range(-denominator, 2 * denominator + 1):
        prediction = Fraction(numerator, denominator)
        for code in range(2**bits):
            same = theory.within_tolerance(code, prediction, bits) == theory.rounds_back(code, prediction, bits)
            if -eps <= prediction <= 1 + eps and not _is_tie(prediction, bits):
                assert same
            differing += not same
    ties = 2**bits - 1
    overshoots = sum(not -eps <= Fraction(k, denominator) <= 1 + eps for k in range(-denominator, 2 * denominator + 1))
    assert differing == ties + overshoots  # nothing else is excluded


@given(st.data(), bit_counts, st.fractions(0, 1))
def test_printed_equivalence_holds_for_predictions_in_the_unit_interval(data, bits, prediction):
    assume(not _is_tie(prediction, bits))
    code = data.draw(st.sampled_from([theory.quantise(prediction, bits), data.draw(levels(bits))]))
    assert theory.within_tolerance(code, prediction, bits) == theory.rounds_back(code, prediction, bits)
