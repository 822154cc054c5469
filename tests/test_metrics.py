"""Metrics against naive loops over Python integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import metrics, planes
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import bit_counts, code_pairs


def _pairs(a: np.ndarray, b: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))


def _mean_squared_error(a: np.ndarray, b: np.ndarray) -> Fraction:
    return Fraction(sum((p - q) ** 2 for p, q in _pairs(a, b)), a.size)


# --- bit errors ------------------------------------------------------------------------------------------------------


@given(st.data(), bit_counts)
def test_bit_errors_vs_naive_loop(data, bits):
    a, b = data.draw(code_pairs(bits))
    wrong = [sum((p >> i & 1) != (q >> i & 1) for p, q in _pairs(a, b)) for i in range(bits)]
    assert metrics.wrong_bits_per_plane(a, b, bits) == wrong
    assert_equal_exact(metrics.bit_error_rate_per_plane(a, b, bits), np.array(wrong) / a.size)
    assert metrics.bit_error_rate(a, b, bits) == float(Fraction(sum(wrong), a.size * bits))


@given(st.data(), bit_counts)
def test_bit_error_rate_is_zero_only_for_equal_codes(data, bits):
    a, b = data.draw(code_pairs(bits))
    assert (metrics.bit_error_rate(a, b, bits) == 0.0) == np.array_equal(a, b)
    assert metrics.bit_error_rate(a, a, bits) == 0.0


def test_complementary_codes_are_wrong_in_every_bit():
    a = np.arange(256, dtype="uint8")
    assert metrics.bit_error_rate(a, ~a, 8) == 1.0
    assert_equal_exact(metrics.bit_error_rate_per_plane(a, ~a, 8), np.ones(8))


def test_more_wrong_bits_than_the_codes_dtype_can_count():
    a = np.zeros(300, "uint8")
    assert metrics.wrong_bits_per_plane(a, a + np.uint8(1), 8) == [300, 0, 0, 0, 0, 0, 0, 0]


# --- distances -------------------------------------------------------------------------------------------------------


@given(st.data(), bit_counts)
def test_rmse_and_psnr_vs_naive_loop(data, bits):
    a, b = data.draw(code_pairs(bits))
    error = math.sqrt(_mean_squared_error(a, b))
    assert_close(np.float64(metrics.rmse(a, b)), np.float64(error), terms=a.size)
    assert metrics.rmse(a, b) == metrics.rmse(b, a)
    if error == 0:
        assert metrics.psnr(a, b, bits) == math.inf
    else:
        ratio = 20 * (math.log10(2**bits - 1) - math.log10(error))
        # a relative error of the argument is an absolute one of its logarithm
        assert_close(np.float64(metrics.psnr(a, b, bits)), np.float64(ratio), conditioning=20, terms=a.size)


@given(st.data(), bit_counts)
def test_mean_squared_error_is_made_of_pairs_of_planes(data, bits):
    """MSE = sum_ij 2^(i+j) mean(e_i e_j), with signed plane errors e_i: planes do not contribute one by one."""
    a, b = data.draw(code_pairs(bits))
    e = planes.to_planes(a, bits).reshape(-1, bits).astype(int) - planes.to_planes(b, bits).reshape(-1, bits)
    products = (e.T @ e).tolist()  # (bits, bits), sums over the samples
    total = sum(2 ** (i + j) * products[i][j] for i in range(bits) for j in range(bits))
    assert Fraction(total, a.size) == _mean_squared_error(a, b)
    assert_close(np.float64(metrics.rmse(a, b)), np.float64(math.sqrt(Fraction(total, a.size))), terms=a.size)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "float64"])
def test_rmse_of_signed_values_is_that_of_their_differences(dtype):
    a, b = np.array([-100, 3, 0, 7], dtype), np.array([100, -1, 0, 8], dtype)
    assert_close(np.float64(metrics.rmse(a, b)), np.float64(math.sqrt((200**2 + 4**2 + 1) / 4)), terms=4)


def test_differences_of_unsigned_codes_do_not_wrap_around():
    assert metrics.rmse(np.array([0], "uint8"), np.array([255], "uint8")) == 255.0
    assert metrics.rmse(np.array([0], "uint64"), np.array([2**64 - 1], "uint64")) == 2.0**64
    assert metrics.rmse(np.array([2**63], "uint64"), np.array([2**63 + 1], "uint64")) == 1.0


def test_psnr_of_the_worst_reconstruction_is_zero_decibel():
    for bits, dtype in ((1, "uint8"), (8, "uint8"), (12, "uint16"), (16, "uint16")):
        assert metrics.psnr(np.zeros(3, dtype), np.full(3, 2**bits - 1, dtype), bits) == 0.0


def test_nan_is_never_a_good_reconstruction():
    a, nan = np.ones((11, 11)), np.full((11, 11), np.nan)
    assert math.isnan(metrics.rmse(a, nan))
    assert math.isnan(metrics.psnr(a, nan, 8))
    assert math.isnan(metrics.ssim(a, nan, 8))


# --- structural similarity -------------------------------------------------------------------------------------------


def _ssim_of_one_window(x: np.ndarray, y: np.ndarray, bits: int) -> float:
    weight = np.array([[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in range(-5, 6)] for i in range(-5, 6)])
    weight /= weight.sum()
    mx, my = (weight * x).sum(), (weight * y).sum()
    vx, vy = (weight * (x - mx) ** 2).sum(), (weight * (y - my) ** 2).sum()
    covariance = (weight * (x - mx) * (y - my)).sum()
    c1, c2 = (0.01 * (2**bits - 1)) ** 2, (0.03 * (2**bits - 1)) ** 2
    return (2 * mx * my + c1) * (2 * covariance + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))


@pytest.mark.parametrize("shape", [(11, 11), (13, 17), (14, 12, 3)])
@pytest.mark.parametrize("bits", [8, 12])
def test_ssim_vs_naive_loop(shape, bits):
    rng = np.random.default_rng(bits)
    a = rng.integers(0, 2**bits, shape, dtype="uint16")
    b = np.clip(a + rng.integers(-(2 ** (bits - 2)), 2 ** (bits - 2), shape), 0, 2**bits - 1).astype("uint16")
    windows = [
        _ssim_of_one_window(x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11], bits)
        for x, y in zip(np.moveaxis(np.atleast_3d(a), 2, 0), np.moveaxis(np.atleast_3d(b), 2, 0), strict=True)
        for i in range(shape[0] - 10)
        for j in range(shape[1] - 10)
    ]
    # E[x^2] - E[x]^2 loses what the squared peak has over the smallest denominator, C2
    assert_close(np.float64(metrics.ssim(a, b, bits)), np.mean(windows), conditioning=1 / 0.03**2, terms=121)


def test_ssim_of_flat_images_is_their_luminance_term():
    a, b = np.full((12, 12), 100, "uint8"), np.full((12, 12), 150, "uint8")
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert_close(np.float64(metrics.ssim(a, b, 8)), np.float64(expected), conditioning=1 / 0.03**2, terms=121)


# --- wrong input -----------------------------------------------------------------------------------------------------

METRICS = [
    metrics.wrong_bits_per_plane,
    metrics.bit_error_rate_per_plane,
    metrics.bit_error_rate,
    metrics.psnr,
    metrics.ssim,
    lambda a, b, bits: metrics.rmse(a, b),
]


@pytest.mark.parametrize("metric", METRICS)
def test_other_shapes_are_not_broadcast(metric):
    with pytest.raises(ValueError, match=r"b: expected the shape of a, \(12, 12\), got \(1, 12\)"):
        metric(np.zeros((12, 12), "uint8"), np.zeros((1, 12), "uint8"), 8)


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_is_not_perfect(metric):
    with pytest.raises(ValueError, match="a: expected at least one code, got an empty array"):
        metric(np.zeros((0, 3), "uint8"), np.zeros((0, 3), "uint8"), 8)


@pytest.mark.parametrize("shape", [(10, 11), (11, 10), (121,), (11, 11, 1, 1)])
def test_ssim_needs_an_image_of_one_window(shape):
    with pytest.raises(ValueError, match="a: expected an image"):
        metrics.ssim(np.zeros(shape, "uint8"), np.zeros(shape, "uint8"), 8)


@pytest.mark.parametrize("bits", [0, 65])
def test_widths_that_no_code_has(bits):
    with pytest.raises(ValueError, match=f"bits: expected 1 to 64, got {bits}"):
        metrics.bit_error_rate(np.zeros(2, "uint64"), np.zeros(2, "uint64"), bits)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [([0, -1], [0, 0], "a: .*got -1"), ([0, 0], [-1, 0], "b: .*got -1"), ([8, 0], [0, 0], "a: .*got 8")],
)
def test_codes_out_of_range_are_named(a, b, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        metrics.wrong_bits_per_plane(np.array(a), np.array(b), 3)
