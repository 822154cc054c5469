"""Theorem (the perceptron's bound).

Let the rows of A (N, D) be features times wanted signs, none longer than R, and let ``A v >= gamma |v|`` for some v and
gamma > 0.  Starting at w = 0, adding any row with ``a w <= 0`` to w, again and again, ends after at most
``(R / gamma)^2`` additions, with ``A w > 0``.  There are systems for which it takes as many.

From: A. B. J. Novikoff, "On convergence proofs for perceptrons", Symposium on the Mathematical Theory of Automata,
1962.

Proof.  Each addition adds at least ``gamma |v|`` to ``v w``, and at most R^2 to ``|w|^2``, as
``|w + a|^2 = |w|^2 + 2 a w + |a|^2``.  After k of them ``k gamma |v| <= v w <= |v| |w| <= |v| sqrt(k) R``.
For as many: D rows that are orthogonal and of length 1 take D additions, and gamma is ``1 / sqrt(D)``.
"""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.rational import gordan
from tests.strategies import seeds


def _perceptron(A: np.ndarray, rng: np.random.Generator, most: int) -> list[np.ndarray]:
    """All weights (D,) on the way, whole numbers; any wrong row is added."""
    path = [np.zeros(A.shape[1], dtype=np.int64)]
    while (wrong := np.flatnonzero(A @ path[-1] <= 0)).size:
        path.append(path[-1] + A[rng.choice(wrong)])
        assert len(path) <= most + 1
    return path


@given(seeds, st.integers(1, 20), st.integers(1, 6))
def test_no_more_additions_than_the_bound(seed, N, D):
    """With squares of whole numbers on both sides: ``k (min A v)^2 <= R^2 |v|^2``."""
    rng = np.random.default_rng(seed)
    v = rng.integers(-5, 6, D)
    v[0] = 5
    F = rng.integers(-5, 6, (N, D))
    F[F @ v == 0, 0] += 1
    A = F * np.sign(F @ v)[:, None]
    R2 = int((A**2).sum(axis=1).max())

    def bound(witness: np.ndarray) -> int:
        return R2 * int(witness @ witness) // int((A @ witness).min()) ** 2

    path = _perceptron(A, rng, bound(v))
    for k, w in enumerate(path):
        assert w @ w <= k * R2
        assert v @ w >= k * (A @ v).min()
    assert (A @ path[-1] > 0).all()
    assert len(path) - 1 <= bound(path[-1])  # any witness will do, its own as well


@given(seeds, st.integers(1, 12))
def test_the_bound_is_attained(seed, D):
    path = _perceptron(np.eye(D, dtype=np.int64), np.random.default_rng(seed), D)
    assert len(path) - 1 == D  # R = 1, gamma = 1 / sqrt(D)


def test_every_small_system():
    """Of all systems of three rows of -1, 0 and 1 the perceptron ends for those, and only those, that have weights."""
    for entries in itertools.product((-1, 0, 1), repeat=6):
        A = np.array(entries).reshape(3, 2)
        weights = gordan(A.tolist()).weights
        if weights is None:
            path = [np.zeros(2, dtype=np.int64)]
            for _ in range(50):
                wrong = np.flatnonzero(A @ path[-1] <= 0)
                assert wrong.size
                path.append(path[-1] + A[wrong[0]])
        else:
            v = np.array(weights, dtype=object)
            bound = 2 * (v @ v) / min(A @ v) ** 2
            assert len(_perceptron(A, np.random.default_rng(0), int(bound))) - 1 <= bound
