"""Theorem (soundness of certificates).

Let ``z_T`` be an output of a stored network as any machine computes it in the float type T: its sums in any order, with
or without fused multiply-add, rounding to nearest or more finely, small numbers flushed to zero or not, its library's
functions off by no more than stated.  Let z be the output that `certify` evaluates and ``rho_T`` its radius.  Then

1. ``|z_T - z| <= rho_T``, also for exact arithmetic in place of T.
2. So if ``|z - t| > rho_T`` for every output and its nearest threshold t, then all machines decode the same codes,
   those of exact arithmetic.  This is what ``guaranteed`` says.
3. Moved by less than its slack, by any cause, an output still decodes as it did, on any machine.  The margin is the
   best possible: moved by any more than it, towards its threshold, the output that has it means another digit.

From: ours; running error analysis is Wilkinson's (Higham, "Accuracy and Stability of Numerical Algorithms", Ch. 3).

Proof sketch.  1 by induction over the operations.  Each maps incoming balls into a ball (a Lipschitz bound on the ball
for functions, the triangle inequality for products), and adds what the operation itself is off.  A sum of n terms is
off by at most ``gamma_n = n u / (1 - n u)`` times the sum of the terms' magnitudes, in any order, as no term goes
through more than n roundings.  2 and 3: a digit is constant between two thresholds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refinr
from refinr import certificates, chunks, mlp
from refinr.certificates import enclose
from refinr.files.floats import FLOAT_TYPES
from tests.helpers import assert_equal_exact
from tests.machines import Machine, distances_from_exact, exact_outputs
from tests.strategies import seeds

TYPES = list(FLOAT_TYPES)
RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 64, (9, 8)).astype("uint8")
FITS = {
    "planes": {"hidden": (16, 16)},
    "gray": {"hidden": (16, 16), "gray": True},
    "digits": {"hidden": (16, 16), "radix_bits": 2},
    "gauss": {"hidden": (16, 16), "activation": "gauss"},
    "finer": {"hidden": (16, 16), "activation": "finer", "omega": 5.0},
    "bit-coordinate": {"hidden": (24, 24), "decomposition": "bit-coordinate"},
    "direct": {"hidden": (16, 16), "decomposition": "none", "max_steps": 200},
}


@cache
def _fit(name: str) -> refinr.INR:
    """Small fits of every kind, exact or not: 2 x 2 tiles, the last ones smaller."""
    return refinr.fit(IMAGE, tile=(5, 5), **{"max_steps": 300} | FITS[name])


@pytest.fixture(scope="module", params=FITS)
def inr(request: pytest.FixtureRequest) -> refinr.INR:
    return _fit(request.param)


def _tiles(inr: refinr.INR) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Parameters and coordinates of every tile."""
    layout, found = inr.layout, []
    each = layout.networks // len(layout.tiles)
    for index, tile in enumerate(layout.tiles):
        params = {name: p[index * each : (index + 1) * each] for name, p in inr.params.items()}
        found.append((params, layout.inputs(tuple(axis.stop - axis.start for axis in tile))))
    return found


def _permuted(params: dict[str, np.ndarray], x: np.ndarray, depth: int, rng: np.random.Generator) -> tuple:
    """The same network with inputs and hidden units in another order: its sums run in another order."""
    params = dict(params)
    order = rng.permutation(x.shape[1])
    x = x[:, order]
    for i in range(depth):
        params[f"w{i}"] = params[f"w{i}"][:, order]
        if i < depth - 1:
            order = rng.permutation(params[f"w{i}"].shape[2])
            params[f"w{i}"], params[f"b{i}"] = params[f"w{i}"][..., order], params[f"b{i}"][..., order]
    return params, x


def _check(inr: refinr.INR, name: str, index: int, z: np.ndarray) -> None:
    """One tile's outputs as some machine found them: within the radii, and decoded alike where that is promised."""
    params, x = _tiles(inr)[index]
    ball = enclose(inr.layout.spec, params, x, [name])
    assert (np.isinf(ball.rad[0]) | (np.abs(z - ball.mid) <= ball.rad[0])).all()
    found = refinr.certify(inr, name).types[name]
    assert (ball.rad <= found.bound).all()
    if found.guaranteed:
        assert_equal_exact(inr.layout.cut.codes(z), inr.layout.cut.codes(ball.mid))


# --- 1 and 2: machines -----------------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(seed=seeds, name=st.sampled_from(TYPES))
def test_machines_of_every_type_agree(inr, seed, name):
    for index, (params, x) in enumerate(_tiles(inr)):
        z = Machine(name, np.random.default_rng([seed, index])).forward(inr.layout.spec, params, x)
        _check(inr, name, index, z)


@settings(max_examples=8)
@given(seed=seeds, dtype=st.sampled_from(["float32", "float64"]))
def test_permuted_sums_agree(inr, seed, dtype):
    spec, rng = inr.layout.spec, np.random.default_rng(seed)
    for index, (params, x) in enumerate(_tiles(inr)):
        params, x = _permuted(params, x, spec.depth, rng)
        z, _ = mlp.forward(spec, {k: p.astype(dtype) for k, p in params.items()}, x.astype(dtype))
        _check(inr, dtype, index, z)


def test_permuted_sums_do_round_otherwise(inr):
    """Or the test above would show nothing."""
    (params, x), *_ = _tiles(inr)
    spec = inr.layout.spec
    other, y = _permuted(params, x, spec.depth, np.random.default_rng(1))
    z, _ = mlp.forward(spec, params, x)
    w, _ = mlp.forward(spec, other, y)
    assert (z != w).any()


@settings(max_examples=5)
@given(length=st.integers(1, 30))
def test_chunks_of_other_lengths_agree(inr, length):
    with mock.patch.object(chunks, "chunk_length", return_value=length), ThreadPoolExecutor(2) as pool:
        for index, (params, x) in enumerate(_tiles(inr)):
            _check(inr, "float32", index, chunks.evaluate(inr.layout.spec, params, x, pool))


def test_float16_of_numpy_agrees(inr):
    for index, (params, x) in enumerate(_tiles(inr)):
        with np.errstate(all="ignore"):
            z, _ = mlp.forward(
                inr.layout.spec, {k: p.astype("float16") for k, p in params.items()}, x.astype("float16")
            )
        assert z.dtype == np.float16
        _check(inr, "float16", index, z.astype(np.float64))


@pytest.mark.parametrize(
    ("fit", "name"), [("planes", "float32"), ("planes", "bfloat16"), ("gauss", "float32"), ("finer", "float32")]
)
def test_another_compiler_with_its_own_functions_agrees(fit, name):
    """XLA, by way of JAX: it fuses operations, sums in its own order, and has its own sine and exponential."""
    inr = _fit(fit)
    spec = inr.layout.spec
    activation = {
        "sine": lambda z: jnp.sin(spec.omega * z),
        "finer": lambda z: jnp.sin(spec.omega * ((jnp.abs(z) + 1.0) * z)),
        "gauss": lambda z: jnp.exp(-(spec.scale * z) * (spec.scale * z)),
    }[spec.activation]

    @jax.jit
    def outputs(params, h):
        for i in range(spec.depth):
            z = jnp.matmul(h, params[f"w{i}"], precision="highest") + params[f"b{i}"]
            h = activation(z) if i < spec.depth - 1 else z
        return h

    params, x = _tiles(inr)[0]
    z = outputs({k: jnp.asarray(p, dtype=name) for k, p in params.items()}, jnp.asarray(x, dtype=name)[None])
    assert z.dtype == name
    _check(inr, name, 0, np.asarray(z).astype(np.float64))


def test_exact_arithmetic_agrees(inr):
    params, x = _tiles(inr)[-1]  # the smallest tile
    one = {k: p[:1] for k, p in params.items()}
    x = x[:: max(1, len(x) // 4)]
    ball = enclose(inr.layout.spec, one, x, TYPES)
    far = distances_from_exact(ball.mid, exact_outputs(inr.layout.spec, one, x))
    assert (far <= ball.rad).all()


def test_the_samples_themselves_are_decoded_where_a_fit_is_exact(inr):
    if not inr.lossless:
        return
    assert refinr.certify(inr).types["float32"].guaranteed, "with a margin of 0.5"
    codes = inr.layout.codes(IMAGE)
    for tile, z in zip(inr.layout.tiles, _outputs(inr), strict=True):
        assert_equal_exact(inr.layout.cut.codes(z), codes[tile].reshape(-1, 1))


def test_most_of_the_fits_here_are_exact():
    """Or promises kept would show little."""
    assert sum(_fit(name).lossless for name in FITS) >= 4


# --- 3: perturbations ------------------------------------------------------------------------------------------------


def _outputs(inr: refinr.INR) -> list[np.ndarray]:
    return [enclose(inr.layout.spec, params, x, ["float64"]).mid for params, x in _tiles(inr)]


@settings(max_examples=10)
@given(seed=seeds, share=st.floats(0, 1, exclude_max=True))
def test_perturbed_by_less_than_the_margin_no_digit_changes(inr, seed, share):
    margins, cut = np.array(refinr.certify(inr).margin_per_plane), inr.layout.cut
    rng = np.random.default_rng(seed)
    for z in _outputs(inr):
        allowed = np.zeros_like(z)
        cut.by_sample(allowed)[...] = margins  # a view: each plane's own margin at its outputs
        for push in (np.sign(rng.standard_normal(z.shape)), rng.uniform(-1, 1, z.shape), 1.0, -1.0):
            moved = z + push * share * (1 - 2.0**-40) * allowed
            assert_equal_exact(cut.codes(moved), cut.codes(z))


@pytest.mark.parametrize("beyond", [1e-9, 1e-3])
def test_just_beyond_the_margin_a_digit_changes(inr, beyond):
    """The output with the smallest margin of its plane, pushed over its threshold."""
    cut, found = inr.layout.cut, 0
    margins = refinr.certify(inr).margin_per_plane
    for z in _outputs(inr):
        distances = cut.by_sample(cut.distances(z))
        for plane, margin in enumerate(margins):
            for place in np.argwhere(distances[..., plane] == margin):
                changed = []
                for push in (-1.0, 1.0):
                    moved = z.copy()
                    cut.by_sample(moved)[(*place, plane)] += push * (margin * (1 + beyond) + 2.0**-48)
                    changed.append((cut.codes(moved) != cut.codes(z)).any())
                assert sum(changed) >= 1, "the threshold is on one side of it"
                found += 1
    assert found >= len(margins)


@settings(max_examples=10)
@given(seed=seeds, name=st.sampled_from(TYPES))
def test_machines_and_perturbations_within_the_slack_together_change_nothing(inr, seed, name):
    found, cut = refinr.certify(inr, name).types[name], inr.layout.cut
    slacks = np.maximum(found.slack_per_plane, 0.0)  # a plane without slack stays as it is, and is not looked at
    safe = np.array(found.slack_per_plane) > 0
    rng = np.random.default_rng(seed)
    for (params, x), z in zip(_tiles(inr), _outputs(inr), strict=True):
        computed = Machine(name, rng).forward(inr.layout.spec, params, x)
        allowed = np.zeros_like(z)
        cut.by_sample(allowed)[...] = slacks * (1 - 2.0**-40)
        moved = computed + rng.choice([-1.0, 1.0], z.shape) * allowed
        # planes without a guarantee take the reference's outputs, so that only the others are compared
        with np.errstate(invalid="ignore"):
            cut.by_sample(moved)[..., ~safe] = cut.by_sample(z)[..., ~safe]
        assert_equal_exact(cut.codes(moved), cut.codes(z))


def test_beyond_the_bound_two_machines_decode_different_bits():
    """``1 + u + u - 1`` in float32: the small ones first make 2 u, a bit of 1; one after the other they are lost."""
    u = np.float32(2.0**-24)
    one = np.float32(1)
    kept, lost = (one + (u + u)) - one, ((one + u) + u) - one
    assert kept > 0 == lost
    params = {"w0": np.array([[[one], [u], [u]]]), "b0": np.array([[[-one]]])}
    ball = enclose(mlp.MLP((3, 1)), params, np.ones((1, 3), np.float32), ["float32"])
    for z in (kept, lost):
        assert abs(float(z) - ball.mid[0, 0, 0]) <= ball.rad[0, 0, 0, 0]
    assert abs(ball.mid[0, 0, 0]) <= ball.rad[0, 0, 0, 0], "so nothing is promised here"


@given(st.integers(2, 24))
def test_the_bound_is_reached_up_to_a_small_factor(count):
    """A bias of 1 and terms that each round up: a real float32 sum, in a legal order, at n u from the exact one."""
    u = 2.0**-24
    term = np.float32(u * 1.0625)
    spec = mlp.MLP((count, 1))
    params = {"w0": np.full((1, count, 1), term), "b0": np.ones((1, 1, 1), np.float32)}
    total = np.float32(1)
    for _ in range(count):
        total += term
    exact = 1 + count * float(term)
    radius = float(enclose(spec, params, np.ones((1, count), np.float32), ["float32"]).rad[0, 0, 0, 0])
    assert 0.9 * count * u < float(total) - exact <= radius < 3 * count * u


def test_a_certificate_can_be_wrong_only_for_outputs_it_does_not_promise(inr):
    """Whatever the type, `guaranteed` is the conjunction of what holds at every output."""
    certificate = refinr.certify(inr)
    for name, found in certificate.types.items():
        everywhere = True
        for params, x in _tiles(inr):
            ball = enclose(inr.layout.spec, params, x, [name])
            everywhere &= bool((inr.layout.cut.distances(ball.mid) > ball.rad[0]).all())
        assert found.guaranteed == everywhere
    assert certificates.certify(inr) == certificate
