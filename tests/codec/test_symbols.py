"""Frequencies: whole numbers that add up to a power of two, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import mixture, rans, symbols
from tests.codec.test_mixture import given_of, levels
from tests.strategies import seeds

TOTAL = 1 << rans.PRECISION


@given(seeds, levels)
def test_the_frequencies_of_all_samples_add_up(seed, levels):
    """Of a sample of one digit; its levels and, where they are no power of two, what is above them."""
    given_ = given_of(seed, levels - 1)
    n = len(given_.uniform)
    end = np.zeros(n, np.int64)
    for v in range(levels):
        coded = symbols.write(given_, np.full(n, float(v)), levels)
        assert len(coded) == (levels > 1)
        for start, frequency in coded:
            assert (start == end).all()
            assert (frequency >= 1).all()
            end = start + frequency
    above = 2 ** (levels - 1).bit_length() - levels
    if levels > 1:
        assert (end == TOTAL - above).all(), "what is above has one slot each"


@given(seeds, st.sampled_from([2, 3, 255, 2**16, 2**16 + 1, 2**24, 10**9, 2**32]), st.integers(1, 5))
def test_samples_come_back(seed, levels, lanes):
    rng = np.random.default_rng(seed)
    given_ = given_of(seed, levels - 1, samples=9)
    samples = rng.integers(0, levels, 9).astype(np.float64)
    samples[:4] = 0, levels - 1, *np.clip(np.rint(given_.places[2:4, 0, 0]), 0, levels - 1)
    coded = symbols.write(given_, samples, levels)
    for start, frequency in coded:
        assert (start >= 0).all()
        assert (frequency >= 1).all()
        assert (start + frequency <= TOTAL).all()
    decoder = rans.Decoder(rans.encode(coded, lanes), lanes)
    assert symbols.read(given_, decoder, levels).tolist() == samples.tolist()
    decoder.finish()


@given(seeds, st.sampled_from([2, 100, 256, 2**16, 2**20, 2**32]))
def test_the_code_is_as_long_as_probability_says(seed, levels):
    rng = np.random.default_rng(seed)
    given_ = given_of(seed, levels - 1, samples=40)
    samples = np.clip(np.rint(given_.places[:, 0, 0] + rng.normal(size=40)), 0, levels - 1)
    below = [
        given_.below(np.stack([x, y], 1)) for x, y in ((samples, samples + 1), (0 * samples, 0 * samples + levels))
    ]
    p = (below[0][:, 1] - below[0][:, 0]) / (below[1][:, 1] - below[1][:, 0])
    ideal = -np.log2(p).sum()
    found = rans.ideal_bits(symbols.write(given_, samples, levels))
    # a slot each for 2^16 digits of 2^24 takes 1/256 of the rest
    assert found <= ideal + 40 * len(symbols.digits(levels)) * np.log2(1 / (1 - 2.0**-8)) + 1e-6 * ideal


def test_one_level_costs_nothing():
    given_ = given_of(0, 0)
    assert symbols.write(given_, np.zeros(5), 1) == []
    decoder = rans.Decoder(rans.encode([], 1), 1)
    assert symbols.read(given_, decoder, 1).tolist() == [0.0] * 5
    decoder.finish()


@given(st.integers(1, 2**32))
def test_digits_are_of_all_bits(levels):
    found = symbols.digits(levels)
    assert sum(width for width, _ in found) == (levels - 1).bit_length()
    assert all(0 < width <= symbols.DIGIT_BITS for width, _ in found)
    assert [shift for _, shift in found] == [sum(w for w, _ in found[i + 1 :]) for i in range(len(found))]


def test_what_is_no_sample_is_refused():
    uniform = mixture.Distribution(np.ones((1, 1, 3)), np.zeros((1, 1, 3)), np.zeros((1, 1, 3)), np.full((1, 1), 0.1))
    content = np.full(1, (1 << 31) + TOTAL - 1).astype("<u8").tobytes() + bytes(4)
    with pytest.raises(ValueError, match="5 levels"):
        symbols.read(uniform, rans.Decoder(content, 1), 5)
