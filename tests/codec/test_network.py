"""The codec's network: gradients as JAX has them, evaluation exact."""

from __future__ import annotations

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import contexts, exact, network
from tests.codec.strategies import random_network
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import seeds

sizes = st.builds(
    network.Sizes, st.integers(1, 60), st.integers(1, 60), st.integers(1, 32), st.integers(1, 9), st.just(0)
)


def _inputs(rng: np.random.Generator, size: network.Sizes, samples: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Inputs as contexts have them, the largest among them."""
    most = int(contexts.MOST_LINEAR * 2**contexts.LINEAR_UNIT)
    x = rng.integers(-(2**11) + 1, 2**11, (samples, size.inputs)) / 2.0**contexts.SQUASHED_UNIT
    u = rng.integers(-most, most + 1, (samples, size.linear)) / 2.0**contexts.LINEAR_UNIT
    x[0], u[0] = contexts.MOST_SCALE - 2.0**-7, contexts.MOST_LINEAR
    return x, u


@given(
    seeds,
    st.builds(network.Sizes, st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.integers(1, 9), st.just(0)),
)
def test_gradients_are_those_of_jax(seed, size):
    rng = np.random.default_rng(seed)
    params = {name: rng.normal(size=shape) for name, shape in network.shapes(size).items()}
    x, u = rng.normal(size=(5, size.inputs)), rng.normal(size=(5, size.linear))
    dz, ds = rng.normal(size=(5, size.outputs)), rng.normal(size=(5, 1))

    def total(params, x):
        z = jnp.maximum(x @ params["w0"] + params["b0"], 0) @ params["w1"] + params["b1"]
        return (z * dz).sum() + (u @ params["skip"] * ds).sum()

    z, s, cache = network.forward(params, x, u)
    assert_close(np.asarray((z * dz).sum() + (s * ds).sum()), np.asarray(total(params, x)), conditioning=100, terms=99)
    expected, expected_dx = jax.grad(total, (0, 1))(params, x)
    grads, dx = network.backward(dz, ds, cache, input_gradient=True)
    for name, g in expected.items():
        assert_close(grads[name], np.asarray(g), conditioning=100.0, terms=99)
    assert_close(dx, np.asarray(expected_dx), conditioning=100.0, terms=99)
    assert network.backward(dz, ds, cache)[1] is None


@given(seeds)
def test_gradients_are_those_of_complex_steps(seed):
    rng = np.random.default_rng(seed)
    size = network.Sizes(3, 4, 2, 5)
    params = {name: rng.normal(size=shape) for name, shape in network.shapes(size).items()}
    x, u, dz, ds = (rng.normal(size=shape) for shape in ((6, 3), (6, 4), (6, 5), (6, 1)))

    def total(params, x):
        first = x @ params["w0"] + params["b0"]
        z = np.where(first.real > 0, first, 0) @ params["w1"] + params["b1"]
        return (z * dz).sum() + (u @ params["skip"] * ds).sum()

    z, s, cache = network.forward(params, x, u)
    assert abs((z * dz).sum() + (s * ds).sum() - total(params, x)) < 1e-11
    grads, dx = network.backward(dz, ds, cache, input_gradient=True)
    assert list(grads) == list(params)
    for name, p in params.items():
        expected = complex_step_gradient(lambda p, name=name: total(params | {name: p}, x), p)
        assert_close(grads[name], expected, conditioning=100.0, terms=99)
    assert_close(dx, complex_step_gradient(lambda x: total(params, x), x), conditioning=100.0, terms=99)
    assert network.backward(dz, ds, cache)[1] is None


def test_what_networks_start_from():
    size = network.Sizes(50, 7, 400, 9, 3)
    found = network.init(size, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    assert {name: p.shape for name, p in found.items()} == network.shapes(size._replace(lags=0))
    assert_equal_exact(found["w0"], (rng.normal(size=(50, 400)) * (2 / 50) ** 0.5).astype(np.float32))
    assert_equal_exact(found["w1"], (rng.normal(size=(400, 9)) * (0.3 / 20)).astype(np.float32))
    for name in ("b0", "b1", "skip"):
        assert found[name].dtype == np.float32
        assert not found[name].any()
    assert network.init(size._replace(hidden=0), rng)["w1"].shape == (0, 9)


def test_sizes_and_units():
    size = network.Sizes(17, 16, 24, 9, 5)
    expected = {"w0": (17, 24), "b0": (1, 24), "w1": (24, 9), "b1": (1, 9), "skip": (16, 1), "lags": (5, 1)}
    assert network.shapes(size) == expected
    assert network.count(size) == 673 + 5
    assert network.largest_sums(size) == (
        17 * 2048 * 2047 + 2047 * 128, 24 * 255 * 128 * 2047 + 2047 * 128, 16 * 512 * 2047
    )  # fmt: skip
    halves = {name: np.array([[0.5 / 2**bits, 1.5 / 2**bits, -0.6 / 2**bits]]) for name, bits in network.UNITS.items()}
    for units in network.to_units(halves | {"lags": np.ones((1, 1))}).values():
        assert_equal_exact(units, np.array([[0, 2, -1]]))
    assert "lags" not in network.to_units({"lags": np.ones((1, 1))})
    back = network.from_units({"skip": np.array([[-2047, 3]]), "lags": np.array([[7]])})
    assert_equal_exact(back["skip"], np.array([[-2047 / 256, 3 / 256]]))
    assert_equal_exact(back["lags"], np.array([[7.0]]))
    assert network.to_units({"b0": np.array([[-1e9, 1e9]])})["b0"].tolist() == [[-2047, 2047]]


@given(seeds, sizes, st.sampled_from([20, network.MOST_UNITS]))
def test_evaluation_is_exact_in_every_order_and_library(seed, size, most):
    """Against Python's integers: no sum is ever rounded, and none exceeds its bound."""
    rng = np.random.default_rng(seed)
    params = random_network(rng, size, most)
    x, u = _inputs(rng, size)
    z, s = network.evaluate(params, x, u)
    bounds = network.largest_sums(size)

    def whole(array, bits):
        scaled = array * 2.0**bits
        assert (scaled == np.rint(scaled)).all()
        return [[int(v) for v in row] for row in scaled]

    def product(a, b):
        return [[sum(p * q for p, q in zip(r, c, strict=True)) for c in zip(*b, strict=True)] for r in a]

    w0, b0, w1, b1, skip = (whole(params[name], bits) for name, bits in network.UNITS.items())
    hidden = [[v + (o << 7) for v, o in zip(r, b0[0], strict=True)] for r in product(whole(x, 7), w0)]
    assert all(abs(v) <= bounds[0] for r in hidden for v in r)
    # units 2^-11: to 2^-7, halves upwards
    hidden = [[min(max((v + 8) >> 4, 0), 255 << 7) for v in r] for r in hidden]
    out = [[v + (o << 7) for v, o in zip(r, b1[0], strict=True)] for r in product(hidden, w1)]
    assert all(abs(v) <= bounds[1] for r in out for v in r)
    assert (z * 2.0**7).tolist() == [[float((v + 32) >> 6) for v in r] for r in out]
    lines = product(whole(u, 6), skip)
    assert all(abs(v) <= bounds[2] for r in lines for v in r)
    assert (s * 2.0**14).tolist() == [[float(v) for v in r] for r in lines]

    device = array_api_strict.Device("device1")
    there = [array_api_strict.asarray(a, device=device) for a in (x, u)]
    strict = network.evaluate({k: array_api_strict.asarray(p, device=device) for k, p in params.items()}, *there)
    for ours, theirs in zip((z, s), strict, strict=True):
        assert_equal_exact(np.from_dlpack(theirs.to_device(array_api_strict.Device("CPU_DEVICE"))), ours, bitwise=True)


def test_the_largest_networks_are_far_below_the_bound():
    assert max(network.largest_sums(network.Sizes(300, 300, 255, 9))) < exact.EXACT // 2**15
    with pytest.raises(ValueError, match="2\\^53"):
        network.largest_sums(network.Sizes(2**40, 1, 1, 1))


@given(seeds, sizes)
def test_rounded_parameters_are_the_nearest_ones(seed, size):
    rng = np.random.default_rng(seed)
    params = network.init(size, rng)
    back = network.from_units(network.to_units(params), "float32")
    for name, bits in network.UNITS.items():
        assert back[name].dtype == np.float32
        assert (abs(back[name] - params[name]) <= 2.0 ** -(bits + 1)).all()
    huge = {name: 1e9 * np.ones_like(p) for name, p in params.items()}
    assert all((u == network.MOST_UNITS).all() for u in network.to_units(huge).values())


@given(seeds, sizes)
def test_the_exact_outputs_are_near_those_of_training(seed, size):
    rng = np.random.default_rng(seed)
    params = random_network(rng, size, 40)
    x, u = _inputs(rng, size)
    x = np.clip(x, -1, 1)
    hidden = np.minimum(np.maximum(x @ params["w0"] + params["b0"], 0), network.MOST_HIDDEN)
    z, s = network.evaluate(params, x, u)
    assert (abs(z - (hidden @ params["w1"] + params["b1"])) <= 2.0**-8 * (1 + abs(params["w1"]).sum(0)) + 1e-9).all()
    if (hidden < network.MOST_HIDDEN).all():
        z_trained, s_trained, _ = network.forward(params, x, u)
        assert_close(z_trained, hidden @ params["w1"] + params["b1"], conditioning=1e4, terms=99)
        assert_equal_exact(s, s_trained)
