"""Theorem (Gordan's alternative: why a readout does not exist).

Let the rows of A (N, D) be the features of N samples times the wanted signs.  Exactly one of the two holds:

1. there are weights w with ``A w > 0``: the readout gives every sign;
2. there is a certificate ``u >= 0``, not 0, with ``u A = 0``: a combination of the signed rows that vanishes.

From: P. Gordan, "Ueber die Aufloesung linearer Gleichungen mit reellen Coefficienten", Mathematische Annalen 6, 1873.

Proof.  Not both: ``0 = (u A) w = u (A w) > 0``.  One of them: take the last variable out of ``A w > 0``.  If no sum of
two rows, one that bounds it from below and one from above, is impossible without it, there is room for it; so by
induction either all variables can be chosen, or a sum of rows with factors u >= 0 says ``0 > 0``.  That is how
`tests.rational.gordan` finds either, and both are proofs that can be checked without it.

`readouts.infeasible.holds` says of multipliers in floating point whether an exact certificate is near.  It may say no
of a good one, but never yes where there are weights.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.readouts import infeasible, real
from refinr.readouts.features import Cosines
from tests.rational import Alternative, gordan, largest_margin, rank
from tests.strategies import seeds

WEIGHTS = {D: np.array(list(itertools.product(range(-3, 4), repeat=D))) for D in (1, 2)}
COMBINATIONS = {N: np.array(list(itertools.product(range(4), repeat=N)))[1:] for N in (1, 2, 3, 4)}


def _assert_proof(A: np.ndarray, found: Alternative) -> None:
    """What was found proves what it says, in fractions."""
    assert (found.weights is None) != (found.certificate is None)
    A = A.astype(object)
    if found.weights is not None:
        assert (A @ np.array(found.weights, dtype=object) > 0).all()
    else:
        u = np.array(found.certificate, dtype=object)
        assert (u >= 0).all()
        assert u.any()
        assert not (u @ A).any()


@pytest.mark.parametrize(("N", "D"), [(1, 1), (2, 1), (4, 1), (1, 2), (2, 2), (3, 2), (4, 2)])
def test_of_all_small_matrices_exactly_one_holds(N, D):
    """Every matrix of -1, 0 and 1; that the other one does not hold is looked up among all small numbers."""
    for entries in itertools.product((-1, 0, 1), repeat=N * D):
        A = np.array(entries).reshape(N, D)
        found = gordan(A.tolist())
        _assert_proof(A, found)
        weights = (A @ WEIGHTS[D].T > 0).all(axis=0).any()
        certificate = (COMBINATIONS[N] @ A == 0).all(axis=1).any()
        assert (weights, certificate) == (found.weights is not None, found.certificate is not None)


@given(seeds, st.integers(1, 7), st.integers(1, 3))
def test_larger_ones_and_a_linear_program(seed, N, D):
    A = np.random.default_rng(seed).integers(-4, 5, (N, D))
    found = gordan(A.tolist())
    _assert_proof(A, found)
    assert (found.weights is not None) == (largest_margin(A) > 1e-9)


@given(seeds, st.integers(2, 8), st.integers(1, 3))
def test_a_certificate_needs_no_more_than_d_plus_1_samples(seed, N, D):
    """Some D + 1 rows of an impossible system are impossible already (Caratheodory)."""
    A = np.random.default_rng(seed).choice([-1, 1], (N, D))
    few = (list(rows) for rows in itertools.combinations(A.tolist(), min(N, D + 1)))
    assert (gordan(A.tolist()).weights is None) == any(gordan(rows).weights is None for rows in few)


# --- the package's certificates --------------------------------------------------------------------------------------


@given(seeds, st.integers(2, 8), st.integers(1, 3))
def test_what_the_package_accepts_is_a_proof(seed, N, D):
    """Multipliers from anywhere: near a certificate if there is one, drawn if not."""
    rng = np.random.default_rng(seed)
    A = rng.choice([-1.0, 1.0], (N, D))
    found = gordan(A.tolist())
    near = rng.uniform(0.0, 1.0, N) if found.certificate is None else np.array(found.certificate, float)
    for v in (near, near * (1 + rng.uniform(-1e-3, 1e-3, N)), rng.uniform(0.0, 1.0, N), np.ones(N)):
        if infeasible.holds(A, v):
            assert found.weights is None
            _assert_proof(A.astype(int), Alternative(None, infeasible.exact(A, v)))
        direction = infeasible.multipliers(A, v)
        assert direction is None or infeasible.holds(A, direction)


@pytest.mark.parametrize("seed", range(4))
def test_what_the_solver_leaves_is_proved_impossible(seed):
    """Cosines are no fractions, but float64 numbers are: for those the certificate is exact."""
    basis = Cosines((12,), order=0.0, seed=seed)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (12, 40))
    found = real.solve(basis, signs, 4, steps=300)
    left = signs[:, ~found.solved]
    proofs = infeasible.certify(basis, left, 4, found.last)
    A = [s[:, None] * basis.matrix(4) for s in left.T]
    proved = [(rows, v) for rows, v in zip(A, proofs, strict=True) if v is not None]
    assert len(proved) >= 0.8 * len(A) > 0
    for rows, v in proved[:8]:
        whole = np.array([[Fraction(x) for x in row] for row in rows.tolist()], dtype=object)
        _assert_proof(whole, Alternative(None, infeasible.exact(rows, v)))
        assert largest_margin(rows) < 1e-9


def test_a_solved_network_has_no_certificate():
    basis = Cosines((12,), order=0.0, seed=0)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (12, 40))
    found = real.solve(basis, signs, 8, steps=300)
    solved = signs[:, found.solved]
    assert solved.shape[1] > 20
    rng = np.random.default_rng(1)
    for s in solved.T:
        assert not any(infeasible.holds(s[:, None] * basis.matrix(8), v) for v in rng.uniform(0.0, 1.0, (20, 12)))


# --- the checks themselves -------------------------------------------------------------------------------------------


def test_wrong_certificates_are_caught():
    A = np.array([[1, 0], [-1, 0], [0, 1]])
    good = [Fraction(1), Fraction(1), Fraction(0)]
    _assert_proof(A, Alternative(None, good))
    for wrong in ([0, 0, 0], [1, 1, 1], [1, Fraction(999, 1000), 0], [-1, -1, 0]):
        with pytest.raises(AssertionError):
            _assert_proof(A, Alternative(None, [Fraction(u) for u in wrong]))
    with pytest.raises(AssertionError):
        _assert_proof(A, Alternative([Fraction(1), Fraction(1)], None))
    with pytest.raises(AssertionError):
        _assert_proof(A, Alternative(None, None))


@given(seeds, st.integers(1, 5), st.integers(1, 5))
def test_the_rank_is_numpys(seed, N, D):
    A = np.random.default_rng(seed).integers(-2, 3, (N, D))
    assert rank(A.tolist()) == np.linalg.matrix_rank(A)
