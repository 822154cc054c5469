"""How far each number may be off: the ways in which errors of an operation's results are found.

With this you can follow rounding through an operation (`running`, of `outputs` alone, of margins, `of_margins`, and
with what Adam's constants lose, `of_adam`), state an error that is known (`known`, and those of `of_rmse`, `of_psnr`,
`of_ssim`), and measure one (`disturbed`).

Each is a function ``errors(question, model)`` that returns, by tensor, how many eps (`refinr.oracle.case.EPS`) values
may be off; the model (`refinr.oracle.rounding.Rounding`) also learns how close to a jump they came.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from refinr import mlp as networks
from refinr.oracle import network_operations
from refinr.oracle.leaf_operations import Tensors
from refinr.oracle.rounding import Rounding
from refinr.oracle.tracked import Tracked
from refinr.readouts import real


class Question(NamedTuple):
    """An operation, what it is asked, and what it answers in float64."""

    call: Callable[..., dict[str, Any]]
    arrays: dict[str, np.ndarray]
    options: dict[str, Any]
    values: dict[str, np.ndarray]
    rng: np.random.Generator | None = None
    """For bounds that are measured."""

    def ask(self, model: Rounding, call: Callable[..., dict[str, Any]]) -> dict[str, np.ndarray]:
        """Errors of what `call` returns where all float arguments carry their errors."""
        tracked = {key: model.array(a) if a.dtype == np.float64 else a for key, a in self.arrays.items()}
        result = call(**tracked, **self.options)
        return {key: value.error for key, value in result.items() if isinstance(value, Tracked)}


Errors = Callable[[Question, Rounding], dict[str, np.ndarray]]


# --- errors that are followed ----------------------------------------------------------------------------------------


def running(question: Question, model: Rounding) -> dict[str, np.ndarray]:
    """Run the operation itself on arrays that carry their errors."""
    return question.ask(model, question.call)


def outputs(question: Question, model: Rounding) -> dict[str, np.ndarray]:
    """Of `decode`: errors of the outputs; each of them is a decision, and how close it is gets noted."""

    def run(x: Tracked, bits: int, cut: str, activation: str, omega: float, **params: Tracked) -> dict[str, Tracked]:
        spec = network_operations.spec_of(params, activation=activation, omega=omega)
        z, _ = networks.forward(spec, params, x)
        model.jump(z.value, z.error)
        return {"z": z}

    return question.ask(model, run)


def of_adam(question: Question, model: Rounding) -> dict[str, np.ndarray]:
    """`running`, and what ``1 - beta`` and ``1 - beta^t`` lose where they are computed in the dtype: 1 / (1 - beta)."""
    units = running(question, model)
    if not model.relative:
        return units
    p = question.arrays["p"]
    g = question.arrays["g"]
    path = [p, *(question.call(p, g[: t + 1], **question.options)["p"] for t in range(len(g)))]
    moved = sum(abs(after - before) for before, after in pairwise(path))
    loss1 = 1.0 / (1.0 - question.options["beta1"])
    loss2 = 1.0 / (1.0 - question.options["beta2"])
    extra = {
        "m": loss1 * abs(question.values["m"]),
        "v": loss2 * abs(question.values["v"]),
        "p": (loss1 + loss2) * moved,
    }
    return {key: units[key] + extra[key] for key in units}


def of_margins(question: Question, model: Rounding) -> dict[str, np.ndarray]:
    """Of `readout_margins`: each of them is a decision, too."""

    def run(z: Tracked, margin: float) -> dict[str, Tracked]:
        margins = real.margins(z)
        model.jump(margins.value - margin, margins.error)
        return {"margins": margins}

    return question.ask(model, run)


# --- errors that are known -------------------------------------------------------------------------------------------


def known(relative: float, absolute: float = 0.0) -> Errors:
    """So many units of the values' size, and so many of 1.

    Examples
    --------
    >>> question = Question(dict, {}, {}, {"y": np.array([3.0])})
    >>> known(2.0, 1.0)(question, Rounding())["y"].tolist()
    [7.0]
    """

    def errors(question: Question, model: Rounding) -> dict[str, np.ndarray]:
        sizes = {key: abs(np.where(np.isfinite(a), a, 0.0)) for key, a in question.values.items()}
        return {key: relative * size + absolute for key, size in sizes.items()}

    return errors


def of_rmse(question: Question, model: Rounding) -> dict[str, np.ndarray]:
    """Those of a sum of so many squares; the root halves them."""
    return known(math.sqrt(question.arrays["a"].size))(question, model)


def of_psnr(question: Question, model: Rounding) -> dict[str, np.ndarray]:
    """Those of the error; 20 times its logarithm makes them absolute."""
    n = math.sqrt(question.arrays["a"].size)
    return known(n, 20.0 * n)(question, model)


def of_ssim(question: Question, model: Rounding) -> dict[str, np.ndarray]:
    """Variances are differences of means of 121 squares, each up to L^2, over at least ``C2 = (0.03 L)^2``."""
    return known(0.0, 4.0 * math.sqrt(121) / 0.03**2)(question, model)


# --- errors that are measured ----------------------------------------------------------------------------------------

DISTURBANCE = 2.0**-20
"""Share of a tensor's largest value by which a training run is disturbed: small enough for effects to be linear."""
REPETITIONS = 8
"""Of a disturbed run; the largest effect counts."""
LONGER = 1000.0
"""1 / (1 - beta2) of Adam: what ``1 - beta2^t`` loses, at worst, where it is computed in the dtype."""


def disturbed(question: Question, model: Rounding) -> dict[str, np.ndarray]:
    """Of `train`: repeat the run with small disturbances, and see how far it goes astray.

    Rounding changes every step, and every step changes all that follow.  So gradients and parameters are disturbed in
    every step by random shares d of their size, and the length of the step by `LONGER` times as much.  The largest
    distance of a repetition from the run, over d, counts as the units of the whole trajectory.
    """
    rng = question.rng
    if rng is None:
        raise ValueError("rng: expected a generator, for a bound that is measured")

    def noise(*shape: int) -> Any:
        return DISTURBANCE * rng.uniform(-1.0, 1.0, shape)

    def disturb(params: Tensors, grads: Tensors) -> tuple[Tensors, Tensors, float]:
        grads = {key: g + abs(g).max() * noise(*g.shape) for key, g in grads.items()}
        params = {key: p + abs(p).max() * noise(*p.shape) for key, p in params.items()}
        return params, grads, 1.0 + float(LONGER * noise())

    arrays = dict(question.arrays)
    x = arrays.pop("x")
    targets = arrays.pop("targets")
    options = question.options
    spec = network_operations.spec_of(arrays, activation=options["activation"], omega=options["omega"])
    losses = question.values["losses"]
    z = question.values["z"]
    lost = []
    astray = []
    for _ in range(REPETITIONS):
        run = list(network_operations.descent(spec, arrays, x, targets, options["lr"], options["steps"], disturb))
        lost.append(float(np.linalg.norm(losses - np.array([float(loss) for loss, _ in run]))))
        astray.append(float(np.linalg.norm(z - run[-1][1])))
    units = max(astray) / DISTURBANCE + float(np.linalg.norm(z))
    model.jump(z, units)
    return {
        "losses": np.array(max(lost) / DISTURBANCE + float(np.linalg.norm(losses))),
        "z": np.array(units),
    }
