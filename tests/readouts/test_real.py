"""Real readouts: the step and its fixed points, solved networks once more in float64, the same bits in any call."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.cpu import single_threaded_blas
from refinr.readouts import real
from refinr.readouts.batches import block
from refinr.readouts.features import Cosines
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import seeds

tiles = st.sampled_from([(7,), (16,), (50,), (4, 4), (5, 9), (16, 3), (3, 4, 5), (2, 3, 2, 4)])
bases = st.builds(Cosines, tiles, st.sampled_from([0.0, 1.0, 2.0]), seeds)


def _signs(basis: Cosines, networks: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.float32([-1, 1]), (basis.samples, networks))


def _margins64(basis: Cosines, weights: np.ndarray, signs: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Of every network, from its dense features in float64."""
    dense, order, found = basis.matrix(basis.samples), np.argsort(basis.ranks), []
    for e, D in enumerate(features):
        z = signs[:, e] * (dense[:, :D] @ weights[order[:D], e].astype(np.float64))
        found.append(z.min() / np.sqrt(np.mean(z * z)))
    return np.array(found)


@given(bases, seeds, st.integers(1, 40), st.data())
def test_solved_is_solved_in_float64(basis, seed, networks, data):
    features = np.random.default_rng(seed).integers(1, basis.samples + 1, networks)
    signs = _signs(basis, networks, seed)
    margin = data.draw(st.sampled_from([1e-4, 1e-2]))
    found = real.solve(basis, signs, features, steps=60, margin=margin)
    assert (found.weights.shape, found.weights.dtype) == (signs.shape, np.float32)
    assert found.last.shape == (basis.samples, (~found.solved).sum())
    assert_equal_exact(found.steps > 0, found.solved)
    assert not found.weights[:, ~found.solved].any()
    assert not (found.weights != 0)[basis.ranks[:, None] >= features].any()
    solved = found.solved
    margins = _margins64(basis, found.weights[:, solved], signs[:, solved], features[solved])
    # float32 rounds a product of N terms to eps sqrt(N) of its magnitude
    assert (margins > margin - 8 * np.finfo("float32").eps * np.sqrt(basis.samples)).all()


@given(bases, seeds)
def test_all_features_always_interpolate_at_once(basis, seed):
    signs = _signs(basis, 5, seed)
    found = real.solve(basis, signs, basis.samples, steps=1)
    assert found.solved.all()
    assert_equal_exact(found.steps, np.ones(5, np.int64))
    assert_equal_exact(np.sign(basis.synthesis(found.weights)), signs)


def _step(Q: np.ndarray, s: np.ndarray, a: np.ndarray, level: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """One step by its definition: project the mirror image, move by the difference of the two nearest points."""
    nearest = np.maximum(a, level)
    mirrored = 2 * nearest - a
    z = s * (Q @ (Q.T @ (s * mirrored)))
    return z, a + 1.5 * (z - nearest)


@given(bases, seeds, st.sampled_from([0.0, 0.2, 1.0]))
def test_a_step_vs_its_definition(basis, seed, level):
    rng = np.random.default_rng(seed)
    D = int(rng.integers(1, basis.samples + 1))
    S = _signs(basis, 3, seed).astype(np.float64)
    a = rng.standard_normal(S.shape)
    w, z, after = real.douglas_rachford(basis, S, a, basis.mask(D, a), *([level] if level else []))
    assert not w[basis.ranks >= D].any()
    for e in range(3):
        size = {"conditioning": np.linalg.norm(a[:, e]) + level * basis.samples**0.5, "terms": basis.samples}
        expected_z, expected = _step(basis.matrix(D), S[:, e], a[:, e], level)
        assert_close(z[:, e], expected_z, **size)
        assert_close(after[:, e], expected, **size)


@given(bases, seeds, st.integers(1, 12))
def test_steps_vs_their_definition(basis, seed, steps):
    D = 1 + seed % max(basis.samples // 3, 1)
    signs = _signs(basis, 3, seed).astype(np.float64)
    found = real.solve(basis, signs, D, steps=steps, margin=1.0)  # that no network is ever done, unless z is constant
    Q = basis.matrix(D)
    for column, e in enumerate(np.flatnonzero(~found.solved)):
        a = np.ones(basis.samples)
        for _ in range(steps):
            _, a = _step(Q, signs[:, e], a)
        assert_close(found.last[:, column], a, conditioning=np.linalg.norm(a), terms=steps * basis.samples)


@given(bases, seeds)
def test_solutions_are_fixed_points_and_no_step_leads_away_from_them(basis, seed):
    D = max(basis.samples * 3 // 4, 1)
    signs = _signs(basis, 1, seed).astype(np.float64)
    found = real.solve(basis, signs, D, steps=500)
    if not found.solved.all():
        return
    Q, s = basis.matrix(D), signs[:, 0]
    point = s * (Q @ found.weights[np.argsort(basis.ranks)[:D], 0])
    z, after = _step(Q, s, point)
    size = np.linalg.norm(point)
    assert_close(z, point, conditioning=size, terms=basis.samples)
    assert_close(after, point, conditioning=size, terms=basis.samples)
    a = np.ones(basis.samples)
    distance = np.linalg.norm(a - point)
    for _ in range(20):
        _, a = _step(Q, s, a)
        assert np.linalg.norm(a - point) <= distance + 8 * np.finfo(float).eps * basis.samples * size
        distance = np.linalg.norm(a - point)


def test_a_basis_that_is_not_orthonormal_is_caught(monkeypatch):
    basis, signs = Cosines((16, 16), 1.0, 0), _signs(Cosines((16, 16), 1.0, 0), 32, 0)
    features = np.full(32, 180)
    whole = Cosines.synthesis
    scale = np.linspace(0.4, 1.0, 256, dtype="float32")[:, None]
    monkeypatch.setattr(Cosines, "synthesis", lambda self, w: whole(self, w * scale))
    found = real.solve(basis, signs, features)
    margins = _margins64(basis, found.weights[:, found.solved], signs[:, found.solved], features[found.solved])
    assert found.solved.any()
    assert (margins < 0).mean() > 0.5


# --- the same in any call --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [(16, 16), (64, 64), (5, 7), (300,)])
def test_calls_cut_at_blocks_give_the_same_bits(tile):
    basis = Cosines(tile, 1.0, 0)
    size = min(block(basis.samples), 64)
    signs = _signs(basis, 2 * block(basis.samples) if size < 64 else 100, 0)
    features = np.random.default_rng(1).integers(basis.samples // 2, basis.samples, signs.shape[1])
    with single_threaded_blas():
        whole = real.solve(basis, signs, features, steps=30)
        cut = block(basis.samples)
        for at in range(0, signs.shape[1], cut):
            part = slice(at, at + cut)
            again = real.solve(basis, signs[:, part].copy(), features[part], steps=30)
            assert_equal_exact(again.weights, whole.weights[:, part], bitwise=True)
            assert_equal_exact(again.solved, whole.solved[part])
            assert_equal_exact(again.steps, whole.steps[part])


@pytest.mark.parametrize("steps", [1, 2, 100])
def test_widening_is_its_steps_by_hand(steps):
    """A margin that no network reaches: all steps are taken, from outputs of root mean square 1, to a level of 0.2."""
    basis = Cosines((12,), 1.0, 0)
    signs = _signs(basis, 8, 0).astype(np.float64)
    before = 7.0 * real.solve(basis, signs, 10, steps=400).weights
    signs, before = signs[:, before.any(axis=0)], before[:, before.any(axis=0)]
    wide = real.widen(basis, before, signs, 10, margin=1.0, **({} if steps == 100 else {"steps": steps}))
    assert_equal_exact(wide.taken, np.full(signs.shape[1], steps))
    a = signs * basis.synthesis(before)
    a /= np.sqrt(np.mean(a**2, axis=0))
    mask = basis.mask(10, signs)
    for _ in range(steps + 1):
        w, z, a = real.douglas_rachford(basis, signs, a, mask, 0.2)
    better = real.margins(z) > real.margins(signs * basis.synthesis(before))
    assert better.any()
    assert_close(wide.weights[:, better], w[:, better], conditioning=1e3, terms=100)
    assert_equal_exact(real.solve(basis, np.resize([1.0, -1.0], (12, 1)), 1).taken, np.array([200]))


@given(seeds, st.floats(0, 1))
def test_margins_and_hope_a_network_at_a_time(seed, share):
    z, a = np.random.default_rng(seed).standard_normal((2, 6, 5))
    for e, (margin, gone) in enumerate(zip(real.margins(z), real.hopeless(z, a, share), strict=True)):
        assert_close(margin, min(z[:, e]) / np.sqrt(sum(z[:, e] ** 2) / 6), conditioning=4.0)
        assert gone == (sum(z[:, e] ** 2) < (0.7 + 0.3 * share) * sum(a[:, e] ** 2))


def test_who_is_given_up_would_hardly_have_been_solved():
    """All that is far from a solution leaves early; of what is solved in time nearly all stays."""
    basis = Cosines((16, 16), 1.0, 0)
    signs = _signs(basis, 64, 0)
    few = real.solve(basis, signs, 60, steps=40, give_up=True)
    assert few.taken.max() <= 16
    assert few.taken.min() > 0
    assert not (few.taken % real.PAUSE).any()
    assert not few.solved.any()
    assert not few.steps.any()
    for D in (135, 150):
        patient, hasty = (real.solve(basis, signs, D, steps=40, give_up=g) for g in (False, True))
        assert_equal_exact(patient.taken, np.where(patient.solved, patient.steps, 40))
        assert not (hasty.solved & ~patient.solved).any()
        assert hasty.solved.sum() >= 0.95 * patient.solved.sum() > 0
        assert_equal_exact(hasty.steps[hasty.solved], patient.steps[hasty.solved])
        assert hasty.last.shape == (256, (~hasty.solved).sum())


def test_every_array_library(backend):
    basis = Cosines((8, 8), 1.0, 0)
    signs = _signs(basis, 40, 0)
    features = np.random.default_rng(1).integers(24, 65, 40)
    expected = real.solve(basis, signs, features)
    found = real.solve(basis, backend.array(signs), features)
    assert_equal_exact(found.solved, expected.solved)
    wide = real.widen(basis, found.weights, backend.array(signs), features, margin=0.01)
    for weights in (found.weights, wide.weights):
        solved = backend.host(weights)[:, found.solved]
        assert (_margins64(basis, solved, signs[:, found.solved], features[found.solved]) > 0).all()


# --- wider margins ---------------------------------------------------------------------------------------------------


@given(bases, seeds, st.sampled_from([1e-3, 1e-2, 1e-1]))
def test_wide_is_wide_in_float64_and_nothing_gets_narrower(basis, seed, margin):
    features = np.full(20, max(basis.samples * 3 // 4, 1))
    signs = _signs(basis, 20, seed)
    found = real.solve(basis, signs, features)
    solved = found.solved
    if not solved.any():
        return
    weights, signs, features = found.weights[:, solved], signs[:, solved], features[solved]
    wide = real.widen(basis, weights, signs, features, margin=margin)
    margins = _margins64(basis, wide.weights, signs, features)
    assert (margins[wide.solved] > margin - 8 * np.finfo("float32").eps * np.sqrt(basis.samples)).all()
    before = _margins64(basis, weights, signs, features)
    assert (margins > np.minimum(before, margin) - 8 * np.finfo("float32").eps * np.sqrt(basis.samples)).all()


def test_steps_widen_margins_a_hundredfold():
    basis = Cosines((16, 16), 1.0, 0)
    signs = _signs(basis, 64, 0)
    found = real.solve(basis, signs, 180)
    assert real.margins(signs * basis.synthesis(found.weights)).min() < 1e-3
    assert real.widen(basis, found.weights, signs, 180, margin=0.1).solved.all()


# --- what cannot be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "features", "wrong"),
    [
        ((15, 2), 4, "signs: .* 16 samples"),
        ((16,), 4, "signs: .* 16 samples"),
        ((16, 0), 4, "signs: .* 16 samples"),
        ((16, 2), 0, "features: .* got 0"),
        ((16, 2), 17, "features: .* got 17"),
        ((16, 2), [4, 20], "features: .* got 4 to 20"),
        ((16, 2), [4, 4, 4], "features: expected a whole number"),
        ((16, 2), 4.0, "features: expected a whole number"),
    ],
)
def test_what_cannot_be_solved(shape, features, wrong):
    with pytest.raises(ValueError, match=wrong):
        real.solve(Cosines((4, 4), 1.0, 0), np.ones(shape, "float32"), features)


def test_margins_of_nan_are_not_clear():
    assert real.clear(np.array([[np.nan], [1.0]]), 0.0).tolist() == [False]


def test_clear_is_beyond_the_margin_and_not_on_it():
    z = np.array([[1.0, 1.0, 1.0], [1.0, 0.01, 0.2]])
    assert real.clear(z, 0.1).tolist() == [True, False, True]
    assert real.clear(np.ones((2, 1)), 1.0).tolist() == [False]
