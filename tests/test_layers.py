"""The linear layer against loops over single numbers, for one network, many, and inputs shared or not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import layers
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import seeds

sides = st.integers(1, 6)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def _case(seed: int, e: int, n: int, i: int, o: int, shared: bool) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    shapes = [(n, i) if shared else (e, n, i), (e, i, o), (e, 1, o), (e, n, o)]
    return tuple(rng.standard_normal(shape) for shape in shapes)  # x, w, b, dy


def _naive(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    y = np.empty((len(w), x.shape[-2], w.shape[-1]))
    for e, n, o in np.ndindex(y.shape):
        row = x[n] if x.ndim == 2 else x[e, n]
        y[e, n, o] = math.fsum([*(p * q for p, q in zip(row, w[e, :, o], strict=True)), b[e, 0, o]])
    return y


def _naive_backward(dy: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dw, db, dx = np.zeros(w.shape), np.zeros((len(w), 1, w.shape[-1])), np.zeros(x.shape)
    for e, n, o in np.ndindex(dy.shape):
        db[e, 0, o] += dy[e, n, o]
        for i in range(w.shape[1]):
            sample = (n, i) if x.ndim == 2 else (e, n, i)
            dw[e, i, o] += x[sample] * dy[e, n, o]
            dx[sample] += dy[e, n, o] * w[e, i, o]
    return dw, db, dx


@given(seeds, sides, sides, sides, sides, st.booleans())
def test_forward_vs_naive_loop(seed, e, n, i, o, shared):
    x, w, b, _ = _case(seed, e, n, i, o, shared)
    y, _ = layers.linear(x, w, b)
    assert_close(y, _naive(x, w, b), conditioning=np.matmul(abs(x), abs(w)) + abs(b), terms=i + 1)


@given(seeds, sides, sides, sides, sides, st.booleans())
def test_backward_vs_naive_loop(seed, e, n, i, o, shared):
    x, w, b, dy = _case(seed, e, n, i, o, shared)
    gradients = layers.linear_backward(dy, layers.linear(x, w, b)[1])
    magnitudes = _naive_backward(abs(dy), abs(x), abs(w))
    for gradient, expected, magnitude in zip(gradients, _naive_backward(dy, x, w), magnitudes, strict=True):
        assert_close(gradient, expected, conditioning=magnitude, terms=e * n * o)


@given(seeds, st.booleans())
def test_backward_vs_complex_step(seed, shared):
    x, w, b, dy = _case(seed, 2, 3, 2, 2, shared)
    dw, db, dx = layers.linear_backward(dy, layers.linear(x, w, b)[1])
    magnitudes = _naive_backward(abs(dy), abs(x), abs(w))
    expected = [
        complex_step_gradient(lambda w: (layers.linear(x, w, b + 0j)[0] * dy).sum(), w),
        complex_step_gradient(lambda b: (layers.linear(x + 0j, w, b)[0] * dy).sum(), b),
        complex_step_gradient(lambda x: (layers.linear(x, w, b + 0j)[0] * dy).sum(), x),
    ]
    for gradient, reference, magnitude in zip((dw, db, dx), expected, magnitudes, strict=True):
        assert_close(gradient, reference, conditioning=magnitude, terms=12)


@DTYPES
def test_one_network_without_the_leading_axis(dtype):
    x, w, b, dy = (array.astype(dtype) for array in _case(0, 1, 5, 3, 2, True))
    y, cache = layers.linear(x, w, b)
    alone, own_cache = layers.linear(x, w[0], b[0])
    assert_equal_exact(alone, y[0])
    dw, db, dx = layers.linear_backward(dy, cache)
    own = layers.linear_backward(dy[0], own_cache)
    for gradient, expected in zip(own, (dw[0], db[0], dx), strict=True):
        assert_equal_exact(gradient, expected)


def test_a_shared_input_is_the_same_input_to_every_network():
    x, w, b, dy = _case(0, 3, 5, 2, 4, True)
    y, cache = layers.linear(x, w, b)
    apart = np.stack([x] * 3)
    y_apart, cache_apart = layers.linear(apart, w, b)
    assert_equal_exact(y, y_apart)
    dw, db, dx = layers.linear_backward(dy, cache)
    dw_apart, db_apart, dx_apart = layers.linear_backward(dy, cache_apart)
    assert_equal_exact(dw, dw_apart)
    assert_equal_exact(db, db_apart)
    assert_close(dx, dx_apart.sum(axis=0), conditioning=abs(dx_apart).sum(axis=0), terms=3)


@pytest.mark.parametrize("o", [1, 3])
def test_without_an_input_gradient_the_others_are_the_same(o):
    x, w, b, dy = _case(0, 2, 4, 3, o, True)
    _, cache = layers.linear(x, w, b)
    dw, db, _ = layers.linear_backward(dy, cache)
    only_dw, only_db, nothing = layers.linear_backward(dy, cache, input_gradient=False)
    assert nothing is None
    assert_equal_exact(only_dw, dw)
    assert_equal_exact(only_db, db)


@DTYPES
def test_dtype_in_is_dtype_out(dtype):
    x, w, b, dy = (array.astype(dtype) for array in _case(0, 2, 4, 3, 1, True))
    y, cache = layers.linear(x, w, b)
    assert {array.dtype for array in (y, *layers.linear_backward(dy, cache))} == {np.dtype(dtype)}


def test_a_layer_without_outputs_has_gradients_of_its_shapes():
    x = np.ones((2, 3, 4))
    y, cache = layers.linear(x, np.ones((2, 4, 0)), np.ones((2, 1, 0)))
    dw, db, dx = layers.linear_backward(y, cache)
    assert [g.shape for g in (dw, db, dx)] == [(2, 4, 0), (2, 1, 0), (2, 3, 4)]
