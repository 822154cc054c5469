"""How the parameters move: optimisers, and schedules for their step.

With this you can find an optimiser by name (`get`), start and step it on one array (`Adam`, `SGD`) or on all parameters
of a network (`init`, `step`; for Adam also `adam_init`, `adam_step`), and let the step size change on the way
(`StepDecay`, `Cosine`, `Constant`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from refinr.tables import look_up
from refinr.xp import Array, asarray_like, namespace

Params = dict[str, Array]


# --- one array -------------------------------------------------------------------------------------------------------


class Optimiser(Protocol):
    """What all optimisers have: how one array starts, and how it moves; a frozen dataclass of plain numbers.

    A state is a NamedTuple of arrays of the shape of p, so that where the rows of p are networks, a network is dropped
    or begun again by its index.  ``t`` counts the steps, this one included: 1, 2, ...  It is an int, or an array that
    broadcasts against p where the networks of a stack have taken different numbers of steps; so is ``lr``.  Both are on
    the host.
    """

    def init(self, p: Array) -> Any:
        """The state before the first step."""

    def step(self, p: Array, g: Array, state: Any, t: int | np.ndarray, lr: float | np.ndarray) -> tuple[Array, Any]:
        """The array p after a step, and the state: new ones, the arguments are left as they were."""


class Moments(NamedTuple):
    """First and second moments of a gradient."""

    m: Array
    v: Array


@dataclass(frozen=True)
class Adam:
    """``p <- p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)``, with the moments m, v of the gradient.

    Parameters
    ----------
    betas : tuple of floats
        b1 and b2, of ``m <- b1 m + (1 - b1) g`` and ``v <- b2 v + (1 - b2) g^2``.
    eps : float
        Outside the root, as in PyTorch.

    References
    ----------
    Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1.

    Examples
    --------
    >>> adam, p = Adam(), np.array([1.0])
    >>> p, state = adam.step(p, np.array([4.0]), adam.init(p), t=1, lr=0.1)
    >>> p.round(6).tolist(), state.m.round(6).tolist(), state.v.round(6).tolist()
    ([0.9], [0.4], [0.016])
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def init(self, p: Array) -> Moments:
        """All moments zero."""
        zeros = namespace(p).zeros_like
        return Moments(zeros(p), zeros(p))

    def step(
        self, p: Array, g: Array, state: Moments, t: int | np.ndarray, lr: float | np.ndarray
    ) -> tuple[Array, Moments]:
        """See `Optimiser`; both fractions of the formula times ``sqrt(1 - b2^t)``, which is the same step."""
        b1, b2 = self.betas
        # NumPy's power also for a plain t: the C library's may differ in the last bit from what an array of t gets
        root = np.sqrt(1.0 - np.power(b2, t))
        rate = beside(p, lr * root / (1.0 - np.power(b1, t)))
        eps = beside(p, self.eps * root)
        m = b1 * state.m + (1.0 - b1) * g
        v = b2 * state.v + (1.0 - b2) * (g * g)
        return p - rate * (m / (namespace(p).sqrt(v) + eps)), Moments(m, v)


class Velocity(NamedTuple):
    """The sum of past gradients that momentum carries on."""

    u: Array


@dataclass(frozen=True)
class SGD:
    """``u <- momentum u + g``, ``p <- p - lr u``: gradient descent with momentum, as in PyTorch.

    References
    ----------
    Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational Mathematics and
    Mathematical Physics 4 (5), 1964.

    Examples
    --------
    >>> sgd, p = SGD(momentum=0.5), np.array([1.0])
    >>> p, state = sgd.step(p, np.array([4.0]), sgd.init(p), t=1, lr=0.125)
    >>> p, state = sgd.step(p, np.array([2.0]), state, t=2, lr=0.125)
    >>> p.tolist(), state.u.tolist()
    ([0.0], [4.0])
    """

    momentum: float = 0.9

    def init(self, p: Array) -> Velocity:
        """At rest."""
        return Velocity(namespace(p).zeros_like(p))

    def step(
        self, p: Array, g: Array, state: Velocity, t: int | np.ndarray, lr: float | np.ndarray
    ) -> tuple[Array, Velocity]:
        """See `Optimiser`; t does not matter."""
        u = self.momentum * state.u + g
        return p - beside(p, lr) * u, Velocity(u)


def beside(like: Array, value: float | np.ndarray) -> float | Array:
    """A step size, or another number per network, as it multiplies `like` without changing its dtype.

    Examples
    --------
    >>> beside(np.ones(2, "float32"), np.float64(0.5)), beside(np.ones((2, 1), "float32"), np.ones((2, 1))).dtype
    (0.5, dtype('float32'))
    """
    # a float64 scalar of NumPy would widen float32 and halve the speed; a Python float does not
    return float(value) if np.ndim(value) == 0 else asarray_like(value, like)


OPTIMISERS: dict[str, Callable[..., Optimiser]] = {"adam": Adam, "sgd": SGD}
"""Optimisers by name: called without arguments, each has the values that its authors recommend."""


def get(name: str) -> Optimiser:
    """The optimiser of that name, as its authors recommend it.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> get("adam")
    Adam(betas=(0.9, 0.999), eps=1e-08)
    """
    return look_up(OPTIMISERS, name, "optimiser")()


def find(optimiser: str | Optimiser) -> Optimiser:
    """An optimiser that is given by its name, or as it is.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For what is no instance of an optimiser.

    Examples
    --------
    >>> find("adam") == find(Adam())
    True
    """
    if isinstance(optimiser, str):
        return get(optimiser)
    if isinstance(optimiser, type) or not (hasattr(optimiser, "init") and hasattr(optimiser, "step")):
        raise TypeError(f"optimiser: expected a name or an instance such as Adam(), got {optimiser!r:.80}")
    return optimiser


# --- all parameters --------------------------------------------------------------------------------------------------


def init(optimiser: Optimiser, params: Params) -> dict[str, Any]:
    """The states of all parameters before the first step.

    Examples
    --------
    >>> init(SGD(), {"w0": np.ones(2)})["w0"].u.tolist()
    [0.0, 0.0]
    """
    return {name: optimiser.init(p) for name, p in params.items()}


def step(
    optimiser: Optimiser,
    params: Params,
    grads: Params,
    states: dict[str, Any],
    t: int | np.ndarray,
    lr: float | np.ndarray,
) -> tuple[Params, dict[str, Any]]:
    """One step of all parameters.

    Parameters
    ----------
    optimiser : Optimiser
    params, grads : dicts of arrays with the same names and shapes
    states : dict
        As made by `init` or the last step.
    t : int, or array
        Number of this step, 1, 2, ...; see `Optimiser`.
    lr : float, or array
        Step size; one per network, in a shape that broadcasts against every parameter, where they differ.

    Returns
    -------
    params, states
        New ones; the arguments are left as they were.

    Raises
    ------
    ValueError
        If the names and shapes of `grads` are not those of `params`.

    Examples
    --------
    >>> params, grads = {"w": np.array([1.0])}, {"w": np.array([4.0])}
    >>> step(SGD(), params, grads, init(SGD(), params), t=1, lr=0.125)[0]["w"].tolist()
    [0.5]
    """
    expected = {name: p.shape for name, p in params.items()}
    got = {name: g.shape for name, g in grads.items()}
    if got != expected:
        raise ValueError(f"grads: expected the names and shapes {expected}, got {got}")
    moved = {name: optimiser.step(p, grads[name], states[name], t, lr) for name, p in params.items()}
    return {name: p for name, (p, _) in moved.items()}, {name: state for name, (_, state) in moved.items()}


class AdamState(NamedTuple):
    """First and second moments of the gradients, and the number of steps taken.

    ``t`` is an int, or an array that broadcasts against every parameter, such as (E, 1, 1), where the networks of a
    stack have taken different numbers of steps.
    """

    m: Params
    v: Params
    t: int | np.ndarray


def adam_init(params: Params) -> AdamState:
    """The state of `Adam` before the first step: all moments zero.

    Examples
    --------
    >>> adam_init({"w0": np.ones(2)}).m["w0"].tolist()
    [0.0, 0.0]
    """
    return _adam_state(init(Adam(), params), 0)


def adam_step(
    params: Params,
    grads: Params,
    state: AdamState,
    lr: float | np.ndarray = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> tuple[Params, AdamState]:
    """One step of `Adam`, with its state in one piece; parameters, returns and errors as for `step`.

    Examples
    --------
    >>> p, state = {"w": np.array([1.0])}, adam_init({"w": np.array([1.0])})
    >>> p, state = adam_step(p, {"w": np.array([4.0])}, state, lr=0.1)
    >>> p["w"].round(6).tolist(), state.t
    ([0.9], 1)
    """
    t = state.t + 1
    moments = {name: Moments(state.m[name], state.v[name]) for name in params}
    params, moments = step(Adam(betas, eps), params, grads, moments, t, lr)
    return params, _adam_state(moments, t)


def _adam_state(moments: dict[str, Moments], t: int | np.ndarray) -> AdamState:
    return AdamState({name: s.m for name, s in moments.items()}, {name: s.v for name, s in moments.items()}, t)


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


SCHEDULES = (Constant, StepDecay, Cosine)
"""Frozen dataclasses: two that print alike are alike."""


Schedule = Callable[[Any], Any]
"""Step numbers, an array or one, to as many step sizes."""


def schedule(lr: float | Schedule) -> Schedule:
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
