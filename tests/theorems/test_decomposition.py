"""Theorem (the decomposition loses nothing, and each plane may be far off).

1. ``q -> (B_0, ..., B_(n-1))`` is a bijection of ``{0 .. 2^n - 1}`` onto ``{0, 1}^n``, and so is
   ``q -> (D_0, ..., D_(m-1))`` onto the digits of base ``2^k``, ``m = ceil(n / k)``, the top one below
   ``2^(n - (m - 1) k)``.
2. Reassembly: ``q / (2^n - 1) = 1 / (2^n - 1) sum_i 2^i B_i``.
3. If every plane is predicted with an error strictly below ``eps(1) = 1/2``, rounding each plane first and
   reassembling then returns q.  The other order needs ``eps(n)``: reassembling first and rounding then fails already
   for a common error of ``eps(n) + delta``.

From: Eq. (7), (10) and (11) of Han et al., CVPR 2025; the comparison of the two orders is ours.

Proof sketch.  1, 2: existence and uniqueness of positional notation; both sets have 2^n elements.  3: rounding restores
every ``B_i`` (see test_losslessness, n = 1).  The weights ``2^i / (2^n - 1)`` sum to one, so a common error of the
planes is the error of their reassembly, to which the tightness of eps(n) applies.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import planes, theory
from tests.strategies import bit_counts, levels, radices


def _digits(code: int, bits: int, radix_bits: int = 1) -> tuple[int, ...]:
    """Digits of a Python integer by repeated division, least significant first."""
    digits = []
    for _ in range(-(-bits // radix_bits)):
        code, digit = divmod(code, 2**radix_bits)
        digits.append(digit)
    assert code == 0
    return tuple(digits)


# --- bijection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 11))
@pytest.mark.parametrize("radix_bits", range(1, 9))
def test_codes_and_digit_planes_correspond_one_to_one(bits, radix_bits):
    codes = np.arange(2**bits, dtype="uint16")
    found = [tuple(row) for row in planes.to_planes(codes, bits, radix_bits=radix_bits).tolist()]
    places = [range(2 ** min(radix_bits, bits - low)) for low in range(0, bits, radix_bits)]
    # all there are, each once, and in the order of the codes when the top digit is read first
    assert [row[::-1] for row in found] == list(itertools.product(*places[::-1]))
    every = np.array(found, dtype="uint8")
    assert planes.from_planes(every, bits, radix_bits=radix_bits, dtype="uint16").tolist() == list(range(2**bits))


@given(st.data(), bit_counts, radices)
def test_digits_are_those_of_repeated_division(data, bits, radix_bits):
    code = data.draw(levels(bits))
    array = np.array(code, dtype="uint64")
    digits = planes.to_planes(array, bits, radix_bits=radix_bits)
    assert tuple(digits.tolist()) == _digits(code, bits, radix_bits)
    assert int(planes.from_planes(digits, bits, radix_bits=radix_bits, dtype="uint64")) == code
    assert sum(d * 2 ** (radix_bits * i) for i, d in enumerate(digits.tolist())) == code


@given(st.data(), bit_counts, radices)
def test_a_digit_plane_is_its_bit_planes_taken_together(data, bits, radix_bits):
    array = np.array(data.draw(levels(bits)), dtype="uint64")
    ones = planes.to_planes(array, bits).tolist()
    together = [sum(b << i for i, b in enumerate(ones[low : low + radix_bits])) for low in range(0, bits, radix_bits)]
    assert planes.to_planes(array, bits, radix_bits=radix_bits).tolist() == together


# --- reassembly ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 11))
def test_reassembly_of_every_code(bits):
    for code, row in enumerate(planes.to_planes(np.arange(2**bits, dtype="uint16"), bits).tolist()):
        assert theory.reassemble(row) == Fraction(code, 2**bits - 1)


@given(st.data(), bit_counts)
def test_reassembly_of_any_code(data, bits):
    code = data.draw(levels(bits))
    level = theory.reassemble(planes.to_planes(np.array(code, dtype="uint64"), bits).tolist())
    assert level == Fraction(code, 2**bits - 1)
    assert theory.quantise(level, bits) == code


def test_plane_0_is_the_least_significant():
    assert theory.reassemble([1, 0, 0]) == Fraction(1, 7)
    assert theory.reassemble([0, 0, 1]) == Fraction(4, 7)


# --- rounding the planes, then reassembling --------------------------------------------------------------------------


@given(st.data(), st.integers(1, 16))
def test_planes_forgive_errors_below_one_half(data, bits):
    code = data.draw(levels(bits))
    share = st.fractions(min_value=-1, max_value=1).filter(lambda s: abs(s) < 1)
    predictions = [b + data.draw(share) * theory.tolerance(1) for b in _digits(code, bits)]
    assert theory.reassemble([theory.quantise(p, 1) for p in predictions]) == Fraction(code, 2**bits - 1)


@given(st.data(), st.integers(2, 16), st.fractions(min_value=0, max_value=1).filter(bool))
def test_reassembling_first_forgives_only_the_tolerance_of_n_bits(data, bits, delta):
    code, eps = data.draw(levels(bits)), theory.tolerance(bits)
    error = (-1 if code else 1) * (eps + min(delta, eps) / 2)  # below 1/2 as bits >= 2
    predictions = [b + error for b in _digits(code, bits)]
    assert theory.reassemble(predictions) == Fraction(code, 2**bits - 1) + error
    assert not theory.rounds_back(code, theory.reassemble(predictions), bits)
    assert theory.reassemble([theory.quantise(p, 1) for p in predictions]) == Fraction(code, 2**bits - 1)


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [0, 65])
def test_as_many_planes_as_no_code_has(bits):
    with pytest.raises(ValueError, match=f"bits: expected 1 to 64, got {bits}"):
        theory.reassemble([0] * bits)
