"""Integer readouts: decisions again in int64, steps against one network at a time, ties and flips that are caught."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erfcx, softmax

from refinr.cpu import single_threaded_blas
from refinr.readouts import integer
from refinr.readouts.batches import block
from refinr.readouts.features import Legendre, Walsh
from refinr.readouts.integer import BINARY, TERNARY
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import seeds

SOLVERS = {
    "straight-through": integer.straight_through,
    "binary": integer.messages,
    "ternary": lambda F, signs, **options: integer.messages(F, signs, TERNARY, **options),
}
EVERY = pytest.mark.parametrize("name", list(SOLVERS))
LEVELS = pytest.mark.parametrize("levels", [BINARY, TERNARY, (-3, -1, 1, 3), (-2, -1, 0, 1, 2)])


def _signs(samples: int, networks: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.float32([-1, 1]), (samples, networks))


def _decisions(F: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Signs of outputs, one sum of Python integers at a time."""
    outputs = [[sum(int(f) * int(x) for f, x in zip(row, column, strict=True)) for column in w.T] for row in F]
    return np.sign(np.array(outputs, dtype=np.int64))


@EVERY
@given(seed=seeds, samples=st.integers(1, 48), networks=st.integers(1, 6), walsh=st.booleans())
def test_solved_is_solved_in_whole_numbers(name, seed, samples, networks, walsh):
    D = 2 * samples + 1
    F = Walsh(samples, D, seed).matrix() if walsh else Legendre(samples, 107, max(D // 2 * 2 - 9, 11)).matrix()
    signs = _signs(samples, networks, seed)
    found = SOLVERS[name](F, signs, steps=40)
    allowed = BINARY if name == "binary" else TERNARY
    assert (found.weights.shape, found.weights.dtype) == ((F.shape[1], networks), np.int8)
    assert_equal_exact(found.steps > 0, found.solved)
    assert not found.weights[:, ~found.solved].any()
    solved = found.weights[:, found.solved]
    assert set(solved.ravel().tolist()) <= set(allowed)
    assert_equal_exact(_decisions(F, solved), signs[:, found.solved].astype(np.int64))
    assert_equal_exact(integer.wrong(F, solved, signs[:, found.solved]), np.zeros(solved.shape[1], np.int64))


@pytest.mark.parametrize(("name", "prime", "features"), [("straight-through", 331, 331), ("binary", 331, 331)])
def test_what_is_measured_is_solved(name, prime, features):
    found = SOLVERS[name](Legendre(256, prime, features).matrix(), _signs(256, 32, 0))
    assert found.solved.all()


def test_ternary_messages_are_solved_with_fewer_features_than_samples():
    found = integer.messages(Legendre(256, 263, 231).matrix(), _signs(256, 32, 0), TERNARY)
    assert found.solved.all()


def test_random_signs_are_worse_than_orthogonal_rows():
    random = np.random.default_rng(0).choice(np.int8([-1, 1]), (256, 331))
    assert integer.messages(random, _signs(256, 16, 0), steps=100).solved.mean() < 0.5


# --- single steps ----------------------------------------------------------------------------------------------------


def _draw(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


@LEVELS
@given(seed=seeds)
def test_beliefs_vs_softmax(levels, seed):
    B, A = 3.0 * _draw(seed, 7, 4), _draw(seed, 1, 4) ** 2
    choice, mean, V = integer.beliefs(B, A, levels)
    level = np.array(levels) / math.sqrt(np.mean(np.square(levels)))
    odds = B[..., None] * level - A[..., None] * level**2 / 2
    share = softmax(odds, axis=-1)
    assert_equal_exact(choice, np.array(levels, float)[odds.argmax(-1)])
    assert_close(mean, (share * level).sum(-1), conditioning=np.abs(odds).max(), terms=len(levels))
    variance = (share * level**2).sum(-1) - (share * level).sum(-1) ** 2
    expected = np.maximum(variance.mean(0, keepdims=True), 1e-4)
    assert_close(V, expected, conditioning=np.abs(odds).max() * 4.0, terms=len(levels))


def test_the_hazard_vs_scipy():
    t = np.linspace(-30.0, 100.0, 5001)
    exact = math.sqrt(2 / math.pi) / erfcx(np.maximum(t, -37.0) / math.sqrt(2))
    h = integer.hazard(t)
    assert (np.abs(h / exact - 1)[t > -12] < 0.012).all()  # beyond, both are nothing
    assert (h >= np.maximum(t, 0.0)).all()
    assert (np.diff(h) >= 0).all()


@given(seeds)
def test_a_message_step_vs_one_network_at_a_time(seed):
    F = Walsh(6, 9, seed).matrix().astype(np.float64)
    S = np.sign(_draw(seed, 6, 3))
    g, B, A = _draw(seed, 6, 3), _draw(seed, 9, 3), _draw(seed, 1, 3) ** 2
    _, mean, V = integer.beliefs(B, A, TERNARY)
    after = integer.message_step(F, S, mean, V, g, B, A, 0.3)
    for e in range(3):
        v = V[0, e]
        omega = [sum(F[i, k] * mean[k, e] for k in range(9)) / 3.0 - v * g[i, e] for i in range(6)]
        x = [S[i, e] * omega[i] / math.sqrt(v) for i in range(6)]
        h = [float(integer.hazard(np.array([-y]))[0]) for y in x]
        said = [S[i, e] * h[i] / math.sqrt(v) for i in range(6)]
        gain = sum(h[i] * (h[i] + x[i]) for i in range(6)) / v / 9
        heard = [sum(F[i, k] * said[i] for i in range(6)) / 3.0 + mean[k, e] * gain + 0.3 * B[k, e] for k in range(9)]
        size = {"conditioning": 1e3, "terms": 9}
        assert_close(after[0][:, e], np.array(said), **size)
        assert_close(after[1][:, e], np.array(heard), **size)
        assert_close(after[2][:, e], np.array([gain + 0.3 * A[0, e]]), **size)


@given(seeds)
def test_the_gain_is_how_what_outputs_say_changes_with_their_means(seed):
    """``dg / domega = -h (h + x) / V``, of the exact h: the approximate one is near it, and so is its slope."""
    x = np.linspace(-4.0, 4.0, 41) + 1e-3 * (seed % 7)
    h = math.sqrt(2 / math.pi) / erfcx(x / math.sqrt(2))
    h_after = math.sqrt(2 / math.pi) / erfcx((x + 1e-6) / math.sqrt(2))
    assert np.allclose((h_after - h) / 1e-6, h * (h - x), atol=1e-5)


@given(seeds)
def test_a_straight_step_vs_the_gradient_of_the_hinge_loss(seed):
    F = Walsh(6, 9, seed).matrix().astype(np.float64)
    S, u, velocity = np.sign(_draw(seed, 6, 1)), _draw(seed, 9, 1), _draw(seed, 9, 1)
    w, z, after, moved = integer.straight_step(F, S, u, velocity, 0.01)
    assert_equal_exact(w, np.clip(np.round(u), -1, 1))
    assert_equal_exact(z, S * (F @ w))
    margin = 0.3 * math.sqrt(2 / 3 * 9)

    def loss(x: np.ndarray) -> complex:
        short = margin - S[:, 0] * (F @ x)
        return 0.5 * np.sum(np.where(short.real > 0, short, 0.0) ** 2)

    pull = -complex_step_gradient(loss, w[:, 0])[:, None]
    assert_close(moved, 0.9 * velocity + 0.01 / math.sqrt(54) * pull, conditioning=1.0, terms=9)
    assert_close(after, np.clip(u + moved, -1.5, 1.5), conditioning=1.0)


def _straight_by_hand(F: np.ndarray, S: np.ndarray) -> tuple[int, np.ndarray]:
    u = F.T @ S * math.sqrt(2 / (3 * F.shape[0]))
    velocity = np.zeros_like(u)
    for step in range(1, 101):
        w, z, u, velocity = integer.straight_step(F, S, u, velocity, 0.05 / (1 + step / 300))
        if z.min() > 0:
            return step, w
    return 0, 0 * w


def _messages_by_hand(F: np.ndarray, S: np.ndarray) -> tuple[int, np.ndarray]:
    B, A, g = np.zeros((F.shape[1], 1)), np.zeros((1, 1)), np.zeros_like(S)
    for step in range(1, 101):
        w, mean, V = integer.beliefs(B, A, BINARY)
        if (S * (F @ w)).min() > 0:
            return step, w
        g, B, A = integer.message_step(F, S, mean, V, g, B, A, 1 - 0.99**step)
    return 0, 0 * w


@pytest.mark.parametrize(
    ("solver", "by_hand", "most"),
    [(integer.straight_through, _straight_by_hand, 100), (integer.messages, _messages_by_hand, 400)],
)
@pytest.mark.parametrize("features", [47, 59])
def test_solvers_are_their_steps_by_hand(solver, by_hand, most, features):
    F = Legendre(40, 59, features).matrix()
    signs = _signs(40, 12, 0).astype(np.float64)
    found = solver(F, signs, steps=100)
    for e in range(12):
        step, w = by_hand(F.astype(np.float64), signs[:, [e]])
        assert found.steps[e] == step
        assert_equal_exact(found.weights[:, [e]], w.astype(np.int8))
    assert found.solved.any()
    last = int(found.steps.max())
    assert_equal_exact(solver(F, signs, steps=last).solved, found.solved)
    assert not solver(F, signs, steps=last - 1).solved[found.steps == last].any()
    assert solver(F[:, :1], signs[:, :1]).most == most


# --- what is caught --------------------------------------------------------------------------------------------------


def test_a_flipped_weight_is_caught():
    F, signs = Legendre(64, 103).matrix(), _signs(64, 8, 0)
    found = integer.messages(F, signs)
    z = signs * (F @ found.weights.astype(np.int64))
    for e in np.flatnonzero(found.solved):
        tightest = np.argmin(z[:, e])
        helps = np.flatnonzero(F[tightest] * found.weights[:, e] * signs[tightest, e] > 0)
        flips = -(-int(z[tightest, e]) // 2)  # each takes 2 off
        weights = found.weights.copy()
        weights[helps[:flips], e] *= -1
        assert integer.wrong(F, weights, signs)[e] > 0
    assert found.solved.any()


def test_an_output_of_zero_is_wrong():
    F = np.ones((1, 2), np.int8)
    tie = np.array([[1], [-1]], np.int8)
    assert integer.wrong(F, tie, np.array([[1.0]])).tolist() == [1]
    assert integer.wrong(F, tie, np.array([[-1.0]])).tolist() == [1]


@pytest.mark.parametrize(
    ("F", "signs", "levels", "wrong"),
    [
        (Legendre(20, 31, 30).matrix(), _signs(20, 2, 0), BINARY, "F: .* odd .* got 30"),
        (Legendre(20, 31).matrix(), _signs(19, 2, 0), BINARY, "signs: .* 20 samples"),
        (Legendre(20, 31).matrix(), _signs(20, 2, 0)[:, :0], BINARY, "signs: .* one or more"),
        (Legendre(20, 31).matrix(), _signs(20, 2, 0), (0, 1), "levels: .* symmetric"),
        (Legendre(20, 31).matrix(), _signs(20, 2, 0), (0,), "levels: .* two or more"),
        (2 * Legendre(20, 31).matrix(), _signs(20, 2, 0), BINARY, "F: .* -1 and 1"),
        (Legendre(20, 31).matrix().astype("float32"), _signs(20, 2, 0), BINARY, "F: .* whole numbers"),
    ],
)
def test_what_cannot_be_solved(F, signs, levels, wrong):
    with pytest.raises(ValueError, match=wrong):
        integer.messages(F, signs, levels)


# --- the same in any call --------------------------------------------------------------------------------------------


@EVERY
def test_calls_cut_at_blocks_give_the_same_bits(name):
    F, signs = Legendre(300, 383).matrix(), _signs(300, block(300) + 40, 0)
    with single_threaded_blas():
        whole = SOLVERS[name](F, signs, steps=5)
        for part in (slice(0, block(300)), slice(block(300), None)):
            again = SOLVERS[name](F, signs[:, part].copy(), steps=5)
            assert_equal_exact(again.weights, whole.weights[:, part])
            assert_equal_exact(again.steps, whole.steps[part])


@EVERY
def test_every_array_library(name, backend):
    F, signs = Legendre(32, 67).matrix(), _signs(32, 10, 0)
    found = SOLVERS[name](F, backend.array(signs))
    weights = backend.host(found.weights)
    assert weights.dtype == np.int8
    assert found.solved.all()
    assert not integer.wrong(F, weights, signs).any()


def test_levels_are_int8_and_odd_ones_want_an_odd_number_of_features():
    F, signs = Walsh(4, 5, 0).matrix(), _signs(4, 3, 0)
    assert integer.messages(F, signs, (-127, 127)).weights.dtype == np.int8
    with pytest.raises(ValueError, match="levels: expected two or more, symmetric about 0"):
        integer.messages(F, signs, (-128, 128))
    assert integer.messages(F[:, :4], signs, (-2, 2)).weights.shape == (4, 3)
    with pytest.raises(ValueError, match="F: expected an odd number of features for odd levels, got 4"):
        integer.messages(F[:, :4], signs, (-3, 3))
