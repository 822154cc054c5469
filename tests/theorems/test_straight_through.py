"""Theorem (what the straight-through gradient is the gradient of).

For ``y = x q(w) + b`` with any elementwise quantiser q, the straight-through estimator passes the gradient of the
quantised weights on to w: ``dw = x^T dy``, ``dx = dy q(w)^T``.  It is the exact gradient, for any loss, of the layer
``y = x (v + c) + b`` at v = w, with the offset ``c = q(w) - w`` frozen.  It is not that of ``x q(w) + b``, which is 0
wherever q is locally constant.

From: the ternary layer, Eq. (12) of Han et al., CVPR 2025; Bengio et al., arXiv 1308.3432, for the estimator; the
statement is ours.

Proof sketch.  At v = w both layers have the same output, hence the same dy; the frozen one is linear in v with
derivative x.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.layers import linear, linear_backward
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import seeds

QUANTISERS = {
    "sign": np.sign,
    "ternary": lambda w: np.clip(np.rint(w / np.mean(abs(w))), -1, 1) * np.mean(abs(w)),
    "round to eighths": lambda w: np.rint(8 * w) / 8,
    "none": lambda w: w,
    "nothing to do with w": lambda w: np.sin(1e4 * w),
}


def _draw(seed: int, nets: int, samples: int, fan_in: int, fan_out: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    shapes = (samples, fan_in), (nets, fan_in, fan_out), (nets, 1, fan_out), (nets, samples, fan_out)
    return tuple(rng.uniform(-1.0, 1.0, shape) for shape in shapes)


@given(seeds, *[st.integers(1, 3)] * 4, st.sampled_from(list(QUANTISERS)))
def test_straight_through_vs_complex_step_with_the_offset_frozen(seed, nets, samples, fan_in, fan_out, name):
    x, w, b, target = _draw(seed, nets, samples, fan_in, fan_out)
    q = QUANTISERS[name](w)
    offset = q - w

    def loss(v, inputs):
        z = linear(inputs, v + offset, b)[0] - target
        return (z * z * z).sum()

    y, cache = linear(x, q, b)
    dy = 3 * (y - target) ** 2
    dw, _, dx = linear_backward(dy, cache)
    # y is off by eps (|x| (|w| + |offset|) + |b|) per term, and so is dy = 3 (y - target)^2
    size = abs(x) @ (abs(w) + abs(offset)) + abs(b) + abs(target)
    spread = 6 * (size * size)
    xt, terms = x.T, 4 * samples * fan_in * nets * fan_out
    assert_close(dw, complex_step_gradient(lambda v: loss(v, x), w), conditioning=abs(xt) @ spread, terms=terms)
    along_x = (spread @ np.swapaxes(abs(w) + abs(offset), -1, -2)).sum(axis=0)
    assert_close(dx, complex_step_gradient(lambda u: loss(w, u), x), conditioning=along_x, terms=terms)


@pytest.mark.parametrize("name", ["sign", "round to eighths"])
def test_it_is_not_the_gradient_of_the_quantised_layer(name):
    x, b = np.array([[1.0, 2.0]]), np.zeros((1, 1))
    w, nudge = np.array([[0.3], [-0.7]]), 2.0**-20
    y, cache = linear(x, QUANTISERS[name](w), b)
    assert_equal_exact(linear(x, QUANTISERS[name](w + nudge), b)[0], y)  # constant: its gradient is 0
    assert_equal_exact(linear_backward(np.ones((1, 1)), cache)[0], x.T)  # the straight-through one is not


def test_in_whole_numbers_the_gradient_is_exact():
    x, w, b = np.array([[1.0, -2.0], [3.0, 5.0]]), np.array([[2.0], [-3.0]]), np.zeros((1, 1))
    q = np.sign(w)
    y, cache = linear(x, q, b)
    dw, db, dx = linear_backward(y, cache)  # loss y^2 / 2
    half = [0.5 * (linear(x, w + e + (q - w), b)[0] ** 2).sum() for s in (1, -1) for e in s * np.eye(2)[..., None]]
    # a symmetric difference is exact for a square
    assert dw.ravel().tolist() == [(half[i] - half[i + 2]) / 2 for i in (0, 1)]
    assert db.tolist() == [[y.sum()]]
    assert_equal_exact(dx, y @ q.T)
