"""Planes: exact in every bit, for every dtype; what is small enough is tried out completely."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import planes
from tests.helpers import assert_equal_exact
from tests.strategies import bit_counts, codes, levels, radices, samples

ALL_16_BIT = np.arange(2**16, dtype="uint16")


# --- samples <-> codes -----------------------------------------------------------------------------------------------


@given(samples())
def test_samples_of_every_dtype_come_back_bit_for_bit(signal):
    coded, bits = planes.to_codes(signal)
    assert bits == (1 if signal.dtype == bool else 8 * signal.dtype.itemsize)
    assert coded.dtype == f"uint{max(8, bits)}"
    assert coded.dtype.isnative
    assert coded.shape == signal.shape
    assert_equal_exact(planes.from_codes(coded, signal.dtype), signal, bitwise=True)


@given(samples())
def test_codes_are_ordered_as_their_samples(signal):
    coded, _ = planes.to_codes(signal)
    values, coded = signal.ravel(), coded.ravel()
    assert ((values[:, None] < values) <= (coded[:, None] < coded)).all()  # <= on booleans: implies
    assert ((values[:, None] != values) == (coded[:, None] != coded))[~np.isnan(values) & (values != 0)].all()


def test_codes_survive_planes_and_samples_survive_both():
    signal = np.array([[-1.5, np.nan], [np.inf, -0.0]], dtype=">f4")
    coded, bits = planes.to_codes(signal)
    back = planes.from_planes(planes.to_planes(coded, bits), bits, dtype=coded.dtype)
    assert_equal_exact(planes.from_codes(back, signal.dtype), signal, bitwise=True)


@pytest.mark.parametrize(
    ("value", "dtype", "code"),
    [
        (False, "bool", 0),
        (True, "bool", 1),
        (7, "uint8", 7),
        (-128, "int8", 0),
        (-1, "int8", 127),
        (127, "int8", 255),
        (-(2**63), "int64", 0),
        (0, "int64", 2**63),
        (-np.inf, "float32", 0x007FFFFF),
        (-0.0, "float32", 0x7FFFFFFF),
        (0.0, "float32", 0x80000000),
        (1.0, "float64", 0x3FF0000000000000 | 1 << 63),
    ],
)
def test_codes_are_offset_binary_and_ieee_total_order(value, dtype, code):
    coded, _ = planes.to_codes(np.array([value], dtype))
    assert coded.tolist() == [code]


def test_all_16_bit_floats():
    halves = ALL_16_BIT.view("float16")  # every NaN payload, both zeros, the subnormals
    coded, bits = planes.to_codes(halves)
    assert bits == 16
    assert_equal_exact(np.sort(coded), ALL_16_BIT)  # a permutation: one code each
    assert_equal_exact(planes.from_codes(coded, "float16"), halves, bitwise=True)

    ordered = halves[np.argsort(coded)]
    numbers = np.flatnonzero(~np.isnan(ordered))
    assert np.array_equal(numbers, np.arange(numbers[0], numbers[-1] + 1))  # NaNs only at the two ends
    assert np.signbit(ordered[: numbers[0]]).all()
    assert not np.signbit(ordered[numbers[-1] + 1 :]).any()
    steps = np.diff(ordered[numbers[1:-1]].astype(float))  # between the infinities
    (zero,) = np.flatnonzero(steps <= 0)  # the one step that is none: -0.0 to 0.0
    pair = ordered[numbers[1:-1]][zero : zero + 2]
    assert_equal_exact(pair, np.array([-0.0, 0.0], "float16"), bitwise=True)


@pytest.mark.parametrize("dtype", ["int16", "uint16"])
def test_all_16_bit_integers(dtype):
    values = np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max + 1).astype(dtype)
    coded, _ = planes.to_codes(values)
    assert_equal_exact(coded, ALL_16_BIT)
    assert_equal_exact(planes.from_codes(coded, dtype), values)


def test_scalar_samples_keep_their_shape():
    for dtype in ("bool", "uint8", "int8", "float16"):
        coded, _ = planes.to_codes(np.array(1, dtype))
        assert coded.shape == ()
        assert_equal_exact(planes.from_codes(coded, dtype), np.array(1, dtype))


def test_codes_are_a_copy_of_the_samples():
    signal = np.array([1, 2], "uint8")
    coded, _ = planes.to_codes(signal)
    assert not np.shares_memory(coded, signal)


def test_non_contiguous_samples():
    signal = np.arange(24, dtype="int16").reshape(4, 6).T[::2]
    coded, _ = planes.to_codes(signal)
    assert_equal_exact(coded, (signal.astype(int) + 2**15).astype("uint16"))


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "object", "S3", "U3", "M8[s]", "m8[s]", "V4"])
def test_dtypes_without_an_order_have_no_codes(dtype):
    with pytest.raises(TypeError, match="expected a boolean, integer or float dtype"):
        planes.to_codes(np.zeros(2, dtype))
    with pytest.raises(TypeError, match="expected a boolean, integer or float dtype"):
        planes.from_codes(np.zeros(2, "uint8"), dtype)


@pytest.mark.parametrize("width", [96, 128])
def test_floats_beyond_64_bits_have_no_codes(width):
    if hasattr(np, f"float{width}"):  # which long double there is depends on the platform
        with pytest.raises(TypeError, match="wider than the 64 bits"):
            planes.to_codes(np.zeros(2, f"float{width}"))


def test_codes_of_another_width_are_not_cast():
    with pytest.raises(TypeError, match="codes: expected uint16 for samples of int16, got uint8"):
        planes.from_codes(np.zeros(2, "uint8"), "int16")
    with pytest.raises(TypeError, match="codes: expected uint16 for samples of float16, got int16"):
        planes.from_codes(np.zeros(2, "int16"), "float16")


@pytest.mark.parametrize("code", [2, 255])
def test_codes_that_no_boolean_has(code):
    with pytest.raises(ValueError, match=f"codes: expected 0 and 1 for booleans, got {code}"):
        planes.from_codes(np.array([0, 1, code], "uint8"), "bool")


# --- codes <-> planes ------------------------------------------------------------------------------------------------


def test_planes_of_all_16_bit_codes_are_their_bits():
    octets = ALL_16_BIT.astype("<u2").view("uint8").reshape(-1, 2)
    bits = np.unpackbits(octets, axis=-1, bitorder="little")
    got = planes.to_planes(ALL_16_BIT, 16)
    assert_equal_exact(got, bits)
    assert set(np.unique(got).tolist()) == {0, 1}
    assert_equal_exact(planes.from_planes(bits, 16, dtype="uint16"), ALL_16_BIT)


@given(st.data(), bit_counts, radices, st.booleans())
def test_codes_to_planes_and_back(data, bits, radix_bits, gray):
    signal = data.draw(codes(bits))
    digits = planes.to_planes(signal, bits, radix_bits=radix_bits, gray=gray)
    assert digits.dtype == np.uint8
    assert digits.shape == (*signal.shape, planes.count(bits, radix_bits))
    assert digits.max() < 2**radix_bits
    back = planes.from_planes(digits, bits, radix_bits=radix_bits, gray=gray, dtype=signal.dtype)
    assert_equal_exact(back, signal)


@given(st.data(), bit_counts, radices, st.booleans())
def test_planes_to_codes_and_back(data, bits, radix_bits, gray):
    tops = [min(2**radix_bits, 2 ** (bits - i)) - 1 for i in range(0, bits, radix_bits)]
    digits = np.array([data.draw(st.tuples(*[st.integers(0, top) for top in tops])) for _ in range(3)], "uint8")
    back = planes.from_planes(digits, bits, radix_bits=radix_bits, gray=gray, dtype="uint64")
    assert_equal_exact(planes.to_planes(back, bits, radix_bits=radix_bits, gray=gray), digits)


@given(st.data(), bit_counts, radices)
def test_reassembly_identity_in_python_integers(data, bits, radix_bits):
    level = data.draw(levels(bits))
    (digits,) = planes.to_planes(np.array([level], "uint64"), bits, radix_bits=radix_bits).tolist()
    assert sum(digit * 2 ** (radix_bits * i) for i, digit in enumerate(digits)) == level


def test_planes_above_the_dtype_are_zero():
    signal = np.arange(256, dtype="uint8")
    digits = planes.to_planes(signal, 64, radix_bits=3)
    assert digits.shape == (256, 22)
    assert not digits[:, 3:].any()
    assert_equal_exact(planes.from_planes(digits, 64, radix_bits=3, dtype="uint64"), signal.astype("uint64"))


@pytest.mark.parametrize(
    ("bits", "radix_bits", "expected"), [(1, 1, 1), (16, 1, 16), (16, 3, 6), (64, 8, 8), (1, 8, 1)]
)
def test_count(bits, radix_bits, expected):
    assert planes.count(bits, radix_bits) == expected
    assert planes.to_planes(np.zeros(1, "uint64"), bits, radix_bits=radix_bits).shape == (1, expected)


def test_an_empty_signal_has_empty_planes():
    digits = planes.to_planes(np.zeros((0, 3), "uint16"), 12, radix_bits=5)
    assert digits.shape == (0, 3, 3)
    assert_equal_exact(planes.from_planes(digits, 12, radix_bits=5, dtype="uint16"), np.zeros((0, 3), "uint16"))


# --- Gray code -------------------------------------------------------------------------------------------------------


def test_gray_neighbours_differ_in_exactly_one_bit():
    gray = planes.to_gray(ALL_16_BIT)
    assert_equal_exact(np.sort(gray), ALL_16_BIT)
    assert (np.bitwise_count(gray ^ np.roll(gray, 1)) == 1).all()  # the last and the first are neighbours too
    digits = planes.to_planes(ALL_16_BIT, 16, gray=True).astype(int)
    assert (abs(np.diff(digits, axis=0)).sum(axis=-1) == 1).all()


def test_gray_code_is_the_reflected_one():
    words = [0]
    for bit in range(8):  # the list, then the list backwards with the next bit set
        words += [word | 1 << bit for word in reversed(words)]
    assert_equal_exact(planes.to_gray(np.arange(256, dtype="uint8")), np.array(words, "uint8"))
    assert_equal_exact(planes.from_gray(np.array(words, "uint8")), np.arange(256, dtype="uint8"))


@given(st.data(), bit_counts)
def test_gray_code_in_python_integers_and_back(data, bits):
    signal = data.draw(codes(bits))
    gray = planes.to_gray(signal)
    assert gray.ravel().tolist() == [code ^ (code >> 1) for code in signal.ravel().tolist()]
    assert_equal_exact(planes.from_gray(gray), signal)


# --- hazard: planes taken from floats --------------------------------------------------------------------------------


def _planes_by_float_remainders(values: np.ndarray) -> np.ndarray:
    digits = []
    for _ in range(8):
        digits.append(values % np.float32(2))
        values = (values - digits[-1]) / np.float32(2)
    return np.stack(digits, axis=-1)


def test_planes_of_rescaled_floats_are_wrong_although_they_recombine():
    level = np.arange(256, dtype="uint8")
    rescaled = level.astype("float32") * np.float32(1 / 255) * np.float32(255)
    wrong = _planes_by_float_remainders(rescaled)
    assert ((wrong != 0) & (wrong != 1)).any(axis=-1).sum() == 126  # of 256 levels
    assert np.array_equal(np.rint(wrong @ 2.0 ** np.arange(8)), level)  # which is why nobody notices

    right = planes.to_planes(level, 8)
    assert ((right == 0) | (right == 1)).all()
    assert_equal_exact(planes.from_planes(right, 8, dtype="uint8"), level)


@pytest.mark.parametrize("bits", range(1, 65))
def test_count_is_the_number_of_planes(bits):
    assert planes.count(bits) == bits
    for radix_bits in range(1, 9):
        count = planes.count(bits, radix_bits)
        assert (count - 1) * radix_bits < bits <= count * radix_bits


# --- wrong input -----------------------------------------------------------------------------------------------------

BYTES = np.zeros((2, 8), "uint8")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: planes.count(0), ValueError, "bits: expected 1 to 64, got 0"),
        (lambda: planes.to_planes(BYTES, 65), ValueError, "bits: expected 1 to 64, got 65"),
        (lambda: planes.to_planes(BYTES, 8, radix_bits=0), ValueError, "radix_bits: expected 1 to 8, got 0"),
        (lambda: planes.to_planes(BYTES, 8, radix_bits=9), ValueError, "radix_bits: expected 1 to 8, got 9"),
        (lambda: planes.to_planes(np.array([7, 8], "uint8"), 3), ValueError, "codes: 8 does not fit into bits=3"),
        (lambda: planes.to_planes(np.array([2**63], "uint64"), 63), ValueError, "does not fit into bits=63"),
        (lambda: planes.to_planes(np.zeros(2, "int16"), 8), TypeError, "codes: expected an unsigned integer dtype"),
        (lambda: planes.to_planes(np.zeros(2), 8), TypeError, "codes: expected an unsigned integer dtype"),
        (lambda: planes.to_planes(np.zeros(2, bool), 1), TypeError, "codes: expected an unsigned integer dtype"),
        (lambda: planes.to_planes([1, 2], 8), TypeError, "expected an array, got list"),
        (lambda: planes.to_gray(np.zeros(2, "int8")), TypeError, "codes: expected an unsigned integer dtype"),
        (lambda: planes.from_gray(np.zeros(2)), TypeError, "codes: expected an unsigned integer dtype"),
        (lambda: planes.from_planes(BYTES, 65, dtype="uint64"), ValueError, "bits: expected 1 to 64, got 65"),
        (lambda: planes.from_planes(BYTES, 8, radix_bits=9, dtype="uint8"), ValueError, "radix_bits: expected 1 to 8"),
        (lambda: planes.from_planes(BYTES.astype("int64"), 8, dtype="uint8"), TypeError, "planes: expected uint8"),
        (lambda: planes.from_planes(BYTES.astype(float), 8, dtype="uint8"), TypeError, "planes: expected uint8"),
        (lambda: planes.from_planes(BYTES, 7, dtype="uint8"), ValueError, "planes: expected a last axis of 7"),
        (
            lambda: planes.from_planes(np.array(1, "uint8"), 1, dtype="uint8"),
            ValueError,
            "planes: expected a last axis",
        ),
        (lambda: planes.from_planes(BYTES + 2, 8, dtype="uint8"), ValueError, "digit 2 in plane 0 does not fit into 1"),
        (lambda: planes.from_planes(BYTES, 8, dtype="int8"), TypeError, "expected an unsigned integer dtype, got int8"),
        (lambda: planes.from_planes(BYTES, 8, dtype="float32"), TypeError, "expected an unsigned integer dtype"),
        (
            lambda: planes.from_planes(np.zeros((2, 9), "uint8"), 9, dtype="uint8"),
            ValueError,
            "dtype: uint8 cannot hold codes of 9 bits",
        ),
        (
            lambda: planes.from_planes(np.array([0, 2], "uint8"), 4, radix_bits=3, dtype="uint8"),
            ValueError,
            "digit 2 in plane 1 does not fit into 1 bits",
        ),
    ],
)
def test_wrong_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
