"""How networks are trained: which samples a step sees, how large it is, where it starts; by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refinr import optim
from refinr.codec import bits, dyadic, exact, mixture, network, training
from tests.helpers import assert_equal_exact

SIZES = network.Sizes(6, 5, 4, mixture.OUTPUTS)
BITS = network.Sizes(6 + bits.FEATURES, 5, 4, bits.OUTPUTS)


def _data(kind: str, count: int, levels: int = 256) -> training.Data:
    rng = np.random.default_rng(count)
    inputs = (rng.integers(-128, 129, (count, 6)) / 128.0).astype(np.float32)
    linear = (rng.integers(-512, 513, (count, 5)) / 64.0).astype(np.float32)
    t = linear[:, :1] * 0.6 - linear[:, 1:2] * 0.3 + rng.normal(size=(count, 1))
    scale = rng.integers(1, 9, (count, 1)) / 2.0 + 0.4
    if kind == "planes":
        base = rng.integers(60, 200, (count, 1)) * 1.0
        sample = np.clip(np.rint(base + scale * t), 0, levels - 1)
        return training.Data(inputs, linear, bits.Targets(sample, base, scale), levels)
    targets = mixture.Targets(t.astype(np.float32), (0.5 / scale).astype(np.float32))
    return training.Data(inputs, linear, targets, levels)


@pytest.mark.parametrize(
    ("samples", "width"),
    [(0, 2), (4999, 2), (5000, 8), (29_999, 8), (30_000, 16), (99_999, 16), (100_000, 24), (10**9, 24)],
)
def test_more_samples_pay_for_more_neurons(samples, width):
    assert training.hidden_width(samples) == width


@pytest.mark.parametrize(
    ("kind", "count", "levels", "size"),
    [("mixture", 5000, 256, 2048), ("mixture", 2048, 256, 2048), ("mixture", 700, 256, 700), ("mixture", 1, 256, 1),
     ("planes", 5000, 256, 512), ("planes", 5000, 2, 4096), ("planes", 700, 2**32, 128), ("planes", 90, 256, 90)],
)  # fmt: skip
def test_a_step_goes_on_where_the_one_before_ended(kind, count, levels, size):
    """Around the end, so that each has its full size."""
    data = _data(kind, count, levels)
    for t in range(12):
        first = (t * size) % (count - size + 1)
        found = training._batch(data, t)
        part = slice(first, first + size)
        assert_equal_exact(found.inputs, data.inputs[part])
        assert_equal_exact(found.linear, data.linear[part])
        assert found.levels == levels
        assert type(found.targets) is type(data.targets)
        for a, b in zip(found.targets, data.targets, strict=True):
            assert_equal_exact(a, b[part])


def test_gradients_are_at_most_one_long():
    short = {"a": np.array([[0.3]]), "b": np.array([[0.0, 0.4]])}
    for name, g in training._clipped(short).items():
        assert_equal_exact(g, short[name])
    long = {name: 20.0 * g for name, g in short.items()}
    for name, g in training._clipped(long).items():
        np.testing.assert_allclose(g, 2.0 * short[name], rtol=1e-9)


def _steps(data: training.Data, sizes: network.Sizes, steps: int, seed: int) -> dict[str, np.ndarray]:
    """Adam, step by step."""
    params = training.start(data, sizes, np.random.default_rng(seed))
    adam = optim.Adam(betas=(0.9, 0.99))
    states = optim.init(adam, params)
    for t in range(steps):
        rounded = network.from_units(network.to_units(params), "float32")
        batch = training._batch(data, t)
        grads = training._gradients(rounded if t >= steps / 2 else params, batch, data.levels)
        norm = math.sqrt(sum(float((g * g).sum()) for g in grads.values()))
        grads = {name: g * min(1.0, 1.0 / (norm + 1e-9)) for name, g in grads.items()}
        lr = 0.024 * (1 + math.cos(math.pi * t / steps)) / 2 * min(1.0, (t + 1) / 30)
        params, states = optim.step(adam, params, grads, states, t + 1, lr)
    return network.to_units(params)


@pytest.mark.parametrize(
    ("kind", "steps"), [("mixture", 0), ("mixture", 1), ("mixture", 7), ("mixture", 40), ("planes", 7)]
)
def test_training_is_adam_with_rounded_parameters_in_the_second_half(kind, steps):
    data = _data(kind, 3000)
    sizes = BITS if kind == "planes" else SIZES
    told: list[int] = []
    found = training.train(data, sizes, steps, np.random.default_rng(3), told.append)
    assert told == list(range(1, steps + 1))
    for name, units in _steps(data, sizes, steps, 3).items():
        assert_equal_exact(found[name], units)


def test_reproducible_training_is_exact_steps_that_become_smaller():
    data = _data("mixture", 3000)
    told: list[int] = []
    found = training.train(data, SIZES, 35, np.random.default_rng(3), told.append, reproducible=True)
    assert told == list(range(1, 36))
    params = training.start(data, SIZES, np.random.default_rng(3), reproducible=True)
    stepper = dyadic.Stepper({name: p.astype(np.float64) for name, p in params.items()})
    for t in range(35):
        inputs, linear, targets, _ = training._batch(data, t)
        grads = dyadic.gradients(
            network.from_units(network.to_units(stepper.params)),
            inputs.astype(np.float64),
            linear.astype(np.float64),
            mixture.Targets(*(field.astype(np.float64) for field in targets)),
            256,
        )
        stepper.step(grads, 0.024 * (1 - t / 35) * min(1.0, (t + 1) / 30))
    for name, units in network.to_units(stepper.params).items():
        assert_equal_exact(found[name], units)


@pytest.mark.parametrize("reproducible", [False, True])
def test_without_samples_nothing_is_trained(reproducible):
    data = _data("mixture", 0)
    found = training.train(data, SIZES, 5, np.random.default_rng(3), pytest.fail, reproducible=reproducible)
    assert not found["skip"].any()
    assert {name: units.shape for name, units in found.items()} == network.shapes(SIZES)


@pytest.mark.parametrize("kind", ["mixture", "planes"])
@pytest.mark.parametrize("reproducible", [False, True])
def test_what_networks_start_from(kind, reproducible):
    data = _data(kind, 40_000)
    sizes = BITS if kind == "planes" else SIZES
    params = training.start(data, sizes, np.random.default_rng(3), reproducible=reproducible)
    assert {name: p.shape for name, p in params.items()} == network.shapes(sizes)
    assert {p.dtype for p in params.values()} == {np.dtype(np.float32)}
    assert not params["b0"].any()
    if kind == "planes":
        assert not params["b1"].any()
    else:
        assert params["b1"][0].tolist() == [0, 0, 0, 0, 0, 0, -1.5, -0.5, 0.5]
    rng = np.random.default_rng(3)
    drawn = network.init(sizes, rng)
    if reproducible:
        steps = rng.integers(-1024, 1025, drawn["w0"].shape)
        drawn["w0"] = (math.sqrt(6.0 / sizes.inputs) * (steps / 1024.0)).astype(np.float32)
        drawn["w1"] = (rng.integers(-16, 17, drawn["w1"].shape) / 128.0).astype(np.float32)
    assert_equal_exact(params["w0"], drawn["w0"])
    assert_equal_exact(params["w1"], drawn["w1"])
    t = data.targets.t if kind == "mixture" else (data.targets.sample - data.targets.base) / data.targets.scale
    assert_equal_exact(params["skip"], training._prediction(data.linear[: 1 << 15], t[: 1 << 15]))


def test_the_first_prediction_is_a_ridge_regression_in_which_far_samples_count_less():
    data = _data("mixture", 500)
    x = data.linear.astype(np.float64)
    t = 3.0 * data.targets.t.astype(np.float64)
    assert (abs(t) > 8).any()
    y = exact.dyadic(np.clip(t, -8, 8), 10)
    weight = exact.dyadic(1 / (1 + abs(y)), 10)
    ridge = (1e-4 * 500 + 1e-6) * np.eye(5)
    expected = np.linalg.solve((x * weight).T @ x + ridge, (x * weight).T @ y)
    found = training._prediction(data.linear, t)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    few = training._prediction(data.linear[:1], t[:1])  # fewer samples than weights
    u, v = x[:1], float(y[0, 0])
    w = float(weight[0, 0])
    np.testing.assert_allclose(few, u.T * (w * v / (w * float((u * u).sum()) + 1e-4 + 1e-6)), rtol=1e-5)


def test_networks_that_see_nothing_start_too():
    data = _data("mixture", 20)
    none = data._replace(linear=data.linear[:, :0])
    assert training.start(none, SIZES._replace(linear=0), np.random.default_rng(0))["skip"].shape == (0, 1)
    assert not training.start(data._replace(linear=data.linear[:0]), SIZES, np.random.default_rng(0))["skip"].any()
