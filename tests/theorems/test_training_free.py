"""Theorem (exact without training).

1. For every array of integers whose codes, and ``L D + max - min`` of its codes, are at most ``2^24``, the maximum
   convolution over its N samples, nodes at their indices, reproduces it bit for bit in float32.  L is the largest step
   between neighbours and D the sum of the axes' lengths less one each.
2. Nothing is ever rounded: not only the outputs but every partial sum of every layer, in any order, is an integer of at
   most ``2^24`` in size.
3. The bound is sharp: for ``L D + max - min = 2^24 + 1`` there are arrays that float32 gets wrong.
4. It has `parameters` (N, d) <= ``8 N^2 d^2`` parameters.  n, the number of bits, does not appear: the dependence on n
   of ``U_d(n) = C eps(n)^(-2d)`` is one of bounds for *functions*, of which an array fixes only N values.

From: ours; the network is that of `test_maximum_convolution.py`.

Proof.  An array is L-Lipschitz in the 1-norm on its grid, as any two indices are joined by a path of
``||x - y||_1`` steps; so is F, and they meet at the nodes.  2: docstrings of `integer_nodes` and `maximum_convolution`.
3: the last of three or more values ``min(k L, R)`` has the bias ``L D + R``.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr import constructive, mlp, theory
from refinr.constructive import EXACT, Nodes
from tests.helpers import assert_equal_exact
from tests.strategies import INTEGERS, seeds, shapes


@st.composite
def integer_signals(draw: st.DrawFn) -> np.ndarray:
    """Integers of any kind, in 1 to 4 dimensions, within 17 bits: signed ones anywhere in their range."""
    shape = draw(shapes(min_dims=1, max_dims=4, max_side=4))
    kind = np.dtype(draw(st.sampled_from(["bool", *INTEGERS, ">i2", ">u4"])))
    rng = np.random.default_rng(draw(seeds))
    if kind.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    info = np.iinfo(kind)
    spread = draw(st.sampled_from([0, 1, 2, 100, 2**17]))
    low = 0 if kind.kind == "u" else int(rng.integers(info.min, info.max, endpoint=True))
    high = min(low + spread, int(info.max))
    steps = rng.integers(0, high - low, shape, endpoint=True)
    return np.array([low + int(s) for s in steps.ravel()], dtype=kind).reshape(shape)


# --- 1: exact --------------------------------------------------------------------------------------------------------


@given(integer_signals(), st.sampled_from([None, True, False]), st.sampled_from([None, 1, 2, 3]))
def test_every_small_integer_signal_is_represented_exactly(samples, channels, tile):
    channels = False if samples.ndim == 1 else channels
    inr = constructive.exact(samples, tile, channels=channels)
    assert_equal_exact(inr.decode(), samples)
    assert inr.lossless
    assert (inr.report.steps, inr.report.ber, inr.report.margin) == (0.0, 0.0, 0.5)
    layout = inr.layout
    count = layout.networks * constructive.parameters(math.prod(layout.tile), len(layout.tile))
    assert inr.report.parameters == sum(p.size for p in inr.params.values()) == count
    assert {p.dtype for p in inr.params.values()} == {np.dtype("float32")}


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4), (2, 2, 2, 5)])
@pytest.mark.parametrize("dtype", ["int16", "uint16", "bool"])
def test_it_saves_and_loads_like_any_other(tmp_path, shape, dtype):
    samples = np.random.default_rng(1).integers(-(2**15), 2**15, shape).astype(dtype)
    constructive.exact(samples).save(tmp_path / "x.inr")
    inr = refinr.load(tmp_path / "x.inr")
    assert_equal_exact(inr.decode(), samples)
    assert inr.lossless


# --- 2: nothing is rounded -------------------------------------------------------------------------------------------


@given(seeds, shapes(min_dims=1, max_dims=3, max_side=4))
def test_every_partial_sum_in_any_order_is_an_integer_within_the_bound(seed, shape):
    codes = np.random.default_rng(seed).integers(0, 2**16, shape).astype("uint16")
    nodes = constructive.integer_nodes(codes)
    _, params = constructive.maximum_convolution(nodes)
    D = sum(shape) - len(shape)
    bound = int(nodes.slope) * D + int(codes.max()) - int(codes.min())
    h = nodes.points.astype(np.int64)  # (N, d)
    layers = [[p[0].astype(np.int64) for p in (params[f"w{i}"], params[f"b{i}"])] for i in range(len(params) // 2)]
    for i, (w, b) in enumerate(layers):
        assert (params[f"w{i}"][0] == w).all()
        assert (params[f"b{i}"][0] == b).all()
        terms = h[:, :, None] * w  # (N, I, O)
        largest, smallest = terms.clip(min=0).sum(axis=1), terms.clip(max=0).sum(axis=1)  # of all partial sums
        z = terms.sum(axis=1) + b
        limit = D if i == 0 else bound
        last = i == len(layers) - 1
        for sums in (largest, smallest, b) if last else (largest, smallest, b, z):
            assert abs(sums).max() <= max(limit, int(codes.max()))
        h = z if last else np.maximum(z, 0)
        if i > 0 and not last:  # no value is negative in the box: the third third, relu(-b), is idle, so is relu(-odd)
            half = h.shape[1] // 3
            assert not h[:, 2 * half : 3 * half].any()
            assert not h[:, 3 * half + 1 :].any()
    assert (h.ravel() == codes.ravel()).all()


@pytest.mark.parametrize("order", range(5))
def test_the_order_of_a_sum_does_not_matter(order):
    codes = np.random.default_rng(0).integers(0, 2**16, (6, 6)).astype("uint16")
    inr = constructive.exact(codes)
    h = inr.layout.inputs((6, 6))
    for i in range(inr.layout.spec.depth):
        w, b = inr.params[f"w{i}"][0], inr.params[f"b{i}"][0]
        shuffle = np.random.default_rng(order).permutation(len(w))
        z = np.zeros((len(h), w.shape[1]), dtype=np.float32)
        for row in shuffle:
            z += h[:, row, None] * w[row]
        z += b
        h = z if i == inr.layout.spec.depth - 1 else np.maximum(z, 0)
    assert_equal_exact(h.ravel(), codes.ravel().astype(np.float32))


# --- 3: the edge -----------------------------------------------------------------------------------------------------


def _ramp(D: int, L: int, total: int) -> np.ndarray:
    """D + 1 codes with largest step L and ``L D + max - min = total``."""
    high = total - L * D
    codes = np.minimum(np.arange(D + 1) * L, high).astype("uint32")
    assert theory.neighbour_gain(codes)[0] == L
    assert int(codes.max()) == high
    return codes


@st.composite
def ramps(draw: st.DrawFn, total: int) -> np.ndarray:
    D = draw(st.integers(2, 40))
    return _ramp(D, draw(st.integers(-(-total // (2 * D)), total // (D + 1))), total)


@given(ramps(EXACT))
def test_exact_at_the_very_edge(codes):
    assert_equal_exact(constructive.exact(codes).decode(), codes)
    nodes = constructive.integer_nodes(codes)
    assert_equal_exact(constructive.tree(nodes, nodes.points.astype("float32")), codes.astype("float32"))


@given(ramps(EXACT + 1))
def test_one_more_is_an_error_and_would_be_wrong(codes):
    with pytest.raises(ValueError, match=r"samples: float32 is exact up to 2\^24 = 16777216, but codes reach"):
        constructive.exact(codes)
    nodes = Nodes(np.arange(len(codes))[:, None] * 1.0, codes.astype(float), float(theory.neighbour_gain(codes)[0]))
    z, _ = mlp.forward(*constructive.maximum_convolution(nodes, "float32"), nodes.points.astype("float32"))
    assert z[0, -1, 0] != codes[-1]
    z, _ = mlp.forward(*constructive.maximum_convolution(nodes, "float64"), nodes.points)
    assert (z[0, :, 0] == codes).all()


@given(st.integers(1, 12), st.sampled_from([(5,), (3, 4), (2, 2, 3)]), seeds)
def test_the_certificate_says_exact(bits, shape, seed):
    codes = np.random.default_rng(seed).integers(0, 2**bits, shape).astype("uint16")
    found = refinr.certify(constructive.exact(codes))
    for name in ("float32", "float64"):
        assert found.types[name].guaranteed
        assert (found.types[name].bound, found.types[name].slack) == (0.0, found.margin)
    assert 0.5 - 2.0**-50 <= found.margin <= 0.5


def test_the_certificate_claims_nothing_beyond_what_a_type_holds():
    found = refinr.certify(constructive.exact(np.array([0, 3000, 6000], dtype="uint16")))
    assert found.types["float32"].bound == 0.0
    assert found.types["float16"].bound > 0.0  # integers up to 2048
    assert not found.types["bfloat16"].guaranteed


def test_the_largest_code():
    codes = np.array([EXACT], dtype="uint32")
    assert_equal_exact(constructive.exact(codes).decode(), codes)
    for beyond in (EXACT + 1, 2**25, 2**32 - 1):
        with pytest.raises(ValueError, match=rf"exact up to 2\^24 = 16777216, but codes reach {beyond}"):
            constructive.exact(np.array([beyond], dtype="uint32"))
        with pytest.raises(ValueError, match=rf"exact up to 2\^24 = 16777216, but codes reach {beyond}"):
            constructive.integer_nodes(np.array([beyond], dtype="uint32"))
    with pytest.raises(ValueError, match=rf"codes reach {2**64 - 1}"):
        constructive.exact(np.array([0, 2**64 - 1], dtype="uint64"))
    far = np.array([-(2**63), -(2**63) + EXACT // 2], dtype="int64")  # counted from the smallest
    assert_equal_exact(constructive.exact(far).decode(), far)


def test_indices_are_integers_too(monkeypatch):
    monkeypatch.setattr(constructive, "EXACT", 10)  # as if float32 had no more
    assert len(constructive.integer_nodes(np.zeros(11, dtype="uint8")).points) == 11
    with pytest.raises(ValueError, match="diameter 11"):
        constructive.integer_nodes(np.zeros(12, dtype="uint8"))


# --- 4: bits do not count --------------------------------------------------------------------------------------------


def test_parameters_do_not_depend_on_the_bits():
    rng = np.random.default_rng(2)
    found = set()
    for bits in range(1, 17):
        codes = rng.integers(0, 2**bits, (5, 6)).astype("uint16")
        codes[0, 0] = 2**bits - 1
        inr = constructive.exact(codes)
        assert inr.layout.cut.bits == bits
        assert_equal_exact(inr.decode(), codes)
        found.add(inr.report.parameters)
    assert found == {constructive.parameters(30, 2)}
    assert max(found) <= 8 * 30**2 * 2**2
    assert theory.upper_bound(16, 2) > 10**8 * theory.upper_bound(1, 2)


def test_every_two_by_two_image_of_two_bits():
    for values in itertools.product(range(4), repeat=4):
        codes = np.array(values, dtype="uint8").reshape(2, 2)
        nodes = constructive.integer_nodes(codes)
        z, _ = mlp.forward(*constructive.maximum_convolution(nodes, "float32"), nodes.points.astype("float32"))
        assert_equal_exact(z[0, :, 0], codes.ravel().astype("float32"))
