"""Certificates of infeasibility: exact fractions, linear programs, and wrong ones that are refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog

from refinr.readouts import infeasible, real
from refinr.readouts.features import Cosines, Walsh
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

bases = st.builds(Cosines, st.sampled_from([(8,), (3, 4), (4, 5), (2, 3, 3)]), st.sampled_from([0.0, 2.0]), seeds)


def _margin_by_linear_program(rows: np.ndarray) -> float:
    """The largest t with ``rows @ w >= t`` for some \\|w\\| <= 1: positive where there is a readout.  (HiGHS.)"""
    N, D = rows.shape
    goal = np.append(np.zeros(D), -1.0)
    constraints = np.hstack([-rows, np.ones((N, 1))])
    bounds = [(-1.0, 1.0)] * D + [(None, 1.0)]
    return -linprog(goal, A_ub=constraints, b_ub=np.zeros(N), bounds=bounds, method="highs").fun


def _signs(samples: int, networks: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.float32([-1, 1]), (samples, networks))


def _is_exact(rows: np.ndarray, v: list[Fraction]) -> bool:
    sums = [sum(Fraction(float(a)) * x for a, x in zip(column, v, strict=True)) for column in rows.T]
    return min(v) >= 0 and max(v) > 0 and not any(sums)


@given(bases, seeds, st.data())
def test_solver_and_certificates_agree_with_linear_programs(basis, seed, data):
    D = data.draw(st.integers(1, basis.samples - 1))
    signs = _signs(basis.samples, 4, seed)
    found = real.solve(basis, signs, D, steps=400)
    for e in np.flatnonzero(found.solved):
        assert _margin_by_linear_program(signs[:, [e]] * basis.matrix(D)) > 1e-9
    unsolved = np.flatnonzero(~found.solved)
    for e, v in zip(unsolved, infeasible.certify(basis, signs[:, unsolved], D, found.last), strict=True):
        if v is not None:
            rows = signs[:, [e]] * basis.matrix(D)
            assert infeasible.holds(rows, v)
            assert abs(_margin_by_linear_program(rows)) < 1e-9
            assert _is_exact(rows, infeasible.exact(rows, v))


def test_most_of_what_is_infeasible_is_proved():
    basis = Cosines((16, 16), 1.0, 0)
    signs = _signs(256, 32, 0)
    found = real.solve(basis, signs, 110, steps=200)
    unsolved = ~found.solved
    certificates = infeasible.certify(basis, signs[:, unsolved], 110, found.last)
    assert unsolved.sum() > 28
    assert sum(v is not None for v in certificates) >= 0.9 * unsolved.sum()


def test_features_of_whole_numbers_are_proved_in_whole_numbers():
    F = Walsh(24, 5, 0).matrix().astype(np.float64)
    proved = 0
    for seed in range(20):
        rows = F * _signs(24, 1, seed).astype(np.float64)
        Q = np.linalg.qr(rows)[0]
        a = np.ones(24)
        for _ in range(100):
            z = Q @ (Q.T @ np.abs(a))
            a = a + 1.5 * (z - np.maximum(a, 0.0))
        v = infeasible.multipliers(rows, np.maximum(-a, 0.0))
        if v is not None:
            assert _is_exact(rows, infeasible.exact(rows, v))
            proved += 1
    assert proved > 10


@given(seeds, st.integers(1, 6), st.integers(1, 10))
def test_nothing_is_proved_against_weights_that_exist(seed, D, more):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((D + more, D))
    rows *= np.sign(rows @ rng.standard_normal(D))[:, None]
    assert not infeasible.holds(rows, rng.random(D + more))
    assert infeasible.multipliers(rows, rng.random(D + more)) is None


# --- wrong certificates ----------------------------------------------------------------------------------------------


def _proved() -> tuple[np.ndarray, np.ndarray]:
    basis = Cosines((20,), 1.0, 3)
    signs = _signs(20, 1, 1)
    found = real.solve(basis, signs, 6, steps=400)
    (v,) = infeasible.certify(basis, signs, 6, found.last)
    assert v is not None
    return signs * basis.matrix(6), v


def test_scaling_does_not_matter():
    rows, v = _proved()
    for scale in (1e-60, 1e-30, 3.0, 1e30, 1e160):
        assert infeasible.holds(rows, scale * v)


@given(st.integers(0, 19))
def test_a_flipped_sign_is_caught(row):
    rows, v = _proved()
    assume(v[row] > 1e-3 * v.max())
    rows[row] *= -1.0
    assert not infeasible.holds(rows, v)


@pytest.mark.parametrize("share", [-1.0, -0.1, 0.0, 2.0, 10.0, np.nan, np.inf])
def test_a_changed_multiplier_is_caught(share):
    rows, v = _proved()
    v[np.argmax(v)] *= share
    assert not infeasible.holds(rows, v)


def test_a_slightly_negative_multiplier_is_caught():
    rows, v = _proved()
    rows = np.vstack([rows, np.ones(rows.shape[1])])
    assert infeasible.holds(rows, np.append(v, 0.0))
    assert not infeasible.holds(rows, np.append(v, -1e-300))


def test_no_multipliers_and_dependent_rows_prove_nothing():
    rows, v = _proved()
    assert not infeasible.holds(rows, np.zeros_like(v))
    twice = np.hstack([rows, rows])  # the smallest singular value is 0: nothing can be said from here
    assert not infeasible.holds(twice, v)


def test_what_rounding_could_have_made_is_refused():
    """Columns that are nearly the same twice: a smallest singular value that is lost in the rounding of squares."""
    rows, v = _proved()
    noise = np.random.default_rng(0).standard_normal(rows.shape)
    noise -= np.outer(v, v @ noise) / (v @ v)  # the multipliers are right for the new columns as well
    accepted = {}
    for size in 10.0 ** -np.arange(1.0, 9.0, 0.25):
        twice = np.hstack([rows, rows + size * noise])
        accepted[size] = infeasible.holds(twice, v)
        values = np.linalg.svd(v[:, None] * twice)[1]
        if accepted[size]:
            assert values[-1] ** 2 > rows.shape[0] * 2.0**-53 * np.sum(values**2)
    assert set(accepted.values()) == {True, False}


def test_the_bound_is_that_of_the_correction():
    """What the check allows is really corrected by less than half, and multipliers further off are refused."""
    rows, v = _proved()
    rng = np.random.default_rng(0)
    seen = set()
    for size in 10.0 ** -np.arange(0.0, 6.0, 0.25):
        moved = v * (1.0 + size * rng.standard_normal(v.size))
        accepted = moved.min() >= 0 and infeasible.holds(rows, moved)
        seen.add(accepted)
        if accepted:
            corrected = infeasible.exact(rows, moved)
            assert _is_exact(rows, corrected)
            ratio = [float(x) / y for x, y in zip(corrected, moved, strict=True) if y > 0]
            assert max(abs(r - 1.0) for r in ratio) < 0.5
    assert seen == {True, False}


def test_the_bounds_are_those_of_the_derivation():
    """Whole numbers, so that nothing is rounded and the terms for rounding stand alone: u is 2^-53."""
    m, D, u = 4, 2, 2.0**-53
    A = np.vstack([np.eye(2), -np.eye(2)])  # G is twice the identity, and A^T v vanishes
    squared, rest = infeasible.bounds(A, np.ones(m))
    terms = (m + 2) + (D + 3)
    assert abs((1.0 - squared) - 2.0 * terms * u * 4.0) <= 2.0 * u  # 1 is half of G's eigenvalue, 4 its trace
    assert abs(rest / (2.0 * (m + 2) * u * np.sqrt(8.0)) - 1.0) < 1e-9
    far = infeasible.bounds(3.0 * A, np.array([5.0, 1.0, 1.0, 1.0]))[1]
    assert abs(far - 12.0) < 1e-9  # |A^T v| itself
    assert abs(infeasible._gamma(2**50) - 1.0 / 7.0) < 1e-12  # an eighth over seven eighths


@given(seeds, st.integers(1, 4), st.integers(1, 8))
def test_the_bounds_hold_in_fractions(seed, D, more):
    rng = np.random.default_rng(seed)
    A, v = rng.standard_normal((D + more, D)), rng.random(D + more) + 0.1
    squared, rest = infeasible.bounds(A, v)
    sums = [sum(Fraction(float(a)) * Fraction(float(x)) for a, x in zip(c, v, strict=True)) for c in A.T]
    assert sum(x * x for x in sums) <= Fraction(rest) ** 2
    w = rng.standard_normal(D)  # |V A w|^2 >= s^2 |w|^2, for any w
    exact = [Fraction(float(x)) for x in w]
    outputs = [
        Fraction(float(y)) * sum(Fraction(float(a)) * b for a, b in zip(r, exact, strict=True))
        for r, y in zip(A, v, strict=True)
    ]
    assert sum(x * x for x in outputs) >= Fraction(squared) * sum(x * x for x in exact)
    assert squared <= np.linalg.svd(v[:, None] * A)[1][-1] ** 2


def test_a_wrong_eigenvalue_is_noticed(monkeypatch):
    rows, v = _proved()
    right = np.linalg.eigvalsh
    monkeypatch.setattr(np.linalg, "eigvalsh", lambda G: 2.5 * right(G))  # more than twice: half of it is too much
    assert not infeasible.holds(rows, v)
    assert infeasible.bounds(rows, v) == (0.0, np.inf)


def test_few_rows_and_what_would_underflow_prove_nothing():
    assert not infeasible.holds(np.eye(2), np.ones(2))
    rows = np.array([[1.0], [-1.0], [1.0]])
    assert infeasible.holds(rows, np.array([1.0, 1.0, 0.0]))
    assert not infeasible.holds(rows, np.array([1.0, 1.0, 1e-200]))


def test_a_direction_is_corrected_as_in_fractions_at_any_scale():
    rows, u = np.array([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]), np.array([1.0, 0.9, 1.1])
    expected = np.array([float(x) for x in infeasible.exact(rows, u)])
    for scale in (1e-6, 1.0, 1e6):
        assert np.allclose(infeasible.multipliers(rows, scale * u), scale * expected, rtol=1e-12, atol=0)


def test_a_multiplier_that_would_be_negative_is_left_out_of_the_next_try():
    rows = np.array([[-3.0, 1.0], [3.0, 1.0], [2.0, 2.0], [-2.0, -1.0], [0.0, 2.0], [0.0, 0.0]])
    v = infeasible.multipliers(rows, np.array([0.01, 0.09, 0.81, 1.0, 0.81, 8.41]))
    assert infeasible.holds(rows, v)
    assert (v == 0.0).tolist() == [False, False, False, False, True, False]


def test_what_is_left_out_is_exactly_0():
    rows, v = _proved()
    v[np.argmin(v)] = 0.0
    exact = infeasible.exact(rows, v)
    assert [x != 0 for x in exact] == (v > 0).tolist()


def test_signs_and_iterates_must_be_of_the_same_networks():
    basis = Cosines((8,), 1.0, 0)
    with pytest.raises(ValueError, match="zip"):
        infeasible.certify(basis, np.ones((8, 2)), 3, np.ones((8, 1)))


def test_certificates_are_in_float64_whatever_signs_and_iterates_are_in():
    basis = Cosines((16,), 1.0, 0)
    signs = _signs(16, 8, 0)
    found = real.solve(basis, signs, 3)
    left = signs[:, ~found.solved]
    proved = infeasible.certify(basis, left, 3, found.last)
    assert any(v is not None for v in proved)
    for v, w in zip(proved, infeasible.certify(basis, left, 3, found.last.astype("float64")), strict=True):
        assert (v is None) == (w is None)
        if v is not None:
            assert v.dtype == np.float64
            assert_equal_exact(v, w)


def test_every_array_library(backend):
    basis = Cosines((4, 4), 1.0, 0)
    signs = _signs(16, 8, 0)
    found = real.solve(basis, signs, 3)
    expected = infeasible.certify(basis, signs[:, ~found.solved], 3, found.last)
    last, wanted = backend.array(found.last), backend.array(signs[:, ~found.solved])
    for v, w in zip(infeasible.certify(basis, wanted, 3, last), expected, strict=True):
        assert (v is None) == (w is None)
        if v is not None:
            assert_equal_exact(v, w)
