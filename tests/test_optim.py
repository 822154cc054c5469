"""Optimisers against the textbook and against Optax, always on given gradients.

The first step of Adam is ``lr sign(g)``: rounding noise in a gradient decides where a parameter goes, so a trajectory
can only be compared where the gradients are the same numbers.
"""

from __future__ import annotations

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import optim
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import seeds

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SHAPES = {"w0": (3, 2, 4), "b0": (3, 1, 4)}  # a stack of three networks


def _tree(seed: int, dtype: str = "float64") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    # magnitudes from 1e-4 to 1e1, as gradients have
    return {k: (rng.standard_normal(s) * 10.0 ** rng.uniform(-4, 1, s)).astype(dtype) for k, s in SHAPES.items()}


def _textbook(p: float, gradients: list[float], rates: list[float], b1: float, b2: float, eps: float) -> float:
    """Algorithm 1 of the paper, on one number."""
    m = v = 0.0
    for t, (g, lr) in enumerate(zip(gradients, rates, strict=True), start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        p -= lr * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + eps)
    return p


# --- Adam ------------------------------------------------------------------------------------------------------------


@given(
    seeds, st.sampled_from([(0.9, 0.999), (0.5, 0.9), (0.0, 0.99)]), st.sampled_from([1e-8, 1e-3]), st.integers(1, 20)
)
def test_trajectory_vs_textbook_loop(seed, betas, eps, steps):
    params, gradients = _tree(seed), [_tree(seed + i) for i in range(1, steps + 1)]
    rates = [1e-2 / (1 + i) for i in range(steps)]
    state, p = optim.adam_init(params), params
    for g, lr in zip(gradients, rates, strict=True):
        p, state = optim.adam_step(p, g, state, lr, betas=betas, eps=eps)
    assert state.t == steps
    for name in SHAPES:
        expected = np.empty(SHAPES[name])
        for i in np.ndindex(SHAPES[name]):
            expected[i] = _textbook(float(params[name][i]), [float(g[name][i]) for g in gradients], rates, *betas, eps)
        # each step may round differently; 1 - b^t is a difference, which costs 1 / (1 - b2) in the first step
        assert_close(p[name], expected, conditioning=sum(rates) / (1 - betas[1]), terms=steps)


@DTYPES
def test_trajectory_vs_optax(dtype):
    params = _tree(0, dtype)
    optimiser = optax.adam(1e-2)
    theirs = {name: jnp.asarray(value) for name, value in params.items()}
    their_state = optimiser.init(theirs)
    ours, state = params, optim.adam_init(params)
    for i in range(1, 31):
        g = _tree(i, dtype)
        ours, state = optim.adam_step(ours, g, state, 1e-2)
        updates, their_state = optimiser.update(g, their_state)
        theirs = optax.apply_updates(theirs, updates)
    for name in SHAPES:
        assert_close(ours[name], np.asarray(theirs[name]), conditioning=30 * 1e-2 / (1 - 0.999), terms=30)


def test_first_step_is_the_sign_of_the_gradient():
    params = {"w": np.zeros(4)}
    stepped, _ = optim.adam_step(params, {"w": np.array([3.0, -1e-3, 1e3, 0.0])}, optim.adam_init(params), lr=0.5)
    assert abs(stepped["w"] - [-0.5, 0.5, -0.5, 0.0]).max() < 0.5 * 1e-8 / 1e-3 * 1.001  # the eps beside |g|
    assert stepped["w"][3] == 0.0


def test_defaults_are_those_of_the_paper():
    params, g = _tree(0), _tree(1)
    state = optim.adam_init(params)
    default, _ = optim.adam_step(params, g, state)
    given_, _ = optim.adam_step(params, g, state, 1e-3, betas=(0.9, 0.999), eps=1e-8)
    for name in SHAPES:
        assert_equal_exact(default[name], given_[name])


@DTYPES
def test_dtype_in_is_dtype_out(dtype):
    params = _tree(0, dtype)
    for lr in (1e-3, np.full((3, 1, 1), 1e-3)):
        new, state = optim.adam_step(params, _tree(1, dtype), optim.adam_init(params), lr)
        for tree in (new, state.m, state.v):
            assert {name: (value.dtype, value.shape) for name, value in tree.items()} == {
                name: (np.dtype(dtype), shape) for name, shape in SHAPES.items()
            }


def test_arguments_are_not_written_into():
    params, g = _tree(0), _tree(1)
    state = optim.adam_step(params, g, optim.adam_init(params))[1]
    before = [{name: value.copy() for name, value in tree.items()} for tree in (params, g, state.m, state.v)]
    for tree in (params, g, state.m, state.v):
        for value in tree.values():
            value.setflags(write=False)
    new, new_state = optim.adam_step(params, g, state)
    optim.adam_step(new, g, new_state)
    assert state.t == 1
    for tree, old in zip((params, g, state.m, state.v), before, strict=True):
        for name in SHAPES:
            assert_equal_exact(tree[name], old[name])


@DTYPES
def test_networks_with_steps_and_rates_of_their_own_equal_separate_runs(dtype):
    """A stack whose networks joined at different times moves each exactly as it would move alone."""
    lr, started = np.array([1e-3, 3e-3, 1e-2]).reshape(3, 1, 1), [0, 7, 40]
    stack, m, v = ({name: np.zeros(shape, dtype) for name, shape in SHAPES.items()} for _ in range(3))
    alone = []
    for e in range(3):
        params = {name: value[e : e + 1] for name, value in _tree(0, dtype).items()}
        state = optim.adam_init(params)
        for i in range(started[e]):
            g = {name: value[e : e + 1] for name, value in _tree(100 + i, dtype).items()}
            params, state = optim.adam_step(params, g, state, float(lr[e, 0, 0]))
        alone.append((params, state))
        for name in SHAPES:
            stack[name][e], m[name][e], v[name][e] = params[name][0], state.m[name][0], state.v[name][0]

    stacked = optim.AdamState(m, v, np.array(started).reshape(3, 1, 1))
    for i in range(300):
        g = _tree(1000 + i, dtype)
        stack, stacked = optim.adam_step(stack, g, stacked, lr)
        for e, (params, state) in enumerate(alone):
            own = {name: value[e : e + 1] for name, value in g.items()}
            alone[e] = optim.adam_step(params, own, state, float(lr[e, 0, 0]))
    assert stacked.t.ravel().tolist() == [start + 300 for start in started]
    for e, (params, _) in enumerate(alone):
        for name in SHAPES:
            assert_equal_exact(stack[name][e : e + 1], params[name])


@pytest.mark.parametrize("names", [{"w0"}, {"w0", "b0", "w1"}, {"w0", "b1"}])
def test_names_of_the_gradients_have_to_match(names):
    params = _tree(0)
    with pytest.raises(ValueError, match="grads: expected the names"):
        optim.adam_step(params, {name: np.zeros(1) for name in names}, optim.adam_init(params))


# --- SGD, and what all optimisers have in common ---------------------------------------------------------------------

OPTIMISERS = pytest.mark.parametrize("name", optim.OPTIMISERS)


@DTYPES
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_momentum_vs_optax(dtype, momentum):
    params = _tree(0, dtype)
    optimiser, ours = optax.sgd(1e-2, momentum), optim.SGD(momentum)
    theirs = {name: jnp.asarray(value) for name, value in params.items()}
    their_state, states = optimiser.init(theirs), optim.init(ours, params)
    size = {name: abs(value) for name, value in params.items()}
    for i in range(1, 31):
        g = _tree(i, dtype)
        params, states = optim.step(ours, params, g, states, i, 1e-2)
        updates, their_state = optimiser.update(g, their_state)
        theirs = optax.apply_updates(theirs, updates)
        size = {name: value + 1e-2 * abs(g[name]) / (1 - momentum) for name, value in size.items()}
    for name in SHAPES:
        assert_close(params[name], np.asarray(theirs[name]), conditioning=size[name], terms=60)


@OPTIMISERS
@DTYPES
def test_states_are_arrays_of_the_same_shape_and_dtype_and_nothing_is_written_into(name, dtype):
    optimiser, p, g = optim.get(name), _tree(0, dtype)["w0"], _tree(1, dtype)["w0"]
    state = optimiser.init(p)
    for t in (1, 2):
        for array in (p, g, *state):
            array.setflags(write=False)
        before = [array.copy() for array in (p, *state)]
        moved, new = optimiser.step(p, g, state, t, 1e-3)
        for array, old in zip((p, *state), before, strict=True):
            assert_equal_exact(array, old)
        assert {(a.dtype, a.shape) for a in (moved, *state, *new)} == {(np.dtype(dtype), p.shape)}
        p, state = moved, new


@OPTIMISERS
@given(seed=seeds)
def test_a_row_moves_as_it_would_alone(name, seed):
    """Networks are dropped and begun again by their index: a step treats each apart, with its own t and lr."""
    rng = np.random.default_rng(seed)
    optimiser, p = optim.get(name), rng.standard_normal((3, 5)).astype("float32")
    lr, t = 10.0 ** rng.uniform(-4, -1, (3, 1)), rng.integers(1, 50, (3, 1))
    state = optimiser.init(p)
    alone = [(p[e], type(state)(*(a[e] for a in state))) for e in range(3)]
    for i in range(5):
        g = rng.standard_normal(p.shape).astype("float32")
        p, state = optimiser.step(p, g, state, t + i, lr)
        alone = [optimiser.step(*_row(own, g[e]), int(t[e, 0]) + i, float(lr[e, 0])) for e, own in enumerate(alone)]
    for e, (row, own) in enumerate(alone):
        assert_equal_exact(p[e], row)
        for array, expected in zip(state, own, strict=True):
            assert_equal_exact(array[e], expected)


def _row(alone: tuple, g: np.ndarray) -> tuple:
    p, state = alone
    return p, g, state


@OPTIMISERS
def test_optimisers_are_descriptions_found_by_name(name):
    optimiser = optim.get(name)
    assert type(optimiser) is optim.OPTIMISERS[name]
    assert hash(optimiser) == hash(optim.OPTIMISERS[name]())
    with pytest.raises(dataclasses.FrozenInstanceError):
        optimiser.momentum = 0.5


def test_an_unknown_optimiser_is_named_beside_the_known():
    with pytest.raises(ValueError, match="optimiser: unknown name 'adamw'; known are adam, sgd"):
        optim.get("adamw")


# --- schedules -------------------------------------------------------------------------------------------------------


def test_step_decay_vs_loop():
    schedule, lr = optim.StepDecay(0.8, every=3, factor=0.25), 0.8
    for t in range(12):
        if t and t % 3 == 0:
            lr *= 0.25
        assert schedule(t) == lr
    assert optim.StepDecay(1.0, every=1)(1) == 0.5


def test_cosine_vs_formula():
    schedule = optim.Cosine(1.0, steps=8, final=0.2)
    assert schedule(0) == 1.0
    assert schedule(8) == schedule(9) == schedule(1000) == 0.2
    values = [schedule(t) for t in range(9)]
    assert_close(np.array(values), np.array([0.6 + 0.4 * math.cos(math.pi * t / 8) for t in range(9)]))
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    "schedule",
    [optim.Constant(0.3), optim.StepDecay(0.3, every=7, factor=0.9), optim.Cosine(0.3, steps=50, final=0.01)],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_schedule_of_many_networks_is_that_of_each(schedule):
    t = np.arange(100).reshape(100, 1, 1)
    assert_equal_exact(schedule(t), np.array([schedule(int(i)) for i in t.ravel()]).reshape(t.shape))
    assert all(type(schedule(i)) is float for i in range(100))


def test_a_number_is_a_constant_schedule_and_a_schedule_itself():
    assert optim.schedule(0.1) == optim.Constant(0.1)
    assert optim.schedule(0.1)(12345) == 0.1
    cosine = optim.Cosine(1.0, steps=10)
    assert optim.schedule(cosine) is cosine


@pytest.mark.parametrize("lr", [0.0, -1e-3, math.nan, math.inf])
def test_step_sizes_are_positive_and_finite(lr):
    with pytest.raises(ValueError, match=f"lr: expected a positive step size, got {lr}"):
        optim.schedule(lr)
