"""Stored readouts: what a store gives back is in the store, and decides as it should, in float64 and in integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.files import storing
from refinr.readouts import batches, quantise, real
from refinr.readouts.features import Cosines
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

STORES = pytest.mark.parametrize("store", list(quantise.STORES))
tiles = st.sampled_from([(12,), (5, 5), (8, 4), (3, 4, 3), (2, 3, 2, 3)])
bases = st.builds(Cosines, tiles, st.sampled_from([0.0, 1.0]), seeds)


def _solved(basis: Cosines, networks: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signs, numbers of features and weights of networks that are solved."""
    rng = np.random.default_rng(seed)
    signs = rng.choice(np.float32([-1, 1]), (basis.samples, networks))
    features = rng.integers(basis.samples * 2 // 3, basis.samples + 1, networks)
    features[0] = basis.samples  # one at least is solved
    found = real.solve(basis, signs, features)
    return signs[:, found.solved], features[found.solved], found.weights[:, found.solved]


def _outputs(basis: Cosines, weights: np.ndarray) -> np.ndarray:
    return basis.matrix(basis.samples) @ weights[np.argsort(basis.ranks)].astype(np.float64)


@STORES
@given(basis=bases, seed=seeds)
def test_what_is_kept_is_in_the_store_and_decides_right(store, basis, seed):
    signs, features, weights = _solved(basis, 8, seed)
    stored = quantise.quantise(basis, weights, signs, features, store)
    assert (stored.weights.shape, stored.weights.dtype) == (weights.shape, np.float32)
    assert stored.kept[features == basis.samples].any()
    assert not stored.weights[:, ~stored.kept].any()
    assert not (stored.weights != 0)[basis.ranks[:, None] >= features].any()
    z = signs * _outputs(basis, stored.weights)
    assert (z.min(axis=0)[stored.kept] > 0).all()
    top = quantise.STORES[store].top
    if top:
        assert_equal_exact(stored.weights, np.round(stored.weights))
        assert np.abs(stored.weights).max() <= top
    else:
        assert_equal_exact(storing.nearest(stored.weights, store), stored.weights)


@given(bases, seeds)
def test_whole_numbers_decide_the_same_in_integers(basis, seed):
    """Features in steps of 2^-40, and sums in Python's integers: no rounding where decisions are made."""
    signs, features, weights = _solved(basis, 4, seed)
    stored = quantise.quantise(basis, weights, signs, features, "int5")
    Q = np.round(basis.matrix(basis.samples) * 2.0**40).astype(np.int64).astype(object)
    w = stored.weights[np.argsort(basis.ranks)].astype(np.int64).astype(object)
    z = Q @ w * signs.astype(np.int64).astype(object)
    assert all(value > 0 for value in z[:, stored.kept].ravel())


@pytest.mark.parametrize(
    ("store", "share", "kept"),
    [("float16", 0.6, 1.0), ("bfloat16", 0.6, 1.0), ("int8", 0.65, 0.95), ("int5", 0.7, 0.95)],
)
def test_what_is_measured_is_kept(store, share, kept):
    basis = Cosines((16, 16), 1.0, 1)
    signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (256, 64))
    D = round(share * 256)
    found = real.solve(basis, signs, D, steps=500)
    assert found.solved.all()
    assert quantise.quantise(basis, found.weights, signs, D, store).kept.mean() >= kept


def test_steps_keep_more_than_rounding():
    basis = Cosines((16, 16), 1.0, 1)
    signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (256, 64))
    found = real.solve(basis, signs, 170)
    assert found.solved.all()
    rounded, stepped = (quantise.quantise(basis, found.weights, signs, 170, "int5", steps=n).kept for n in (1, 60))
    assert rounded.mean() > 0.8
    assert stepped[rounded].all()
    assert stepped.mean() > rounded.mean() + 0.02


def _stepped(Q: np.ndarray, w: np.ndarray, S: np.ndarray, top: int, least: float, steps: int) -> np.ndarray | None:
    """One network's whole numbers, by the formulas of the module: Q (N, D), w (D,), S (N,), in float64."""
    N, D = Q.shape
    u = w * top / min(np.abs(w).max(), 3.0 * np.sqrt((w @ w) / D))
    hinge = 0.3 * np.sqrt((u @ u) / N)
    velocity = np.zeros(D)
    for _ in range(steps):
        whole = np.clip(np.round(u), -top, top)
        z = S * (Q @ whole)
        if z.min() > least * np.sqrt((z @ z) / N):
            return whole
        velocity = 0.8 * velocity + 0.3 * Q.T @ (S * np.maximum(hinge - z, 0.0))
        u = u + velocity
    return None


@pytest.mark.parametrize(("store", "least"), [("int5", 1e-4), ("int5", 0.02), ("int8", 0.03)])
def test_steps_are_those_of_the_derivation(store, least):
    """Networks of different sizes side by side, and one at a time by a slow loop over dense features."""
    basis = Cosines((6, 7), 1.0, 3)
    signs, features, weights = _solved(basis, 150, 0)
    signs, weights = signs.astype(np.float64), weights.astype(np.float64)
    row = quantise.STORES[store]
    wide = real.widen(basis, weights, signs, features, margin=max(row.margin, 2 * least)).weights
    for steps in (1, 9):
        stored = quantise.quantise(basis, weights, signs, features, store, least=least, steps=steps)
        assert 0 < stored.kept.sum() < 150
        for e, D in enumerate(features):
            first = np.argsort(basis.ranks)[:D]
            expected = _stepped(basis.matrix(D), wide[first, e], signs[:, e], row.top, least, steps)
            assert stored.kept[e] == (expected is not None)
            if expected is not None:
                assert_equal_exact(stored.weights[first, e], expected)


@pytest.mark.parametrize(("store", "step"), [("float16", 2.0**-10), ("bfloat16", 2.0**-7)])
def test_floats_are_rounded_at_a_root_mean_square_of_one_and_widened_only_if_they_must_be(store, step):
    basis = Cosines((6, 7), 1.0, 3)
    signs, features, weights = _solved(basis, 150, 0)
    least = 2.0 * quantise.STORES[store].margin
    stored = quantise.quantise(basis, 5.0 * weights, signs, features, store, least=least)
    wide = real.widen(basis, weights, signs, features, margin=2 * least).weights
    ways = [storing.nearest(w / real.rms(w), store) for w in (weights, wide)]
    enough = [real.margins(signs * _outputs(basis, w)) > least for w in ways]
    first, second = enough
    assert first.any()
    assert (second & ~first).any()
    assert_equal_exact(stored.kept, first | second)
    expected = np.where(first, ways[0], np.where(second, ways[1], 0.0))
    np.testing.assert_allclose(stored.weights, expected, rtol=step, atol=1e-6)


@STORES
def test_blocks_are_put_together(store, monkeypatch):
    monkeypatch.setattr(batches, "SAMPLES", 1)  # blocks of 32 networks
    basis = Cosines((6, 7), 1.0, 3)
    signs, features, weights = _solved(basis, 90, 0)
    whole = quantise.quantise(basis, weights, signs, features, store)
    assert whole.weights.shape == weights.shape
    assert weights.shape[1] > 64
    for at in range(0, weights.shape[1], 32):
        part = slice(at, at + 32)
        again = quantise.quantise(basis, weights[:, part], signs[:, part], features[part], store)
        assert_equal_exact(again.kept, whole.kept[part])
        np.testing.assert_allclose(again.weights, whole.weights[:, part], rtol=0.01, atol=1e-6)


@pytest.mark.parametrize("store", list(quantise.STORES))
@pytest.mark.parametrize("least", [1e-4, 0.3])
def test_margins_are_widened_to_what_rounding_asks_for_or_twice_what_is_left(store, least, monkeypatch):
    asked = []
    widen = real.widen

    def noted(*args: object, margin: float, **kwargs: object) -> real.Solution:
        asked.append(margin)
        return widen(*args, margin=margin, **kwargs)

    monkeypatch.setattr(real, "widen", noted)
    basis = Cosines((5, 5), 1.0, 0)
    signs, features, weights = _solved(basis, 20, 0)
    quantise.quantise(basis, weights * 0.0 + 1.0, signs, features, store, least=least)  # wrong: all are widened
    assert asked == [max(quantise.STORES[store].margin, 2.0 * least)]


def test_unknown_stores_are_named():
    signs = np.ones((4, 1), np.float32)
    with pytest.raises(ValueError, match=r"^store: unknown name 'int3'"):
        quantise.quantise(Cosines((4,), 1.0, 0), signs, signs, 4, "int3")


@given(seeds)
def test_the_cheapest_is_the_first_that_keeps(seed):
    basis = Cosines((6, 6), 1.0, seed)
    signs, features, weights = _solved(basis, 20, seed)
    names, stored = quantise.cheapest(basis, weights, signs, features, ("int5", "float16"))
    first = quantise.quantise(basis, weights, signs, features, "int5")
    assert_equal_exact(names == "int5", first.kept)
    assert_equal_exact(stored[:, first.kept], first.weights[:, first.kept])
    z = signs * _outputs(basis, stored)
    assert (z.min(axis=0)[names != ""] > 0).all()
    assert not stored[:, names == ""].any()


def test_what_no_store_keeps_has_no_name():
    basis = Cosines((6, 6), 1.0, 0)
    signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (36, 5))
    names, stored = quantise.cheapest(basis, np.zeros_like(signs), signs, 1)
    assert names.tolist() == [""] * 5
    assert not stored.any()


@STORES
def test_every_array_library(store, backend):
    basis = Cosines((4, 4), 1.0, 0)
    signs, features, weights = _solved(basis, 12, 0)
    stored = quantise.quantise(basis, backend.array(weights), backend.array(signs), features, store)
    z = signs * _outputs(basis, backend.host(stored.weights))
    assert (z.min(axis=0)[stored.kept] > 0).all()
    names, _ = quantise.cheapest(basis, backend.array(weights), backend.array(signs), features, (store,))
    assert_equal_exact(names == store, stored.kept)
