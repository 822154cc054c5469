"""Samples as levels, and back."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import values
from tests.helpers import assert_equal_exact
from tests.strategies import samples, seeds


def _there_and_back(array: np.ndarray) -> values.Recipe:
    recipe = values.survey(array)
    levels, low = values.to_levels(array, recipe)
    assert int(levels.max()) < recipe.coded_levels() <= recipe.levels <= 2**values.MOST_BITS
    assert (low is None) == (recipe.low_bits == 0)
    assert_equal_exact(values.to_samples(levels, low, recipe, array.dtype), array, bitwise=True)
    return recipe


@given(samples())
def test_samples_come_back(array):
    _there_and_back(array if array.ndim else array.reshape(1))


@given(seeds, st.integers(1, 1000), st.integers(-500, 500), st.sampled_from(["i4", "u8", ">i8", "f4", "f8"]))
def test_what_all_have_in_common_is_taken_out(seed, factor, offset, dtype):
    steps = np.random.default_rng(seed).integers(0, 50, 40)
    steps[:3] = 0, 1, 49
    recipe = _there_and_back((steps * factor + abs(offset)).astype(dtype))
    assert (recipe.factor, recipe.levels) == (factor, 50)


@pytest.mark.parametrize(("fraction", "dtype"), [(0, "f4"), (3, "f4"), (16, "f8"), (5, "f2")])
def test_floats_that_are_whole_multiples_are_whole_numbers(fraction, dtype):
    array = (np.arange(-20, 21) / 2.0**fraction).astype(dtype)
    array[array == 0] = 0.0
    recipe = _there_and_back(array)
    assert (recipe.fraction, recipe.levels) == (fraction, 41)


@pytest.mark.parametrize("odd", [-0.0, np.nan, np.inf, 1e30, 0.1])
def test_floats_that_are_not_keep_their_bits(odd):
    recipe = _there_and_back(np.array([1.0, 2.0, odd]))
    assert recipe.fraction == -1


def test_levels_that_never_occur_are_left_out():
    rng = np.random.default_rng(0)
    palette = np.sort(rng.choice(60000, 20, replace=False))
    recipe = _there_and_back(palette[rng.integers(0, 20, 5000)].astype("u2"))
    assert recipe.coded_levels() == 20
    assert _there_and_back(rng.integers(0, 256, 5000).astype("u1")).used == b""


def test_blocks_change_nothing(monkeypatch):
    array = np.random.default_rng(0).integers(0, 9, (50, 3, 2)) * 6 - 30
    whole = values.survey(array)
    monkeypatch.setattr(values, "_BLOCK", 7)
    assert values.survey(array) == whole
    assert values.survey(array * 1.5) == values.survey(array * 1.5)


def test_wide_samples_have_lower_bits_aside():
    array = np.random.default_rng(0).integers(-(2**62), 2**62, 30)
    assert _there_and_back(array).low_bits == 31


@given(st.binary(max_size=200), st.integers(0, 300))
def test_hostile_compressed_bytes_give_as_many_as_expected_or_raise(content, size):
    with contextlib.suppress(ValueError):
        assert len(values.unpack(content, size)) == size


def test_a_bomb_is_not_unpacked():
    bomb = values.pack(bytes(50_000_000))
    with pytest.raises(ValueError, match="1001 bytes or more"):
        values.unpack(bomb, 1000)
