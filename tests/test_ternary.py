"""The ternary layer: its quantisers against exact arithmetic, its gradient two ways, and the official layer in JAX."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import ternary
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import seeds

sides = st.integers(1, 7)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
dtypes = st.sampled_from(["float32", "float64"])
activation_bits = st.integers(2, 16)
FAITHFUL = pytest.mark.parametrize("faithful", [None, "official"])


def _weights(seed: int, nets: int, fan_in: int, fan_out: int, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((nets, fan_in, fan_out)).astype(dtype)


def _rows(seed: int, samples: int, width: int, dtype: str = "float64") -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((samples, width)) * 2.0 ** rng.integers(-6, 7, (samples, 1))).astype(dtype)


# --- quantisers ------------------------------------------------------------------------------------------------------


@given(seeds, sides, sides, sides, dtypes)
def test_weight_codes_vs_the_definition(seed, nets, fan_in, fan_out, dtype):
    w = _weights(seed, nets, fan_in, fan_out, dtype)
    t, s = ternary.weight_codes(w)
    assert (t.shape, t.dtype, s.shape, s.dtype) == (w.shape, w.dtype, (nets, 1, 1), w.dtype)
    assert set(np.unique(t)) <= {-1, 0, 1}
    assert not np.signbit(t[t == 0]).any()
    for e in range(nets):
        size = math.fsum(abs(w[e]).ravel().tolist()) / w[e].size
        assert_close(s[e], np.full((1, 1), size), dtype=dtype, terms=w[e].size)
        for value, code in zip(w[e].ravel().tolist(), t[e].ravel().tolist(), strict=True):
            if abs(abs(value) / size - 0.5) > 1e-4:  # elsewhere rounding of the mean may decide
                assert code == max(-1, min(1, round(value / size)))


@given(seeds, sides, sides, sides, dtypes)
def test_codes_of_codes_are_the_same_with_any_scale(seed, nets, fan_in, fan_out, dtype):
    t, s = ternary.weight_codes(_weights(seed, nets, fan_in, fan_out, dtype))
    assert_equal_exact(ternary.weight_codes(t)[0], t, bitwise=True)
    assert_equal_exact(ternary.weight_codes(s * t)[0], t, bitwise=True)


def test_values_quantised_again_shrink():
    w = np.array([[0.9, 0.1, -0.2, 0.8]])
    t, s = ternary.weight_codes(w)
    assert_equal_exact(ternary.weight_codes(s * t)[1], s / 2)


@given(seeds, sides, sides, dtypes, activation_bits)
def test_quantisers_are_odd(seed, samples, width, dtype, bits):
    x = _rows(seed, samples, width, dtype)
    for there, back in [
        (ternary.weight_codes(x), ternary.weight_codes(-x)),
        (ternary.activation_codes(x, bits), ternary.activation_codes(-x, bits)),
    ]:
        assert_equal_exact(back[0], -there[0])
        assert_equal_exact(back[1], there[1], bitwise=True)
    assert_equal_exact(ternary.official_weights(-x), -ternary.official_weights(x))
    assert_equal_exact(ternary.official_activations(-x, bits), -ternary.official_activations(x, bits))


@given(seeds, sides, sides, dtypes, activation_bits, st.integers(-20, 20))
def test_powers_of_two_go_into_the_scale(seed, samples, width, dtype, bits, power):
    x, factor = _rows(seed, samples, width, dtype), 2.0**power
    for there, scaled in [
        (ternary.weight_codes(x), ternary.weight_codes(factor * x)),
        (ternary.activation_codes(x, bits), ternary.activation_codes(factor * x, bits)),
    ]:
        assert_equal_exact(scaled[0], there[0], bitwise=True)
        assert_equal_exact(scaled[1], factor * there[1], bitwise=True)


@given(seeds, sides, sides, dtypes, activation_bits, st.integers(-12, 12))
def test_official_activations_vs_the_definition(seed, samples, width, dtype, bits, power):
    x = 2.0**power * _rows(seed, samples, width, dtype)
    for row, found in zip(x, ternary.official_activations(x, bits), strict=True):
        step = np.maximum(abs(row).max(), np.asarray(1e-5, dtype)) / np.asarray(2**bits - 1, dtype)
        size = abs(row) + step  # the half of a step that rounding may turn over
        assert (abs(found - row) <= 0.5 * step + 8 * float(np.finfo(dtype).eps) * 2**bits * size).all()
        levels = np.rint(found / step)
        assert_close(found, levels * step, dtype=dtype, conditioning=abs(found), terms=4)


@given(seeds, sides, sides, dtypes, activation_bits)
def test_activation_codes_use_their_range_and_are_half_a_step_off_at_most(seed, samples, width, dtype, bits):
    x = _rows(seed, samples, width, dtype)
    a, s = ternary.activation_codes(x, bits)
    assert (a.shape, a.dtype, s.shape, s.dtype) == (x.shape, x.dtype, (samples, 1), x.dtype)
    assert_equal_exact(a, np.rint(a))
    assert_equal_exact(abs(a).max(axis=-1), np.full(samples, 2 ** (bits - 1) - 1, dtype))
    slack = 4 * float(np.finfo(dtype).eps) * 2**bits  # of the division, of s, and of the product below
    assert (abs(x - s * a) <= (0.5 + slack) * s).all()


def test_halves_go_to_the_even_code():
    assert ternary.activation_codes(np.array([[7.0, 0.5, 1.5, -2.5]]), bits=4)[0].tolist() == [[7, 0, 2, -2]]
    w = np.array([[1.0], [0.5], [-0.5], [2.0]])
    assert ternary.weight_codes(w)[0].ravel().tolist() == [1, 0, 0, 1]  # their mean size is 1


@DTYPES
@FAITHFUL
def test_rows_and_networks_of_zeros(dtype, faithful):
    x, w = _rows(0, 3, 4, dtype), _weights(1, 2, 4, 3, dtype)
    x[1], w[1] = 0.0, 0.0
    t, s = ternary.weight_codes(w)
    a, gamma = ternary.activation_codes(x)
    assert (t[1] == 0).all()
    assert (a[1] == 0).all()
    assert s[1] == gamma[1] == 0
    y, cache = ternary.linear(x, w, faithful=faithful)
    assert (y[1] == 0).all()
    assert (y[:, 1] == 0).all()
    for gradient in ternary.linear_backward(np.ones_like(y), cache):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("bits", [-1, 0, 1, 17, 2.5, None])
def test_other_numbers_of_bits_are_refused(bits):
    x, w = np.ones((2, 3)), np.ones((3, 1))
    for call in (
        lambda: ternary.activation_codes(x, bits),
        lambda: ternary.official_activations(x, bits),
        lambda: ternary.linear(x, w, bits=bits),
        lambda: ternary.linear(x, w, bits=bits, faithful="official"),
        lambda: ternary.integer_linear(x, w, bits=bits),
    ):
        with pytest.raises(ValueError, match=r"bits: activations are quantised to 2 to 16 bits, got"):
            call()


def test_unknown_faith_is_refused():
    with pytest.raises(ValueError, match="faithful: expected None or 'official', got 'bitnet'"):
        ternary.linear(np.ones((2, 3)), np.ones((3, 1)), faithful="bitnet")


# --- layer norm ------------------------------------------------------------------------------------------------------


@given(seeds, sides, st.integers(1, 9), dtypes)
def test_rows_have_mean_zero_and_the_variance_that_eps_leaves(seed, samples, width, dtype):
    x = _rows(seed, samples, width, dtype)
    y, _ = ternary.layer_norm(x)
    exact = x.astype(float)
    centred = exact - exact.mean(axis=-1, keepdims=True)
    var = (centred**2).mean(axis=-1, keepdims=True)
    # subtracting the mean loses what is small beside it
    lost = abs(exact).max(axis=-1, keepdims=True) / np.sqrt(var + 1e-5)
    assert_close(y, centred / np.sqrt(var + 1e-5), dtype=dtype, conditioning=lost * (1 + abs(y)), terms=width)
    assert_close(y.mean(axis=-1, keepdims=True), 0 * var, dtype=dtype, conditioning=lost, terms=width)
    spread = (y**2).mean(axis=-1, keepdims=True)
    assert_close(spread, var / (var + 1e-5), dtype=dtype, conditioning=2 * lost * (1 + lost), terms=width)


def test_no_rows_give_no_rows():
    nothing = np.zeros((2, 0, 4))
    y, cache = ternary.layer_norm(nothing)
    assert y.shape == ternary.layer_norm_backward(nothing, cache).shape == (2, 0, 4)
    for forward, backward in (
        (ternary.linear, ternary.linear_backward),
        (ternary.integer_linear, ternary.integer_linear_backward),
    ):
        z, cache = forward(nothing, np.ones((2, 4, 3)))
        dw, dx = backward(z, cache)
        assert (z.shape, dx.shape) == ((2, 0, 3), (2, 0, 4))
        assert_equal_exact(dw, np.zeros((2, 4, 3)))


@given(seeds, st.integers(1, 4), st.integers(2, 6))
def test_layer_norm_backward_vs_complex_step(seed, samples, width):
    x, dy = np.random.default_rng(seed).standard_normal((2, samples, width))
    dx = ternary.layer_norm_backward(dy, ternary.layer_norm(x)[1])
    expected = complex_step_gradient(lambda u: (ternary.layer_norm(u)[0] * dy).sum(), x)
    r = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    size = abs(dy).sum() * r * (1 + abs(x).max() * r) ** 3
    assert_close(dx, expected, conditioning=size + 0 * dx, terms=width)


@given(st.lists(st.integers(-64, 64), min_size=2, max_size=2))
def test_of_two_coordinates_only_the_sign_of_their_difference_is_left(pair):
    x = np.array([pair]) / 64
    (y,) = ternary.layer_norm(x)[0]
    assert y[0] == -y[1]
    assert np.sign(y[0]) == np.sign(pair[0] - pair[1])
    a, _ = ternary.activation_codes(y[None])
    assert a.tolist() == [[127 * np.sign(y[0]), 127 * np.sign(y[1])]]


# --- the layer -------------------------------------------------------------------------------------------------------


@given(seeds, sides, sides, sides, sides, st.booleans(), dtypes)
def test_forward_is_two_scales_times_a_sum_of_whole_numbers(seed, nets, samples, fan_in, fan_out, shared, dtype):
    x, w = _rows(seed, samples, fan_in, dtype), _weights(seed, nets, fan_in, fan_out, dtype)
    x = x if shared else np.stack([(e + 1) * x for e in range(nets)])
    y, _ = ternary.linear(x, w)
    a, gamma = ternary.activation_codes(ternary.layer_norm(x)[0])
    t, beta = ternary.weight_codes(w)
    for e, n, o in np.ndindex(y.shape):
        row = (n,) if shared else (e, n)
        whole = sum(int(p) * int(q) for p, q in zip(a[row], t[e, :, o], strict=True))
        assert y[e, n, o] == y.dtype.type(whole) * (beta[e, 0, 0] * gamma[*row, 0])


@given(seeds, st.integers(1, 3), st.integers(1, 4), st.integers(2, 4), st.integers(1, 3), st.booleans())
def test_straight_through_is_the_exact_gradient_with_the_offsets_frozen(seed, nets, samples, fan_in, fan_out, official):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((samples, fan_in)), rng.standard_normal((nets, fan_in, fan_out))
    dy = rng.standard_normal((nets, samples, fan_out))
    n = ternary.layer_norm(x)[0]
    if official:
        xq, wq = ternary.official_activations(n, 3), ternary.official_weights(w)
    else:
        (a, gamma), (t, beta) = ternary.activation_codes(n, 3), ternary.weight_codes(w)
        xq, wq = gamma * a, beta * t
    y, cache = ternary.linear(x, w, bits=3, faithful="official" if official else None)
    assert_close(y, xq @ wq, conditioning=abs(xq) @ abs(wq), terms=fan_in)

    def loss(inputs, weights):
        return (((ternary.layer_norm(inputs)[0] + (xq - n)) @ (weights + (wq - w))) * dy).sum()

    dw, dx = ternary.linear_backward(dy, cache)
    assert_close(
        dw,
        complex_step_gradient(lambda v: loss(x, v), w),
        conditioning=abs(xq.T) @ abs(dy) + (abs(n) + abs(xq)).T @ abs(dy),
        terms=samples,
    )
    r = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    size = abs(dy).sum() * (abs(w) + abs(wq)).max() * r * (1 + abs(x).max() * r) ** 3
    assert_close(dx, complex_step_gradient(lambda u: loss(u, w), x), conditioning=size + 0 * x, terms=fan_in * fan_out)
    only_dw, nothing = ternary.linear_backward(dy, cache, input_gradient=False)
    assert nothing is None
    assert_equal_exact(only_dw, dw)


@DTYPES
@pytest.mark.parametrize("layer", ["linear", "integer_linear"])
@pytest.mark.parametrize("fan_out", [1, 4])
def test_a_network_gets_the_same_bits_in_any_company(dtype, layer, fan_out):
    forward, backward = getattr(ternary, layer), getattr(ternary, f"{layer}_backward")
    x, w = _rows(0, 6, 5, dtype), _weights(0, 3, 5, fan_out, dtype)
    spaced = np.zeros((3, 5 * fan_out + 3), dtype)
    spaced[:, : 5 * fan_out] = w.reshape(3, -1)
    y, cache = forward(x, w)
    in_rows, _ = forward(x, spaced[:, : 5 * fan_out].reshape(w.shape))  # as training has them
    assert_equal_exact(in_rows, y, bitwise=True)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    dw, _ = backward(dy, cache)
    for e in range(3):
        alone, own = forward(x, w[e])
        assert_equal_exact(alone, y[e], bitwise=True)
        own_dw, own_dx = backward(dy[e], own)
        assert_equal_exact(own_dw, dw[e], bitwise=True)
        assert own_dx.shape == x.shape


@DTYPES
def test_a_shared_input_is_the_same_input_to_every_network(dtype):
    x, w = _rows(0, 6, 5, dtype), _weights(0, 3, 5, 4, dtype)
    dy = np.random.default_rng(1).standard_normal((3, 6, 4)).astype(dtype)
    for forward, backward in [
        (ternary.linear, ternary.linear_backward),
        (ternary.integer_linear, ternary.integer_linear_backward),
    ]:
        (y, cache), (apart, cache_apart) = forward(x, w), forward(np.stack([x] * 3), w)
        assert_equal_exact(apart, y, bitwise=True)
        (dw, dx), (dw_apart, dx_apart) = backward(dy, cache), backward(dy, cache_apart)
        assert_equal_exact(dw, dw_apart)
        size = abs(dx_apart).max() * 50
        assert_close(dx, dx_apart.sum(axis=0).astype(dtype), conditioning=size + 0 * x, terms=5)


@DTYPES
@FAITHFUL
def test_dtype_in_is_dtype_out(dtype, faithful):
    x, w = _rows(0, 6, 5, dtype), _weights(0, 3, 5, 4, dtype)
    y, cache = ternary.linear(x, w, faithful=faithful)
    assert {g.dtype for g in (y, *ternary.linear_backward(y, cache))} == {np.dtype(dtype)}


# --- the official layer, written in JAX ------------------------------------------------------------------------------


def _straight_through(x, quantised):
    return x + jax.lax.stop_gradient(quantised - x)


def _official_in_jax(x, w, bits):
    centred = x - x.mean(axis=-1, keepdims=True)
    n = centred / jnp.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    inverse = (2**bits - 1) / jnp.clip(abs(n).max(axis=-1, keepdims=True), 1e-5)
    xq = _straight_through(n, jnp.clip(jnp.round(n * inverse), -(2**bits), 2**bits) / inverse)
    inverse = 1.0 / jnp.clip(abs(w).mean(), 1e-5)
    wq = _straight_through(w, jnp.clip(jnp.round(w * inverse), -1, 1) / inverse)
    return xq @ wq


@partial(jax.jit, static_argnums=3)
def _official_gradients_in_jax(x, w, dy, bits):
    y, pull_back = jax.vjp(lambda x, w: _official_in_jax(x, w, bits), x, w)
    return y, *pull_back(dy)


def _close_normwise(actual: np.ndarray, expected: np.ndarray, relative: float) -> None:
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert np.abs(actual - expected).max() <= relative * np.abs(expected).max()


@pytest.mark.parametrize(
    ("dtype", "bits", "sizes"),
    [("float32", 8, (64, 30, 32)), ("float32", 8, (17, 256, 8)), ("float64", 16, (64, 30, 32))],
)
def test_official_layer_vs_jax(dtype, bits, sizes):
    samples, fan_in, fan_out = sizes
    rng = np.random.default_rng(0)
    shapes = (samples, fan_in), (fan_in, fan_out), (samples, fan_out)
    x, w, dy = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    expected, *references = _official_gradients_in_jax(x, w, dy, bits)
    y, cache = ternary.linear(x, w, bits=bits, faithful="official")
    dw, dx = ternary.linear_backward(dy, cache)
    relative = 1e-6 if dtype == "float32" else 1e-13
    _close_normwise(y, np.asarray(expected), relative)
    for gradient, reference in zip((dx, dw), references, strict=True):
        _close_normwise(gradient, np.asarray(reference), relative)


def test_official_layer_vs_jax_with_the_official_16_bits_in_float32():
    """One code in hundreds lands on the other side of a half: then the two layers differ by that one step."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((64, 30)).astype("float32"), rng.standard_normal((30, 32)).astype("float32")
    y, (xq, _, wq, _) = ternary.linear(x, w, bits=16, faithful="official")
    step = abs(ternary.layer_norm(x)[0]).max(axis=-1, keepdims=True) / (2**16 - 1)
    size = 1e-6 * (abs(xq) @ abs(wq)) + 1.01 * step * abs(wq).max()
    assert (abs(y - np.asarray(_official_gradients_in_jax(x, w, y, 16)[0])) <= size).all()


# --- whole numbers only ----------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), activation_bits)
def test_integer_gradient_is_exact_with_the_offsets_frozen(seed, nets, samples, fan_in, fan_out, bits):
    rng = np.random.default_rng(seed)
    x, w = 1.5 * rng.uniform(-1, 1, (samples, fan_in)), rng.standard_normal((nets, fan_in, fan_out))
    dy = rng.standard_normal((nets, samples, fan_out))
    _, cache = ternary.integer_linear(x, w, bits=bits)
    t, _ = ternary.weight_codes(w)
    limit, k = 2**bits, ternary.shift(fan_in)
    floored = np.floor(limit * x)
    inside, offset = abs(limit * x) <= limit, floored - limit * x

    def loss(inputs, weights):
        whole = np.where(inside, limit * inputs + offset, np.clip(floored, -limit, limit))
        return (((whole @ (weights + (t - w)) + 0.5) / (limit * 2**k)) * dy).sum()

    dw, dx = ternary.integer_linear_backward(dy, cache)
    reach = limit * np.ones((fan_in, samples))
    scale = 4.0 / (limit * 2**k)
    assert_close(
        dw, complex_step_gradient(lambda v: loss(x, v), w), conditioning=scale * (reach @ abs(dy)), terms=samples
    )
    expected = complex_step_gradient(lambda u: loss(u, w), x)
    size = 2.0**-k * abs(dy).sum() * (1 + 2 * abs(w).max())
    assert_close(dx, expected, conditioning=size + 0 * x, terms=fan_out * nets)
    assert (dx[~inside] == 0).all()


def test_shift_is_the_power_of_two_nearest_to_half_the_root():
    for fan_in in range(1, 5000):
        k, wanted = ternary.shift(fan_in), math.log2(math.sqrt(fan_in) / 2)
        assert k == 0 if wanted < 0 else abs(k - wanted) <= 0.5 + 1e-12


# --- storage and cost ------------------------------------------------------------------------------------------------


def test_codes_and_their_scale_are_the_layer_of_their_weights():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 5, 4)), rng.standard_normal((3, 4, 2))
    assert_equal_exact(ternary.linear(x, *ternary.weight_codes(w))[0], ternary.linear(x, w)[0])


def test_gradients_of_one_sample_and_at_the_ends_of_the_range():
    x, w = np.array([[[-1.25, -1.0, 1.0, 1.25]]]), np.ones((1, 4, 3))
    y, cache = ternary.integer_linear(x, w, bits=4)
    _, dx = ternary.integer_linear_backward(np.ones_like(y), cache)
    assert dx.tolist() == [[[0.0, 3.0, 3.0, 0.0]]]  # clipping begins beyond 1; three outputs


def test_the_columns_of_table_4():
    networks, weights = 16, 30 * 256 + 3 * 256 * 256 + 256 * 3
    assert weights == 205_056
    cost = ternary.cost((30, 256, 256, 256, 256, 3), networks, bits=16, coordinates=2)
    assert cost.trits == networks * weights
    assert round(cost.bytes / 1e3, 2) == 656.18
    assert round(cost.operations / 1e6, 2) == 50.66
    as_they_are = ternary.cost((30, 256, 256, 256, 256, 3), networks)
    assert as_they_are.operations == 16 * networks * weights
    assert ternary.cost((30, 5, 7, 3), 1, bits=1, coordinates=2).operations == 2 * 5 + 5 * 7 + 7 * 3
