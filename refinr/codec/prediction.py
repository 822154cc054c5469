"""What a sample of a sound should be if it went on as before: a long weighted sum of the samples before it.

With this you can fit the weights (`fit`), predict samples (`predict`) and find those before them (`before`).

A context sees some dozens of samples, each to a part of the local scale: too few for a string whose period is longer,
and too coarse for a tone whose prediction is a hundred times better than its scale.  So sounds may be predicted
first,

    p[t] = outside + floor(sum_k lags[k] (x[t - k] - outside) / 2^11 + 1/2)

with whole numbers `lags` from the file, in exact arithmetic; networks then see the errors x - p, and speak of them.
"""

from __future__ import annotations

import numpy as np

from refinr.codec.arrangement import Arrangement
from refinr.codec.exact import largest_sum

UNIT = 11
"""Weights are multiples of 2^-11."""

MOST_UNITS = 2**15 - 1
"""Of magnitudes up to so many units."""

ORDERS = (32, 64, 128, 256)
"""How many samples before may count."""

_FITTED = 1 << 15
"""Samples that weights are fitted to."""

_ROUNDS = 4


def applies(arrangement: Arrangement) -> bool:
    """Whether samples stand in lines."""
    return arrangement.work_shape[-2] == 1


def check(order: int, levels: int) -> None:
    """Refuse sums that might be rounded.

    Raises
    ------
    ValueError
        If there are too many levels for so long a sum.
    """
    largest_sum(order, levels, MOST_UNITS)


def before(arrangement: Arrangement, places: np.ndarray, order: int) -> np.ndarray:
    """Places of the samples before samples (N,), the last first: int64 (N, order).

    Where a line has not begun, the last place of the work array stands: what is outside.
    """
    steps = np.arange(1, order + 1)
    column = (places % arrangement.work_shape[-1])[:, None]
    return np.where(column >= steps, places[:, None] - steps, arrangement.size)


def predict(values: np.ndarray, lags: np.ndarray, outside: float, levels: int) -> np.ndarray:
    """Whole numbers from 0 to levels - 1.

    Parameters
    ----------
    values : float64 array (N, order)
        The work array at `before`.
    lags : float64 array (order, 1)
        In units of 2^-11.
    outside : float
    levels : int

    Examples
    --------
    >>> predict(np.array([[30.0, 20.0]]), np.array([[4096.0], [-2048.0]]), outside=0.0, levels=256).tolist()
    [40.0]
    """
    total = (values - outside) @ lags  # exact, see `check`
    return np.clip(outside + np.floor(total[:, 0] / 2.0**UNIT + 0.5), 0.0, levels - 1.0)


def fit(values: np.ndarray, samples: np.ndarray, outside: float) -> np.ndarray:
    """Weights that make errors small in the mean: least squares, again and again, with 1 / |error| as weights.

    Parameters
    ----------
    values : float64 array (N, order)
    samples : float64 array (N,)
    outside : float

    Returns
    -------
    int64 array (order, 1)
        In units of 2^-11.
    """
    x = values[:_FITTED] - outside
    y = samples[:_FITTED] - outside
    weight = np.ones(len(y))
    lags = np.zeros(x.shape[1])
    for _ in range(_ROUNDS):
        weighted = (x * weight[:, None]).T
        matrix = weighted @ x
        ridge = (1e-7 * np.trace(matrix) / len(matrix) + 1e-9) * np.eye(len(matrix))
        lags = np.linalg.solve(matrix + ridge, weighted @ y)
        error = np.abs(y - x @ lags)
        weight = 1.0 / (error + np.median(error) + 1.0)
    return np.clip(np.rint(lags * 2.0**UNIT), -MOST_UNITS, MOST_UNITS).astype(np.int64)[:, None]


def about_bits(error: np.ndarray, lags: np.ndarray) -> float:
    """What errors in their order would take, about, if each were as large as those before it; and the weights."""
    size = np.convolve(np.abs(error), np.full(12, 1 / 12))[: len(error)]
    scale = np.append(1.0, size[:-1]) + 0.4
    return float(
        np.sum(np.log2(2.0 * scale) + np.abs(error) / scale / np.log(2.0)) + np.sum(np.log2(2.0 * np.abs(lags) + 2.0))
    )
