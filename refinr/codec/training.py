"""How networks come to predict samples: Adam on the length of the file.

With this you can train the network of a role (`train`).

For the second half of the steps the network computes with its parameters as the file will hold them, rounded, and the
gradient is taken as if they had not been (straight-through): the loss then is what the file will be.  The linear part
starts from a weighted least-squares prediction, so that even without a step files are smaller than most.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refinr import optim
from refinr.codec import bits, dyadic, exact, mixture, network

BATCH = 2048
BITS_A_STEP = 4096
LR = 2.4e-2
WARM_UP = 30
"""Steps until the step size is whole."""

_ADAM = optim.Adam(betas=(0.9, 0.99))
_SOLVED = 1 << 15
"""Samples that the first prediction is solved on."""


class Data(NamedTuple):
    """Samples of a role and their contexts, float32 and in random order.

    Attributes
    ----------
    inputs : array (N, I)
    linear : array (N, L)
    targets : mixture.Targets or bits.Targets
        Which of them says which model is trained.
    levels : int
    """

    inputs: np.ndarray
    linear: np.ndarray
    targets: mixture.Targets | bits.Targets
    levels: int


def hidden_width(samples: int) -> int:
    """Neurons that so many samples pay for.

    Examples
    --------
    >>> [hidden_width(n) for n in (1000, 10_000, 50_000, 10**6)]
    [2, 8, 16, 24]
    """
    return next(width for least, width in ((100_000, 24), (30_000, 16), (5_000, 8), (0, 2)) if samples >= least)


def train(
    data: Data,
    sizes: network.Sizes,
    steps: int,
    rng: np.random.Generator,
    progress: Callable[[int], None] = lambda step: None,
    *,
    reproducible: bool = False,
) -> dict[str, np.ndarray]:
    """Parameters in whole units, see `refinr.codec.network.to_units`.

    Parameters
    ----------
    data : Data
    sizes : network.Sizes
    steps : int
        0 or more.
    rng : Generator
        For the first parameters.
    progress : callable (step)
        Called after each step.
    reproducible : bool
        Whether every machine gets the same parameters, see `refinr.codec.dyadic`; of the mixture alone.
    """
    params = start(data, sizes, rng, reproducible=reproducible)
    steps = steps if len(data.inputs) else 0
    if reproducible:
        return network.to_units(_dyadic_steps(data, params, steps, progress))
    states = optim.init(_ADAM, params)
    schedule = optim.Cosine(LR, steps)
    for t in range(steps):
        used = network.from_units(network.to_units(params), "float32") if 2 * t >= steps else params
        grads = _clipped(_gradients(used, _batch(data, t), data.levels))
        lr = schedule(t) * min(1.0, (t + 1) / WARM_UP)
        params, states = optim.step(_ADAM, params, grads, states, t + 1, lr)
        progress(t + 1)
    return network.to_units(params)


def _batch(data: Data, t: int) -> Data:
    """What step t is taken on."""
    most = BATCH if isinstance(data.targets, mixture.Targets) else max(1, BITS_A_STEP // bits.planes(data.levels))
    size = min(most, len(data.inputs))
    first = t * size % max(1, len(data.inputs) - size + 1)
    part = slice(first, first + size)
    targets = type(data.targets)(*(field[part] for field in data.targets))
    return Data(data.inputs[part], data.linear[part], targets, data.levels)


def _gradients(params: network.Params, data: Data, levels: int) -> network.Params:
    if isinstance(data.targets, bits.Targets):
        return bits.loss(params, data.inputs, data.linear, data.targets, levels)[1]
    z, s, cache = network.forward(params, data.inputs, data.linear)
    _, dz, ds = mixture.loss(z, s, data.targets, levels)
    return network.backward(dz, ds, cache)[0]


def _dyadic_steps(data: Data, params: network.Params, steps: int, progress: Callable[[int], None]) -> network.Params:
    """The same steps, exact: neither the length of gradients is asked for, nor a cosine."""
    stepper = dyadic.Stepper({name: p.astype(np.float64) for name, p in params.items()})
    for t in range(steps):
        used = network.from_units(network.to_units(stepper.params))
        batch = _batch(data, t)
        wide = [field.astype(np.float64) for field in (batch.inputs, batch.linear, *batch.targets)]
        grads = dyadic.gradients(used, wide[0], wide[1], mixture.Targets(*wide[2:]), data.levels)
        stepper.step(grads, LR * (1.0 - t / steps) * min(1.0, (t + 1) / WARM_UP))
        progress(t + 1)
    return stepper.params


def start(data: Data, sizes: network.Sizes, rng: np.random.Generator, *, reproducible: bool = False) -> network.Params:
    """Parameters before the first step."""
    params = network.init(sizes, rng)
    if reproducible:  # a normal law is drawn with logarithms, which machines round in their ways
        bound = math.sqrt(6.0 / sizes.inputs)
        drawn = rng.integers(-1024, 1025, params["w0"].shape) / 1024.0
        params["w0"] = (bound * drawn).astype(np.float32)
        params["w1"] = (rng.integers(-16, 17, params["w1"].shape) / 128.0).astype(np.float32)
    if isinstance(data.targets, mixture.Targets):
        params["b1"][0, 2 * mixture.COMPONENTS :] = mixture.START
        t = data.targets.t[:_SOLVED]
    else:
        sample, base, scale = (field[:_SOLVED] for field in data.targets)
        t = (sample - base) / scale
    if len(data.linear):
        params["skip"] = _prediction(data.linear[:_SOLVED], t)
    return params


def _prediction(linear: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Ridge regression (L, 1), far samples counting less; its sums are exact, so every machine gets the same."""
    x = linear.astype(np.float64)
    y = exact.dyadic(np.clip(t.astype(np.float64), -8.0, 8.0), 10)
    weighted = (x * exact.dyadic(1.0 / (1.0 + np.abs(y)), 10)).T  # (L, N)
    ridge = (1e-4 * len(x) + 1e-6) * np.eye(x.shape[1])
    return dyadic.solve(weighted @ x + ridge, weighted @ y).astype(np.float32)


def _clipped(grads: network.Params) -> network.Params:
    """Gradients of norm 1 at most."""
    norm = math.sqrt(sum(float((g * g).sum()) for g in grads.values()))
    return {name: g * min(1.0, 1.0 / (norm + 1e-9)) for name, g in grads.items()}
