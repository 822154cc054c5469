"""Theorem (readouts of few levels on features of plus and minus one).

Let F (N, D) have entries -1 and 1, and let w (D,) be whole numbers of at most L in size.

1. If ``D L <= 2^p``, p the bits of a float type's significand (24 in float32, 11 in float16, 8 in bfloat16), then
   ``z = F w`` is the same whole numbers in that type, in float64 and in integers that hold ``D L``, in any order of
   summation.  From ``D L = 2^p + 1`` on there are weights and orders for which it is not.
2. If D is odd and all weights are odd, no z is 0: every output decides.  If D is even, some weights give 0.
3. However weights are found, D of them with l levels give at most ``min(l^D, C(N, D))`` sign patterns,
   `theory.cover_count`; so for all patterns of N bits, D weights have at least N bits, `theory.counting_bound`.  Of
   random patterns a share of at most ``l^D / 2^N`` is given: below the bound hardly one.

From: ours.

Proof.  1: every partial sum is a whole number of size at most ``D L``.  ``2^p + 1`` is not in the type, and is a sum
where features and weights have the same signs.  2: a sum of D odd numbers is odd if D is.  If D is even, let half of
the weights be a row's signs, and the other half their opposites.  3: weights are one of ``l^D``, and patterns without a
0 are among those of real weights; with zeros decided as bit 0, l^D bounds them all the same.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import theory
from refinr.readouts import integer
from refinr.readouts.features import Legendre, Walsh
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

SIGNIFICAND = {"float16": 11, "float32": 24, "float64": 53}


def _features(seed: int, D: int) -> np.ndarray:
    N = int(np.random.default_rng(seed).integers(1, 40))
    return Walsh(N, D, seed).matrix() if seed % 2 else Legendre(40, 331, D).matrix()[:N]


# --- 1: any order, any type ------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 60), st.sampled_from([1, 3, 34]))
def test_any_order_and_type_give_the_same_sums(seed, D, largest):
    rng = np.random.default_rng(seed)
    F = _features(seed, D)
    w = rng.integers(-largest, largest + 1, D)
    exact = [sum(int(f) * int(v) for f, v in zip(row, w, strict=True)) for row in F]
    assert max(map(abs, exact)) <= D * largest <= 2**11
    order = rng.permutation(D)
    for dtype in ("float16", "float32", "float64", "int16", "int32"):
        terms = (F * w).astype(dtype)[:, order]
        assert_equal_exact(np.add.accumulate(terms, axis=1, dtype=dtype)[:, -1], np.array(exact, dtype=dtype))
        parts = [part.sum(axis=1, dtype=dtype) for part in np.array_split(terms, 3, axis=1)]
        assert_equal_exact(parts[2] + (parts[0] + parts[1]), np.array(exact, dtype=dtype))
        assert_equal_exact(np.matmul(F.astype(dtype), w.astype(dtype)), np.array(exact, dtype=dtype))


@pytest.mark.parametrize(("dtype", "D"), [("float16", 1), ("float16", 3), ("float32", 1), ("float32", 3)])
def test_one_more_and_float_rounds(dtype, D):
    most = 2 ** SIGNIFICAND[dtype]
    levels = [most // D] * (D - 1) + [most - most // D * (D - 1)]
    for beyond in (0, 1):
        w = np.array([*levels, beyond], dtype=object)  # features of 1
        found = np.add.accumulate(w.astype(dtype))[-1]
        assert (int(found) == most + beyond) == (beyond == 0)


# --- 2: parity -------------------------------------------------------------------------------------------------------


@given(seeds, st.integers(0, 40))
def test_odd_features_and_odd_weights_leave_no_ties(seed, half):
    rng = np.random.default_rng(seed)
    F = _features(seed, 2 * half + 1).astype(int)
    w = 2 * rng.integers(-4, 4, 2 * half + 1) + 1
    assert ((F @ w) % 2 == 1).all()


@given(seeds, st.integers(1, 40))
def test_even_features_have_ties(seed, half):
    F = _features(seed, 2 * half).astype(int)
    w = F[0] * np.repeat([1, -1], half)
    assert F[0] @ w == 0


# --- 3: counting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [(-1, 1), (-1, 0, 1), (-3, -1, 1, 3)])
@pytest.mark.parametrize(("N", "D"), [(3, 1), (4, 3), (6, 3), (7, 3), (6, 5)])
def test_weights_of_few_levels_give_no_more_patterns_than_they_have_values(levels, N, D):
    F = Legendre(N, 7, D).matrix().astype(int)
    outputs = [F @ np.array(w) for w in itertools.product(levels, repeat=D)]
    assert len({tuple(z > 0) for z in outputs}) <= len(levels) ** D
    without_zeros = {tuple(z > 0) for z in outputs if z.all()}
    assert len(without_zeros) <= min(len(levels) ** D, theory.cover_count(N, D))


@given(st.integers(1, 200), st.integers(1, 400), st.integers(1, 8))
def test_for_every_pattern_weights_have_as_many_bits_as_the_signal(N, D, bits):
    if min(2 ** (bits * D), theory.cover_count(N, D)) >= 2**N:
        assert max(N, theory.counting_bound(N, 1, bits)) <= D


@pytest.mark.parametrize(("levels", "few", "enough"), [(integer.BINARY, 43, 103), (integer.TERNARY, 27, 67)])
def test_below_the_bound_no_random_pattern_is_solved(levels, few, enough):
    """Of 64 patterns, with ``l^D / 2^N`` below ``2^-20``; with weights of two signals' bits, all are."""
    signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (64, 64))
    assert len(levels) ** few < 2.0 ** (64 - 20)
    assert len(levels) ** enough < 2.0 ** (2 * 64)
    assert few < theory.counting_bound(64, 1, (len(levels) - 1).bit_length())
    assert not integer.messages(Legendre(64, 103, few).matrix(), signs, levels, steps=50).solved.any()
    assert integer.messages(Legendre(64, 103, enough).matrix(), signs, levels).solved.mean() > 0.8


@pytest.mark.parametrize("solver", [integer.straight_through, integer.messages])
def test_solved_readouts_decide_the_same_everywhere(solver):
    F = Legendre(64, 103).matrix()
    signs = np.random.default_rng(1).choice(np.float32([-1, 1]), (64, 20))
    found = solver(F, signs)
    assert found.solved.any()
    w = found.weights[:, found.solved]
    wanted = signs[:, found.solved] > 0
    order = np.random.default_rng(2).permutation(103)
    for dtype in ("float16", "float32", "float64", "int16", "int32", "int64"):
        z = np.zeros(wanted.shape, dtype)
        for k in order:  # one feature after the other, rounded to the type every time
            z = (z + F[:, k, None].astype(dtype) * w[k].astype(dtype)).astype(dtype)
        assert_equal_exact(z > 0, wanted)
        assert (z != 0).all()
