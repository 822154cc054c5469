"""Exact training: the same bits in any order, near the gradients of the loss, and as Adam does it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
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


def test_sums_of_the_largest_step_are_exact():
    gradient = int(dyadic.MOST_GRADIENT * 2**dyadic.GRADIENT_UNIT)
    for largest in (16 * 2**7, 255 * 2**7, 8 * 2**6):  # of inputs, hidden values, linear inputs
        exact.largest_sum(dyadic.MOST_SAMPLES, largest, gradient)
    exact.largest_sum(mixture.OUTPUTS, gradient, network.MOST_UNITS)


@given(seeds)
def test_gradients_are_near_those_of_the_loss(seed):
    """Of small networks; hidden values and outputs are rounded to 2^-7, gradients of outputs to 2^-10."""
    params, context, wanted = _case(seed, most=8)
    found = dyadic.gradients(params, context.inputs, context.linear, wanted, 256)
    z, s, cache = network.forward(params, context.inputs, context.linear)
    _, dz, ds = mixture.loss(z, s, wanted, 256)
    size = len(context.inputs)
    assert max(np.abs(dz).max(), np.abs(ds).max()) * size < dyadic.MOST_GRADIENT  # none is cut off
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
        np.testing.assert_allclose(stepper.params[name], p, rtol=1e-6, atol=1e-6)


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
