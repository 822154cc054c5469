"""Coordinates in exact fractions, encodings against loops, their gradients by the complex step."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import coords
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import seeds, shapes

# --- grid ------------------------------------------------------------------------------------------------------------


def _exact_axis(n: int) -> list[Fraction]:
    return [Fraction(2 * i, n - 1) - 1 for i in range(n)] if n > 1 else [Fraction(0)]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 32, 33, 1000])
def test_axis_is_correctly_rounded_and_symmetric(n):
    x = coords.grid((n,), dtype="float64")
    assert_equal_exact(x, np.array([[float(fraction)] for fraction in _exact_axis(n)]))
    assert_equal_exact(x, -x[::-1])
    assert_equal_exact(coords.grid((n,), dtype="float32"), x.astype("float32"))


@given(shapes(min_dims=1, max_dims=4))
def test_grid_is_row_major(shape):
    x = coords.grid(shape, dtype="float64")
    assert x.shape == (math.prod(shape), len(shape))
    for row, index in zip(x.tolist(), np.ndindex(shape), strict=True):
        assert row == [float(_exact_axis(n)[i]) for n, i in zip(shape, index, strict=True)]


def test_grid_is_float32_by_default():
    assert coords.grid((3, 3)).dtype == np.float32


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (-1, 2)])
def test_grid_of_nothing(shape):
    with pytest.raises(ValueError, match="shape: expected one or more positive lengths, got"):
        coords.grid(shape)


@pytest.mark.parametrize("n", [2, 3, 32, 1024])
def test_nyquist_turns_by_pi_from_one_sample_to_the_next(n):
    x = coords.grid((n, 1), dtype="float64")
    along, across = coords.nyquist((n, 1))
    # neighbours of order one are subtracted: the difference carries their rounding
    turns = np.diff(x[:, 0]) * along
    assert_close(turns, np.full(n - 1, math.pi), conditioning=along)
    assert across == math.pi


# --- encodings -------------------------------------------------------------------------------------------------------


def _naive_positional_encoding(x: list[float], octaves: int) -> list[float]:
    row = list(x)
    for k in range(octaves):
        row += [math.sin(2**k * math.pi * value) for value in x]
        row += [math.cos(2**k * math.pi * value) for value in x]
    return row


def _points(seed: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (4, d))


@given(seeds, st.integers(1, 3), st.integers(0, 6))
def test_positional_encoding_vs_loop(seed, d, octaves):
    x = _points(seed, d)
    y = coords.positional_encoding(x, octaves)
    assert y.shape == (4, d * (1 + 2 * octaves))
    expected = np.array([_naive_positional_encoding(row, octaves) for row in x.tolist()])
    assert_close(y, expected, conditioning=2**octaves * math.pi)


@given(seeds, st.integers(1, 3), st.integers(0, 6))
def test_positional_encoding_backward_vs_complex_step(seed, d, octaves):
    x = _points(seed, d)
    dy = np.random.default_rng(seed + 1).standard_normal((4, d * (1 + 2 * octaves)))
    expected = complex_step_gradient(lambda x: (coords.positional_encoding(x, octaves) * dy).sum(), x)
    rate = 2**octaves * math.pi
    magnitude = rate * (1 + rate) * abs(dy).sum(axis=-1, keepdims=True)
    assert_close(coords.positional_encoding_backward(dy, x, octaves), expected, conditioning=magnitude)


@given(seeds, st.integers(1, 3), st.integers(1, 5))
def test_fourier_features_vs_loop(seed, d, m):
    x, f = _points(seed, d), 20 * np.random.default_rng(seed + 1).standard_normal((d, m))
    phases = [[math.fsum(row[i] * f[i, j] for i in range(d)) for j in range(m)] for row in x.tolist()]
    expected = [[math.cos(u) for u in row] + [math.sin(u) for u in row] for row in phases]
    y = coords.fourier_features(x, f)
    assert_close(y, np.array(expected), conditioning=np.tile(abs(x) @ abs(f), 2), terms=d)


@given(seeds, st.integers(1, 3), st.integers(1, 5))
def test_fourier_features_backward_vs_complex_step(seed, d, m):
    rng = np.random.default_rng(seed + 1)
    x, f, dy = _points(seed, d), 20 * rng.standard_normal((d, m)), rng.standard_normal((4, 2 * m))
    expected = complex_step_gradient(lambda x: (coords.fourier_features(x, f) * dy).sum(), x)
    magnitude = (abs(dy[:, :m]) + abs(dy[:, m:])) * (1 + abs(x) @ abs(f)) @ abs(f.T)
    assert_close(coords.fourier_features_backward(dy, x, f), expected, conditioning=magnitude, terms=d * m)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_is_dtype_out(dtype):
    x, f = _points(0, 2).astype(dtype), np.ones((2, 3), dtype)
    y, features = coords.positional_encoding(x, 3), coords.fourier_features(x, f)
    assert y.dtype == features.dtype == dtype
    assert coords.positional_encoding_backward(y, x, 3).dtype == dtype
    assert coords.fourier_features_backward(features, x, f).dtype == dtype


def test_leading_axes_are_carried_along():
    x, f = _points(1, 2), np.random.default_rng(2).standard_normal((2, 3))
    stacked = x[: 2 * (len(x) // 2)].reshape(2, -1, 2)
    flat = stacked.reshape(-1, 2)
    for forward, backward, argument in (
        (coords.positional_encoding, coords.positional_encoding_backward, 3),
        (coords.fourier_features, coords.fourier_features_backward, f),
    ):
        y = forward(flat, argument)
        assert_equal_exact(forward(stacked, argument), y.reshape(*stacked.shape[:2], -1))
        dx = backward(y, flat, argument)
        assert_equal_exact(backward(y.reshape(*stacked.shape[:2], -1), stacked, argument), dx.reshape(stacked.shape))


def test_a_negative_number_of_octaves():
    with pytest.raises(ValueError, match="octaves: expected 0 or more, got -1"):
        coords.positional_encoding(np.zeros((1, 1)), -1)
