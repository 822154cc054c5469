"""Theorem (why projections find a readout).

Let L be a linear space of outputs (times wanted signs), P the orthogonal projection onto it, K the orthant ``a >= 0``,
and ``a+ = max(a, 0)``.  Solutions are the points of L and K.

1. Alternating projections ``a <- P a+`` never get farther from any solution s (they are Fejer monotone), and nearer by
   the way to K and back: ``|P a+ - s|^2 <= |a - s|^2 - |a - a+|^2 - |a+ - P a+|^2``.
2. Every solution is a fixed point of a Douglas-Rachford step ``T a = a + r (P |a| - a+)``, ``0 < r < 2``.  No step gets
   farther from any fixed point f: ``|T a - f|^2 <= |a - f|^2 - (2 - r) / r |T a - a|^2``.
3. Where nothing in L is positive there is a certificate (`test_gordan.py`): u >= 0, not 0, with ``P u = 0``.  Then
   ``u (T a) = u a - r u (a+)`` for every a: a never comes back along u, which is how certificates are found.

From: L. M. Bregman, Soviet Mathematics Doklady 6, 1965, for 1; P.-L. Lions, B. Mercier, SIAM Journal on Numerical
Analysis 16, 1979, for 2; see H. H. Bauschke, P. L. Combettes, "Convex Analysis and Monotone Operator Theory in Hilbert
Spaces", 2nd ed., 2017, Ch. 5 and 26.  3 is ours.

Proof.  The projection Q onto a convex set is firmly nonexpansive:
``|Q a - Q b|^2 <= |a - b|^2 - |(a - Q a) - (b - Q b)|^2``.  1: twice, with b = s.  2: for solutions ``|s| = s+ = P s``.
``|a| = 2 a+ - a`` is the mirror image of a in K, so ``G a = a + P |a| - a+`` is half way from a to the mirror image in
L of that.  Mirror images are no farther from each other than what they are of, so G is firmly nonexpansive as well, and
``T = (1 - r) I + r G``.  So
``|T a - f|^2 = (1 - r) |a - f|^2 + r |G a - f|^2 - r (1 - r) |G a - a|^2 <= |a - f|^2 - r (2 - r) |G a - a|^2``, and
``T a - a = r (G a - a)``.  3: ``u P |a| = (P u) |a| = 0``.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.readouts import real
from refinr.readouts.features import Cosines
from tests.rational import gordan
from tests.strategies import seeds

RELAX = [Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(19, 10)]


class Problem(NamedTuple):
    """Walsh features times wanted signs: in fractions, orthonormal but for a whole factor."""

    A: np.ndarray
    """(N, D), signs times features, -1 and 1"""

    def project(self, a: np.ndarray) -> np.ndarray:
        return self.A.dot(a.dot(self.A)) / Fraction(len(self.A))

    def step(self, a: np.ndarray, relax: Fraction) -> np.ndarray:
        return a + relax * (self.project(abs(a)) - _positive(a))


def _problem(seed: int, N: int, D: int) -> tuple[Problem, np.ndarray | None]:
    """With a solution, or a certificate that there is none but 0."""
    rng = np.random.default_rng(seed)
    i = np.arange(N)
    walsh = 1 - 2 * np.array([[bin(a & b).count("1") % 2 for b in i] for a in i])[:, rng.permutation(i)[:D]]
    wanted = np.sign(walsh @ 2 ** rng.permutation(D)) if seed % 2 else rng.choice([-1, 1], N)  # no powers of 2 cancel
    A = (walsh * wanted[:, None]).astype(object)
    found = gordan(A.tolist())
    return Problem(A), None if found.weights is None else A @ np.array(found.weights, dtype=object)


def _positive(a: np.ndarray) -> np.ndarray:
    return np.maximum(a, Fraction(0))


def _square(a: np.ndarray) -> Fraction:
    return a.dot(a)


def _start(seed: int, N: int) -> np.ndarray:
    return np.array([Fraction(int(x), 16) for x in np.random.default_rng(seed).integers(-32, 33, N)], dtype=object)


problems = st.tuples(seeds, st.sampled_from([4, 8]), st.integers(1, 4))


@given(problems)
def test_alternating_projections_never_get_farther_from_a_solution(problem):
    solved, s = _problem(*problem)
    zero = solved.A[:, 0] * 0  # a solution of every problem, for which the two sides are equal
    a = solved.project(_start(problem[0], problem[1]))
    for _ in range(6):
        after = solved.project(_positive(a))
        lost = _square(a - _positive(a)) + _square(_positive(a) - after)
        assert _square(after - zero) == _square(a - zero) - lost
        assert s is None or _square(after - s) <= _square(a - s) - lost
        a = after


@given(problems, st.sampled_from(RELAX))
def test_a_douglas_rachford_step_never_gets_farther_from_a_fixed_point(problem, relax):
    solved, s = _problem(*problem)
    if s is None:
        s = solved.A[:, 0] * 0  # 0 is a fixed point of every problem
    assert (solved.step(s, relax) == s).all()
    a = _start(problem[0], problem[1])
    for _ in range(6):
        after = solved.step(a, relax)
        assert _square(after - s) <= _square(a - s) - (2 - relax) / relax * _square(after - a)
        a = after


@given(problems, st.sampled_from(RELAX))
def test_without_solutions_it_walks_along_the_certificate(problem, relax):
    solved, s = _problem(*problem)
    if s is not None:
        return
    u = np.array(gordan(solved.A.tolist()).certificate, dtype=object)
    assert not solved.project(u).any()
    a = _start(problem[0], problem[1])
    for _ in range(6):
        after = solved.step(a, relax)
        assert u.dot(after) == u.dot(a) - relax * u.dot(_positive(a)) <= u.dot(a)
        a = after


def test_there_are_problems_of_both_kinds():
    kinds = [_problem(seed, 8, 3)[1] is None for seed in range(40)]
    assert 5 < sum(kinds) < 35


def test_beyond_two_a_step_may_get_farther():
    """r < 2 cannot be left out: the orthant itself is the space, and a step goes past the mirror image."""
    solved = Problem(np.array([[1]], dtype=object))
    a = np.array([Fraction(-1)], dtype=object)
    for relax, far in ((Fraction(2), 1), (Fraction(5, 2), Fraction(9, 4))):
        assert _square(solved.step(a, relax)) == far  # from the fixed point 0


# --- the package's solver --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_solver_takes_these_steps(dtype):
    """What it hands back of networks that are not solved yet gets nearer to their solutions step by step."""
    basis = Cosines((8, 8), order=0.0, seed=0)
    D = 34
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (64, 60)).astype(dtype)
    late = real.solve(basis, signs, D, steps=400)
    signs = signs[:, late.solved & (late.steps > 12)]
    solution = signs * basis.synthesis(real.solve(basis, signs, D, steps=400).weights)
    Q = basis.matrix(D)
    a = np.ones(signs.shape)
    before = np.inf
    for steps in range(1, 13):
        last = real.solve(basis, signs, D, steps=steps).last
        assert last.shape == signs.shape
        a += real.RELAX * (signs * (Q @ (Q.T @ (signs * abs(a)))) - np.maximum(a, 0))
        # outputs are at most of size 10, and a step doubles what is off at most
        assert abs(last - a).max() <= 10 * 2**steps * 8 * np.finfo(dtype).eps * np.sqrt(D)
        distance = np.sqrt(((a - solution) ** 2).sum(axis=0))
        assert (distance <= before).all()
        before = distance * (1 + 1e-12)
