"""Theorem (rows of Legendre symbols are orthogonal up to -1).

For an odd prime p let ``chi(x)`` be 1 if x is a square modulo p, 0 included, and -1 otherwise, and let row i have the
p features ``chi(k - i)``.  The product of two different rows i and j is

1. -1 for all of them, if p = 3 modulo 4;
2. 1 or -3, if p = 1 modulo 4, both for some rows.

From: R. E. A. C. Paley, "On orthogonal matrices", Journal of Mathematics and Physics 12, 1933.

Proof.  With the symbol that is 0 at 0, the sum over k of ``chi(k - i) chi(k - j)`` is -1: where ``k - j`` is not 0, the
product is ``chi((k - i) / (k - j)) = chi(1 + (j - i) / (k - j))``, and as k runs through all but j, the argument runs
through all but 1; the sum of all symbols is 0.  With ``chi(0) = 1`` the terms k = i and k = j add
``chi(i - j) + chi(j - i)``, and ``chi(-1) = 1`` if p = 1 modulo 4, else -1 (Euler).
"""

from __future__ import annotations

import numpy as np
import pytest

from refinr.readouts.features import Legendre
from tests.helpers import assert_equal_exact

PRIMES = [p for p in range(3, 260) if all(p % q for q in range(2, p))]
LADDER = [283, 307, 311, 331, 347, 359, 367]  # those that readouts of 256 samples use


def _rows(p: int) -> np.ndarray:
    """By Euler's criterion, ``x^((p - 1) / 2) = 1``, with Python's integers."""
    chi = [1 if x == 0 or pow(x, (p - 1) // 2, p) == 1 else -1 for x in range(p)]
    return np.array([[chi[(k - i) % p] for k in range(p)] for i in range(p)])


def _products(rows: np.ndarray) -> set[int]:
    """Of different rows."""
    gram = rows.astype(np.int64) @ rows.T.astype(np.int64)
    return set(gram[~np.eye(len(rows), dtype=bool)].tolist())


@pytest.mark.parametrize("p", [p for p in PRIMES if p % 4 == 3])
def test_rows_are_orthogonal_up_to_minus_1(p):
    assert _products(_rows(p)) == {-1}


@pytest.mark.parametrize("p", [p for p in PRIMES if p % 4 == 1])
def test_for_other_primes_they_are_not(p):
    assert _products(_rows(p)) == {1, -3}
    with pytest.raises(ValueError, match=f"prime: expected a prime that is 3 modulo 4, got {p}"):
        Legendre(1, p)


@pytest.mark.parametrize("p", [p for p in PRIMES if p % 4 == 3] + LADDER)
def test_the_packages_features_are_these(p):
    rows = Legendre(p, p).matrix()
    assert_equal_exact(rows, _rows(p).astype(np.int8))
    assert _products(rows) == {-1}


@pytest.mark.parametrize("n", [9, 15, 21, 27, 33, 35])
def test_numbers_that_are_no_primes(n):
    """Squares modulo them are too few, or too many, for anything of the kind."""
    squares = {x * x % n for x in range(n)}
    rows = np.array([[1 if (k - i) % n in squares else -1 for k in range(n)] for i in range(n)])
    assert max(map(abs, _products(rows))) > 1
    with pytest.raises(ValueError, match="prime: expected a prime"):
        Legendre(1, n)
