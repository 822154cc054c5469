"""Theorem (a ternary network in whole numbers gives the same bits everywhere).

Let a network have inputs that are multiples of ``2^-m`` in [-1, 1], codes in {-1, 0, 1}, ReLU, and layers

    y = (clip(floor(2^b x), -2^b, 2^b) t + 1/2) / 2^(b + k),    fan_in 2^b < 2^23.

Then all of its outputs are the same numbers in float32, float64 and 32-bit integers, in any order of summation.

From: Eq. (12) of Han et al., CVPR 2025, with fixed point in place of norm and scales; the statement is ours.

Proof sketch.  Every partial sum of ``a t`` is a whole number of magnitude at most ``fan_in 2^b < 2^23``; with the half
added it is a multiple of 1/2 below 2^23, and float32 has all of those.  So no addition rounds, and without rounding
addition is associative.  Products with powers of two, floor, clip and ReLU do not round either (nothing is near the
ends of the exponents' range), and in integers ``floor(2^b y) = S >> k`` for ``y = (S + 1/2) / 2^(b + k)``.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr import certificates, encodings, mlp, ternary
from refinr.mlp import MLP
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=3).map(lambda hidden: (8, *hidden, 2))
bits = st.integers(2, 12)


def _network(seed: int, sizes: tuple[int, ...], bits: int) -> tuple[MLP, dict[str, np.ndarray], np.ndarray]:
    spec = MLP(sizes, "relu", layer="ternary-integer", bits=bits)
    params = mlp.freeze(spec, mlp.init(spec, nets=2, seed=seed))
    x = encodings.choose("triangle", (5, 3), sizes[0] // 2, seed).inputs((5, 3))
    return spec, params, x


def _run(spec: MLP, params: dict, x: np.ndarray, dtype: str) -> np.ndarray:
    return mlp.forward(spec, {name: p.astype(dtype) for name, p in params.items()}, x.astype(dtype))[0]


def _in_integers(params: dict, x: np.ndarray, bits: int) -> list[np.ndarray]:
    """The sums S of every layer, with integers of 32 bits and shifts; nothing from the package."""
    a = np.floor(x.astype(np.float64) * 2**bits).astype(np.int32)
    sums: list[np.ndarray] = []
    for i in range(len(params)):
        t = params[f"w{i}"].astype(np.int32)
        if i:
            k = max(0, (params[f"w{i - 1}"].shape[-2].bit_length() - 2) // 2)
            a = np.minimum(np.maximum(sums[-1], 0) >> k, np.int32(2**bits))
        sums.append(np.einsum("...ni,...io->...no", a, t, dtype=np.int32))
    return sums


def _as_numbers(sums: np.ndarray, fan_in: int, bits: int) -> np.ndarray:
    k = max(0, (fan_in.bit_length() - 2) // 2)
    return (2 * sums.astype(np.int64) + 1) / 2.0 ** (bits + k + 1)


@given(seeds, sizes, bits)
def test_float32_and_float64_and_int32_agree(seed, sizes, bits):
    spec, params, x = _network(seed, sizes, bits)
    whole = _as_numbers(_in_integers(params, x, bits)[-1], sizes[-2], bits)
    assert_equal_exact(_run(spec, params, x, "float64"), whole, bitwise=True)
    assert_equal_exact(_run(spec, params, x, "float32"), whole.astype(np.float32), bitwise=True)
    assert_equal_exact(whole.astype(np.float32).astype(np.float64), whole)  # nothing was rounded away


@given(seeds, sizes, bits)
def test_any_order_of_the_sums_gives_the_same_bits(seed, sizes, bits):
    spec, params, x = _network(seed, sizes, bits)
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(n) for n in sizes[:-1]] + [np.arange(sizes[-1])]
    shuffled = {f"w{i}": params[f"w{i}"][:, before][:, :, after] for i, (before, after) in enumerate(pairwise(orders))}
    assert_equal_exact(_run(spec, shuffled, x[:, orders[0]], "float32"), _run(spec, params, x, "float32"), bitwise=True)


@given(seeds, st.integers(1, 40), st.integers(1, 40), bits)
def test_sums_in_parts_give_the_same_bits(seed, fan_in, parts, bits):
    rng = np.random.default_rng(seed)
    x = (rng.integers(-(2**bits), 2**bits + 1, (4, fan_in)) / 2**bits).astype(np.float32)
    t = rng.integers(-1, 2, (fan_in, 3)).astype(np.float32)
    t[0, 0] = 1.0  # not all zero
    y, _ = ternary.integer_linear(x, t, bits=bits)
    cuts = np.array_split(rng.permutation(fan_in), parts)
    a = np.float32(2**bits) * x
    total = np.float32(0.5) + np.sum([a[:, cut] @ t[cut] for cut in cuts], axis=0, dtype=np.float32)
    assert_equal_exact(y, total * np.float32(2.0 ** -(bits + ternary.shift(fan_in))), bitwise=True)


@given(seeds, sizes)
def test_samples_in_chunks_give_the_same_bits(seed, sizes):
    spec, params, x = _network(seed, sizes, 8)
    parts = [_run(spec, params, part, "float32") for part in np.array_split(x, 4)]
    assert_equal_exact(np.concatenate(parts, axis=1), _run(spec, params, x, "float32"), bitwise=True)


def test_every_array_library_gives_the_same_bits(backend):
    spec, params, x = _network(0, (8, 40, 40, 2), 8)
    expected = _run(spec, params, x, "float32")
    for dtype in ("float32", "float64"):
        there = {name: backend.array(p.astype(dtype)) for name, p in params.items()}
        z, _ = mlp.forward(spec, there, backend.array(x.astype(dtype)))
        assert_equal_exact(backend.host(z), expected.astype(dtype), bitwise=True)


@given(seeds, sizes, bits)
def test_no_sum_exceeds_the_bound_and_no_output_is_zero(seed, sizes, bits):
    spec, params, x = _network(seed, sizes, bits)
    for sums, fan_in in zip(_in_integers(params, x, bits), sizes, strict=False):
        assert abs(sums).max() <= ternary.largest_sum(fan_in, bits)
    assert (_run(spec, params, x, "float32") != 0).all()


def test_the_bound_is_attained():
    x, t = np.full((1, 100), 5.0, np.float32), np.ones((100, 1), np.float32)
    y, _ = ternary.integer_linear(x, t)
    assert y.item() * 2 ** (8 + ternary.shift(100)) == ternary.largest_sum(100, 8) + 0.5


def test_beyond_the_bound_float32_rounds_and_the_network_is_refused():
    fan_in, bits = 128, 16
    assert ternary.largest_sum(fan_in, bits) == 2**23
    x, t = np.ones((1, fan_in)), np.ones((fan_in, 1))
    y32, _ = ternary.integer_linear(x.astype("float32"), t.astype("float32"), bits=bits)
    assert y32.astype(float) != ternary.integer_linear(x, t, bits=bits)[0]
    with pytest.raises(ValueError, match=r"layer: 'ternary-integer' needs relu and sums below 2\^23 to be exact"):
        MLP((fan_in, 4, 1), "relu", layer="ternary-integer", bits=bits)
    MLP((fan_in - 1, 4, 1), "relu", layer="ternary-integer", bits=bits)


# --- what the certificate says ---------------------------------------------------------------------------------------


@given(seeds, sizes, bits)
def test_the_certificate_knows(seed, sizes, bits):
    spec, params, x = _network(seed, sizes, bits)
    found = certificates.enclose(spec, params, x, ["float64", "float32"])
    assert (found.rad == 0.0).all()
    assert_equal_exact(found.mid, _run(spec, params, x, "float64"), bitwise=True)


def test_the_certificate_claims_nothing_for_types_that_do_not_hold_the_sums():
    spec, params, x = _network(0, (8, 3, 2), 8)  # sums up to 8 * 2^8 = 2^11, and the half
    found = certificates.enclose(spec, params, x, ["float32", "float16", "bfloat16"])
    assert (found.rad[0] == 0.0).all()
    assert np.isinf(found.rad[1:]).all()


def test_a_fit_in_whole_numbers_is_certified():
    codes = np.random.default_rng(0).integers(0, 4, (6, 6)).astype("uint8")
    inr = refinr.fit(codes, layer="ternary-integer")
    assert inr.lossless
    found = refinr.certify(inr, ["float64", "float32"])
    for guarantee in found.types.values():
        assert guarantee.guaranteed
        assert (guarantee.bound, guarantee.slack) == (0.0, found.margin)


def test_a_fit_with_norms_and_scales_is_not():
    inr = refinr.fit(np.arange(16, dtype="uint8").reshape(2, 8), layer="ternary")
    found = refinr.certify(inr, ["float64", "float32"])
    assert [(guarantee.guaranteed, guarantee.bound) for guarantee in found.types.values()] == [(False, np.inf)] * 2
    assert found.margin > 0  # the outputs as they are here
