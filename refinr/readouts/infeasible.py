"""Why there is no readout: a certificate, and a check that trusts no rounding.

With this you can make certificates of what a solver leaves unsolved (`certify`), check one (`holds`), and write it down
in fractions (`exact`).

**Gordan's alternative (1873).**  Let A (N, D) hold a network's features, every row times its wanted sign.  Either there
is a w with ``A w > 0``, or there are multipliers ``v >= 0``, not all 0, with ``A^T v = 0``; never both, because then
``0 = w . A^T v = v . A w > 0``.  So v proves that no weights at all have the wanted signs.

**Where v comes from.**  Where there is no readout, the iterate a of `real` drifts away along such a direction, so
``u = max(-a, 0)`` nearly is one.  On its support, with U = diag(u), the least d with ``A^T U (1 - d) = 0`` is

    d = U A l,   (A^T U^2 A) l = A^T u,   v = u (1 - d),

and v >= 0 as long as d <= 1: a step that keeps every multiplier in proportion, hence positive.

**Why rounding does not matter.**  With V = diag(v), the same formula once more, in exact arithmetic, has
``|d| <= |A^T v| / s``, s the smallest singular value of V A.  If that is below 1, an exact certificate exists,
and its multipliers are v to within the same share.  `bounds` has the two sides with all that floating point can have
done to them: sums of m products are off by at most ``m u / (1 - m u)`` of the sum of magnitudes in whatever order
(Higham 2002, section 3.1; u = 2^-53), and a Cholesky factorisation that succeeds for ``G - t`` proves that the smallest
eigenvalue of G is t up to a like share of the trace (Demmel 1989; Rump 2006).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from refinr.readouts.features import Cosines
from refinr.xp import Array, to_host

CLOSE = 0.3
"""A direction is tried where ``|A^T u|`` is below this share of ``|u|``."""

SUPPORT = 1e-6
"""Multipliers below this share of the largest are left out."""

ROUNDS = 3
"""Tries at a direction, each from what the last has left; multipliers that come out negative are left out."""


def certify(basis: Cosines, signs: Array, features: int | np.ndarray, last: Array) -> list[np.ndarray | None]:
    """Certificates for networks that `real.solve` did not solve.

    Parameters
    ----------
    basis : Cosines
    signs : float array (N, U) of -1 and 1
        Of the networks that were not solved.
    features : int or int array (U,)
    last : float array (N, U)
        As the solver returned it.

    Returns
    -------
    certificates : list of float64 arrays (N,), or None
        Multipliers that `holds` accepts for the rows ``signs * basis.matrix(D)``, a network each; None where the
        network stays undecided.

    Examples
    --------
    >>> from refinr.readouts import real
    >>> basis = Cosines((16,), order=1.0, seed=0)
    >>> signs = np.resize(np.float32([1, -1]), (16, 1))
    >>> found = real.solve(basis, signs, 3)
    >>> (v,) = certify(basis, signs, 3, found.last)
    >>> bool(found.solved[0]), holds(signs * basis.matrix(3), v)
    (False, True)
    """
    dense = basis.matrix(basis.samples)
    counts = np.broadcast_to(features, signs.shape[1:])
    return [
        multipliers(s[:, None] * dense[:, :D], np.maximum(-a, 0.0))
        for s, a, D in zip(to_host(signs).T, to_host(last).T, counts, strict=True)
    ]


def multipliers(rows: np.ndarray, u: np.ndarray) -> np.ndarray | None:
    """A certificate near the direction u (N,) for signed rows A (N, D), both float64; None if there is none near by.

    Examples
    --------
    >>> A = np.array([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> multipliers(A, np.array([1.0, 0.9, 1.1])).round(6).tolist()
    [0.986667, 0.986667, 0.986667]
    """
    if not np.linalg.norm(rows.T @ u) < CLOSE * np.linalg.norm(u):
        return None
    v = u
    for _ in range(ROUNDS):
        support = np.flatnonzero(v > SUPPORT * v.max())
        if support.size <= rows.shape[1]:  # so few rows of a basis are hardly ever dependent
            return None
        A = rows[support]
        u = v[support]
        B = u[:, None] * A
        try:
            d = B @ np.linalg.solve(B.T @ B, A.T @ u)
        except np.linalg.LinAlgError:
            return None
        v = np.zeros(len(rows))
        v[support] = np.maximum(u * (1.0 - d), 0.0)
        if holds(rows, v):
            return v
    return None


def holds(rows: np.ndarray, multipliers: np.ndarray) -> bool:
    """Whether multipliers prove that no w has ``rows @ w > 0``; whatever was rounded, True is a proof.

    Parameters
    ----------
    rows : float64 array (N, D)
        Features as they are, every row times its wanted sign.
    multipliers : float64 array (N,)

    Examples
    --------
    >>> rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> holds(rows, np.array([1.0, 1.0, 1.0])), holds(rows, np.array([1.0, 1.0, 0.1]))
    (True, False)
    """
    if not (np.isfinite(multipliers).all() and np.isfinite(rows).all() and multipliers.min() >= 0.0):
        return False
    A = rows[multipliers > 0.0]
    m, D = A.shape
    if m <= D:
        return False
    v = multipliers[multipliers > 0.0] / multipliers.max()  # what rounds here only moves v: the proof is for this one
    if v.min() < 1e-100:  # a product of two of those might underflow
        return False
    squared, rest = bounds(A, v)
    return bool(rest < 0.5 * np.sqrt(max(squared, 0.0)))


def bounds(A: np.ndarray, v: np.ndarray) -> tuple[float, float]:
    """What the square of V A's smallest singular value is at least, 0 if nothing can be said, and |A^T v| at most.

    Both for the numbers as they are, whatever was rounded on the way; a factor 2 is for the rounding of the bounds.

    Examples
    --------
    >>> [round(x, 9) for x in bounds(np.array([[1.0], [-1.0]]), np.array([1.0, 1.0]))]
    [1.0, 0.0]
    """
    m, D = A.shape
    B = v[:, None] * A
    G = B.T @ B
    trace = float(np.trace(G))
    shift = 0.5 * float(np.linalg.eigvalsh(G)[0])
    try:
        np.linalg.cholesky(G - shift * np.eye(D))
    except np.linalg.LinAlgError:
        return 0.0, np.inf
    squared = shift - 2.0 * (_gamma(m + 2) + _gamma(D + 3)) * trace
    rest = np.linalg.norm(A.T @ v) + 2.0 * _gamma(m + 2) * np.linalg.norm(np.abs(A).T @ v)
    return squared, float(rest)


def exact(rows: np.ndarray, multipliers: np.ndarray) -> list[Fraction]:
    """The certificate that `holds` promises, in fractions: positive where `multipliers` are, and ``A^T v = 0`` exactly.

    One step of the same formula, by elimination: for small D, to be checked by hand.

    Examples
    --------
    >>> rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> v = exact(rows, np.array([1.0, 1.25, 1.0]))
    >>> len(set(v)), v[0] > 0
    (1, True)
    """
    support = multipliers > 0.0
    v, A = _fractions(multipliers[support]), _fractions(rows[support])
    B = v[:, None] * A
    multiplier = _eliminate(B.T @ B, B.sum(axis=0))  # A^T v is B^T 1
    result = _fractions(np.zeros(len(multipliers)))
    result[support] = v * (1 - B @ multiplier)
    return result.tolist()


def _gamma(terms: int) -> float:
    """What a sum of so many products is off by at most, in the sum of magnitudes."""
    u = 2.0**-53
    return terms * u / (1.0 - terms * u)


def _fractions(x: np.ndarray) -> np.ndarray:
    """Numbers as they are, in an array of fractions: sums and products of those are exact."""
    return np.frompyfunc(Fraction, 1, 1)(x)


def _eliminate(G: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Gauss and Jordan's elimination of ``G x = right`` for a positive definite matrix of fractions."""
    table = np.column_stack([G, right])
    for j in range(len(G)):
        table[j] /= table[j, j]
        others = np.arange(len(G)) != j
        table[others] -= np.outer(table[others, j], table[j])
    return table[:, -1]
