"""Searches against networks that say what they need; real and integer readouts on signs of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refinr.readouts import choosing, integer, quantise, real
from refinr.readouts.features import Cosines
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

tiles = st.sampled_from([(1,), (2,), (9,), (4, 4), (5, 3), (3, 2, 4), (2, 3, 2, 2)])
bases = st.builds(Cosines, tiles, st.sampled_from([0.0, 1.0, 2.0]), seeds)


def _signs(samples: int, networks: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.float32([-1, 1]), (samples, networks))


class _Said:
    """An attempt that succeeds from a given number of features on, and keeps count; weights say who and how many."""

    def __init__(self, needed: np.ndarray) -> None:
        self.needed = needed
        self.attempts = 0
        self.asked: list[int] = []

    def __call__(self, which: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.attempts += 1
        self.asked += which.tolist()
        return np.stack([which + 1, features]), features >= self.needed[which]


sizes = st.sets(st.integers(1, 300), min_size=1, max_size=40).map(lambda found: np.array(sorted(found)))


def _check(choice: choosing.Choice, expected: np.ndarray) -> None:
    assert_equal_exact(choice.features, expected)
    solved = expected > 0
    assert_equal_exact(choice.weights[0], np.where(solved, np.arange(expected.size) + 1, 0))
    assert_equal_exact(choice.weights[1], expected)


@given(sizes, seeds, st.integers(1, 30))
def test_climbing_finds_the_first_that_does_from_the_start_on(sizes, seed, networks):
    rng = np.random.default_rng(seed)
    said = _Said(rng.integers(1, 330, networks))
    start = rng.integers(1, 330, networks)
    choice = choosing.climb(said, start, sizes)
    beyond = np.append(sizes, 10**6)
    first = np.minimum(np.searchsorted(sizes, start), sizes.size - 1)
    found = beyond[np.maximum(first, np.searchsorted(sizes, said.needed))]
    _check(choice, np.where(found < 10**6, found, 0))


@given(sizes, seeds, st.integers(1, 30))
def test_bisecting_finds_the_smallest_that_does(sizes, seed, networks):
    said = _Said(np.random.default_rng(seed).integers(1, 330, networks))
    choice = choosing.bisect(said, networks, sizes)
    found = np.append(sizes, 0)[np.searchsorted(sizes, said.needed)]
    _check(choice, found)
    assert said.attempts <= sizes.size.bit_length()


@given(st.integers(1, 5000), st.floats(1.001, 2.0))
def test_rungs_go_up_by_the_factor_and_end_at_all(last, growth):
    sizes = choosing.rungs(last, growth)
    assert (sizes[0], sizes[-1]) == (1, last)
    assert (np.diff(sizes) >= 1).all()
    assert (sizes[1:] >= growth * (sizes[:-1] - 0.501)).all()
    assert (sizes[1:] <= np.maximum(growth * (sizes[:-1] + 0.5), sizes[:-1] + 1)).all()


@given(st.integers(1, 700), st.sampled_from([0.82, 1.1, 1.29]))
def test_the_ladder_has_odd_sizes_that_all_have_features(samples, first):
    sizes = choosing.ladder(samples, first)
    assert (sizes % 2 == 1).all()
    assert (np.diff(sizes) > 0).all()
    assert first * samples - 1 <= sizes[0]
    assert 1.8 * samples <= sizes[-1] <= 2 * samples + 10
    few = sizes[sizes < samples]
    assert (few[1:] <= np.maximum(1.03 * few[:-1] + 1.5, few[:-1] + 2)).all()
    assert (few[1:] >= 1.03 * few[:-1] - 0.5).all()
    if few.size:
        assert sizes[few.size] == choosing.legendre(max(round(1.03 * few[-1]) | 1, few[-1] + 2), 1).prime
    assert sizes[few.size :].tolist() == choosing.primes(sizes[few.size], 2 * samples + 10)
    for D in sizes[[0, -1]].tolist():
        signs = choosing.legendre(samples, D)
        assert (signs.samples, signs.features, signs.scrambled) == (samples, D, False)
        assert signs.prime == min(p for p in choosing.primes(0, signs.prime) if p >= max(samples, D))


@example(64, {56}, 1.1)  # whose first size is 71 as well
@given(st.integers(1, 700), st.sets(st.integers(1, 700), max_size=12), st.sampled_from([0.82, 1.1, 1.29]))
def test_smaller_tiles_have_sizes_below_those_of_a_full_one(samples, smaller, first):
    whole = choosing.ladder(samples, first)
    smaller = {fewer for fewer in smaller if fewer < samples}
    sizes = choosing.ladder(samples, first, smaller)
    assert_equal_exact(sizes[-whole.size :], whole)
    assert (sizes % 2 == 1).all()
    assert (np.diff(sizes) > 0).all()
    assert sizes.size <= min(255, whole.size + choosing.SIZES * len(smaller))
    for fewer in smaller if sizes.size < 255 else ():
        lowest = choosing.SMALLER * first * fewer
        found = sizes[np.searchsorted(sizes, lowest - 1) :]
        assert found[0] >= whole[0] or found[0] <= lowest + 2
        if len(smaller) == 1 and found[1] < whole[0]:
            assert found[1] >= 1.05 * found[0] - 0.5
        assert found[3] >= whole[0] or (found[1:4] <= np.maximum(1.05 * found[:3] + 1.5, found[:3] + 2)).all()


def test_the_largest_ladder_still_fits_into_a_byte():
    assert choosing.ladder(4096, 0.82, range(1, 4096)).size == 255


def test_features_are_of_the_smallest_prime_that_has_as_many():
    sieve = choosing.primes(0, 300)
    for size in range(1, 280):
        smallest = min(p for p in sieve if p >= size)
        for samples, features in ((size, 1), (1, size)):
            assert choosing.legendre(samples, features) == choosing.Legendre(samples, smallest, features)


@given(bases, seeds, st.floats(0.05, 0.95))
def test_energy_vs_a_sum(basis, seed, share):
    signs = _signs(basis.samples, 4, seed)
    squares = (basis.matrix(basis.samples).T @ signs) ** 2
    for e, D in enumerate(choosing.energy(basis, signs, share)):
        assert squares[:D, e].sum() >= share * squares[:, e].sum() * (1 - 1e-5)
        assert squares[: D - 1, e].sum() <= share * squares[:, e].sum() * (1 + 1e-5)


@pytest.mark.parametrize("effort", ["fast", "small"])
@given(basis=bases, seed=seeds, store=st.sampled_from(list(quantise.STORES)))
def test_every_network_gets_a_real_readout(effort, basis, seed, store):
    signs = _signs(basis.samples, 6, seed)
    choice = choosing.real_readouts(basis, signs, effort, store=store)
    assert (choice.features >= 1).all()
    assert not (choice.weights != 0)[basis.ranks[:, None] >= choice.features].any()
    order = np.argsort(basis.ranks)
    z = signs * (basis.matrix(basis.samples) @ choice.weights[order].astype(np.float64))
    assert (z.min(axis=0) > 0).all()
    if quantise.STORES[store].top:
        assert_equal_exact(choice.weights, np.round(choice.weights))


def test_small_is_smaller_than_fast_and_smooth_smaller_than_noise():
    basis = Cosines((16, 16), 2.0, 0)
    smooth = np.zeros((256, 40), "float32")
    smooth[np.argsort(basis.ranks)[:10]] = np.random.default_rng(0).standard_normal((10, 40))
    means = {
        (kind, effort): choosing.real_readouts(basis, signs, effort).features.mean()
        for kind, signs in {"noise": _signs(256, 40, 0), "smooth": np.sign(basis.synthesis(smooth))}.items()
        for effort in ("fast", "small")
    }
    assert means["noise", "small"] < means["noise", "fast"]
    assert means["smooth", "small"] < means["smooth", "fast"] < 0.3 * means["noise", "small"]


def test_what_a_store_does_not_keep_goes_up():
    basis = Cosines((16, 16), 1.0, 0)
    signs = _signs(256, 32, 0)
    real, stored = (choosing.real_readouts(basis, signs, share=0.6, store=store) for store in ("float32", "int5"))
    assert (stored.features >= real.features).all()
    assert (stored.features > real.features).any()
    assert ((signs * basis.synthesis(stored.weights)).min(axis=0) > 0).all()


@pytest.mark.parametrize("effort", ["fast", "small"])
@pytest.mark.parametrize(("budget", "most"), [(0.001, 1), (0.32, 5), (0.99, 15), (1.0, 16)])
def test_a_budget_is_the_most_that_networks_get(effort, budget, most):
    basis = Cosines((4, 4), 1.0, 0)
    signs = _signs(16, 300, 0)
    signs[:, :1] = np.sign(basis.matrix(1))
    signs[:, 1] = np.sign(basis.matrix(2) @ [0.5, -1.0])
    choice = choosing.real_readouts(basis, signs, effort, budget=budget)
    assert min(most, 15) <= choice.features.max() <= most
    assert (choice.features == 0).any() == (most < 15)
    assert not choice.weights[:, choice.features == 0].any()
    assert ((signs * basis.synthesis(choice.weights)).min(axis=0) > 0).tolist() == (choice.features > 0).tolist()


@pytest.mark.parametrize("store", ["float32", "float16", "bfloat16", "int8"])
@pytest.mark.parametrize("margin", [0.001, 0.02])
def test_the_margin_that_is_asked_for_is_left_by_stored_weights(store, margin):
    basis = Cosines((5, 5), 1.0, 0)
    signs = _signs(25, 300, 0)
    w = choosing.real_readouts(basis, signs, store=store, margin=margin).weights
    found = real.margins(signs * basis.synthesis(w.astype(np.float64)))
    assert margin < found.min() < 2 * margin + 0.05


@pytest.mark.parametrize(
    ("settings", "steps"),
    [({}, 20), ({"share": 0.5}, 20), ({"store": "int8"}, 20), ({"effort": "small"}, 50), ({"effort": "smallest"}, 50)],
)
def test_all_steps_are_counted_and_who_is_hopeless_is_left(settings, steps, monkeypatch):
    taken, solver = [], real.solve

    def noted(*args: object, **kwargs: object) -> real.Solution:
        assert kwargs == {"steps": steps, "margin": 0.001, "give_up": True}
        found = solver(*args, **kwargs)
        taken.append(found.taken)
        return found

    monkeypatch.setattr(real, "solve", noted)
    choice = choosing.real_readouts(Cosines((4, 4), 1.0, 0), _signs(16, 50, 0), margin=0.001, **settings)
    assert len(taken) > 1
    assert (choice.steps >= taken[0]).all()
    assert choice.steps.sum() == np.concatenate(taken).sum()
    assert choice.steps.dtype == np.int64


@pytest.mark.parametrize(("weights", "effort"), [("binary", "fast"), ("ternary", "fast"), ("ternary", "small")])
def test_all_steps_of_integer_readouts_are_counted(weights, effort, monkeypatch):
    first, solver = choosing.INTEGER[weights][effort]
    found = []
    noted = {effort: (0.5 * first, lambda F, S: found.append(solver(F, S)) or found[-1])}
    monkeypatch.setitem(choosing.INTEGER, weights, noted)
    choice = choosing.integer_readouts(_signs(24, 10, 0), weights, effort)
    assert len(found) > 1
    spent = [np.where(one.solved, one.steps, one.most) for one in found]
    assert (choice.steps >= spent[0]).all()
    assert choice.steps.sum() == np.concatenate(spent).sum()
    assert choice.steps.dtype == np.int64


def test_samples_of_a_larger_tile_have_its_features_and_begin_with_more():
    signs = _signs(32, 20, 0)
    sizes = choosing.ladder(64, 1.19, [28, 32])
    assert sizes[0] < 1.19 * 32 + 1
    choice = choosing.integer_readouts(signs, tile=64, sizes=sizes)
    assert 1.15 * 1.19 * 32 - 1 <= choice.features.min() <= choice.features.max() < 64
    assert choice.weights.shape == (sizes[-1], 20)
    for e, D in enumerate(choice.features.tolist()):
        F = choosing.legendre(64, D, scrambled=True).matrix()[:32]
        assert not integer.wrong(F, choice.weights[:D, [e]], signs[:, [e]]).any()
    whole = choosing.integer_readouts(signs, tile=64)
    assert whole.features.min() == choosing.ladder(64, 1.19)[0]


@pytest.mark.parametrize(("weights", "effort"), [("binary", "fast"), ("ternary", "small")])
def test_full_tiles_begin_with_their_own_sizes_whatever_there_are_below(weights, effort):
    first, _ = choosing.INTEGER[weights][effort]
    signs = _signs(64, 12, 0)
    plain = choosing.integer_readouts(signs, weights, effort)
    found = choosing.integer_readouts(signs, weights, effort, sizes=choosing.ladder(64, first, [28, 32]))
    assert plain.features.min() == choosing.ladder(64, first)[0]
    for x, y in zip(found, plain, strict=True):
        assert_equal_exact(x, y)


def test_a_share_is_a_rung_of_its_own_and_weights_are_those_of_the_solver():
    basis = Cosines((16, 16), 1.0, 0)
    signs = _signs(256, 20, 0)
    choice = choosing.real_readouts(basis, signs, share=0.9)
    assert set(choice.features.tolist()) == {230}
    assert_equal_exact(choice.weights, real.solve(basis, signs, 230, steps=20, give_up=True).weights)


def test_a_share_beyond_the_budget_starts_at_the_budget():
    choice = choosing.real_readouts(Cosines((4, 4), 1.0, 0), _signs(16, 50, 0), share=0.9, budget=0.5)
    assert set(choice.features.tolist()) == {0, 8}
    first = np.sign(Cosines((4, 4), 1.0, 0).matrix(1)).astype(np.float32)
    least = choosing.real_readouts(Cosines((4, 4), 1.0, 0), first, share=0.01)
    assert least.features.tolist() == [1]


def test_a_share_is_where_all_start():
    signs = _signs(256, 20, 0)
    assert choosing.real_readouts(Cosines((16, 16), 1.0, 0), signs, share=0.7).features.min() >= round(0.7 * 256)


@pytest.mark.parametrize("weights", ["binary", "ternary"])
@pytest.mark.parametrize("effort", ["fast", "small"])
def test_integer_readouts_are_exact(weights, effort):
    signs = _signs(96, 12, 0)
    choice = choosing.integer_readouts(signs, weights, effort)
    assert choice.weights.dtype == np.int8
    assert (choice.features > 0).all()
    for e, D in enumerate(choice.features.tolist()):
        w = choice.weights[:, [e]]
        assert not w[D:].any()
        assert set(np.unique(w[:D])) <= set(integer.BINARY if weights == "binary" else integer.TERNARY)
        assert not integer.wrong(choosing.legendre(96, D, scrambled=True).matrix(), w[:D], signs[:, [e]]).any()


@pytest.mark.parametrize("weights", ["binary", "ternary"])
@pytest.mark.parametrize("effort", ["fast", "small"])
def test_flat_and_smooth_planes_take_what_noise_takes(weights, effort):
    """Legendre features are nearly orthogonal to the constant; scrambled, they are like any others to it."""
    i, j = np.divmod(np.arange(100), 10)
    flat = [i < 10, i + j != 6, i != 3, i < 5, i > j, (i + j) % 2 > 0]
    signs = np.stack([np.where(bits, np.float32(1), np.float32(-1)) for bits in flat], axis=1)
    found, noise = (choosing.integer_readouts(S, weights, effort) for S in (signs, _signs(100, 6, 0)))
    assert found.features.min() > 0
    assert found.features.max() <= 1.1 * noise.features.max()
    assert found.steps.max() <= 4 * noise.steps.max()


def test_what_no_size_solves_has_none(monkeypatch):
    monkeypatch.setattr(choosing, "MOST", 1.3)
    monkeypatch.setattr(integer, "messages", None)
    stingy = {"fast": (1.1, lambda F, S: integer.straight_through(F, S, steps=1))}
    monkeypatch.setitem(choosing.INTEGER, "ternary", stingy)
    choice = choosing.integer_readouts(_signs(64, 10, 0), "ternary", "fast")
    assert not choice.features.all()
    assert not choice.weights[:, choice.features == 0].any()


def test_every_array_library(backend):
    basis = Cosines((4, 4), 1.0, 0)
    signs = _signs(16, 10, 0)
    for choice in (
        choosing.real_readouts(basis, backend.array(signs), "fast"),
        choosing.real_readouts(basis, backend.array(signs), "small", store="int8"),
    ):
        z = signs * basis.synthesis(backend.host(choice.weights))
        assert (z.min(axis=0) > 0).all()
    assert (choosing.integer_readouts(backend.array(signs), "binary", "small").features > 0).any()


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        (lambda S: choosing.real_readouts(Cosines((4,), 1.0, 0), S, "best"), "effort: .* 'best'"),
        (lambda S: choosing.real_readouts(Cosines((4,), 1.0, 0), S, store="int3"), "store: .* 'int3'"),
        (lambda S: choosing.integer_readouts(S, "real"), "weights: .* 'real'"),
        (lambda S: choosing.integer_readouts(S, "binary", "best"), "effort: .* 'best'"),
    ],
)
def test_what_cannot_be_asked_for(call, wrong):
    with pytest.raises(ValueError, match=wrong):
        call(_signs(4, 3, 0))


def test_the_smallest_store_and_the_first_of_equals():
    bits = {"raw": np.array([8.0, 8.0, 8.0]), "a": np.array([9.0, 8.0, 7.0]), "b": np.array([np.inf, 8.0, 7.0])}
    assert choosing.smallest(bits).tolist() == ["raw", "raw", "a"]
