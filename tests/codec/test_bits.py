"""Bit by bit: probabilities that add up to one, ask for nothing below, and have the gradients that JAX finds."""

from __future__ import annotations

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import bits, exact, network, rans
from refinr.codec.contexts import Context
from tests.codec.strategies import random_network
from tests.helpers import assert_equal_exact, complex_step_gradient
from tests.strategies import seeds


def _context(rng: np.random.Generator, count: int, levels: int) -> Context:
    base = rng.integers(0, 4 * levels, count) / 4.0
    scale = rng.integers(1, 64, count) / 4.0 + 0.4
    return Context(base, scale, rng.integers(-128, 129, (count, 5)) / 128.0, rng.integers(-512, 513, (count, 4)) / 64.0)


def _network(rng: np.random.Generator, most: int, hidden: int = 3) -> network.Params:
    return random_network(rng, network.Sizes(5 + bits.FEATURES, 4, hidden, bits.OUTPUTS), most)


@given(seeds, st.integers(1, 40), st.sampled_from([0, 20, network.MOST_UNITS]))
def test_probabilities_of_all_samples_add_up_to_one(seed, levels, most):
    """As fractions: the product over the bits is the probability of the sample, and none is impossible."""
    rng = np.random.default_rng(seed)
    context = _context(rng, 1, levels)
    total = Fraction(0)
    for sample in range(levels):
        written = bits.bits(_network(np.random.default_rng(seed), most), context, levels).write(
            np.array([float(sample)])
        )
        p = Fraction(1)
        for start, frequency in written:
            assert 0 <= start[0] < start[0] + frequency[0] <= 1 << rans.PRECISION
            p *= Fraction(int(frequency[0]), 1 << rans.PRECISION)
        assert p > 0
        total += p
    assert total == 1


@given(seeds, st.sampled_from([2, 3, 16, 200, 2**16, 2**32]), st.sampled_from([0, 20, network.MOST_UNITS]))
def test_a_bit_asks_for_those_above_it_alone(seed, levels, most):
    rng = np.random.default_rng(seed)
    context = _context(rng, 9, levels)
    expected = bits.bits(_network(rng, most), context, levels)
    one, other = (rng.integers(0, levels, 9).astype(float) for _ in range(2))
    first, second = expected.write(one), expected.write(other)
    for plane, (a, b) in enumerate(zip(first, second, strict=True)):
        width = 2.0 ** (bits.planes(levels) - plane)
        above = np.floor(one / width) == np.floor(other / width)  # all bits above this one are equal
        zeros = [np.where(start > 0, start, frequency) for start, frequency in (a, b)]
        assert_equal_exact(zeros[0][above], zeros[1][above])


@given(seeds, st.sampled_from([1, 2, 5, 256, 1000, 2**20]), st.integers(1, 5))
def test_samples_come_back(seed, levels, lanes):
    rng = np.random.default_rng(seed)
    expected = bits.bits(_network(rng, 30), _context(rng, 13, levels), levels)
    samples = rng.integers(0, levels, 13).astype(float)
    content = rans.encode(expected.write(samples), lanes)
    decoder = rans.Decoder(content, lanes)
    assert_equal_exact(expected.read(decoder), samples)
    decoder.finish()


def test_gradients_are_those_of_jax_and_the_loss_is_what_the_coder_takes():
    rng = np.random.default_rng(0)
    levels = 200
    context = _context(rng, 50, levels)
    samples = rng.integers(0, levels, 50).astype(float)
    params = _network(rng, 20, hidden=6)
    wanted = bits.targets(context, samples)
    nats, grads = bits.loss(params, context.inputs, context.linear, wanted, levels)
    coded = bits.bits(params, context, levels).write(samples)
    assert nats * 50 / np.log(2) == pytest.approx(rans.ideal_bits(coded), rel=0.01)

    steps = 2.0 ** np.arange(7, -1, -1)
    low = np.floor(samples[:, None] / (2 * steps)) * 2 * steps
    sides = bits.sides(
        context.base[:, None] + context.scale[:, None] * (context.linear @ params["skip"]),
        context.scale[:, None], low, steps, levels,
    )  # fmt: skip

    def total(params: dict) -> jax.Array:
        nats = 0.0
        for k in range(8):
            x = jnp.concatenate([context.inputs, sides.features[:, k]], axis=1)
            z = (jnp.maximum(x @ params["w0"] + params["b0"], 0) @ params["w1"] + params["b1"])[:, 0]
            known = sides.above[:, k] > 0
            logit = z + jnp.log(jnp.where(known, sides.above[:, k], 1.0) / sides.below[:, k])
            sign = jnp.where(samples >= low[:, k] + steps[k], 1.0, -1.0)
            nats = nats + jnp.where(known, jnp.logaddexp(0.0, -sign * logit), 0.0).sum()
        return nats / 50

    expected, expected_grads = jax.value_and_grad(total)({k: jnp.asarray(p) for k, p in params.items()})
    assert nats == pytest.approx(float(expected), rel=1e-9)
    for name in ("w0", "b0", "w1", "b1"):
        np.testing.assert_allclose(grads[name], expected_grads[name], rtol=1e-7, atol=1e-9)
    assert not grads["skip"].any()


@pytest.mark.parametrize("levels", [2, 3, 5, 200])
def test_gradients_are_those_of_complex_steps(levels):
    """Bit by bit, with the guess of each in Python's floats."""
    rng = np.random.default_rng(levels)
    context = _context(rng, 7, levels)
    samples = rng.integers(0, levels, 7).astype(float)
    samples[:2] = 0, levels - 1
    params = _network(rng, 20)
    wanted = bits.targets(context, samples)
    assert all(field.shape == (7, 1) for field in wanted)
    nats, grads = bits.loss(params, context.inputs, context.linear, wanted, levels)
    cases = []
    for n, sample in enumerate(samples):
        place = context.base[n] + context.scale[n] * float((context.linear @ params["skip"])[n, 0])
        for plane in range((levels - 1).bit_length() - 1, -1, -1):
            low = sample // 2.0 ** (plane + 1) * 2.0 ** (plane + 1)
            ends = [min(low + i * 2.0**plane, levels) for i in range(3)]
            lengths = [(end - (place + 0.5)) / context.scale[n] for end in ends]
            heights = [
                end * (2.0**-10 / levels) + sum(float(exact.logistic(np.array([x * r]))[0]) for r in (4.0, 1.5, 0.5))
                for end, x in zip(ends, lengths, strict=True)
            ]
            above, below = heights[2] - heights[1], heights[1] - heights[0]
            if above > 0:
                squashed = [x / (1 + abs(x)) for x in lengths]
                features = np.floor(np.array([above / (above + below), *squashed]) * 128 + 0.5) / 128
                cases.append((np.append(context.inputs[n], features), sample >= ends[1], np.log(above / below)))
    x, bit, guess = (np.array(field) for field in zip(*cases, strict=True))

    def total(params):
        first = x @ params["w0"] + params["b0"]
        z = (np.where(first.real > 0, first, 0) @ params["w1"] + params["b1"])[:, 0] + guess
        return np.log1p(np.exp(np.where(bit, -1, 1) * z)).sum() / 7

    assert abs(nats - total(params)) < 1e-9
    for name in ("w0", "b0", "w1", "b1"):
        expected = complex_step_gradient(lambda p, name=name: total(params | {name: p}), params[name])
        assert abs(grads[name] - expected).max() < 1e-6
    assert not grads["skip"].any()


def test_gradients_of_float32_are_float32():
    rng = np.random.default_rng(0)
    context = _context(rng, 7, 200)
    params = {name: p.astype(np.float32) for name, p in _network(rng, 20).items()}
    wanted = bits.targets(context, rng.integers(0, 200, 7).astype(float))
    inputs, linear = context.inputs.astype(np.float32), context.linear.astype(np.float32)
    nats, grads = bits.loss(params, inputs, linear, wanted, 200)
    assert {g.dtype for g in grads.values()} == {np.dtype(np.float32)}
    assert {name: g.shape for name, g in grads.items()} == {name: p.shape for name, p in params.items()}
    assert isinstance(nats, float)
