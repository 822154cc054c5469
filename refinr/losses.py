"""How wrong the outputs are: losses and their gradients.

With this you can compare outputs with targets by binary cross-entropy on logits (`bce_with_logits`), by squared error
(`mse`) or by absolute error (`mae`), and by what the paper's code computes (`bce_of_sigmoid`).  `LOSSES` has those to
train with by name, each with all that training has to know.

Each returns ``(loss, dz)``: the loss is the mean over samples and outputs, summed over networks, and ``dz`` is its
gradient.  ``count`` replaces the number of values a network's mean runs over, for outputs that are one chunk of a
larger batch: losses and gradients of the chunks then add up to those of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from refinr.tables import look_up
from refinr.xp import Array, namespace


def _count(z: Array, targets: Array, count: int | None) -> int:
    if z.ndim < 2:
        raise ValueError(f"z: expected outputs (..., N, O), got shape {z.shape}")
    if z.shape != targets.shape:
        raise ValueError(f"targets: expected the outputs' shape {z.shape}, got {targets.shape}")
    if z.dtype != targets.dtype:
        raise TypeError(f"targets: expected the outputs' dtype {z.dtype}, got {targets.dtype}")
    return z.shape[-2] * z.shape[-1] if count is None else count


def bce_with_logits(z: Array, targets: Array, count: int | None = None) -> tuple[Array, Array]:
    """Binary cross-entropy of the bits ``targets`` under the probabilities ``sigmoid(z)`` (Eq. 9).

    ``loss = mean(max(z, 0) - z t + log(1 + exp(-|z|)))``, ``dz = (sigmoid(z) - t) / count``.

    Written on the logits, the gradient of a confidently wrong bit stays near one; taking the logarithm of a rounded
    sigmoid instead, it is exactly zero in float32 from a logit of 17 on.

    Parameters
    ----------
    z : array (..., N, O)
        Logits.
    targets : array (..., N, O)
        Bits, 0.0 or 1.0, in the dtype of `z`.
    count : int, optional
        Number of values the mean runs over; default N O.

    Returns
    -------
    loss : scalar array
    dz : array (..., N, O)

    Raises
    ------
    ValueError
        If the shapes differ or have less than two axes.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dz = bce_with_logits(np.array([[0.0]]), np.array([[1.0]]))
    >>> round(float(loss), 6), dz.tolist()
    (0.693147, [[-0.5]])
    """
    xp = namespace(z)
    count = _count(z, targets, count)
    e = xp.exp(-xp.abs(z))  # in (0, 1]: nothing overflows
    loss = xp.sum(xp.maximum(z, xp.zeros_like(z)) - z * targets + xp.log1p(e)) / count
    sigmoid = xp.where(z >= 0, xp.ones_like(e), e) / (1.0 + e)
    return loss, (sigmoid - targets) / count


def bce_of_sigmoid(z: Array, targets: Array, count: int | None = None) -> tuple[Array, Array]:
    """Binary cross-entropy as the paper's code has it: of the rounded sigmoid, logarithms at least -100.

    ``loss = -mean(t max(log p, -100) + (1 - t) max(log(1 - p), -100))`` with ``p = sigmoid(z)``, and, as in PyTorch,
    ``dz = (p - t) p (1 - p) / max(p (1 - p), 1e-12) / count``.

    The same as `bce_with_logits` while ``p (1 - p) > 1e-12``; beyond, in float32 from a logit of 17 on, the gradient of
    a confidently wrong bit is zero.  For comparison; to train, take the other.

    Parameters, returns and errors as in `bce_with_logits`.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dz = bce_of_sigmoid(np.array([[0.0], [20.0]], dtype="float32"), np.array([[1.0], [0.0]], dtype="float32"))
    >>> round(float(loss), 3), dz.tolist()
    (50.347, [[-0.25], [0.0]])
    """
    xp = namespace(z)
    count = _count(z, targets, count)
    e = xp.exp(-xp.abs(z))
    p = xp.where(z >= 0, xp.ones_like(e), e) / (1.0 + e)
    ones = xp.ones_like(p)
    least = -100.0 * ones
    log_p = xp.where(p > 0, xp.maximum(xp.log(xp.where(p > 0, p, ones)), least), least)
    log_q = xp.where(p < 1, xp.maximum(xp.log1p(-xp.where(p < 1, p, 0.5 * ones)), least), least)
    loss = -xp.sum(targets * log_p + (1.0 - targets) * log_q) / count
    slope = p * (1.0 - p)
    return loss, (p - targets) * (slope / xp.maximum(slope, 1e-12 * ones)) / count


def mse(z: Array, targets: Array, count: int | None = None) -> tuple[Array, Array]:
    """Squared error: ``loss = mean((z - t)^2)``, ``dz = 2 (z - t) / count``.

    Parameters, returns and errors as in `bce_with_logits`, for targets of any real value.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dz = mse(np.array([[3.0], [1.0]]), np.array([[1.0], [1.0]]))
    >>> float(loss), dz.tolist()
    (2.0, [[2.0], [0.0]])
    """
    xp = namespace(z)
    count = _count(z, targets, count)
    difference = z - targets
    return xp.sum(difference * difference) / count, (2.0 / count) * difference


def mae(z: Array, targets: Array, count: int | None = None) -> tuple[Array, Array]:
    """Absolute error: ``loss = mean(|z - t|)``, ``dz = sign(z - t) / count`` (0 where both are equal).

    Parameters, returns and errors as in `bce_with_logits`, for targets of any real value.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dz = mae(np.array([[3.0], [1.0]]), np.array([[1.0], [1.0]]))
    >>> float(loss), dz.tolist()
    (1.0, [[0.5], [0.0]])
    """
    xp = namespace(z)
    count = _count(z, targets, count)
    difference = z - targets
    return xp.sum(xp.abs(difference)) / count, xp.sign(difference) / count


class MarginUnit(NamedTuple):
    """What margins are given in, and its size in the unit of `refinr.decisions.margins`."""

    name: str
    size: float
    limit: float
    """Margins stay below it."""


LOGITS = MarginUnit("logits", size=1.0, limit=math.inf)
HALF_STEPS = MarginUnit("half steps", size=0.5, limit=1.0)
"""From a level to the threshold half way to the next one, which is as far as a right decision can be from it."""


@dataclass(frozen=True)
class Loss:
    """A loss, and what training has to know about it.

    Parameters
    ----------
    function : callable
        ``(z, targets, count) -> (loss, dz)``; a row is called like its function.
    margin_unit : MarginUnit
    shift : float
        Added to targets, which `refinr.decisions.targets` places symmetrically about zero, -1/2 and 1/2 for bits.
    many_levels : str, optional
        For a loss of bits alone, the name of the one that takes its place where outputs have more than two levels.

    Examples
    --------
    >>> LOSSES["bce"].margin_unit.name, LOSSES["bce"].many_levels, LOSSES["mse"].margin_unit.name
    ('logits', 'mse', 'half steps')
    """

    function: Callable[..., tuple[Array, Array]]
    margin_unit: MarginUnit
    shift: float = 0.0
    many_levels: str | None = None

    def __call__(self, z: Array, targets: Array, count: int | None = None) -> tuple[Array, Array]:
        """Loss and gradient, as the function has them."""
        return self.function(z, targets, count)


LOSSES: dict[str, Loss] = {
    "bce": Loss(bce_with_logits, LOGITS, shift=0.5, many_levels="mse"),
    "mse": Loss(mse, HALF_STEPS),
    "mae": Loss(mae, HALF_STEPS),
}


def get(name: str) -> Loss:
    """The loss of that name.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> get("mse").function.__name__
    'mse'
    """
    return look_up(LOSSES, name, "loss")


def for_levels(name: str, levels: int) -> str:
    """The name of a loss for outputs of so many levels: that one, or what takes its place.

    Examples
    --------
    >>> for_levels("bce", 2), for_levels("bce", 4)
    ('bce', 'mse')
    """
    return get(name).many_levels or name if levels > 2 else name
