"""From outputs to digits: where the thresholds are, and how far an output is from the nearest wrong one.

With this you can place the targets of digits (`targets`), decide which digit an output means (`decide`), and measure
the room left before a decision changes (`margins`; `distances`, where the right digit is not known).

A digit q out of L has its target at ``q / (L - 1) - 1/2``, symmetric about zero, and thresholds half way between
targets.  For bits the one threshold is 0: bit = (output > 0), for logits and for regression alike.
"""

from __future__ import annotations

import numpy as np

from refinr.xp import Array, namespace


def targets(digits: np.ndarray, levels: int) -> np.ndarray:
    """``q / (L - 1) - 1/2`` as float32; for bits -1/2 and 1/2.

    Examples
    --------
    >>> targets(np.array([0, 1, 2]), 3).tolist()
    [-0.5, 0.0, 0.5]
    """
    return (digits / (levels - 1) - 0.5).astype(np.float32)


def decide(z: np.ndarray, levels: int) -> np.ndarray:
    """The digit each output means: the nearest level, and the nearest end beyond the ends (Eqs. 1, 10).

    Parameters
    ----------
    z : array, any shape
        Not-a-number means digit 0.
    levels : int, 2 to 256

    Returns
    -------
    digits : array of uint8, same shape

    Examples
    --------
    >>> decide(np.array([-1e-9, 0.0, 1e-9]), 2).tolist(), decide(np.array([-9.0, -0.2, 9.0]), 4).tolist()
    ([0, 0, 1], [0, 1, 3])
    """
    if levels == 2:  # not round(z + 1/2): in float32 that loses every logit below 3e-8
        return (z > 0).astype(np.uint8)
    share = np.clip(np.nan_to_num(z.astype(np.float64), nan=-0.5), -0.5, 0.5) + 0.5
    return np.rint(share * (levels - 1)).astype(np.uint8)


def margins(z: Array, targets: Array, levels: int) -> Array:
    """Signed distance of outputs from the nearest threshold that would make them wrong, in steps between targets.

    Positive where the decision is right.  For bits that is ``z`` for ones and ``-z`` for zeros.  With more levels it is
    at most 1/2, half way between two thresholds; outputs beyond the first and the last target count as being there.

    Parameters
    ----------
    z, targets : arrays of the same shape
        `targets` as made by the function of that name.
    levels : int

    Examples
    --------
    >>> margins(np.array([0.75, 0.75]), np.array([0.5, -0.5]), 2).tolist()
    [0.75, -0.75]
    """
    xp = namespace(z)
    if levels == 2:
        return xp.where(targets > 0, z, -z)
    steps = xp.clip(z - targets, -1e6, 1e6) * float(levels - 1)  # far beyond all targets, and nothing overflows
    half = 0.25 / (levels - 1)  # the end targets are exact up to rounding: anything closer than this is one of them
    above = xp.where(targets > 0.5 - half, xp.zeros_like(steps), steps)
    below = xp.where(targets < -0.5 + half, xp.zeros_like(steps), -steps)
    return 0.5 - xp.maximum(above, below)


def distances(z: np.ndarray, levels: int, digits: int | None = None) -> np.ndarray:
    """Distance of outputs from their nearest threshold: moved by less, they mean the digit that they mean now.

    Thresholds are at ``(k + 1/2) / (L - 1) - 1/2`` for k = 0 .. L - 2; for bits that is 0, and the distance ``|z|``.
    With more levels 2^-50 (1 + |z|) is taken off, for the rounding of `decide` and of this function: they compute in
    float64, and their few operations are the same on every machine.

    Parameters
    ----------
    z : array, any shape
    levels : int
    digits : int, optional
        How many digits there are, if fewer than levels: outputs beyond the last one mean it.

    Returns
    -------
    distances : array of float64, same shape
        In the unit of the outputs; 0 where the rounding of `decide` decides; NaN for NaN.

    Examples
    --------
    >>> distances(np.array([-0.25, 0.0, 2.0]), 2).tolist(), distances(np.array([-0.5, 0.0, 2.0]), 3).round(9).tolist()
    ([0.25, 0.0, 2.0], [0.25, 0.25, 1.75])
    """
    z = z.astype(np.float64)
    if levels == 2:
        return np.abs(z)
    steps = float(levels - 1)
    below = np.clip(np.floor((z + 0.5) * steps), 0.0, (digits or levels) - 2.0)
    return np.maximum(np.abs((z + 0.5) - (below + 0.5) / steps) - 2.0**-50 * (1.0 + np.abs(z)), 0.0)
