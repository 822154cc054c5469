"""Activations against their formulas and SciPy, their gradients against the complex step and JAX."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from refinr import activations
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import ANALYTIC, seeds

OPTIONS = {"omega": 30.0, "scale": 10.0}
FORMULAS = {
    "sine": lambda z: jnp.sin(30.0 * z),
    "finer": lambda z: jnp.sin(30.0 * (jnp.abs(z) + 1.0) * z),
    "finer-stopped": lambda z: jnp.sin(30.0 * jax.lax.stop_gradient(jnp.abs(z) + 1.0) * z),
    "gauss": lambda z: jnp.exp(-((10.0 * z) ** 2)),
    "wire": lambda z: jnp.cos(30.0 * z) * jnp.exp(-((10.0 * z) ** 2)),
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": lambda z: z * jax.scipy.stats.norm.cdf(z),
}
# the slope of each anywhere within |z| <= 2: what rounding of the argument is multiplied by
SLOPES = {
    "sine": 30.0,
    "finer": 30.0 * 5.0,
    "finer-stopped": 30.0 * 5.0,
    "gauss": 10.0,
    "wire": 40.0,
    "relu": 1.0,
    "tanh": 1.0,
    "gelu": 1.2,
}
NAMES = pytest.mark.parametrize("name", FORMULAS)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def _forward(name: str, z: np.ndarray) -> tuple[np.ndarray, tuple]:
    activation = activations.get(name)
    return activation.forward(z, **activation.constants | {key: OPTIONS[key] for key in activation.parameters})


def _arguments(dtype: str = "float64") -> np.ndarray:
    # zero and both signs, near zero where Gauss and WIRE live, and out to 2
    rng = np.random.default_rng(0)
    return np.concatenate([np.linspace(-2, 2, 101), 0.1 * rng.standard_normal(99)]).astype(dtype).reshape(2, 50, 2)


def test_every_activation_is_tested():
    assert FORMULAS.keys() == activations.ACTIVATIONS.keys()


@NAMES
@DTYPES
def test_values_and_gradients_vs_jax_in_double_precision(name, dtype):
    z = _arguments(dtype)
    dy = np.random.default_rng(1).standard_normal(z.shape).astype(dtype)
    value, pull = jax.vjp(FORMULAS[name], z.astype("float64"))
    (gradient,) = pull(dy.astype("float64"))
    y, cache = _forward(name, z)
    slope = SLOPES[name]
    assert_close(y, np.asarray(value), dtype=dtype, conditioning=slope * abs(z))
    # the gradient is of the order of the slope, and bends by the slope once more
    conditioning = abs(dy) * slope * (1 + slope * abs(z))
    assert_close(
        activations.get(name).backward(dy, cache), np.asarray(gradient), dtype=dtype, conditioning=conditioning
    )


@given(seeds, st.sampled_from(ANALYTIC))
def test_gradients_vs_complex_step(seed, name):
    rng = np.random.default_rng(seed)
    z, dy = rng.uniform(-1, 1, (3, 2)), rng.standard_normal((3, 2))
    _, cache = _forward(name, z)
    expected = complex_step_gradient(lambda z: (_forward(name, z)[0] * dy).sum(), z)
    slope = SLOPES[name]
    conditioning = abs(dy) * slope * (1 + slope * abs(z))
    assert_close(activations.get(name).backward(dy, cache), expected, conditioning=conditioning)


@NAMES
def test_options_reach_the_formula(name):
    z, activation = np.array([0.03, -0.02]), activations.get(name)
    y, _ = _forward(name, z)
    for option in activation.parameters:
        changed = activation.forward(z, **activation.constants | {option: 7.0})[0]
        assert (changed != y).all()


@NAMES
def test_defaults_are_the_papers_numbers(name):
    z, activation = _arguments(), activations.get(name)
    assert_equal_exact(activation.forward(z, **activation.constants)[0], _forward(name, z)[0])


def test_finer_is_not_stopped_by_default():
    z, one = np.array([0.5]), np.array([1.0])
    assert activations.finer_backward(one, activations.finer(z)[1])[0] == pytest.approx(60 * math.cos(22.5))
    assert activations.finer_backward(one, activations.finer(z, stopped=True)[1])[0] == pytest.approx(
        45 * math.cos(22.5)
    )


def test_relu_passes_no_gradient_at_zero_but_nan_through():
    _, cache = activations.relu(np.array([-1.0, -0.0, 0.0, 2.0]))
    assert_equal_exact(activations.relu_backward(np.full(4, 3.0), cache), np.array([0.0, 0.0, 0.0, 3.0]))
    assert np.isnan(activations.relu(np.array([np.nan]))[0]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tanh_gradient_does_not_cancel(dtype):
    z = np.array([1.0, 3.0, 6.0], dtype)
    y, cache = activations.tanh(z)
    exact = 1 - y.astype("longdouble") ** 2
    assert_close(activations.tanh_backward(np.ones(3, dtype), cache), exact.astype("float64"), dtype=dtype)


# --- the normal distribution without an erf --------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "lowest"), [("float32", -12.5), ("float64", -37.0)])
def test_normal_cdf_vs_scipy_down_to_the_smallest_normal_number(dtype, lowest):
    z = np.linspace(lowest, 40.0, 20001).astype(dtype)
    expected = ndtr(z.astype("float64"))
    # exp(-z^2 / 2) turns a relative error of z into z^2 times as much
    conditioning = np.where(z < 0, z.astype("float64") ** 2, 0.0) * expected
    assert_close(activations.normal_cdf(z), expected, dtype=dtype, conditioning=conditioning)


@DTYPES
def test_normal_cdf_is_symmetric_and_stays_a_probability(dtype):
    z = np.linspace(0.0, 50.0, 5001).astype(dtype)
    above, below = activations.normal_cdf(z), activations.normal_cdf(-z)
    assert above[0] == 0.5
    assert_close(above + below, np.ones(len(z), dtype))
    assert ((below >= 0) & (below <= 0.5) & (above <= 1)).all()


def test_gelu_is_the_exact_one_not_the_tanh_formula():
    z = np.linspace(-6.0, 6.0, 12001)
    exact = z * ndtr(z)
    by_tanh = 0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    assert 4.7e-4 < abs(by_tanh - exact).max() < 4.8e-4
    assert_close(activations.gelu(z)[0], exact, conditioning=z * z * abs(exact))


def test_activations_by_name():
    assert activations.get("sine").forward is activations.sine
    with pytest.raises(ValueError, match="activation: unknown name 'sin'; known are sine, finer"):
        activations.get("sin")


@pytest.mark.parametrize("omega", [0.5, 1.0, 2.0, 30.0])
def test_the_frequency_of_a_sine_is_omega(omega):
    """Multiplying by 1.0 is left out, by nothing else."""
    z = np.linspace(-1.0, 1.0, 9)
    y, cache = activations.sine(z, omega)
    assert_equal_exact(y, np.sin(omega * z))
    assert_close(activations.sine_backward(np.ones(9), cache), omega * np.cos(omega * z))


@DTYPES
def test_the_normal_distribution_ends_at_infinity(dtype):
    ends = np.array([-np.inf, -1e30, 1e30, np.inf], dtype)
    assert_equal_exact(activations.normal_cdf(ends), np.array([0.0, 0.0, 1.0, 1.0], dtype))
