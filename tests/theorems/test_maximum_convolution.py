"""Theorem (the maximum convolution, as a network).

For nodes x_k with values c_k and a slope L >= 0 let ``F(x) = max_k (c_k - L ||x - x_k||_1)``.

1. If f has slope at most L in the 1-norm and ``c_k = f(x_k)``, then
   ``f(x) - 2 L min_k ||x - x_k||_1 <= F(x) <= f(x)`` everywhere, and ``F(x_k) = f(x_k)``.
2. A ReLU network with widths ``d, 2 d K, w(K), w(ceil(K / 2)), ..., w(2), 1``, ``w(n) = 3 floor(n / 2) + 2 (n mod 2)``,
   computes F exactly, at every x.  It has ``ceil(log2 K) + 2`` linear layers, at most ``8 K^2 d^2`` parameters, and at
   most ``8 (d + 1) K`` of them are not zero.
3. The centres of ``m^d`` equal cells, ``m = max(1, ceil(d L l / eps))``, make F differ from f by at most eps on a cube
   with edge l.  For ``f(x) = L (x_1 + ... + x_d)`` the error ``d L l / m`` is attained, so fewer cells are not enough.

From: 1 and the network are those of Jentzen, Kuckuck and von Wurstemberger, arXiv 2310.20360, Sec. 4.2 and 4.3; the
counts, the non-zeros, the cells of 3 and its last sentence are ours.

Proof.  1: docstring of `refinr.constructive`.  2: there, for the network; `parameters` and `nonzeros` for the counts.
3: docstring of `lipschitz`.  For the last sentence let x be the corner where f is largest: the nearest centre is
``d l / (2 m)`` away, where f is ``d L l / (2 m)`` smaller; other nodes are further away, and f is smaller there.  So
``F(x) = f(x) - d L l / m``.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import constructive, mlp, theory
from refinr.constructive import Nodes
from tests.strategies import seeds

SIZES = [(K, d) for K in [*range(1, 35), 63, 64, 65] for d in (1, 2, 3)]


def _evaluate(network, x):
    return mlp.forward(*network, x)[0][0, :, 0]


def _naive(points, values, slope, at) -> Fraction:
    """F at one point, in fractions."""
    exact = [[Fraction(float(t)) for t in p] for p in points]
    distances = [sum(abs(Fraction(float(t)) - u) for t, u in zip(at, p, strict=True)) for p in exact]
    return max(Fraction(float(c)) - Fraction(float(slope)) * r for c, r in zip(values, distances, strict=True))


def _cones(rng, d: int, slope: int):
    """A function of slope at most L: the least of some upward cones and the largest of some downward ones, averaged."""
    tips, heights = rng.integers(-8, 9, (2, 3, d)) / 4, rng.integers(-20, 21, (2, 3)) / 4

    def f(x):
        cones = slope * abs(x[:, None, None, :] - tips).sum(axis=-1)  # (N, 2, 3)
        return ((heights[0] + cones[:, 0]).min(axis=-1) + (heights[1] - cones[:, 1]).max(axis=-1)) / 2

    return f


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Nodes, np.ndarray]:
    """Nodes, not all different, and points in and out of their box, all multiples of 1/4: float64 rounds nothing."""
    K, d = draw(st.integers(1, 20)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(seeds))
    points, values = rng.integers(-20, 21, (K, d)) / 4, rng.integers(-1000, 1001, K) / 4
    return Nodes(points, values, draw(st.integers(0, 40)) / 4), rng.integers(-60, 61, (9, d)) / 4


# --- 1: the sandwich -------------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 3), st.integers(0, 5), st.integers(1, 12))
def test_a_lipschitz_function_is_met_at_the_nodes_and_left_downwards_by_twice_the_distance_at_most(seed, d, slope, K):
    rng = np.random.default_rng(seed)
    f = _cones(rng, d, slope)
    points, x = rng.integers(-8, 9, (K, d)) / 4, rng.integers(-12, 13, (40, d)) / 4
    network = constructive.maximum_convolution(Nodes(points, f(points), slope))
    assert (_evaluate(network, points) == f(points)).all()
    away = abs(x[:, None, :] - points).sum(axis=-1).min(axis=1)
    F = _evaluate(network, x)
    assert (f(x) >= F).all()
    assert (f(x) - 2 * slope * away <= F).all()


def test_twice_the_distance_is_needed():
    nodes = Nodes(np.zeros((1, 1)), np.zeros(1), 3.0)  # f(x) = 3 |x|
    assert _evaluate(constructive.maximum_convolution(nodes), np.array([[2.0]])).tolist() == [6 - 2 * 3 * 2]


def test_a_steeper_function_is_not_met():
    nodes = Nodes(np.array([[0.0], [1.0]]), np.array([0.0, 5.0]), 4.0)
    assert _evaluate(constructive.maximum_convolution(nodes), nodes.points).tolist() == [1.0, 5.0]


# --- 2: the network --------------------------------------------------------------------------------------------------


@given(convolutions())
def test_the_network_computes_the_maximum_convolution_everywhere(case):
    nodes, x = case
    expected = [_naive(*nodes, at) for at in x]
    assert [Fraction(z) for z in _evaluate(constructive.maximum_convolution(nodes), x)] == expected
    assert [Fraction(z) for z in constructive.tree(nodes, x)] == expected


def _generic(K: int, d: int) -> Nodes:
    rng = np.random.default_rng(K * 10 + d)
    return Nodes(rng.uniform(1, 2, (K, d)), rng.uniform(1, 2, K), 1.0)  # nothing is zero by accident


@pytest.mark.parametrize(("K", "d"), SIZES)
def test_counts_are_those_of_the_arrays(K, d):
    spec, params = constructive.maximum_convolution(_generic(K, d))
    assert spec.sizes == constructive.sizes(K, d)
    assert spec.activation == "relu"
    assert {name: p.shape for name, p in params.items()} == {
        name: shape for name, (shape, _) in mlp.stored(spec, 1).items()
    }
    assert spec.depth == constructive.depth(K)
    assert sum(p.size for p in params.values()) == constructive.parameters(K, d)
    assert sum(np.count_nonzero(p) for p in params.values()) == constructive.nonzeros(K, d)


@pytest.mark.parametrize("d", range(1, 7))
def test_closed_forms_and_bounds(d):
    for K in range(1, 500):
        w = [3 * (n // 2) + 2 * (n % 2) for n in (-(-K // 2**i) for i in range(20)) if n > 1]
        P = 2 * d * K * (d + 1) + 2 * d * K + 1
        if K > 1:
            pairs = itertools.pairwise(w)
            P = 2 * d * K * (d + 1) + (2 * d * K + 1) * w[0] + sum((a + 1) * b for a, b in pairs) + w[-1] + 1
        assert constructive.parameters(K, d) == P <= 8 * K**2 * d**2
        assert constructive.parameters(K, d) <= d**2 * constructive.parameters(K, 1)
        assert constructive.nonzeros(K, d) <= 8 * (d + 1) * K
        assert constructive.depth(K) == math.ceil(math.log2(K)) + 2 == len(constructive.sizes(K, d)) - 1
    for K in (2**i for i in range(1, 30)):
        assert constructive.parameters(K, d) == Fraction(6 * d + 3, 2) * K**2 + (2 * d**2 + 2 * d + 3) * K - 5
        assert constructive.nonzeros(K, d) == Fraction(16 * d + 15, 2) * K - 8


def test_steps_of_the_proofs():
    for K in range(2, 500):
        t = math.ceil(math.log2(K))
        w = [3 * (n // 2) + 2 * (n % 2) for n in (-(-K // 2**i) for i in range(t))]
        assert all(w[i] <= Fraction(3 * K, 2 ** (i + 1)) + 2 for i in range(t))
        tail = [(w[i] + 1) * w[i + 1] for i in range(t - 1)]
        assert all(tail[i] <= Fraction(9 * K**2, 8 * 4**i) + Fraction(21 * K, 4 * 2**i) + 6 for i in range(t - 1))
        assert sum(tail) + w[-1] + 1 <= Fraction(3 * K**2, 2) + Fraction(21 * K, 2) + 6 * (t - 1) + 4
        assert constructive.parameters(K, 1) <= Fraction(9 * K**2, 2) + 17 * K + 6 * t - Fraction(3, 2)
        assert K < 6 or 2 * t <= K
        assert constructive.nonzeros(K, 1) - (8 * K + w[0] + 6 * K - 8) <= max(0, 4 * t - 5)
        assert 2 ** (t - 1) < K
    assert all(7 * K**2 - 40 * K + 3 > 0 for K in range(6, 500))
    assert [constructive.parameters(K, 1) for K in range(1, 6)] == [7, 27, 69, 95, 175]
    assert min(Fraction(2) ** (t - 2) + Fraction(25, 2) - 4 * t for t in range(2, 60)) == Fraction(1, 2)


# --- 3: within eps ---------------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 2), st.integers(0, 4), st.floats(0.25, 3.0), st.integers(-2, 1))
def test_the_error_is_at_most_eps(seed, d, slope, share, low):
    rng = np.random.default_rng(seed)
    eps = share * d * max(slope, 1)  # at most 8 cells an axis
    f = _cones(rng, d, slope)
    nodes = constructive.cover(f, slope, eps, d, low=low, high=low + 2)
    x = low + rng.integers(0, 65, (200, d)) / 32
    x[0], x[1] = low, low + 2
    F = _evaluate(constructive.lipschitz(f, slope, eps, d, low=low, high=low + 2), x)
    # centres may be no multiples of 1/4: K terms of size at most L D + range, summed and compared
    size = slope * d * 4 + np.ptp(nodes.values)
    rounding = 8 * np.finfo(float).eps * math.sqrt(2 * d * len(nodes.points)) * (size + abs(nodes.values).max())
    assert (f(x) - eps - rounding <= F).all()
    assert (f(x) + rounding >= F).all()


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("m", [1, 2, 4])
def test_the_error_is_attained_so_fewer_cells_are_not_enough(d, m):
    L, length = 3, 2
    eps = d * L * length / m
    top = np.full((1, d), 1.0)

    def f(x):
        return L * x.sum(axis=1)

    spec, params = constructive.lipschitz(f, L, eps, d, low=-1, high=1)
    assert spec.sizes == constructive.sizes(m**d, d)
    assert (f(top) - _evaluate((spec, params), top)).tolist() == [eps]
    assert len(constructive.cover(f, L, eps * (1 - 2**-50), d, low=-1, high=1).points) == (m + 1) ** d


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("eps", [0.5, 0.3, 0.1])
@pytest.mark.parametrize("L", [0, 0.5, 1])
def test_the_network_is_within_the_bound_with_its_constant(d, eps, L):
    spec, _ = constructive.lipschitz(lambda x: L * x.sum(axis=1), L, eps, d)
    bound = theory.lipschitz_constant(d, Fraction(L), 1) / Fraction(eps) ** (2 * d)
    assert mlp.parameter_count(spec) <= bound
