"""Networks whose weights are rounded, after training or in every step of it.

With this you can round weights (`uniform`, `ternary_values`, all `PRECISIONS` by name), round those of a network
(`quantised`), and train with rounded ones (`train`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refinr import chunks, mlp, optim, ternary
from refinr.files import storing
from refinr.mlp import MLP, Params

Quantiser = Callable[[np.ndarray], np.ndarray]


def uniform(bits: int) -> Quantiser:
    """Rounding to ``2^bits - 1`` levels, symmetric about zero, up to the largest weight of a network's layer.

    Examples
    --------
    >>> uniform(2)(np.array([[0.3, 0.5], [-0.8, 0.1]])).tolist()
    [[0.0, 0.8], [-0.8, 0.0]]
    """

    def quantise(w: np.ndarray) -> np.ndarray:
        step = abs(w).max(axis=(-2, -1), keepdims=True) / (2.0 ** (bits - 1) - 1)
        return (np.rint(w / step) * step).astype(w.dtype)

    return quantise


def ternary_values(w: np.ndarray) -> np.ndarray:
    """Codes times scale."""
    codes, scale = ternary.weight_codes(w)
    return codes * scale


PRECISIONS: dict[str, Quantiser] = {
    "float32": lambda w: w,
    "float16": lambda w: storing.nearest(w, "float16"),
    "bfloat16": lambda w: storing.nearest(w, "bfloat16"),
    "8 bits": uniform(8),
    "6 bits": uniform(6),
    "4 bits": uniform(4),
    "3 bits": uniform(3),
    "2 bits": uniform(2),
    "ternary": ternary_values,
}
"""From fine to coarse."""


def quantised(params: Params, quantise: Quantiser) -> Params:
    """Weights rounded, biases as they are."""
    return {name: quantise(p) if name[0] == "w" else p for name, p in params.items()}


def train(
    spec: MLP,
    x: np.ndarray,
    targets: np.ndarray,
    quantise: Quantiser,
    *,
    lr: float,
    steps: int,
    seed: int,
    margin: float,
) -> tuple[Params, int]:
    """Parameters of all networks after training with rounded weights, and the steps it took.

    Gradients are taken at the rounded weights and applied to the weights themselves (straight-through).  It ends when
    every output is right and at least `margin` away from its threshold.
    """
    params = mlp.init(spec, len(targets), seed)
    state = optim.adam_init(params)
    for step in range(steps):
        now = chunks.gradients(spec, quantised(params, quantise), x, targets)
        if (now.wrong == 0).all() and (now.margin >= margin).all():
            return params, step
        params, state = optim.adam_step(params, now.grads, state, lr)
    return params, steps
