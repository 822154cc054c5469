"""Probabilities: gradients as JAX has them, bits that multiply to samples, sums of one."""

from __future__ import annotations

import math

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import exact, mixture
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import seeds

levels = st.sampled_from([1, 2, 3, 16, 200, 256])


def outputs(rng: np.random.Generator, samples: int, top: float) -> tuple[np.ndarray, ...]:
    """z, s, base, scale as networks and contexts have them."""
    z = np.floor(rng.normal(size=(samples, mixture.OUTPUTS)) * 3 * 128) / 128
    s = np.floor(rng.normal(size=(samples, 1)) * 2**14) / 2**14
    return z, s, rng.integers(0, 4 * int(top) + 1, samples) / 4, rng.uniform(0.2, 1 + top / 4, samples)


def given_of(seed: int, top: int, samples: int = 5) -> mixture.Distribution:
    return mixture.distribution(*outputs(np.random.default_rng(seed), samples, top), top + 1)


@given(seeds, levels)
def test_loss_and_gradients_are_those_of_jax(seed, levels):
    rng = np.random.default_rng(seed)
    z, s = 2 * rng.normal(size=(6, 9)), rng.normal(size=(6, 1))
    t, half = 3 * rng.normal(size=(6, 1)), rng.uniform(0.05, 1, (6, 1))

    def reference(z, s):
        rate = jnp.exp(-jnp.clip(z[:, 6:], -6, 4))
        d = t - s - z[:, 3:6]
        share = jax.nn.sigmoid((d + half) * rate) - jax.nn.sigmoid((d - half) * rate)
        mixed = (jax.nn.softmax(z[:, :3]) * share).sum(axis=1)
        return -jnp.log(mixed * (1 - 2.0**-12) + 2.0**-12 / levels).mean()

    found, dz, ds = mixture.loss(z, s, mixture.Targets(t, half), levels)
    expected_z, expected_s = jax.grad(reference, (0, 1))(z, s)
    # JAX's difference of two sigmoids near one has lost what eps / P is of P, and P is 2^-12 / levels at least
    lost = 2.0**12 * levels
    assert_close(np.asarray(found), np.asarray(reference(z, s)), conditioning=lost)
    assert_close(dz, np.asarray(expected_z), conditioning=lost * math.exp(6))
    assert_close(ds, np.asarray(expected_s), conditioning=lost * math.exp(6))


@given(seeds, levels)
def test_gradients_are_those_of_complex_steps(seed, levels):
    """Of the formulas as they are written, with widths that end and widths that do not."""
    rng = np.random.default_rng(seed)
    z, s = rng.normal(size=(4, 9)), rng.normal(size=(4, 1))
    z[:, :3] *= 3
    z[0, 6:8] = -7.0, 5.0
    t, half = rng.normal(size=(4, 1)), rng.uniform(0.05, 1, (4, 1))

    def sigmoid(x):
        return 0.5 + 0.5 * np.tanh(0.5 * x)

    def reference(z, s):
        widths = np.where(z[:, 6:].real > 4, 4.0, np.where(z[:, 6:].real < -6, -6.0, z[:, 6:]))
        rate = np.exp(-widths)
        away = t - s - z[:, 3:6]
        share = sigmoid((away + half) * rate) - sigmoid((away - half) * rate)
        weights = np.exp(z[:, :3])
        mixed = (weights * share).sum(axis=1) / weights.sum(axis=1)
        return -np.log(mixed * (1 - 2.0**-12) + 2.0**-12 / levels).mean()

    found, dz, ds = mixture.loss(z, s, mixture.Targets(t, half), levels)
    assert abs(found - reference(z, s)) < 1e-9
    assert abs(dz - complex_step_gradient(lambda z: reference(z, s), z)).max() < 1e-7
    assert abs(ds - complex_step_gradient(lambda s: reference(z, s), s)).max() < 1e-7
    assert not dz[0, 6:8].any()
    for width in (-6.0, 4.0):  # at the ends themselves, too
        z[0, 6] = width
        assert mixture.loss(z, s, mixture.Targets(t, half), levels)[1][0, 6] == 0.0


def test_only_differences_between_weights_matter():
    """Of one sample: others may have any."""
    rng = np.random.default_rng(0)
    z, s, t = rng.normal(size=(3, 9)), rng.normal(size=(3, 1)), rng.normal(size=(3, 1))
    targets = mixture.Targets(t, np.full((3, 1), 0.5))
    expected = mixture.loss(z, s, targets, 9)
    moved = z.copy()
    moved[:, :3] += np.array([[1000.0], [0.0], [-1000.0]])
    for found, each in zip(mixture.loss(moved, s, targets, 9), expected, strict=True):
        assert abs(found - each).max() < 1e-9


def test_what_outputs_say_ends_somewhere():
    z = np.array([[20.0, 0.0, -30.0, 1.5, -2.0, 0.0, -9.0, 9.0, 1.0]])
    found = mixture.distribution(z, np.array([[0.25]]), np.array([7.0]), np.array([2.0]), 100)
    e = exact.exponential
    weights = e(np.array([0.0, -16.0, -16.0]))
    assert found.weights.tolist() == [[weights.tolist()]]
    assert found.places.tolist() == [[[7 + 2 * 1.75 + 0.5, 7 - 2 * 1.75 + 0.5, 7 + 2 * 0.25 + 0.5]]]
    assert found.rates.tolist() == [[(e(np.array([6.0, -4.0, -1.0])) / 2).tolist()]]
    assert found.uniform.tolist() == [[((weights[0] + weights[1]) + weights[2]) * (2.0**-12 / 100)]]


@given(seeds, st.sampled_from(["float32", "float64"]))
def test_the_loss_keeps_its_dtype_and_runs_in_every_library(seed, dtype):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=s).astype(dtype) for s in ((4, 9), (4, 1), (4, 1))] + [np.full((4, 1), 0.5, dtype)]
    here = mixture.loss(arrays[0], arrays[1], mixture.Targets(*arrays[2:]), 9)
    strict = [array_api_strict.asarray(a) for a in arrays]
    there = mixture.loss(strict[0], strict[1], mixture.Targets(*strict[2:]), 9)
    for a, b in zip(here, there, strict=True):
        assert a.dtype == np.dtype(dtype)
        assert_close(np.from_dlpack(b), a, conditioning=1.0, terms=99)


@given(seeds, levels)
def test_bits_multiply_to_samples(seed, levels):
    """prod P(bit | higher bits) = (F(v + 1) - F(v)) / (F(2^B) - F(0)), for every sample."""
    given_ = given_of(seed, levels - 1)
    n, bits = len(given_.uniform), (levels - 1).bit_length()
    for v in range(levels):
        lo, product = 0.0, np.ones((n, 1))
        for b in range(bits - 1, -1, -1):
            ends = [np.full((n, 1), x) for x in (lo, lo + 2.0**b, lo + 2.0 ** (b + 1))]
            one = mixture.bit_probability(given_, *ends)
            bit = v >> b & 1
            product = product * (one if bit else 1 - one)
            lo += bit * 2.0**b
        ends = [given_.below(np.full((n, 1), float(x))) for x in (v, v + 1, 0, 2**bits)]
        expected = (ends[1] - ends[0]) / (ends[3] - ends[2])
        # differences of F are as good as F itself, 2^-50, of a share of 2^-12 / levels and more
        assert_close(product, expected, conditioning=2.0**12 * levels * bits, terms=4 * bits + 1)


@given(seeds, st.sampled_from([1, 7, 255, 2**16, 2**32 - 1]))
def test_the_distribution_never_falls_and_leaves_every_value_something(seed, top):
    rng = np.random.default_rng(seed)
    given_ = given_of(seed, top)
    x = np.unique(np.concatenate([rng.integers(0, top + 1, 300), given_.places.reshape(-1).clip(0, top).astype(int)]))
    x = np.broadcast_to(np.stack([x, x + 1.0], 1).reshape(-1), (len(given_.uniform), 2 * len(x)))
    below = given_.below(x.astype(np.float64))
    assert (np.diff(below, axis=1) >= 0).all()
    assert (below[:, 1::2] - below[:, ::2] > 0).all(), "F(v + 1) > F(v)"


@given(seeds, levels)
def test_it_is_the_distribution_that_was_trained(seed, levels):
    """The exact probabilities and the loss's differ by tables and the range's ends."""
    rng = np.random.default_rng(seed)
    z, s, base, scale = outputs(rng, 8, levels - 1)
    given_ = mixture.distribution(z, s, base, scale, levels)
    v = rng.integers(0, levels, 8).astype(np.float64)[:, None]
    total = given_.weights.sum(axis=2) * (1 + mixture.UNIFORM)
    p = (given_.below(v + 1) - given_.below(v)) / total
    targets = mixture.Targets((v - base[:, None]) / scale[:, None], 0.5 / scale[:, None])
    each = [
        mixture.loss(z[i : i + 1], s[i : i + 1], mixture.Targets(*(t[i : i + 1] for t in targets)), levels)[0]
        for i in range(8)
    ]
    assert np.allclose(np.log(p[:, 0]), -np.array(each), atol=0.02)


@given(seeds, levels)
def test_every_library_has_the_same_bits(seed, levels):
    arrays = outputs(np.random.default_rng(seed), 4, levels - 1)
    x = np.arange(levels + 1.0)[None, :] * np.ones((4, 1))
    here = mixture.distribution(*arrays, levels).below(x)
    device = array_api_strict.Device("device1")
    strict = mixture.distribution(*(array_api_strict.asarray(a, device=device) for a in arrays), levels)
    there = strict.below(array_api_strict.asarray(x, device=device)).to_device(array_api_strict.Device("CPU_DEVICE"))
    assert_equal_exact(np.from_dlpack(there), here, bitwise=True)
