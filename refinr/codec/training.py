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
from refinr.codec import mixture, network

BATCH = 2048
LR = 8e-3
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
    targets : mixture.Targets
    levels : int
    """

    inputs: np.ndarray
    linear: np.ndarray
    targets: mixture.Targets
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
    """
    params = start(data, sizes, rng)
    states = optim.init(_ADAM, params)
    schedule = optim.Cosine(LR, steps)
    count = len(data.inputs)
    batch = min(BATCH, count)
    for t in range(steps if count else 0):
        first = t * batch % max(1, count - batch + 1)
        part = slice(first, first + batch)
        used = network.from_units(network.to_units(params), "float32") if 2 * t >= steps else params
        z, s, cache = network.forward(used, data.inputs[part], data.linear[part])
        targets = mixture.Targets(data.targets.t[part], data.targets.half[part])
        _, dz, ds = mixture.loss(z, s, targets, data.levels)
        grads = _clipped(network.backward(dz, ds, cache)[0])
        lr = schedule(t) * min(1.0, (t + 1) / WARM_UP)
        params, states = optim.step(_ADAM, params, grads, states, t + 1, lr)
        progress(t + 1)
    return network.to_units(params)


def start(data: Data, sizes: network.Sizes, rng: np.random.Generator) -> network.Params:
    """Parameters before the first step."""
    params = network.init(sizes, rng)
    params["b1"][0, 2 * mixture.COMPONENTS :] = mixture.START
    if len(data.linear):
        params["skip"] = _prediction(data.linear[:_SOLVED], data.targets.t[:_SOLVED])
    return params


def _prediction(linear: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Ridge regression (L, 1), far samples counting less."""
    x = linear.astype(np.float64)
    y = np.clip(t, -8.0, 8.0)
    weighted = (x / (1.0 + np.abs(y))).T  # (L, N)
    ridge = (1e-4 * len(x) + 1e-6) * np.eye(x.shape[1])
    return np.linalg.solve(weighted @ x + ridge, weighted @ y).astype(np.float32)


def _clipped(grads: network.Params) -> network.Params:
    """Gradients of norm 1 at most."""
    norm = math.sqrt(sum(float((g * g).sum()) for g in grads.values()))
    return {name: g * min(1.0, 1.0 / (norm + 1e-9)) for name, g in grads.items()}
