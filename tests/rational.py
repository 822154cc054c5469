"""Inequalities in fractions, exactly; and by a linear program, to compare with and for what is no fraction."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog

Rows = Sequence[Sequence[Any]]


def rank(rows: Rows) -> int:
    """Of a matrix, by elimination."""
    left = [[Fraction(x) for x in row] for row in rows]
    found = 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in left if row[column]), None)
        if pivot is not None:
            left = [
                [x - row[column] / pivot[column] * p for x, p in zip(row, pivot, strict=True)]
                for row in left
                if row is not pivot
            ]
            found += 1
    return found


class Alternative(NamedTuple):
    """One of the two that Gordan's theorem speaks of; the other is None."""

    weights: list[Fraction] | None
    """w with ``A w > 0``"""
    certificate: list[Fraction] | None
    """u >= 0, not 0, with ``u A = 0``"""


def gordan(A: Rows) -> Alternative:
    """Weights w with ``A w > 0``, or a certificate that there are none, by elimination (Fourier, Motzkin).

    Without its last variable a system says that every lower bound of that variable is below every upper bound: sums of
    two rows, with positive factors.  So each row left is a sum of the first rows with factors u >= 0.  Without
    variables rows are ``0 > 0``, and u is a certificate; or there are none left, and variables are chosen between
    their bounds, the first one first.
    """
    count = len(A)
    rows = [([Fraction(x) for x in row], [Fraction(i == j) for j in range(count)]) for i, row in enumerate(A)]
    systems = []
    for _ in range(len(A[0])):
        systems.append(rows)
        lower = [row for row in rows if row[0][-1] > 0]
        upper = [row for row in rows if row[0][-1] < 0]
        rows = [(a[:-1], u) for a, u in rows if not a[-1]]
        rows += [(_sum(-b[-1], a[:-1], a[-1], b[:-1]), _sum(-b[-1], u, a[-1], v)) for a, u in lower for b, v in upper]
    if rows:
        return Alternative(None, rows[0][1])
    w: list[Fraction] = []
    for system in reversed(systems):
        bounds = [(a[-1], -_dot(a[:-1], w) / a[-1]) for a, _ in system if a[-1]]
        low = max((bound for slope, bound in bounds if slope > 0), default=None)
        high = min((bound for slope, bound in bounds if slope < 0), default=None)
        w.append(_between(low, high))
    return Alternative(w, None)


def largest_margin(A: np.ndarray) -> float:
    """The largest t with ``A w >= t`` and all ``|w_k| <= 1``: bounded, so the program is always solved; 0 or more."""
    N, D = A.shape
    found = linprog(
        np.r_[np.zeros(D), -1.0],
        A_ub=np.hstack([-A, np.ones((N, 1))]),
        b_ub=np.zeros(N),
        bounds=[(-1, 1)] * D + [(None, 1)],
        method="highs",
    )
    assert found.status == 0
    return float(-found.fun)


def _between(low: Fraction | None, high: Fraction | None) -> Fraction:
    if low is None or high is None:
        return Fraction(0) if low is high else low + 1 if low is not None else high - 1  # type: ignore[operator]
    return (low + high) / 2


def _sum(s: Fraction, a: list[Fraction], t: Fraction, b: list[Fraction]) -> list[Fraction]:
    return [s * x + t * y for x, y in zip(a, b, strict=True)]


def _dot(a: Sequence[Any], b: Sequence[Any]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))
