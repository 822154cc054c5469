"""Samples as levels, and back."""

from __future__ import annotations

import contextlib
import math

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


@pytest.mark.parametrize("count", [40, 400, 4000])
@pytest.mark.parametrize("top", [2, 3, 50, 900, 40_000, (1 << 20) - 1, 1 << 20])
@pytest.mark.parametrize("step", [1, 3, 40])
def test_the_list_of_levels_is_kept_where_it_is_worth_twice_its_bytes(count, top, step):
    rng = np.random.default_rng(0)
    array = rng.integers(0, top // step + 1, count) * step
    array[:3] = 0, top, top - 1
    recipe = _there_and_back(array)
    assert (recipe.factor, recipe.levels) == (1, top + 1)
    occurs = np.bincount(array, minlength=top + 1) > 0
    content = values.pack(np.packbits(occurs).tobytes())
    saved = count * math.log2((top + 1) / occurs.sum()) / 8
    kept = top < 1 << 20 and saved > 2 * len(content)
    assert recipe.used == (content if kept else b"")
    assert recipe.coded_levels() == (occurs.sum() if kept else top + 1)


@pytest.mark.parametrize(("times", "kept"), [(1.9, False), (2.1, True), (2.9, True)])
def test_the_list_of_levels_is_worth_it_from_twice_its_bytes_on(times, kept):
    occurring = np.append(np.arange(0, 900, 10), 901)
    occurs = np.bincount(occurring) > 0
    content = values.pack(np.packbits(occurs).tobytes())
    count = round(times * len(content) * 8 / math.log2(len(occurs) / len(occurring)))
    assert count > len(occurring)
    recipe = _there_and_back(np.resize(occurring, count))
    assert (recipe.factor, recipe.levels, recipe.used) == (1, 902, content if kept else b"")


@pytest.mark.parametrize(
    ("array", "fraction"),
    [
        ([2.0**35 - 1, 0.0], 0),
        ([2.0**35, 0.0], -1),
        ([-(2.0**35), 0.0], -1),
        ([1 - 2.0**35, 0.5], 1),
        ([2.0**-16, 1.0], 16),
        ([2.0**-17, 1.0], -1),
        ([0.5, 0.125, 0.25], 3),
        ([-0.0, 1.0], -1),
        ([0.0, 1.0], 0),
        ([np.inf, 1.0], -1),
    ],
)
def test_of_which_power_of_two_floats_are_multiples(array, fraction):
    for dtype in ("f4", "f8"):
        assert _there_and_back(np.array(array, dtype)).fraction == (
            -1 if dtype == "f4" and abs(array[0]) == 2.0**35 - 1 else fraction
        )
    assert _there_and_back(np.array(array[1:], "f8")).fraction >= 0


def test_multiples_of_a_power_of_two_that_are_too_wide_keep_their_bits():
    """As whole numbers they would have lower bits aside."""
    array = np.array([2.0**34, 2.0**34 + 2.0**-3, 0.0])
    assert values._fraction(array) == 3
    assert _there_and_back(array).fraction == -1


@pytest.mark.parametrize(("levels", "low_bits"), [(2**32, 0), (2**32 + 1, 1), (2**33, 1), (2**33 + 1, 2), (2**64, 32)])
def test_levels_beyond_32_bits_have_the_lowest_aside(levels, low_bits):
    array = np.array([0, 1, levels - 1, levels // 2], "u8")
    recipe = _there_and_back(array)
    assert (recipe.low_bits, recipe.levels) == (low_bits, ((levels - 1) >> low_bits) + 1)
    found, low = values.to_levels(array, recipe)
    assert found.tolist() == [int(v) >> low_bits for v in array]
    if low_bits:
        assert low.tolist() == [int(v) & ((1 << low_bits) - 1) for v in array]


def test_lists_that_cannot_be_are_refused():
    recipe = values.Recipe(-1, 0, 1, 0, 1 << 20, values.pack(bytes(1 << 17)))
    with pytest.raises(ValueError, match="no level occurs"):
        recipe.occurring()
    with pytest.raises(ValueError, match="which of 1048577 levels"):
        recipe._replace(levels=(1 << 20) + 1).occurring()
    with pytest.raises(ValueError, match="damaged: xz"):
        recipe._replace(levels=9).occurring()
    last = values.pack(bytes([0, 0b01100000]))
    assert recipe._replace(levels=10, used=last).occurring().tolist() == [9]
    with pytest.raises(ValueError, match="no level occurs"):
        recipe._replace(levels=9, used=last).occurring()
    assert recipe._replace(used=b"").occurring() is None


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff" * 9])
def test_what_xz_did_not_write_is_refused(content):
    with pytest.raises(ValueError, match="damaged: xz"):
        values.unpack(content, 3)


def test_unpacked_bytes_are_as_many_as_expected():
    packed = values.pack(b"four")
    assert values.unpack(memoryview(packed), 4) == b"four"
    with pytest.raises(ValueError, match="xz gave 4 bytes or more where 5"):
        values.unpack(packed, 5)
    with pytest.raises(ValueError, match="xz gave 4 bytes or more where 3"):
        values.unpack(packed, 3)


@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "f4", "u8"])
@pytest.mark.parametrize("value", [0, 1])
def test_where_all_are_alike_there_is_one_level(dtype, value):
    array = np.full((2, 3), value, dtype)
    codes = values._codes(array, 0 if dtype == "f4" else -1)
    fraction = 0 if dtype == "f4" else -1
    assert _there_and_back(array) == values.Recipe(fraction, int(codes[0, 0]), 1, 0, 1, b"")


def test_blocks_change_nothing(monkeypatch):
    array = np.random.default_rng(0).integers(0, 9, (50, 3, 2)) * 6 - 30
    whole = values.survey(array)
    monkeypatch.setattr(values, "_BLOCK", 7)
    assert values.survey(array) == whole
    assert values.survey(array * 1.5) == values.survey(array * 1.5)


def test_all_blocks_count_where_a_factor_is_sought(monkeypatch):
    monkeypatch.setattr(values, "_BLOCK", 4)
    for array, factor in (
        ([0, 2, 4, 6, 0, 4, 8, 12], 2),
        ([0, 4, 8, 12, 0, 2, 4, 6], 2),
        ([0, 6, 12, 6, 4, 10, 4, 4], 2),
    ):
        recipe = _there_and_back(np.array(array, "u1"))
        assert (recipe.factor, recipe.levels) == (factor, max(array) // factor + 1)


def test_the_longest_list_and_the_type_of_what_it_numbers():
    array = np.resize(np.array([0, 1, (1 << 20) - 1]), 4000)
    recipe = _there_and_back(array)
    assert recipe.levels == 1 << 20
    assert recipe.coded_levels() == 3
    levels, _ = values.to_levels(array, recipe)
    assert_equal_exact(levels, np.resize(np.array([0, 1, 2], np.uint32), 4000))


def test_wide_samples_have_lower_bits_aside():
    array = np.random.default_rng(0).integers(-(2**62), 2**62, 30)
    assert _there_and_back(array).low_bits == 31


@given(st.binary(max_size=200), st.integers(0, 300))
def test_hostile_compressed_bytes_give_as_many_as_expected_or_raise(content, size):
    with contextlib.suppress(ValueError):
        assert len(values.unpack(content, size)) == size


def test_a_bomb_is_not_unpacked():
    bomb = values.pack(bytes(5_000_000))
    with pytest.raises(ValueError, match="1001 bytes or more"):
        values.unpack(bomb, 1000)
