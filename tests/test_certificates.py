"""Certificates: every ball holds what machines compute and what is exact, and the table says what was found."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

import refinr
from refinr import activations, balls, certificates, cli, decompositions, mlp, perceptrons
from refinr.balls import Ball, Machines
from refinr.certificates import enclose
from refinr.files.floats import FLOAT_TYPES
from refinr.mlp import MLP
from tests import machines
from tests.helpers import assert_close, assert_equal_exact
from tests.machines import Machine, distances_from_exact, exact_outputs, nearest, unit
from tests.strategies import net, seeds

TYPES = list(FLOAT_TYPES)
ALL = pytest.mark.parametrize("name", TYPES)
ACTIVATIONS = pytest.mark.parametrize("activation", activations.ACTIVATIONS)


def _network(sizes: tuple[int, ...], activation: str, seed: int, nets: int = 2, samples: int = 6, **options):
    """A stored network: float32 parameters, and float32 coordinates; arguments of activations of order one."""
    spec = MLP(sizes, activation, **options)
    drawn = net(spec, nets, samples, seed)
    return spec, {name: p.astype("float32") for name, p in drawn.params.items()}, drawn.x.astype("float32")


def _ball(mid: object, rad: object, types: int = 1) -> Ball:
    """Numbers as balls of one network and one sample."""
    mid = np.asarray(mid, dtype=np.float64).reshape(1, 1, -1)
    return Ball(mid, np.broadcast_to(np.asarray(rad, dtype=np.float64), (types, *mid.shape)).copy())


# --- the machines that disagree --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "dtype"), [("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)])
def test_the_emulated_types_round_like_the_real_ones(name, dtype):
    every = np.arange(2**16, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):
        every = np.unique(every[np.isfinite(every)].astype(np.float64))
    assert_equal_exact(nearest(every, name), every)
    largest = FLOAT_TYPES[name].largest
    middles = ((every[1:] + every[:-1]) / 2).astype(np.float32)  # ties, and their neighbours
    beyond = np.array([largest * (1 + share * unit(name)) for share in (0.4, 0.9)], dtype=np.float32)
    for x in (middles, np.nextafter(middles, np.float32(np.inf)), np.nextafter(middles, np.float32(-np.inf)), beyond):
        with np.errstate(over="ignore"):
            assert_equal_exact(nearest(x.astype(np.float64), name), x.astype(dtype).astype(np.float64))


def test_emulated_float32_and_float64_round_like_the_real_ones():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(10000) * 10.0 ** rng.integers(-44, 38, 10000)
    assert_equal_exact(nearest(x, "float32"), x.astype("float32").astype("float64"))
    assert_equal_exact(nearest(x, "float64"), x)


@ALL
def test_the_table_of_float_types(name):
    info = ml_dtypes.finfo(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    found = FLOAT_TYPES[name]
    assert found.unit == float(info.eps) / 2
    assert found.tiny == float(info.smallest_normal)
    assert found.largest == float(info.max)


def test_exact_functions_vs_floats():
    z = np.linspace(-9, 9, 37)
    for exact, f in (
        (machines.exact_sin, np.sin),
        (machines.exact_cos, np.cos),
        (machines.exact_tanh, np.tanh),
        (machines.exact_normal_cdf, ndtr),
    ):
        with machines.decimal.localcontext(machines.EXACT):
            values = np.array([float(exact(machines.Decimal(v))) for v in z.tolist()])
        assert_close(f(z), values, conditioning=1.0)


# --- one operation ---------------------------------------------------------------------------------------------------


@given(st.integers(1, 3000), st.sampled_from(TYPES))
def test_gamma_is_what_higham_calls_so(count, name):
    u = Fraction(FLOAT_TYPES[name].unit)
    with np.errstate(divide="ignore"):
        found = float(balls._gamma(count, float(u)))
    assert found == (math.inf if count * u >= 1 else pytest.approx(float(count * u / (1 - count * u)), rel=1e-15))


def _finer(on, z, omega):
    return activations.get("finer").enclosure(on, z, omega)


OPERATIONS = {
    "sin": (np.sin, 1.0, lambda on, z: on.sin(z)),
    "cos": (np.cos, 1.0, lambda on, z: on.cos(z)),
    "tanh": (np.tanh, 1.0, lambda on, z: on.tanh(z)),
    "normal_cdf": (ndtr, 8.0, lambda on, z: on.normal_cdf(z)),
    "bell": (lambda v: np.exp(-v * v), 1.0, lambda on, z: on.bell(z)),
    "relu": (lambda z: np.maximum(z, 0), 0.0, lambda on, z: on.relu(z)),
    "scaled": (lambda z: 30.1 * z, None, lambda on, z: on.scaled(z, 30.1)),
    "finer": (lambda z: np.sin(7.3 * (np.abs(z) + 1) * z), 1.0, lambda on, z: _finer(on, z, 7.3)),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(max_examples=20)
@given(seed=seeds, size=st.sampled_from([0.0, 1e-9, 1e-4, 0.03, 1.0, 10.0]))
def test_every_value_in_a_ball_lands_in_the_ball_of_its_image_with_the_librarys_error(operation, seed, size):
    f, share, on_balls = OPERATIONS[operation]
    rng = np.random.default_rng(seed)
    mid, rad = rng.uniform(-6, 6, 40), size * rng.random(40)
    image = on_balls(Machines(TYPES), _ball(mid, rad, len(TYPES)))
    assert image.rad.shape == (len(TYPES), 1, 1, 40)
    for shift in (-1.0, 1.0, 0.0, *rng.uniform(-1, 1, 5)):
        y = f(mid + shift * rad)
        for name, radius in zip(TYPES, image.rad[:, 0, 0], strict=True):
            # a machine may be off by four units (32 for the distribution function) on top, in either direction
            error = unit(name) * (4.0 * share if share is not None else np.abs(y))
            assert (np.abs(y - image.mid[0, 0]) + error <= radius * (1 + 1e-6) + 1e-14).all(), name


@pytest.mark.parametrize("operation", ["sin", "cos", "tanh", "bell", "normal_cdf"])
@ALL
def test_balls_of_functions_are_no_larger_than_they_need_to_be(operation, name):
    f, _, on_balls = OPERATIONS[operation]
    mid = np.linspace(-3, 3, 61)
    rad = np.full(61, 1e-3)
    image = on_balls(Machines([name]), _ball(mid, rad)).rad[0, 0, 0]
    shifts = np.linspace(-1, 1, 21)[:, None]
    reached = np.abs(f(mid + shifts * rad) - f(mid)).max(axis=0)
    allowed = 40.0 if operation == "normal_cdf" else 6.0 + (40.0 if operation == "bell" else 0.0)
    assert (image <= 1.01 * reached + 1e-5 + allowed * unit(name)).all()


@given(seeds, st.sampled_from(TYPES))
@example(41510686, "float16")  # a product that the type does not hold: no bound
def test_products_of_balls_vs_fractions(seed, name):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 5)) * 10.0 ** rng.integers(-2, 3, (2, 5))
    ra, rb = rng.random((2, 5)) * 10.0 ** rng.integers(-9, 1, (2, 5))
    found = Machines([name]).product(_ball(a, ra), _ball(b, rb))
    for *numbers, mid, rad in np.stack([a, b, ra, rb, found.mid[0, 0], found.rad[0, 0, 0]]).T.tolist():
        p, q, rp, rq = (Fraction(v) for v in numbers)
        products = [(p + sp * rp) * (q + sq * rq) for sp in (-1, 1) for sq in (-1, 1)]
        if rad == np.inf:
            assert max(map(abs, products)) > (1 - 4 * unit(name)) * FLOAT_TYPES[name].largest
            continue
        for exact in products:
            worst = abs(exact - Fraction(mid)) + Fraction(unit(name)) * abs(exact)
            assert worst <= Fraction(rad)


@given(seeds, st.sampled_from(["float32", "float16"]))
def test_every_rounding_on_the_way_to_the_sine_of_finer_counts(seed, name):
    """Of ``|z| + 1``, of its product with z, of omega, and of the last product: four, all to the same side."""
    z, omega, u = np.random.default_rng(seed).uniform(-2, 2, 50), 1.7, unit(name)
    found = _finer(Machines([name]), _ball(z, 0.0), omega)
    argument = omega * (np.abs(z) + 1) * z
    worst = np.sin(argument * (1 + u) ** 4)
    assert (np.abs(worst - found.mid[0, 0]) + 4 * u <= found.rad[0, 0, 0] + 1e-15).all()


@given(st.integers(1, 40), st.sampled_from(["float32", "float16", "bfloat16"]), st.booleans())
def test_a_sum_can_be_as_wrong_as_n_roundings(count, name, up):
    """One, and then terms of a little more than half a unit in its last place: each rounds up to a whole one.

    Or a little less than half, and all are lost.  The error is about n u, so a bound below it would be wrong.
    """
    u = unit(name)
    term = u * (1.0 + 2.0**-4 if up else 1.0 - 2.0**-4)
    w = np.full((1, count, 1), term, dtype=np.float32)
    ones = np.ones((1, 1, count))
    found = Machines([name]).linear(_ball(ones, 0.0), w, np.ones((1, 1, 1), np.float32), 1.0)
    total = np.ones(1)
    for _ in range(count):
        total = nearest(total + term, name)
    reached = abs(float(total[0]) - (1.0 + count * term))
    radius = float(found.rad[0, 0, 0, 0])
    assert reached > 0.9 * count * u * (15 / 16) - u
    assert reached <= radius
    flushed = 8 * (count + 1) * FLOAT_TYPES[name].tiny  # of which there is much in float16
    assert radius <= 1.01 * (count + 2) * u * (1 + count * term) / (1 - (count + 2) * u) + flushed


def test_the_evaluation_here_is_as_wrong_as_any_other_in_float64():
    """One machine may round everything up and this one everything down: radii in float64 count both."""
    on, u = Machines(["float64"]), unit("float64")
    for count in range(3, 40):
        w, b = np.full((1, count, 1), u, np.float32), np.ones((1, 1, 1), np.float32)
        assert on.linear(_ball(np.ones((1, 1, count)), 0.0), w, b, 1.0).rad[0, 0, 0, 0] >= 2 * count * u
    assert on.product(_ball([3.0], 0.0), _ball([5.0], 0.0)).rad[0, 0, 0, 0] >= 2 * 15 * u
    for f, units in ((on.sin, 4), (on.cos, 4), (on.tanh, 4), (on.bell, 4), (on.normal_cdf, 32)):
        assert f(_ball([0.7], 0.0)).rad[0, 0, 0, 0] >= 2 * units * u


@given(seeds, st.sampled_from(TYPES), st.integers(1, 30), st.sampled_from([1.0, 30.0, 29.7]))
def test_a_linear_layer_spreads_what_comes_in(seed, name, width, gain):
    """All errors to the same side: the incoming ones, those of weights and gain, and of every product and sum."""
    rng = np.random.default_rng(seed)
    h, r = rng.uniform(-1, 1, (1, 3, width)), 10.0 ** rng.uniform(-9, -1, (1, 3, width))
    w, b = (rng.uniform(-1, 1, (1, n, 2)).astype("float32") for n in (width, 1))
    found = Machines([name]).linear(Ball(h, r[None]), w, b, gain)
    u, narrow = unit(name), name in ("float16", "bfloat16")
    share = (1 + u) ** (2 + narrow + (2 if gain != 1 else 0)) - 1  # at least one product, one sum
    w64, b64 = gain * w.astype(float), gain * b.astype(float)
    for side in (-1.0, 1.0):
        moved = h[..., None] + side * np.sign(w64) * r[..., None]  # (1, 3, I, 2)
        terms = moved * w64[:, None]
        worst = terms.sum(axis=2) + b64 + side * share * (np.abs(terms).sum(axis=2) + np.abs(b64))
        assert (np.abs(worst - found.mid) <= found.rad[0] * (1 + 1e-9) + 1e-15).all()
    # and without the incoming radius it would be too small
    assert (found.rad[0] >= np.matmul(r, np.abs(w64)) * (1 - 1e-12)).all()


@ALL
def test_what_may_overflow_has_no_bound(name):
    on, largest = Machines([name]), FLOAT_TYPES[name].largest
    with np.errstate(over="ignore", invalid="ignore"):
        w = np.full((1, 2, 1), 0.75 if name != "float64" else 0.5)
        b = np.zeros((1, 1, 1))
        h = _ball([[[largest, -largest]]], 0.0)
        cancels = on.linear(h, w, b, 1.0)
        assert np.isinf(cancels.rad).all(), "the sum is 0, but on the way there it may pass the largest number"
        assert np.isfinite(on.linear(_ball([[[largest / 4, -largest / 4]]], 0.0), w, b, 1.0).rad).all()
        assert np.isinf(on.scaled(_ball([largest], 0.0), 2.0).rad).all()
        assert np.isinf(on.product(_ball([largest], 0.0), _ball([2.0], 0.0)).rad).all()
        for f in (on.sin, on.cos, on.tanh, on.normal_cdf, on.relu, on.bell):
            assert np.isinf(f(_ball([0.0], np.inf)).rad).all(), "a function of what may be infinite is no number"
            assert np.isinf(f(on.linear(_ball([0.0], np.inf), w[:, :1] * 0, b, 1.0)).rad).all(), "0 times infinity"


@pytest.mark.parametrize(("value", "held"), [(1e5, "no"), (65504.0, "yes"), (2.0**-14, "yes"), (5e-5, "no")])
@pytest.mark.parametrize("activation", ["sine", "finer", "gauss", "wire"])
def test_frequencies_that_a_type_does_not_hold_have_no_bound(activation, value, held):
    spec = MLP((1, 1, 1), activation, omega=value, scale=value)
    weight = 0.5 / max(value, 1.0)
    params = {k: np.full((1, 1, 1), weight if k == "w0" else 0.0, np.float32) for k in ("w0", "b0", "w1", "b1")}
    x = np.full((1, 1), 0.125, np.float32)
    assert np.isfinite(enclose(spec, params, x, ["float32"]).rad).all()
    assert np.isfinite(enclose(spec, params, x, ["float16"]).rad).all() == (held == "yes")


def test_sums_before_the_gain_may_overflow_too():
    on, b = Machines(["float16"]), np.zeros((1, 1, 1), np.float32)
    h = _ball([[[1.0, 1.0]]], 0.0)
    for weight, bounded in ((30000.0, True), (40000.0, False)):
        w = np.full((1, 2, 1), weight, np.float32)
        assert np.isfinite(on.linear(h, w, b, 0.25).rad).all() == bounded, "the sum before, 4 times as large"


def test_sums_too_long_for_a_type_have_no_bound():
    for name, terms in (("bfloat16", 256), ("float16", 2048)):
        for width, bounded in ((terms - 10, True), (terms, False)):
            h = _ball(np.full((1, 1, width), 0.3), 0.0)
            w = np.full((1, width, 1), 1e-3, np.float32)
            rad = Machines([name]).linear(h, w, np.zeros((1, 1, 1), np.float32), 1.0).rad
            assert np.isfinite(rad).all() == bounded


def test_flushing_to_zero_is_covered():
    tiny = FLOAT_TYPES["float16"].tiny
    w, b = np.full((1, 5, 1), 0.9 * tiny, np.float32), np.full((1, 1, 1), 0.5 * tiny, np.float32)
    found = Machines(["float16"]).linear(_ball(np.ones((1, 1, 5)), 0.0), w, b, 1.0)
    assert found.rad[0, 0, 0, 0] >= found.mid[0, 0, 0] > 4.9 * tiny, "all weights may be taken for 0"
    found = Machines(["float16"]).product(_ball([tiny], 0.0), _ball([0.9], 0.0))
    assert found.rad[0, 0, 0, 0] >= found.mid[0, 0, 0]


# --- the normal distribution function in the type itself -------------------------------------------------------------


@pytest.mark.parametrize("gain", [1.0, 30.0])
@ALL
def test_weights_that_are_flushed_to_zero_may_have_met_large_inputs(name, gain):
    """What a machine then computes is 0, and the output here is not."""
    on, subnormal = Machines([name]), FLOAT_TYPES[name].tiny * 0.96875
    w, b = np.array([[[subnormal]]]), np.zeros((1, 1, 1))
    for reach, rad in [(1000.0, 0.0), (0.0, 1000.0), (1000.0, 1000.0)]:
        z = on.linear(_ball(reach, rad), w, b, gain)
        assert 0.0 < (reach + rad) * gain * subnormal <= z.rad[0, 0, 0, 0]


def test_normal_cdf_of_every_float16_is_as_good_as_it_is_taken_for():
    z = np.arange(2**16, dtype=np.uint16).view(np.float16)
    z = z[np.isfinite(z)]
    with np.errstate(over="ignore", under="ignore"):
        found = activations.normal_cdf(z)
    assert found.dtype == np.float16
    assert np.abs(found.astype(float) - ndtr(z.astype(float))).max() <= balls.NORMAL_CDF * unit("float16")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_cdf_is_as_good_as_it_is_taken_for(dtype):
    z = np.linspace(-40, 40, 400001).astype(dtype)
    error = np.abs(activations.normal_cdf(z).astype(float) - ndtr(z.astype(float)))
    assert error.max() <= balls.NORMAL_CDF * unit(dtype)


# --- whole networks --------------------------------------------------------------------------------------------------


def test_every_activation_and_every_layer_has_a_formula():
    assert all(row.enclosure is not None for row in activations.ACTIVATIONS.values())
    assert all(row.enclosure is not None for row in mlp.LAYERS.values())


@ACTIVATIONS
@settings(max_examples=12)
@given(seed=seeds, sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple))
def test_the_middle_is_the_forward_pass_in_float64(activation, seed, sizes):
    spec, params, x = _network(sizes, activation, seed)
    z = enclose(spec, params, x, TYPES)
    wide, _ = mlp.forward(spec, {k: p.astype(float) for k, p in params.items()}, x.astype(float))
    assert z.mid.shape == wide.shape
    assert z.rad.shape == (4, *wide.shape)
    assert (np.abs(z.mid - wide) <= z.rad[0]).all()
    narrow, _ = mlp.forward(spec, params, x)
    assert (np.abs(z.mid - narrow) <= z.rad[1]).all()


@ACTIVATIONS
@settings(max_examples=12)
@given(seed=seeds, sizes=st.lists(st.integers(1, 12), min_size=2, max_size=5).map(tuple), options=st.data())
def test_every_machine_is_inside(activation, seed, sizes, options):
    frequencies = {name: options.draw(st.sampled_from([1.0, 29.7, 10.0])) for name in ("omega", "scale")}
    spec, params, x = _network(sizes, activation, seed, **frequencies)
    ball = enclose(spec, params, x, TYPES)
    rng = np.random.default_rng(seed)
    for name, rad in zip(TYPES, ball.rad, strict=True):
        for _ in range(2):
            z = Machine(name, rng).forward(spec, params, x)
            assert (np.isinf(rad) | (np.abs(z - ball.mid) <= rad)).all(), name


@ACTIVATIONS
@settings(max_examples=10)
@given(seed=seeds, sizes=st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple))
def test_exact_arithmetic_is_inside(activation, seed, sizes):
    spec, params, x = _network(sizes, activation, seed, nets=1, samples=3)
    ball = enclose(spec, params, x, TYPES)
    far = distances_from_exact(ball.mid, exact_outputs(spec, params, x))
    assert (far <= ball.rad).all(), "of every type: rounding to it includes not rounding at all"
    assert (ball.rad[0] < 1e-10).all()
    assert (ball.rad[0] <= ball.rad[1]).all()
    assert (ball.rad[1] <= ball.rad[2]).all()


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_the_error_of_a_library_at_the_top_of_a_sine_is_nearly_all_there_is(name):
    """Where the cosine is 0, rounding of the argument does nothing: four units of the library are nine tenths."""
    top = np.float32(math.pi / 2)
    spec = MLP((1, 1, 1), omega=1.0)
    params = {k: np.full((1, 1, 1), v, np.float32) for k, v in {"w0": top, "b0": 0, "w1": 1, "b1": 0}.items()}
    ball = enclose(spec, params, np.ones((1, 1), np.float32), [name])
    radius, u = float(ball.rad[0, 0, 0, 0]), unit(name)
    assert 4 * u < radius < 12 * u


@given(seeds)
def test_omega_is_rounded_wherever_it_is_multiplied(seed):
    """A frequency that no type holds, and an argument so large that its rounding decides the sine."""
    spec = MLP((1, 1, 1), omega=1000.1)
    rng = np.random.default_rng(seed)
    params = {k: np.full((1, 1, 1), v, np.float32) for k, v in {"w0": 1, "b0": 0, "w1": 1, "b1": 0}.items()}
    x = rng.uniform(-1, 1, (50, 1)).astype(np.float32)
    ball = enclose(spec, params, x, ["float32"])
    worst = np.abs(1000.1 * x.astype(float)) * 3.9 * unit("float32")  # w x, the cast of omega, its product, and a sum
    slope = np.abs(np.cos(1000.1 * x.astype(float)))
    assert (ball.rad[0, 0] >= slope * worst - worst**2).all()
    for name in ("float32", "bfloat16"):
        rad = enclose(spec, params, x, [name]).rad[0]
        z = Machine(name, rng, sloppiness=0.0).forward(spec, params, x)
        assert (np.abs(z - ball.mid) <= rad).all()


# --- integers --------------------------------------------------------------------------------------------------------


def _integer_network(seed: int, largest: int, sizes: tuple[int, ...] = (2, 4, 3, 1)):
    rng = np.random.default_rng(seed)
    params = {}
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        params[f"w{i}"] = rng.integers(-largest, largest + 1, (2, fan_in, fan_out)).astype(np.float32)
        params[f"b{i}"] = rng.integers(-largest, largest + 1, (2, 1, fan_out)).astype(np.float32)
    x = rng.integers(0, 9, (7, sizes[0])).astype(np.float32)
    return MLP(sizes, "relu"), params, x


@given(seeds)
def test_ternary_weights_and_integers_are_exact(seed):
    spec, params, x = _integer_network(seed, 1)
    ball = enclose(spec, params, x, TYPES)
    # at most (2 * 8 + 1) * 4 + 1 = 69, times 3 and 1 more: 208
    assert (ball.rad == 0).all()
    for name in TYPES:
        z = Machine(name, np.random.default_rng(seed)).forward(spec, params, x)
        assert_equal_exact(z, ball.mid)


@settings(max_examples=20)
@given(seeds, st.integers(1, 60))
def test_a_bound_of_zero_is_only_claimed_where_machines_agree_to_the_bit(seed, largest):
    spec, params, x = _integer_network(seed, largest)
    ball = enclose(spec, params, x, TYPES)
    for name, rad in zip(TYPES, ball.rad, strict=True):
        z = Machine(name, np.random.default_rng(seed)).forward(spec, params, x)
        assert (np.isinf(rad) | (np.abs(z - ball.mid) <= rad)).all()


@pytest.mark.parametrize(("name", "limit"), [("float32", 2**24), ("float16", 2**11), ("bfloat16", 2**8)])
def test_integers_are_exact_up_to_1_over_u_and_not_beyond(name, limit):
    on, b = Machines([name]), np.zeros((1, 1, 1), np.float32)
    w = np.ones((1, 2, 1), np.float32)

    def radius(h: list, r: float = 0.0, w: np.ndarray = w, b: np.ndarray = b) -> float:
        return float(on.linear(_ball([[h]], r), w, b, 1.0).rad[0, 0, 0, 0])

    assert radius([limit - 3, 3]) == 0
    assert radius([limit - 3, -3]) == 0
    assert radius([limit - 3, 4]) > 0
    assert radius([limit - 3, -4]) > 0, "in another order the sums may differ"
    assert radius([limit, 0], b=b + 1) > 0
    assert radius([3.5, 3]) > 0
    assert radius([3, 3], r=1e-9) > 0
    assert radius([3, 3], w=w * 1.5) > 0
    assert radius([3, 3], b=b + 0.5) > 0
    assert radius([0, 3], w=np.array([[[2 * limit + 1], [1]]], np.float32)) > 0, "a weight that the type does not hold"


def test_coordinates_are_data_and_integers_among_them_exact():
    x = np.array([[1.0, -1.0, 1 / 31, 256.0, 257.0, 1e-40, 0.0]], np.float32)
    ball = Machines(TYPES).data(x[None])
    assert_equal_exact(ball.mid[0, 0], x[0].astype(float))
    zero = ball.rad[:, 0, 0] == 0
    assert zero.tolist() == [
        [True] * 7,
        [True] * 5 + [False, True],
        [True, True, False, True, True, False, True],
        [True, True, False, True, False, False, True],
    ]
    with np.errstate(under="ignore"):
        for name, rad in zip(TYPES, ball.rad, strict=True):
            for flush in (False, True):
                assert (np.abs(nearest(ball.mid, name, flush=flush) - ball.mid) <= rad).all()


# --- certificates ----------------------------------------------------------------------------------------------------

IMAGE = (np.arange(64).reshape(8, 8) * 37 % 251).astype("uint8")
SMALL = {"hidden": (16, 16)}


@pytest.fixture(scope="module")
def inr() -> refinr.INR:
    return refinr.fit(IMAGE, **SMALL)


def test_certify_is_a_function_of_the_package(inr):
    assert refinr.certify is certificates.certify
    assert isinstance(refinr.certify(inr), certificates.Certificate)
    assert refinr.certify(inr, "float32") == certificates.certify(inr, dtypes=["float32"])


def _signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    t = np.arange(200)
    y, x = np.mgrid[0:16, 0:16] / 16
    return {
        "noise": rng.integers(0, 2**16, (12, 12)).astype(np.uint16),
        "image": (255 * (0.5 + 0.5 * np.sin(5 * x + 3 * y * y))).astype(np.uint8),
        "colours": rng.integers(0, 16, (6, 7, 3)).astype(np.uint8),
        "sound": (20000 * np.sin(t / 9) + rng.normal(0, 300, 200)).astype(np.int16),
        "floats": rng.normal(size=(5, 6)).astype(np.float32),
        "volume": rng.integers(-99, 99, (5, 4, 6)).astype(np.int16),
        "booleans": rng.integers(0, 2, (9, 9)).astype(bool),
        "one": np.array([7], dtype=np.uint8),
    }


@pytest.mark.parametrize("name", _signals())
def test_with_default_settings_a_fit_is_certified_for_float32(name):
    inr = refinr.fit(_signals()[name])
    assert inr.lossless
    certificate = refinr.certify(inr)
    for kind in ("float64", "float32"):
        found = certificate.types[kind]
        assert found.guaranteed
        assert 0 < found.bound < 0.1 < 0.4 < found.slack < certificate.margin
    # 0.5 is reached in float32, where the networks were trained
    assert certificate.margin >= 0.5 - certificate.types["float32"].bound
    assert_close(
        np.array(certificate.margin_per_plane),
        np.array(inr.report.margin_per_plane),
        conditioning=certificate.types["float32"].bound * 2**50,
    )


def test_the_bound_is_no_thousand_times_what_is_seen(inr):
    layout = inr.layout
    x = layout.inputs(layout.tile)
    ball = enclose(layout.spec, inr.params, x, ["float32"])
    narrow, _ = mlp.forward(layout.spec, inr.params, x)
    wide, _ = mlp.forward(layout.spec, {k: p.astype(float) for k, p in inr.params.items()}, x.astype(float))
    seen = float(np.abs(narrow - wide).max())
    bound = refinr.certify(inr).types["float32"].bound
    assert bound == float(ball.rad.max())
    assert seen < bound < 1000 * seen


@pytest.mark.parametrize("options", [{}, {"radix_bits": 2}, {"gray": True}], ids=str)
@pytest.mark.parametrize("decomposition", ["planes", "bit-coordinate", "none"])
def test_margins_and_slacks_are_the_smallest_of_their_plane(decomposition, options):
    if decomposition == "none" and options:
        options = {"bits": 9}
    inr = refinr.fit(IMAGE[:5, :7], decomposition, tile=4, max_steps=30, **SMALL, **options)
    certificate = refinr.certify(inr)
    layout, cut = inr.layout, inr.layout.cut
    logits = inr.logits().astype(float).reshape(-1, len(certificate.margin_per_plane))
    thresholds = [(k + 0.5) / (cut.levels - 1) - 0.5 for k in range(cut.levels - 1)]
    expected = np.abs(logits[..., None] - np.array(thresholds)).min(axis=(0, 2))
    # the logits are those of float32
    error = certificate.types["float32"].bound + 2.0**-48
    assert np.allclose(certificate.margin_per_plane, expected, rtol=0, atol=error)
    assert layout.networks % len(layout.tiles) == 0
    for found in certificate.types.values():
        slacks, margins = np.array(found.slack_per_plane), np.array(certificate.margin_per_plane)
        assert (slacks <= margins).all()
        assert (slacks >= margins - found.bound).all()
        assert found.slack == min(found.slack_per_plane)
        assert found.guaranteed == (found.slack > 0)
    assert certificate.margin == min(certificate.margin_per_plane)


def test_chunks_and_threads_do_not_matter(inr, monkeypatch):
    whole = refinr.certify(inr)
    monkeypatch.setattr(Machines, "meeting", 1)  # one sample at a time
    apart = refinr.certify(inr)
    for name in TYPES:
        assert whole.types[name].guaranteed == apart.types[name].guaranteed
        assert whole.types[name].bound == pytest.approx(apart.types[name].bound, rel=1e-3)
    assert whole.margin_per_plane == pytest.approx(apart.margin_per_plane, rel=1e-9)


def test_an_output_of_zero_known_exactly_is_the_same_bit_everywhere(inr):
    params = {name: np.zeros_like(p) for name, p in inr.params.items()}
    spec = dataclasses.replace(inr.layout.spec, activation="relu")
    layout = dataclasses.replace(inr.layout, network=perceptrons.Perceptrons(spec))
    zeros = dataclasses.replace(inr, layout=layout, params=params)
    x = layout.inputs(layout.tile)
    assert not np.array_equal(x, np.rint(x)), "coordinates are no integers, but nothing is made of them"
    found = refinr.certify(zeros).types["float64"]
    assert found.guaranteed == (found.bound == 0)
    layout = dataclasses.replace(layout, cut=_Indices(layout.cut.bits))
    found = refinr.certify(dataclasses.replace(zeros, layout=layout))
    assert [f.guaranteed for f in found.types.values()] == [True] * 4
    assert [f.bound for f in found.types.values()] == [0.0] * 4
    assert found.margin == 0.0


class _Indices(decompositions.Planes):
    """Planes whose coordinates are the indices of the samples."""

    def inputs(self, tile: tuple[int, ...]) -> np.ndarray:
        return np.stack(np.indices(tile), axis=-1).reshape(-1, len(tile)).astype(np.float32)


def test_nan_is_never_certain(inr):
    params = dict(inr.params) | {"b2": np.full_like(inr.params["b2"], np.nan)}
    certificate = refinr.certify(dataclasses.replace(inr, params=params))
    assert not any(found.guaranteed for found in certificate.types.values())
    assert all(math.isinf(found.bound) for found in certificate.types.values())
    assert "not certain" in str(certificate)


def test_the_table_says_it_all(inr):
    lines = str(refinr.certify(inr)).splitlines()
    assert [line.split()[0] for line in lines[1:5]] == TYPES
    assert [line.split()[1] for line in lines[1:3]] == ["yes", "yes"]
    assert lines[4].split()[1:3] == ["not", "certain"]
    assert len(lines) == 7 + inr.layout.cut.bits
    for plane, line in enumerate(lines[7:]):
        cells = line.split()
        assert len(cells) == 6
        assert cells[0] == str(plane)
        assert float(cells[1]) == float(f"{refinr.certify(inr).margin_per_plane[plane]:.3g}")


def test_certificates_do_not_change(inr):
    certificate = refinr.certify(inr, ["float32"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        certificate.margin_per_plane = (9.0,)
    with pytest.raises(TypeError):
        certificate.types["float32"] = None


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["complex64", "int8", "uint64", "float128", "half", "", np.int32, None, 7])
def test_types_that_are_none_of_ours(inr, dtype):
    with pytest.raises(ValueError, match=r"dtypes: unknown name .*; known are float64, float32, float16, bfloat16"):
        refinr.certify(inr, [dtype])


@pytest.mark.parametrize("dtype", ["float32", np.dtype("float32"), np.dtype("float16")])
def test_types_can_be_named_by_numpys_dtypes(inr, dtype):
    assert list(refinr.certify(inr, [dtype]).types) == [str(dtype)]


def test_no_type_at_all(inr):
    with pytest.raises(ValueError, match=r"dtypes: expected one or more of float64, .*, got none"):
        refinr.certify(inr, [])


@pytest.mark.parametrize(
    ("value", "said"), [(65536.0, "65536"), (-1e9, r"1e\+09"), (math.inf, "inf"), (math.nan, "nan")]
)
def test_parameters_that_a_type_cannot_hold(inr, value, said):
    params = dict(inr.params) | {"b1": np.full_like(inr.params["b1"], value)}
    large = dataclasses.replace(inr, params=params)
    with pytest.raises(ValueError, match=f"dtypes: float16 cannot hold the parameters, which reach {said}"):
        refinr.certify(large, "float16")
    certificate = refinr.certify(large)  # nobody asked for float16 in particular
    assert not certificate.types["float16"].guaranteed
    assert math.isinf(certificate.types["float16"].bound)
    assert certificate.types["float32"].guaranteed in (True, False)


def test_direct_regression_of_floats_decides_nothing():
    inr = refinr.fit(np.linspace(0, 1, 9), "none", max_steps=1)
    with pytest.raises(ValueError, match="direct regression of floats decides nothing"):
        refinr.certify(inr)


def test_layers_that_have_not_been_analysed_have_no_bound():
    spec = MLP((4, 3, 1), "relu", layer="ternary")
    params, x = mlp.init(spec, nets=2), np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    found = enclose(spec, params, x, TYPES)
    assert_close(found.mid.astype(np.float32), mlp.forward(spec, params, x)[0], conditioning=10.0, terms=4)
    assert np.isinf(found.rad).all()


# --- no wider than it need be, and no narrower -----------------------------------------------------------------------


@pytest.mark.parametrize(("function", "top", "zero"), [("sin", math.pi / 2, 0.0), ("cos", 0.0, math.pi / 2)])
def test_waves_spread_by_their_slope_and_never_by_more_than_what_comes_in(function, top, zero):
    on = Machines(["float64"])
    of = getattr(on, function)
    assert of(_ball(zero, 0.5)).rad.item() == pytest.approx(0.5, rel=1e-8)  # slope 1
    assert of(_ball(top, 0.1)).rad.item() == pytest.approx(0.1**2 / 2, rel=1e-8)  # slope 0 in the middle
    assert of(_ball(top, 1.9)).rad.item() == pytest.approx(min(1.9, 1.9**2 / 2), rel=1e-8)
    assert of(_ball(top, 50.0)).rad.item() == pytest.approx(2.0, rel=1e-8)


def test_one_rounding_is_counted_once():
    on, u = Machines(["float32"]), 2.0**-24
    assert u <= on.product(_ball(1.0, 0.0), _ball(1.0, 0.0)).rad.item() <= 1.001 * u
    assert 2 * u <= on.scaled(_ball(1.0, 0.0), 1.0).rad.item() <= 2.001 * u


def test_what_may_overflow_in_one_type_has_a_bound_in_another():
    on = Machines(["float16", "float32"])
    found = on.rounded(np.full((1, 1, 1), 65000.0), np.full((2, 1, 1, 1), 1000.0)).rad.ravel()
    assert np.isinf(found[0])
    assert 1000.0 < found[1] < 1000.1


def test_relu_cuts_off_what_is_surely_negative():
    on = Machines(["float32"])
    assert [on.relu(_ball(mid, 0.5)).rad.item() for mid in (-1.0, -0.25, 1.0)] == [0.0, 0.5, 0.5]


@pytest.mark.parametrize(("fan_in", "held"), [(255, True), (256, False)])
def test_whole_numbers_up_to_what_the_type_holds(fan_in, held):
    on = Machines(["float16"])  # whole numbers up to 2^11; twice the largest sum and one is 2041, or 2049
    h = Ball(np.ones((1, 2, fan_in)), np.zeros((1, 1, 2, fan_in)))
    z = on.integer_linear(h, np.ones((1, fan_in, 3), np.int8), 2)
    assert z.rad.shape == (1, 1, 2, 3)
    assert (z.rad == 0.0).all() if held else np.isinf(z.rad).all()


def test_the_largest_number_of_a_type_can_be_cast_to_it():
    assert certificates.castable({"w0": np.array([-65504.0])}, "float16") == ("float16",)


def test_the_table_as_printed():
    types = {
        "float64": certificates.Guarantee(True, 1e-13, (0.5, 0.25)),
        "float32": certificates.Guarantee(True, 1.5e-5, (0.49, 0.0)),
        "bfloat16": certificates.Guarantee(False, math.inf, (-math.inf, -math.inf)),
    }
    assert str(certificates.Certificate(types, (0.5, 0.25))).splitlines() == [
        "float type  same bits everywhere   rounding, at most    to spare",
        "float64     yes                                1e-13        0.25",
        "float32     yes                              1.5e-05           0",
        "bfloat16    not certain                     no bound           -",
        "",
        "plane       smallest margin       to spare in float64     float32    bfloat16",
        "0           0.5                                  0.5        0.49           -",
        "1           0.25                                0.25           0           -",
    ]


@pytest.mark.parametrize("name", ["float64", "float32", "float16"])
def test_the_smallest_normal_number_is_not_flushed(name):
    x = np.array([[[FLOAT_TYPES[name].tiny]]], dtype=name)
    assert Machines([name]).data(x).rad.item() == 0.0


def test_numbers_up_to_the_largest_have_a_bound():
    on, b = Machines(["float16"]), np.zeros((1, 1, 1))
    assert np.isfinite(on.linear(_ball(1.0, 0.0), np.array([[[40000.0]]]), b, 1.0).rad).all()
    assert np.isinf(on.linear(_ball(1.0, 0.0), np.array([[[65520.0]]]), b, 1.0).rad).all()


@ALL
def test_where_a_slope_is_0_the_function_is_still_as_wrong_as_it_may_be(name):
    on = Machines([name])
    z = on.function(np.zeros((1, 1, 1)), _ball(0.0, 1.0), np.zeros((1, 1, 1, 1)))
    assert z.rad.item() >= balls.FUNCTION * (FLOAT_TYPES[name].unit + FLOAT_TYPES["float64"].unit)


def test_the_bound_of_a_type_does_not_depend_on_the_types_beside_it():
    h = Ball(np.full((1, 1, 1), 2.0**23), np.array([0.0, 1e7])[:, None, None, None])
    z = Machines(["float32", "bfloat16"]).linear(h, np.ones((1, 1, 1)), np.zeros((1, 1, 1)), 1.0)
    assert z.rad[0].item() == 0.0, "a whole number that float32 holds, whatever bfloat16 makes of it"
    assert z.rad[1].item() >= 1e7


def test_outputs_that_overflow_are_not_certain():
    samples = np.array([0, 1], dtype="uint8")
    inr = refinr.fit(samples, hidden=(1,) * 9, activation="relu", max_steps=0)
    huge = {name: np.full_like(p, 1e38) for name, p in inr.params.items()}
    found = refinr.certify(dataclasses.replace(inr, params=huge))
    assert not any(guarantee.guaranteed for guarantee in found.types.values())


def test_an_output_that_may_be_on_its_threshold_is_not_certain(inr, monkeypatch):
    joined = balls.joined

    def up_to_the_threshold(parts):
        mid = joined(parts).mid
        return Ball(mid, np.broadcast_to(abs(mid), (1, *mid.shape)))

    monkeypatch.setattr(certificates, "joined", up_to_the_threshold)
    found = certificates.certify(inr, "float32").types["float32"]
    assert (found.guaranteed, found.slack) == (False, 0.0)


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_the_certificate(inr, tmp_path, capsys):
    path = str(tmp_path / "image.inr")
    inr.save(path)
    for options, status in (([], 0), (["--dtype", "float64"], 0), (["--dtype", "bfloat16"], 1)):
        assert cli.main(["certify", path, *options]) == status
        said = capsys.readouterr()
        assert said.out == f"{refinr.certify(inr)}\n"
        assert said.err == ""


def test_what_the_command_cannot_try(inr, tmp_path, capsys):
    path = str(tmp_path / "image.inr")
    large = dict(inr.params) | {"b1": np.full_like(inr.params["b1"], 1e6)}
    dataclasses.replace(inr, params=large).save(path)
    for arguments in ([path, "--dtype", "float16"], [str(tmp_path / "nothing.inr")]):
        assert cli.main(["certify", *arguments]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("refinr: ")
        assert said.err.count("\n") == 1
    with pytest.raises(SystemExit) as stop:
        cli.main(["certify", path, "--dtype", "int8"])
    assert stop.value.code == 2
    assert "invalid choice: 'int8'" in capsys.readouterr().err
