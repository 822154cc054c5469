"""Theorem (low frequencies first, in one dimension).

Let F (N, D) be the D lowest cosines ``cos(pi k (i + 1/2) / N)``, k < D, of N samples on a line, ``2 <= D <= N``.

1. They are a Chebyshev system: F w gives a sign pattern without a zero if and only if it changes at most D - 1 times
   along the line.  (Any D rows are independent, so there are `theory.cover_count` (N, D) such patterns: as many as for
   other features, but not the ones that signals of high frequency have.)
2. Margins are exponentially small: if a pattern changes between all of D neighbouring samples, then however weights are
   chosen, the smallest output is at most

       min_i |z_i| / rms(z) <= (D - 1)! (pi / N)^(D - 1) / sqrt(2) < sqrt(D) (pi D / (e N))^(D - 1).

From: 1 is classical (S. Karlin, W. J. Studden, "Tchebycheff Systems", 1966); 2 is ours.

Proof.  With ``x_i = cos(pi (i + 1/2) / N)``, different and decreasing, ``F w`` is a polynomial p of degree D - 1 at
x_i, as ``cos(k t)`` is the polynomial T_k of cos t.  1: between neighbours of different sign p has a zero, and has at
most D - 1.  The other way round, ``prod_j (x - s_j)`` with s_j between the samples where the pattern changes has its
signs, or the opposite ones.  2: T_(D-1) has leading coefficient ``2^(D - 2)``, so that of p is
``c = 2^(D - 2) w_(D-1)``, and as the cosines are orthogonal, ``N rms(z)^2 >= w_(D-1)^2 N / 2``:
``|c| <= 2^(D - 2) sqrt(2) rms(z)``.  By Lagrange's formula c is the sum over those D samples of
``p(x_i) / prod_(j != i) (x_i - x_j)``.  The products have alternating signs as p has, so nothing cancels.  Neighbours
are at most ``h = pi / N`` apart, so with r the place among the D the product is at most ``h^(D-1) r! (D - 1 - r)!``,
and the sum of ``1 / (r! (D - 1 - r)!)`` is ``2^(D-1) / (D - 1)!``: ``|c|`` is at least
``min |z| 2^(D-1) / (h^(D-1) (D - 1)!)``.  The last inequality is Stirling's:
``(D - 1)! < sqrt(2 pi D) (D / e)^(D - 1) e^(1 / (12 D)) / e``, and ``sqrt(pi) e^(1 / 24) / e < 1``.
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
from tests.rational import gordan, largest_margin
from tests.strategies import seeds


def _cosines(N: int, D: int) -> np.ndarray:
    return np.cos(math.pi * np.arange(D) * (np.arange(N)[:, None] + 0.5) / N)


def _changes(pattern: np.ndarray) -> int:
    return int((pattern[1:] != pattern[:-1]).sum())


def _patterns(N: int) -> list[np.ndarray]:
    return [np.array([1, *rest]) for rest in itertools.product((-1, 1), repeat=N - 1)]


# --- 1: a pattern is given if and only if it changes at most D - 1 times ---------------------------------------------


@pytest.mark.parametrize("D", [1, 2, 3, 4])
@pytest.mark.parametrize("N", [4, 7])
def test_of_all_patterns_on_cosines(N, D):
    F = _cosines(N, D)
    found = 0
    for pattern in _patterns(N):
        margin = largest_margin(F * pattern[:, None])
        assert margin < 1e-9 or margin > 1e-5
        assert (margin > 1e-5) == (_changes(pattern) <= D - 1)
        found += 2 * (margin > 1e-5)
    assert found == theory.cover_count(N, D)


@pytest.mark.parametrize("D", [1, 2, 3])
def test_of_all_patterns_on_any_places_exactly(D):
    """Polynomials of degree below D at fractions; with Chebyshev's or plain powers, the functions are the same."""
    places = [Fraction(9, 10), Fraction(1, 2), Fraction(1, 3), Fraction(-1, 7), Fraction(-3, 5), Fraction(-1)]
    for pattern in _patterns(6):
        A = [[s * x**k for k in range(D)] for s, x in zip(pattern.tolist(), places, strict=True)]
        assert (gordan(A).weights is not None) == (_changes(pattern) <= D - 1)


@given(seeds, st.integers(2, 40), st.data())
def test_the_product_of_its_changes_gives_a_pattern(seed, N, data):
    """In fractions: no rounding, however small the margin."""
    rng = np.random.default_rng(seed)
    places = [Fraction(float(x)) for x in np.cos(math.pi * (np.arange(N) + 0.5) / N)]
    changes = np.sort(rng.choice(N - 1, data.draw(st.integers(0, N - 1)), replace=False))
    zeros = [(places[i] + places[i + 1]) / 2 for i in changes]
    z = [math.prod((x - zero for zero in zeros), start=Fraction(1)) for x in places]
    assert all(z)
    signs = np.array([1 if value > 0 else -1 for value in z])
    assert np.flatnonzero(np.diff(signs)).tolist() == changes.tolist()


@given(seeds, st.integers(1, 30), st.integers(1, 12))
def test_no_weights_change_more_often(seed, N, D):
    """Chebyshev's polynomials with whole weights at fractions, exactly; zeros count for neither sign."""
    rng = np.random.default_rng(seed)
    w = rng.integers(-9, 10, D).tolist()
    values = []
    for x in (Fraction(2 * i + 1 - N, N) for i in range(N)):
        T = [Fraction(1), x]
        while len(T) < D:
            T.append(2 * x * T[-1] - T[-2])
        values.append(sum(a * t for a, t in zip(w, T, strict=False)))
    signs = np.array([1 if value > 0 else -1 for value in values if value])
    assert _changes(signs) <= D - 1


def test_they_are_the_packages_cosines_in_strict_order():
    F = Cosines((9,), order=1e6, seed=0).matrix(5)
    scale = np.array([math.sqrt(1 / 9)] + [math.sqrt(2 / 9)] * 4)
    assert abs(F - _cosines(9, 5) * scale).max() < 16 * np.finfo(float).eps


# --- 2: margins are exponentially small ------------------------------------------------------------------------------


def _bound(N: int, D: int) -> float:
    return math.factorial(D - 1) * (math.pi / N) ** (D - 1) / math.sqrt(2)


@given(st.integers(2, 5), st.integers(0, 30), st.data())
def test_no_weights_have_a_wider_margin(D, more, data):
    N = D + more
    first = data.draw(st.integers(0, N - D))
    pattern = np.ones(N)
    pattern[first : first + D] = (-1.0) ** np.arange(D)
    pattern[first + D :] = pattern[first + D - 1]
    F = _cosines(N, D)
    margin = largest_margin(F * pattern[:, None])  # with |w_k| <= 1
    assert margin <= _bound(N, D) / math.sqrt(2) + 1e-9  # where rms(z) stood, |w_(D-1)| / sqrt(2) does as well


@given(seeds, st.integers(2, 24), st.integers(0, 100))
def test_the_polynomial_of_its_changes_has_no_wider_margin(seed, D, more):
    N = D + more
    first = int(np.random.default_rng(seed).integers(0, N - D + 1))
    x = np.cos(math.pi * (np.arange(N) + 0.5) / N)
    zeros = np.cos(math.pi * (np.arange(first, first + D - 1) + 1) / N)
    z = np.prod(x[:, None] - zeros, axis=1)
    assert abs(z).min() / np.sqrt((z * z).mean()) <= _bound(N, D)


@pytest.mark.parametrize("D", range(2, 100))
def test_the_bound_in_a_simple_form(D):
    for N in (D, 2 * D, 10 * D):
        assert _bound(N, D) < math.sqrt(D) * (math.pi * D / (math.e * N)) ** (D - 1)
    assert D < 12 or _bound(4 * D, D) < 1e-5
