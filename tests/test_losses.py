"""Losses against exact arithmetic, and their gradients against the complex step and JAX."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import losses
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import seeds

VALUES = {
    "bce": lambda z, t: math.log1p(math.exp(-z if t else z)),
    "mse": lambda z, t: (z - t) ** 2,
    "mae": lambda z, t: abs(z - t),
}
FORMULAS = {
    "bce": lambda z, t: jnp.logaddexp(0.0, z) - z * t,
    "mse": lambda z, t: (z - t) ** 2,
    "mae": lambda z, t: jnp.abs(z - t),
}
"""The same for JAX, which differentiates them."""
NAMES = pytest.mark.parametrize("name", losses.LOSSES)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def _case(seed: int, shape: tuple[int, ...] = (2, 5, 3), spread: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return spread * rng.standard_normal(shape), rng.integers(0, 2, shape).astype(float)


def test_every_loss_is_tested():
    assert VALUES.keys() == FORMULAS.keys() == losses.LOSSES.keys()


# --- values ----------------------------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("t", [0.0, 1.0])
@pytest.mark.parametrize("z", [0.0, 1e-6, 0.5, 1.0, 3.0, 17.0, 20.0, 50.0, 80.0])
def test_bce_is_the_textbook_formula_in_high_precision(z, t, dtype):
    for logit in (z, -z):
        logit = float(np.array(logit, dtype))
        with localcontext(prec=120):
            p = 1 / (1 + (-Decimal(logit)).exp())
            expected = -(p if t else 1 - p).ln()
        loss, _ = losses.bce_with_logits(np.full((1, 1), logit, dtype), np.full((1, 1), t, dtype))
        # exp(-|z|) inherits the rounding of z
        assert_close(loss, float(expected), dtype=dtype, conditioning=abs(logit) * float(expected))


@DTYPES
def test_bce_far_out_is_the_logit_itself_and_does_not_overflow(dtype):
    z = np.array([[1e4], [-1e4], [1e4], [-1e4]], dtype)
    t = np.array([[0.0], [1.0], [1.0], [0.0]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, dz = losses.bce_with_logits(z, t)
    assert float(loss) == 5000.0
    assert_equal_exact(dz, np.array([[0.25], [-0.25], [0.0], [0.0]], dtype))


@NAMES
def test_mean_over_samples_and_outputs_summed_over_networks(name):
    z, t = _case(0)
    value = VALUES[name]
    one_by_one = [[value(float(p), float(q)) for p, q in zip(z[e].flat, t[e].flat, strict=True)] for e in range(2)]
    expected = sum(math.fsum(values) / 15 for values in one_by_one)
    loss, dz = losses.get(name)(z, t)
    assert_close(loss, expected, terms=30)
    each = [losses.get(name)(z[e], t[e]) for e in range(2)]
    assert_close(loss, sum(float(one) for one, _ in each), terms=30)
    assert_equal_exact(dz, np.stack([gradient for _, gradient in each]))


@NAMES
@DTYPES
def test_dtype_in_is_dtype_out(name, dtype):
    z, t = _case(1)
    loss, dz = losses.get(name)(z.astype(dtype), t.astype(dtype))
    assert loss.shape == ()
    assert loss.dtype == dz.dtype == dtype


@given(seeds, st.sampled_from([None, 100]))
def test_bce_of_the_sigmoid_is_bce_where_the_sigmoid_has_digits_left(seed, count):
    z, t = _case(seed, spread=2.0)
    (loss, dz), (expected, gradient) = (f(z, t, count) for f in (losses.bce_of_sigmoid, losses.bce_with_logits))
    lost = np.exp(abs(z)) / (count or 15)  # 1 - p is rounded like 1
    assert_close(loss, float(expected), conditioning=lost.sum(), terms=z.size)
    assert_close(dz, gradient, conditioning=2 * lost)


@pytest.mark.parametrize(
    ("z", "t", "loss", "dz"),
    [
        (0.0, 1.0, math.log(2.0), -0.5),
        (20.0, 0.0, 100.0, 0.0),  # the sigmoid is rounded to 1
        (200.0, 1.0, 0.0, 0.0),
        (-20.0, 1.0, 20.0, -1.0),
        (-30.0, 1.0, 30.0, -math.exp(-30.0) / 1e-12),  # a slope below 1e-12
        (-30.0, 0.0, math.exp(-30.0), math.exp(-60.0) / 1e-12),
        (-200.0, 1.0, 100.0, 0.0),  # and to 0
    ],
)
def test_bce_of_the_sigmoid_far_out_in_float32(z, t, loss, dz):
    found, gradient = losses.bce_of_sigmoid(np.full((1, 1), z, "float32"), np.full((1, 1), t, "float32"))
    assert found.dtype == gradient.dtype == np.float32
    assert_close(found, loss, dtype="float32", conditioning=loss)
    assert_close(gradient, np.array([[dz]]), dtype="float32", conditioning=abs(dz))


# --- gradients -------------------------------------------------------------------------------------------------------


@given(seeds, st.booleans())
def test_mse_gradient_vs_complex_step(seed, single):
    z, t = _case(seed, (4, 1) if single else (2, 3, 2))
    _, dz = losses.mse(z, t)
    expected = complex_step_gradient(lambda z: losses.mse(z, t.astype(z.dtype))[0], z)
    assert_close(dz, expected, conditioning=abs(z) + 1)


@given(seeds)
def test_bce_gradient_vs_complex_step(seed):
    z, t = _case(seed, (2, 3, 2))
    _, dz = losses.bce_with_logits(z, t)
    # ln(1 + exp(z)) - z t: the same function without an absolute value, as long as exp(z) does not overflow
    expected = complex_step_gradient(lambda z: (np.log(1 + np.exp(z)) - z * t).sum() / 6, z)
    assert_close(dz, expected, conditioning=(1 + abs(z)) / 6)


@NAMES
def test_gradient_vs_jax(name):
    z, t = _case(2, (3, 50, 2))
    z[0, 0], t[0, 0] = [0.0, 1.0], [1.0, 0.0]
    expected_loss, expected = jax.value_and_grad(lambda z: FORMULAS[name](z, t).mean(axis=(1, 2)).sum())(z)
    loss, dz = losses.get(name)(z, t)
    assert_close(loss, float(expected_loss), terms=z.size)
    assert_close(dz, np.asarray(expected), conditioning=(1 + abs(z)) / 100)


def test_absolute_error_pulls_nowhere_where_both_are_equal():
    loss, dz = losses.mae(np.array([[3.0], [1.0]]), np.array([[3.0], [1.0]]))
    assert float(loss) == 0.0
    assert_equal_exact(dz, np.zeros((2, 1)))


def test_a_confidently_wrong_bit_keeps_its_gradient():
    z, t = np.array([[20.0], [-20.0]], "float32"), np.array([[0.0], [1.0]], "float32")
    _, dz = losses.bce_with_logits(z, t, count=1)
    assert_close(dz, np.array([[1.0], [-1.0]]), dtype="float32")

    p = 1 / (1 + np.exp(-z[0, 0]))  # through a rounded sigmoid, its slope p (1 - p) is gone, and the gradient with it
    assert p * (1 - p) == 0.0


@NAMES
def test_a_perfect_output_has_no_gradient(name):
    t = np.array([[0.0], [1.0]], "float32")
    z = (t - 0.5) * 400 if name == "bce" else t.copy()
    loss, dz = losses.get(name)(z, t)
    assert float(loss) == 0.0
    assert_equal_exact(abs(dz), np.zeros((2, 1), "float32"))


# --- chunks, wrong input ---------------------------------------------------------------------------------------------


@NAMES
@DTYPES
def test_chunks_with_count_add_up_to_the_batch(name, dtype):
    z, t = (values.astype(dtype) for values in _case(3, (2, 10, 3)))
    loss, dz = losses.get(name)(z, t)
    chunks = [losses.get(name)(z[:, i : i + 4], t[:, i : i + 4], count=30) for i in (0, 4, 8)]
    assert_close(np.asarray(sum(one for one, _ in chunks), dtype), np.asarray(loss), terms=60)
    assert_equal_exact(np.concatenate([gradient for _, gradient in chunks], axis=1), dz)


@NAMES
def test_other_shapes_are_not_broadcast(name):
    with pytest.raises(ValueError, match=r"targets: expected the outputs' shape \(2, 5, 1\), got \(5, 1\)"):
        losses.get(name)(np.zeros((2, 5, 1)), np.zeros((5, 1)))


@NAMES
def test_samples_and_outputs_are_two_axes(name):
    with pytest.raises(ValueError, match=r"z: expected outputs \(..., N, O\), got shape \(5,\)"):
        losses.get(name)(np.zeros(5), np.zeros(5))


@NAMES
def test_targets_of_another_dtype_would_widen_the_gradient(name):
    with pytest.raises(TypeError, match="targets: expected the outputs' dtype float32, got int64"):
        losses.get(name)(np.zeros((5, 1), dtype="float32"), np.zeros((5, 1), dtype="int64"))


def test_losses_by_name():
    assert losses.get("bce").function is losses.bce_with_logits
    assert losses.get("mse").function is losses.mse
    assert losses.get("mae").function is losses.mae
    with pytest.raises(ValueError, match="loss: unknown name 'l2'; known are bce, mse, mae"):
        losses.get("l2")
