"""Theorem (how many sign patterns D features give).

Let F (N, D) be the features of N samples.  The number of sign patterns ``sign(F w)`` without a zero is

1. ``C(N, D) = 2 sum_(k < D) binom(N - 1, k)`` if F is in general position: any D rows, or all N if there are fewer, are
   linearly independent;
2. less otherwise.

So a random pattern is given with probability ``C(N, D) / 2^N``: 1/2 at N = 2 D, 1 from D = N on.

3. If features are taken one after the other, all of them in general position, until a random pattern is given, their
   number is ``(N + 1) / 2`` on average.
4. D = N independent features interpolate: ``w = F^-1 S`` gives every pattern, all outputs being 1 or -1.

From: T. M. Cover, "Geometrical and statistical properties of systems of linear inequalities with applications in
pattern recognition", IEEE Transactions on Electronic Computers, 1965, Theorem 1; 2 is T. Zaslavsky's count of regions,
"Facing up to arrangements", Memoirs of the AMS 154, 1975.  3 is ours.

Proof sketch.  1, 3: docstrings of `theory.cover_count` and `theory.separable_share`.  2: regions are counted by the
sets of rows that are independent and contain no broken circuit (a minimal dependent set without its first row).  In
general position all sets of fewer than D rows count, and ``binom(N - 1, D - 1)`` of D rows, those with the first; a
dependent set of at most D rows has a broken circuit of fewer than D, which does not count.

Sines with random frequencies and phases are in general position (with probability 1).  Cosines up to the Nyquist
frequency of a tile, some of all N, need not be, and Walsh functions are not: they give at most as many patterns.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import theory
from refinr.readouts.features import Cosines
from tests.rational import gordan, largest_margin, rank
from tests.strategies import seeds


def _patterns(N: int) -> list[np.ndarray]:
    """Half of all sign patterns: with every pattern, its negative is given too."""
    return [np.array([1, *rest]) for rest in itertools.product((-1, 1), repeat=N - 1)]


def _given(F: np.ndarray, pattern: np.ndarray) -> bool:
    """Whether weights give a pattern; nothing is so near that rounding could decide."""
    margin = largest_margin(F * pattern[:, None])
    assert margin < 1e-9 or margin > 1e-5
    return margin > 1e-5


def _count(F: np.ndarray) -> int:
    return 2 * sum(_given(F, pattern) for pattern in _patterns(len(F)))


def _count_exactly(F: np.ndarray) -> int:
    """The same in fractions, for whole numbers."""
    return 2 * sum(gordan((F * pattern[:, None]).tolist()).weights is not None for pattern in _patterns(len(F)))


def _in_general_position(F: np.ndarray) -> bool:
    few = min(F.shape)
    return all(rank(rows) == few for rows in itertools.combinations(F.tolist(), few))


def _sines(seed: int, N: int, D: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sin(np.arange(N)[:, None] * rng.uniform(0, math.pi, D) + rng.uniform(0, 2 * math.pi, D))


def _smallest_minor(F: np.ndarray) -> float:
    N, D = F.shape
    return min(abs(np.linalg.det(F[list(rows)])) for rows in itertools.combinations(range(N), D))


# --- 1: general position ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("N", "D"), [(1, 1), (2, 1), (5, 2), (6, 1), (6, 2), (6, 3), (6, 4), (6, 5), (6, 6), (7, 3)])
def test_sines_give_exactly_as_many(N, D):
    F = _sines(0, N, D)
    assert _smallest_minor(F) > 1e-6
    assert _count(F) == theory.cover_count(N, D)


@given(seeds, st.integers(1, 4), st.integers(1, 5))
def test_whole_numbers_give_as_many_exactly_in_general_position(seed, D, N):
    F = np.random.default_rng(seed).integers(-3, 4, (N, D))
    found = _count_exactly(F)
    if _in_general_position(F):
        assert found == theory.cover_count(N, D)
    else:
        assert found < theory.cover_count(N, D)


def test_powers_are_in_general_position():
    """Vandermonde's determinants: the patterns are those of polynomials of degree below D."""
    for N, D in itertools.product(range(1, 7), range(1, 5)):
        F = np.arange(1, N + 1)[:, None] ** np.arange(D)
        assert _in_general_position(F)
        assert _count_exactly(F) == theory.cover_count(N, D)


# --- 2: other features -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tile", "D"), [((6,), 2), ((6,), 3), ((6,), 4), ((7,), 3), ((2, 3), 3), ((2, 3), 4)])
@pytest.mark.parametrize("seed", range(3))
def test_cosines_give_at_most_as_many(tile, D, seed):
    F = Cosines(tile, order=0.0, seed=seed).matrix(D)
    found = _count(F)
    most = theory.cover_count(math.prod(tile), D)
    assert found == most if _smallest_minor(F) > 1e-6 else found < most


@pytest.mark.parametrize("D", [2, 3, 4])
def test_walsh_functions_give_fewer(D):
    """Two rows of two or three columns of signs are soon equal, or opposite."""
    i = np.arange(8)
    walsh = 1 - 2 * np.array([[bin(a & b).count("1") % 2 for b in i] for a in i])
    fewer = 0
    for columns in list(itertools.combinations(range(8), D))[::23]:
        F = walsh[:, columns]
        found = _count_exactly(F)
        assert found <= theory.cover_count(8, D)
        assert (found == theory.cover_count(8, D)) == _in_general_position(F)
        fewer += found < theory.cover_count(8, D)
    assert fewer > 0


# --- the function ----------------------------------------------------------------------------------------------------


@given(st.integers(1, 300), st.integers(0, 300))
def test_it_satisfies_covers_recursion(N, D):
    assert theory.cover_count(N + 1, D + 1) == theory.cover_count(N, D + 1) + theory.cover_count(N, D)
    assert theory.cover_count(N, D + 1) >= theory.cover_count(N, D)
    assert theory.cover_count(N, N + D) == 2**N
    assert theory.cover_count(1, D) == 2 * min(D, 1)
    assert theory.separable_share(N, D) + theory.separable_share(N, N - D if N > D else 0) == 1
    assert theory.separable_share(2 * N, N) == Fraction(1, 2)


@pytest.mark.parametrize("arguments", [(0, 1), (-1, 1), (1, -1)])
def test_bad_input(arguments):
    expected = "expected 1 sample or more and 0 features or more, got {} and {}".format(*arguments)
    for function in (theory.cover_count, theory.separable_share):
        with pytest.raises(ValueError, match=expected):
            function(*arguments)


# --- 3: one feature after the other ----------------------------------------------------------------------------------


@pytest.mark.parametrize("N", [*range(1, 40), 256])
def test_on_average_half_as_many_features_as_samples(N):
    assert sum(1 - theory.separable_share(N, D) for D in range(N)) == Fraction(N + 1, 2)


@pytest.mark.parametrize("N", [1, 2, 3, 4, 5])
def test_measured_on_all_patterns(N):
    F = np.arange(1, N + 1)[:, None] ** np.arange(N)  # in general position, however many of the first are taken
    smallest = [
        next(D for D in range(1, N + 1) if gordan((F[:, :D] * pattern[:, None]).tolist()).weights is not None)
        for pattern in _patterns(N)
    ]
    assert Fraction(sum(smallest), len(smallest)) == Fraction(N + 1, 2)


# --- 4: as many features as samples ----------------------------------------------------------------------------------


@given(st.sampled_from([(8,), (3, 5), (2, 3, 4), (16, 16), (2, 2, 2, 3)]), seeds)
def test_all_features_interpolate(tile, seed):
    basis = Cosines(tile, order=1.0, seed=0)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (basis.samples, 4))
    z = basis.synthesis(basis.analysis(signs))
    # outputs are 1 or -1 but for the rounding of two products an axis, each of n terms of magnitudes below 2
    assert abs(z * signs - 1.0).max() <= 16 * np.finfo(float).eps * sum(tile)


def test_any_independent_features_do():
    for pattern in _patterns(5):
        w = np.linalg.solve(_sines(0, 5, 5), pattern)
        assert (np.sign(_sines(0, 5, 5) @ w) == pattern).all()
