"""The three decompositions are exact inverses of themselves, and lay their samples out as their inputs are."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refinr import coords, decisions, decompositions, planes
from refinr.decompositions import DECOMPOSITIONS, BitCoordinate, Direct, Planes
from tests.helpers import assert_equal_exact
from tests.strategies import bit_counts, levels, radices, seeds

BY_PLANES = [Planes, BitCoordinate]


def _dtype(bits: int) -> str:
    """The narrowest unsigned dtype of `bits` bits."""
    return f"uint{max(8, 1 << (bits - 1).bit_length())}"


@st.composite
def tiles_of_codes(draw: st.DrawFn, bits: int) -> np.ndarray:
    """Codes (N, C) of one tile."""
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    return draw(hnp.arrays(_dtype(bits), shape, elements=levels(bits)))


@st.composite
def cuts_and_codes(draw: st.DrawFn) -> tuple[Planes, np.ndarray]:
    """A decomposition into planes, and codes for it."""
    bits = draw(bit_counts)
    kind = draw(st.sampled_from(BY_PLANES))
    return kind(bits, draw(radices), draw(st.booleans())), draw(tiles_of_codes(bits))


def _digit(code: int, plane: int, cut: Planes) -> int:
    """The base-2^k digit of one code, in Python integers."""
    code = code ^ (code >> 1) if cut.gray else code
    return (code >> (plane * cut.radix_bits)) % (1 << cut.radix_bits)


def test_the_names_users_give():
    assert {"planes": Planes, "bit-coordinate": BitCoordinate, "none": Direct} == DECOMPOSITIONS


# --- planes ----------------------------------------------------------------------------------------------------------


@given(cuts_and_codes())
def test_codes_of_targets_are_the_codes(case):
    cut, codes = case
    assert_equal_exact(cut.codes(cut.targets(codes)), codes)


@given(cuts_and_codes())
def test_targets_have_a_row_a_network_and_a_sample_an_input(case):
    cut, codes = case
    N, C = codes.shape
    targets = cut.targets(codes)
    assert targets.dtype == np.float32
    assert targets.shape == (cut.networks(C), math.prod(cut.axes((N,))), 1)


@pytest.mark.parametrize("tile", [(5,), (2, 3), (2, 1, 4)])
def test_inputs_are_the_grid_of_the_axes(tile):
    for cut, axes in ((Planes(3), tile), (Direct(3), tile), (BitCoordinate(3), (*tile, 3))):
        assert cut.axes(tile) == axes
        assert_equal_exact(cut.inputs(tile), coords.grid(axes))


@given(cuts_and_codes())
def test_targets_by_sample_are_the_digits(case):
    cut, codes = case
    by_sample = cut.by_sample(cut.targets(codes))  # (N, C, P)
    assert by_sample.shape == (*codes.shape, -(-cut.bits // cut.radix_bits))
    for n, c, p in np.ndindex(by_sample.shape):
        share = Fraction(_digit(int(codes[n, c]), p, cut), cut.levels - 1) - Fraction(1, 2)
        assert abs(float(by_sample[n, c, p]) - share) <= 2.0**-25


@given(cuts_and_codes(), seeds)
def test_outputs_far_from_every_target_still_give_codes(case, seed):
    cut, codes = case
    z = cut.targets(codes)
    z = (z + np.random.default_rng(seed).uniform(-3.0, 3.0, z.shape)).astype(np.float32)
    result = cut.codes(z)
    assert (result.dtype, result.shape) == (codes.dtype, codes.shape)
    digits = decisions.decide(cut.by_sample(z), cut.levels)
    for n, c in np.ndindex(codes.shape):
        ceilings = [(1 << min(cut.radix_bits, cut.bits - p * cut.radix_bits)) - 1 for p in range(cut.planes)]
        chosen = [min(int(d), top) for d, top in zip(digits[n, c], ceilings, strict=True)]
        code = sum(d << (p * cut.radix_bits) for p, d in enumerate(chosen))
        if cut.gray:  # undone from the top bit down
            for shift in range(1, cut.bits):
                code ^= _gray_bits_above(chosen, cut, shift)
        assert int(result[n, c]) == code


def _gray_bits_above(digits: list[int], cut: Planes, shift: int) -> int:
    return sum(d << (p * cut.radix_bits) for p, d in enumerate(digits)) >> shift


@given(cuts_and_codes())
def test_nothing_is_written_into_codes_and_outputs(case):
    cut, codes = case
    codes.setflags(write=False)
    z = cut.targets(codes)
    z.setflags(write=False)
    assert_equal_exact(cut.codes(z), codes)


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("radix_bits", range(1, 9))
@pytest.mark.parametrize("kind", BY_PLANES)
def test_all_codes_of_eleven_bits(kind, radix_bits, gray):
    cut = kind(11, radix_bits, gray)
    codes = np.arange(2048, dtype=np.uint16).reshape(1024, 2)
    assert_equal_exact(cut.codes(cut.targets(codes)), codes)


def test_networks_of_planes_are_numbered_channel_by_channel_and_plane_by_plane():
    codes = np.array([[0b001, 0b100]], dtype=np.uint8)  # one sample, two channels
    assert Planes(3).targets(codes)[:, 0, 0].tolist() == [0.5, -0.5, -0.5, -0.5, -0.5, 0.5]
    assert BitCoordinate(3).targets(codes)[:, :, 0].tolist() == [[0.5, -0.5, -0.5], [-0.5, -0.5, 0.5]]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple), st.integers(1, 3), bit_counts, radices, seeds)
def test_samples_of_the_bit_coordinate_lie_as_its_coordinates_do(tile, channels, bits, radix_bits, seed):
    cut = BitCoordinate(bits, radix_bits)
    raw = np.random.default_rng(seed).integers(0, 2**64, (*tile, channels), dtype=np.uint64) >> np.uint64(64 - bits)
    codes = raw.astype(_dtype(bits))
    targets = cut.targets(codes.reshape(-1, channels))  # (C, N P, 1)
    x = coords.grid(cut.axes(tile), dtype="float64")
    lengths = np.array([*tile, cut.planes])
    assert x.shape == (targets.shape[1], len(lengths))
    # from the coordinates back to indices: an axis of one sample sits at 0
    indices = np.rint((x + 1) / 2 * (lengths - 1)).astype(int)
    for row, index in enumerate(indices):
        *where, plane = (int(i) for i in index)
        for c in range(channels):
            digit = _digit(int(codes[(*where, c)]), plane, cut)
            assert abs(float(targets[c, row, 0]) - (digit / (cut.levels - 1) - 0.5)) <= 2.0**-25


# --- the value itself ------------------------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 24))
def test_direct_codes_of_targets_are_the_codes_up_to_what_float32_holds(data, bits):
    # targets in [1/4, 1/2] are 2^-25 apart: rounding moves a code by 2^(bits - 26), less than half
    codes = data.draw(tiles_of_codes(bits))
    cut = Direct(bits)
    assert cut.targets(codes).shape == (codes.shape[1], codes.shape[0], 1)
    assert_equal_exact(cut.codes(cut.targets(codes)), codes)


@given(st.data(), st.integers(25, 64))
@example(None, 64)
@example(None, 54)
@example(None, 53)
def test_direct_codes_of_wider_ones_are_off_by_the_rounding_of_float32(data, bits):
    ends = np.array([[0], [1], [2 ** (bits - 1)], [2**bits - 2], [2**bits - 1]], dtype=_dtype(bits))
    codes = ends if data is None else data.draw(tiles_of_codes(bits))
    cut = Direct(bits)
    result = cut.codes(cut.targets(codes))
    assert (result.dtype, result.shape) == (codes.dtype, codes.shape)
    for code, back in zip(codes.ravel().tolist(), result.ravel().tolist(), strict=True):
        # one rounding to float32, and from 54 bits on a top code rounded to float64
        assert abs(code - back) <= 2 ** (bits - 26) + 2 ** max(0, bits - 52)
        assert 0 <= back < 2**bits


@given(st.data(), st.integers(1, 20))
def test_direct_decides_for_the_nearest_code(data, bits):
    z = data.draw(hnp.arrays("float64", (2, 5, 1), elements=st.floats(-0.75, 0.75)))
    result = Direct(bits).codes(z)
    for n, c in np.ndindex(result.shape):
        position = (Fraction(float(z[c, n, 0])) + Fraction(1, 2)) * (2**bits - 1)
        position = min(max(position, Fraction(0)), Fraction(2**bits - 1))
        assert abs(int(result[n, c]) - position) <= Fraction(1, 2) + Fraction(2**bits, 2**52)


def test_one_bit_has_one_threshold_in_all_decompositions():
    z = np.array([1.0, 1e-9, 1e-20, 2.0**-149, 0.0, -(2.0**-149), -1e-9, -1.0], dtype=np.float32).reshape(1, -1, 1)
    expected = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=np.uint8).reshape(-1, 1)
    for kind in DECOMPOSITIONS.values():
        assert_equal_exact(kind(bits=1).codes(z), expected)


@pytest.mark.parametrize("bits", [1, 8, 53, 54, 63, 64])
def test_direct_ends_and_beyond(bits):
    z = np.array([-np.inf, -7.0, -0.5, 0.5, 7.0, np.inf], dtype=np.float32).reshape(1, -1, 1)
    low, high = 0, 2**bits - 1
    slack = 2 ** max(0, bits - 53)  # beyond 53 bits the top code is not a float64
    result = [int(code) for code in Direct(bits).codes(z)[:, 0]]
    assert result[:3] == [low] * 3
    assert all(high - slack <= code <= high for code in result[3:])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
@given(seeds, st.integers(0, 6))
def test_direct_floats_come_back_within_float32(dtype, seed, exponent):
    rng = np.random.default_rng(seed)
    samples = (rng.standard_normal((7, 2)) * 4.0 ** (exponent - 3)).astype(dtype)
    cut = Direct(8 * samples.itemsize, samples.dtype.str, float(samples.min()), float(samples.max()))
    codes, _ = planes.to_codes(samples)
    targets = cut.targets(codes)
    assert (targets.dtype, targets.shape) == (np.float32, (2, 7, 1))
    assert targets.min() == -0.5
    assert targets.max() == 0.5
    back = planes.from_codes(cut.codes(targets), samples.dtype)
    # one rounding of a target in [-1/2, 1/2] to float32, one of the value to its own dtype
    width = cut.high - cut.low
    tolerance = width * 2.0**-25 + 2 * float(np.finfo(samples.dtype).eps) * np.abs(samples).max().astype(float)
    assert (np.abs(back.astype(float) - samples.astype(float)) <= tolerance).all()


EXTREMES = {
    "float64 ends": [-np.finfo("f8").max, 0.0, np.finfo("f8").max],
    "float64 top": [np.finfo("f8").max - 3 * 2.0**971, np.finfo("f8").max],  # 2^971 is the step there
    "subnormal": [0.0, 5e-324, 1e-310],
    "one subnormal": [0.0, 5e-324],
    "float64 huge and tiny": [1e-300, 1e300],
}


@pytest.mark.parametrize("name", EXTREMES)
def test_direct_floats_at_the_ends_of_their_range(name):
    samples = np.array(EXTREMES[name]).reshape(-1, 1)
    cut = Direct(64, samples.dtype.str, float(samples.min()), float(samples.max()))
    codes, _ = planes.to_codes(samples)
    targets = cut.targets(codes)
    assert np.isfinite(targets).all()
    assert (np.abs(targets) <= 1.0).all()  # three float64 apart, their middle may be off by a sixth
    everywhere = np.linspace(-1, 1, 33, dtype=np.float32).reshape(1, -1, 1)
    for z in (targets, everywhere, np.array([[[-0.5], [0.5]]])):
        values = planes.from_codes(cut.codes(z), samples.dtype)
        assert (samples.min() <= values).all()
        assert (values <= samples.max()).all()


@pytest.mark.parametrize("value", [0.0, -1.5, 1e30, 5e-324, 1e-310, float(np.finfo("f8").max), -1e300])
def test_a_constant_in_floats_comes_back_from_any_output(value):
    samples = np.full((4, 1), value)
    cut = Direct(64, samples.dtype.str, value, value)
    codes, _ = planes.to_codes(samples)
    assert_equal_exact(cut.codes(cut.targets(codes)), codes)
    z = np.array([0.3, -0.2, 9.0, 0.01], dtype=np.float32).reshape(1, 4, 1)  # nothing else is within the range
    assert_equal_exact(cut.codes(z), codes)


def test_direct_not_a_number_is_still_a_sample_within_the_range():
    z = np.full((1, 3, 1), np.nan, dtype=np.float32)
    assert Direct(8).codes(z).max() <= 255
    values = planes.from_codes(Direct(32, "<f4", -2.0, 3.0).codes(z), "<f4")
    assert ((values >= -2.0) & (values <= 3.0)).all()


def test_a_decomposition_of_ones_own_is_used(monkeypatch):
    """Any name once made bit planes."""
    import refinr

    class Mine(decompositions.Planes):
        pass

    monkeypatch.setitem(decompositions.DECOMPOSITIONS, "mine", Mine)
    inr = refinr.fit(np.zeros((2, 5), dtype=np.uint8), "mine", max_steps=0)
    assert type(inr.layout.cut) is Mine


@pytest.mark.parametrize("kind", [Planes, BitCoordinate])
@pytest.mark.parametrize(
    ("bits", "radix_bits", "message"),
    [
        (0, 1, "^bits: .*got 0"),
        (65, 1, "^bits: .*got 65"),
        (8, 0, "^radix_bits: .*got 0"),
        (8, 9, "^radix_bits: .*got 9"),
    ],
)
def test_what_cannot_be_cut_is_refused_at_once(kind, bits, radix_bits, message):
    with pytest.raises(ValueError, match=message):
        kind(bits, radix_bits)


@pytest.mark.parametrize(("low", "high"), [(np.nan, 1.0), (0.0, np.inf), (-np.inf, np.inf)])
def test_a_range_without_ends(low, high):
    with pytest.raises(ValueError, match="low, high: expected finite numbers, got"):
        Direct(32, "<f4", low, high)


@pytest.mark.parametrize("dtype", ["<i4", "uint8", "?"])
def test_direct_regression_of_what_is_no_float(dtype):
    with pytest.raises(ValueError, match="dtype: expected a float dtype or None, got"):
        Direct(32, dtype)
