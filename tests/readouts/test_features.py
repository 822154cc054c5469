"""Features: cosines against a naive loop and their dense matrix; signs against sums over whole numbers."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.readouts.features import SCRAMBLER, Cosines, Legendre, Walsh, is_prime, primes, ranked
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import seeds

tiles = st.integers(1, 4).flatmap(lambda d: st.tuples(*[st.integers(1, (12, 6, 4, 3)[d - 1])] * d))
bases = st.builds(Cosines, tiles, st.sampled_from([0.0, 0.5, 1.0, 2.0, 1e6]), seeds)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def _naive(tile: tuple[int, ...]) -> np.ndarray:
    """Cosines (N, N), samples in rows, frequencies in columns, one number at a time."""
    dense = np.ones((math.prod(tile), math.prod(tile)))
    for row, sample in enumerate(np.ndindex(*tile)):
        for column, frequency in enumerate(np.ndindex(*tile)):
            for n, i, k in zip(tile, sample, frequency, strict=True):
                dense[row, column] *= math.sqrt((2 if k else 1) / n) * math.cos(math.pi * (i + 0.5) * k / n)
    return dense


def _signals(basis: Cosines, networks: int, seed: int, dtype: str) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((basis.samples, networks)).astype(dtype)


# --- cosines ---------------------------------------------------------------------------------------------------------


@given(bases)
def test_cosines_vs_a_naive_loop(basis):
    expected = _naive(basis.tile)[:, np.argsort(basis.ranks)]
    # an angle of up to n turns loses n eps, and a product of waves that of each
    assert_close(basis.matrix(basis.samples), expected, conditioning=float(max(basis.tile)))


@given(bases, seeds)
def test_cosines_between_samples_vs_a_naive_loop(basis, seed):
    points = np.random.default_rng(seed).uniform(-0.5, np.array(basis.tile) - 0.5, (4, len(basis.tile)))
    expected = np.ones((4, basis.samples))
    for row, point in enumerate(points):
        for column, frequency in enumerate(np.ndindex(*basis.tile)):
            for n, x, k in zip(basis.tile, point, frequency, strict=True):
                expected[row, column] *= math.sqrt((2 if k else 1) / n) * math.cos(math.pi * (x + 0.5) * k / n)
    assert_close(basis.at(points), expected, conditioning=float(max(basis.tile)))
    with pytest.raises(ValueError, match="zip"):
        basis.at(np.ones((1, len(basis.tile) + 1)))


@given(bases)
def test_cosines_are_orthonormal(basis):
    Q = basis.matrix(basis.samples)
    assert_close(Q.T @ Q, np.eye(basis.samples), conditioning=1.0, terms=basis.samples)


@DTYPES
@given(basis=bases, seed=seeds, networks=st.integers(1, 5), data=st.data())
def test_separable_and_masked_is_dense(dtype, basis, seed, networks, data):
    features = np.array([data.draw(st.integers(1, basis.samples)) for _ in range(networks)])
    y = _signals(basis, networks, seed, dtype)
    w = basis.analysis(y, features)
    z = basis.synthesis(w)
    dense, order = basis.matrix(basis.samples), np.argsort(basis.ranks)
    assert w.dtype == z.dtype == dtype
    for e, D in enumerate(features):
        Q = dense[:, :D]
        assert_equal_exact(basis.matrix(int(D)), Q)
        size = {"conditioning": np.linalg.norm(y[:, e]), "terms": basis.samples}
        assert_close(w[order[:D], e], Q.T @ y[:, e], dtype=dtype, **size)
        assert not w[order[D:], e].any()
        assert_close(z[:, e], Q @ (Q.T @ y[:, e]), dtype=dtype, **size)


@given(bases, seeds)
def test_all_features_give_the_signal_back(basis, seed):
    y = _signals(basis, 2, seed, "float64")
    norms = np.linalg.norm(y, axis=0)
    assert_close(basis.synthesis(basis.analysis(y, basis.samples)), y, conditioning=norms, terms=basis.samples)


@given(bases, seeds)
def test_one_number_of_features_is_that_number_for_each(basis, seed):
    y = _signals(basis, 3, seed, "float32")
    D = 1 + seed % basis.samples
    assert_equal_exact(basis.analysis(y, D), basis.analysis(y, np.full(3, D)))


@given(bases)
def test_ranks_are_a_permutation_of_the_seed(basis):
    assert sorted(basis.ranks.tolist()) == list(range(basis.samples))
    assert_equal_exact(basis.ranks, dataclasses.replace(basis, order=basis.order + 0.0).ranks)


@given(tiles, seeds)
def test_a_large_order_is_low_frequencies_first(tile, seed):
    ranks = Cosines(tile, 1e9, seed).ranks
    frequencies = [sum((k / n) ** 2 for k, n in zip(index, tile, strict=True)) for index in np.ndindex(*tile)]
    ordered = np.array(frequencies)[np.argsort(ranks)]
    assert (np.diff(ordered) > -1e-7).all()


@given(tiles, st.floats(0, 5), seeds)
def test_ranks_vs_a_sum(tile, order, seed):
    u = np.random.default_rng(seed).random(math.prod(tile))
    lengths = [math.sqrt(sum((k / n) ** 2 for k, n in zip(index, tile, strict=True))) for index in np.ndindex(*tile)]
    places = [order * length / (lengths[-1] or 1.0) + x for length, x in zip(lengths, u, strict=True)]
    ordered = np.array(places)[np.argsort(ranked(tile, order, u))]
    assert (np.diff(ordered) > -1e-12).all()


def test_ranks_of_equals_are_in_the_order_of_the_features():
    u = np.resize([0.5, 0.0, 0.25], 4200)
    ranks = ranked((60, 70), 0.0, u)
    assert ranks.dtype == np.int64
    assert np.argsort(ranks).tolist() == sorted(range(4200), key=lambda i: u[i])
    assert ranked((2,), 1.0, np.array([0.9, 0.0])).tolist() == [0, 1]  # at 0.9 and 1


def test_another_seed_and_another_order_are_other_ranks():
    ranks = {Cosines((8, 8), order, seed).ranks.tobytes() for order in (0.0, 1.0, 2.0) for seed in (0, 1)}
    assert len(ranks) == 6


def test_ranks_never_change():
    assert Cosines((4, 3), 2.0, 7).ranks.tolist() == RANKS_OF_4_3_2_7


RANKS_OF_4_3_2_7 = [0, 4, 8, 1, 3, 10, 2, 7, 11, 6, 5, 9]


@given(bases)
def test_cosines_are_plain_numbers(basis):
    fields = json.loads(json.dumps(dataclasses.asdict(basis)))
    assert Cosines(tuple(fields.pop("tile")), **fields) == basis


def test_a_tile_is_a_tuple_of_ints_whatever_it_was():
    basis = Cosines([4, np.int64(3)], 1.0, 0)
    assert basis == Cosines((4, 3), 1.0, 0)
    assert json.dumps(basis.tile) == "[4, 3]"


def test_analysis_on_every_array_library(backend):
    basis = Cosines((3, 4, 5), 1.0, 0)
    y = _signals(basis, 4, 0, "float32")
    features = np.array([60, 30, 1, 7])
    w = basis.analysis(backend.array(y), features)
    z = basis.synthesis(w)
    expected = basis.analysis(y, features)
    assert_close(backend.host(w), expected, conditioning=np.linalg.norm(y, axis=0), terms=60)
    assert_close(backend.host(z), basis.synthesis(expected), conditioning=np.linalg.norm(y, axis=0), terms=60)


@pytest.mark.parametrize(
    ("tile", "order", "seed", "wrong"),
    [
        ((), 1.0, 0, "tile"),
        ((4, 0), 1.0, 0, "tile"),
        ((4,), -1.0, 0, "order"),
        ((4,), math.inf, 0, "order"),
        ((4,), math.nan, 0, "order"),
        ((4,), 1.0, -1, "seed"),
        ((4,), 1.0, 2**64, "seed"),
    ],
)
def test_what_cosines_cannot_be(tile, order, seed, wrong):
    with pytest.raises(ValueError, match=wrong):
        Cosines(tile, order, seed)


# --- plus and minus one ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prime", primes(3, 200))
def test_legendre_rows_are_orthogonal_up_to_minus_one(prime):
    F = Legendre(prime, prime).matrix().astype(np.int64)
    assert_equal_exact(F @ F.T, (prime + 1) * np.eye(prime, dtype=np.int64) - 1)


@pytest.mark.parametrize("prime", primes(3, 60))
def test_legendre_symbols_by_euler(prime):
    F = Legendre(prime, prime).matrix()
    for i in range(prime):
        for k in range(prime):
            assert (pow(k - i, (prime - 1) // 2, prime) in (0, 1)) == (F[i, k] == 1)


def test_scrambled_rows_have_one_sign_more_and_are_as_orthogonal():
    plain, scrambled = (Legendre(59, 59, scrambled=s).matrix().astype(np.int64) for s in (False, True))
    signs = [1 if pow(i + 1, (SCRAMBLER - 1) // 2, SCRAMBLER) == 1 else -1 for i in range(59)]  # Euler's criterion
    assert Legendre(59, 59, scrambled=True).matrix().dtype == np.int8
    assert_equal_exact(scrambled, np.array(signs)[:, None] * plain)
    assert_equal_exact(np.abs(scrambled @ scrambled.T), 59 * np.eye(59, dtype=np.int64) + (1 - np.eye(59, dtype=int)))
    assert (plain.sum(axis=1) == 1).all()  # why: the constant is nearly orthogonal to all of them
    assert is_prime(SCRAMBLER)
    assert SCRAMBLER % 4 == 3


def test_legendre_of_fewer_samples_and_features_is_a_corner():
    F = Legendre(20, 31, 23).matrix()
    assert (F.shape, F.dtype) == ((20, 23), np.int8)
    assert_equal_exact(F, Legendre(31, 31).matrix()[:20, :23])


@given(st.integers(0, 6), seeds)
def test_walsh_rows_are_orthogonal(power, seed):
    size = 2**power
    F = Walsh(size, size, seed).matrix().astype(np.int64)
    assert_equal_exact(F @ F.T, size * np.eye(size, dtype=np.int64))


@given(st.integers(1, 40), st.integers(1, 40), seeds)
def test_walsh_features_are_different_products_of_bits(samples, features, seed):
    F = Walsh(samples, features, seed).matrix()
    assert (F.shape, F.dtype) == ((samples, features), np.int8)
    assert (np.abs(F) == 1).all()
    whole = Walsh(2 ** (max(samples, features) - 1).bit_length(), features, seed).matrix()
    assert len(set(map(bytes, whole.T.copy()))) == features
    for i in range(samples):  # rows are characters: f(i xor j) = f(i) f(j)
        for j in range(i):
            if i ^ j < samples:
                assert_equal_exact(F[i ^ j], F[i] * F[j])


def test_walsh_features_never_change():
    assert Walsh(3, 4, 7).matrix().tolist() == WALSH_OF_3_4_7


WALSH_OF_3_4_7 = [[1, 1, 1, 1], [-1, 1, 1, -1], [-1, 1, -1, 1]]


def test_primes_are_those_of_a_sieve():
    sieve = [n for n in range(2, 500) if all(n % m for m in range(2, n))]
    assert [n for n in range(500) if is_prime(n)] == sieve
    assert primes(0, 499) == [n for n in sieve if n % 4 == 3]
    for first in (18, 19, 20):
        for last in (22, 23, 24, 30, 31):
            assert primes(first, last) == [n for n in sieve if n % 4 == 3 and first <= n <= last]


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda: Legendre(4, 13), "prime: .* 3 modulo 4"),
        (lambda: Legendre(4, 15), "prime: .* 3 modulo 4"),
        (lambda: Legendre(8, 7), "samples: .* got 8"),
        (lambda: Legendre(0, 7), "samples: .* got 0"),
        (lambda: Legendre(7, 7, 8), "features: .* got 8"),
        (lambda: Walsh(0, 7, 0), "samples: .* got 0"),
        (lambda: Walsh(7, 0, 0), "features: .* got 0"),
        (lambda: Walsh(7, 7, -1), "seed: .* got -1"),
        (lambda: Walsh(7, 7, 2**64), "seed: .* got 18446744073709551616"),
        (lambda: Legendre(7, 7, -1), "features: .* got -1"),
    ],
)
def test_what_signs_cannot_be(make, wrong):
    with pytest.raises(ValueError, match=wrong):
        make()


def test_what_is_the_least_and_the_most_that_features_can_be():
    assert Cosines((1,), 0.0, 2**64 - 1).ranks.tolist() == [0]
    assert Legendre(1, 3, 1).matrix().tolist() == [[1]]
    assert Legendre(7, 7, 7) == Legendre(7, 7)
    assert Walsh(1, 1, 2**64 - 1).matrix().tolist() == [[1]]
