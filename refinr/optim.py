"""How the parameters move: Adam, and schedules for its step.

With this you can start (`adam_init`), take steps (`adam_step`), and let the step size change on the way (`StepDecay`,
`Cosine`, `Constant`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from refinr.xp import Array, asarray_like, namespace

Params = dict[str, Array]


class AdamState(NamedTuple):
    """First and second moments of the gradients, and the number of steps taken.

    ``t`` is an int, or an array that broadcasts against every parameter, such as (E, 1, 1), where the networks of a
    stack have taken different numbers of steps.
    """

    m: Params
    v: Params
    t: int | np.ndarray


def adam_init(params: Params) -> AdamState:
    """The state before the first step: all moments zero.

    Examples
    --------
    >>> adam_init({"w0": np.ones(2)}).m["w0"].tolist()
    [0.0, 0.0]
    """
    zeros = {name: namespace(p).zeros_like(p) for name, p in params.items()}
    return AdamState(zeros, dict(zeros), 0)  # `adam_step` never writes into them: sharing is safe


def adam_step(
    params: Params,
    grads: Params,
    state: AdamState,
    lr: float | np.ndarray = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> tuple[Params, AdamState]:
    """One step of Adam.

    ``m <- b1 m + (1 - b1) g``, ``v <- b2 v + (1 - b2) g^2``,
    ``p <- p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)``.

    Parameters
    ----------
    params, grads : dicts of arrays with the same names and shapes
    state : AdamState
    lr : float, or array
        Step size; one a network, in a shape that broadcasts against every parameter, where they differ.
    betas, eps
        As in PyTorch, eps outside the root.

    Returns
    -------
    params, state
        New ones; the arguments are left as they were.

    Raises
    ------
    ValueError
        If the names and shapes of `grads` are not those of `params`.

    References
    ----------
    Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1.

    Examples
    --------
    >>> p, state = {"w": np.array([1.0])}, adam_init({"w": np.array([1.0])})
    >>> p, state = adam_step(p, {"w": np.array([4.0])}, state, lr=0.1)
    >>> p["w"].round(6).tolist(), state.t
    ([0.9], 1)
    """
    shapes, got = ({name: a.shape for name, a in arrays.items()} for arrays in (params, grads))
    if got != shapes:
        raise ValueError(f"grads: expected the names and shapes {shapes}, got {got}")
    b1, b2 = betas
    t = state.t + 1
    # p - lr mhat / (sqrt(vhat) + eps) = p - rate m / (sqrt(v) + floor): two divisions by a number fewer for every value
    # (NumPy's power also for a plain t: the C library's may differ in the last bit from what a stack of networks gets)
    root = np.sqrt(1.0 - np.power(b2, t))
    rate, floor = lr * root / (1.0 - np.power(b1, t)), eps * root
    new, m, v = {}, {}, {}
    for name, p in params.items():
        xp = namespace(p)
        g = grads[name]
        m[name] = b1 * state.m[name]
        m[name] += (1.0 - b1) * g
        v[name] = b2 * state.v[name]
        v[name] += (1.0 - b2) * (g * g)
        step = xp.sqrt(v[name])
        step += _coefficient(floor, p)
        step = m[name] / step
        step *= _coefficient(rate, p)
        new[name] = p - step
    return new, AdamState(m, v, t)


def _coefficient(value: float | np.ndarray, like: Array) -> float | Array:
    # a Python float keeps any array's dtype; a float64 scalar of NumPy would widen float32 and halve the speed
    return float(value) if np.ndim(value) == 0 else asarray_like(value, like)


# --- step schedules --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Constant:
    """The same step size throughout.

    Examples
    --------
    >>> Constant(1e-3)(100)
    0.001
    """

    lr: float

    def __call__(self, t: float | np.ndarray) -> float | np.ndarray:
        """The step size of step `t` = 0, 1, ..."""
        return self.lr + 0.0 * t  # in the shape of t


@dataclass(frozen=True)
class StepDecay:
    """``lr factor^floor(t / every)``: the step size drops by `factor` every so many steps.

    Examples
    --------
    >>> StepDecay(1.0, every=10, factor=0.5)(25)
    0.25
    """

    lr: float
    every: int
    factor: float = 0.5

    def __call__(self, t: float | np.ndarray) -> float | np.ndarray:
        """The step size of step `t` = 0, 1, ..."""
        value = self.lr * np.power(self.factor, t // self.every)
        return value if np.ndim(t) else float(value)


@dataclass(frozen=True)
class Cosine:
    """``final + (lr - final) (1 + cos(pi t / steps)) / 2``, and `final` from then on.

    References
    ----------
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, Eq. (5).

    Examples
    --------
    >>> Cosine(1.0, steps=10)(0), round(Cosine(1.0, steps=10)(5), 12), Cosine(1.0, steps=10)(20)
    (1.0, 0.5, 0.0)
    """

    lr: float
    steps: int
    final: float = 0.0

    def __call__(self, t: float | np.ndarray) -> float | np.ndarray:
        """The step size of step `t` = 0, 1, ..."""
        share = np.minimum(t / self.steps, 1.0)
        value = self.final + (self.lr - self.final) * (1.0 + np.cos(math.pi * share)) / 2.0
        return value if np.ndim(t) else float(value)


def schedule(lr: float | Callable) -> Callable:
    """`lr` as a schedule: itself if it can be called, else that step size throughout.

    A schedule is called with an array of step numbers, one a network (restarts begin at 0 again), and returns as many
    step sizes.  To reach other processes it must be picklable, as the classes of this module are.

    Raises
    ------
    ValueError
        If a step size is not positive and finite.

    Examples
    --------
    >>> schedule(0.5)(7)
    0.5
    """
    if callable(lr):
        return lr
    if not 0.0 < lr < math.inf:
        raise ValueError(f"lr: expected a positive step size, got {lr}")
    return Constant(float(lr))
