"""Exact training: the same bits in any order, near the gradients of the loss, and as Adam does it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refinr import optim
from refinr.codec import dyadic, exact, mixture, network
from refinr.codec.contexts import Context
from tests.codec.strategies import random_network
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

SIZES = network.Sizes(6, 5, 4, mixture.OUTPUTS)


def _case(seed: int, count: int = 30, most: int = 60) -> tuple:
    rng = np.random.default_rng(seed)
    params = random_network(rng, SIZES, most)
    context = Context(
        rng.integers(0, 255, count) * 1.0,
        rng.integers(1, 40, count) / 4.0 + 0.4,
        rng.integers(-128, 129, (count, 6)) / 128.0,
        rng.integers(-512, 513, (count, 5)) / 64.0,
    )
    samples = np.clip(context.base + rng.integers(-9, 10, count), 0, 255)
    return params, context, mixture.targets(context, samples)


@given(seeds, st.sampled_from([20, network.MOST_UNITS]))
def test_gradients_are_the_same_bits_in_any_order(seed, most):
    params, context, wanted = _case(seed, most=most)
    once = dyadic.gradients(params, context.inputs, context.linear, wanted, 256)
    order = np.random.default_rng(seed).permutation(len(context.inputs))
    shuffled = mixture.Targets(*(field[order] for field in wanted))
    again = dyadic.gradients(params, context.inputs[order], context.linear[order], shuffled, 256)
    for name, g in once.items():
        assert_equal_exact(g, again[name])
    one_by_one = [
        dyadic.gradients(
            params,
            context.inputs[i : i + 1],
            context.linear[i : i + 1],
            mixture.Targets(*(f[i : i + 1] for f in wanted)),
            256,
        )
        for i in range(len(order))
    ]
    for name, g in once.items():
        total = sum(np.vectorize(Fraction, otypes=[object])(each[name]) for each in one_by_one)
        assert (total == np.vectorize(Fraction, otypes=[object])(g)).all()


def _by_hand(params: network.Params, inputs: np.ndarray, linear: np.ndarray, wanted: mixture.Targets, levels: int):
    """Sample by sample and component by component, in Python's floats."""
    p = {name: array.tolist() for name, array in params.items()}
    found = {name: np.zeros_like(array) for name, array in params.items()}
    for x, u, (t,), (half,) in zip(inputs.tolist(), linear.tolist(), *(f.tolist() for f in wanted), strict=True):
        first = [_dot(x, column) + b for column, b in zip(zip(*p["w0"], strict=True), p["b0"][0], strict=True)]
        hidden = [min(max(_rounded(v, 7), 0.0), 255.0) for v in first]
        outer = [_dot(hidden, column) for column in zip(*p["w1"], strict=True)] if hidden else [0.0] * 9
        z = [_rounded(v + b, 7) for v, b in zip(outer, p["b1"][0], strict=True)]
        dz, ds = _of_one(z, _dot(u, [w for (w,) in p["skip"]]), t, half, levels)
        back = [_dot(dz, row) if 0 < v < 255 else 0.0 for row, v in zip(p["w1"], first, strict=True)]
        back = [_cut(v) for v in back]
        found["w0"] += np.outer(x, back)
        found["b0"] += np.array([back])
        found["w1"] += np.outer(hidden, dz)
        found["b1"] += np.array([dz])
        found["skip"] += np.outer(u, [ds])
    return found


def _of_one(z: list[float], s: float, t: float, half: float, levels: int) -> tuple[list[float], float]:
    def function(table, v: float) -> float:
        return float(table(np.array([v]))[0])

    components = range(3)
    weights = [function(exact.exponential, max(z[i] - max(z[:3]), -16.0)) for i in components]
    total = weights[0] + weights[1] + weights[2]
    weights = [w / total for w in weights]
    rates = [function(exact.exponential, -min(max(v, -6.0), 4.0)) for v in z[6:]]
    centres = [(t - s - z[3 + i]) * rates[i] for i in components]
    steps = [2.0 * half * rate for rate in rates]
    upper = [function(exact.logistic, centres[i] + 0.5 * steps[i]) for i in components]
    lower = [function(exact.logistic, centres[i] - 0.5 * steps[i]) for i in components]
    share = [a - b for a, b in zip(upper, lower, strict=True)]
    mixed = weights[0] * share[0] + weights[1] * share[1] + weights[2] * share[2]
    factor = [-(1.0 - 2.0**-12) / ((1.0 - 2.0**-12) * mixed + 2.0**-12 / levels) * w for w in weights]
    lean = [share[i] * (upper[i] + lower[i] - 1.0) for i in components]
    slopes = [upper[i] * (1.0 - upper[i]) + lower[i] * (1.0 - lower[i]) for i in components]
    places = [factor[i] * lean[i] * rates[i] for i in components]
    widths = [
        factor[i] * (centres[i] * lean[i] - 0.5 * steps[i] * slopes[i]) if -6 < z[6 + i] < 4 else 0.0
        for i in components
    ]
    dz = [factor[i] * (share[i] - mixed) for i in components] + places + widths
    return [_cut(v) for v in dz], _cut(places[0] + places[1] + places[2])


def _dot(a, b) -> float:
    return float(sum(Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)))


def _rounded(v: float, bits: int) -> float:
    return math.floor(v * 2.0**bits + 0.5) / 2.0**bits


def _cut(v: float) -> float:
    return min(max(_rounded(v, 10), -8.0), 8.0)


@given(seeds, st.sampled_from([8, 60, network.MOST_UNITS]))
def test_gradients_are_those_that_are_computed_by_hand(seed, most):
    params, context, wanted = _case(seed, count=6, most=most)
    found = dyadic.gradients(params, context.inputs, context.linear, wanted, 256)
    for name, g in _by_hand(params, context.inputs, context.linear, wanted, 256).items():
        assert_equal_exact(found[name], g)


def test_at_the_ends_of_widths_and_hidden_values_there_is_no_gradient():
    size = network.Sizes(1, 1, 5, mixture.OUTPUTS)
    params = {name: np.ones(shape) for name, shape in network.shapes(size).items()}
    params["w0"][:] = 0.0, 127.5, 1.0, 0.0, 0.0
    params["b0"][:] = 0.0, 0.0, 0.0, 1.0, 1.0  # hidden values: 0, 255, 2, 1, 1
    params["w1"][:] = np.array([[0.25], [0.0], [0.25], [0.0], [0.0]])
    params["w1"][3:, 3:6] = np.array([[31.0], [-31.0]])  # what goes back is cut on either side
    params["b1"][:] = 0.25, 0.0, -0.25, 0.5, 0.0, -0.5, -6.5, 3.5, -1.0  # widths: -6, 4, -0.5
    wanted = mixture.Targets(np.array([[3.0], [0.0]]), np.array([[2.0**-10], [0.5]]))
    x = np.full((2, 1), 2.0)
    found = dyadic.gradients(params, x, x, wanted, 256)
    assert found["b1"][0, 6] == found["b1"][0, 7] == 0.0 != found["b1"][0, 8]
    assert found["b0"][0, 0] == found["b0"][0, 1] == 0.0 != found["b0"][0, 2]
    far = mixture.Targets(np.array([[4.0]]), np.array([[0.5]]))
    assert {-8.0, 8.0} <= set(dyadic.gradients(params, x[:1], x[:1], far, 256)["b0"][0])
    inside = {name: p.copy() for name, p in params.items()}
    inside["b1"][0, 6:8] += 2.0**-6, -(2.0**-6)
    assert dyadic.gradients(inside, x, x, wanted, 256)["b1"][0, 6:8].all()
    for each in (params, inside):
        for name, g in _by_hand(each, x, x, wanted, 256).items():
            assert_equal_exact(dyadic.gradients(each, x, x, wanted, 256)[name], g)


def test_sums_of_the_largest_step_are_exact():
    gradient = int(dyadic.MOST_GRADIENT * 2**dyadic.GRADIENT_UNIT)
    for largest in (16 * 2**7, 255 * 2**7, 8 * 2**6):  # of inputs, hidden values, linear inputs
        exact.largest_sum(dyadic.MOST_SAMPLES, largest, gradient)
    exact.largest_sum(mixture.OUTPUTS, gradient, network.MOST_UNITS)


@given(seeds)
def test_gradients_are_near_those_of_the_loss(seed):
    """Of small networks; hidden values and outputs are rounded to 2^-7, gradients of outputs to 2^-10.

    What is cut off is compared by hand above, to the last bit.
    """
    params, context, wanted = _case(seed, most=8)
    found = dyadic.gradients(params, context.inputs, context.linear, wanted, 256)
    z, s, cache = network.forward(params, context.inputs, context.linear)
    _, dz, ds = mixture.loss(z, s, wanted, 256)
    size = len(context.inputs)
    assume(max(np.abs(dz).max(), np.abs(ds).max()) * size < dyadic.MOST_GRADIENT)
    expected, _ = network.backward(dz, ds, cache)
    for name, g in expected.items():
        assert np.abs(found[name] - size * g).max() <= 0.05 * size * np.abs(g).max() + 0.03 * size


def test_steps_are_those_of_adam():
    rng = np.random.default_rng(0)
    params = {"w0": rng.normal(size=(3, 2)), "b0": rng.normal(size=(1, 2))}
    stepper = dyadic.Stepper(dict(params))
    adam = optim.Adam(betas=dyadic.BETAS, eps=1e-6)
    state = optim.init(adam, params)
    for t in range(20):
        grads = {name: rng.normal(size=p.shape) for name, p in params.items()}
        stepper.step(grads, 0.01)
        params, state = optim.step(adam, params, grads, state, t + 1, 0.01)
    for name, p in params.items():
        np.testing.assert_allclose(stepper.params[name], p, rtol=1e-12, atol=1e-12)


@given(seeds, st.integers(1, 12))
def test_elimination_solves(seed, size):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    matrix = root @ root.T + np.eye(size)
    x = rng.normal(size=(size, 1))
    np.testing.assert_allclose(dyadic.solve(matrix, matrix @ x), x, rtol=1e-6, atol=1e-6)


def test_a_singular_matrix_gives_no_solution():
    with pytest.warns(RuntimeWarning):
        assert not np.isfinite(dyadic.solve(np.zeros((1, 1)), np.ones((1, 1)))).all()
